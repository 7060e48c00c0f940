use super::*;
use nix::sys::stat::Mode;
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

fn set(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

#[test]
fn a_directory_of_ours_is_made_and_used() {
    let folder = folder();
    let wanted = folder.path().join("state/bench/runs");
    assert!(directory(&wanted).unwrap_err().is_missing());
    assert_eq!(make_directory(&wanted).unwrap(), wanted);
    assert_eq!(directory(&wanted).unwrap(), wanted);
    let mode = fs::metadata(&wanted).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
    // Through a link of ours, its own path is what is used.
    let link = folder.path().join("link");
    symlink(folder.path().join("state"), &link).unwrap();
    assert_eq!(directory(&link.join("bench/runs")).unwrap(), wanted);
    assert_eq!(
        directory(&link.join("../state/bench/runs")).unwrap(),
        wanted
    );
}

#[test]
fn a_directory_that_others_can_write_to_is_refused_wherever_it_is() {
    let folder = folder();
    let runs = make_directory(&folder.path().join("bench/runs")).unwrap();
    for (path, mode) in [(runs.as_path(), 0o777), (&runs, 0o720), (&runs, 0o1777)] {
        set(path, mode);
        let error = directory(&runs).unwrap_err();
        assert!(matches!(error, Untrusted::Writable { .. }), "{error}");
        set(path, 0o700);
    }
    let parent = runs.parent().unwrap();
    set(parent, 0o707);
    assert!(matches!(directory(&runs), Err(Untrusted::Writable { .. })));
    assert!(make_directory(&parent.join("other")).is_err());
    set(parent, 0o1777);
    assert!(directory(&runs).is_ok(), "as in /tmp");
}

#[test]
fn a_place_that_root_or_we_decide_over_passes_though_it_is_not_there() {
    let folder = folder();
    check(Path::new("/")).unwrap();
    check(folder.path()).unwrap();
    check(&folder.path().join("not/there")).unwrap();
    set(folder.path(), 0o1777);
    let error = check(folder.path()).unwrap_err();
    assert!(matches!(error, Untrusted::Writable { .. }), "{error}");
    check(&folder.path().join("not/there")).unwrap();
    set(folder.path(), 0o777);
    assert!(check(&folder.path().join("not/there")).is_err());
}

#[test]
fn only_a_directory_is_a_directory() {
    let folder = folder();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    for path in [&file, &file.join("runs")] {
        let error = directory(path).unwrap_err().to_string();
        assert!(error.contains("is a file, expected a directory"), "{error}");
    }
    let circle = folder.path().join("circle");
    symlink(&circle, &circle).unwrap();
    assert!(matches!(directory(&circle), Err(Untrusted::Failed { .. })));
}

#[test]
fn a_pipe_a_link_and_a_device_are_not_opened() {
    let folder = folder();
    let at = |name: &str| folder.path().join(name);
    fs::write(at("file"), "text").unwrap();
    nix::unistd::mkfifo(&at("fifo"), Mode::S_IRUSR).unwrap();
    symlink("/dev/zero", at("zero")).unwrap();
    symlink(at("file"), at("link")).unwrap();
    fs::create_dir(at("directory")).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(at("socket")).unwrap();
    let read = |name: &str| open(&at(name), OpenOptions::new().read(true));
    assert!(read("file").is_ok());
    for (name, kind) in [
        ("fifo", "a FIFO"),
        ("zero", "a symbolic link"),
        ("link", "a symbolic link"),
        ("directory", "a directory"),
        ("socket", "a socket"),
    ] {
        let error = read(name).unwrap_err().to_string();
        assert!(error.contains(kind), "{error}");
    }
    set(&at("file"), 0o606);
    assert!(matches!(read("file"), Err(Untrusted::Writable { .. })));
}

#[test]
fn what_belongs_to_another_user_is_refused() {
    if !geteuid().is_root() {
        return;
    }
    let folder = folder();
    let runs = make_directory(&folder.path().join("bench/runs")).unwrap();
    let file = runs.join("x.jsonl");
    fs::write(&file, "").unwrap();
    let give = |path: &Path, user| std::os::unix::fs::lchown(path, Some(user), None).unwrap();
    give(&file, 12345);
    let error = open(&file, OpenOptions::new().read(true)).unwrap_err();
    assert!(
        matches!(error, Untrusted::Owner { owner: 12345, .. }),
        "{error}"
    );
    for path in [runs.as_path(), runs.parent().unwrap()] {
        give(path, 12345);
        let error = directory(&runs).unwrap_err();
        assert!(
            matches!(error, Untrusted::Owner { owner: 12345, .. }),
            "{error}"
        );
        give(path, 0);
    }
    // A link of another user to a directory of ours may lead elsewhere in a moment.
    let link = folder.path().join("link");
    symlink(&runs, &link).unwrap();
    assert!(directory(&link).is_ok());
    give(&link, 12345);
    assert!(matches!(directory(&link), Err(Untrusted::Owner { .. })));
}
