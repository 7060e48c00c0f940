use super::*;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};

#[test]
fn a_holder_is_named_by_process_and_user() {
    let name = format!("bench-holder-{}", std::process::id());
    let address = SocketAddr::from_abstract_name(&name).unwrap();
    assert_eq!(holder(std::slice::from_ref(&name)), None);
    let held = UnixDatagram::bind_addr(&address).unwrap();
    let me = nix::unistd::geteuid().as_raw();
    let said = holder(&["bench-nobody".into(), name.clone()]).unwrap();
    assert!(
        said.starts_with(&format!("process {} (", std::process::id())),
        "{said}"
    );
    assert!(said.ends_with(&format!(" of user {me}")), "{said}");
    let table = std::fs::read(TABLE).unwrap();
    let table = String::from_utf8_lossy(&table);
    let inode = named(&table)[name.as_str()];
    // Not every kernel has sock_diag for Unix sockets.
    assert!(user(inode).is_none_or(|user| user == me));
    drop(held);
    // Not the inode of `held`: a child that another test forks has a copy of it until it executes.
    assert_eq!(user(u32::MAX), None);
}

#[test]
fn the_user_is_found_among_other_attributes() {
    let mut answer = vec![0; HEADER + TOLD];
    answer[4..6].copy_from_slice(&BY_FAMILY.to_ne_bytes());
    let mut attribute = |kind: u16, value: &[u8]| {
        let length = u16::try_from(4 + value.len()).unwrap();
        answer.extend(length.to_ne_bytes());
        answer.extend(kind.to_ne_bytes());
        answer.extend(value);
        answer.resize(answer.len().next_multiple_of(4), 0);
    };
    attribute(0, b"name-");
    attribute(UID, &1000u32.to_ne_bytes());
    assert_eq!(user_in(&answer), Some(1000));
    assert_eq!(user_in(&answer[..HEADER + TOLD + 12]), None);
    answer[4] = 2;
    assert_eq!(user_in(&answer), None);
}
