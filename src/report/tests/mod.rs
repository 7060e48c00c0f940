use super::github::{annotations, step_summary};
use super::*;
use crate::record::fixture;
use crate::record::model::Verdict;
use quick_junit::{NonSuccessKind, Report, TestCaseStatus};
use unicode_width::UnicodeWidthStr as _;

fn plain(run: &Run) -> String {
    let screen = Screen {
        width: 100,
        color: false,
        place: Some(format!("reports/{}", run.run_id)),
    };
    terminal(run, &screen)
}

fn fixtures() -> [(&'static str, Run); 6] {
    [
        ("pass", fixture::pass()),
        ("fail", fixture::fail()),
        ("skipped", fixture::skipped()),
        ("error", fixture::error()),
        ("partial", fixture::partial()),
        ("invalid", fixture::invalid()),
    ]
}

#[test]
fn terminals_show_it() {
    for (name, run) in fixtures() {
        insta::assert_snapshot!(format!("terminal_{name}"), plain(&run));
    }
}

#[test]
fn long_versions_leave_room_for_the_figures() {
    let mut run = fixture::pass();
    let all = [
        ("python", "3.12.11"),
        ("ai-dynamo", "1.1.0.post1"),
        ("ai-dynamo-runtime", "1.1.0.post1"),
        ("vllm", "0.31.0+cpu"),
        ("torch", "2.9.1+cpu"),
        ("transformers", "5.4.0"),
        ("etcd", "3.5.16"),
    ];
    for variant in &mut run.variants {
        let all = all.map(|(name, version)| (name.to_owned(), version.to_owned()));
        variant.engine.versions = all.into_iter().collect();
    }
    for width in [80, 120] {
        let screen = Screen {
            width,
            ..Screen::default()
        };
        let shown = terminal(&run, &screen);
        let table: Vec<&str> = shown
            .lines()
            .skip_while(|line| *line != "topology")
            .collect();
        let end = table.iter().position(|line| line.starts_with('└'));
        let table = table[..=end.expect("an end")].join("\n");
        assert!(table.lines().all(|line| line.width() <= width));
        insta::assert_snapshot!(format!("terminal_versions_{width}"), table);
    }
}

#[test]
fn markdown_shows_it() {
    for (name, run) in fixtures() {
        insta::assert_snapshot!(
            format!("markdown_{name}"),
            render(&run, &Detail::default(), Format::Markdown)
        );
    }
}

#[test]
fn junit_shows_it() {
    for (name, run) in fixtures() {
        insta::assert_snapshot!(
            format!("junit_{name}"),
            render(&run, &Detail::default(), Format::Junit)
        );
    }
}

fn parsed(run: &Run) -> Report {
    Report::deserialize_from_str(&junit(run)).expect("JUnit that reads back")
}

#[test]
fn junit_reads_back_with_every_check() {
    for (name, run) in fixtures() {
        let report = parsed(&run);
        assert_eq!(report.tests, run.checks.len() + 2, "{name}");
        let failed = run.checks.iter().filter(|c| !c.passed).count();
        let invalid = usize::from(run.verdict == Verdict::Invalid);
        assert_eq!(report.failures, failed + invalid, "{name}");
        let errors = matches!(run.verdict, Verdict::Error | Verdict::Partial);
        assert_eq!(report.errors, usize::from(errors), "{name}");
    }
}

/// Elements with their attributes, and which of those must be there, as in Jenkins' junit-10.xsd.
const JUNIT: [(&str, &str, &str); 10] = [
    ("testsuites", "name time tests failures errors", ""),
    (
        "testsuite",
        "name tests failures errors group time skipped timestamp hostname id package file log url version",
        "name tests failures errors",
    ),
    ("properties", "", ""),
    ("property", "name value", "name value"),
    ("testcase", "name time classname group", "name"),
    ("failure", "type message", ""),
    ("error", "type message", ""),
    ("skipped", "type message", ""),
    ("system-out", "", ""),
    ("system-err", "", ""),
];

#[test]
fn junit_has_only_what_its_schema_knows() {
    let element =
        regex::Regex::new(r#"<([a-z-]+)((?: [a-z]+="[^"]*")*)\s*/?>"#).expect("a pattern");
    let name = regex::Regex::new(r#" ([a-z]+)=""#).expect("a pattern");
    for (which, run) in fixtures() {
        let text = junit(&run);
        let mut seen = 0;
        for found in element.captures_iter(&text) {
            let known = JUNIT.iter().find(|(element, ..)| *element == &found[1]);
            let (_, may, must) = known.unwrap_or_else(|| panic!("{which}: {}", &found[0]));
            let has: Vec<&str> = name
                .captures_iter(&found[2])
                .filter_map(|name| name.get(1))
                .map(|name| name.as_str())
                .collect();
            assert!(
                has.iter()
                    .all(|name| may.split(' ').any(|known| known == *name)),
                "{}",
                &found[0]
            );
            assert!(
                must.split_whitespace().all(|name| has.contains(&name)),
                "{}",
                &found[0]
            );
            seen += 1;
        }
        assert_eq!(
            seen,
            text.matches('<').count() - text.matches("</").count() - 1,
            "{which}"
        );
    }
}

#[test]
fn what_rounds_decide_is_a_case_each() {
    let mut run = fixture::rounds(8, 1.2);
    run.comparisons = crate::compare::side_by_side(&run);
    let report = parsed(&run);
    let dynamo = report
        .test_suites
        .iter()
        .find(|s| s.name.as_str() == "dynamo");
    let cases = &dynamo.expect("dynamo's suite").test_cases;
    let ttft = |name: &str| name == "ttft_ms.p50 is no worse than of native";
    let case = cases.iter().find(|case| ttft(case.name.as_str()));
    let TestCaseStatus::NonSuccess {
        kind, ty, message, ..
    } = &case.expect("a case").status
    else {
        panic!("{case:?}")
    };
    assert_eq!(
        (*kind, ty.as_deref()),
        (NonSuccessKind::Failure, Some("regression"))
    );
    let message = message.as_deref().expect("a message");
    assert!(
        message.starts_with("worse: 1.2") && message.contains("margin 5.0%"),
        "{message}"
    );
    let shown = github::annotations(&run, None);
    assert!(
        shown.contains("title=ttft_ms.p50 of dynamo is worse than native::1.2"),
        "{shown}"
    );
}

#[test]
fn a_skipped_run_is_skipped_in_junit() {
    let report = parsed(&fixture::skipped());
    let case = &report.test_suites[0].test_cases[0];
    assert!(
        matches!(&case.status, TestCaseStatus::Skipped { message: Some(why), .. } if why.as_str().contains("T4"))
    );
}

#[test]
fn an_error_keeps_its_log_lines_in_junit() {
    let report = parsed(&fixture::error());
    let run = report.test_suites.last().expect("the run's suite");
    let TestCaseStatus::NonSuccess {
        kind, description, ..
    } = &run.test_cases[0].status
    else {
        panic!("{run:?}");
    };
    assert_eq!(*kind, NonSuccessKind::Error);
    assert!(
        description
            .as_ref()
            .is_some_and(|d| d.as_str().contains("CUDA out of memory"))
    );
}

/// What a hostile server might answer: terminal sequences, markup of every kind, direction changes, characters that
/// XML can't hold.
const HOSTILE: &str = "\u{1b}]0;owned\u{7}\u{1b}[2J|`x`|<script>alert(1)</script>]]>&amp;\u{202e}\u{0}\u{ffff}\r\n## heading\n```\n[a](http://evil) @someone";

fn hostile() -> Run {
    let mut run = fixture::fail();
    run.checks[3].name = HOSTILE.to_owned();
    run.checks[3].detail = format!("{HOSTILE}\n{HOSTILE}");
    run.summary = HOSTILE.to_owned();
    run.error = Some(HOSTILE.to_owned());
    run.variants[1].name = HOSTILE.to_owned();
    run.variants[1].phases[1]
        .errors
        .insert(HOSTILE.to_owned(), 1);
    run.quality.findings[0].detail = HOSTILE.to_owned();
    run.quality.findings[0].example = Some(HOSTILE.to_owned());
    run.variants[1].phases[1].failures[0].first_message = HOSTILE.repeat(5);
    run.machine.gpus = vec![HOSTILE.to_owned()];
    run
}

#[test]
fn hostile_text_steers_no_terminal() {
    let shown = plain(&hostile());
    assert!(
        !shown.chars().any(|c| c.is_control() && c != '\n'),
        "{shown:?}"
    );
    assert!(!shown.contains('\u{202e}'));
    assert!(!shown.lines().any(|l| l.starts_with("## ")), "{shown}");
}

#[test]
fn hostile_text_is_no_markdown() {
    let shown = markdown(&hostile());
    insta::assert_snapshot!("markdown_hostile", shown);
    let headings: Vec<_> = shown.lines().filter(|l| l.starts_with('#')).collect();
    // The error block shows one as text; all others are ours.
    assert_eq!(
        headings.iter().filter(|l| **l == "## heading").count(),
        1,
        "{headings:?}"
    );
    for table in shown.lines().filter(|l| l.starts_with("| TTFT")) {
        assert_eq!(table.matches('|').count(), 5, "{table}");
    }
}

#[test]
fn hostile_text_is_well_formed_xml() {
    let report = parsed(&hostile());
    let text = format!("{report:?}");
    assert!(text.contains("<script>"), "kept as text");
    assert!(!text.contains("\\u{1b}") && !text.contains("\\0"));
}

/// Everywhere that a person looks first, without the samples at hand.
#[test]
fn the_first_message_of_each_failure_is_shown() {
    let run = fixture::fail();
    let said = "status 500 (1 of 100 requests)";
    let own = "the engine is out of memory";
    let other = "expected a number (and 1 other message)";
    let annotated = annotations(&run, None);
    for shown in [
        plain(&run),
        markdown(&run),
        junit(&run),
        step_summary(&run),
        annotated,
    ] {
        let flat = shown.split_whitespace().collect::<Vec<_>>().join(" ");
        for part in [said, own, other] {
            assert!(flat.contains(part), "`{part}` is not in\n{shown}");
        }
    }
    // Beside the gate that they broke, where CI systems look.
    let mut gated = run.clone();
    gated.checks[4].scope = "dynamo/batch".to_owned();
    gated.checks[4].passed = false;
    let case = parsed(&gated).test_suites[1].test_cases.clone().into_iter();
    let failed = case.filter_map(|case| match case.status {
        TestCaseStatus::NonSuccess { description, .. } => description,
        _ => None,
    });
    let own = format!("\n{said}: {own}");
    assert!(
        failed
            .map(|text| text.to_string())
            .any(|text| text.contains(&own))
    );
    let held = fixture::pass();
    assert!(!plain(&held).contains("failures") && !markdown(&held).contains("## Failures"));
}

#[test]
fn classes_without_end_are_counted() {
    let mut run = fixture::fail();
    let failures = &mut run.variants[1].phases[1].failures;
    for status in 400..500 {
        let mut one = failures[0].clone();
        one.class = format!("status {status}");
        one.first_message = "x".repeat(5_000);
        failures.push(one);
    }
    let shown = plain(&run);
    assert!(shown.contains("and 94 more: see report.html"), "{shown}");
    assert!(!shown.contains(&"x".repeat(301)) && shown.contains(&"x".repeat(300)));
}

#[test]
fn a_finding_is_shown_with_its_first_example() {
    let mut run = fixture::invalid();
    let example = "closed request 7: 3 tokens counted, 9 text events";
    run.quality.findings[0].example = Some(example.to_owned());
    assert!(plain(&run).contains(&format!("\n      {example}\n")));
    assert!(markdown(&run).contains(&format!("\n  - `{example}`\n")));
    assert!(junit(&run).contains(example));
    assert!(html::html(&run, &html::Detail::default()).contains(example));
    let json = serde_json::to_string(&run).expect("JSON");
    let back: Run = serde_json::from_str(&json).expect("a record");
    assert_eq!(back, run);
}

#[test]
fn colours_only_where_asked_for() {
    let mut run = fixture::fail();
    let screen = Screen {
        color: true,
        ..Screen::default()
    };
    assert!(terminal(&run, &screen).starts_with("\u{1b}[1;31mFAIL\u{1b}[0m"));
    assert!(!plain(&run).contains('\u{1b}'));
    run.verdict = Verdict::Partial;
    assert!(terminal(&run, &screen).contains("\u{1b}[1;33mPARTIAL"));
}

#[test]
fn tables_fit_the_width() {
    let mut run = fixture::pass();
    for name in ["third", "fourth", "fifth"] {
        let mut more = run.variants[1].clone();
        more.name = name.to_owned();
        run.variants.push(more);
    }
    let screen = Screen {
        width: 80,
        ..Screen::default()
    };
    let shown = terminal(&run, &screen);
    let drawn = shown
        .lines()
        .filter(|l| l.starts_with(['│', '┌', '└', '├']));
    assert!(drawn.clone().count() > 10);
    assert!(drawn.clone().all(|l| l.width() <= 80), "{shown}");
}

#[test]
fn wide_characters_keep_tables_aligned() {
    let mut run = fixture::fail();
    run.variants[1].name = "日本語".to_owned();
    run.variants[1].engine.kind = "🚀 cafe\u{301}".to_owned();
    run.checks[3].detail = "モデル `Qwen/🚀🚀🚀-8B` 日本語 の応答 が 違います ".repeat(8);
    for width in [60, 80, 120] {
        let screen = Screen {
            width,
            ..Screen::default()
        };
        let shown = terminal(&run, &screen);
        let mut wrapped = shown.lines().filter(|line| line.contains("モデル"));
        assert!(wrapped.all(|line| line.width() <= width), "{shown}");
        let tables = shown.split("\n\n").filter(|part| part.contains('┌'));
        let mut seen = 0;
        for table in tables.filter(|table| table.contains("日本語")) {
            let drawn = table
                .lines()
                .filter(|l| l.starts_with(['│', '┌', '└', '├']));
            let mut widths: Vec<usize> = drawn.map(|line| line.width()).collect();
            widths.dedup();
            assert_eq!(widths.len(), 1, "{table}");
            seen += 1;
        }
        assert!(seen > 2, "{shown}");
    }
}

#[test]
fn what_is_not_applicable_is_a_dash() {
    let shown = plain(&fixture::pass());
    let closed = shown.split("phase closed").nth(1).expect("the phase");
    let tpot = closed
        .lines()
        .find(|l| l.contains("TPOT p50"))
        .expect("the row");
    let cells: Vec<_> = tpot.split('│').map(str::trim).collect();
    assert_eq!(cells, ["", "TPOT p50 (ms)", "-", "8.156", "-", ""]);
}

/// The sample in reports/golden re-renders as it is kept; `UPDATE_GOLDEN=1` keeps it anew.
#[test]
fn the_golden_record_renders_as_kept() {
    let golden = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("reports/golden");
    let run = crate::record::read(&golden).expect("a record");
    let rows: Result<Vec<_>, _> = crate::record::samples(&golden).expect("samples").collect();
    assert!(!rows.expect("good rows").is_empty());
    let detail = detail(&run, &golden).expect("samples and events");
    for format in [Format::Html, Format::Markdown, Format::Junit] {
        let path = golden.join(format.file_name());
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(&path, render(&run, &detail, format)).expect("written");
        }
        let kept = std::fs::read_to_string(&path).expect("kept");
        assert!(
            render(&run, &detail, format) == kept,
            "{} differs; run with UPDATE_GOLDEN=1",
            path.display()
        );
    }
}
