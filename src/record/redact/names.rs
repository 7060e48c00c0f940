//! Which names mark a secret: of variables, headers, arguments and query parameters.

/// Parts of names that mark a secret wherever they are.
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
/// Ends of names that mark a secret.
const ENDS: [&str; 2] = ["_KEY", "_PAT"];
/// Whole names that mark a secret.
const WHOLE: [&str; 3] = ["COOKIE", "SET_COOKIE", "PAT"];
/// Whole names that mark a secret among the parameters of a URL's query.
const QUERY: [&str; 4] = ["KEY", "SIG", "SIGNATURE", "AUTH"];
/// What `TOKENS` follows in names that count tokens of a model.
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
/// Values that are no secrets, whatever they are given to: placeholders and switches.
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
/// Shortest number that is taken for a secret; shorter ones are sizes and ports.
const SHORTEST_NUMBER: usize = 8;

/// Whether a variable, header or argument of this name is taken for a secret: `*TOKEN*`, `*SECRET*`, `*PASSWORD*`,
/// `*API_KEY*`, `*_KEY`, `*_PAT` and a few more, in either case.
#[must_use]
pub fn names_a_secret(name: &str) -> bool {
    let name = plain(name);
    // A tokenizer's settings are none, nor is a number of tokens.
    let mut rest = name.replace("TOKENIZ", "");
    if COUNTS.iter().any(|count| name.contains(count)) {
        rest = rest.replace("TOKENS", "");
    }
    PARTS.iter().any(|part| rest.contains(part))
        || ENDS.iter().any(|end| rest.ends_with(end))
        || WHOLE.contains(&rest.as_str())
}

/// Whether a key of a scenario marks a secret. What counts tokens has many names there.
pub(super) fn is_secret_key(name: &str) -> bool {
    names_a_secret(&plain(name).replace("TOKENS", ""))
}

/// Whether a parameter of a query marks a secret.
pub(super) fn is_secret_parameter(name: &str) -> bool {
    is_secret_key(name) || QUERY.contains(&plain(name).as_str())
}

/// A name as variables are written.
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
