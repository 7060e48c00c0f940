//! Creates environments with `uv` and keeps them in the cache, under the hash of their settings. The lock file is
//! written last, so an incomplete environment is never used.

use super::{Context, Error, limit, tail};
use crate::files;
use crate::scenario::model::Uv;
use crate::topology::pause;
use crate::topology::supervised::{self, Supervisor, Task};
use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use sha2::{Digest, Sha256};
use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

const LOCK: &str = "bench.lock";
/// Size of the largest lock file, in bytes.
const MAX_LOCK_BYTES: u64 = 16 << 20;
/// Time limit in seconds for one command of `uv`. BENCH_UV_TIMEOUT overrides it.
const UV_TIMEOUT: (&str, u64) = ("BENCH_UV_TIMEOUT", 3600);
/// Interval at which the guard of another run is tried.
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// The interpreter of the environment that `wanted` describes, and its lock.
pub(super) fn environment(wanted: &Uv, context: &Context<'_>) -> Result<(PathBuf, String), Error> {
    let Context {
        cache,
        say,
        supervisor,
        ..
    } = context;
    let text = serde_json::to_string(wanted).unwrap_or_default();
    let hash = hex::encode(&Sha256::digest(text)[..8]);
    let environments = cache.join("environments");
    let directory = environments.join(&hash);
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source: io::Error| Error::Cache { path, source }
    };
    fs::create_dir_all(&environments).map_err(failed(&environments))?;
    // With a lock, only one of two runs creates the same environment.
    let guard = environments.join(format!("{hash}.guard"));
    let file = fs::File::create(&guard).map_err(failed(&guard))?;
    let _guard = lock_exclusively(file, &guard, context)?;
    let (python, lock) = (directory.join("bin/python"), directory.join(LOCK));
    if let Ok(lock) = files::text(&lock, MAX_LOCK_BYTES) {
        return Ok((python, lock));
    }
    say(format!(
        "creating the Python environment {} with uv (once; it is kept)",
        directory.display()
    ));
    if directory.exists() {
        fs::remove_dir_all(&directory).map_err(failed(&directory))?;
    }
    let mut venv: Vec<OsString> = ["venv", "--quiet"].map(Into::into).into();
    if let Some(version) = &wanted.python {
        venv.extend(["--python".into(), version.into()]);
    }
    venv.push(directory.clone().into());
    run(supervisor, venv)?;
    let mut install: Vec<OsString> = ["pip", "install", "--quiet", "--python"]
        .map(Into::into)
        .into();
    install.push(python.clone().into());
    let overrides = environments.join(format!("{hash}.overrides"));
    if !wanted.overrides.is_empty() {
        fs::write(&overrides, wanted.overrides.join("\n")).map_err(failed(&overrides))?;
        install.extend(["--override".into(), overrides.into()]);
    }
    install.push("--".into());
    install.extend(wanted.packages.iter().map(Into::into));
    run(supervisor, install)?;
    let mut freeze: Vec<OsString> = ["pip", "freeze", "--python"].map(Into::into).into();
    freeze.push(python.clone().into());
    let frozen = run(supervisor, freeze)?;
    fs::write(&lock, &frozen).map_err(failed(&lock))?;
    Ok((python, frozen))
}

/// Waits until no other run holds the guard. The user can interrupt the wait.
fn lock_exclusively(
    mut file: fs::File,
    guard: &Path,
    context: &Context<'_>,
) -> Result<Flock<fs::File>, Error> {
    let mut told = false;
    loop {
        match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(held) => return Ok(held),
            Err((back, Errno::EWOULDBLOCK | Errno::EINTR)) => file = back,
            Err((_, errno)) => {
                return Err(Error::Cache {
                    path: guard.to_owned(),
                    source: errno.into(),
                });
            }
        }
        if !std::mem::replace(&mut told, true) {
            (context.say)(format!(
                "waiting for another run that creates the same Python environment (it holds {})",
                guard.display()
            ));
        }
        if pause(context.supervisor.alarm, POLL_INTERVAL) {
            return Err(Error::Interrupted);
        }
    }
}

/// Runs `uv` and returns its output.
fn run(supervisor: &Supervisor<'_>, arguments: Vec<OsString>) -> Result<String, Error> {
    let mut command = "uv".to_owned();
    for argument in &arguments {
        command += " ";
        command += &argument.to_string_lossy();
    }
    let answer = supervisor.run(&Task {
        program: Path::new("uv"),
        arguments,
        env: Vec::new(),
        limit: limit(UV_TIMEOUT)?,
    });
    let failed = |detail: String| Error::Uv { command, detail };
    match answer {
        Ok(answer) if answer.success => Ok(String::from_utf8_lossy(&answer.stdout).into_owned()),
        Ok(answer) => Err(failed(tail(&answer.stderr))),
        Err(supervised::Error::Interrupted) => Err(Error::Interrupted),
        Err(supervised::Error::Refused(error)) if error.kind() == io::ErrorKind::NotFound => {
            Err(Error::NoUv)
        }
        Err(error @ supervised::Error::Overdue(_)) => Err(failed(format!(
            "{error}; {} (in seconds) gives it more time",
            UV_TIMEOUT.0
        ))),
        Err(error) => Err(failed(error.to_string())),
    }
}
