//! Every fault of the embedded engine, and what becomes of a run that meets it: exit code, class of the failures, and words.

use super::scenario;
use crate::support::{Done, bench};

/// A fault and what is expected of it.
struct Row {
    fault: &'static str,
    code: i32,
    /// The class of failed requests; empty where none fails or no load is reached.
    class: &'static str,
    says: &'static str,
}

const fn row(fault: &'static str, code: i32, class: &'static str, says: &'static str) -> Row {
    Row {
        fault,
        code,
        class,
        says,
    }
}

const ROWS: &[Row] = &[
    row("startup: 1500ms", 0, "", "sim ready in 1."),
    row("not-ready-for: 700ms", 0, "", "proven by real completions"),
    row(
        "fail-start: null",
        3,
        "",
        "while starting: less GPU memory is free",
    ),
    row(
        "crash-after: 20",
        3,
        "",
        "under load: its GPU kernel failed",
    ),
    row("stall-after: 10", 1, "timeout", "error_rate == 0"),
    row("cut-every: 7", 1, "broken stream", "error_rate == 0"),
    row("bad-json-every: 7", 1, "broken stream", "error_rate == 0"),
    row("no-done: null", 3, "", "[DONE]"),
    row(
        "rubbish: null",
        1,
        "",
        "usage.completion_tokens was nothing",
    ),
    row("unlisted-model: null", 0, "", "held"),
    row(
        "error-status: 429, error-every: 7",
        1,
        "overload 429",
        "error_rate == 0",
    ),
    row(
        "error-status: 500, error-every: 7",
        1,
        "status 500",
        "error_rate == 0",
    ),
    row(
        "error-status: 503, error-every: 7",
        1,
        "overload 503",
        "error_rate == 0",
    ),
    row(
        "error-status: 529, error-every: 9, error-burst: 4",
        1,
        "overload 529",
        "error_rate == 0",
    ),
    row("wrong-usage: null", 1, "", "usage.completion_tokens"),
    row("drop-token-every: 7", 1, "", "same text as plain"),
    row("double-token-every: 7", 1, "", "same text as plain"),
    row("ignore-term: null", 0, "", "did not stop in time: KILL"),
    row(
        "daemonise: null",
        3,
        "",
        "sim ended with exit code 0 while starting",
    ),
    row("flood-log: null", 0, "", "held"),
];

const CHECKED: &str = "load: {phases: [{closed: {concurrency: 2, requests: 24}}]}
verify: {every_response: [{status: 200}, {at: usage.completion_tokens, between: 1..8}], gates: [error_rate == 0]}";

fn run(row: &Row) -> Done {
    let token = row.fault.contains("token");
    let engine = if token {
        "{sim: {}}".to_owned()
    } else {
        format!("{{sim: {{args: {{{}}}}}}}", row.fault)
    };
    let mut text = scenario("", CHECKED).replace("{sim: {}}", &engine);
    if token {
        // What one engine left out or said twice is seen beside one that did not.
        text = text.replace("engine: {sim: {}}\n", "");
        text.push_str(&format!(
            "variants: {{plain: {{engine: {{sim: {{}}}}}}, faulty: {{engine: {{sim: {{args: {{{}}}}}}}}}}}
compare: {{baseline: plain, same_text: true}}\n",
            row.fault
        ));
    }
    let patience = if row.code == 3 { "3s" } else { "60s" };
    let limit = if row.class == "timeout" { "1s" } else { "30s" };
    let run = bench("run")
        .file("run.yaml", &text)
        .set(&format!("ready.timeout={patience}"))
        .set(&format!("request.timeout={limit}"));
    // A disk that is full of its log: files end at a mebibyte.
    let run = match row.fault {
        "flood-log: null" => run.through("trap '' XFSZ; ulimit -f 2048; exec \"$0\" \"$@\""),
        _ => run,
    };
    run.run()
}

#[test]
fn every_row_holds() {
    let mut wrong = String::new();
    for row in ROWS {
        let done = run(row).leaves_nothing(20);
        let said = format!("{}{}", done.stdout, done.stderr);
        let record = done.run();
        let classes: Vec<String> = record["variants"][0]["phases"][0]["errors"]
            .as_object()
            .map_or(Vec::new(), |classes| classes.keys().cloned().collect());
        let expected: Vec<String> = [row.class]
            .iter()
            .filter(|c| !c.is_empty())
            .map(|c| (*c).to_owned())
            .collect();
        // A crash cuts what was in flight, in one way or another.
        let classed = row.fault.starts_with("crash") || classes == expected;
        // On a busy machine figures are not believed, whatever they are; that is another test's.
        let busy = row.code <= 1 && done.code == 4;
        let ended = busy || (done.code == row.code && said.contains(row.says));
        // Why requests failed is said on the terminal, from what the record keeps.
        let failures = &record["variants"][0]["phases"][0]["failures"];
        let kept: Vec<&str> = failures
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|failure| failure["class"].as_str())
            .collect();
        let explained = kept == classes
            && (classes.is_empty() || said.contains("failures, each with its first message"));
        let classed = classed && explained;
        if !ended || !classed {
            wrong.push_str(&format!(
                "{}: {}, {classes:?}\n{said}\n",
                row.fault, done.code
            ));
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}
