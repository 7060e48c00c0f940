//! Environments made by `uv`, kept in the cache by the hash of what was asked for. A half-made one is never taken for whole:
//! its stamp, the lock, is written last.

use super::{Error, tail};
use crate::scenario::model::Uv;
use nix::fcntl::{Flock, FlockArg};
use sha2::{Digest, Sha256};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

const LOCK: &str = "bench.lock";

/// The interpreter of the environment that `wanted` describes, and its lock.
pub(super) fn environment(
    wanted: &Uv,
    cache: &Path,
    say: &dyn Fn(String),
) -> Result<(PathBuf, String), Error> {
    let text = serde_json::to_string(wanted).unwrap_or_default();
    let hash: String = Sha256::digest(text)[..8]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let environments = cache.join("environments");
    let directory = environments.join(&hash);
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source: io::Error| Error::Cache { path, source }
    };
    fs::create_dir_all(&environments).map_err(failed(&environments))?;
    // Two runs that want the same environment make it once.
    let guard = environments.join(format!("{hash}.guard"));
    let file = fs::File::create(&guard).map_err(failed(&guard))?;
    let _guard = Flock::lock(file, FlockArg::LockExclusive)
        .map_err(|(_, errno)| failed(&guard)(errno.into()))?;
    let (python, lock) = (directory.join("bin/python"), directory.join(LOCK));
    if let Ok(lock) = fs::read_to_string(&lock) {
        return Ok((python, lock));
    }
    say(format!(
        "making the Python environment {} with uv (once; it is kept)",
        directory.display()
    ));
    if directory.exists() {
        fs::remove_dir_all(&directory).map_err(failed(&directory))?;
    }
    let mut venv = Command::new("uv");
    venv.arg("venv").arg("--quiet");
    if let Some(version) = &wanted.python {
        venv.args(["--python", version]);
    }
    run(venv.arg(&directory))?;
    let mut install = Command::new("uv");
    install
        .args(["pip", "install", "--quiet", "--python"])
        .arg(&python);
    let overrides = environments.join(format!("{hash}.overrides"));
    if !wanted.overrides.is_empty() {
        fs::write(&overrides, wanted.overrides.join("\n")).map_err(failed(&overrides))?;
        install.arg("--override").arg(&overrides);
    }
    run(install.arg("--").args(&wanted.packages))?;
    let frozen = run(Command::new("uv")
        .args(["pip", "freeze", "--python"])
        .arg(&python))?;
    fs::write(&lock, &frozen).map_err(failed(&lock))?;
    Ok((python, frozen))
}

fn run(command: &mut Command) -> Result<String, Error> {
    let answer = command.output().map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => Error::NoUv,
        _ => Error::Uv {
            command: format!("{command:?}"),
            detail: error.to_string(),
        },
    })?;
    if !answer.status.success() {
        return Err(Error::Uv {
            command: format!("{command:?}").replace('"', ""),
            detail: tail(&answer.stderr),
        });
    }
    Ok(String::from_utf8_lossy(&answer.stdout).into_owned())
}
