//! Odd environments: bytes that are not UTF-8, variables that are unset or nonsense, directories that are not there.

use super::{LOAD, LONG_LOAD, kills, scenario};
use crate::support::{Bench, Done, bench, program};
use nix::sys::signal::Signal;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// A name as hostile as a file system takes it.
const ODD: &[u8] = b"d\xff\xc3 'a\" $b\n\\\xe2\x82";

fn run() -> Bench {
    bench("run").file("run.yaml", &scenario("", LOAD))
}

fn odd() -> &'static OsStr {
    OsStr::from_bytes(ODD)
}

#[test]
fn an_engine_inherits_bytes_that_are_not_utf_8() {
    let value = OsStr::from_bytes(b"\xff=\xfe\nx");
    let mut running = bench("run")
        .file("run.yaml", &scenario("", LONG_LOAD))
        .os_env("ODD", value)
        .os_env(OsStr::from_bytes(b"ODD\xf0NAME"), value)
        .os_env("DYN_ODD", value)
        .os_env("ODD_TOKEN", OsStr::from_bytes(b"\xffabcdefgh"))
        .start();
    running.until("\"process\":\"topology\"");
    let engine = running.pid_of("sim");
    let environment = std::fs::read(format!("/proc/{engine}/environ")).unwrap();
    let has = |entry: &[u8]| environment.split(|byte| *byte == 0).any(|set| set == entry);
    assert!(has(b"ODD=\xff=\xfe\nx") && has(b"ODD\xf0NAME=\xff=\xfe\nx"));
    assert!(has(b"ODD_TOKEN=\xffabcdefgh"));
    assert!(!has(b"DYN_ODD=\xff=\xfe\nx"));
    running.signal(Signal::SIGINT);
    running.done().code(130).leaves_nothing(20);
}

/// A folder with an odd name: a scenario with its prompts, and what the environment names.
struct OddDirectory(tempfile::TempDir);

impl OddDirectory {
    fn new(load: &str) -> Self {
        let directory = Self(tempfile::tempdir().unwrap());
        for folder in ["", "tmp", "home", "state"] {
            std::fs::create_dir_all(directory.path(folder)).unwrap();
        }
        let text = scenario("", load).replace(
            "prompts: {inline: [one, two, three]}",
            "prompts: {file: prompts.jsonl}",
        );
        std::fs::write(directory.path("prompts.jsonl"), "{\"prompt\": \"one\"}\n").unwrap();
        std::fs::write(directory.scenario(), text).unwrap();
        directory
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(odd()).join(name)
    }

    fn scenario(&self) -> PathBuf {
        self.0.path().join(odd()).join(odd())
    }

    fn command(&self, tier: &str, arguments: &[&OsStr]) -> Command {
        let mut command = Command::new(program());
        command
            .args(arguments)
            .current_dir(self.path(""))
            .env("HOME", self.path("home"))
            .env("TMPDIR", self.path("tmp"))
            .env("XDG_STATE_HOME", self.path("state"))
            .env("XDG_CACHE_HOME", self.path("cache"))
            .env("BENCH_TIER", tier)
            .stdin(Stdio::null());
        command
    }

    #[track_caller]
    fn does(&self, tier: &str, arguments: &[&OsStr]) -> Output {
        let output = self.command(tier, arguments).output().unwrap();
        assert!(
            matches!(output.status.code(), Some(0 | 4)),
            "{}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        output
    }

    /// Files and folders in a folder.
    fn left(&self, name: &str) -> Vec<OsString> {
        let entries = std::fs::read_dir(self.path(name));
        let entries = entries.into_iter().flatten().flatten();
        entries.map(|entry| entry.file_name()).collect()
    }
}

#[test]
fn paths_of_any_bytes_work() {
    for tier in kills::tiers() {
        let directory = OddDirectory::new(LOAD);
        let (scenario, out) = (directory.scenario(), directory.path("out"));
        let (scenario, out) = (scenario.as_os_str(), out.as_os_str());
        let arg = OsStr::new;
        directory.does(tier, &[arg("check"), scenario]);
        directory.does(tier, &[arg("plan"), scenario, arg("--format"), arg("json")]);
        let done = directory.does(tier, &[arg("run"), scenario, arg("--out"), out]);
        assert!(!String::from_utf8_lossy(&done.stderr).contains("warning"));
        let record = directory.path("out").join("latest");
        for format in ["terminal", "html", "markdown", "junit", "csv", "json"] {
            let report = [
                arg("report"),
                record.as_os_str(),
                arg("--format"),
                arg(format),
            ];
            let shown = directory.does(tier, &report);
            assert!(std::str::from_utf8(&shown.stdout).is_ok());
        }
        directory.does(tier, &[arg("trend"), out]);
        assert_eq!(directory.left("state/bench/runs"), Vec::<OsString>::new());
        let scratch = |name: &OsString| name.as_bytes().starts_with(b"bench");
        assert!(
            !directory.left("tmp").iter().any(scratch),
            "{:?}",
            directory.left("tmp")
        );
    }
}

#[test]
fn what_is_left_at_paths_of_any_bytes_is_cleaned() {
    let directory = OddDirectory::new(LONG_LOAD);
    let (scenario, out) = (directory.scenario(), directory.path("out"));
    let arguments = [
        OsStr::new("run"),
        scenario.as_os_str(),
        OsStr::new("--out"),
        out.as_os_str(),
    ];
    let mark = format!("odd-{}", std::process::id());
    let mut run = directory.command("plain", &arguments);
    let mut run = run
        .env("BENCH_TEST", &mark)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let events = directory.path("out/latest/events.jsonl");
    let loading = || {
        let text = std::fs::read_to_string(&events).unwrap_or_default();
        text.contains("phase_started")
    };
    while !loading() {
        assert!(run.try_wait().unwrap().is_none(), "it ended early");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let wardens = crate::support::marked(&mark);
    run.kill().unwrap();
    for (pid, _) in wardens
        .iter()
        .filter(|(_, command)| command.contains(" warden "))
    {
        let _ = nix::sys::signal::kill(nix::unistd::Pid::from_raw(*pid), Signal::SIGKILL);
    }
    run.wait().unwrap();
    let directories = registered(&directory.path("state/bench/runs"));
    assert!(!directories.is_empty() && directories.iter().all(|path| path.is_dir()));
    let cleaned = directory.does("plain", &[OsStr::new("clean")]);
    let said = String::from_utf8_lossy(&cleaned.stdout).into_owned();
    assert!(said.contains("removed"), "{said}");
    assert!(!directories.iter().any(|path| path.exists()), "{said}");
    assert_eq!(directory.left("state/bench/runs"), Vec::<OsString>::new());
}

/// The directories that a registry names, which are not UTF-8 here.
fn registered(registry: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(registry).unwrap();
    let mut found = Vec::new();
    for entry in entries.flatten() {
        let text = std::fs::read_to_string(entry.path()).unwrap();
        for line in text.lines() {
            let line: serde_json::Value = serde_json::from_str(line).unwrap();
            match &line["directory"]["path"] {
                serde_json::Value::Array(bytes) => {
                    let bytes = bytes.iter().map(|byte| byte.as_u64().unwrap() as u8);
                    found.push(OsString::from_vec(bytes.collect()).into());
                }
                serde_json::Value::String(path) => found.push(path.into()),
                _ => {}
            }
        }
    }
    found
}

#[test]
fn arguments_that_are_not_utf_8_are_never_a_panic() {
    let directory = OddDirectory::new(LOAD);
    let missing = directory.path("missing");
    let missing = missing.as_os_str();
    let scenario = directory.scenario();
    let arg = OsStr::new;
    let refused: [&[&OsStr]; 15] = [
        &[odd()],
        &[arg("run"), missing],
        &[arg("run"), scenario.as_os_str(), arg("--set"), odd()],
        &[arg("run"), scenario.as_os_str(), arg("--overlay"), missing],
        &[arg("check"), missing],
        &[arg("plan"), missing],
        &[arg("report"), missing],
        &[arg("compare"), missing, missing],
        &[arg("trend"), missing],
        &[arg("import"), missing],
        &[arg("watch"), missing],
        &[arg("up"), scenario.as_os_str(), arg("--variant"), odd()],
        &[arg("doctor"), missing],
        &[arg("docs"), odd()],
        &[arg("sim"), arg("--model"), odd()],
    ];
    for arguments in refused {
        let output = directory.command("plain", arguments).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {said}");
        assert!(said.contains("error"), "{arguments:?}: {said}");
        assert!(!said.contains("internal"), "{arguments:?}: {said}");
    }
}

#[test]
fn a_secret_that_is_not_utf_8_is_a_mistake_with_its_place() {
    let text = scenario("", LOAD).replace("request: {", "request: {headers: {x: {env: ODD_KEY}}, ");
    for verb in ["check", "run"] {
        let bench = bench(verb).file("run.yaml", &text);
        let done = bench
            .os_env("ODD_KEY", OsStr::from_bytes(b"\xffabcdefgh"))
            .run();
        done.code(2)
            .says("the environment variable `ODD_KEY` is not UTF-8");
    }
}

#[test]
fn variables_that_are_unset_or_nonsense_do_no_harm() {
    let unset = ["TERM", "LANG", "PATH", "HOME", "USER", "SHELL", "TMPDIR"];
    let bench = unset.iter().fold(run(), |bench, name| bench.without(name));
    bench.run().ran().leaves_nothing(1);
    let values: [(&str, &[u8]); 16] = [
        ("COLUMNS", b"0"),
        ("COLUMNS", b"1"),
        ("COLUMNS", b"18446744073709551615"),
        ("COLUMNS", b"-1"),
        ("COLUMNS", b"\xff"),
        ("LC_ALL", b"C"),
        ("LC_ALL", b"\xff"),
        ("TZ", b"\xff"),
        ("PATH", b""),
        ("PATH", b"\xff:/usr/bin"),
        ("TMPDIR", b""),
        ("NO_COLOR", b"\xff"),
        ("TERM", b"\xff"),
        ("XDG_CACHE_HOME", b"not/absolute"),
        ("ETCD_ENDPOINTS", b"\xff"),
        ("GITHUB_ACTIONS", b"\xff"),
    ];
    for (name, value) in values {
        let done = run().os_env(name, OsStr::from_bytes(value));
        done.run().ran().leaves_nothing(1);
    }
}

#[test]
fn a_home_that_is_not_absolute_is_not_written_to() {
    for home in ["not/absolute", ""] {
        let bench = run().without("XDG_STATE_HOME").env("HOME", home);
        let folder = bench.folder().to_owned();
        // In a directory of its own, in which nothing may appear.
        let script = format!(
            "mkdir {0}/in; cd {0}/in; exec \"$0\" \"$@\"",
            folder.display()
        );
        let done = bench.through(&script).run().ran();
        let inside = std::fs::read_dir(done.folder().join("in")).unwrap();
        assert_eq!(inside.count(), 0);
    }
}

/// Runs after a shell has made the environment odd.
fn after(script: &str) -> Done {
    run()
        .through(&format!("{script}; exec \"$0\" \"$@\""))
        .run()
}

#[test]
fn directories_that_are_not_there_are_named() {
    let folder = "cd $(mktemp -d); mkdir gone; cd gone; rmdir ../gone";
    // With an absolute path for reports, nothing else needs the directory.
    after(folder).ran().leaves_nothing(1);
    let bench = bench("run").file("run.yaml", &scenario("", LOAD));
    let file = bench.folder().join("run.yaml");
    let script = format!("{folder}; exec \"$0\" run '{}'", file.display());
    bench
        .through(&script)
        .run()
        .code(3)
        .says("the current directory has been removed")
        .says("give `--out` an absolute path");
    for directory in ["/proc/none", "/dev/null"] {
        let done = run().env("TMPDIR", directory).run().ran();
        done.says(directory)
            .says("; directories of this run are in ")
            .leaves_nothing(1);
    }
    run()
        .env("XDG_STATE_HOME", "/proc/none")
        .run()
        .ran()
        .leaves_nothing(1);
}

#[test]
fn streams_that_are_closed_do_no_harm() {
    for closed in ["<&-", "2>&-", "<&- 2>&-"] {
        let script = format!("exec \"$0\" \"$@\" {closed}");
        run().through(&script).run().ran().leaves_nothing(1);
    }
    for closed in [">&-", "<&- >&- 2>&-"] {
        let script = format!("exec \"$0\" \"$@\" {closed}");
        run().through(&script).run().code(3).leaves_nothing(1);
    }
}

/// Runs in mounts of its own.
fn mounted(mount: &str) -> Option<Done> {
    let wrapped = |script: &str| {
        format!("exec unshare --map-root-user --mount sh -c '{script}' \"$0\" \"$@\"")
    };
    let tried = Command::new("sh")
        .args(["-c", &wrapped("mount -t tmpfs tmpfs /tmp")])
        .output();
    if !tried.is_ok_and(|output| output.status.success()) {
        no_mounts();
        return None;
    }
    let script = format!("{mount}; exec \"$0\" \"$@\"");
    Some(run().through(&wrapped(&script)).run())
}

#[expect(clippy::print_stderr, reason = "a test that does nothing says so")]
fn no_mounts() {
    eprintln!("not tested: nothing can be mounted here");
}

#[test]
fn file_systems_that_are_not_there_or_read_only_are_named() {
    let Some(done) = mounted("mount -t tmpfs tmpfs /proc") else {
        return;
    };
    done.code(3).says("/proc");
    let without = |mount: &str| mounted(mount).expect("mounts work");
    without("mount -t tmpfs -o mode=000 tmpfs /dev/shm").ran();
    without("out=$(dirname \"$4\")/reports; mkdir \"$out\"; mount -t tmpfs -o ro tmpfs \"$out\"")
        .code(3)
        .says("the file system is read-only")
        .says("--out DIR");
    without("mkdir \"$XDG_STATE_HOME/ro\"; export XDG_STATE_HOME=\"$XDG_STATE_HOME/ro\"; mount -t tmpfs -o ro tmpfs \"$XDG_STATE_HOME\"")
        .ran()
        .says("the state directory is not used: ")
        .says("; what this run starts is noted in ");
}
