//! Starts processes that cannot outlive their parent unnoticed: each in its own session, with a
//! parent-death signal and a clean signal mask. Also holds processes by pidfd. The only unsafe code
//! of the room `topology` is here.

use nix::errno::Errno;
use nix::libc;
use nix::mount::{MsFlags, mount};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::prctl;
use nix::sys::signal::{SigSet, Signal};
use nix::unistd::{Pid, getppid, setsid, write};
use std::ffi::CStr;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command};
use std::time::Duration;

/// What ties a process to its parent.
#[derive(Debug)]
pub(super) enum Bond {
    /// Nothing: it ends on its own.
    Loose,
    /// The kernel kills it when its parent dies (PR_SET_PDEATHSIG). With a file, the `cgroup.procs`
    /// of the cgroup that it joins.
    Tied(Option<File>),
    /// As `Tied`, and it is the first process of the PID namespace that its parent created: it
    /// mounts the namespace's own `/proc`. It must check itself whether its parent still lives,
    /// because it cannot see the parent.
    First,
}

/// Starts `command` in a new session with no blocked signals.
///
/// # Errors
/// What `fork` or `exec` reports; `NotFound` if the program does not exist.
pub(super) fn spawn(command: &mut Command, bond: Bond) -> io::Result<Child> {
    let parent = Pid::this();
    let prepare = move || {
        // A session of its own: signals to its group reach nothing else, and Ctrl-C in the user's
        // terminal does not reach it.
        setsid()?;
        // The parent blocks signals for its signalfd. The mask survives exec, so an engine would
        // never see SIGTERM.
        SigSet::empty().thread_set_mask()?;
        match &bond {
            Bond::Loose => {}
            Bond::First => {
                prctl::set_pdeathsig(Signal::SIGKILL)?;
                let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
                mount(Some(c"proc"), c"/proc", Some(c"proc"), flags, None::<&CStr>)?;
            }
            Bond::Tied(cgroup) => {
                // The kernel sends this signal when the parent's *thread* ends (prctl(2)). Wardens
                // have one thread, so that is when the warden dies. fork clears the setting, so
                // descendants do not have it.
                prctl::set_pdeathsig(Signal::SIGKILL)?;
                // If the parent died before prctl took effect, no signal will ever arrive. The
                // child then has a new parent.
                if getppid() != parent {
                    return Err(io::Error::from_raw_os_error(libc::ESRCH));
                }
                if let Some(procs) = cgroup {
                    // "0" means the writing process. Joining before exec puts everything the
                    // program starts into the cgroup as well.
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
    // SAFETY: `prepare` allocates nothing, takes no lock and makes only the system calls named
    // above.
    unsafe {
        command.pre_exec(prepare);
    }
    command.spawn()
}

/// The signals that ask for an orderly end, without those that were ignored when this program
/// started: `nohup` ignores SIGHUP, and a shell without job control ignores SIGINT for background
/// commands. A blocked signal is queued even if it is ignored, so a signalfd would deliver it.
#[must_use]
pub(crate) fn polite_signals() -> SigSet {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = ignored(&status);
    let asking = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP];
    asking
        .into_iter()
        .filter(|signal| ignored & (1 << (*signal as i32 - 1)) == 0)
        .collect()
}

/// The mask of ignored signals in a process's `status`; 0 if it is missing.
fn ignored(status: &str) -> u64 {
    status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .unwrap_or(0)
}

/// A process held by a pidfd. Signals reach this process and no other, even if its pid is reused.
#[derive(Debug)]
pub(super) struct PidFd(OwnedFd);

impl PidFd {
    /// Opens a pidfd of the process that has this pid now.
    ///
    /// # Errors
    /// `ESRCH` if there is none; `ENOSYS` before Linux 5.3.
    #[expect(unsafe_code, reason = "nix and std have no pidfd_open")]
    pub(super) fn open(pid: i32) -> io::Result<Self> {
        // SAFETY: the call takes two integers and touches no memory of ours.
        let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) };
        let fd = i32::try_from(Errno::result(fd)?).map_err(io::Error::other)?;
        // SAFETY: the kernel has just returned this descriptor (close-on-exec), so nothing else
        // owns it.
        Ok(Self(unsafe { OwnedFd::from_raw_fd(fd) }))
    }

    /// The descriptor's number, for `/proc/self/fdinfo`.
    pub(super) fn number(&self) -> i32 {
        self.0.as_raw_fd()
    }

    /// Waits until the process has ended, for at most `limit`.
    pub(super) fn ends_within(&self, limit: Duration) {
        let limit = PollTimeout::try_from(limit).unwrap_or(PollTimeout::MAX);
        // An interrupted poll only means that the caller looks sooner.
        let _ = poll(&mut [PollFd::new(self.0.as_fd(), PollFlags::POLLIN)], limit);
    }

    /// Kills the process.
    ///
    /// # Errors
    /// `ESRCH` if it is gone, `EPERM` if it belongs to another user.
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
