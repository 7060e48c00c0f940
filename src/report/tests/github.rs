use super::*;
use crate::record::fixture;

#[test]
fn failures_are_shown_on_their_lines() {
    let text = "version: 1\nverify:\n  gates:\n    - p99 ttft < 800ms\n";
    let shown = annotations(&fixture::fail(), Some(text));
    let lines: Vec<_> = shown.lines().collect();
    assert_eq!(lines.len(), 4);
    assert_eq!(
        lines[3],
        "::warning file=scenarios/native-vs-dynamo.yaml,title=status 500 (1 of 100 requests) on dynamo/batch::the engine is out of memory"
    );
    assert!(
        lines[0].starts_with("::error file=scenarios/native-vs-dynamo.yaml,title=nvext.timing")
    );
    assert!(lines[0].contains("500 answers%0Abatch request 7: nvext"));
    assert!(lines[1].starts_with(
            "::error file=scenarios/native-vs-dynamo.yaml,line=4,title=p99 ttft < 800ms on dynamo/closed::found"
        ));
    assert_eq!(annotations(&fixture::pass(), None), "");
    assert!(annotations(&fixture::error(), None).contains("CUDA out of memory"));
    assert!(annotations(&fixture::skipped(), None).starts_with("::warning "));
}

#[test]
fn a_message_begins_no_command() {
    let mut run = fixture::fail();
    run.checks[3].detail = "x\n::set-env name=A::b\r::add-mask::c %0A".to_owned();
    run.checks[3].name = "a,line=9::b\n::c".to_owned();
    run.variants[1].phases[1].failures[1].first_message = "x\n::stop-commands::y".to_owned();
    let shown = annotations(&run, None);
    assert_eq!(shown.lines().count(), 4);
    let begins = |l: &str| l.starts_with("::error file=") || l.starts_with("::warning file=");
    assert!(shown.lines().all(begins));
    assert!(shown.contains("title=a%2Cline=9%3A%3Ab %3A%3Ac on dynamo"));
    assert!(shown.contains("::x%0A: :set-env"));
    assert!(shown.contains("%250A"));
}
