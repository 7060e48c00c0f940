use super::*;

#[test]
fn small_files_are_kept_as_far_as_the_limit_goes() {
    let folder = tempfile::tempdir().unwrap();
    let from = folder.path().join("scratch");
    fs::create_dir_all(from.join("tmp/deep")).unwrap();
    fs::write(from.join("big"), vec![0; 100_000]).unwrap();
    fs::write(from.join("tmp/deep/small"), "why").unwrap();
    std::os::unix::fs::symlink("/etc/passwd", from.join("link")).unwrap();
    let to = folder.path().join("kept");
    // A directory inside another is given as well, as engines do.
    keep_most(&[from.clone(), from.join("tmp")], &to, 50_000).unwrap();
    let small = to.join("scratch/tmp/deep/small");
    assert_eq!(fs::read_to_string(small).unwrap(), "why");
    assert!(!to.join("scratch/big").exists() && !to.join("scratch/link").exists());
    let left_out = fs::read_to_string(to.join("left-out.txt")).unwrap();
    assert!(left_out.contains("scratch/big"), "{left_out}");
}
