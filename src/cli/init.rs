//! `bench init`: a commented scenario to begin with.

use super::ask::Asker;
use super::{print, tell};
use crate::record::ExitCode;
use clap::{Args, ValueEnum};
use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::{IsTerminal as _, Write as _};
use std::path::PathBuf;

/// What `bench init` is told.
#[derive(Debug, Args)]
pub(super) struct Init {
    /// The file to write; one that exists is never overwritten.
    #[arg(default_value = "scenario.yaml", value_name = "FILE")]
    file: PathBuf,
    /// What is tested; without any of these options, a terminal is asked, and elsewhere it is `sim`.
    #[arg(long, value_enum)]
    engine: Option<Engine>,
    /// A hub id, or a model's directory.
    #[arg(long, value_name = "ID")]
    model: Option<String>,
    /// The Python environment that has the engine in it.
    #[arg(long, value_name = "DIR")]
    venv: Option<String>,
    /// The endpoint, for `--engine external`; http://127.0.0.1:8000 unless said.
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// The GPU it needs, such as `t4` or `any`.
    #[arg(long, value_name = "KIND")]
    gpu: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Engine {
    /// The embedded engine: needs no install.
    Sim,
    /// vLLM's own server.
    Vllm,
    /// Dynamo over vLLM.
    Dynamo,
    /// vLLM and Dynamo over the same vLLM, side by side.
    Both,
    /// A server that runs already.
    External,
}

/// Used unless another is named.
const MODEL: &str = "Qwen/Qwen3-0.6B";
const VENV: &str = "~/.cache/bench/engines/cpu";
const URL: &str = "http://127.0.0.1:8000";

pub(super) fn init(mut init: Init) -> ExitCode {
    if init.bare() && std::io::stdin().is_terminal() && !init.file.exists() {
        let (stdin, stderr) = (std::io::stdin().lock(), std::io::stderr());
        if init.ask(&mut Asker::new(stdin, stderr)).is_none() {
            tell("\nnothing is written\n");
            return ExitCode::Interrupted;
        }
    }
    write(&init)
}

impl Init {
    /// Whether nothing but a file was named.
    fn bare(&self) -> bool {
        let texts = [&self.model, &self.venv, &self.url, &self.gpu];
        self.engine.is_none() && texts.iter().all(|text| text.is_none())
    }

    /// Asks for what matters to the engine; nothing where the answers end.
    fn ask(&mut self, asker: &mut Asker<impl std::io::BufRead, impl std::io::Write>) -> Option<()> {
        let engines = Engine::value_variants();
        let choices: Vec<_> = engines
            .iter()
            .filter_map(Engine::to_possible_value)
            .map(|value| {
                let help = value.get_help().map(ToString::to_string);
                (value.get_name().to_owned(), help.unwrap_or_default())
            })
            .collect();
        let engine = engines[asker.choose("What is tested?", &choices)?];
        self.engine = Some(engine);
        if engine == Engine::Sim {
            return Some(());
        }
        if engine == Engine::External {
            self.url = Some(asker.ask("Where does it answer?", URL)?);
        }
        self.model = Some(asker.ask("Which model: a hub id, or its directory?", MODEL)?);
        if engine != Engine::External {
            self.venv = Some(asker.ask("Which Python environment has the engine?", VENV)?);
            let gpu = asker.ask("Which GPU does it need: t4, any, ... or none?", "none")?;
            self.gpu = Some(gpu).filter(|gpu| gpu != "none");
        }
        Some(())
    }
}

fn write(init: &Init) -> ExitCode {
    let open = OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(&init.file);
    let written = open.and_then(|mut file| {
        let written = file.write_all(text(init).as_bytes());
        // Half a scenario helps nobody, and would stand in the way of the next try.
        written.inspect_err(|_| drop(std::fs::remove_file(&init.file)))
    });
    let file = init.file.display();
    match written {
        Ok(()) => {
            print(&format!(
                "{file} is written. Next:\n\n  bench check {file}\n  bench doctor {file}\n  bench run {file}\n"
            ));
            ExitCode::Pass
        }
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            tell(&format!(
                "error: {file} exists and is left as it is; name another file: bench init other.yaml\n"
            ));
            ExitCode::BadScenario
        }
        Err(error) => {
            tell(&format!("error: failed to write {file}: {error}\n"));
            ExitCode::TopologyFailed
        }
    }
}

/// The scenario. Values are written as JSON strings, which YAML takes whatever is in them.
fn text(init: &Init) -> String {
    let quoted = |value: &str| serde_json::Value::from(value).to_string();
    let name = init.file.file_stem().and_then(|stem| stem.to_str());
    let name: String = name
        .unwrap_or("scenario")
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || "-_.".contains(*c))
        .take(64)
        .collect();
    let name = name.trim_start_matches(['-', '_', '.']);
    let name = if name.is_empty() { "scenario" } else { name };
    let engine = init.engine.unwrap_or(Engine::Sim);
    let model = match (engine, &init.model) {
        (_, Some(model)) => model.as_str(),
        (Engine::Sim, None) => "bench-sim",
        _ => MODEL,
    };
    let mut out = format!(
        "# Every key is in docs/scenario.md; `bench check` reports mistakes, `bench plan` shows what would be started.\n\
         version: 1\n\
         name: {}\n\
         # A hub id, or a model's directory. `served_name` is what clients ask for.\n\
         model: {{id: {}}}\n",
        quoted(name),
        quoted(model)
    );
    if let Some(gpu) = &init.gpu {
        let _ = write!(
            out,
            "# Where there is no such GPU the run is skipped with exit code 6.\ngpu: {{kind: {}}}\n",
            quoted(gpu)
        );
    }
    if matches!(engine, Engine::Vllm | Engine::Dynamo | Engine::Both) {
        let venv = init.venv.as_deref().unwrap_or(VENV);
        let _ = write!(
            out,
            "# The Python environment with the engine in it; `uv: {{packages: [...]}}` makes one.\nruntime: {{venv: {}}}\n",
            quoted(venv)
        );
    }
    out += match engine {
        Engine::Sim => {
            "# The embedded engine; `flavour: dynamo` answers as Dynamo's frontend does.\nengine: {sim: {flavour: vllm}}\n"
        }
        Engine::Vllm => {
            "# Flags of vLLM without their dashes; ports and hosts are set by bench.\nengine: {vllm: {args: {max-model-len: 1024}}}\n"
        }
        Engine::Dynamo => {
            "# etcd, Dynamo's frontend and one worker.\nengine:\n  dynamo:\n    discovery: etcd\n    workers: [{vllm: {count: 1, args: {max-model-len: 1024}}}]\n"
        }
        Engine::Both | Engine::External => "",
    };
    if engine == Engine::External {
        let _ = write!(
            out,
            "# It runs already: it is neither started nor stopped.\nengine: {{external: {{url: {}}}}}\n",
            quoted(init.url.as_deref().unwrap_or(URL))
        );
    }
    out += REST;
    if engine == Engine::Both {
        out += BOTH;
    }
    out
}

const REST: &str = "\
# Sent in turn. For more: `file: prompts.jsonl`, a line each.
prompts:
  inline:
    - The capital of France is
    - The future of AI is
    - Write a haiku about latency
request:
  endpoint: completions
  params: {max_tokens: 32, temperature: 0}
load:
  warmup: {requests: 8}                         # sent first, not measured
  phases:
    - batch: {size: 5, batches: 10}             # send 5, await all, next: Beam's RunInference
    - closed: {concurrency: 8, requests: 200}   # 8 in flight at any time
verify:
  every_response:                               # held against each answer
    - status: 200
  slo: {ttft: 500ms, tpot: 100ms}               # what goodput counts
  gates:                                        # held against each phase's figures
    - error_rate == 0
    - p95 ttft < 2s
";

const BOTH: &str = "\
# The same vLLM alone and behind Dynamo, on the same requests.
vllm: {args: {max-model-len: 1024}}
variants:
  native: {engine: {vllm: {}}}
  dynamo: {engine: {dynamo: {discovery: etcd, workers: [{vllm: {count: 1}}]}}}
compare:
  baseline: native
  same_text: true
  # One round shows a difference; rounds, each after a start of its own, prove one:
  # rounds: {min: 6, max: 12}
";
