//! Whether a model that answered is the model that was asked for. Pure.

/// Digits that a version or date has at least: `-001`, `-0613`, `-2024-08-06`.
const VERSION_DIGITS: usize = 3;

/// Whether an answer of `found` is an answer of `wanted`. Hosted models answer with a date or version behind their name, and a
/// hub's id may lose its owner or have the directory it was loaded from in front of it.
pub(super) fn answers_for(found: &str, wanted: &str) -> bool {
    let parts = |name: &str| -> Vec<String> {
        let name = name.trim().to_lowercase();
        let parts = name.split('/').filter(|part| !part.is_empty());
        parts.map(str::to_owned).collect()
    };
    let (found, wanted) = (parts(found), parts(wanted));
    let (mut found, mut wanted) = (found.iter().rev(), wanted.iter().rev());
    match (found.next(), wanted.next()) {
        (Some(name), Some(asked)) => {
            let same = dated(name, asked) || dated(asked, name);
            same && found.zip(wanted).all(|(found, wanted)| found == wanted)
        }
        _ => false,
    }
}

/// Whether a name is another one with nothing, `:latest`, or a date or version behind it.
fn dated(long: &str, short: &str) -> bool {
    let Some(rest) = long.strip_prefix(short) else {
        return false;
    };
    let version = |rest: &str| {
        let digits = rest.bytes().filter(u8::is_ascii_digit).count();
        let plain = rest.bytes().all(|b| b.is_ascii_digit() || b == b'-');
        plain && digits >= VERSION_DIGITS
    };
    let separated = rest.strip_prefix(['-', '@', ':']);
    rest.is_empty() || rest == ":latest" || separated.is_some_and(version)
}

#[cfg(test)]
#[path = "tests/model_name.rs"]
mod tests;
