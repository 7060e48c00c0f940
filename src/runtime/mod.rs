//! Where the engines' Python comes from: found, asked for its versions, or made once with `uv` and kept.

mod uv;

use crate::engine::{self, Python};
use crate::scenario::model::Runtime;
use crate::topology::supervised::{self, Output, Supervisor, Task};
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How many seconds an interpreter may take to tell its versions, unless BENCH_ASK_TIMEOUT says otherwise.
const ASK_TIMEOUT: (&str, u64) = ("BENCH_ASK_TIMEOUT", 60);

/// Why there is no Python to use.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
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
    /// The user ended it.
    #[error("interrupted")]
    Interrupted,
    /// A limit that was set is none.
    #[error("{name} is `{value}`, expected a whole number of seconds from 1")]
    Limit {
        /// The variable.
        name: &'static str,
        /// What it holds.
        value: String,
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
pub(crate) struct Found {
    /// The interpreter and its versions.
    pub python: Python,
    /// Every package with its version, one a line, for `uv` runtimes.
    pub lock: Option<String>,
}

/// What looking for a runtime needs.
pub(crate) struct Context<'a> {
    /// Turns a scenario's path into a real one.
    pub locate: &'a dyn Fn(&str) -> PathBuf,
    /// Where environments are kept.
    pub cache: &'a Path,
    /// Told of anything that takes long.
    pub say: &'a dyn Fn(String),
    /// Under which every program runs.
    pub supervisor: Supervisor<'a>,
}

/// Finds, or with `uv` makes, a runtime.
///
/// # Errors
/// When there is no working Python, or the user interrupted it.
pub(crate) fn find(runtime: &Runtime, context: &Context<'_>) -> Result<Found, Error> {
    let locate = context.locate;
    let (program, lock) = match runtime {
        Runtime::Venv(directory) => (locate(directory).join("bin/python"), None),
        // A bare name is looked for on PATH.
        Runtime::Python(program) if !program.contains('/') => (PathBuf::from(program), None),
        Runtime::Python(program) => (locate(program), None),
        Runtime::Uv(wanted) => {
            let (program, lock) = uv::environment(wanted, context)?;
            (program, Some(lock))
        }
    };
    Ok(Found {
        python: ask(&program, &context.supervisor)?,
        lock,
    })
}

/// Asks for versions without importing the packages, which takes seconds for vLLM.
fn question() -> String {
    let packages: Vec<String> = engine::packages()
        .iter()
        .map(|package| format!("'{package}'"))
        .collect();
    format!(
        "
import importlib.metadata as m, json
found = {{}}
for name in [{}]:
    try: found[name] = m.version(name)
    except m.PackageNotFoundError: pass
print(json.dumps(found))
",
        packages.join(", ")
    )
}

fn ask(program: &Path, supervisor: &Supervisor<'_>) -> Result<Python, Error> {
    let answer = supervisor.run(&Task {
        program,
        arguments: vec!["-c".into(), question().into()],
        env: vec![("PYTHONDONTWRITEBYTECODE".into(), "1".into())],
        limit: limit(ASK_TIMEOUT)?,
    });
    let broken = |detail: String| Error::Broken {
        program: program.to_owned(),
        detail,
    };
    let Output {
        success,
        stdout,
        stderr,
    } = answer.map_err(|error| match error {
        supervised::Error::Interrupted => Error::Interrupted,
        supervised::Error::Refused(source) => Error::Missing {
            program: program.to_owned(),
            source,
        },
        supervised::Error::Overdue(_) => broken(format!(
            "{error}; {} (in seconds) gives it more time",
            ASK_TIMEOUT.0
        )),
        supervised::Error::Endless | supervised::Error::Warden(_) => broken(error.to_string()),
    })?;
    let versions: Option<BTreeMap<String, String>> = success
        .then(|| serde_json::from_slice(&stdout).ok())
        .flatten();
    versions
        .map(|versions| Python {
            program: program.to_owned(),
            versions,
        })
        .ok_or_else(|| broken(tail(&stderr)))
}

/// A time limit: what the variable says, in seconds, or else the usual one.
fn limit((name, usual): (&'static str, u64)) -> Result<Duration, Error> {
    let Some(value) = std::env::var_os(name).filter(|value| !value.is_empty()) else {
        return Ok(Duration::from_secs(usual));
    };
    let seconds = value.to_str().and_then(|text| text.parse().ok());
    seconds
        .filter(|seconds| *seconds > 0)
        .map(Duration::from_secs)
        .ok_or_else(|| Error::Limit {
            name,
            value: value.display().to_string(),
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
