use super::*;

#[test]
fn an_entry_lives_as_long_as_the_runner_or_the_warden_does() {
    let place = tempfile::tempdir().unwrap();
    let runner = Entry::create(place.path(), "run").unwrap();
    let mut warden = Entry::join(runner.path()).unwrap();
    let path = PathBuf::from("/dev/shm/psm_1");
    warden.add(&Line::Memory { path, inode: 6 }).unwrap();
    let state = || {
        let found = entries(place.path());
        (found.dead.len(), found.living.len())
    };
    assert_eq!(state(), (0, 1));
    drop(runner);
    assert_eq!(state(), (0, 1));
    drop(warden);
    let Entries {
        dead,
        living,
        unseen,
    } = entries(place.path());
    assert!(living.is_empty() && unseen.is_empty());
    assert_eq!(dead[0].lines.len(), 2);
    assert!(
        matches!(&dead[0].lines[0], Line::Run { run_id, boot_id, .. }
            if run_id == "run" && !boot_id.is_empty())
    );
}

#[test]
fn a_line_cut_short_is_left_out() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("x.jsonl");
    std::fs::write(
        &path,
        "{\"directory\":{\"path\":\"/a\"}}\n{\"directory\":{\"pa",
    )
    .unwrap();
    let whole = PathBuf::from("/a");
    assert_eq!(read(&path).unwrap(), [Line::Directory { path: whole }]);
}
