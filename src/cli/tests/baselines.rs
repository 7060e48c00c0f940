use super::*;
use crate::record::{Redactor, Writer, fixture};

/// A record, and a folder for baselines.
fn made() -> (tempfile::TempDir, PathBuf, PathBuf) {
    let scratch = tempfile::tempdir().expect("a directory");
    let mut run = fixture::pass();
    let reports = scratch.path().join("reports");
    let writer = Writer::create(&reports, &mut run, Redactor::default()).expect("a record");
    let baselines = scratch.path().join("baselines");
    (scratch, writer.dir().to_owned(), baselines)
}

fn names(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).expect("a directory");
    let mut names: Vec<String> = entries
        .map(|entry| entry.expect("an entry").file_name().display().to_string())
        .collect();
    names.sort();
    names
}

#[test]
fn a_baseline_is_kept_and_replaced_and_nothing_else_is_left() {
    let (_scratch, run, baselines) = made();
    for _ in 0..2 {
        let place = keep(&run, &baselines, "main")
            .map_err(|r| r.1)
            .expect("kept");
        assert_eq!(names(&baselines), ["main"]);
        assert_eq!(
            names(&place),
            [EVENTS_FILE, RUN_FILE, SAMPLES_FILE, SERVER_FILE]
        );
        record::read(&place).expect("a record");
    }
    // Of itself, and by its file.
    let place = keep(&baselines.join("main"), &baselines, "main").map_err(|r| r.1);
    let file = place.expect("kept").join(RUN_FILE);
    keep(&file, &baselines, "other")
        .map_err(|r| r.1)
        .expect("kept");
    assert_eq!(names(&baselines), ["main", "other"]);
}

#[test]
fn what_is_no_baseline_is_never_deleted() {
    let (scratch, run, baselines) = made();
    fs::create_dir_all(baselines.join("folder")).expect("made");
    fs::create_dir_all(baselines.join("empty")).expect("made");
    fs::write(baselines.join("folder/notes"), "mine").expect("written");
    fs::write(baselines.join("file"), "mine").expect("written");
    let target = scratch.path().join("target");
    keep(&run, scratch.path(), "target")
        .map_err(|r| r.1)
        .expect("kept");
    std::os::unix::fs::symlink(&target, baselines.join("link")).expect("linked");
    std::os::unix::fs::symlink("nowhere", baselines.join("dangling")).expect("linked");
    // A whole report directory, one with a folder in place of its samples, one that holds no record.
    let whole = run.file_name().expect("a name").to_str().expect("text");
    fs::rename(&run, baselines.join(whole)).expect("moved");
    let run = baselines.join(whole);
    for name in ["odd", "broken"] {
        keep(&run, &baselines, name).map_err(|r| r.1).expect("kept");
    }
    fs::remove_file(baselines.join("odd").join(SAMPLES_FILE)).expect("removed");
    fs::create_dir(baselines.join("odd").join(SAMPLES_FILE)).expect("made");
    fs::write(baselines.join("odd").join(SAMPLES_FILE).join("x"), "mine").expect("written");
    fs::write(baselines.join("broken").join(RUN_FILE), "{}").expect("written");
    let before = names(&baselines);
    for name in [
        "folder", "empty", "file", "link", "dangling", whole, "odd", "broken",
    ] {
        let Refused(code, why) = keep(&run, &baselines, name).expect_err("refused");
        assert_eq!(code, ExitCode::BadScenario, "{name}: {why}");
        assert!(
            why.contains("is not a baseline and is left as it is"),
            "{why}"
        );
    }
    assert_eq!(names(&baselines), before);
    assert_eq!(
        fs::read_to_string(baselines.join("folder/notes")).expect("there"),
        "mine"
    );
    assert!(baselines.join("odd").join(SAMPLES_FILE).join("x").exists());
    assert!(target.join(RUN_FILE).exists() && run.join("logs").exists());
    assert!(baselines.join("link").is_symlink());
}

#[test]
fn a_name_never_leads_elsewhere() {
    let (_scratch, run, baselines) = made();
    for name in [
        "",
        ".",
        "..",
        "../reports",
        "a/b",
        "/tmp/x",
        ".hidden",
        "a b",
        "a\n",
        "é",
        "a\0b",
    ] {
        let Refused(code, why) = keep(&run, &baselines, name).expect_err("refused");
        assert_eq!(code, ExitCode::BadScenario);
        assert!(why.contains("is not a valid name"), "{why}");
    }
    assert!(!baselines.exists());
}

#[test]
fn a_copy_that_fails_leaves_the_old_one_and_nothing_beside_it() {
    let (_scratch, run, baselines) = made();
    let place = keep(&run, &baselines, "main")
        .map_err(|r| r.1)
        .expect("kept");
    fs::remove_file(run.join(SAMPLES_FILE)).expect("removed");
    fs::create_dir(run.join(SAMPLES_FILE)).expect("made");
    let Refused(code, why) = keep(&run, &baselines, "main").expect_err("refused");
    assert_eq!(code, ExitCode::TopologyFailed, "{why}");
    assert_eq!(names(&baselines), ["main"]);
    record::read(&place).expect("still a record");
}
