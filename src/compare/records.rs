//! Two records side by side: another day, another build. Their rounds did not interleave, so that whatever changed on the
//! machine in between is part of the difference.

use super::decide::{Doubts, decide, positive};
use super::metrics::{METRICS, OF_TOPOLOGY, Of, Part, TOPOLOGY};
use super::{SameText, against, decompose, same_text};
use crate::record::model::{
    Check, Comparing, Comparison, Finding, Judged, Outcome, Quality, RoundValues, Run,
    ScenarioRecord, VariantRecord,
};
use crate::record::{self, Ending, Error, SampleRow, conclude};
use crate::stats::{self, BUDGET, Estimate};
use serde_json::json;
use std::path::Path;

/// Margin of the metrics that are judged where neither record names any.
const MARGIN: f64 = 0.05;
/// What is then judged, as far as both have it.
const USUAL: [&str; 3] = ["ttft_ms.p50", "tpot_ms.p50", "output_tokens_per_s"];

/// One of two records, and its variant that is compared.
#[derive(Debug, Clone, Copy)]
pub struct Side<'a> {
    /// The record.
    pub run: &'a Run,
    /// The variant.
    pub variant: &'a VariantRecord,
}

impl<'a> Side<'a> {
    /// The variant of this name; the only one unless named.
    ///
    /// # Errors
    /// When there is none, or several to choose from.
    pub fn of(run: &'a Run, name: Option<&str>) -> Result<Self, String> {
        let names: Vec<&str> = run.variants.iter().map(|v| v.name.as_str()).collect();
        let found = match (name, run.variants.as_slice()) {
            (Some(name), all) => all.iter().find(|variant| variant.name == name),
            (None, [only]) => Some(only),
            (None, _) => None,
        };
        found
            .map(|variant| Side { run, variant })
            .ok_or_else(|| match name {
                _ if names.is_empty() => format!("{} holds no variant: nothing ran", run.run_id),
                Some(name) => format!(
                    "{} has no variant `{name}`; it has {}",
                    run.run_id,
                    names.join(", ")
                ),
                None => format!(
                    "{} has several variants: {}; say which with `--variant NAME`",
                    run.run_id,
                    names.join(", ")
                ),
            })
    }

    /// What must be alike for a difference to be of the engine alone: each thing's name and what it is here.
    fn conditions(&self) -> Vec<(&'static str, String)> {
        let machine = &self.run.machine;
        let asked = |key: &str| {
            let value = self.run.scenario.resolved.get(key);
            value.map_or(String::new(), ToString::to_string)
        };
        let known = |text: &str| if text == "unknown" { "" } else { text }.to_owned();
        vec![
            ("model", known(&self.variant.engine.model)),
            (
                "requests",
                self.variant.requests_sha256.chars().take(12).collect(),
            ),
            ("processor", known(&machine.cpu)),
            (
                "cores",
                if machine.cores == 0 {
                    String::new()
                } else {
                    machine.cores.to_string()
                },
            ),
            (
                "GPUs",
                if machine.gpus.is_empty() {
                    "none".to_owned()
                } else {
                    machine.gpus.join(", ")
                },
            ),
            ("load", asked("load")),
            ("request", asked("request")),
            (
                "definitions",
                format!("version {}", self.run.schema_version),
            ),
        ]
    }

    /// Why its own figures prove nothing.
    fn unsound(&self) -> Option<String> {
        let id = &self.run.run_id;
        match self.run.quality.verdict.as_str() {
            _ if self.run.finished.is_none() => Some(format!("{id} did not come to its end")),
            "invalid" => Some(format!("the measurement of {id} can't be trusted")),
            _ => None,
        }
    }
}

/// Why two records can't be compared; empty where they can.
#[must_use]
pub fn obstacles(baseline: &Side<'_>, variant: &Side<'_>) -> Vec<String> {
    let mut found: Vec<String> = [baseline, variant]
        .iter()
        .filter_map(|side| side.unsound())
        .collect();
    let pairs = baseline.conditions().into_iter().zip(variant.conditions());
    for ((what, a), (_, b)) in pairs {
        // A scenario need not say how it asks; but it sends requests to a model on a machine.
        let needed = !matches!(what, "load" | "request");
        if needed && (a.is_empty() || b.is_empty()) {
            found.push(format!("not known of both: {what}"));
        } else if a != b {
            let shown = if a.len() + b.len() > 100 {
                String::new()
            } else {
                format!(": {a}, now {b}")
            };
            found.push(format!("other {what}{shown}"));
        }
    }
    found
}

/// The comparison of two records, itself a record: its first variant is the baseline's, called `name` where both have the same
/// name. `obstacles` that were overruled are kept in it. `texts` are as [`texts`] finds them.
#[must_use]
pub fn compared(
    (baseline, name): (Side<'_>, &str),
    variant: Side<'_>,
    overruled: &[String],
    texts: Option<&SameText>,
    now: jiff::Timestamp,
) -> Run {
    let scenario = &variant.run.scenario;
    let settings = json!({"compared": {
        "baseline": baseline.run.run_id, "run": variant.run.run_id, "forced": !overruled.is_empty(), "although": overruled,
    }});
    let scenario = ScenarioRecord::new(scenario.name.clone(), scenario.path.clone(), settings);
    let mut run = Run::begin(
        named(&variant.run.run_id),
        now,
        scenario,
        variant.run.machine.clone(),
    );
    run.finished = Some(now.to_string());
    run.variants = [baseline, variant]
        .map(|side| side.variant.clone())
        .to_vec();
    if baseline.variant.name == variant.variant.name {
        name.clone_into(&mut run.variants[0].name);
    }
    run.comparisons = decided(&run, &[variant.run, baseline.run], !overruled.is_empty());
    run.decompositions = decompose(&run);
    let mut quality = quality(baseline.run, variant.run, overruled);
    let mut checks = vec![Check {
        name: "comparable: model, requests, hardware, load, definitions".to_owned(),
        scope: variant.variant.name.clone(),
        passed: true,
        detail: if overruled.is_empty() {
            "alike in all of them".to_owned()
        } else {
            format!("forced, although {}", overruled.join("; "))
        },
    }];
    if let Some(texts) = texts {
        let demanded = share(variant.run).or_else(|| share(baseline.run));
        let [a, b] = [&run.variants[0].name, &run.variants[1].name];
        let check = texts.check(a, b, demanded.unwrap_or(1.0));
        match demanded {
            Some(_) => checks.push(check),
            None => quality.findings.push(finding(
                "same_text",
                format!("note: {}", check.detail.replace('\n', "; ")),
            )),
        }
    }
    conclude(&mut run, Ending::Finished, checks, Vec::new(), quality);
    run
}

/// A name for the comparison of a run, of which a directory may be made: what a record calls itself need not be a name.
fn named(run_id: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    run_id.replace(|c| !plain(c), "-") + "-compared"
}

/// The share of requests that a record's scenario wants to be answered alike.
fn share(run: &Run) -> Option<f64> {
    let compare = run.scenario.resolved.get("compare")?;
    compare
        .get("same_text")?
        .as_bool()
        .filter(|wanted| *wanted)?;
    let share = compare
        .get("same_text_share")
        .and_then(serde_json::Value::as_str);
    let percent = share.and_then(|share| share.strip_suffix('%')?.trim().parse::<f64>().ok());
    Some(percent.map_or(1.0, |percent| percent / 100.0))
}

fn finding(code: &str, detail: String) -> Finding {
    Finding {
        code: code.to_owned(),
        detail,
    }
}

fn quality(baseline: &Run, variant: &Run, overruled: &[String]) -> Quality {
    let mut findings: Vec<Finding> = overruled
        .iter()
        .map(|why| finding("forced", format!("compared all the same: {why}")))
        .collect();
    findings.push(finding(
        "not_interleaved",
        format!("note: measured at {} and at {}: what changed on the machine in between is part of every difference", baseline.started, variant.started),
    ));
    let verdict = if overruled.is_empty() {
        "good"
    } else {
        "marked"
    };
    Quality {
        verdict: verdict.to_owned(),
        findings,
    }
}

/// Every metric of both with its estimate; what either record judged, with a verdict.
fn decided(run: &Run, records: &[&Run; 2], forced: bool) -> Vec<Comparison> {
    let [a, b] = [&run.variants[0], &run.variants[1]];
    let mut rows = against(a, b);
    for row in &mut rows {
        row.values = values(a, b, row);
    }
    let rounds = [a.rounds.len(), b.rounds.len()];
    let known: Vec<&str> = rows.iter().map(|row| row.metric.as_str()).collect();
    let comparing = Comparing {
        min: u32::try_from(rounds[1]).unwrap_or(u32::MAX),
        max: u32::try_from(rounds[1]).unwrap_or(u32::MAX),
        alternate: false,
        restart: true,
        judged: judged(records, &known),
    };
    let mut doubts = Doubts::of(run);
    if forced {
        doubts.whole = None;
    }
    decide(&mut rows, &comparing, &doubts, BUDGET, |row| {
        apart(row, rounds)
    });
    for row in &mut rows {
        // Its rounds are no pairs.
        row.sign_flip = None;
        if rounds.iter().any(|count| *count < 2)
            && row.verdict.is_some()
            && doubts.about(row).is_none()
        {
            row.verdict = Some(Outcome::Inconclusive);
            row.why = Some(
                "a single run proves no difference: give both `compare: {rounds: {min: 10}}`"
                    .to_owned(),
            );
        }
    }
    rows
}

/// What the newer record judged, else the older, else the usual.
fn judged(records: &[&Run; 2], known: &[&str]) -> Vec<Judged> {
    let named = records.iter().find_map(|run| run.comparing.as_ref());
    if let Some(comparing) = named {
        return comparing.judged.clone();
    }
    let usual = |metrics: &[&str]| -> Vec<Judged> {
        let there = metrics.iter().filter(|metric| known.contains(metric));
        there
            .map(|metric| Judged {
                metric: (*metric).to_owned(),
                margin: MARGIN,
            })
            .collect()
    };
    let streamed = usual(&USUAL);
    if streamed.is_empty() {
        usual(&["e2e_ms.p50", "requests_per_s"])
    } else {
        streamed
    }
}

/// What each record's rounds found; the sides need not have as many.
fn values(a: &VariantRecord, b: &VariantRecord, row: &Comparison) -> Vec<RoundValues> {
    let metric = METRICS.iter().find(|metric| metric.key == row.metric);
    let topology = OF_TOPOLOGY.iter().find(|(key, _)| *key == row.metric);
    let of = match (metric, topology) {
        (Some(metric), _) if row.phase != TOPOLOGY => Of::Phase(metric, &row.phase),
        (_, Some((_, get))) => Of::Topology(*get),
        _ => return Vec::new(),
    };
    let value = |variant: &VariantRecord, k: usize| of.value(&Part::from(variant.rounds.get(k)?));
    (0..a.rounds.len().max(b.rounds.len()))
        .map(|k| RoundValues {
            round: u32::try_from(k + 1).unwrap_or(u32::MAX),
            baseline_first: true,
            baseline: value(a, k),
            variant: value(b, k),
        })
        .collect()
}

/// The effect between rounds that did not interleave, where all of them have the value.
fn apart(row: &Comparison, rounds: [usize; 2]) -> Option<Estimate> {
    let logs = |get: fn(&RoundValues) -> Option<f64>| -> Vec<f64> {
        row.values
            .iter()
            .filter_map(|values| Some(positive(get(values))?.ln()))
            .collect()
    };
    let (a, b) = (logs(|v| v.baseline), logs(|v| v.variant));
    if [a.len(), b.len()] != rounds {
        return None;
    }
    stats::welch(&a, &b)
}

/// Whether both gave the same answers, where both were asked the same without chance and their samples are there.
///
/// # Errors
/// When samples are there and can't be read.
pub fn texts(
    baseline: (Side<'_>, &Path),
    variant: (Side<'_>, &Path),
) -> Result<Option<SameText>, Error> {
    let greedy = |run: &Run| {
        let temperature = run.scenario.resolved.pointer("/request/params/temperature");
        temperature.and_then(serde_json::Value::as_f64) == Some(0.0)
    };
    let sides = [baseline, variant];
    let alike = baseline.0.variant.requests_sha256 == variant.0.variant.requests_sha256;
    let there = |dir: &Path| dir.join(record::SAMPLES_FILE).exists();
    if !alike
        || !sides
            .iter()
            .all(|(side, dir)| greedy(side.run) && there(dir))
    {
        return Ok(None);
    }
    // Rounds that only one has are of no use.
    let rounds = sides
        .iter()
        .map(|(side, _)| side.variant.rounds.len().max(1))
        .min();
    let rows = |(side, dir): (Side<'_>, &Path)| -> Result<Vec<SampleRow>, Error> {
        let measured = |row: &SampleRow| {
            let phase = usize::try_from(row.sample.phase).ok();
            row.variant == side.variant.name
                && usize::try_from(row.round).ok() <= rounds
                && phase
                    .and_then(|phase| side.variant.phases.get(phase))
                    .is_some_and(|phase| phase.measured())
        };
        record::samples(dir)?
            .filter(|row| row.as_ref().map_or(true, measured))
            .collect()
    };
    let (a, b) = (rows(baseline)?, rows(variant)?);
    Ok(Some(same_text(&a, &b)))
}

#[cfg(test)]
#[path = "records_tests.rs"]
mod tests;
