//! Tests of whole scenarios: overlays, `--set`, the environment, the effective settings of variants.

use super::model::{Engine, Scenario};
use super::{Input, Loaded, effective, load};
use crate::diagnostic::Diagnostics;
use crate::value::ArgValue;
use std::path::PathBuf;

const BASE: &str = "
version: 1
name: base
model: {id: m}
runtime: {venv: .venv}
prompts: {inline: [hello]}
load: {phases: [{batch: {size: 5, batches: 2}}, {closed: {concurrency: 1, requests: 9}}]}
engine: {vllm: {args: {max-num-seqs: 32, dtype: half}}}
verify: {slo: {ttft: 1s, e2e: 9s}, gates: [error_rate == 0]}
";

fn read(text: &str, overlays: &[&str], sets: &[&str]) -> Result<Loaded, Diagnostics> {
    let overlay = |text: &&str| (PathBuf::from("o.yaml"), (*text).to_owned());
    let input = Input {
        file: (PathBuf::from("s.yaml"), text.to_owned()),
        overlays: overlays.iter().map(overlay).collect(),
        sets: sets.iter().map(|set| (*set).to_owned()).collect(),
    };
    load(&input, &|name| match name {
        "NUMBER" => Some("7".to_owned()),
        "BRACES" => Some("q{H}?".to_owned()),
        _ => None,
    })
}

fn good(overlays: &[&str], sets: &[&str]) -> Loaded {
    read(BASE, overlays, sets).unwrap_or_else(|mistakes| panic!("{mistakes}"))
}

fn args(scenario: &Scenario) -> Vec<(String, ArgValue)> {
    match &scenario.engine {
        Some(Engine::Vllm(vllm)) => vllm.args.clone().into_iter().collect(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn overlays_merge_maps_and_replace_the_rest() {
    let loaded = good(
        &[
            "engine: {vllm: {args: {dtype: float16, enforce-eager: null}}}",
            "load: {phases: [{batch: {size: 1, batches: 1}}]}",
        ],
        &[],
    );
    let expected = [
        ("max-num-seqs", ArgValue::Int(32)),
        ("dtype", ArgValue::Text("float16".to_owned())),
        ("enforce-eager", ArgValue::Bare),
    ];
    assert_eq!(
        args(&loaded.scenario),
        expected.map(|(k, v)| (k.to_owned(), v))
    );
    assert_eq!(loaded.scenario.load.phases.len(), 1);
}

#[test]
fn a_change_of_kind_replaces_the_engine() {
    for loaded in [
        good(&["engine: {sim: {slots: 4}}"], &[]),
        good(&[], &["engine.sim.slots=4"]),
        good(&[], &["engine={sim: {slots: 4}}"]),
    ] {
        assert_eq!(
            loaded.resolved["engine"],
            serde_json::json!({"sim": {"slots": 4}})
        );
    }
}

#[test]
fn set_can_change_every_value() {
    let loaded = good(
        &[],
        &[
            "load.phases[1].closed.requests=100",
            "engine.vllm.args.max-num-seqs=8",
            "engine.vllm.args.\"trust-remote-code\"=null",
            "engine.vllm.env.HOME='/tmp/a b=c'",
            "request.params.stop=[\"\\n\", END]",
        ],
    );
    assert_eq!(
        loaded.resolved["load"]["phases"][1]["closed"]["requests"],
        100
    );
    let given = args(&loaded.scenario);
    assert_eq!(given[0].1, ArgValue::Int(8));
    assert_eq!(given[2], ("trust-remote-code".to_owned(), ArgValue::Bare));
    assert_eq!(
        loaded.resolved["engine"]["vllm"]["env"]["HOME"],
        "/tmp/a b=c"
    );
    assert_eq!(loaded.resolved["request"]["params"]["stop"][0], "\n");
}

#[test]
fn values_of_the_environment_are_read_and_never_written() {
    let loaded = good(
        &["ready: {completions: {env: NUMBER}}\nrequest: {headers: {a: {env: NUMBER}}}"],
        &[],
    );
    assert_eq!(loaded.scenario.ready.completions, 7);
    assert_eq!(loaded.scenario.request.headers["a"], "7");
    assert_eq!(loaded.resolved["request"]["headers"]["a"]["env"], "NUMBER");
    assert_eq!(loaded.secrets.len(), 1);
}

#[test]
fn a_map_named_env_sets_variables() {
    let loaded = good(&["engine: {vllm: {env: {env: x, FOO: bar}}}"], &[]);
    assert_eq!(loaded.resolved["engine"]["vllm"]["env"]["FOO"], "bar");
    assert!(loaded.secrets.is_empty());
}

#[test]
fn variants_inherit_missing_settings() {
    let one = good(&[], &[]).scenario;
    let default = &effective(&one)[0];
    assert_eq!((default.name, default.engine.kind()), ("default", "vllm"));
    let two = good(
        &["variants: {a: {}, b: {engine: {sim: {}}, verify: {slo: {ttft: 2s}, gates: [goodput > 0.5]}}}"],
        &[],
    )
    .scenario;
    let all = effective(&two);
    let kinds: Vec<_> = all.iter().map(|v| (v.name, v.engine.kind())).collect();
    assert_eq!(kinds, [("a", "vllm"), ("b", "sim")]);
    assert!(all[1].runtime.is_some());
    let slo = all[1].verify.slo.clone().unwrap();
    assert_eq!(slo.ttft.unwrap().to_string(), "2s");
    assert_eq!(slo.e2e.unwrap().to_string(), "9s");
    assert_eq!(all[1].verify.gates.len(), 2);
    assert_eq!(all[0].verify.gates.len(), 1);
}

#[test]
fn a_scenario_written_as_json_reads_the_same() {
    let scenario = good(&[], &[]).scenario;
    let again = read(&serde_json::to_string_pretty(&scenario).unwrap(), &[], &[]);
    assert_eq!(
        again
            .unwrap_or_else(|mistakes| panic!("{mistakes}"))
            .scenario,
        scenario
    );
}

#[test]
fn mistakes_of_all_sources_are_sorted() {
    let mistakes = read(
        &format!("{BASE}colour: red\n"),
        &["taste: sweet"],
        &["sound=loud"],
    );
    let text = mistakes.err().unwrap().to_string();
    let places: Vec<_> = text
        .lines()
        .filter(|line| line.contains("--> "))
        .map(str::trim)
        .collect();
    assert_eq!(
        places,
        ["--> s.yaml:10:1", "--> o.yaml:1:1", "--> --set:1:1"]
    );
}

#[test]
fn accepted_deviations_are_read_and_checked() {
    assert!(good(&[], &[]).scenario.request.accept.is_strict());
    let accept = "request.accept={no_done: true, no_finish_reason: true, models: [alias]}";
    let loaded = good(&[], &[accept]);
    let given = &loaded.scenario.request.accept;
    assert!(given.no_done && given.no_finish_reason);
    assert_eq!(given.models, ["alias"]);
    let wrong = read(BASE, &[], &["request.accept={no_don: true, models: ['']}"]).err();
    let said = wrong.map_or_else(String::new, |wrong| wrong.to_string());
    assert!(said.contains("did you mean `no_done`?"), "{said}");
}

/// The scenario as read back from its record.
fn recorded(loaded: &Loaded) -> Loaded {
    let text = serde_json::to_string_pretty(&loaded.resolved).unwrap();
    read(&text, &[], &[]).unwrap_or_else(|mistakes| panic!("{mistakes}\n{text}"))
}

fn refused(sets: &[&str]) -> String {
    match read(BASE, &[], sets) {
        Ok(loaded) => panic!("accepted: {}", loaded.resolved),
        Err(mistakes) => mistakes.to_string(),
    }
}

#[test]
fn numbers_that_would_change_are_rejected() {
    for (value, why) in [
        ("1e400", "is not a number that JSON can represent"),
        ("-1e400", "is not a number that JSON can represent"),
        (".inf", "is not a number that JSON can represent"),
        ("-.inf", "is not a number that JSON can represent"),
        (".NaN", "is not a number that JSON can represent"),
        (
            "{a: [1, .nan]}",
            "`.nan` is not a number that JSON can represent",
        ),
        ("18446744073709551616", "does not fit into 64 bits"),
        ("-9223372036854775809", "does not fit into 64 bits"),
        (
            "[123456789012345678901234567890]",
            "does not fit into 64 bits",
        ),
        ("1e-400", "is too small and would become 0"),
        ("0xFFFFFFFFFFFFFFFFFF", "does not fit into 64 bits"),
        ("[0o7777777777777777777777777]", "does not fit into 64 bits"),
    ] {
        let said = refused(&[&format!("request.params.y={value}")]);
        assert!(said.contains(why), "{value}: {said}");
        assert!(said.contains("quote it to make it text"), "{said}");
    }
    let said = read(
        &format!("{BASE}request: {{params: {{y: 1e400}}}}\n"),
        &[],
        &[],
    );
    assert!(said.is_err_and(|e| e.to_string().contains("`1e400` is not a number")));
    for (value, is) in [
        ("18446744073709551615", "18446744073709551615"),
        ("-9223372036854775808", "-9223372036854775808"),
        ("0e0", "0.0"),
        ("-0.0", "-0.0"),
        ("1e300", "1e+300"),
        ("'1e400'", "\"1e400\""),
        ("\".inf\"", "\".inf\""),
        (
            "'123456789012345678901234567890'",
            "\"123456789012345678901234567890\"",
        ),
        ("1_000", "\"1_000\""),
        ("007", "\"007\""),
        ("0x1F", "31"),
        ("'0xFFFFFFFFFFFFFFFFFF'", "\"0xFFFFFFFFFFFFFFFFFF\""),
        ("0xyz", "\"0xyz\""),
    ] {
        let loaded = good(&[], &[&format!("request.params.y={value}")]);
        assert_eq!(loaded.resolved["request"]["params"]["y"].to_string(), is);
        assert_eq!(recorded(&loaded).scenario, loaded.scenario);
    }
}

#[test]
fn a_path_and_its_value_obey_the_depth_limit_together() {
    let nested = |n: usize| "[".repeat(n) + &"]".repeat(n);
    // Root, `request`, `params`: the path alone has three levels.
    let loaded = good(&[], &[&format!("request.params.y={}", nested(45))]);
    assert_eq!(recorded(&loaded).scenario, loaded.scenario);
    let deep = format!("request.params.{}=1", vec!["a"; 46].join("."));
    assert_eq!(
        recorded(&good(&[], &[&deep])).resolved,
        good(&[], &[&deep]).resolved
    );
    for set in [
        format!("request.params.y={}", nested(46)),
        format!("request.params.{}=1", vec!["a"; 47].join(".")),
        format!("request.params.{}={}", vec!["a"; 30].join("."), nested(30)),
        vec!["a"; 50_000].join(".") + "=1",
    ] {
        let said = refused(&[&set]);
        assert!(
            said.contains("nested deeper than 48 levels"),
            "{}",
            &said[..200]
        );
    }
    // Two arguments that are too deep only together.
    let first = format!("request.params.{}=1", vec!["a"; 40].join("."));
    let second = format!(
        "request.params.{}.b={}",
        vec!["a"; 30].join("."),
        nested(20)
    );
    assert!(refused(&[&first, &second]).contains("nested deeper than 48 levels"));
}

#[test]
fn many_changes_obey_the_limits_together() {
    let half = format!("request.params.x={}", "x".repeat(600_000));
    let other = format!("request.params.y={}", "y".repeat(600_000));
    good(&[], &[&half]);
    assert!(refused(&[&half, &other]).contains("larger than 1 MiB"));
    let list = |key: &str| format!("request.params.{key}=[{}]", vec!["1"; 30_000].join(", "));
    good(&[], &[&list("x")]);
    let said = refused(&[&list("x"), &list("y")]);
    assert!(said.contains("too many values"), "{said}");
}

#[test]
fn overlays_and_sets_can_create_a_reference_to_the_environment() {
    let loaded = good(&[], &["request.headers.a.env=NUMBER"]);
    assert_eq!(loaded.scenario.request.headers["a"], "7");
    assert_eq!(loaded.secrets.len(), 1);
    assert_eq!(recorded(&loaded).scenario, loaded.scenario);
}

#[test]
fn values_that_cannot_be_read_back_are_shown_at_their_location() {
    for (set, place, what) in [
        ("request.params.y=\"a\\x7fb\"", "--set:1:18", "this text"),
        (
            "request.params.y=[1, {\"a\\x7f\": 1}]",
            "--set:1:23",
            "this key",
        ),
        (
            &format!("request.params.{}=1", "k".repeat(1100)),
            "--set:1:16",
            "this key",
        ),
    ] {
        let said = refused(&[set]);
        assert!(said.contains(place) && said.contains(what), "{said}");
        assert!(
            said.contains("cannot be read back from the record"),
            "{said}"
        );
    }
    // The same applies to a file.
    let file = format!("{BASE}request: {{params: {{y: \"\\x7f\"}}}}\n");
    let said = read(&file, &[], &[]).err().unwrap().to_string();
    assert!(
        said.contains("s.yaml:10:23") && said.contains("this text"),
        "{said}"
    );
}

mod round_trip {
    use super::*;
    use proptest::prelude::*;

    /// Texts that YAML might read as another type.
    fn ambiguous_text() -> impl Strategy<Value = String> {
        prop_oneof![
            any::<String>(),
            "[ -~]{0,12}",
            "[-+.0-9eExo_:]{1,8}",
            prop::sample::select(vec![
                "",
                " ",
                "~",
                "null",
                "true",
                "no",
                "y",
                "<<",
                "=",
                "---",
                "...",
                "- a",
                "a: b",
                "#",
                "a #b",
                "&a",
                "*a",
                "!t",
                "%x",
                "@",
                "`",
                "|",
                ">",
                "{",
                "[",
                "]",
                ",",
                "?",
                "'",
                "\"",
                "\\",
                "\\n",
                "\n",
                "\r\n",
                "\t",
                " a",
                "a ",
                "\u{85}",
                "\u{2028}",
                "\u{feff}",
                "\u{7f}",
                "\u{1}",
                "é",
                "\u{1f600}",
                "0o17",
                "0x1f",
                "1_0",
                "01",
                "1e400",
                ".inf",
                ".nan",
                "-0",
                "env",
                "2001-01-01",
                "12:30:00",
                "a\n b\n",
            ])
            .prop_map(str::to_owned),
            Just("k".repeat(1100)),
        ]
    }

    fn json() -> impl Strategy<Value = serde_json::Value> {
        use serde_json::Value as Json;
        let leaf = prop_oneof![
            Just(Json::Null),
            any::<bool>().prop_map(Json::from),
            any::<i64>().prop_map(Json::from),
            any::<u64>().prop_map(Json::from),
            prop::num::f64::NORMAL.prop_map(Json::from),
            ambiguous_text().prop_map(Json::from),
        ];
        leaf.prop_recursive(4, 24, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Json::from),
                prop::collection::vec((ambiguous_text(), inner), 0..5)
                    .prop_map(|entries| Json::Object(entries.into_iter().collect())),
            ]
        })
    }

    fn holds(set: &str) -> Result<(), TestCaseError> {
        if let Ok(loaded) = read(BASE, &[], &[set]) {
            let text = serde_json::to_string_pretty(&loaded.resolved).unwrap();
            let again = read(&text, &[], &[]);
            let again = again.map_err(|e| TestCaseError::fail(format!("{e}\n{text}")))?;
            prop_assert_eq!(&again.resolved, &loaded.resolved);
            prop_assert_eq!(&again.scenario, &loaded.scenario);
        }
        Ok(())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(512))]

        /// A JSON value that `--set` accepts reads back unchanged.
        #[test]
        fn json_values_read_back_unchanged(value in json()) {
            holds(&format!("request.params.y={value}"))?;
        }

        /// Plain text, to which YAML assigns a type, reads back unchanged.
        #[test]
        fn plain_text_reads_back_unchanged(value in ambiguous_text()) {
            holds(&format!("request.params.y={value}"))?;
            holds(&format!("prompts.inline[0]={value}"))?;
        }

        /// A value at any path reads back unchanged.
        #[test]
        fn paths_read_back_unchanged(keys in prop::collection::vec(ambiguous_text(), 1..4), bare in any::<bool>(), value in ambiguous_text()) {
            let quoted = |key: &String| if bare { key.clone() } else { format!("\"{key}\"") };
            let path: Vec<String> = keys.iter().map(quoted).collect();
            holds(&format!("request.params.{}={value}", path.join(".")))?;
            holds(&format!("engine.vllm.env.{}={value}", path.join(".")))?;
        }

        /// Quoted strings are always accepted and stay the same, except for a control character that YAML does not
        /// allow. The test uses a chat template, in which braces never mark a placeholder.
        #[test]
        fn quoted_text_stays_the_same(text in ambiguous_text()) {
            prop_assume!(!text.contains('\u{7f}'));
            let set = format!("request.params.chat_template={}", serde_json::Value::from(text.clone()));
            let loaded = read(BASE, &[], &[&set]).map_err(|e| TestCaseError::fail(e.to_string()))?;
            prop_assert_eq!(&loaded.resolved["request"]["params"]["chat_template"], &serde_json::Value::from(text));
        }
    }
}

#[test]
fn braces_of_a_value_from_the_environment_are_sent_literally() {
    let written = "request: {headers: {a: {env: BRACES}}, params: {user: {env: BRACES}}}";
    let loaded = good(&[written], &[]);
    assert_eq!(loaded.scenario.request.headers["a"], "q{H}?");
    assert_eq!(loaded.scenario.request.params["user"], "q{H}?");
}
