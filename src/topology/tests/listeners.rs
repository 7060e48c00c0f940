use super::*;
use std::net::TcpListener;

#[test]
fn a_listener_is_ours_or_a_strangers() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let me = std::process::id().cast_signed();
    assert_eq!(stranger(port, &BTreeSet::from([me])), None);
    let said = stranger(port, &BTreeSet::new()).unwrap();
    assert!(said.contains(&format!("process {me} (")), "{said}");
    drop(listener);
    assert_eq!(stranger(port, &BTreeSet::new()), None);
}

#[test]
fn only_listeners_on_the_port_count() {
    let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:4650 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 111 1 0 100 0 0 10 0
   1: 0100007F:4650 0100007F:9999 01 00000000:00000000 00:00000000 00000000     0        0 222 1 0 100 0 0 10 0
   2: 0100007F:4651 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 333 1 0 100 0 0 10 0
";
    assert_eq!(listening(table, 0x4650), [111]);
}
