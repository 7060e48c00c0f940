//! What must not end the program otherwise than with a documented exit code: panics, aborts (memory that can't be had, a
//! stack that overflows) and a file that has grown to the limit on its size. Whatever the run had started is the warden's,
//! which takes it down when this process is gone.

use super::tell;
use crate::record::ExitCode;
use crate::run::lacks_threads;
use nix::libc;
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};
use std::backtrace::{Backtrace, BacktraceStatus};
use std::panic::{self, AssertUnwindSafe, PanicHookInfo};
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether a panic was told of; those that follow from it are not.
static TOLD: AtomicBool = AtomicBool::new(false);

/// Does the work; a panic in it is told in one message and ends with 3.
pub(super) fn guarded(work: impl FnOnce() -> ExitCode) -> ExitCode {
    // A blocked SIGXFSZ leaves the write its error, and, unlike one that is ignored, is no legacy to the engines: what the
    // warden starts has nothing blocked.
    let mut file_size = SigSet::empty();
    file_size.add(Signal::SIGXFSZ);
    let _ = file_size.thread_block();
    on_abort();
    panic::set_hook(Box::new(|info| {
        if !TOLD.swap(true, Ordering::SeqCst) {
            tell(&said(info));
        }
    }));
    panic::catch_unwind(AssertUnwindSafe(work)).unwrap_or(ExitCode::TopologyFailed)
}

fn said(info: &PanicHookInfo<'_>) -> String {
    let why = info.payload_as_str().unwrap_or("no reason is known");
    if lacks_threads(why) {
        return format!(
            "error: the system allows no more threads: {why}\nhelp: raise the limit on processes (`ulimit -u`) or on memory (`ulimit -v`)\n"
        );
    }
    let place = info.location().map(ToString::to_string).unwrap_or_default();
    let trace = Backtrace::capture();
    let trace = match trace.status() {
        BacktraceStatus::Captured => format!("{trace}\n"),
        _ => String::new(),
    };
    format!(
        "error: internal error: panicked at {place}: {why}\n{trace}help: this is a fault of bench, not of what it measures: please report it with this message and the scenario; `bench clean` ends what may be left\n"
    )
}

/// From now on an abort ends with 3 instead of a signal. Out of memory, the standard library has said so before.
fn on_abort() {
    let action = SigAction::new(
        SigHandler::Handler(aborted),
        SaFlags::SA_ONSTACK,
        SigSet::empty(),
    );
    #[expect(
        unsafe_code,
        reason = "the handler makes two async-signal-safe calls and returns to nothing"
    )]
    // SAFETY: `aborted` takes no lock and allocates nothing.
    let _ = unsafe { sigaction(Signal::SIGABRT, &action) };
}

extern "C" fn aborted(_: libc::c_int) {
    const SAID: &str = "error: bench ended abruptly, out of memory or by an internal error (see above)\nhelp: raise the limit on memory (`ulimit -v`), or report this message; `bench clean` ends what may be left\n";
    #[expect(unsafe_code, reason = "nothing else may be called in a signal handler")]
    // SAFETY: write(2) and _exit(2) are async-signal-safe; the text is static.
    unsafe {
        libc::write(libc::STDERR_FILENO, SAID.as_ptr().cast(), SAID.len());
        libc::_exit(i32::from(ExitCode::TopologyFailed as u8))
    }
}
