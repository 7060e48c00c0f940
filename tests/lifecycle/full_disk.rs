//! A disk that fills up while a run writes to it: at every stage the record says `error`, or all of it is there.

use super::scenario;
use crate::support::{Done, bench};
use serde_json::Value;
use std::path::Path;
use std::process::Command;

const LOAD: &str = "load: {phases: [{closed: {concurrency: 16, requests: 320}}]}
verify: {every_response: [{status: 200}], gates: [error_rate == 0]}
report: {formats: [markdown, junit, csv, html, openmetrics, hdr, llm_d]}";

/// Runs with reports on a disk of so many KiB, which is then copied to `kept` beside them.
fn on_a_disk_of(kib: u32, load: &str, [before, after]: [&str; 2]) -> Done {
    // Name and value of `--out` are the last arguments but those of the file.
    let script = format!(
        "out=$(dirname \"$4\")/reports; mkdir -p \"$out\"
mount -t tmpfs -o size={kib}k tmpfs \"$out\" || exit 99
{before}
\"$0\" \"$@\"; code=$?
{after}
mkdir \"$out.kept\"; cp -a \"$out/.\" \"$out.kept/\"; exit $code"
    );
    let wrapped = format!("exec unshare --map-root-user --mount sh -c '{script}' \"$0\" \"$@\"");
    bench("run")
        .file("run.yaml", &scenario("", load))
        .through(&wrapped)
        .run()
}

#[expect(clippy::print_stderr, reason = "a test that does nothing says so")]
fn is_possible() -> bool {
    let mut command = Command::new("unshare");
    command.args(["--map-root-user", "--mount", "sh", "-c"]);
    let tried = command.arg("mount -t tmpfs tmpfs /tmp").output();
    let possible = tried.is_ok_and(|output| output.status.success());
    if !possible {
        eprintln!("not tested: no disk can be mounted here");
    }
    possible
}

/// Every file below, by its path.
fn files(dir: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        let path = entry.path();
        if entry.file_type().unwrap().is_dir() {
            found.extend(files(&path));
        }
        found.push(path.to_str().unwrap().to_owned());
    }
    found
}

/// What became of one run, where it has a record: its verdict, and why it broke.
fn checked(done: &Done, shown: &str) -> Option<[String; 2]> {
    let kept = done.dir().parent().unwrap().with_extension("kept");
    let left = files(&kept);
    let temporary = |path: &&String| {
        let name = Path::new(path).file_name().unwrap().to_str().unwrap();
        name.starts_with('.') || name.ends_with(".new")
    };
    assert_eq!(left.iter().find(temporary), None, "{shown}");
    let dir = kept.join("latest");
    let Ok(text) = std::fs::read_to_string(dir.join("run.json")) else {
        // It failed before anything was started, and left nothing.
        assert!(left.is_empty() && done.code == 3, "{shown}: {left:?}");
        return None;
    };
    let run: Value = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{shown}: {e}"));
    let verdict = run["verdict"].as_str().unwrap().to_owned();
    if done.code == 3 {
        assert_eq!(verdict, "error", "{shown}");
        assert_eq!(run["exit_code"], 3, "{shown}");
        assert!(run["error"].as_str().is_some_and(|why| !why.is_empty()));
        for name in ["report.md", "junit.xml"] {
            let report = std::fs::read_to_string(dir.join(name)).unwrap_or_default();
            let wrong =
                report.contains("**PASS**") || report.contains("failures=\"0\" errors=\"0\"");
            assert!(!wrong, "{shown}: {name} says pass:\n{report}");
        }
    } else {
        assert!(matches!(done.code, 0 | 4), "{shown}: {}", done.stderr);
        let mut whole = bench::record::read(&dir).unwrap();
        whole.check_files(&dir).unwrap();
        assert_eq!(whole.incomplete(), None, "{shown}");
        for name in [
            "report.html",
            "report.md",
            "junit.xml",
            "figures.csv",
            "metrics.txt",
        ] {
            assert!(dir.join(name).exists(), "{shown}: no {name}");
        }
    }
    let why = run["error"].as_str().unwrap_or_default();
    Some([verdict, why.to_owned()])
}

#[test]
fn a_disk_that_fills_up_at_any_stage_is_an_error_or_all_is_there() {
    if !is_possible() {
        return;
    }
    let mut seen = Vec::new();
    for kib in SIZES {
        let done = on_a_disk_of(kib, LOAD, ["", ""]);
        let shown = format!("{kib} KiB, code {}\n{}", done.code, done.stderr);
        seen.push((kib, checked(&done, &shown)));
    }
    let shown: Vec<String> = seen.iter().map(|one| format!("{one:?}\n")).collect();
    let shown = shown.concat();
    assert!(seen[0].1.is_none(), "{shown}");
    let why = |what: &str| {
        let mut whys = seen.iter().filter_map(|(_, found)| found.as_ref());
        whys.any(|[_, why]| why.contains(what) && why.contains("No space left"))
    };
    for stage in STAGES {
        assert!(why(stage), "nothing failed at {stage}:\n{shown}");
    }
    let [last, _] = seen.last().unwrap().1.as_ref().unwrap();
    assert!(matches!(last.as_str(), "pass" | "invalid"), "{shown}");
}

/// What can't be written first, at one size or another.
const STAGES: [&str; 3] = [
    "run.json",
    "the record is not whole",
    "the report is not whole",
];

/// Kilobytes that reach every stage of this run: too little to begin, rows, the request list, each report, enough.
const SIZES: [u32; 18] = [
    16, 80, 96, 112, 128, 160, 192, 224, 240, 256, 272, 288, 304, 320, 336, 352, 368, 4096,
];

/// Whatever else writes to the disk takes every block that is free, from the first row on: the verdict has its own room.
#[test]
fn a_disk_that_others_fill_up_leaves_room_for_the_verdict() {
    if !is_possible() {
        return;
    }
    let fill =
        "(until cat \"$out\"/*/samples.jsonl 2>/dev/null | grep -q variant; do sleep 0.02; done
while true; do cat /dev/zero >>\"$out/filler\" 2>/dev/null; sleep 0.001; done) & filler=$!";
    let stop = "kill $filler; rm -f \"$out/filler\"";
    // With reports, and with nothing to write at the end but the verdict.
    let bare = LOAD.split("report:").next().unwrap();
    for load in [LOAD, &format!("{bare}report: {{formats: []}}")] {
        let done = on_a_disk_of(4096, load, [fill, stop]).code(3);
        let [verdict, why] = checked(&done, &done.stderr).expect("a record");
        assert_eq!(verdict, "error");
        assert!(why.contains("No space left"), "{why}");
    }
}
