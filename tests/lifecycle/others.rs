//! Other users of the machine: nothing of theirs is obeyed, and they can read nothing that is not redacted.

#![expect(clippy::print_stdout, reason = "a test that is skipped says so")]

use super::{LOAD, LONG_LOAD, scenario};
use crate::support::{Bench, Done, bench, program, root, scratch_of};
use nix::sys::signal::Signal;
use nix::sys::stat::Mode;
use nix::unistd::geteuid;
use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, lchown, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// A user who has nothing on this machine.
pub(super) const STRANGER: u32 = 54_321;

/// Whether this test can act as other users.
pub(super) fn can_be_others() -> bool {
    let can = geteuid().is_root();
    if !can {
        println!("skipped: needs root");
    }
    can
}

/// Makes something at a path.
type Make<'a> = &'a dyn Fn(&Path);

fn set(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().mode() & 0o777
}

/// Gives a folder and all that is in it to a user.
fn give(path: &Path, user: u32) {
    lchown(path, Some(user), Some(user)).unwrap();
    if path.is_dir() && !path.is_symlink() {
        for entry in fs::read_dir(path).unwrap().flatten() {
            give(&entry.path(), user);
        }
    }
}

/// A process of ours that carries the mark of a run.
fn victim(run_id: &str) -> Child {
    Command::new("sleep")
        .arg("300")
        .env("BENCH_RUN_ID", run_id)
        .spawn()
        .unwrap()
}

fn kernel(name: &str) -> String {
    let text = fs::read_to_string(format!("/proc/sys/kernel/{name}")).unwrap();
    text.trim().to_owned()
}

/// A registry in `state` that names a run of a process that is none of its business, and such a directory.
fn plant(state: &Path, run_id: &str, directory: &Path) -> PathBuf {
    let runs = state.join("bench/runs");
    fs::create_dir_all(&runs).unwrap();
    set(&runs, 0o700);
    set(runs.parent().unwrap(), 0o700);
    let file = runs.join("planted.1-1.jsonl");
    let run = serde_json::json!({"run": {"run_id": run_id, "host": kernel("hostname"),
        "boot_id": kernel("random/boot_id"), "runner": 1}});
    let directory = serde_json::json!({"directory": {"path": directory}});
    fs::write(&file, format!("{run}\n{directory}\n")).unwrap();
    file
}

/// A run or another verb whose registry is in the folder `state`.
fn with_state(verb: &str) -> (Bench, PathBuf) {
    let bench = bench(verb);
    let state = bench.folder().join("state");
    fs::create_dir(&state).unwrap();
    let text = state.to_str().unwrap().to_owned();
    (bench.env("XDG_STATE_HOME", &text), state)
}

#[test]
fn a_registry_of_another_user_is_not_obeyed() {
    if !can_be_others() {
        return;
    }
    let mut victim = victim("strange");
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("precious"), "").unwrap();
    let alive = |victim: &mut Child| victim.try_wait().unwrap().is_none();
    for part in ["", "bench", "bench/runs", "bench/runs/planted.1-1.jsonl"] {
        let (clean, state) = with_state("clean");
        plant(&state, "strange", directory.path());
        give(&state.join(part), STRANGER);
        let done = clean.run().code(3).says("belongs to user 54321");
        assert!(!done.stdout.contains("nothing was left"), "{}", done.stdout);
        assert!(alive(&mut victim), "{part}");
        let (run, state) = with_state("run");
        plant(&state, "strange", directory.path());
        give(&state.join(part), STRANGER);
        let done = run.file("run.yaml", &scenario("", LOAD)).run().ran();
        assert_eq!(done.stderr.matches("54321").count(), 1, "{}", done.stderr);
        assert!(alive(&mut victim) && directory.path().join("precious").exists());
        done.leaves_nothing(5);
    }
    victim.kill().unwrap();
    victim.wait().unwrap();
}

#[test]
fn a_registry_in_a_home_of_another_user_is_not_made() {
    if !can_be_others() {
        return;
    }
    let run = bench("run").without("XDG_STATE_HOME");
    let home = run.folder().join("home");
    fs::create_dir(&home).unwrap();
    give(&home, STRANGER);
    let run = run.env("HOME", home.to_str().unwrap());
    let done = run.file("run.yaml", &scenario("", LOAD)).run().ran();
    let done = done
        .says("what this run starts is noted in")
        .leaves_nothing(5);
    assert_eq!(fs::read_dir(done.folder().join("home")).unwrap().count(), 0);
}

#[test]
fn a_registry_that_others_can_write_to_is_not_obeyed() {
    let mut victim = victim("writable");
    let directory = tempfile::tempdir().unwrap();
    for part in ["", "bench", "bench/runs", "bench/runs/planted.1-1.jsonl"] {
        let (clean, state) = with_state("clean");
        plant(&state, "writable", directory.path());
        set(&state.join(part), 0o777);
        clean.run().code(3).says("other users can write to");
        assert!(victim.try_wait().unwrap().is_none(), "{part}");
    }
    victim.kill().unwrap();
    victim.wait().unwrap();
}

#[test]
fn an_entry_that_is_no_regular_file_blocks_no_run() {
    let plants: [(&str, Make); 4] = [
        ("a FIFO", &|path| {
            nix::unistd::mkfifo(path, Mode::S_IRUSR | Mode::S_IWUSR).unwrap();
        }),
        ("a symbolic link", &|path| {
            symlink("/dev/zero", path).unwrap()
        }),
        ("a symbolic link", &|path| symlink(path, path).unwrap()),
        ("a directory", &|path| fs::create_dir(path).unwrap()),
    ];
    for (kind, make) in plants {
        let (run, state) = with_state("run");
        let file = plant(&state, "odd", Path::new("/nowhere"));
        make(&file.with_file_name("odd.jsonl"));
        let run = run.file("run.yaml", &scenario("", LOAD));
        run.run().ran().says(kind).leaves_nothing(5);
        let (clean, state) = with_state("clean");
        let file = plant(&state, "odd", Path::new("/nowhere"));
        make(&file.with_file_name("odd.jsonl"));
        clean.run().code(3).says(kind);
        assert!(!file.exists(), "the good one beside it is dealt with");
    }
}

#[test]
fn a_directory_that_is_not_the_runs_stays_and_is_told_of() {
    let (clean, state) = with_state("clean");
    let directory = state.join("precious");
    fs::create_dir(&directory).unwrap();
    fs::write(directory.join("file"), "").unwrap();
    plant(&state, "unmarked", &directory);
    let done = clean.run().code(3).says("is not in a directory for runs");
    assert!(done.folder().join("state/precious/file").exists());
}

#[test]
fn what_is_left_of_a_run_that_could_not_use_its_registry_is_found() {
    let (run, state) = with_state("run");
    set(&state, 0o777);
    // Not where others that run at this time look.
    let (run, temporary) = temporary(run);
    let sim = "startup: 200ms, args: {leave-child: double-fork, ignore-term: null}";
    let mut running = run
        .file("run.yaml", &scenario(sim, LONG_LOAD))
        .env("BENCH_TIER", "plain")
        .start();
    running.until("\"phase_started\"");
    for warden in running.pids(" warden ") {
        let warden = nix::unistd::Pid::from_raw(warden);
        nix::sys::signal::kill(warden, Signal::SIGSTOP).unwrap();
    }
    running.signal(Signal::SIGKILL);
    for warden in running.pids(" warden ") {
        let warden = nix::unistd::Pid::from_raw(warden);
        nix::sys::signal::kill(warden, Signal::SIGKILL).unwrap();
    }
    let done = running.done();
    let cleaned = after(&done, &temporary).arg("clean").output().unwrap();
    let said = String::from_utf8_lossy(&cleaned.stdout);
    assert!(said.contains("ended process"), "{said}");
    done.leaves_nothing(5);
}

/// `bench` after a command, with its registry and another folder for temporary files.
fn after(done: &Done, temporary: &Path) -> Command {
    let mut command = Command::new(program());
    command
        .env("TMPDIR", temporary)
        .env("XDG_STATE_HOME", done.folder())
        .current_dir(root())
        .stdin(Stdio::null());
    command
}

/// A folder for temporary files as everyone has it, in the test's own.
fn temporary(bench: Bench) -> (Bench, PathBuf) {
    let path = bench.folder().join("t");
    fs::create_dir(&path).unwrap();
    set(bench.folder(), 0o755);
    set(&path, 0o1777);
    let text = path.to_str().unwrap().to_owned();
    (bench.env("TMPDIR", &text), path)
}

#[test]
fn a_squatted_directory_is_not_used() {
    let own = format!("bench-{}", geteuid());
    let plants: [Make; 4] = [
        &|path| symlink("/", path).unwrap(),
        &|path| fs::write(path, "").unwrap(),
        &|path| {
            fs::create_dir(path).unwrap();
            set(path, 0o777);
        },
        &|path| {
            fs::create_dir(path).unwrap();
            set(path, 0o700);
            if geteuid().is_root() {
                give(path, STRANGER);
            } else {
                set(path, 0o770);
            }
        },
    ];
    for make in plants {
        let (run, temporary) = temporary(bench("run"));
        let squatted = temporary.join(&own);
        make(&squatted);
        let mut running = run.file("run.yaml", &scenario("", LONG_LOAD)).start();
        running.until("\"phase_started\"");
        let other = fs::read_dir(&temporary)
            .unwrap()
            .flatten()
            .map(|entry| entry.path())
            .find(|path| *path != squatted)
            .unwrap();
        assert_eq!(mode(&other), 0o700);
        let used = fs::read_dir(&other).unwrap().flatten().next().unwrap();
        assert_eq!(mode(&used.path()), 0o700);
        if fs::symlink_metadata(&squatted).unwrap().is_dir() {
            assert_eq!(fs::read_dir(&squatted).unwrap().count(), 0);
        }
        running.signal(Signal::SIGINT);
        let done = running.done().code(130).says("are in");
        assert_eq!(fs::read_dir(&other).unwrap().count(), 0);
        done.leaves_nothing(5);
    }
}

#[test]
fn a_directory_for_temporary_files_of_another_user_is_not_used() {
    if !can_be_others() {
        return;
    }
    let (run, temporary) = temporary(bench("run"));
    set(&temporary, 0o755);
    give(&temporary, STRANGER);
    let run = run.file("run.yaml", &scenario("", LOAD));
    run.run().ran().leaves_nothing(5);
    assert_eq!(fs::read_dir(temporary).map_or(0, Iterator::count), 0);
}

#[test]
fn an_unprivileged_user_runs_and_leaves_nothing() {
    if !can_be_others() {
        return;
    }
    for tier in super::kills::tiers() {
        let (run, temporary) = temporary(bench("run"));
        let run = run.file("run.yaml", &scenario("flavour: dynamo", LOAD));
        // What root can hold firmly, others sometimes can't.
        let done = run.env("BENCH_TIER", tier).user(STRANGER).run();
        if done.code == 3 && tier != "plain" {
            println!("skipped: {tier} for an unprivileged user: {}", done.stderr);
            continue;
        }
        let done = done.ran().leaves_nothing(5);
        let own = temporary.join(format!("bench-{STRANGER}"));
        assert_eq!(fs::metadata(&own).unwrap().uid(), STRANGER);
        assert_eq!(mode(&own), 0o700);
        assert_eq!(fs::read_dir(own).unwrap().count(), 0);
        assert!(!done.stderr.contains("not used"), "{}", done.stderr);
    }
}

#[test]
fn a_reports_directory_can_be_shared() {
    if !can_be_others() {
        return;
    }
    let (run, _) = temporary(bench("run"));
    let shared = run.folder().join("reports");
    let run = run.file("run.yaml", &scenario("", LOAD)).user(STRANGER);
    fs::create_dir(&shared).unwrap();
    set(&shared, 0o1777);
    let first = "of-somebody-else";
    fs::create_dir(shared.join(first)).unwrap();
    let latest = shared.join("latest");
    symlink(first, &latest).unwrap();
    lchown(&latest, Some(STRANGER + 1), None).unwrap();
    chown(&shared, Some(STRANGER + 1), None).unwrap();
    let done = run
        .run()
        .ran()
        .says("it belongs to user 54322 and still points to another run");
    assert_eq!(fs::read_link(&latest).unwrap(), Path::new(first));
    let runs = fs::read_dir(&shared).unwrap().flatten();
    let own: Vec<_> = runs
        .filter(|entry| {
            entry
                .file_name()
                .to_string_lossy()
                .starts_with("lifecycle-")
        })
        .collect();
    let [own] = &own[..] else {
        panic!("{own:?}");
    };
    assert!(own.path().join("run.json").exists());
    done.leaves_nothing(5);
}

/// Every file and directory below one, with its permissions.
fn modes(path: &Path) -> Vec<(PathBuf, u32)> {
    let mut all = vec![(path.to_owned(), mode(path))];
    if path.is_dir() {
        for entry in fs::read_dir(path).unwrap().flatten() {
            all.append(&mut modes(&entry.path()));
        }
    }
    all
}

#[test]
fn a_record_is_private_until_it_is_finished() {
    let run = bench("run").file("run.yaml", &scenario("", LONG_LOAD));
    let mut running = run.start();
    running.until("\"phase_started\"");
    let dir = fs::canonicalize(running.dir()).unwrap();
    let open = |wanted: u32| move |(_, mode): &(PathBuf, u32)| mode & wanted != 0;
    let during = modes(&dir);
    assert!(during.iter().any(|(path, _)| path.ends_with("warden.log")));
    let readable: Vec<_> = during.into_iter().filter(open(0o077)).collect();
    assert!(readable.is_empty(), "{readable:?}");
    running.signal(Signal::SIGINT);
    let done = running.done().code(130);
    let after = modes(&dir);
    let private: Vec<_> = after.into_iter().filter(|all| !open(0o040)(all)).collect();
    assert!(private.is_empty(), "{private:?}");
    done.leaves_nothing(5);
}

#[test]
fn the_record_of_a_killed_up_is_removed_by_the_next_bench() {
    for next in ["clean", "up"] {
        let (up, temporary) = temporary(bench("up"));
        let up = up.file("up.yaml", &scenario("", LOAD));
        let mut running = up.start();
        running.prints_until("Ctrl-C");
        let own = temporary.join(format!("bench-{}", geteuid()));
        let records = || {
            let entries = fs::read_dir(&own).unwrap().flatten();
            let name = |entry: fs::DirEntry| entry.file_name().to_string_lossy().into_owned();
            entries.map(name).collect::<Vec<_>>()
        };
        assert!(records().iter().any(|name| name.starts_with("up-")));
        running.signal(Signal::SIGKILL);
        let done = running.done();
        let file = done.folder().join("up.yaml");
        let mut command = after(&done, &temporary);
        command.arg(next);
        // The warden of the one that was killed takes its engine down meanwhile.
        let done = done.leaves_nothing(20);
        if next == "up" {
            // It ends at once: there is no such variant.
            command.arg(file).args(["--variant", "none"]);
        }
        let output = command.output().unwrap();
        let said =
            String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        assert!(said.contains("removed"), "{said}");
        assert!(records().is_empty(), "{:?}\n{said}", records());
        assert!(scratch_of("none").is_empty());
        drop(done);
    }
}
