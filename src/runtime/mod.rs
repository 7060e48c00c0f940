//! The Python environment of the engines. It is found and queried for versions, or created once with `uv` and kept.

mod uv;

use crate::engine::{self, Python};
use crate::scenario::model::Runtime;
use crate::topology::supervised::{self, Output, Supervisor, Task};
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Time limit in seconds for the query of an interpreter's versions. BENCH_ASK_TIMEOUT overrides it.
const ASK_TIMEOUT: (&str, u64) = ("BENCH_ASK_TIMEOUT", 60);

/// The reason why there is no usable Python.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The interpreter does not exist.
    #[error("failed to start Python at {}: {source}; create the environment or correct `runtime`", program.display())]
    Missing {
        /// Path of the interpreter.
        program: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The interpreter does not work.
    #[error("{} does not work: {detail}", program.display())]
    Broken {
        /// Path of the interpreter.
        program: PathBuf,
        /// The end of its output.
        detail: String,
    },
    /// The user interrupted the query.
    #[error("interrupted")]
    Interrupted,
    /// The variable of a time limit has an invalid value.
    #[error("{name} is `{value}`, expected a whole number of seconds of at least 1")]
    Limit {
        /// Name of the variable.
        name: &'static str,
        /// Value of the variable.
        value: String,
    },
    /// `uv` is missing.
    #[error(
        "`runtime: {{uv: ...}}` needs the program `uv`, which is not on PATH; install it (`pip install uv`) or name a `venv`"
    )]
    NoUv,
    /// `uv` failed.
    #[error("`{command}` failed: {detail}")]
    Uv {
        /// The command.
        command: String,
        /// The end of its output.
        detail: String,
    },
    /// Writing to the cache failed.
    #[error("failed to write {}: {source}", path.display())]
    Cache {
        /// Path of the file or directory.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
}

/// An interpreter, and the lock of its environment if `bench` created it.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    /// The interpreter and its versions.
    pub python: Python,
    /// Every package with its version, one per line, for `uv` runtimes.
    pub lock: Option<String>,
}

/// The resources for finding a runtime.
pub(crate) struct Context<'a> {
    /// Resolves a path of the scenario.
    pub locate: &'a dyn Fn(&str) -> PathBuf,
    /// Directory in which environments are kept.
    pub cache: &'a Path,
    /// Takes messages about long steps.
    pub say: &'a dyn Fn(String),
    /// Supervisor of every program.
    pub supervisor: Supervisor<'a>,
}

/// Finds a runtime, or creates it with `uv`.
///
/// # Errors
/// Returns an error if there is no working Python, or if the user interrupted the query.
pub(crate) fn find(runtime: &Runtime, context: &Context<'_>) -> Result<Found, Error> {
    let locate = context.locate;
    let (program, lock) = match runtime {
        Runtime::Venv(directory) => (locate(directory).join("bin/python"), None),
        // A name without a slash is looked up on PATH.
        Runtime::Python(program) if !program.contains('/') => (PathBuf::from(program), None),
        Runtime::Python(program) => (locate(program), None),
        Runtime::Uv(wanted) => {
            let (program, lock) = uv::environment(wanted, context)?;
            (program, Some(lock))
        }
    };
    Ok(Found {
        python: query_versions(&program, &context.supervisor)?,
        lock,
    })
}

/// A script that prints the versions of packages. It does not import them, because that takes seconds for vLLM.
fn version_script() -> String {
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

fn query_versions(program: &Path, supervisor: &Supervisor<'_>) -> Result<Python, Error> {
    let answer = supervisor.run(&Task {
        program,
        arguments: vec!["-c".into(), version_script().into()],
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

/// A time limit: the value of the variable in seconds, or the default.
fn limit((name, default): (&'static str, u64)) -> Result<Duration, Error> {
    let Some(value) = std::env::var_os(name).filter(|value| !value.is_empty()) else {
        return Ok(Duration::from_secs(default));
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

/// The last non-empty line of a program's output.
fn tail(output: &[u8]) -> String {
    let text = String::from_utf8_lossy(output);
    text.lines()
        .rev()
        .find(|line| !line.trim().is_empty())
        .unwrap_or("it printed nothing")
        .to_owned()
}
