//! Standard output, where results go: the one place that writes to it and that notices when it can't be written.
//!
//! A result that nobody received must not end in success: [`settle`] turns the exit code into 3. A reader that has gone away
//! (`| head`) has seen what it wanted and is no failure.

use super::teller::{self, retried, tell};
use crate::record::ExitCode;
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, fcntl};
use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// Whether something could not be written.
static LOST: AtomicBool = AtomicBool::new(false);
/// Whether standard output was closed when the program began.
static CLOSED: AtomicBool = AtomicBool::new(false);

/// Runs before `main`: the standard library opens `/dev/null` in place of a closed standard output, and what is written there
/// would seem to be received.
#[used]
#[expect(
    unsafe_code,
    reason = "the only place that runs before the standard library's start"
)]
#[unsafe(link_section = ".init_array")]
static BEFORE_MAIN: extern "C" fn() = before_main;

extern "C" fn before_main() {
    let open = fcntl(io::stdout(), FcntlArg::F_GETFD);
    CLOSED.store(open.is_err(), Relaxed);
}

/// Standard output as a stream; failures are noted.
pub(super) struct Stdout(io::Stdout);

pub(super) fn stdout() -> Stdout {
    Stdout(io::stdout())
}

impl Write for Stdout {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if CLOSED.load(Relaxed) {
            return noted(Err(Errno::EBADF.into()));
        }
        loop {
            match self.0.write(bytes) {
                Err(error) => match retried(&self.0, error) {
                    Ok(()) => {}
                    Err(error) => return received(Err(error), bytes.len()),
                },
                Ok(written) => return Ok(written),
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        loop {
            match self.0.flush() {
                Err(error) => match retried(&self.0, error) {
                    Ok(()) => {}
                    Err(error) => return received(Err(error), ()),
                },
                Ok(()) => return Ok(()),
            }
        }
    }
}

/// Prints a result; whether it was written, or its reader has gone away.
pub(super) fn print(text: &str) -> bool {
    // What was told before is read before, where both go to one terminal.
    teller::settle();
    let mut out = stdout();
    let written = out.write_all(text.as_bytes());
    written.and_then(|()| out.flush()).is_ok()
}

/// What came of writing; `all` where the reader has gone away. Other failures are noted.
fn received<T>(done: io::Result<T>, all: T) -> io::Result<T> {
    match done {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(all),
        done => noted(done),
    }
}

/// Notes a failure and says it, once. An interrupted write is tried again by whoever writes.
fn noted<T>(done: io::Result<T>) -> io::Result<T> {
    if let Err(error) = &done
        && error.kind() != io::ErrorKind::Interrupted
        && !LOST.swap(true, Relaxed)
    {
        tell(&format!(
            "error: failed to write to standard output: {error}\n"
        ));
    }
    done
}

/// The exit code: 3 where something could not be written.
pub(super) fn settle(code: ExitCode) -> ExitCode {
    teller::settle();
    if LOST.load(Relaxed) {
        ExitCode::TopologyFailed
    } else {
        code
    }
}
