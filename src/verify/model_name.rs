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
mod tests {
    use super::answers_for;

    #[test]
    fn a_date_a_version_or_a_lost_owner_is_the_same_model() {
        for (found, wanted) in [
            ("m", "m"),
            ("GPT-4o", "gpt-4o"),
            ("m-2024-08-06", "m"),
            ("gpt-4o-2024-08-06", "gpt-4o"),
            ("gpt-3.5-turbo-0125", "gpt-3.5-turbo"),
            ("gemini-1.5-flash-002", "gemini-1.5-flash"),
            ("claude-3-opus@20240229", "claude-3-opus"),
            ("Qwen3-0.6B", "Qwen/Qwen3-0.6B"),
            ("Qwen/Qwen3-0.6B", "Qwen3-0.6B"),
            ("/models/Qwen/Qwen3-0.6B/", "Qwen/Qwen3-0.6B"),
            ("gpt-4o-2024-08-06", "openai/gpt-4o"),
            ("gpt-4o", "gpt-4o-2024-08-06"),
            ("qwen3:latest", "qwen3"),
        ] {
            assert!(answers_for(found, wanted), "{found} for {wanted}");
        }
    }

    #[test]
    fn another_model_is_another_model() {
        for (found, wanted) in [
            ("gpt2", "m"),
            ("gemma", "m"),
            ("gpt-4o-mini", "gpt-4o"),
            ("gpt-4o", "gpt-4o-mini"),
            ("llama-3-70b", "llama-3"),
            ("llama-3", "llama-3-70b"),
            ("qwen-2-5", "qwen-2"),
            ("Evil/Qwen3-0.6B", "Qwen/Qwen3-0.6B"),
            ("m2", "m"),
            ("m-", "m"),
            ("", "m"),
            ("/", "m"),
        ] {
            assert!(!answers_for(found, wanted), "{found} for {wanted}");
        }
    }
}
