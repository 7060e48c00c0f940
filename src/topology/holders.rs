//! Finds the process that holds the name of a port. Any user of the machine may hold one, so the
//! error names the process to look at.

use super::proc;
use nix::sys::socket::{
    AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, recv, send, socket,
};
use std::collections::BTreeMap;
use std::os::fd::AsRawFd;
use std::path::PathBuf;

/// The process that holds one of these names of abstract sockets, in words. `None` if no process
/// does any more.
pub(super) fn holder(names: &[String]) -> Option<String> {
    let table = std::fs::read(TABLE).unwrap_or_default();
    let table = String::from_utf8_lossy(&table);
    let sockets = named(&table);
    let inode = names.iter().find_map(|name| sockets.get(name.as_str()))?;
    let file = PathBuf::from(format!("socket:[{inode}]"));
    let mut pids = proc::pids().into_iter();
    let holder = pids.find(|pid| proc::open_files(*pid).contains(&file));
    let of = |user: Option<u32>| user.map_or(String::new(), |user| format!(" of user {user}"));
    Some(match holder {
        Some(pid) => {
            let user = of(proc::owner(pid));
            format!("process {pid} ({}){user}", proc::command(pid))
        }
        None => format!(
            "a process{} whose files are not shown to this user",
            of(user(*inode))
        ),
    })
}

const TABLE: &str = "/proc/net/unix";

/// The inode of each abstract socket, by its name (proc(5): fields 7 and 8, the name after an `@`).
fn named(table: &str) -> BTreeMap<&str, u32> {
    let mut named = BTreeMap::new();
    for line in table.lines() {
        let mut fields = line.split_whitespace().skip(6);
        if let (Some(inode), Some(name)) = (fields.next(), fields.next())
            && let (Ok(inode), Some(name)) = (inode.parse(), name.strip_prefix('@'))
        {
            named.insert(name, inode);
        }
    }
    named
}

/// `SOCK_DIAG_BY_FAMILY`, `NLM_F_REQUEST`, `UDIAG_SHOW_UID` and `UNIX_DIAG_UID` of `linux/sock_diag.h` and `unix_diag.h`.
const BY_FAMILY: u16 = 20;
const REQUEST: u16 = 1;
const SHOW_UID: u32 = 0x40;
const UID: u16 = 7;
/// Sizes of `nlmsghdr`, `unix_diag_req` and `unix_diag_msg`.
const HEADER: usize = 16;
const ASKED: usize = 24;
const TOLD: usize = 16;

/// The user who owns a Unix socket, from the kernel (sock_diag(7), since Linux 5.3).
fn user(inode: u32) -> Option<u32> {
    let kernel = socket(
        AddressFamily::Netlink,
        SockType::Raw,
        SockFlag::SOCK_CLOEXEC,
        SockProtocol::NetlinkSockDiag,
    )
    .ok()?;
    let mut request = Vec::with_capacity(HEADER + ASKED);
    request.extend(u32::try_from(HEADER + ASKED).ok()?.to_ne_bytes());
    request.extend([BY_FAMILY, REQUEST].map(u16::to_ne_bytes).concat());
    // Sequence number and sender; family and protocol; then states, inode, requested fields, and no
    // cookie.
    request.extend([0; 8]);
    request.extend([1, 0, 0, 0]);
    let words = [u32::MAX, inode, SHOW_UID, u32::MAX, u32::MAX];
    request.extend(words.map(u32::to_ne_bytes).concat());
    send(kernel.as_raw_fd(), &request, MsgFlags::empty()).ok()?;
    let mut answer = [0; 512];
    // Netlink is synchronous here: the answer is queued before `send` returns.
    let length = recv(kernel.as_raw_fd(), &mut answer, MsgFlags::MSG_DONTWAIT).ok()?;
    user_in(&answer[..length])
}

/// The user in the kernel's answer.
fn user_in(answer: &[u8]) -> Option<u32> {
    let kind = answer.get(4..6)?;
    if kind != BY_FAMILY.to_ne_bytes() {
        return None;
    }
    let mut rest = answer.get(HEADER + TOLD..)?;
    while let Some((head, _)) = rest.split_first_chunk::<4>() {
        let length = usize::from(u16::from_ne_bytes([head[0], head[1]]));
        if u16::from_ne_bytes([head[2], head[3]]) == UID {
            let value: [u8; 4] = rest.get(4..8)?.try_into().ok()?;
            return Some(u32::from_ne_bytes(value));
        }
        rest = rest.get(length.max(4).next_multiple_of(4)..)?;
    }
    None
}

#[cfg(test)]
#[path = "tests/holders.rs"]
mod tests;
