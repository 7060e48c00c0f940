//! Reading scenarios as a whole: overlays, `--set`, the environment, what variants end up with.

use super::model::{ArgValue, Engine, Scenario};
use super::{Input, Loaded, effective, load};
use crate::diagnostic::Diagnostics;
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
    load(&input, &|name| (name == "NUMBER").then(|| "7".to_owned()))
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
fn set_reaches_every_place() {
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
fn the_environment_is_read_and_kept_out_of_what_is_written() {
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
fn one_level_of_env_is_a_map_of_variables() {
    let loaded = good(&["engine: {vllm: {env: {env: x, FOO: bar}}}"], &[]);
    assert_eq!(loaded.resolved["engine"]["vllm"]["env"]["FOO"], "bar");
    assert!(loaded.secrets.is_empty());
}

#[test]
fn variants_take_what_they_leave_out() {
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
fn mistakes_of_all_sources_come_in_order() {
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
fn what_answers_may_lack_is_written_in_one_place() {
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
