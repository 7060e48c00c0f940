//! Two records side by side: another day, another build. Their rounds did not interleave, so that whatever changed on the
//! machine in between is part of the difference.

mod side;
mod unpaired;

pub use side::{NoVariant, Side, obstacles};

use super::{Answers, Tokenizer, decompose, same_text};
use crate::record::model::{
    Check, Finding, Quality, QualityVerdict, Run, SameText, ScenarioRecord, Severity,
};
use crate::record::resolved::COMPARED;
use crate::record::{self, Ending, Error, conclude};
use serde_json::json;
use std::path::Path;
use unpaired::decided;

/// The comparison of two records, itself a record: its first variant is the baseline's, called `name` where both have the same
/// name. `obstacles` that were overruled are kept in it. `texts` are as [`texts`] finds them.
#[must_use]
pub fn compared(
    (baseline, name): (Side<'_>, &str),
    variant: Side<'_>,
    overruled: &[String],
    texts: Option<SameText>,
    now: jiff::Timestamp,
) -> Run {
    let scenario = &variant.run.scenario;
    let settings = json!({COMPARED: {
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
    if let Some(mut texts) = texts {
        texts.baseline.clone_from(&run.variants[0].name);
        let asked = |side: &Side<'_>| side.run.scenario.settings().same_text;
        let demanded = asked(&variant).or_else(|| asked(&baseline));
        let check = texts.check(demanded.unwrap_or(1.0));
        match demanded {
            Some(_) => checks.push(check),
            None => quality.findings.push(finding(
                Severity::Note,
                "same_text",
                check.detail.replace('\n', "; "),
            )),
        }
        run.same_text.push(texts);
    }
    conclude(&mut run, Ending::Finished, checks, Vec::new(), quality);
    run
}

/// A name for the comparison of a run, of which a directory may be made: what a record calls itself need not be a name.
fn named(run_id: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    run_id.replace(|c| !plain(c), "-") + "-compared"
}

fn finding(severity: Severity, code: &str, detail: String) -> Finding {
    Finding {
        severity,
        code: code.to_owned(),
        detail,
        example: None,
    }
}

fn quality(baseline: &Run, variant: &Run, overruled: &[String]) -> Quality {
    let mut findings: Vec<Finding> = overruled
        .iter()
        .map(|why| {
            finding(
                Severity::Doubt,
                "forced",
                format!("compared all the same: {why}"),
            )
        })
        .collect();
    findings.push(finding(
        Severity::Note,
        "not_interleaved",
        format!("measured at {} and at {}: what changed on the machine in between is part of every difference", baseline.started, variant.started),
    ));
    let verdict = if overruled.is_empty() {
        QualityVerdict::Good
    } else {
        QualityVerdict::Marked
    };
    Quality { verdict, findings }
}

/// Whether both gave the same answers, where both were asked the same without chance and their samples are there.
///
/// # Errors
/// When samples are there and can't be read.
pub fn texts(
    baseline: (Side<'_>, &Path),
    variant: (Side<'_>, &Path),
    tokenizer: impl FnOnce() -> Option<Tokenizer>,
) -> Result<Option<SameText>, Error> {
    let greedy = |run: &Run| run.scenario.settings().temperature == Some(0.0);
    let [a, b] = [baseline, variant];
    let alike = a.0.variant.requests_sha256 == b.0.variant.requests_sha256;
    let fit = |(side, dir): (Side<'_>, &Path)| {
        greedy(side.run) && dir.join(record::SAMPLES_FILE).exists()
    };
    if !(alike && fit(a) && fit(b)) {
        return Ok(None);
    }
    // Rounds that only one has are of no use.
    let rounds = [a, b].map(|(side, _)| side.variant.rounds.len().max(1));
    let rounds = u32::try_from(rounds[0].min(rounds[1])).ok();
    let [a, b] = Answers::read_both((a.1, a.0.variant), (b.1, b.0.variant), rounds)?;
    same_text(&a, &b, tokenizer).map(Some)
}

#[cfg(test)]
mod tests;
