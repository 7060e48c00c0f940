//! The result as JUnit XML for CI systems: one suite per variant with one case per check, and one suite for the run, so that
//! a run that never reached its checks still shows as skipped or as an error.

use super::escape::{line as one_line, xml};
use super::{compared, failures};
use crate::record::model::{
    Check, Comparison, Outcome, QualityVerdict, Run, VariantRecord, Verdict,
};
use quick_junit::{NonSuccessKind, Property, Report, TestCase, TestCaseStatus, TestSuite};

/// Renders a record as JUnit XML.
#[must_use]
pub(crate) fn junit(run: &Run) -> String {
    let mut report = Report::new(xml(&run.scenario.name));
    let mut rest: Vec<&Check> = run.checks.iter().collect();
    for variant in &run.variants {
        let (own, others): (Vec<_>, Vec<_>) =
            rest.into_iter().partition(|check| belongs(check, variant));
        rest = others;
        report.add_test_suite(of_variant(run, variant, &own));
    }
    report.add_test_suite(of_run(run, &rest));
    // Writing valid XML text to memory cannot fail.
    without_skipped(&report.to_string().unwrap_or_default())
}

fn of_variant(run: &Run, variant: &VariantRecord, checks: &[&Check]) -> TestSuite {
    let mut suite = TestSuite::new(xml(&variant.name));
    suite.add_property(Property::new("engine", xml(&variant.engine.kind)));
    suite.add_property(Property::new("model", xml(&variant.engine.model)));
    for (package, version) in &variant.engine.versions {
        suite.add_property(Property::new(xml(package), xml(version)));
    }
    suite.add_test_cases(checks.iter().map(|check| case(run, check)));
    let judged = run.comparisons.iter();
    let judged = judged.filter(|row| row.variant == variant.name);
    suite.add_test_cases(judged.filter_map(|row| decided(run, row)));
    let said = failures::of_variant(run, &variant.name);
    if !said.is_empty() {
        let lines: Vec<String> = said.iter().map(|text| one_line(text)).collect();
        suite.set_system_err(xml(&lines.join("\n")));
    }
    suite
}

fn of_run(run: &Run, checks: &[&Check]) -> TestSuite {
    let mut suite = TestSuite::new("run");
    suite.add_property(Property::new("run_id", xml(&run.run_id)));
    let status = [
        ("run finished", finished(run)),
        ("measurement can be trusted", trusted(run)),
    ];
    for (name, status) in status {
        suite.add_test_case(named(run, name, "run", status));
    }
    suite.add_test_cases(checks.iter().map(|check| case(run, check)));
    suite
}

/// The report without `skipped` on its root: Jenkins' junit-10.xsd, which CI systems follow, allows it on suites only.
fn without_skipped(report: &str) -> String {
    let (head, rest) = report.split_once('>').unwrap_or((report, ""));
    let (root, rest) = rest.split_once('>').unwrap_or((rest, ""));
    let root = match root.split_once(" skipped=\"") {
        Some((before, after)) => {
            let after = after.split_once('"').map_or("", |(_, rest)| rest);
            format!("{before}{after}")
        }
        None => root.to_owned(),
    };
    format!("{head}>{root}>{rest}")
}

fn belongs(check: &Check, variant: &VariantRecord) -> bool {
    let below = check.scope.strip_prefix(variant.name.as_str());
    below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn case(run: &Run, check: &Check) -> TestCase {
    let status = if check.passed {
        TestCaseStatus::success()
    } else {
        bad(NonSuccessKind::Failure, "check", &explained(run, check))
    };
    let mut case = named(run, &check.name, &check.scope, status);
    if check.passed {
        case.set_system_out(xml(&check.detail));
    }
    case
}

/// The finding of a check, and the failed requests of its scope.
fn explained(run: &Run, check: &Check) -> String {
    let said = failures::behind(run, &check.scope).into_iter();
    let lines = said.map(|line| format!("\n{}", one_line(&line)));
    check.detail.clone() + &lines.collect::<String>()
}

/// A metric with a verdict over rounds. An inconclusive one is skipped: it neither passes nor fails.
fn decided(run: &Run, row: &Comparison) -> Option<TestCase> {
    let verdict = row.verdict?;
    let ratio = |ratio: Option<f64>| ratio.map_or("-".to_owned(), |ratio| format!("{ratio:.3}x"));
    let detail = format!(
        "{}: {} of {}, {} to {}; {}",
        verdict.word(),
        ratio(row.ratio),
        row.baseline,
        ratio(row.low),
        ratio(row.high),
        compared::rests_on(row)
    );
    let status = match verdict {
        Outcome::Better | Outcome::Equivalent | Outcome::NotWorse => TestCaseStatus::success(),
        Outcome::Worse => bad(NonSuccessKind::Failure, "regression", &detail),
        Outcome::Invalid => bad(NonSuccessKind::Error, "invalid", &detail),
        Outcome::Inconclusive => skipped(&detail),
    };
    let name = format!("{} is no worse than of {}", row.metric, row.baseline);
    let mut case = named(
        run,
        &name,
        &format!("{}/{}", row.variant, row.phase),
        status,
    );
    case.set_system_out(xml(&detail));
    Some(case)
}

fn named(run: &Run, name: &str, scope: &str, status: TestCaseStatus) -> TestCase {
    let mut case = TestCase::new(xml(name), status);
    case.set_classname(xml(&format!(
        "{}.{}",
        run.scenario.name,
        scope.replace('/', ".")
    )));
    case
}

fn finished(run: &Run) -> TestCaseStatus {
    match run.verdict {
        Verdict::Pass | Verdict::Fail | Verdict::Invalid => TestCaseStatus::success(),
        Verdict::Skipped => skipped(&run.summary),
        Verdict::Error => bad(
            NonSuccessKind::Error,
            "error",
            run.error.as_deref().unwrap_or(&run.summary),
        ),
        Verdict::Partial => bad(NonSuccessKind::Error, "partial", &run.summary),
    }
}

fn trusted(run: &Run) -> TestCaseStatus {
    let findings: Vec<_> = run
        .quality
        .findings
        .iter()
        .map(|f| match &f.example {
            Some(example) => format!("{}: {}\n    {example}", f.code, f.shown()),
            None => format!("{}: {}", f.code, f.shown()),
        })
        .collect();
    match run.quality.verdict {
        QualityVerdict::Unmeasured => skipped("nothing was measured"),
        QualityVerdict::Invalid => bad(NonSuccessKind::Failure, "invalid", &findings.join("\n")),
        QualityVerdict::Imported | QualityVerdict::Good | QualityVerdict::Marked => {
            TestCaseStatus::success()
        }
    }
}

fn skipped(why: &str) -> TestCaseStatus {
    let mut status = TestCaseStatus::skipped();
    status.set_message(xml(why));
    status
}

fn bad(kind: NonSuccessKind, of: &str, detail: &str) -> TestCaseStatus {
    let mut status = TestCaseStatus::non_success(kind);
    status.set_type(of);
    status.set_message(xml(detail.lines().next().unwrap_or_default()));
    status.set_description(xml(detail));
    status
}
