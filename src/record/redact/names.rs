//! Names that mark a secret: of variables, headers, arguments and query parameters.

/// Parts of names that mark a secret anywhere in the name.
const PARTS: [&str; 8] = [
    "TOKEN",
    "SECRET",
    "PASSWORD",
    "PASSWD",
    "PASSPHRASE",
    "API_KEY",
    "APIKEY",
    "AUTHORIZATION",
];
/// Suffixes of names that mark a secret.
const ENDS: [&str; 2] = ["_KEY", "_PAT"];
/// Whole names that mark a secret.
const WHOLE: [&str; 3] = ["COOKIE", "SET_COOKIE", "PAT"];
/// Whole names that mark a secret among the query parameters of a URL.
const QUERY: [&str; 4] = ["KEY", "SIG", "SIGNATURE", "AUTH"];
/// Words before `TOKENS` in names that count a model's tokens.
const COUNTS: [&str; 13] = [
    "MAX",
    "MIN",
    "NUM",
    "BATCHED",
    "TOTAL",
    "PROMPT",
    "OUTPUT",
    "INPUT",
    "NEW",
    "COMPLETION",
    "IGNORE",
    "STOP",
    "CACHED",
];
/// Values that are never secrets, whatever their name: placeholders and switches.
const COMMON: [&str; 16] = [
    "true",
    "false",
    "none",
    "null",
    "undefined",
    "empty",
    "dummy",
    "test",
    "testing",
    "default",
    "disabled",
    "enabled",
    "auto",
    "localhost",
    "127.0.0.1",
    "changeme",
];
/// Shortest number that is treated as a secret. Shorter numbers are sizes and ports.
const SHORTEST_NUMBER: usize = 8;

/// Whether a variable, header or argument of this name holds a secret: `*TOKEN*`, `*SECRET*`,
/// `*PASSWORD*`, `*API_KEY*`, `*_KEY`, `*_PAT` and a few more, in upper or lower case.
#[must_use]
pub(crate) fn names_a_secret(name: &str) -> bool {
    let name = plain(name);
    // Settings of a tokenizer and token counts are not secrets.
    let mut rest = name.replace("TOKENIZ", "");
    if COUNTS.iter().any(|count| name.contains(count)) {
        rest = rest.replace("TOKENS", "");
    }
    PARTS.iter().any(|part| rest.contains(part))
        || ENDS.iter().any(|end| rest.ends_with(end))
        || WHOLE.contains(&rest.as_str())
}

/// Whether a scenario key holds a secret. Scenarios have many keys that count tokens.
pub(super) fn is_secret_key(name: &str) -> bool {
    names_a_secret(&plain(name).replace("TOKENS", ""))
}

/// Whether a query parameter holds a secret.
pub(super) fn is_secret_parameter(name: &str) -> bool {
    is_secret_key(name) || QUERY.contains(&plain(name).as_str())
}

/// A name in the form of environment variables.
fn plain(name: &str) -> String {
    name.trim_start_matches('-')
        .replace(['-', '.'], "_")
        .to_ascii_uppercase()
}

/// Whether a value is too common to be a secret.
pub(super) fn is_common(value: &[u8]) -> bool {
    let number = value.iter().all(|b| b.is_ascii_digit() || *b == b'.');
    let same = |common: &&str| common.as_bytes().eq_ignore_ascii_case(value);
    (number && value.len() < SHORTEST_NUMBER) || COMMON.iter().any(same)
}
