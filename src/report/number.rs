//! Numbers for people: three or four significant digits, with thousands separators.

/// `0.0123`, `1.234`, `12.34`, `123.4`, `12,345`. A value that does not apply is `-`.
pub(crate) fn number(value: Option<f64>) -> String {
    let Some(value) = value.filter(|v| v.is_finite()) else {
        return "-".to_owned();
    };
    // Rounding can carry into the next size: 9.9996 is 10.00, not 10.000.
    let size = value.abs() * (1.0 + 5e-5);
    let decimals = match size {
        _ if value == 0.0 => 0,
        s if s >= 1_000.0 => 0,
        s if s >= 100.0 => 1,
        s if s >= 10.0 => 2,
        s if s >= 0.1 => 3,
        s if s >= 0.01 => 4,
        s if s >= 0.001 => 5,
        _ => return format!("{value:.2e}"),
    };
    grouped(&format!("{value:.decimals$}"))
}

/// A part of a time in milliseconds with three decimals, so that parts and their sum line up.
pub(crate) fn part(ms: Option<f64>) -> String {
    let micros = ms
        .filter(|ms| ms.is_finite())
        .map(|ms| (ms * 1e3).round() / 1e3 + 0.0);
    micros.map_or("-".to_owned(), |ms| grouped(&format!("{ms:.3}")))
}

/// A share of a difference: `95%`, empty if there is none.
pub(crate) fn share(share: Option<f64>) -> String {
    share.map_or(String::new(), |share| {
        format!("{:.0}%", (share * 100.0).round() + 0.0)
    })
}

/// A ratio: `1.13x`, `-` if there is none.
pub(crate) fn ratio(value: Option<f64>) -> String {
    match value.filter(|v| v.is_finite()) {
        Some(value) if value.abs() >= 100.0 => format!("{}x", number(Some(value.round()))),
        Some(value) => format!("{value:.2}x"),
        None => "-".to_owned(),
    }
}

/// A number of things: `12,345`.
pub(crate) fn count(things: u64) -> String {
    grouped(&things.to_string())
}

fn grouped(text: &str) -> String {
    let (whole, rest) = text.split_at(text.find('.').unwrap_or(text.len()));
    let (sign, digits) = match whole.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", whole),
    };
    let mut out = sign.to_owned();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out + rest
}

#[cfg(test)]
#[path = "tests/number.rs"]
mod tests;
