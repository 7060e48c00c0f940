use super::*;

fn entries(dir: &Path) -> usize {
    fs::read_dir(dir).expect("a directory").count()
}

#[test]
fn a_reserve_has_no_name_until_it_is_put_and_replaces_what_is_there() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("run.json");
    fs::write(&path, "old").expect("written");
    let mut reserve = Reserve::new(dir.path(), "run.json").expect("made");
    reserve.grow(1 << 16).expect("room");
    reserve.put("the new text", &path).expect("put");
    assert_eq!(fs::read_to_string(&path).expect("read"), "the new text");
    drop(reserve);
    assert_eq!(entries(dir.path()), 1);
}

#[test]
fn a_file_system_that_sets_nothing_aside_gets_zeros() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("run.json");
    let mut reserve = Reserve {
        file: File::create(dir.path().join(".run.json.new")).expect("made"),
        name: Some(dir.path().join(".run.json.new")),
        room: 0,
        zeros: true,
    };
    for room in [10, 5, 100_000] {
        reserve.grow(room).expect("room");
    }
    let length = reserve.file.metadata().expect("known").len();
    assert_eq!(length, 100_000);
    reserve.put("short", &path).expect("put");
    assert_eq!(fs::read_to_string(&path).expect("read"), "short");
    drop(reserve);
    assert_eq!(entries(dir.path()), 1);
}

#[test]
fn a_reserve_that_is_not_needed_leaves_nothing() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut reserve = Reserve::new(dir.path(), "run.json").expect("made");
    reserve.grow(1 << 16).expect("room");
    drop(reserve);
    assert_eq!(entries(dir.path()), 0);
}

#[test]
fn a_text_that_can_not_be_written_leaves_nothing_beside_it() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("folder");
    fs::create_dir(&path).expect("made");
    fs::write(path.join("x"), "").expect("written");
    assert!(replace(&path, "text").is_err(), "a directory stays");
    assert_eq!(entries(dir.path()), 1);
}
