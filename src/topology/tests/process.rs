use super::*;

#[test]
fn ignored_signals_are_read_from_the_status() {
    // As `nohup` leaves it, with SIGPIPE ignored by the standard library.
    let status = "SigBlk:\t0000000000000002\nSigIgn:\t0000000000001001\nSigCgt:\t0\n";
    assert_eq!(ignored(status), 1 | 1 << 12);
    assert_eq!(ignored(""), 0);
}
