use super::*;
use nix::sys::stat::Mode;

#[test]
fn only_regular_files_are_opened() {
    let folder = tempfile::tempdir().expect("a folder");
    let (pipe, plain) = (folder.path().join("pipe"), folder.path().join("plain"));
    nix::unistd::mkfifo(&pipe, Mode::S_IRWXU).expect("made");
    std::fs::write(&plain, "text").expect("written");
    let link = folder.path().join("link");
    std::os::unix::fs::symlink("/dev/zero", &link).expect("made");
    let said = |path: &Path| open(path).expect_err("refused").to_string();
    assert_eq!(said(&pipe), "it is a pipe; expected a regular file");
    assert_eq!(said(&link), "it is a device; expected a regular file");
    assert_eq!(
        open(folder.path()).expect_err("refused").kind(),
        io::ErrorKind::IsADirectory
    );
    let of_link = open_no_follow(&link).expect_err("refused").to_string();
    assert_eq!(of_link, "it is a symbolic link; expected a regular file");
    assert_eq!(text(&plain, 4).expect("read"), "text");
    let large = text(&plain, 3).expect_err("too large");
    assert_eq!(large.kind(), io::ErrorKind::FileTooLarge);
}
