//! The life of the engine's process: wait, listen, serve, and end by a signal or a fault.

use super::exact::{self, Truth};
use super::fault::{self, CRASH_TRACEBACK, START_TRACEBACK};
use super::http::App;
use super::options::Options;
use axum::serve::ListenerExt;
use nix::unistd::setsid;
use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::net::SocketAddr;
use std::process::Command;
use std::thread;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Set for the process that `--daemonise` leaves behind.
const DAEMON: &str = "BENCH_SIM_DAEMON";

/// How long a crash waits for the last answer to be sent.
const LAST_WORDS: Duration = Duration::from_millis(50);

/// Why the engine stopped serving. Each of these ends the process with exit code 1.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// Another process uses the port.
    #[error("failed to listen on port {} of {}: address already in use", .0.port(), .0.ip())]
    PortInUse(SocketAddr),
    /// The address cannot be bound for another reason.
    #[error("failed to listen on {address}")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// The reason.
        source: io::Error,
    },
    /// Another system call failed.
    #[error("failed to run the embedded engine")]
    Io(#[from] io::Error),
    /// A fault was requested; the log has its traceback.
    #[error("failed as ordered by {0}")]
    Ordered(&'static str),
}

/// Serves until SIGTERM or SIGINT and then returns at once, without waiting for requests in flight.
/// `log` gets one line when the engine listens, and the traceback of a requested failure.
pub(crate) fn serve(options: &Options, log: &mut dyn Write) -> Result<(), Error> {
    if options.faults.daemonise && daemonised()? {
        return Ok(());
    }
    if options.faults.flood_log {
        thread::Builder::new().spawn(flood)?;
    }
    if options.exact.exact {
        return keep_timetable(options, log);
    }
    let runtime = runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("sim-http")
        .enable_all()
        .build()?;
    let outcome = runtime.block_on(async {
        let mut signals = Signals::new(options.faults.ignore_term)?;
        fault::leave_child(&options.faults)?;
        tokio::select! {
            biased;
            () = signals.stop() => Ok(()),
            outcome = live(options, log) => outcome,
        }
    });
    runtime.shutdown_background();
    outcome
}

/// Executes this command again in a new session. Returns whether this process is the one that must
/// end.
fn daemonised() -> io::Result<bool> {
    if std::env::var_os(DAEMON).is_some() {
        setsid()?;
        return Ok(false);
    }
    Command::new(std::env::current_exe()?)
        .args(std::env::args_os().skip(1))
        .env(DAEMON, "1")
        .spawn()?;
    Ok(true)
}

/// Fills the log, and continues once it is full.
fn flood() {
    let line = [b"INFO nothing of note".repeat(50), b"\n".to_vec()].concat();
    loop {
        if io::stderr().write_all(&line).is_err() {
            thread::sleep(LAST_WORDS);
        }
    }
}

pub(super) async fn live(options: &Options, log: &mut dyn Write) -> Result<(), Error> {
    tokio::time::sleep(options.startup).await;
    if options.faults.fail_start {
        log.write_all(START_TRACEBACK.as_bytes())?;
        return Err(Error::Ordered("--fail-start"));
    }
    let listener = listen(SocketAddr::new(options.host, options.port)).await?;
    let address = listener.local_addr()?;
    let app = App::start(options)?;
    // The engine continues if its log has no reader.
    let _ = writeln!(log, "serving model `{}` on http://{address}", options.model);
    // Without TCP_NODELAY, the kernel would hold back small events until the client's next
    // acknowledgement.
    let listener = listener.tap_io(|stream| {
        let _ = stream.set_nodelay(true);
    });
    tokio::select! {
        outcome = axum::serve(listener, app.router()) => Ok(outcome?),
        () = app.tally.crash() => {
            tokio::time::sleep(LAST_WORDS).await;
            log.write_all(CRASH_TRACEBACK.as_bytes())?;
            Err(Error::Ordered("--crash-after"))
        }
    }
}

fn keep_timetable(options: &Options, log: &mut dyn Write) -> Result<(), Error> {
    std::thread::sleep(options.startup);
    let address = SocketAddr::new(options.host, options.port);
    let listener = std::net::TcpListener::bind(address).map_err(|error| unbound(address, error))?;
    let mut truths = options.exact.truth.as_ref().map(File::create).transpose()?;
    let address = listener.local_addr()?;
    let _ = writeln!(log, "keeping a timetable on http://{address}");
    let mut tell = |truth: Truth| {
        if let Some(file) = &mut truths {
            let _ = file.write_all(truth.line().as_bytes());
        }
    };
    Ok(exact::serve(listener, options.into(), &mut tell)?)
}

fn unbound(address: SocketAddr, source: io::Error) -> Error {
    match source.kind() {
        ErrorKind::AddrInUse => Error::PortInUse(address),
        _ => Error::Bind { address, source },
    }
}

async fn listen(address: SocketAddr) -> Result<TcpListener, Error> {
    TcpListener::bind(address)
        .await
        .map_err(|source| unbound(address, source))
}

struct Signals {
    interrupt: Signal,
    terminate: Signal,
    ignore_term: bool,
}

impl Signals {
    fn new(ignore_term: bool) -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            ignore_term,
        })
    }

    async fn stop(&mut self) {
        loop {
            tokio::select! {
                _ = self.interrupt.recv() => return,
                _ = self.terminate.recv() => if !self.ignore_term { return },
            }
        }
    }
}
