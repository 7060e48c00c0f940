//! Finds secrets that a scenario or a variable contains in plain text: values under names that mark
//! a secret, arguments, and parts of URLs.

use super::names::{is_secret_key, is_secret_parameter};
use serde_json::Value;

/// A name and its secret value.
type Named = (String, String);

/// The secrets in a resolved scenario: headers, variables, arguments and parts of URLs.
#[must_use]
pub(crate) fn held(scenario: &Value) -> Vec<(String, String)> {
    let mut found = Vec::new();
    walk(scenario, false, &mut found);
    found
}

fn walk(value: &Value, query: bool, found: &mut Vec<Named>) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                let marked = is_secret_key(name) || query && is_secret_parameter(name);
                if marked {
                    texts(name, member, found);
                }
                walk(member, name == "query", found);
            }
        }
        Value::Array(items) => {
            let words: Vec<&str> = items
                .iter()
                .map(|item| item.as_str().unwrap_or(""))
                .collect();
            arguments(&words, found);
            for item in items {
                walk(item, query, found);
            }
        }
        Value::String(text) => {
            let words: Vec<&str> = text.split_ascii_whitespace().collect();
            // Only commands have arguments.
            if words
                .iter()
                .any(|word| word.starts_with('-') || word.contains('='))
            {
                arguments(&words, found);
            }
            found.extend(of_urls(text));
        }
        _ => {}
    }
}

/// Collects every text below a marked name.
fn texts(name: &str, value: &Value, found: &mut Vec<Named>) {
    match value {
        Value::String(text) => found.push((name.to_owned(), text.clone())),
        Value::Number(number) => found.push((name.to_owned(), number.to_string())),
        Value::Array(items) => items.iter().for_each(|item| texts(name, item, found)),
        _ => {}
    }
}

/// `--api-key VALUE`, `--hf-token=VALUE` and `HF_TOKEN=VALUE`.
fn arguments(words: &[&str], found: &mut Vec<Named>) {
    for (at, word) in words.iter().enumerate() {
        let option = word.starts_with('-');
        match word.split_once('=') {
            Some((name, value)) if is_name(name) && is_secret_key(name) => {
                found.push((shown(name), unquoted(value).to_owned()));
            }
            None if option && is_secret_key(word) => {
                let next = words.get(at + 1).filter(|next| !next.starts_with("--"));
                found.extend(next.map(|value| (shown(word), unquoted(value).to_owned())));
            }
            _ => {}
        }
    }
}

fn is_name(text: &str) -> bool {
    text.bytes()
        .all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
}

fn shown(name: &str) -> String {
    name.trim_start_matches('-').to_owned()
}

fn unquoted(value: &str) -> &str {
    value.trim_matches(['"', '\''])
}

/// The secrets in lines of an unreadable scenario: `name: value`, arguments, and parts of URLs.
#[must_use]
pub(crate) fn written(text: &str) -> Vec<(String, String)> {
    let mut found = of_urls(text);
    for line in text.lines() {
        let words: Vec<&str> = line.split_ascii_whitespace().map(bare).collect();
        arguments(&words, &mut found);
        for (at, _) in line.match_indices(':') {
            let before = line[..at].trim_end_matches(['"', '\'']);
            let start = before.rfind(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '-');
            let name = &before[start.map_or(0, |at| at + 1)..];
            if is_secret_key(name) {
                found.extend(value(line[at + 1..].trim_start()).map(|value| (shown(name), value)));
            }
        }
    }
    found
}

/// The scalar at the beginning of a YAML text; `None` for a list or a map.
fn value(text: &str) -> Option<String> {
    let end = match text.chars().next()? {
        '{' | '[' => return None,
        quote @ ('"' | '\'') => return text[1..].split(quote).next().map(str::to_owned),
        _ => text.find([',', '}', ']']).unwrap_or(text.len()),
    };
    Some(text[..end].trim_end().to_owned())
}

/// A word of a YAML list.
fn bare(word: &str) -> &str {
    word.trim_matches(['"', '\'', ',', '[', ']'])
}

/// Passwords and secret parameters of the URLs in a text.
#[must_use]
pub(crate) fn of_urls(text: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for (at, _) in text.match_indices("://") {
        let rest = &text[at + 3..];
        let end = rest.find(|c: char| c.is_whitespace() || "\"'<>`".contains(c));
        let url = &rest[..end.unwrap_or(rest.len())];
        let (place, query) = url.split_once('?').unwrap_or((url, ""));
        // A password should not contain `@` or `/`, but may: it ends at the last `@` before the
        // query.
        if let Some((user, _)) = place.rsplit_once('@') {
            match user.split_once(':') {
                Some((_, password)) => found.push(("url-password".to_owned(), password.to_owned())),
                None => found.push(("url-user".to_owned(), user.to_owned())),
            }
        }
        let query = query.split('#').next().unwrap_or(query);
        for (name, value) in query.split('&').filter_map(|pair| pair.split_once('=')) {
            if is_secret_parameter(name) {
                found.push((name.to_owned(), value.to_owned()));
            }
        }
    }
    found
}
