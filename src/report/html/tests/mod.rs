//! The page of every way a run can end. tests/pages.rs opens pages in a browser.

mod hostile;

use super::*;
use crate::record::{SampleRow, fixture};

fn page(run: &Run) -> String {
    let rows = (0..60).map(|index| SampleRow {
        variant: "native".to_owned(),
        round: 1,
        sample: fixture::sample(index),
    });
    html(run, &Detail::gather(run, rows, Vec::new()))
}

#[test]
fn every_ending_has_a_page() {
    for run in [
        fixture::pass(),
        fixture::fail(),
        fixture::skipped(),
        fixture::error(),
        fixture::partial(),
        fixture::invalid(),
        fixture::empty(),
    ] {
        let page = page(&run);
        assert!(page.contains(&format!("<strong>{}</strong>", view::word(run.verdict))));
        assert_eq!(page.contains("id=\"checks\""), !run.checks.is_empty());
        assert_eq!(page.contains("id=\"latency\""), !run.variants.is_empty());
        let page = page.split("<script>").next().unwrap_or_default();
        assert!(!page.contains("NaN") && !page.contains("inf "), "{page}");
    }
}

#[test]
fn what_rounds_decide_is_drawn_against_its_margin() {
    assert!(!page(&fixture::pass()).contains("id=\"decided\""));
    let mut run = fixture::rounds(8, 1.2);
    run.comparisons = crate::compare::side_by_side(&run);
    let page = page(&run);
    let decided = page.split("id=\"decided-title\"").nth(1).unwrap();
    let judged = decided.split("<details>").next().unwrap();
    assert_eq!(judged.matches("class=\"zone\"").count(), 6);
    assert!(judged.contains("<strong class=\"bad\">worse</strong>"));
    assert!(judged.contains("class=\"span worse\"") && judged.contains("margin 5.0%"));
    assert!(decided.contains("metrics without a verdict"));
}

#[test]
fn the_policy_names_the_style_and_the_script_and_nothing_else() {
    let page = page(&fixture::pass());
    let policy = page.split("Content-Security-Policy\" content=\"").nth(1);
    let policy = policy
        .and_then(|rest| rest.split('"').next())
        .expect("a policy");
    assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"));
    assert!(!policy.contains("unsafe") && !policy.contains("http"));
    assert!(
        !page.contains(" style=") && !page.contains(" src=") && !page.contains(" onerror="),
        "inline"
    );
    assert!(
        !page.contains("http://") && !page.contains("https://"),
        "a link out"
    );
}

#[test]
fn a_page_of_many_requests_stays_small() {
    let run = fixture::pass();
    let rows = (0..30_000).map(|index| SampleRow {
        variant: if index % 2 == 0 { "native" } else { "dynamo" }.to_owned(),
        round: 1,
        sample: fixture::sample(index),
    });
    let page = html(&run, &Detail::gather(&run, rows, Vec::new()));
    assert!(page.len() < 200_000, "{} bytes", page.len());
}
