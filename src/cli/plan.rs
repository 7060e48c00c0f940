//! `bench plan`

use super::{PlanFormat, ScenarioArgs, mistakes, print, tell, warned};
use crate::engine::{Probe, Process};
use crate::plan::pace::Rates;
use crate::plan::{Limit, Plan, Purpose, Shape, VariantPlan};
use crate::record::{ExitCode, Redactor};
use crate::run;
use crate::scenario::model::CacheBust;
use crate::scenario::units::Time;
use std::ffi::OsStr;
use std::fmt::Write;
use std::os::unix::ffi::OsStrExt as _;

/// Prompts whose common beginnings are counted at most.
const COUNTED: u64 = 10_000;
/// Requests shown of each phase.
const SHOWN: u64 = 2;

pub(super) fn plan(arguments: &ScenarioArgs, format: PlanFormat) -> ExitCode {
    let changes = &arguments.changes;
    let loaded = match run::load(&arguments.file, &changes.overlays, &changes.sets) {
        Ok((_, loaded)) => warned(loaded),
        Err(diagnostics) => {
            tell(&mistakes(&diagnostics));
            return ExitCode::BadScenario;
        }
    };
    let redactor = run::redactor(&loaded);
    match run::plan(&arguments.file, &loaded) {
        Ok((plan, _held)) => {
            let text = match format {
                PlanFormat::Text => redactor.apply(&text(&plan)),
                PlanFormat::Json => json(&plan, &redactor),
            };
            print(&text);
            ExitCode::Pass
        }
        Err(failure) => {
            tell(&format!(
                "error: {}\n",
                redactor.apply(&failure.to_string())
            ));
            failure.exit_code()
        }
    }
}

/// The plan for a program.
fn json(plan: &Plan, redactor: &Redactor) -> String {
    let mut value = serde_json::to_value(plan).unwrap_or_default();
    redactor.json(&mut value, &[]);
    serde_json::to_string_pretty(&value).unwrap_or_default() + "\n"
}

/// The plan for a person: what could be pasted into a shell, and what it is for.
fn text(plan: &Plan) -> String {
    let mut out = format!("scenario {}\n", plan.scenario);
    if !plan.scrubbed.is_empty() {
        let _ = writeln!(out, "kept from children: {}", plan.scrubbed.join(", "));
    }
    for note in &plan.notes {
        let _ = writeln!(out, "prompts: {note}");
    }
    for variant in &plan.variants {
        render(&mut out, variant);
    }
    out
}

fn render(out: &mut String, variant: &VariantPlan) {
    let _ = write!(out, "\nvariant {} ({}", variant.name, variant.engine);
    for (package, version) in &variant.versions {
        let _ = write!(out, ", {package} {version}");
    }
    out.push_str(")\n");
    for warning in &variant.warnings {
        let _ = writeln!(out, "  warning: {warning}");
    }
    for process in &variant.processes {
        render_process(out, process);
    }
    let _ = writeln!(
        out,
        "  endpoint {}{} model {}",
        variant.endpoint.url,
        variant.requests.target(),
        variant.endpoint.model
    );
    let _ = writeln!(
        out,
        "  ready after {} good completions in a row{}, within {}",
        variant.ready.completions,
        match variant.requests.proof_tokens() {
            Some(tokens) if !variant.proof_needs_whole_answer() =>
                format!(" of at most {tokens} tokens"),
            _ => String::new(),
        },
        variant.ready.timeout
    );
    for (number, phase) in variant.phases.iter().enumerate() {
        let shape = shown(&phase.shape);
        let _ = writeln!(out, "  phase {}: {shape}", phase.name);
        let purpose = Purpose::of_phase(phase.measured, number, 1);
        let requests = phase.requests();
        for index in 0..SHOWN.min(requests.unwrap_or(SHOWN)) {
            let body = variant
                .requests
                .body(&variant.endpoint.model, purpose, index);
            let _ = writeln!(out, "    {index}: {}", String::from_utf8_lossy(&body));
        }
        let _ = match requests {
            Some(requests) if requests > SHOWN => writeln!(out, "    ... {requests} in all"),
            Some(_) => Ok(()),
            None => writeln!(out, "    ..."),
        };
    }
    let phases = variant.phases.iter();
    let most = phases
        .map(|phase| phase.requests().unwrap_or(COUNTED))
        .max();
    let count = most.unwrap_or(0).min(COUNTED);
    let busted = variant.requests.cache_bust == Some(CacheBust::Request);
    if let Some((shared, all)) = variant.requests.prompts.shared(count) {
        let shared = if busted { 0 } else { shared };
        let percent = 100.0 * shared as f64 / all.max(1) as f64;
        let _ = writeln!(
            out,
            "  of the tokens of {count} prompts, {percent:.0}% begin as an earlier prompt did"
        );
    }
    let _ = writeln!(out, "  requests sha256 {}", variant.requests.sha256);
}

fn shown(shape: &Shape) -> String {
    match shape {
        Shape::Batch { size, batches } => format!("{batches} batches of {size}"),
        Shape::Closed {
            concurrency,
            limit,
            ramp,
            think_time,
        } => {
            let mut text = format!("{}{concurrency} at once", ends(limit));
            for (what, time) in [("begun over", ramp), ("with a pause of", think_time)] {
                if !time.is_zero() {
                    let _ = write!(text, ", {what} {}", Time(*time));
                }
            }
            text
        }
        Shape::Open {
            pace,
            limit,
            max_in_flight,
        } => {
            let rate = match &pace.rate {
                Rates::Steady(rate) => format!("{rate}/s"),
                Rates::Recorded(times) => {
                    let last = times.last().copied().unwrap_or_default();
                    format!("as the trace was due, over {:.1}s", last as f64 / 1e9)
                }
                Rates::Ramp { from, to, over } => {
                    format!("from {from}/s to {to}/s over {}", Time(*over))
                }
            };
            format!(
                "{}{rate}, cv {}, seed {}, at most {max_in_flight} at once",
                ends(limit),
                pace.cv,
                pace.seed
            )
        }
    }
}

/// `400 requests, `, `60s, ` or both.
fn ends(limit: &Limit) -> String {
    let requests = limit.requests.map(|n| format!("{n} requests, "));
    let duration = limit.duration.map(|time| format!("{}, ", Time(time)));
    requests.into_iter().chain(duration).collect()
}

fn render_process(out: &mut String, process: &Process) {
    let _ = writeln!(out, "  process {} (stage {})", process.name, process.stage);
    let quoted: Vec<String> = process.argv.iter().map(|word| quote(word)).collect();
    let _ = writeln!(out, "    {}", quoted.join(" "));
    for (name, value) in &process.env {
        let _ = writeln!(out, "    {name}={}", quote(value));
    }
    for probe in &process.probes {
        let _ = match probe {
            Probe::HttpBelow { url, status } => {
                writeln!(out, "    ready when GET {url} answers below {status}")
            }
            Probe::EtcdLease { url } => {
                writeln!(
                    out,
                    "    ready when {url} grants a lease and keeps a key under it"
                )
            }
            Probe::ModelListed { url, model } => {
                writeln!(out, "    ready when GET {url}/v1/models lists {model}")
            }
        };
    }
    let _ = writeln!(
        out,
        "    stopped with TERM, KILL after {} s",
        process.grace.as_secs()
    );
}

/// A word as a shell would take it.
fn quote(word: &OsStr) -> String {
    let Some(word) = word.to_str() else {
        return quote_bytes(word.as_bytes());
    };
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,@%+".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

/// A word that is not UTF-8, as a shell would take it: `$'...'` with its other bytes in octal.
fn quote_bytes(word: &[u8]) -> String {
    let mut quoted = String::from("$'");
    for chunk in word.utf8_chunks() {
        quoted.push_str(&chunk.valid().replace('\\', r"\\").replace('\'', r"\'"));
        for byte in chunk.invalid() {
            let _ = write!(quoted, "\\{byte:03o}");
        }
    }
    quoted + "'"
}
