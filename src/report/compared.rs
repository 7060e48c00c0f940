//! The tables of a comparison: verdicts over rounds, latency breakdowns, answers that differ.

use super::number::{self, part};
use super::view::{Table, label};
use crate::compare::counted;
use crate::record::model::{Comparison, Decomposition, Difference, Run, SameText};

/// The metrics that have a verdict over rounds, with the smallest change that the rounds could detect.
pub(crate) fn judged(run: &Run) -> Option<Table> {
    let percent =
        |share: Option<f64>| share.map_or("-".to_owned(), |n| format!("{:.1}%", n * 100.0));
    let change = |ratio: Option<f64>| {
        ratio.map_or("-".to_owned(), |n| format!("{:+.1}%", (n - 1.0) * 100.0))
    };
    let (mut rows, mut notes) = (Vec::new(), Vec::new());
    let judged: Vec<_> = run
        .comparisons
        .iter()
        .filter(|row| row.verdict.is_some())
        .collect();
    let first = judged.first()?;
    let alike = |get: fn(&Comparison) -> &String| judged.iter().all(|row| get(row) == get(first));
    for row in &judged {
        let mut name = label(&row.metric);
        if !alike(|row| &row.phase) {
            name += &format!(" of {}", row.phase);
        }
        if !alike(|row| &row.variant) {
            name += &format!(", {}", row.variant);
        }
        if let Some(rounds) = row.rounds_needed {
            notes.push(format!("{name}: {rounds} rounds are needed for a verdict"));
        }
        let word = row.verdict.map_or("", |verdict| verdict.word());
        if let Some(why) = row.why.as_ref().map(|why| format!("{word}: {why}"))
            && !notes.contains(&why)
        {
            notes.push(why);
        }
        rows.push(vec![
            name,
            change(row.ratio),
            format!("{} to {}", change(row.low), change(row.high)),
            percent(row.margin),
            percent(row.detectable),
            row.sign_flip.map_or("-".to_owned(), |p| format!("{p:.3}")),
            word.to_owned(),
        ]);
    }
    let mut title = format!("comparison over {} rounds", first.rounds);
    if alike(|row| &row.phase) && alike(|row| &row.variant) {
        title += &format!(
            ": phase {}, {} compared with {}",
            first.phase, first.variant, first.baseline
        );
    }
    notes.extend(started_once(run).map(str::to_owned));
    Some(Table {
        title,
        head: [
            "metric",
            "effect",
            "confidence interval",
            "margin",
            "detectable",
            "sign flip",
            "verdict",
        ]
        .map(str::to_owned)
        .to_vec(),
        rows,
        notes,
        prose: false,
    })
}

/// The breakdown of a difference: parts are rows, and each total stands below its parts.
pub(crate) fn breakdown(of: &Decomposition) -> Table {
    let row = |label: &str, values: [Option<f64>; 3], share: Option<f64>| {
        let mut row = vec![label.to_owned()];
        row.extend(values.map(part));
        row.push(number::share(share));
        row
    };
    let mut rows = Vec::new();
    for split in &of.splits {
        for one in &split.parts {
            let blamed = split.blamed.as_ref() == Some(&one.name);
            let label = if blamed {
                format!("{} <- largest part", one.name)
            } else {
                one.name.clone()
            };
            rows.push(row(
                &label,
                [one.baseline_ms, one.variant_ms, one.difference_ms],
                one.share,
            ));
        }
        rows.push(row(
            "unexplained",
            [None, None, Some(split.unexplained_ms)],
            None,
        ));
        let whole = [split.baseline_ms, split.variant_ms, split.difference_ms].map(Some);
        rows.push(row(&format!("= {} (mean ms)", split.name), whole, None));
    }
    Table {
        title: format!(
            "latency breakdown: phase {}, {} compared with {}",
            of.phase, of.variant, of.baseline
        ),
        head: ["part", &of.baseline, &of.variant, "difference", "share"]
            .map(str::to_owned)
            .to_vec(),
        rows,
        notes: of.notes.clone(),
        prose: false,
    }
}

/// The first answers that differ between two variants, side by side.
pub(crate) fn answers(of: &SameText) -> Option<Table> {
    let row = |found: &Difference| {
        vec![
            found.place(),
            counted(found.agree, &of.unit),
            found.left.to_string(),
            found.right.to_string(),
        ]
    };
    (!of.examples.is_empty()).then(|| Table {
        title: format!(
            "answers that differ: {} compared with {}, around the first difference",
            of.variant, of.baseline
        ),
        head: ["request", "in common", &of.baseline, &of.variant]
            .map(str::to_owned)
            .to_vec(),
        rows: of.examples.iter().map(row).collect(),
        notes: vec![format!("[ ] marks the first {} that differs", of.unit)],
        prose: true,
    })
}

/// A remark for runs whose engines stayed up between rounds.
pub(crate) fn started_once(run: &Run) -> Option<&'static str> {
    let comparing = run.comparing.as_ref()?;
    let once = "engines were started once: intervals do not include the variation between starts";
    (!comparing.restart).then_some(once)
}

/// The basis of a verdict in words: margin, detectable change, rounds.
pub(crate) fn rests_on(row: &Comparison) -> String {
    let percent = |share: f64| format!("{:.1}%", share * 100.0);
    let mut out = Vec::new();
    out.extend(row.why.clone());
    out.extend(
        row.margin
            .map(|margin| format!("margin {}", percent(margin))),
    );
    let detects = |effect| format!("detects {}", percent(effect));
    out.extend(row.detectable.map(detects));
    if row.rounds > 0 {
        out.push(format!("{} rounds", row.rounds));
    }
    out.extend(
        row.rounds_needed
            .map(|rounds| format!("{rounds} rounds needed")),
    );
    out.join(", ")
}
