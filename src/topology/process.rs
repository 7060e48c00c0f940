//! Starting one process so that it cannot outlive its parent unnoticed: its own session, the parent's death as its own,
//! a clean signal mask. And holding one so that no other can be mistaken for it. The only unsafe code of the topology is
//! here.

use nix::errno::Errno;
use nix::libc;
use nix::mount::{MsFlags, mount};
use nix::sys::prctl;
use nix::sys::signal::{SigSet, Signal};
use nix::unistd::{Pid, getppid, setsid, write};
use std::ffi::CStr;
use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command};

/// What binds a process to the one that starts it.
#[derive(Debug)]
pub(super) enum Bond {
    /// Nothing: it sees to its own end.
    Loose,
    /// The kernel kills it when this process dies (PDEATHSIG: safe only because the spawning thread lives as long as the
    /// process). With a file, the `cgroup.procs` of the cgroup that it joins.
    Tied(Option<File>),
    /// As tied, and it is the first of the PID namespace that this process has made for its children: it sees that
    /// namespace's own `/proc`. Whether its parent still lives it has to ask itself, since it can't see it.
    First,
}

/// Starts `command` in a session of its own with no signal blocked.
///
/// # Errors
/// Whatever `fork` or `exec` reports; a program that is not there is `NotFound`.
pub(super) fn spawn(command: &mut Command, bond: Bond) -> io::Result<Child> {
    let parent = Pid::this();
    let prepare = move || {
        setsid()?;
        SigSet::empty().thread_set_mask()?;
        match &bond {
            Bond::Loose => {}
            Bond::First => {
                prctl::set_pdeathsig(Signal::SIGKILL)?;
                let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
                mount(Some(c"proc"), c"/proc", Some(c"proc"), flags, None::<&CStr>)?;
            }
            Bond::Tied(cgroup) => {
                prctl::set_pdeathsig(Signal::SIGKILL)?;
                // The parent may have died before the line above took effect.
                if getppid() != parent {
                    return Err(io::Error::from_raw_os_error(libc::ESRCH));
                }
                if let Some(procs) = cgroup {
                    write(procs, b"0")?;
                }
            }
        }
        Ok(())
    };
    #[expect(
        unsafe_code,
        reason = "between fork and exec only async-signal-safe calls are made: setsid, sigprocmask, prctl, getppid, mount, write"
    )]
    // SAFETY: `prepare` allocates nothing, takes no lock and makes only the system calls named above.
    unsafe {
        command.pre_exec(prepare);
    }
    command.spawn()
}

/// The signals that ask for a polite end, those that were ignored when this program began left out: `nohup` ignores
/// SIGHUP, and a shell without job control ignores SIGINT for what runs in its background. Ignored signals that are blocked
/// would be kept, and so be obeyed by who waits for them.
#[must_use]
pub fn polite_signals() -> SigSet {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = ignored(&status);
    let asking = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP];
    asking
        .into_iter()
        .filter(|signal| ignored & (1 << (*signal as i32 - 1)) == 0)
        .collect()
}

/// The mask of ignored signals in a process's `status`; none where it says nothing.
fn ignored(status: &str) -> u64 {
    status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .unwrap_or(0)
}

/// A process held by descriptor: signals reach it and nothing else, whoever gets its pid later.
#[derive(Debug)]
pub(super) struct PidFd(OwnedFd);

impl PidFd {
    /// Holds the process that has this pid now.
    ///
    /// # Errors
    /// `ESRCH` when there is none; `ENOSYS` before Linux 5.3.
    #[expect(unsafe_code, reason = "nix and std have no pidfd_open")]
    pub(super) fn open(pid: i32) -> io::Result<Self> {
        // SAFETY: the call takes two integers and touches no memory of ours.
        let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) };
        let fd = i32::try_from(Errno::result(fd)?).map_err(io::Error::other)?;
        // SAFETY: the kernel has just given us this descriptor (close-on-exec), so nobody else owns it.
        Ok(Self(unsafe { OwnedFd::from_raw_fd(fd) }))
    }

    /// The descriptor's number, by which `/proc/self/fdinfo` tells of the process.
    pub(super) fn number(&self) -> i32 {
        self.0.as_raw_fd()
    }

    /// Kills it.
    ///
    /// # Errors
    /// `ESRCH` when it is gone, `EPERM` when it is not ours.
    #[expect(unsafe_code, reason = "nix and std have no pidfd_send_signal")]
    pub(super) fn kill(&self) -> io::Result<()> {
        let none = std::ptr::null::<libc::siginfo_t>();
        // SAFETY: the descriptor is open for as long as `self` lives; a null siginfo is allowed and means "as kill(2)".
        let sent = unsafe {
            libc::syscall(
                libc::SYS_pidfd_send_signal,
                self.0.as_raw_fd(),
                libc::SIGKILL,
                none,
                0,
            )
        };
        Errno::result(sent).map(drop).map_err(io::Error::from)
    }
}

#[cfg(test)]
#[path = "tests/process.rs"]
mod tests;
