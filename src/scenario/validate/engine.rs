//! Rules on engines: what each needs and may be told.

use super::{Checker, Path, at, limits};
use crate::scenario::mistake::quote;
use crate::scenario::model::{ArgValue, Args, Dynamo, Engine, Role, Sim, Worker};
use indexmap::IndexMap;

/// Arguments that `bench` decides on: where a process listens, and what it serves.
const OWN_ARGS: [&str; 8] = [
    "host",
    "port",
    "http-host",
    "http-port",
    "model",
    "model-path",
    "model-name",
    "served-model-name",
];

impl Checker<'_> {
    pub(super) fn engines(&mut self) {
        let scenario = self.scenario;
        if let Some(engine) = &scenario.engine {
            self.engine(&at("engine"), engine);
        }
        self.process(&at("vllm"), &scenario.vllm.args, &scenario.vllm.env);
        if let Some(runtime) = &scenario.runtime {
            self.runtime(&at("runtime"), runtime);
        }
        for (name, variant) in &scenario.variants {
            let path = at("variants").key(name);
            if let Some(engine) = &variant.engine {
                self.engine(&path.key("engine"), engine);
            }
            if let Some(runtime) = &variant.runtime {
                self.runtime(&path.key("runtime"), runtime);
            }
        }
    }

    fn engine(&mut self, path: &Path, engine: &Engine) {
        let path = path.key(engine.kind());
        match engine {
            Engine::Vllm(vllm) => self.process(&path, &vllm.args, &vllm.env),
            Engine::Dynamo(dynamo) => self.dynamo(&path, dynamo),
            Engine::External(external) => {
                if let Some((message, help)) = url_mistake(&external.url) {
                    self.wrong(&path.key("url"), message, &help);
                }
                self.headers(&path.key("headers"), &external.headers);
            }
            Engine::Sim(sim) => self.sim(&path, sim),
        }
    }

    fn dynamo(&mut self, path: &Path, dynamo: &Dynamo) {
        self.process(
            &path.key("frontend"),
            &dynamo.frontend.args,
            &dynamo.frontend.env,
        );
        let workers = path.key("workers");
        if dynamo.workers.is_empty() {
            self.wrong(
                &workers,
                "there are no workers",
                "write at least one: `workers: [{vllm: {count: 1}}]`",
            );
        }
        let mut roles = Vec::new();
        for (i, worker) in dynamo.workers.iter().enumerate() {
            let (Worker::Vllm(group) | Worker::Mocker(group)) = worker;
            let path = workers.item(i).key(worker.kind());
            self.count(
                &path.key("count"),
                group.count.into(),
                limits::PROCESSES.into(),
            );
            self.process(&path, &group.args, &group.env);
            roles.push((path.key("role"), group.role));
        }
        if !self.intact(&workers) || roles.iter().any(|(role, _)| !self.intact(role)) {
            return;
        }
        for (role, partner) in [(Role::Prefill, "decode"), (Role::Decode, "prefill")] {
            let here = roles.iter().find(|(_, r)| *r == Some(role));
            let alone = roles.iter().all(|(_, r)| r.is_none_or(|r| r == role));
            if let (Some((path, _)), true) = (here, alone) {
                let message = format!("no worker has the role `{partner}`");
                self.wrong(path, message, "disaggregated serving takes both roles; leave `role` out for workers that do both");
            }
        }
        let whole = roles.iter().find(|(_, role)| role.is_none());
        if let (Some((path, _)), true) = (whole, roles.iter().any(|(_, role)| role.is_some())) {
            let help = "give every group `role: prefill` or `role: decode`, or none of them";
            self.wrong(
                path,
                "some workers have a role and this group has none",
                help,
            );
        }
    }

    fn sim(&mut self, path: &Path, sim: &Sim) {
        if sim.prefill_tokens_per_s < 1.0 {
            self.wrong(&path.key("prefill_tokens_per_s"), "must be at least 1", "");
        }
        self.count(&path.key("slots"), sim.slots.into(), limits::SLOTS.into());
        self.process(path, &sim.args, &IndexMap::new());
    }

    /// Rules on a process's arguments and environment; `path` is that of the map which holds them.
    fn process(&mut self, path: &Path, args: &Args, env: &IndexMap<String, String>) {
        for (name, value) in args {
            let path = path.key("args").key(name);
            let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
            if let Some(bare) = name.strip_prefix('-') {
                let help = format!("leave the dashes out: `{}`", bare.trim_start_matches('-'));
                self.wrong_key(&path, format!("{} has dashes in front", quote(name)), &help);
            } else if name.is_empty() || !name.chars().all(plain) {
                let message = format!("{} is not the name of a flag", quote(name));
                self.wrong_key(
                    &path,
                    message,
                    "write the flag without dashes and its value apart: `max-num-seqs: 32`",
                );
            } else if OWN_ARGS.contains(&name.replace('_', "-").as_str()) {
                let message = format!("{} is set by `bench` itself", quote(name));
                self.wrong_key(&path, message, "leave it out; the model is named by `model`, ports are found anew for each run");
            }
            let texts: &[String] = match value {
                ArgValue::Text(text) => std::slice::from_ref(text),
                ArgValue::List(texts) => texts,
                _ => &[],
            };
            if texts.iter().any(|text| text.contains('\0')) {
                self.wrong(&path, "an argument cannot hold a NUL character", "");
            }
            if matches!(value, ArgValue::List(texts) if texts.is_empty()) {
                self.wrong(
                    &path,
                    "the list of values is empty",
                    "write `null` for a bare flag",
                );
            }
        }
        for (name, value) in env {
            let path = path.key("env").key(name);
            let letter = |c: char| c.is_ascii_alphanumeric() || c == '_';
            if name.is_empty()
                || !name.chars().all(letter)
                || name.starts_with(|c: char| c.is_ascii_digit())
            {
                let message = format!("{} is not the name of a variable", quote(name));
                self.wrong_key(&path, message, "a name has letters, digits and `_`");
            } else if name.starts_with("BENCH_") {
                let message = format!("{} is set by `bench` itself", quote(name));
                self.wrong_key(
                    &path,
                    message,
                    "leave variables that start with `BENCH_` out",
                );
            }
            if value.contains('\0') {
                self.wrong(&path, "a variable cannot hold a NUL character", "");
            }
        }
    }
}

/// What is wrong with the base URL of an endpoint, and what to write.
fn url_mistake(url: &str) -> Option<(String, String)> {
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
            format!("{shown} has characters in it that no URL has"),
            example(),
        ));
    }
    if let Some(mistake) = whole_endpoint(url) {
        return Some(mistake);
    }
    if let Some(at) = rest.find(['?', '#']) {
        return Some((
            format!("{shown} has a query or a fragment"),
            match query_of(&rest[at..]) {
                Some(query) => format!("leave it out, and write `request: {{query: {{{query}}}}}`"),
                None => "leave out what follows `?` or `#`".to_owned(),
            },
        ));
    }
    let (authority, _) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    if authority.contains('@') {
        return Some((
            "the URL holds a user or a password".to_owned(),
            "send them as a header: `headers: {authorization: {env: NAME}}`".to_owned(),
        ));
    }
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (authority, None),
    };
    let bracketed = host.starts_with('[') && host.ends_with(']') && host.len() > 2;
    if host.is_empty() || (host.contains([':', '[', ']']) && !bracketed) {
        return Some((format!("{shown} names no host"), example()));
    }
    if port.is_some_and(|port| !matches!(port.parse::<u16>(), Ok(1..))) {
        return Some((
            format!("{shown} has no valid port"),
            "a port is a number from 1 to 65535".to_owned(),
        ));
    }
    None
}

/// APIs below `/v1`, and the `endpoint` that calls them.
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

/// What is wrong with a URL that names an API's version or one of its endpoints, and the base URL to write instead.
fn whole_endpoint(url: &str) -> Option<(String, String)> {
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
    // A host may be called `v1`.
    if base
        .split_once("://")
        .is_none_or(|(_, host)| host.is_empty())
    {
        return None;
    }
    let message = match &path.trim_end_matches('/')[base.len()..] {
        "/v1" => format!("{} ends in `/v1`", quote(url)),
        whole => format!("{} is no base URL: it ends in `{whole}`", quote(url)),
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

/// The query at the beginning of `rest`, as YAML: `api-version: "2024-10-21"`.
fn query_of(rest: &str) -> Option<String> {
    let query = rest.strip_prefix('?')?.split('#').next()?;
    let parts = query.split('&').filter_map(|part| part.split_once('='));
    let parts: Vec<String> = parts
        .map(|(key, value)| format!("{key}: \"{value}\""))
        .collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}
