//! What is left of a run on disk, whatever happens to it or to the disk.

use super::{LONG_LOAD, scenario};
use crate::support::{Bench, bench, root};
use nix::sys::signal::Signal;
use std::path::Path;
use std::process::{Command, Output};

fn report(dir: &Path, format: &str) -> Output {
    Command::new(env!("CARGO_BIN_EXE_bench"))
        .args(["report", dir.to_str().unwrap(), "--format", format])
        .output()
        .unwrap()
}

fn endless() -> Bench {
    bench("run").file("run.yaml", &scenario("", LONG_LOAD))
}

#[test]
fn a_killed_run_renders_in_every_format_and_counts_what_it_has() {
    let mut running = endless().start();
    running.until("\"phase\":\"closed\"");
    running.until_rows(20);
    running.signal(Signal::SIGKILL);
    let done = running.done().leaves_nothing(20);
    assert_eq!(done.run()["verdict"], "partial");
    let rows = done.samples().len();
    for format in [
        "html",
        "markdown",
        "junit",
        "csv",
        "openmetrics",
        "json",
        "terminal",
    ] {
        let output = report(&done.dir(), format);
        let shown = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{format}: {:?}", output.stderr);
        let said = shown.contains("partial") || shown.contains("PARTIAL");
        assert!(said || ["csv"].contains(&format), "{format}: {shown}");
        if format == "terminal" {
            assert!(
                shown.contains(&format!("{rows} requests had ended")),
                "{shown}"
            );
            assert!(shown.contains(&format!("{rows} of {rows}")), "{shown}");
        }
    }
}

/// Runs under a limit on the size of every file, which is how a full disk looks to who writes; `blocks` are of 512 bytes.
fn with_small_files(bench: Bench, blocks: u32) -> Bench {
    bench.through(&format!(
        "trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\""
    ))
}

#[test]
fn a_journal_that_can_not_be_written_is_an_error_and_all_is_taken_down() {
    let done = with_small_files(endless(), 48)
        .run()
        .code(3)
        .says("samples.jsonl")
        .leaves_nothing(20);
    assert_eq!(done.run()["verdict"], "error");
    assert!(report(&done.dir(), "terminal").status.success());
}

#[test]
fn a_record_that_can_not_even_say_how_it_ended_is_shown_all_the_same() {
    let done = with_small_files(endless(), 8)
        .run()
        .code(3)
        .says("the record is not whole: failed to write")
        .leaves_nothing(20);
    let verdict = &done.run()["verdict"];
    assert!(verdict == "partial" || verdict == "error", "{verdict}");
    assert!(report(&done.dir(), "terminal").status.success());
}

#[test]
fn a_report_directory_that_vanishes_is_no_pass() {
    let load = LONG_LOAD.replace("1000000", "400");
    let mut running = bench("run").file("run.yaml", &scenario("", &load)).start();
    running.until("\"phase\":\"closed\"");
    let dir = std::fs::canonicalize(running.dir()).unwrap();
    std::fs::remove_dir_all(dir).unwrap();
    running
        .done()
        .code(3)
        .says("failed to write")
        .leaves_nothing(20);
}

#[test]
fn rows_that_someone_cut_during_the_run_are_no_pass() {
    let load = LONG_LOAD.replace("1000000", "400");
    let mut running = bench("run").file("run.yaml", &scenario("", &load)).start();
    running.until_rows(20);
    std::fs::write(running.dir().join("samples.jsonl"), "").unwrap();
    let done = running
        .done()
        .code(3)
        .says("the record is not whole")
        .leaves_nothing(20);
    assert_eq!(done.run()["verdict"], "error");
}

#[test]
fn a_directory_that_can_not_be_written_stops_the_run_before_anything_starts() {
    for out in ["/proc/nope", "/dev/null/reports"] {
        let output = Command::new(env!("CARGO_BIN_EXE_bench"))
            .args(["run", "scenarios/quickstart.yaml", "--out", out])
            .current_dir(root())
            .output()
            .unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(3), "{said}");
        assert!(said.starts_with("error: failed to write"), "{said}");
    }
}

/// Every cut of both journals renders: as a partial record, with the rows before the cut.
#[test]
fn a_record_cut_at_every_byte_renders() {
    let load = LONG_LOAD.replace("1000000", "4");
    let done = bench("run").file("run.yaml", &scenario("", &load)).run();
    let dir = tempfile::tempdir().unwrap();
    let mut run = done.run();
    run["finished"] = serde_json::Value::Null;
    run["verdict"] = "partial".into();
    run["variants"] = serde_json::json!([]);
    std::fs::write(dir.path().join("run.json"), run.to_string()).unwrap();
    for cut in ["samples.jsonl", "events.jsonl"] {
        for name in ["samples.jsonl", "events.jsonl"] {
            std::fs::copy(done.dir().join(name), dir.path().join(name)).unwrap();
        }
        let whole = std::fs::read(done.dir().join(cut)).unwrap();
        for length in (0..=whole.len()).rev() {
            std::fs::write(dir.path().join(cut), &whole[..length]).unwrap();
            let mut run = bench::record::read(dir.path()).unwrap();
            run.recover(dir.path()).unwrap();
            bench::report::detail(&run, dir.path()).unwrap();
            if cut == "samples.jsonl" {
                let ends = whole[..length].iter().filter(|b| **b == b'\n').count();
                let whole_lines = [ends, ends + 1].map(|n| format!("{n} requests"));
                assert!(
                    whole_lines.iter().any(|n| run.summary.contains(n)),
                    "{length}: {}",
                    run.summary
                );
            }
        }
    }
}
