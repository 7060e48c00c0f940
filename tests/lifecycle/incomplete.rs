//! Records of which something was removed: every subcommand that reads them says so, and none compares them.

use super::scenario;
use crate::support::{Done, bench};
use std::path::{Path, PathBuf};

const LOAD: &str = "load: {warmup: {requests: 3}, phases: [{closed: {concurrency: 2, requests: 12}}, {batch: {size: 2, batches: 3}}]}
verify: {every_response: [{status: 200}]}
compare: {baseline: a}";
const VARIANTS: &str = "variants: {a: {engine: {sim: {}}}, b: {engine: {sim: {}}}}";

fn recorded() -> Done {
    let text = scenario("", LOAD).replace("engine: {sim: {}}", VARIANTS);
    bench("run").file("run.yaml", &text).run().ran()
}

/// A copy of the record in which lines of `samples.jsonl` are left out.
fn without(done: &Done, name: &str, gone: impl Fn(usize, usize, &str) -> bool) -> PathBuf {
    let dir = copied(done, name);
    let path = dir.join("samples.jsonl");
    let text = std::fs::read_to_string(&path).unwrap();
    let all = text.lines().count();
    let lines = text.split_inclusive('\n').enumerate();
    let kept: String = lines
        .filter(|(n, line)| !gone(*n, all, line))
        .map(|(_, line)| line)
        .collect();
    std::fs::write(&path, kept).unwrap();
    dir
}

fn copied(done: &Done, name: &str) -> PathBuf {
    let dir = done
        .dir()
        .parent()
        .unwrap()
        .with_file_name(name)
        .join("run");
    std::fs::create_dir_all(&dir).unwrap();
    for file in ["run.json", "samples.jsonl", "events.jsonl", "server.jsonl"] {
        std::fs::copy(done.dir().join(file), dir.join(file)).unwrap();
    }
    dir
}

fn said(done: &Done, arguments: &[&str], code: i32) -> String {
    let output = done.then(arguments);
    let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {text}");
    text
}

#[track_caller]
fn is_incomplete(done: &Done, dir: &Path, why: &str) {
    let run = dir.to_str().unwrap();
    let whole = done.dir();
    let whole = whole.to_str().unwrap();
    for format in [
        "terminal",
        "html",
        "markdown",
        "junit",
        "csv",
        "openmetrics",
        "hdr",
        "llm-d",
        "json",
    ] {
        let text = said(done, &["report", run, "--format", format], 0);
        assert!(
            text.contains("the record is incomplete: "),
            "{format}: {text}"
        );
        assert!(text.contains(why), "{format}: {text}");
        let passes = text.contains("\"verdict\": \"pass\"") || text.contains("PASS");
        assert!(!passes, "{format}: {text}");
    }
    for records in [[run, whole], [whole, run]] {
        let arguments = [&["compare"], &records[..], &["--variant", "a"]].concat();
        let text = said(done, &arguments, 4);
        assert!(
            text.contains("not comparable") && text.contains(why),
            "{text}"
        );
        let forced = done.then(&[&arguments[..], &["--force", "--format", "json"]].concat());
        let forced = String::from_utf8(forced.stdout).unwrap();
        let marked: serde_json::Value = serde_json::from_str(&forced).unwrap();
        assert_eq!(marked["quality"]["verdict"], "marked", "{forced}");
        assert!(forced.contains("the record is incomplete"), "{forced}");
    }
    let baselines = dir.parent().unwrap().join("baselines");
    let keep = [
        "compare",
        run,
        "--keep",
        "x",
        "--baselines",
        baselines.to_str().unwrap(),
    ];
    assert!(said(done, &keep, 4).contains(why));
    assert!(!baselines.exists());
    let text = said(done, &["trend", dir.parent().unwrap().to_str().unwrap()], 0);
    assert!(
        text.contains("warning: left out") && text.contains(why),
        "{text}"
    );
    assert!(text.contains("1 of them no measurement"), "{text}");
    let text = said(done, &["watch", run], 4);
    assert!(text.contains("The record is incomplete"), "{text}");
}

#[test]
fn rows_removed_anywhere_make_a_record_incomplete() {
    let done = recorded();
    let run = done.run();
    let rows = run["files"]["samples.jsonl"]["rows"].as_u64().unwrap();
    assert_eq!(rows, done.samples().len() as u64);
    let names: Vec<String> = run["variants"][0]["phases"]
        .as_array()
        .unwrap()
        .iter()
        .map(|phase| phase["name"].as_str().unwrap().to_owned())
        .collect();
    let one = format!("samples.jsonl has {} of {rows} rows: 1 of ", rows - 1);
    let dir = without(&done, "first", |n, _, _| n == 0);
    is_incomplete(&done, &dir, &format!("{one}a/{}", names[0]));
    let dir = without(&done, "last", |n, all, _| n == all - 1);
    is_incomplete(&done, &dir, &format!("{one}b/{}", names[2]));
    let dir = without(&done, "middle", |n, all, _| n == all / 2 + 5);
    is_incomplete(&done, &dir, &one);
    let dir = without(&done, "phase", |_, _, line| {
        line.contains("\"variant\":\"b\"") && line.contains("\"phase\":1,")
    });
    is_incomplete(&done, &dir, &format!(": 12 of b/{}", names[1]));
    let dir = without(&done, "variant", |_, _, line| {
        line.contains("\"variant\":\"a\"")
    });
    is_incomplete(&done, &dir, &format!("3 of a/{}, 12 of a/", names[0]));
    let dir = without(&done, "all", |_, _, _| true);
    is_incomplete(&done, &dir, &format!("samples.jsonl has 0 of {rows} rows"));
}

#[test]
fn a_missing_file_makes_a_record_incomplete() {
    let done = recorded();
    for name in ["samples.jsonl", "events.jsonl", "server.jsonl"] {
        let dir = copied(&done, name);
        std::fs::remove_file(dir.join(name)).unwrap();
        is_incomplete(&done, &dir, &format!("{name} is missing"));
    }
}

#[test]
fn a_row_in_place_of_another_makes_a_record_incomplete() {
    let done = recorded();
    let dir = copied(&done, "twice");
    let path = dir.join("samples.jsonl");
    let text = std::fs::read_to_string(&path).unwrap();
    let mut lines: Vec<&str> = text.split_inclusive('\n').collect();
    lines[4] = lines[3];
    std::fs::write(&path, lines.concat()).unwrap();
    is_incomplete(&done, &dir, "samples.jsonl is not as it was written");
}

#[test]
fn a_whole_record_and_a_kept_one_are_complete() {
    let done = recorded();
    let dir = done.dir();
    let run = dir.to_str().unwrap();
    let baselines = dir.parent().unwrap().with_file_name("baselines");
    let kept = ["--baselines", baselines.to_str().unwrap()];
    said(
        &done,
        &[&["compare", run, "--keep", "x"], &kept[..]].concat(),
        0,
    );
    let place = baselines.join("x");
    for dir in [run, place.to_str().unwrap()] {
        let text = said(&done, &["report", dir], 0);
        assert!(!text.contains("incomplete"), "{text}");
    }
    // And rows that are missing from the kept one are missed as well.
    std::fs::write(place.join("samples.jsonl"), "").unwrap();
    let held = [
        &["compare", run, "--baseline", "x", "--variant", "a"],
        &kept[..],
    ]
    .concat();
    assert!(said(&done, &held, 4).contains("is incomplete"));
}
