//! Random secrets in every place of a scenario, told back by a server in every way that it may be written, and a search of
//! everything that a run writes or says for eight characters in a row of any of them.

use crate::server::{Reply, json, serve};
use crate::support::{Done, bench};
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD, Engine as _};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::json as value;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A secret as servers write it.
fn written(secret: &str, way: usize) -> String {
    let each = |escape: &dyn Fn(char) -> String| secret.chars().map(escape).collect::<String>();
    let bytes = |format: &dyn Fn(u8) -> String| secret.bytes().map(format).collect::<String>();
    let quoted = value!(secret).to_string();
    let wrapped = |text: String, columns: usize| {
        let lines: Vec<_> = text.as_bytes().chunks(columns).collect();
        String::from_utf8(lines.join(&b'\n')).unwrap()
    };
    match way {
        0 => secret.to_owned(),
        1 => secret.to_uppercase(),
        2 => BASE64_STANDARD.encode(secret),
        3 => BASE64_URL_SAFE_NO_PAD.encode(format!("u:{secret}")),
        4 => wrapped(BASE64_STANDARD.encode(format!("user {secret} x")), 64),
        5 => bytes(&|b| format!("%{b:02X}")),
        6 => bytes(&|b| format!("%25{b:02x}")),
        7 => bytes(&|b| format!("{b:02x}")),
        8 => quoted[1..quoted.len() - 1].replace('/', "\\/"),
        9 => each(&|c| format!("\\u{:04x}", u32::from(c))),
        10 => each(&|c| format!("&#{};", u32::from(c))),
        11 => each(&|c| format!("&#x{:X};", u32::from(c))),
        12 => format!("'{}'", secret.replace('\'', "'\\''")),
        _ => secret.to_lowercase(),
    }
}
const WAYS: usize = 14;

#[derive(Debug, Clone)]
struct Secrets {
    header: String,
    body: String,
    literal: String,
    variable: String,
}

impl Secrets {
    fn all(&self) -> [&String; 4] {
        [&self.header, &self.body, &self.literal, &self.variable]
    }
}

fn secrets() -> impl Strategy<Value = Secrets> {
    let lines = prop::collection::vec("[A-Za-z0-9+/=\"'\\\\:, -]{20,64}", 2..5);
    let body = lines.prop_map(|lines| format!("-----BEGIN KEY-----\n{}\nEND", lines.join("\n")));
    (
        "[!-~][ -~]{12,40}[!-~]",
        body,
        "[A-Za-z0-9_-]{16,30}",
        "[!-~]{16,40}",
    )
        .prop_map(|(header, body, literal, variable)| Secrets {
            header,
            body,
            literal,
            variable,
        })
}

/// What the server says to a request: every secret in a way of its own, behind so many characters that it is cut anywhere.
fn said(secrets: &Secrets, number: usize) -> String {
    let mut text = "x".repeat(number * 37 % 310);
    for (n, secret) in secrets.all().into_iter().enumerate() {
        let _ = write!(text, " {}", written(secret, (number + n * 5) % WAYS));
    }
    text
}

fn answer(secrets: &Secrets, number: usize, path: &str) -> Reply {
    let said = said(secrets, number);
    if path.contains("metrics") {
        let label = said.replace(['"', '\\', '\n'], "");
        return Reply {
            status: 200,
            kind: "text/plain",
            body: format!(
                "# HELP {said}\nvllm:num_requests_running{{model=\"{label}\"}} 1\n{said}\n"
            )
            .into(),
        };
    }
    // It proves itself before it tells anything.
    if number < 8 {
        return json(
            200,
            value!({"choices": [{"index": 0, "text": "fine", "finish_reason": "stop"}]})
                .to_string(),
        );
    }
    match number % 4 {
        0 => json(500, value!({"error": {"message": said}}).to_string()),
        1 => json(400, said),
        2 => json(
            200,
            &*value!({"choices": [{"index": 0, "text": said}]}).to_string(),
        ),
        _ => json(
            200,
            value!({"choices": [{"index": 0, "text": said, "finish_reason": "stop"}],
                "nvext": {"timing": {said.as_str(): said}}})
            .to_string(),
        ),
    }
}

/// Every file of a record, and what was said.
fn everything(done: &Done) -> Vec<(String, String)> {
    let mut all = vec![
        ("stdout".to_owned(), done.stdout.clone()),
        ("stderr".to_owned(), done.stderr.clone()),
    ];
    files(&done.dir(), &mut all);
    all
}

fn files(dir: &Path, all: &mut Vec<(String, String)>) {
    for entry in std::fs::read_dir(dir).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            files(&path, all);
        } else {
            let text = String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into_owned();
            all.push((path.display().to_string(), text));
        }
    }
}

/// Fails if eight characters in a row of a secret are anywhere, as they are or as JSON and HTML show them.
fn searched(done: &Done, secrets: &Secrets) {
    for (place, text) in everything(done) {
        let undone = text
            .replace("\\\"", "\"")
            .replace("\\\\", "\\")
            .replace("&quot;", "\"");
        let undone = undone
            .replace("&#39;", "'")
            .replace("&lt;", "<")
            .replace("&amp;", "&");
        for secret in secrets.all() {
            for form in [secret.clone(), secret.to_uppercase(), secret.to_lowercase()] {
                let chars: Vec<char> = form.chars().collect();
                for eight in chars.windows(8) {
                    let eight: String = eight.iter().collect();
                    let there = text.contains(&eight) || undone.contains(&eight);
                    assert!(!there, "`{eight}` of {secret:?} is in {place}:\n{text}");
                }
            }
        }
        for line in text.lines().filter(|_| place.ends_with(".jsonl")) {
            let row: Result<serde_json::Value, _> = serde_json::from_str(line);
            assert!(row.is_ok(), "{place}: {line}");
        }
    }
    let junit = std::fs::read_to_string(done.dir().join("junit.xml")).unwrap();
    assert!(
        quick_junit::Report::deserialize_from_str(&junit).is_ok(),
        "{junit}"
    );
    // The record is as it was written, checksums included.
    let shown = bench("report").arg(done.dir().to_str().unwrap()).run();
    assert!(
        !shown.stdout.contains("record is incomplete"),
        "{}",
        shown.stdout
    );
    let rows = std::fs::read_to_string(done.dir().join("samples.jsonl")).unwrap();
    for name in ["HEADER", "BODY", "x-api-key", "DEPLOY_KEY"] {
        assert!(
            rows.contains(&format!("<redacted:{name}>")),
            "{name} was never told: {rows}"
        );
    }
}

#[test]
fn no_piece_of_a_random_secret_is_in_any_artefact() {
    let config = Config {
        cases: 6,
        max_shrink_iters: 0,
        failure_persistence: None,
        ..Config::default()
    };
    let run = |secrets: Secrets| {
        let number = AtomicUsize::new(0);
        let told = secrets.clone();
        let port = serve(0, move |path, _| {
            answer(&told, number.fetch_add(1, Ordering::Relaxed), path)
        });
        let url = format!("http://127.0.0.1:{}", port.unwrap());
        let text = value!({
            "version": 1, "name": "echoed", "model": {"id": "m"},
            "engine": {"external": {"url": url, "headers": {
                "authorization": {"env": "HEADER"}, "x-api-key": secrets.literal}}},
            "prompts": {"inline": ["one"]},
            "request": {"stream": false, "params": {"user": {"env": "BODY"}},
                "query": {"api_key": secrets.literal}},
            "load": {"phases": [{"closed": {"concurrency": 1, "requests": 40}}]},
            "verify": {"every_response": [{"at": "choices[0].text", "equals": "fine"}],
                "gates": ["error_rate == 0"]},
            "report": {"formats": ["html", "markdown", "junit", "csv", "openmetrics", "hdr", "llm_d"]},
        });
        let with = |verb: &str| {
            bench(verb)
                .env("HEADER", &secrets.header)
                .env("BODY", &secrets.body)
                .env("DEPLOY_KEY", &secrets.variable)
                .file("run.yaml", &text.to_string())
        };
        let done = with("run").run();
        assert!(matches!(done.code, 1 | 4), "{}{}", done.stdout, done.stderr);
        searched(&done, &secrets);
        let plan = with("plan").run().code(0);
        let mut all = vec![("plan".to_owned(), plan.stdout.clone())];
        all.push(("plan's errors".to_owned(), plan.stderr.clone()));
        for (place, text) in all {
            for secret in secrets.all() {
                assert!(
                    !text.contains(&secret[..8]),
                    "{secret:?} is in {place}: {text}"
                );
            }
        }
        Ok(())
    };
    TestRunner::new(config).run(&secrets(), run).unwrap();
}
