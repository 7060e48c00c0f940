//! One helper: run `bench` as a user does, and look at what it said, wrote and left.

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use std::ffi::OsStr;
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// The copy of the program in the folder of a test that another user executes.
const REACHABLE: &str = "bench-program";

static NUMBER: AtomicU32 = AtomicU32::new(0);

/// The checkout.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The program under test: the one just built, or a copy that later builds do not replace.
pub(crate) fn program() -> PathBuf {
    let copy = std::env::var_os("BENCH_PROGRAM");
    copy.unwrap_or_else(|| env!("CARGO_BIN_EXE_bench").into())
        .into()
}

/// A command line under construction.
#[must_use]
pub(crate) struct Bench {
    command: Command,
    /// Carried by everything that is started, so that nothing of it can hide.
    mark: String,
    folder: tempfile::TempDir,
}

/// What a command did.
pub(crate) struct Done {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    mark: String,
    folder: tempfile::TempDir,
}

/// A command that runs.
pub(crate) struct Running {
    child: Child,
    mark: String,
    folder: tempfile::TempDir,
}

/// `bench VERB`, in the checkout.
pub(crate) fn bench(verb: &str) -> Bench {
    let folder = tempfile::tempdir().unwrap();
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let mark = format!("{}-{number}", std::process::id());
    let mut command = Command::new(program());
    command
        .arg(verb)
        .current_dir(root())
        .env("BENCH_TEST", &mark)
        // A registry of its own, so that no other run takes this one's leftovers up.
        .env("XDG_STATE_HOME", folder.path())
        .env_remove("NO_COLOR")
        .env_remove("COLUMNS")
        .env_remove("GITHUB_ACTIONS")
        .env_remove("GITHUB_STEP_SUMMARY")
        .stdin(Stdio::null());
    let bench = Bench {
        command,
        mark,
        folder,
    };
    if verb == "run" {
        let out = bench.reports();
        bench.arg("--out").arg(out.to_str().unwrap())
    } else {
        bench
    }
}

impl Bench {
    pub(crate) fn arg(mut self, arg: &str) -> Self {
        self.command.arg(arg);
        self
    }

    pub(crate) fn set(self, change: &str) -> Self {
        self.arg("--set").arg(change)
    }

    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    /// A variable of any bytes.
    pub(crate) fn os_env(mut self, name: impl AsRef<OsStr>, value: &OsStr) -> Self {
        self.command.env(name, value);
        self
    }

    /// The test's own folder.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        self.command.env_remove(name);
        self
    }

    /// Writes a file into the test's own folder and gives its path as an argument.
    pub(crate) fn file(self, name: &str, text: &str) -> Self {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        self.arg(path.to_str().unwrap())
    }

    /// Gives the path of a file in the test's own folder, which is not there yet.
    pub(crate) fn new_file(self, name: &str) -> Self {
        let path = self.folder.path().join(name);
        self.arg(path.to_str().unwrap())
    }

    /// Writes a file beside the others.
    pub(crate) fn beside(self, name: &str, text: &str) -> Self {
        std::fs::write(self.folder.path().join(name), text).unwrap();
        self
    }

    /// Writes a file beside the others and gives its path in a variable.
    pub(crate) fn env_file(self, variable: &str, name: &str, text: &str) -> Self {
        let path = self.folder.path().join(name);
        self.beside(name, text)
            .env(variable, path.to_str().unwrap())
    }

    /// Writes a file into a folder beside the others.
    pub(crate) fn beside_folder(self, folder: &str, name: &str, text: &str) -> Self {
        std::fs::create_dir_all(self.folder.path().join(folder)).unwrap();
        self.beside(&format!("{folder}/{name}"), text)
    }

    /// Lets a shell script execute the command, as `"$0" "$@"`.
    pub(crate) fn through(mut self, script: &str) -> Self {
        let mut command = Command::new("sh");
        command.args(["-c", script]).arg(self.command.get_program());
        self.instead(command);
        self
    }

    /// Replaces the command, of which the arguments and the environment stay.
    fn instead(&mut self, mut command: Command) {
        let directory = self.command.get_current_dir().unwrap_or(root());
        command
            .args(self.command.get_args())
            .current_dir(directory)
            .stdin(Stdio::null());
        for (name, value) in self.command.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        self.command = command;
    }

    /// Executes a program in the test's own folder, in a directory that everyone may enter: other users may not be able to
    /// enter the checkout.
    pub(crate) fn reachable(mut self) -> Self {
        let reachable = self.folder.path().join(REACHABLE);
        // By another process: a program that this one holds open for writing, in whatever thread, can't be executed.
        let copied = Command::new("cp").arg(program()).arg(&reachable).status();
        assert!(copied.unwrap().success());
        self.instead(Command::new(reachable));
        self.command.current_dir("/");
        self
    }

    /// Executes the command as another user, who then owns the test's own folder. Only root can.
    pub(crate) fn user(self, user: u32) -> Self {
        let mut this = self.reachable();
        let folder = this.folder.path().to_owned();
        std::os::unix::fs::chown(&folder, Some(user), Some(user)).unwrap();
        this.command
            .uid(user)
            .gid(user)
            .env("HOME", &folder)
            .env_remove("BENCH_CACHE")
            .env_remove("XDG_CACHE_HOME");
        this
    }

    fn reports(&self) -> PathBuf {
        self.folder.path().join("reports")
    }

    /// Runs it to its end.
    pub(crate) fn run(mut self) -> Done {
        let output = self.command.output().unwrap();
        Done {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
            mark: self.mark,
            folder: self.folder,
        }
    }

    /// Starts it.
    pub(crate) fn start(self) -> Running {
        self.start_with(Stdio::piped(), Stdio::piped())
    }

    /// Starts it with other streams.
    pub(crate) fn start_with(mut self, stdout: Stdio, stderr: Stdio) -> Running {
        let child = self.command.stdout(stdout).stderr(stderr).spawn().unwrap();
        Running {
            child,
            mark: self.mark,
            folder: self.folder,
        }
    }
}

/// Fails if this process ignores the signal. `bench` would inherit that, and the signal would not end it.
pub(crate) fn not_ignored(signal: Signal) {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = u64::from_str_radix(mask.unwrap().trim(), 16).unwrap();
    assert!(
        mask >> (signal as i32 - 1) & 1 == 0,
        "{signal} is ignored here: run the tests in the foreground, or below `env --default-signal`"
    );
}

impl Running {
    /// Waits until an event of the run is on disk.
    pub(crate) fn until(&mut self, event: &str) {
        self.until_file("events.jsonl", event, |text| text.contains(event));
    }

    /// Waits until so many requests are on disk.
    pub(crate) fn until_rows(&mut self, rows: usize) {
        self.until_file("samples.jsonl", "enough rows", |text| {
            text.lines().count() >= rows
        });
    }

    fn until_file(&mut self, name: &str, what: &str, wanted: impl Fn(&str) -> bool) {
        let began = Instant::now();
        let file = self.dir().join(name);
        while !std::fs::read_to_string(&file).is_ok_and(|text| wanted(&text)) {
            if let Some(status) = self.child.try_wait().unwrap() {
                panic!("ended with {status} before `{what}`");
            }
            assert!(
                began.elapsed() < Duration::from_secs(300),
                "no `{what}` came"
            );
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// The process id of an engine process, by its name.
    pub(crate) fn pid_of(&self, process: &str) -> Pid {
        let events = self.folder.path().join("reports/latest/events.jsonl");
        let text = std::fs::read_to_string(events).unwrap();
        let mut events = text
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap());
        let started =
            events.find(|event| event["event"] == "process_started" && event["process"] == process);
        let pid = started.unwrap()["pid"].as_i64().unwrap();
        Pid::from_raw(i32::try_from(pid).unwrap())
    }

    /// Reads what it prints until a line contains `text`.
    pub(crate) fn prints_until(&mut self, text: &str) -> String {
        let mut said = String::new();
        let mut byte = [0];
        let stdout = self.child.stdout.as_mut().unwrap();
        while !(said.ends_with('\n') && said.contains(text)) {
            assert_eq!(stdout.read(&mut byte).unwrap(), 1, "ended after: {said}");
            said.push(char::from(byte[0]));
        }
        said
    }

    /// Reads what it says on stderr until that contains `text`.
    pub(crate) fn tells_until(&mut self, text: &str) -> String {
        let mut said = String::new();
        let mut byte = [0];
        let stderr = self.child.stderr.as_mut().unwrap();
        while !said.contains(text) {
            assert_eq!(stderr.read(&mut byte).unwrap(), 1, "ended after: {said}");
            said.push(char::from(byte[0]));
        }
        said
    }

    /// The test's own folder.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The report directory.
    pub(crate) fn dir(&self) -> PathBuf {
        self.folder.path().join("reports/latest")
    }

    pub(crate) fn signal(&self, signal: Signal) {
        not_ignored(signal);
        kill(Pid::from_raw(self.child.id().cast_signed()), signal).unwrap();
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Whether it has ended.
    pub(crate) fn ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// Waits until an event of the run is on disk, or the run has ended; true for the first.
    pub(crate) fn until_or_end(&mut self, event: &str) -> bool {
        let events = self.folder.path().join("reports/latest/events.jsonl");
        while self.child.try_wait().unwrap().is_none() {
            if std::fs::read_to_string(&events).is_ok_and(|text| text.contains(event)) {
                return true;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        false
    }

    /// Whether it has not ended.
    pub(crate) fn runs(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Process ids of what this run has started whose command line contains `text`.
    pub(crate) fn pids(&self, text: &str) -> Vec<i32> {
        marked(&self.mark)
            .into_iter()
            .filter(|(_, command)| command.contains(text))
            .map(|(pid, _)| pid)
            .collect()
    }

    pub(crate) fn done(self) -> Done {
        let output = self.child.wait_with_output().unwrap();
        Done {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
            mark: self.mark,
            folder: self.folder,
        }
    }
}

impl Done {
    /// Fails with everything it said unless it ended with `code`.
    #[track_caller]
    pub(crate) fn code(self, code: i32) -> Self {
        assert_eq!(
            self.code, code,
            "exit code\n--- stdout\n{}\n--- stderr\n{}",
            self.stdout, self.stderr
        );
        self
    }

    /// Fails unless everything held; that the machine was too busy for its figures to be trusted is another test's.
    #[track_caller]
    pub(crate) fn ran(self) -> Self {
        self.code_when_quiet(0)
    }

    /// Fails unless it ended with `code`, or with 4 because the machine was too busy for its figures to be trusted.
    #[track_caller]
    pub(crate) fn code_when_quiet(self, code: i32) -> Self {
        let code = if self.code == 4 { 4 } else { code };
        self.code(code)
    }

    /// Fails unless it said this, on either stream, wherever its lines were wrapped.
    #[track_caller]
    pub(crate) fn says(self, text: &str) -> Self {
        let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(
            words(&self.stdout).contains(&words(text))
                || words(&self.stderr).contains(&words(text)),
            "`{text}` was not said\n--- stdout\n{}\n--- stderr\n{}",
            self.stdout,
            self.stderr
        );
        self
    }

    /// Fails unless every process, port directory and scratch directory of it is gone within `seconds`.
    #[track_caller]
    pub(crate) fn leaves_nothing(self, seconds: u64) -> Self {
        let began = Instant::now();
        loop {
            let left = marked(&self.mark);
            if left.is_empty() {
                break;
            }
            assert!(
                began.elapsed() < Duration::from_secs(seconds),
                "still running: {left:?}"
            );
            std::thread::sleep(Duration::from_millis(20));
        }
        if let Some(run) = self.record() {
            let run_id = run["run_id"].as_str().unwrap();
            let left = scratch_of(run_id);
            assert!(left.is_empty(), "left behind: {left:?}");
            for entry in std::fs::read_dir("/dev/shm").unwrap().flatten() {
                let left = entry.file_name().to_string_lossy().into_owned();
                assert!(!left.contains(run_id), "left behind: /dev/shm/{left}");
            }
        }
        self
    }

    /// The test's own folder.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// What carries this run's mark and still runs.
    pub(crate) fn running(&self) -> Vec<(i32, String)> {
        marked(&self.mark)
    }

    /// Runs another verb of `bench` after it, with the same registry.
    pub(crate) fn then(&self, arguments: &[&str]) -> std::process::Output {
        let folder = self.folder.path();
        let reachable = folder.join(REACHABLE);
        let mut command = if reachable.exists() {
            // As the user of the run, who owns the folder.
            let user = std::fs::metadata(folder).unwrap().uid();
            let mut command = Command::new(reachable);
            command.uid(user).gid(user).current_dir("/");
            command
        } else {
            let mut command = Command::new(program());
            command.current_dir(root());
            command
        };
        command
            .args(arguments)
            .env("XDG_STATE_HOME", folder)
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }

    /// Fails if an engine's child runs that lost the test's mark by renaming itself, as vLLM's do.
    #[track_caller]
    pub(crate) fn leaves_no_vllm(self) -> Self {
        let left = processes(|_, command| command.starts_with("VLLM::"));
        assert!(left.is_empty(), "still running: {left:?}");
        self
    }

    /// The report directory.
    pub(crate) fn dir(&self) -> PathBuf {
        self.folder.path().join("reports/latest")
    }

    /// A file of the test's own folder.
    pub(crate) fn written(&self, name: &str) -> String {
        std::fs::read_to_string(self.folder.path().join(name)).unwrap()
    }

    /// `run.json`, where there is one.
    pub(crate) fn record(&self) -> Option<Value> {
        let text = std::fs::read_to_string(self.dir().join("run.json")).ok()?;
        Some(serde_json::from_str(&text).unwrap())
    }

    /// `run.json`
    #[track_caller]
    pub(crate) fn run(&self) -> Value {
        self.record()
            .unwrap_or_else(|| panic!("no run.json\n{}", self.stderr))
    }

    /// The rows of `samples.jsonl`.
    pub(crate) fn samples(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(self.dir().join("samples.jsonl")).unwrap();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }
}

/// The directories of a run, by their markers, in whatever user's own directory for runs.
pub(crate) fn scratch_of(run_id: &str) -> Vec<PathBuf> {
    let inside = |directory: PathBuf| std::fs::read_dir(directory).into_iter().flatten().flatten();
    let is_root = |entry: &std::fs::DirEntry| {
        let name = entry.file_name().to_string_lossy().into_owned();
        name.starts_with("bench-")
    };
    inside(std::env::temp_dir())
        .filter(is_root)
        .flat_map(|root| inside(root.path()))
        .map(|entry| entry.path())
        .filter(|path| {
            let mark = std::fs::read_to_string(path.join(".bench-run"));
            mark.is_ok_and(|mark| mark.trim_end() == run_id)
        })
        .collect()
}

/// Processes that carry a test's mark, with their command lines; zombies are gone already.
pub(crate) fn marked(mark: &str) -> Vec<(i32, String)> {
    let wanted = format!("BENCH_TEST={mark}\0");
    processes(|environment, _| environment.contains(&wanted))
}

/// Process ids of what runs with `text` in its command line, whatever it carries.
pub(crate) fn pids_with(text: &str) -> Vec<i32> {
    let found = processes(|_, command| command.contains(text));
    found.into_iter().map(|(pid, _)| pid).collect()
}

/// Waits until `wanted` holds.
#[track_caller]
pub(crate) fn wait_until(what: &str, wanted: impl Fn() -> bool) {
    let began = Instant::now();
    while !wanted() {
        assert!(began.elapsed() < Duration::from_secs(60), "not so: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Every process whose environment and command line please.
fn processes(wanted: impl Fn(&str, &str) -> bool) -> Vec<(i32, String)> {
    let read = |path: PathBuf| {
        let bytes = std::fs::read(path).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    };
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let Some(pid) = entry
            .file_name()
            .to_str()
            .and_then(|name| name.parse().ok())
        else {
            continue;
        };
        let command = read(entry.path().join("cmdline")).replace('\0', " ");
        if wanted(&read(entry.path().join("environ")), &command) {
            found.push((pid, command));
        }
    }
    found
}

/// Where `ci/setup` keeps what it installs.
pub(crate) fn cache() -> PathBuf {
    let set = |name| std::env::var_os(name).map(PathBuf::from);
    set("BENCH_CACHE")
        .or_else(|| set("XDG_CACHE_HOME").map(|path| path.join("bench")))
        .unwrap_or_else(|| std::env::home_dir().unwrap().join(".cache/bench"))
}
