use super::*;
use std::os::unix::fs::symlink;

#[test]
fn a_directory_in_the_users_own_is_made_once_and_removed_with_all_in_it() {
    let root = root().unwrap();
    let path = root.path.join(name("run"));
    make(&path, "run").unwrap();
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o700);
    assert!(make(&path, "run").is_err(), "it exists");
    let inner = path.join("tmp/deep");
    fs::create_dir_all(&inner).unwrap();
    assert_eq!(top(&inner), Some(path.as_path()));
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("file"), "").unwrap();
    symlink(outside.path(), inner.join("link")).unwrap();
    let error = remove(&path, "other").unwrap_err().to_string();
    assert!(
        error.contains("not marked as a directory of run other"),
        "{error}"
    );
    assert!(remove(&inner, "run").is_err(), "it lies too deep");
    remove(&path, "run").unwrap();
    assert!(!path.exists() && outside.path().join("file").exists());
}

#[test]
fn a_directory_that_was_killed_before_it_was_marked_is_removed() {
    let path = root().unwrap().path.join(name("killed"));
    fs::create_dir(&path).unwrap();
    remove(&path, "killed").unwrap();
    assert!(!path.exists());
}

#[test]
fn a_name_that_was_taken_is_not_used() {
    let folder = tempfile::tempdir().unwrap();
    let taken = folder.path().join(usual_name());
    let occupy: [&dyn Fn(); 4] = [
        &|| fs::write(&taken, "").unwrap(),
        &|| symlink("/root", &taken).unwrap(),
        &|| symlink(folder.path().join("nothing"), &taken).unwrap(),
        &|| {
            fs::create_dir(&taken).unwrap();
            fs::set_permissions(&taken, Permissions::from_mode(0o777)).unwrap();
        },
    ];
    for make in occupy {
        make();
        let root = root_in(folder.path()).unwrap();
        assert_ne!(root.path, taken);
        assert!(root.note.unwrap().contains(taken.to_str().unwrap()));
        assert!(is_root(&root.path));
        let again = root_in(folder.path()).unwrap();
        assert_eq!(again.path, root.path, "one is enough");
        fs::remove_dir(root.path).unwrap();
        let _ = fs::remove_file(&taken);
    }
    fs::remove_dir(&taken).unwrap();
    assert_eq!(root_in(folder.path()).unwrap().path, taken);
}

#[test]
fn a_parent_that_others_can_write_to_or_with_a_long_path_is_not_used() {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), Permissions::from_mode(0o777)).unwrap();
    let error = root_in(folder.path()).unwrap_err();
    assert!(
        error.bad().unwrap().contains("other users can write to"),
        "{error:?}"
    );
    let long = folder.path().join("x".repeat(LONGEST));
    fs::set_permissions(folder.path(), Permissions::from_mode(0o700)).unwrap();
    fs::create_dir(&long).unwrap();
    let error = root_in(&long).unwrap_err();
    assert!(
        matches!(&error, Skipped::Unfit(why) if why.contains("too long for sockets")),
        "{error:?}"
    );
}
