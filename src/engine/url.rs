//! Checks the base URL of an external endpoint.

use crate::value::mistake::quote;

/// The mistake in the base URL of an endpoint, and the advice.
pub(super) fn url_mistake(url: &str) -> Option<(String, String)> {
    let shown = quote(url);
    let example = || "such as `http://127.0.0.1:8000`".to_owned();
    let Some(rest) = url
        .strip_prefix("http://")
        .or_else(|| url.strip_prefix("https://"))
    else {
        return Some((
            format!("{shown} does not start with `http://` or `https://`"),
            example(),
        ));
    };
    if url.contains(|c: char| c.is_whitespace() || c.is_control() || c == '\\') {
        return Some((
            format!("{shown} contains characters that a URL cannot have"),
            example(),
        ));
    }
    if let Some(mistake) = includes_endpoint(url) {
        return Some(mistake);
    }
    if let Some(at) = rest.find(['?', '#']) {
        return Some((
            format!("{shown} has a query or a fragment"),
            match query_of(&rest[at..]) {
                Some(query) => format!("leave it out, and write `request: {{query: {{{query}}}}}`"),
                None => "leave out `?` or `#` and the text after it".to_owned(),
            },
        ));
    }
    let (authority, _) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    if authority.contains('@') {
        return Some((
            "the URL contains a user or a password".to_owned(),
            "send them as a header: `headers: {authorization: {env: NAME}}`".to_owned(),
        ));
    }
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (authority, None),
    };
    let bracketed = host.starts_with('[') && host.ends_with(']') && host.len() > 2;
    if host.is_empty() || (host.contains([':', '[', ']']) && !bracketed) {
        return Some((format!("{shown} has no valid host"), example()));
    }
    if port.is_some_and(|port| !matches!(port.parse::<u16>(), Ok(1..))) {
        return Some((
            format!("{shown} has no valid port"),
            "a port is a number from 1 to 65535".to_owned(),
        ));
    }
    None
}

/// APIs below `/v1`, and their `endpoint` in a scenario.
const APIS: [(&str, Option<&str>); 10] = [
    ("chat", Some("chat")),
    ("completions", Some("completions")),
    ("responses", Some("responses")),
    ("embeddings", Some("embeddings")),
    ("models", None),
    ("messages", None),
    ("rerank", None),
    ("score", None),
    ("audio", None),
    ("images", None),
];

/// The mistake in a URL that includes the API's version or one of its endpoints, and the advice with the base URL.
fn includes_endpoint(url: &str) -> Option<(String, String)> {
    let path = &url[..url.find(['?', '#']).unwrap_or(url.len())];
    let plain = path.trim_end_matches('/').to_ascii_lowercase();
    let (base, endpoint) = if let Some(base) = plain.strip_suffix("/v1") {
        (base, None)
    } else if let Some((base, api)) = plain.rsplit_once("/v1/") {
        let first = api.split('/').next().unwrap_or_default();
        let (_, endpoint) = APIS.iter().find(|(name, _)| *name == first)?;
        (base, *endpoint)
    } else if let Some(base) = plain.strip_suffix("/chat/completions") {
        (base, Some("chat"))
    } else {
        (plain.strip_suffix("/completions")?, Some("completions"))
    };
    let base = &url[..base.len()];
    // A host may have the name `v1`.
    if base
        .split_once("://")
        .is_none_or(|(_, host)| host.is_empty())
    {
        return None;
    }
    let message = match &path.trim_end_matches('/')[base.len()..] {
        "/v1" => format!("{} ends in `/v1`", quote(url)),
        whole => format!("{} is not a base URL: it ends in `{whole}`", quote(url)),
    };
    let query = query_of(&url[path.len()..]).map(|query| format!("query: {{{query}}}"));
    let endpoint = endpoint.map(|endpoint| format!("endpoint: {endpoint}"));
    let more: Vec<String> = endpoint.into_iter().chain(query).collect();
    let request = match more.is_empty() {
        true => String::new(),
        false => format!(", and `request: {{{}}}`", more.join(", ")),
    };
    Some((
        message,
        format!("`bench` adds `/v1` and the endpoint: write `{base}`{request}"),
    ))
}

/// The query at the start of `rest`, as YAML: `api-version: "2024-10-21"`.
fn query_of(rest: &str) -> Option<String> {
    let query = rest.strip_prefix('?')?.split('#').next()?;
    let parts = query.split('&').filter_map(|part| part.split_once('='));
    let parts: Vec<String> = parts
        .map(|(key, value)| format!("{key}: \"{value}\""))
        .collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}
