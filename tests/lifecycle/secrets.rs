//! A canary in every channel that a secret can take, and a search of everything that a run writes or says.

use super::{LOAD, scenario};
use crate::support::{Bench, Done, bench};
use serde_json::json;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::thread;

const CANARY: &str = "kanarie/7+8?9 gelb";
/// The canary as a client may be shown it: raw, URL-encoded, in Base64, and that behind `Bearer `.
const FORMS: [&str; 5] = [
    CANARY,
    "kanarie%2F7%2B8%3F9%20gelb",
    "kanarie%2f7%2b8%3f9+gelb",
    "a2FuYXJpZS83Kzg/OSBnZWxi",
    "QmVhcmVyIGthbmFyaWUvNys4PzkgZ2VsYg==",
];

fn with_canary(verb: &str) -> Bench {
    bench(verb)
        .env("CANARY", CANARY)
        .env("GITHUB_ACTIONS", "true")
}

/// Every file below a directory.
fn files(dir: &Path) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            let text = std::fs::read(&path).unwrap();
            found.push((
                path.display().to_string(),
                String::from_utf8_lossy(&text).into_owned(),
            ));
        }
    }
    found
}

/// Fails if the canary is in anything that was said or written.
#[track_caller]
fn searched(done: Done) -> Done {
    let mut all = vec![
        ("stdout".to_owned(), done.stdout.clone()),
        ("stderr".to_owned(), done.stderr.clone()),
    ];
    if done.dir().exists() {
        all.extend(files(&done.dir()));
    }
    for (place, text) in all {
        for form in FORMS.iter().copied().chain(["kanarie"]) {
            assert!(!text.contains(form), "`{form}` is in {place}:\n{text}");
        }
    }
    done
}

/// A server that tells everyone what it was told: in text, in errors, encoded as servers do.
fn telltale() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        let mut number = 0;
        for mut stream in listener.incoming().flatten() {
            while asked(&mut stream).is_some() {
                number += 1;
                let said = FORMS.join(" ");
                let (status, body) = match number % 7 {
                    // The message is cut within the secret.
                    0 => {
                        let before = "x".repeat(297 - number);
                        let said = format!("{before}{CANARY} {said}");
                        ("500 Oops", json!({"error": {"message": said}}))
                    }
                    _ => (
                        "200 OK",
                        json!({"choices": [{"index": 0, "text": said, "finish_reason": "stop"}],
                        "nvext": {"timing": {said.as_str(): said}}}),
                    ),
                };
                let body = body.to_string();
                let head = format!(
                    "HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n",
                    body.len()
                );
                let _ = stream.write_all(format!("{head}{body}").as_bytes());
            }
        }
    });
    url
}

/// Whether a whole request with the secret in its header came.
fn asked(stream: &mut TcpStream) -> Option<()> {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).ok()?;
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).ok()?;
    assert_eq!(head.contains(CANARY), head.starts_with("POST"), "{head}");
    let length = head.split("content-length: ").nth(1)?.split('\r').next()?;
    stream.read_exact(&mut vec![0; length.parse().ok()?]).ok()
}

#[test]
fn what_a_server_echoes_is_in_no_artefact() {
    let text = json!({
        "version": 1, "name": "telltale", "model": {"id": "m"},
        "engine": {"external": {"url": telltale(), "headers": {"authorization": {"env": "CANARY"}}}},
        "prompts": {"inline": ["one"]},
        "request": {"stream": false, "params": {"user": {"env": "CANARY"}}},
        "load": {"phases": [{"closed": {"concurrency": 1, "requests": 12}}]},
        "verify": {"every_response": [{"at": "choices[0].text", "matches": "kan"}], "gates": ["error_rate == 0"]},
        "report": {"formats": ["html", "markdown", "junit", "csv", "openmetrics"]},
    });
    let done = with_canary("run").file("run.yaml", &text.to_string()).run();
    let done = searched(done.code(1));
    let samples = done.samples();
    assert_eq!(samples.len(), 12);
    let told = |sample: &serde_json::Value| sample.to_string().contains("<redacted:CANARY>");
    assert!(samples.iter().all(told), "{samples:#?}");
    let failures = &done.run()["variants"][0]["phases"][0]["failures"];
    let message = failures[0]["first_message"].as_str().unwrap();
    assert!(message.ends_with("x<redacted:CANARY>..."), "{failures:#}");
    assert!(
        done.stdout.contains("status 500 (2 of 12 requests):"),
        "{}",
        done.stdout
    );
}

#[test]
fn what_an_engine_is_given_and_prints_is_in_no_artefact() {
    let text = scenario("", LOAD).replace("{id: m}", "{id: m, served_name: {env: CANARY}}");
    let done = with_canary("run").file("run.yaml", &text).run().code(0);
    let log = std::fs::read_to_string(done.dir().join("logs/default/sim.log")).unwrap();
    assert!(log.contains("serving model `<redacted:CANARY>`"), "{log}");
    searched(done);
    for format in ["text", "json"] {
        let plan = with_canary("plan")
            .file("run.yaml", &text)
            .arg("--format")
            .arg(format);
        searched(plan.run().code(0));
    }
}

#[test]
fn what_an_engine_says_when_it_fails_is_in_no_artefact() {
    let text = scenario("args: {startup: {env: CANARY}}", LOAD);
    let done = with_canary("run").file("run.yaml", &text).run().code(3);
    searched(done.says("invalid value '<redacted:CANARY>'"));
    let text = scenario("args: {startup: {env: CANARY}}", LOAD);
    searched(with_canary("up").file("run.yaml", &text).run().code(3));
}

#[test]
fn a_mistake_beside_a_secret_does_not_show_it() {
    let text = scenario("", LOAD).replace("max_tokens: 8", "max_tokens: 8, n: {env: CANARY}, x: [")
        + "load: {env: CANARY}\n";
    searched(with_canary("run").file("run.yaml", &text).run().code(2));
    let text = scenario("", LOAD).replace("timeout: 20s", "timeout: {env: CANARY}");
    searched(with_canary("run").file("run.yaml", &text).run().code(2));
}

/// What a hostile model may answer: terminal sequences, directions, markup, and commands of CI systems.
const HOSTILE: &str = "::error::owned\n  ::add-mask::x\n##[error]owned ##vso[task.complete] ##teamcity[x]\u{1b}]0;owned\u{7}\u{9b}31m\u{202e}\u{2066}\u{200f}<script>alert(1)</script>]]>|`x`\r::warning::x";

#[test]
fn what_a_model_answers_steers_nothing() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            while asked(&mut stream).is_some() {
                let body = json!({"choices": [{"index": 0, "text": HOSTILE}]}).to_string();
                let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
                let _ = stream.write_all(format!("{head}{body}").as_bytes());
            }
        }
    });
    let text = json!({
        "version": 1, "name": "hostile", "model": {"id": "m"},
        "engine": {"external": {"url": url, "headers": {"x": {"env": "CANARY"}}}},
        "prompts": {"inline": ["one"]},
        "load": {"phases": [{"closed": {"concurrency": 1, "requests": 4}}]},
        "verify": {"every_response": [{"at": "choices[0].text", "equals": "fine"}]},
    });
    let done = with_canary("run")
        .file("run.yaml", &text.to_string())
        .run()
        .code(1);
    for (place, text) in [("stdout", &done.stdout), ("stderr", &done.stderr)] {
        let acts = |c: char| {
            (c.is_control() && c != '\n')
                || matches!(c, '\u{200e}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        };
        assert!(!text.contains(acts), "{place}: {text:?}");
        for line in text.lines().map(str::trim_start) {
            let ours = line.starts_with("::error file=");
            assert!(ours || !line.starts_with("::"), "{place}: {line}");
            assert!(
                ["##[", "##vso[", "##teamcity["]
                    .iter()
                    .all(|c| !line.contains(c)),
                "{place}: {line}"
            );
        }
    }
    let page = std::fs::read_to_string(done.dir().join("report.html")).unwrap();
    assert!(!page.contains("<script>alert"));
    let junit = std::fs::read_to_string(done.dir().join("junit.xml")).unwrap();
    assert!(quick_junit::Report::deserialize_from_str(&junit).is_ok());
}
