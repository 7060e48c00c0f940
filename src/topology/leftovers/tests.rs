use super::*;
use std::fs::File;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

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
    let scratch = folder.path().join("scratch");
    std::fs::create_dir(&scratch).unwrap();
    let mut marked = sleeper(Some("dead"), &log);
    let mut unmarked = sleeper(None, &log);
    let mut other = sleeper(Some("living"), &log);
    dead_run(&place, "dead", pid(&marked), &log, &scratch);
    let cleaned = clean(&place);
    assert_eq!(cleaned.len(), 1);
    assert_eq!(cleaned[0].ended.len(), 1, "{cleaned:?}");
    assert_eq!(cleaned[0].ended[0].0, pid(&marked));
    assert_eq!(cleaned[0].removed, [scratch.as_path()]);
    assert!(!alive(&mut marked) && alive(&mut unmarked) && alive(&mut other));
    assert!(clean(&place).is_empty(), "it is told once");
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
    dead_run(&place, "dead", session, &log, &folder.path().join("none"));
    let cleaned = clean(&place);
    assert_eq!(cleaned[0].ended.len(), 1, "{cleaned:?}");
    assert!(!alive(&mut renamed) && alive(&mut innocent));
    innocent.kill().unwrap();
    innocent.wait().unwrap();
}

#[test]
fn a_run_that_lives_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let (place, log) = (folder.path().join("runs"), folder.path().join("engine.log"));
    let scratch = folder.path().join("scratch");
    std::fs::create_dir(&scratch).unwrap();
    let mut child = sleeper(Some("twice"), &log);
    dead_run(&place, "twice", pid(&child), &log, &scratch);
    let living = Entry::create(&place, "twice").unwrap();
    assert!(clean(&place).is_empty());
    assert!(alive(&mut child) && scratch.exists());
    drop(living);
    assert!(!clean(&place).is_empty());
    assert!(!alive(&mut child));
}
