//! Hostile text in every field of a record: it is shown, and changes nothing of the page's markup.

use super::super::*;
use crate::event::{Event, TeardownReason};
use crate::measure::lifecycle::PhaseKind;
use crate::record::{EventRow, SampleRow, ServerRow, fixture};
use proptest::prelude::*;
use regex::Regex;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Ends elements, attributes and the script; steers a terminal; reorders the text around it.
const HOSTILE: &str = "</script><script>alert(1)</script>\"'><img src=x onerror=x>&lt;\
    \u{0}\u{1b}[2J\r\t\u{7f}\u{85}\u{2028}\u{2029}\u{202e}\u{200b}\u{feff}--></pre></title></style>";

/// What is left of its beginning on the page.
const SHOWN: &str = "&lt;/script&gt;&lt;script&gt;alert(1)&lt;/script&gt;&quot;'&gt;&lt;img";

/// The place of every string in a value.
fn strings(value: &Value, place: &str, found: &mut Vec<String>) {
    match value {
        Value::String(_) => found.push(place.to_owned()),
        Value::Array(items) => {
            for (i, item) in items.iter().enumerate() {
                strings(item, &format!("{place}/{i}"), found);
            }
        }
        Value::Object(fields) => {
            for (key, field) in fields {
                strings(field, &format!("{place}/{key}"), found);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// A run in which `text` stands before every text. A string that can't hold it, since it is one of a few words, stays.
fn marked(run: &Run, text: &str) -> Run {
    let mut value = serde_json::to_value(run).expect("JSON");
    let mut places = Vec::new();
    strings(&value, "", &mut places);
    // What one item of a list can hold, all can.
    let mut holds: BTreeMap<String, bool> = BTreeMap::new();
    for place in places {
        let any = place.split('/').map(|step| match step.parse::<usize>() {
            Ok(_) => "*",
            Err(_) => step,
        });
        let any: Vec<&str> = any.collect();
        let holds = holds.entry(any.join("/"));
        let found = value.pointer_mut(&place).expect("a string");
        let old = found.take();
        *found = format!("{text}{}", old.as_str().unwrap_or_default()).into();
        let is_read = || serde_json::from_value::<Run>(value.clone()).is_ok();
        if !*holds.or_insert_with(is_read) {
            *value.pointer_mut(&place).expect("a string") = old;
        }
    }
    let mut run: Run = serde_json::from_value(value).expect("a record");
    for variant in &mut run.variants {
        variant.engine.versions = [(text.to_owned(), text.to_owned())].into_iter().collect();
        for phase in &mut variant.phases {
            let failed = phase.errors.values().sum::<u64>();
            phase.errors = [(text.to_owned(), failed)].into_iter().collect();
        }
    }
    run
}

/// Requests, events and levels of servers in which `text` stands wherever a program wrote one.
fn detail(run: &Run, text: &str) -> Detail {
    let variant = run.variants.first().map_or("", |v| v.name.as_str());
    let rows = (0..60).map(|index| {
        let mut sample = fixture::sample(index);
        sample.text = Some(vec![text.to_owned()]);
        if index % 7 == 0 {
            sample.error = Some(crate::measure::sample::ErrorClass::Status(500));
            sample.detail = Some(text.to_owned());
        }
        SampleRow {
            variant: variant.to_owned(),
            round: 1,
            sample,
        }
    });
    let started = Event::VariantStarted {
        variant: variant.to_owned(),
        engine: text.to_owned(),
        round: None,
        up: false,
    };
    let phase = Event::PhaseStarted {
        phase: text.to_owned(),
        kind: PhaseKind::Closed,
        requests: None,
    };
    let exited = Event::ProcessExited {
        process: text.to_owned(),
        status: text.to_owned(),
        expected: false,
    };
    let reason = TeardownReason::Failed;
    let events = [
        (0.0, started),
        (10.0, phase),
        (100.0, exited),
        (9_000.0, Event::TeardownStarted { reason }),
        (9_500.0, Event::TeardownEnded { ms: 500.0 }),
    ]
    .map(|(at_ms, event)| EventRow {
        at_ms,
        event: Some(event),
    });
    let level: ServerRow = serde_json::from_value(json!({
        "variant": variant, "phase": 1, "at_ns": 2_000_000, "counters": {},
        "gauges": {"running": 1, format!("gpu{}_memory", text.replace('_', "-")): 0.5},
    }))
    .expect("a level");
    Detail::gather(run, rows, events).with_levels(run, [level])
}

fn page(run: &Run, text: &str) -> String {
    let run = marked(run, text);
    html(&run, &detail(&run, text))
}

/// Every tag and attribute of a page in order, without what attributes hold.
fn markup(page: &str) -> Vec<String> {
    let tag = Regex::new("<[^>]*>").expect("a pattern");
    let held = Regex::new("=\"[^\"]*\"").expect("a pattern");
    let tags = tag.find_iter(page);
    tags.map(|tag| held.replace_all(tag.as_str(), "").into_owned())
        .collect()
}

fn runs() -> [Run; 5] {
    let mut rounds = fixture::rounds(8, 1.2);
    rounds.comparisons = crate::compare::side_by_side(&rounds);
    [
        fixture::pass(),
        fixture::fail(),
        fixture::error(),
        fixture::invalid(),
        rounds,
    ]
}

#[test]
fn hostile_text_is_shown_and_is_no_markup() {
    for run in runs() {
        let hostile = page(&run, HOSTILE);
        // As long, since a short name of a phase is written into a chart as well.
        let plain = page(&run, &"x".repeat(HOSTILE.len()));
        let (own, expected) = (markup(&hostile), markup(&plain));
        let differs = own
            .iter()
            .zip(&expected)
            .find(|(own, expected)| own != expected);
        assert_eq!(differs, None);
        assert_eq!(own.len(), expected.len());
        assert_eq!(hostile.matches("<script>").count(), 1);
        let shown = hostile.matches(SHOWN).count();
        assert!(shown > 50, "shown {shown} times only");
        let (head, _) = hostile.split_once("<script>").expect("the script");
        let steering = |c: &char| {
            c.is_control() && *c != '\n' || "\u{2028}\u{2029}\u{202e}\u{200b}\u{feff}".contains(*c)
        };
        assert_eq!(head.chars().find(steering), None);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn no_text_is_markup(text in "[^\n]*") {
        let mut run = fixture::fail();
        for field in [&mut run.scenario.name, &mut run.summary, &mut run.variants[0].name, &mut run.checks[3].name] {
            field.insert_str(0, &text);
        }
        let plain = fixture::fail();
        let page = html(&run, &detail(&run, &text));
        prop_assert_eq!(markup(&page), markup(&html(&plain, &detail(&plain, "text"))));
        let (shown, _) = page.split_once("<script>").expect("the script");
        prop_assert!(!shown.contains(|c: char| c.is_control() && c != '\n'));
    }
}

/// Escaping is the compiler's work: only the page's own style, its script and what [`harmless`] has seen pass unescaped.
#[test]
fn templates_escape_nothing_by_hand_and_pass_nothing_unescaped() {
    let report = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/report");
    for folder in ["html", "svg"] {
        for file in std::fs::read_dir(report.join(folder))
            .expect("a room")
            .flatten()
        {
            let path = file.path();
            if path.extension().is_none_or(|kind| kind != "rs") {
                continue;
            }
            let text = std::fs::read_to_string(&path).expect("source");
            let most = if path.ends_with("html/mod.rs") { 3 } else { 0 };
            let unescaped = text.matches("PreEscaped(").count();
            assert!(unescaped <= most, "{} has {unescaped}", path.display());
            for entity in ["&lt;", "&gt;", "&amp;", "&quot;", "&#39;"] {
                assert!(!text.contains(entity), "{} writes {entity}", path.display());
            }
        }
    }
}
