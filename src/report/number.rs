//! Numbers for people: three or four significant digits, thousands set apart.

/// `0.0123`, `1.234`, `12.34`, `123.4`, `12,345`. Not applicable is `-`, never 0.
pub(super) fn number(value: Option<f64>) -> String {
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

/// A part of a time in milliseconds, to the microsecond, so that parts and their sum stand beneath each other.
pub(super) fn part(ms: Option<f64>) -> String {
    let micros = ms
        .filter(|ms| ms.is_finite())
        .map(|ms| (ms * 1e3).round() / 1e3 + 0.0);
    micros.map_or("-".to_owned(), |ms| grouped(&format!("{ms:.3}")))
}

/// A share of a difference: `95%`, nothing where there is none.
pub(super) fn share(share: Option<f64>) -> String {
    share.map_or(String::new(), |share| {
        format!("{:.0}%", (share * 100.0).round() + 0.0)
    })
}

/// `1.13x`, `-` where there is none.
pub(super) fn ratio(value: Option<f64>) -> String {
    match value.filter(|v| v.is_finite()) {
        Some(value) if value.abs() >= 100.0 => format!("{}x", number(Some(value.round()))),
        Some(value) => format!("{value:.2}x"),
        None => "-".to_owned(),
    }
}

/// A number of things: `12,345`.
pub(super) fn count(things: u64) -> String {
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
mod tests {
    use super::*;

    #[test]
    fn numbers_have_three_or_four_digits() {
        let shown = |v| number(Some(v));
        assert_eq!(shown(0.0), "0");
        assert_eq!(shown(0.000_05), "5.00e-5");
        assert_eq!(shown(0.001_234), "0.00123");
        assert_eq!(shown(0.012_34), "0.0123");
        assert_eq!(shown(0.123_4), "0.123");
        assert_eq!(shown(1.234_4), "1.234");
        assert_eq!(shown(9.999_6), "10.00");
        assert_eq!(shown(12.344), "12.34");
        assert_eq!(shown(123.44), "123.4");
        assert_eq!(shown(999.96), "1,000");
        assert_eq!(shown(1_234.4), "1,234");
        assert_eq!(shown(-1_234_567.0), "-1,234,567");
        assert_eq!(number(None), "-");
        assert_eq!(shown(f64::NAN), "-");
    }

    #[test]
    fn parts_are_told_to_the_microsecond() {
        let shown = |ms| part(Some(ms));
        assert_eq!(shown(1e-6), "0.000");
        assert_eq!(shown(-1e-6), "0.000");
        assert_eq!(shown(-0.365), "-0.365");
        assert_eq!(shown(46_406.123_4), "46,406.123");
        assert_eq!((part(None), share(None)), ("-".to_owned(), String::new()));
        assert_eq!(
            (share(Some(-0.001)), share(Some(0.954))),
            ("0%".to_owned(), "95%".to_owned())
        );
    }

    #[test]
    fn ratios_have_two_decimals() {
        assert_eq!(ratio(Some(1.125)), "1.12x");
        assert_eq!(ratio(Some(0.5)), "0.50x");
        assert_eq!(ratio(Some(1234.5)), "1,235x");
        assert_eq!(ratio(None), "-");
    }
}
