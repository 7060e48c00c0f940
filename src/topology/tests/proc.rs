use super::*;

#[test]
fn a_name_with_brackets_does_not_move_the_fields() {
    let line = "7 (a) R 9 (b) S 5 6 4 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 4711 1 2 3\n";
    let stat = stat_of(line).unwrap();
    assert_eq!((stat.parent, stat.session, stat.start), (5, 4, 4711));
    assert!(!stat.zombie && !stat.stopped);
    assert!(stat_of("7 (a").is_none());
}

#[test]
fn this_process_is_found() {
    let me = std::process::id().cast_signed();
    assert!(pids().contains(&me));
    let parent = stat(me).unwrap().parent;
    assert!(descendants(parent).contains(&me));
    assert!(command(me).contains("bench"));
    assert_eq!(owner(me), Some(nix::unistd::geteuid().as_raw()));
}
