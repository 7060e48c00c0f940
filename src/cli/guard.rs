//! What must not end the program otherwise than with a documented exit code: panics, aborts (memory that can't be had, a
//! stack that overflows) and a file that has grown to the limit on its size. Whatever the run had started is the warden's,
//! which takes it down when this process is gone.

use super::{tell, teller};
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
            // Whoever panics may not live to let what waits be written.
            teller::settle();
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

/// From now on an abort, and the soft limit on processor time, end with 3 instead of a signal. Out of memory, the standard
/// library has said so before. Programs that are executed have the system's own handlers again.
fn on_abort() {
    let ending = [
        (Signal::SIGABRT, aborted as extern "C" fn(libc::c_int)),
        (Signal::SIGXCPU, out_of_time),
    ];
    for (signal, end) in ending {
        let handler = SigHandler::Handler(end);
        let action = SigAction::new(handler, SaFlags::SA_ONSTACK, SigSet::empty());
        #[expect(
            unsafe_code,
            reason = "the handlers make two async-signal-safe calls and return to nothing"
        )]
        // SAFETY: the handlers take no lock and allocate nothing.
        let _ = unsafe { sigaction(signal, &action) };
    }
}

extern "C" fn aborted(_: libc::c_int) {
    const SAID: &str = "error: bench ended abruptly, out of memory or by an internal error (see above)\nhelp: raise the limits on memory (`ulimit -v`, `ulimit -s`), or report this message; `bench clean` ends what may be left\n";
    // A panic that could not be unwound has said why.
    end(if TOLD.load(Ordering::SeqCst) {
        ""
    } else {
        SAID
    })
}

extern "C" fn out_of_time(_: libc::c_int) {
    end("error: bench has used up its processor time\nhelp: raise the limit (`ulimit -t`)\n")
}

/// Ends this process from within a signal handler.
fn end(said: &'static str) -> ! {
    #[expect(unsafe_code, reason = "nothing else may be called in a signal handler")]
    // SAFETY: write(2) and _exit(2) are async-signal-safe; the text is static.
    unsafe {
        libc::write(libc::STDERR_FILENO, said.as_ptr().cast(), said.len());
        libc::_exit(i32::from(ExitCode::TopologyFailed as u8))
    }
}
