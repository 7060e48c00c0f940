//! Hostile input: whatever the bytes are, reading a scenario ends with an answer that can be shown.

use bench::scenario::{self, Input};
use proptest::prelude::*;
use std::path::PathBuf;

const GOOD: &str = include_str!("golden/good.yaml");
const BAD: &str = include_str!("golden/all-at-once.yaml");

fn load(text: &str, overlay: Option<&str>, set: Option<&str>) {
    let input = Input {
        file: (PathBuf::from("x.yaml"), text.to_owned()),
        overlays: overlay
            .map(|text| (PathBuf::from("o.yaml"), text.to_owned()))
            .into_iter()
            .collect(),
        sets: set.map(str::to_owned).into_iter().collect(),
    };
    let env = |name: &str| (name.len() % 2 == 1).then(|| "h4nter2".to_owned());
    if let Err(mistakes) = scenario::load(&input, &env) {
        assert!(!mistakes.is_empty());
        let text = mistakes.render(false);
        assert!(!text.contains("h4nter2"), "{text}");
        let acts = |c: char| c.is_control() && c != '\n';
        assert!(!text.contains(acts), "{text:?}");
        let _ = mistakes.render(true);
    }
}

/// Words that mean something in a scenario.
fn word() -> impl Strategy<Value = String> {
    prop_oneof![
        proptest::sample::select(vec![
            "{",
            "}",
            "[",
            "]",
            ": ",
            "- ",
            "\n",
            "\n  ",
            ",",
            "null",
            "1",
            "-1",
            "1e999",
            "{env: A}",
            "{env: AB}",
            "&a ",
            "*a",
            "<<: ",
            "!!str ",
            "engine",
            "sim",
            "vllm",
            "phases",
            "batch",
            "30s",
            "p99 ttft < 1s",
            "\"",
            "'",
            "|",
            "---",
            "\t",
            "\u{1b}",
            "\u{85}",
            "é",
            "\u{202e}",
            "# ",
        ])
        .prop_map(str::to_owned),
        "[a-z]{1,8}",
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text(text in "(?s).{0,200}") {
        load(&text, None, None);
    }

    #[test]
    fn any_words(words in proptest::collection::vec(word(), 0..40)) {
        load(&words.concat(), None, None);
    }

    #[test]
    fn changed_scenarios(start in 0..GOOD.len(), length in 0..40_usize, new in word(), bad: bool) {
        let mut text = if bad { BAD } else { GOOD }.to_owned();
        let start = start.min(text.len());
        let end = (start + length).min(text.len());
        text.replace_range(start..end, &new);
        load(&text, None, None);
    }

    #[test]
    fn any_overlay_and_set(words in proptest::collection::vec(word(), 0..20), set in "(?s).{0,40}") {
        load(GOOD, Some(&words.concat()), Some(&set));
    }

    #[test]
    fn any_gate(gate in "[a-z0-9_ <>=%./é]{0,30}") {
        let quoted = serde_json::to_string(&gate).unwrap();
        load(GOOD, Some(&format!("verify: {{gates: [{quoted}]}}")), None);
    }
}

#[test]
fn deep_and_wide_texts_are_refused() {
    for text in [
        "[".repeat(100_000),
        "{a: ".repeat(100_000),
        "- ".repeat(100_000),
        (0..2_000)
            .map(|depth| format!("{}a:\n", " ".repeat(depth)))
            .collect(),
        format!("[{}]", "1,".repeat(200_000)),
        format!(
            "a: &a [{}]\nb: &b [{}]\nc: &c [{}]\nd: [{}]\n",
            "1,".repeat(99),
            "*a,".repeat(99),
            "*b,".repeat(99),
            "*c,".repeat(99)
        ),
        (0..200)
            .map(|i| format!("k{i}: &k{i} [[[[[[[[*k{}]]]]]]]]\n", i.max(1) - 1))
            .collect(),
        "a".repeat(500_000),
        (0..5_000).map(|_| "a: 1\n").collect(),
        (0..20_000).map(|i| format!("a{i}: 1\n")).collect(),
        format!(
            "version: 1\nprompts: {{inline: [{}]}}",
            "'',".repeat(20_000)
        ),
    ] {
        let start = busy();
        load(&text, None, None);
        assert!(busy() - start < 20, "{}", &text[..60]);
    }
}

/// Seconds that this thread has computed, whatever else the machine does.
fn busy() -> i64 {
    let now = nix::time::clock_gettime(nix::time::ClockId::CLOCK_THREAD_CPUTIME_ID);
    now.unwrap().tv_sec()
}
