//! Starting one process so that it cannot outlive its parent unnoticed: its own session, the parent's death as its own,
//! a clean signal mask. The only unsafe code of the topology is here.

use nix::sys::prctl;
use nix::sys::signal::{SigSet, Signal};
use nix::unistd::{Pid, getppid, setsid};
use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command};

/// Starts `command` in a session of its own with no signal blocked. With `tied`, the kernel kills it when this process dies
/// (PDEATHSIG: safe only because the spawning thread lives as long as the process).
///
/// # Errors
/// Whatever `fork` or `exec` reports; a program that is not there is `NotFound`.
pub(super) fn spawn(command: &mut Command, tied: bool) -> io::Result<Child> {
    let parent = Pid::this();
    let prepare = move || {
        setsid()?;
        SigSet::empty().thread_set_mask()?;
        if tied {
            prctl::set_pdeathsig(Signal::SIGKILL)?;
            // The parent may have died before the line above took effect.
            if getppid() != parent {
                return Err(io::Error::from_raw_os_error(nix::libc::ESRCH));
            }
        }
        Ok(())
    };
    #[expect(
        unsafe_code,
        reason = "between fork and exec only async-signal-safe calls are made: setsid, sigprocmask, prctl, getppid"
    )]
    // SAFETY: `prepare` allocates nothing, takes no lock and makes only the system calls named above.
    unsafe {
        command.pre_exec(prepare);
    }
    command.spawn()
}
