//! Standard streams that are blocked or closed, signals that were ignored, and records that are no regular files.

use super::{LOAD, LONG_LOAD, scenario};
use crate::support::{Done, Running, bench, program, root};
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::signal::Signal;
use std::io::{PipeReader, Read as _, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

/// A pipe that takes no byte more; its reader must be held.
fn full_pipe() -> (PipeReader, Stdio) {
    let (reader, mut writer) = std::io::pipe().unwrap();
    fcntl(&writer, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).unwrap();
    while writer.write(&[b'x'; 4096]).is_ok() {}
    while writer.write(b"x").is_ok() {}
    fcntl(&writer, FcntlArg::F_SETFL(OFlag::empty())).unwrap();
    (reader, writer.into())
}

fn under_load(stdout: Stdio, stderr: Stdio) -> Running {
    let mut running = bench("run")
        .file("run.yaml", &scenario("", LONG_LOAD))
        .start_with(stdout, stderr);
    running.until("phase_started");
    running
}

#[test]
fn a_blocked_stderr_neither_stops_a_run_nor_makes_it_deaf() {
    let (_reader, stderr) = full_pipe();
    let running = bench("run")
        .file("run.yaml", &scenario("", LOAD))
        .start_with(Stdio::piped(), stderr);
    running.done().ran().leaves_nothing(5);
    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
        let (_reader, stderr) = full_pipe();
        let running = under_load(Stdio::piped(), stderr);
        running.signal(signal);
        let done = running.done().code(130).leaves_nothing(5);
        assert_eq!(done.run()["verdict"], "partial");
    }
}

#[test]
fn a_blocked_stdout_keeps_neither_the_record_nor_a_signal_away() {
    let (_reader, stdout) = full_pipe();
    let mut running = bench("run")
        .file("run.yaml", &scenario("", LOAD))
        .start_with(stdout, Stdio::piped());
    running.until("teardown_ended");
    let record = running.dir().join("run.json");
    crate::support::wait_until("the record is finished", || {
        std::fs::read_to_string(&record).is_ok_and(|text| text.contains("\"exit_code\""))
    });
    // It waits for its reader, as a pager's writer does, until a signal comes.
    std::thread::sleep(Duration::from_millis(500));
    assert!(running.runs());
    running.signal(Signal::SIGTERM);
    let done = running.done().code(130).leaves_nothing(5);
    assert!(done.run()["exit_code"].is_number());
    // Both at once, under load.
    let (_readers, stdout, stderr) = {
        let (first, stdout) = full_pipe();
        let (second, stderr) = full_pipe();
        ((first, second), stdout, stderr)
    };
    let mut running = under_load(stdout, stderr);
    running.signal(Signal::SIGINT);
    running.until("teardown_ended");
    while running.runs() {
        running.signal(Signal::SIGINT);
        std::thread::sleep(Duration::from_millis(50));
    }
    running.done().code(130).leaves_nothing(5);
}

#[test]
fn a_topology_whose_endpoint_nobody_reads_is_ended_by_a_signal() {
    let (_reader, stdout) = full_pipe();
    let mut running = bench("up")
        .file("up.yaml", &scenario("", LOAD))
        .start_with(stdout, Stdio::piped());
    running.tells_until("proven by real completions");
    running.signal(Signal::SIGTERM);
    running.done().code(0).leaves_nothing(5);
}

/// A reader that is slow, and a pipe that somebody made non-blocking, get the whole result.
#[test]
fn a_slow_reader_of_a_pipe_that_does_not_block_gets_all() {
    let (mut reader, writer) = std::io::pipe().unwrap();
    fcntl(&writer, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).unwrap();
    let mut child = Command::new(program())
        .args(["schema", "--format", "json"])
        .stdout(writer)
        .spawn()
        .unwrap();
    std::thread::sleep(Duration::from_millis(300));
    let mut text = String::new();
    reader.read_to_string(&mut text).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert!(
        text.len() > 64 << 10,
        "it fits into the pipe: {}",
        text.len()
    );
    serde_json::from_str::<serde_json::Value>(&text).unwrap();
}

#[test]
fn streams_that_are_closed_are_not_mistaken_for_files() {
    let closed = |redirection: &str| -> Done {
        bench("run")
            .file("run.yaml", &scenario("", LOAD))
            .through(&format!("exec \"$0\" \"$@\" {redirection}"))
            .run()
    };
    for redirection in ["2>&-", "<&-", "<&- 2>&-"] {
        let done = closed(redirection).ran().leaves_nothing(5);
        assert_eq!(done.samples().len(), 40, "{redirection}");
    }
    // A result that nobody received is no success.
    let done = closed("<&- >&- 2>&-").code(3).leaves_nothing(5);
    assert_eq!(done.samples().len(), 40);
}

#[test]
fn signals_that_were_ignored_stay_ignored() {
    // As `nohup` and the background of a shell without job control leave them.
    for (ignored, signal) in [("HUP", Signal::SIGHUP), ("INT", Signal::SIGINT)] {
        let mut running = bench("run")
            .file("run.yaml", &scenario("", LONG_LOAD))
            .through(&format!("trap '' {ignored}; exec \"$0\" \"$@\""))
            .start();
        running.until("phase_started");
        running.signal(signal);
        running.until_rows(200);
        std::thread::sleep(Duration::from_millis(300));
        assert!(running.runs(), "{signal} ended it");
        running.signal(Signal::SIGTERM);
        running.done().code(130).leaves_nothing(5);
    }
}

/// Runs a subcommand on a record of which one file was replaced; its exit code and what it said.
fn with(file: &str, make: &dyn Fn(&Path), arguments: &[&str]) -> (Option<i32>, String) {
    let scratch = tempfile::tempdir().unwrap();
    let dir = scratch.path().join("run");
    std::fs::create_dir_all(dir.join("logs")).unwrap();
    for name in ["run.json", "samples.jsonl", "events.jsonl", "server.jsonl"] {
        let from = root().join("reports/golden").join(name);
        if from.exists() {
            std::fs::copy(from, dir.join(name)).unwrap();
        }
    }
    let _ = std::fs::remove_file(dir.join(file));
    make(&dir.join(file));
    let fill = |argument: &&str| {
        let argument = argument.replace("DIR", dir.to_str().unwrap());
        argument.replace("ALL", scratch.path().to_str().unwrap())
    };
    let output = Command::new("timeout")
        .arg("60")
        .arg(program())
        .args(arguments.iter().map(fill))
        .current_dir(scratch.path())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = [output.stdout, output.stderr].concat();
    (
        output.status.code(),
        String::from_utf8_lossy(&said).into_owned(),
    )
}

#[test]
fn record_files_that_are_not_regular_files_are_refused() {
    let pipe = |path: &Path| nix::unistd::mkfifo(path, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let zeros = |path: &Path| std::os::unix::fs::symlink("/dev/zero", path).unwrap();
    let make: [&dyn Fn(&Path); 2] = [&pipe, &zeros];
    for (what, make) in ["it is a pipe", "it is a device"].into_iter().zip(make) {
        for file in ["run.json", "samples.jsonl"] {
            for arguments in [
                vec!["report", "DIR"],
                vec!["report", "DIR", "--format", "csv"],
                vec!["watch", "DIR"],
                vec!["compare", "DIR", "DIR", "--force"],
                vec!["compare", "DIR", "--keep", "x", "--baselines", "ALL/kept"],
                vec!["trend", "ALL"],
            ] {
                let (code, said) = with(file, make, &arguments);
                let shown = format!("{what} {file} {arguments:?}: {code:?} {said}");
                assert!(said.contains(what), "{shown}");
                assert!(!matches!(code, None | Some(101 | 124)), "{shown}");
            }
        }
        let (code, said) = with("result.json", make, &["import", "DIR/result.json"]);
        assert!(said.contains(what) && code == Some(2), "{code:?} {said}");
    }
}
