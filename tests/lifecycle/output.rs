//! Results that nobody received: a full device, a closed stream, a reader that has gone away. In every subcommand.

use super::scenario;
use crate::support::{Bench, Done, bench, program, root};
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// Runs `bench ARGUMENTS` with its standard output as a shell redirects it.
fn redirected(arguments: &[&str], redirection: &str) -> Output {
    let scratch = tempfile::tempdir().unwrap();
    Command::new("sh")
        .args(["-c", &format!("exec \"$0\" \"$@\" {redirection}")])
        .arg(program())
        .args(arguments)
        .current_dir(root())
        .env("XDG_STATE_HOME", scratch.path())
        .env_remove("GITHUB_ACTIONS")
        .env_remove("GITHUB_STEP_SUMMARY")
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

const LOAD: &str = "load: {phases: [{closed: {concurrency: 1, requests: 4}}]}";

fn small() -> Bench {
    bench("run").file("run.yaml", &scenario("", LOAD))
}

/// Ways to print something, with where they find their record and a folder to write into.
fn verbs<'a>(run: &'a str, reports: &'a str, scratch: &'a str) -> Vec<Vec<&'a str>> {
    let quick = "scenarios/quickstart.yaml";
    let mut all = vec![
        vec!["--help"],
        vec!["--version"],
        vec!["report", "--help"],
        vec!["check", quick],
        vec!["plan", quick],
        vec!["plan", quick, "--format", "json"],
        vec!["trend", reports],
        vec!["trend", reports, "--format", "json"],
        vec!["watch", run],
        vec!["doctor", "--out", scratch],
        vec!["clean"],
        vec!["completions", "bash"],
        vec!["completions", "zsh"],
        vec!["docs"],
        vec!["docs", "metrics"],
        vec!["schema"],
        vec!["schema", "--format", "markdown"],
        vec![
            "import",
            "src/import/fixtures/aiperf.json",
            "--out",
            scratch,
        ],
    ];
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
        all.push(vec!["report", run, "--format", format]);
        if !["hdr", "llm-d"].contains(&format) {
            all.push(vec!["compare", run, run, "--force", "--format", format]);
        }
    }
    all
}

fn recorded() -> Done {
    small().run().ran()
}

#[test]
fn a_result_that_can_not_be_written_is_exit_code_3_in_every_subcommand() {
    let done = recorded();
    let dir = std::fs::canonicalize(done.dir()).unwrap();
    let (run, reports) = (dir.to_str().unwrap(), dir.parent().unwrap());
    let scratch = tempfile::tempdir().unwrap();
    let scratch = scratch.path().to_str().unwrap();
    for arguments in verbs(run, reports.to_str().unwrap(), scratch) {
        for (redirection, why) in [
            (">/dev/full", "No space left on device"),
            (">&-", "Bad file descriptor"),
        ] {
            let output = redirected(&arguments, redirection);
            let said = String::from_utf8_lossy(&output.stderr);
            let shown = format!("{arguments:?} {redirection}: {said}");
            assert_eq!(output.status.code(), Some(3), "{shown}");
            let told = "error: failed to write to standard output: ";
            assert!(said.contains(&format!("{told}{why}")), "{shown}");
            assert_eq!(said.matches(told).count(), 1, "{shown}");
        }
    }
}

#[test]
fn a_file_that_can_not_be_written_is_exit_code_3_in_every_subcommand() {
    let done = recorded();
    let dir = std::fs::canonicalize(done.dir()).unwrap();
    let run = dir.to_str().unwrap();
    let scratch = tempfile::tempdir().unwrap();
    let file = scratch.path().join("file");
    std::fs::write(&file, "").unwrap();
    let inside = |name: &str| file.join(name).to_str().unwrap().to_owned();
    let (man, new, out) = (inside("man"), inside("new.yaml"), inside("out"));
    for arguments in [
        vec!["man", &man],
        vec!["init", &new],
        vec!["import", "src/import/fixtures/aiperf.json", "--out", &out],
        vec!["compare", run, run, "--force", "--out", &out],
        vec![
            "compare",
            run,
            "--force",
            "--keep",
            "x",
            "--baselines",
            &out,
        ],
        vec!["run", "scenarios/quickstart.yaml", "--out", &out],
    ] {
        let output = redirected(&arguments, "");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(3), "{arguments:?}: {said}");
        assert!(said.contains("failed to"), "{arguments:?}: {said}");
    }
}

#[test]
fn half_a_scenario_is_not_left_on_a_full_disk() {
    let scratch = tempfile::tempdir().unwrap();
    let file = scratch.path().join("new.yaml");
    let script = "trap '' XFSZ; ulimit -f 1; exec \"$0\" init \"$1\"";
    let status = Command::new("sh")
        .args(["-c", script])
        .arg(program())
        .arg(&file)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert_eq!(status.status.code(), Some(3), "{status:?}");
    assert!(!Path::new(&file).exists());
}

#[test]
fn a_reader_that_has_gone_away_is_no_failure() {
    let done = recorded();
    let dir = std::fs::canonicalize(done.dir()).unwrap();
    let (run, reports) = (dir.to_str().unwrap(), dir.parent().unwrap());
    let scratch = tempfile::tempdir().unwrap();
    let scratch = scratch.path().to_str().unwrap();
    for arguments in verbs(run, reports.to_str().unwrap(), scratch) {
        let usual = redirected(&arguments, "").status.code();
        // The reader is gone before the first byte comes.
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = Command::new(program())
            .args(&arguments)
            .current_dir(root())
            .env("XDG_STATE_HOME", scratch)
            .stdout(writer)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
            .wait_with_output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        let code = output.status.code();
        assert_eq!(code, usual, "{arguments:?}: {said}");
        assert!(!said.contains("panicked"), "{arguments:?}: {said}");
    }
}

#[test]
fn a_run_whose_result_nobody_saw_ends_with_3() {
    let done = small()
        .through("exec \"$0\" \"$@\" >/dev/full")
        .run()
        .code(3);
    assert!(done.stderr.contains("failed to write to standard output"));
    // What was found is in the record all the same.
    assert!(done.run()["exit_code"].is_number());
}

#[test]
fn a_topology_whose_endpoint_nobody_is_told_of_is_taken_down() {
    bench("up")
        .file("up.yaml", &scenario("", LOAD))
        .through("exec \"$0\" \"$@\" >/dev/full")
        .run()
        .code(3)
        .says("failed to write to standard output")
        .leaves_nothing(20);
}
