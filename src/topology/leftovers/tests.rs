use super::*;
use std::fs::File;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

fn cleaned(place: &Path) -> Vec<Cleaned> {
    clean_at(&[place.to_owned()], Duration::ZERO, |_| {}).runs
}

/// A run id that only this test uses. Cleaning ends every process with that id in its environment, also processes of
/// other tests.
fn run_id(test: &str) -> String {
    format!("{test}-{}", std::process::id())
}

/// A directory of a run, as its warden makes it.
fn scratch_of(run_id: &str) -> PathBuf {
    let root = scratch::root().unwrap();
    let path = root.path.join(scratch::name(run_id));
    scratch::make(&path, run_id).unwrap();
    path
}

/// A registry with one entry of a run that is over, whose only process is `pid`.
fn dead_run(place: &Path, run_id: &str, pid: i32, log: &Path, scratch: &Path) {
    let mut entry = Entry::create(place, run_id).unwrap();
    let path = scratch.to_owned();
    entry.add(&Line::Directory { path }).unwrap();
    let start = proc::stat(pid).unwrap().start;
    let (name, log) = ("engine".to_owned(), log.to_owned());
    entry
        .add(&Line::Process {
            name,
            pid,
            start,
            log,
        })
        .unwrap();
}

fn sleeper(run_id: Option<&str>, log: &Path) -> Child {
    let mut command = Command::new("sleep");
    command
        .arg("300")
        .env_clear()
        .stdin(Stdio::null())
        .stdout(File::options().append(true).create(true).open(log).unwrap())
        .stderr(Stdio::null())
        .process_group(0);
    if let Some(run_id) = run_id {
        command.env(proc::MARK, run_id);
    }
    let child = command.spawn().unwrap();
    // Its environment is readable once it has executed.
    while !proc::command(pid(&child)).starts_with("sleep") {
        std::thread::sleep(Duration::from_millis(1));
    }
    child
}

fn pid(child: &Child) -> i32 {
    child.id().cast_signed()
}

fn alive(child: &mut Child) -> bool {
    child.try_wait().unwrap().is_none()
}

#[test]
fn what_a_dead_run_left_is_ended_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let (place, log) = (folder.path().join("runs"), folder.path().join("engine.log"));
    let (dead, living) = (run_id("dead"), run_id("living"));
    let scratch = scratch_of(&dead);
    let mut marked = sleeper(Some(&dead), &log);
    let mut unmarked = sleeper(None, &log);
    let mut other = sleeper(Some(&living), &log);
    dead_run(&place, &dead, pid(&marked), &log, &scratch);
    let ended = cleaned(&place);
    assert_eq!(ended.len(), 1);
    assert_eq!(ended[0].ended.len(), 1, "{ended:?}");
    assert_eq!(ended[0].ended[0].0, pid(&marked));
    assert_eq!(ended[0].removed, [scratch.as_path()]);
    assert!(!alive(&mut marked) && alive(&mut unmarked) && alive(&mut other));
    assert!(cleaned(&place).is_empty(), "it is told once");
    for child in [&mut unmarked, &mut other] {
        child.kill().unwrap();
        child.wait().unwrap();
    }
}

#[test]
fn a_process_that_overwrote_its_environment_is_known_by_session_and_log() {
    let folder = tempfile::tempdir().unwrap();
    let (place, log) = (folder.path().join("runs"), folder.path().join("engine.log"));
    // In the session of this test process, which the registry then names.
    let session = proc::stat(std::process::id().cast_signed())
        .unwrap()
        .session;
    if proc::stat(session).is_none() {
        return;
    }
    let elsewhere = folder.path().join("other.log");
    let mut renamed = sleeper(None, &log);
    let mut innocent = sleeper(None, &elsewhere);
    dead_run(
        &place,
        &run_id("renamed"),
        session,
        &log,
        &folder.path().join("none"),
    );
    let ended = cleaned(&place);
    assert_eq!(ended[0].ended.len(), 1, "{ended:?}");
    assert!(!alive(&mut renamed) && alive(&mut innocent));
    innocent.kill().unwrap();
    innocent.wait().unwrap();
}

#[test]
fn a_process_without_a_mark_is_known_by_session_start_or_parent() {
    let folder = tempfile::tempdir().unwrap();
    let (place, log) = (folder.path().join("runs"), folder.path().join("engine.log"));
    // The leader of a session of its own, which has no mark either, and a child of it in another session.
    let nap = format!("3{}", std::process::id());
    let mut leader = Command::new("setsid");
    let script = format!("setsid sleep {nap} & sleep {nap}");
    leader.args(["sh", "-c", &script]).env_clear();
    leader.env("PATH", std::env::var_os("PATH").unwrap());
    let mut leader = leader.stdin(Stdio::null()).spawn().unwrap();
    let sleeping = || {
        let named = |pid: &i32| proc::command(*pid) == format!("sleep {nap}");
        let alive = |pid: &i32| proc::stat(*pid).is_some_and(|stat| !stat.zombie);
        proc::pids().into_iter().filter(named).filter(alive).count()
    };
    while sleeping() < 2 {
        std::thread::sleep(Duration::from_millis(1));
    }
    // One that the registry names by pid and start, and one whose pid it names with another start.
    let elsewhere = folder.path().join("other.log");
    let mut named = sleeper(None, &elsewhere);
    let mut innocent = sleeper(None, &elsewhere);
    let unmarked = run_id("unmarked");
    dead_run(
        &place,
        &unmarked,
        pid(&leader),
        &log,
        &folder.path().join("none"),
    );
    let stray = |child: &Child, later: u64| Line::Stray {
        pid: pid(child),
        start: proc::stat(pid(child)).unwrap().start + later,
    };
    let mut entry = Entry::create(&place, &unmarked).unwrap();
    entry.add(&stray(&named, 0)).unwrap();
    entry.add(&stray(&innocent, 1)).unwrap();
    drop(entry);
    let looked = clean_at(std::slice::from_ref(&place), Duration::ZERO, |_| {});
    assert!(looked.unseen.is_empty() && looked.ending.is_empty());
    assert_eq!(sleeping(), 0, "{looked:?}");
    assert!(!alive(&mut named) && alive(&mut innocent));
    leader.wait().unwrap();
    innocent.kill().unwrap();
    innocent.wait().unwrap();
}

#[test]
fn a_run_that_lives_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let (place, log) = (folder.path().join("runs"), folder.path().join("engine.log"));
    let twice = run_id("twice");
    let scratch = scratch_of(&twice);
    let mut child = sleeper(Some(&twice), &log);
    dead_run(&place, &twice, pid(&child), &log, &scratch);
    let living = Entry::create(&place, &twice).unwrap();
    assert!(cleaned(&place).is_empty());
    assert!(alive(&mut child) && scratch.exists());
    drop(living);
    assert!(!cleaned(&place).is_empty());
    assert!(!alive(&mut child));
}

/// What cleaning a registry whose only entry, of the run `run_id`, has these lines does.
fn with_lines(run_id: &str, lines: &[Line]) -> Vec<Cleaned> {
    let place = tempfile::tempdir().unwrap();
    let mut entry = Entry::create(place.path(), run_id).unwrap();
    for line in lines {
        entry.add(line).unwrap();
    }
    drop(entry);
    cleaned(place.path())
}

#[test]
fn a_directory_that_is_not_marked_as_the_runs_stays() {
    let directory = run_id("directory");
    let elsewhere = tempfile::tempdir().unwrap();
    std::fs::write(elsewhere.path().join("file"), "").unwrap();
    // Marked, but not where directories of runs are.
    std::fs::write(
        elsewhere.path().join(scratch::MARKER),
        format!("{directory}\n"),
    )
    .unwrap();
    let another = run_id("another");
    let other = scratch_of(&another);
    let root = other.parent().unwrap().to_owned();
    let link = root.join(scratch::name(&run_id("link")));
    std::os::unix::fs::symlink(elsewhere.path(), &link).unwrap();
    let around = other.join("..").join(other.file_name().unwrap());
    for path in [elsewhere.path(), &other, &root, &link, &around] {
        let path = path.to_owned();
        let found = with_lines(&directory, &[Line::Directory { path: path.clone() }]);
        assert!(found[0].removed.is_empty(), "{found:?}");
        assert_eq!(found[0].stuck.len(), 1, "{found:?}");
        assert!(path.exists() && other.exists(), "{}", path.display());
    }
    assert!(elsewhere.path().join("file").exists());
    std::fs::remove_file(link).unwrap();
    scratch::remove(&other, &another).unwrap();
}

#[test]
fn files_that_are_no_shared_memory_and_directories_that_are_no_cgroup_stay() {
    let folder = tempfile::tempdir().unwrap();
    let (file, cgroup) = (folder.path().join("file"), folder.path().join("bench-1"));
    std::fs::write(&file, "").unwrap();
    std::fs::create_dir(&cgroup).unwrap();
    let inode = containment::inode(&file).unwrap();
    let around = PathBuf::from("/dev/shm/../..").join(file.strip_prefix("/").unwrap());
    let lines = [
        Line::Memory {
            path: file.clone(),
            inode,
        },
        Line::Memory {
            path: around,
            inode,
        },
        Line::Cgroup {
            path: cgroup.clone(),
            inode: containment::inode(&cgroup),
        },
    ];
    assert!(with_lines(&run_id("no-memory"), &lines).is_empty());
    assert!(file.exists() && cgroup.exists());
}

#[test]
fn a_cgroup_is_killed_only_where_it_is_the_runs() {
    // Where none can be made, there is none to kill.
    let Ok((path, _cgroup)) = containment::Cgroup::place()
        .and_then(|path| Ok((path.clone(), containment::Cgroup::create(path)?)))
    else {
        return;
    };
    let log = PathBuf::from("/dev/null");
    let inode = containment::inode(&path);
    let line = |inode| {
        let path = path.clone();
        [Line::Cgroup { path, inode }]
    };
    let survives = |mark: Option<&str>, inode: Option<u64>| {
        let mut child = sleeper(mark, &log);
        std::fs::write(path.join("cgroup.procs"), pid(&child).to_string()).unwrap();
        let found = with_lines(&run_id("grouped"), &line(inode));
        let lives = alive(&mut child);
        assert_eq!(lives, found.is_empty(), "{found:?}");
        let _ = child.kill();
        child.wait().unwrap();
        // What was cleaned was removed as well.
        let _ = std::fs::create_dir(&path);
        lives
    };
    assert!(
        survives(Some(&run_id("living")), inode),
        "it is another run's"
    );
    assert!(survives(None, None), "nothing says whose it is");
    assert!(survives(None, Some(1)), "it is a later one of that name");
    assert!(!survives(None, inode), "it is the one noted");
    let again = containment::inode(&path);
    assert!(!survives(Some(&run_id("grouped")), again), "it is marked");
}
