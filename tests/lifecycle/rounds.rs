use super::scenario;
use crate::support::{Done, bench};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// Two variants over four rounds; `slower` are the second one's arguments.
fn rounds(slower: &str, rest: &str) -> String {
    scenario("", rest).replace(
        "engine: {sim: {}}",
        &format!(
            "variants: {{a: {{engine: {{sim: {{args: {{step: 10ms}}}}}}}}, b: {{engine: {{sim: {{args: {{{slower}}}}}}}}}}}"
        ),
    )
}

const LOAD: &str = "load: {phases: [{closed: {concurrency: 2, requests: 20}}]}
verify: {every_response: [{status: 200}], gates: [error_rate <= 50%]}
compare: {baseline: a, rounds: {min: 4}, equivalence: {tpot: 5%}}";

/// The comparison's row of the median time per token.
fn tpot(done: &Done) -> serde_json::Value {
    let run = done.run();
    let rows = run["comparisons"].as_array().unwrap();
    let wanted = |row: &&serde_json::Value| row["metric"] == "tpot_ms.p50";
    rows.iter().find(wanted).unwrap().clone()
}

#[test]
fn a_slower_variant_is_a_regression_after_rounds_in_alternating_order() {
    let done = bench("run")
        .file("run.yaml", &rounds("step: 30ms", LOAD))
        .run()
        .code_when_quiet(5)
        .leaves_nothing(5);
    let row = tpot(&done);
    assert_eq!(row["rounds"], 4);
    assert!(row["low"].as_f64().unwrap() > 1.05);
    if done.run()["quality"]["verdict"] != "invalid" {
        assert_eq!(row["verdict"], "worse");
        assert!(row["detectable"].as_f64().is_some());
        let summary = &done.run()["summary"];
        assert!(
            summary
                .as_str()
                .unwrap()
                .starts_with("b is worse than a: tpot_ms.p50")
        );
    }
    let first: Vec<bool> = row["values"]
        .as_array()
        .unwrap()
        .iter()
        .map(|values| values["baseline_first"].as_bool().unwrap())
        .collect();
    assert_eq!(first, [true, false, true, false]);
    let run = done.run();
    assert_eq!(run["variants"][0]["rounds"].as_array().unwrap().len(), 4);
    assert_eq!(run["variants"][0]["phases"][0]["counts"]["sent"], 4 * 20);
    assert_eq!(done.samples().len(), 2 * 4 * 20);
    assert!(done.dir().join("logs/b/round-4/sim.log").exists());
}

#[test]
fn errors_make_a_comparison_invalid_and_other_texts_a_failed_check() {
    let failing = bench("run")
        .file("run.yaml", &rounds("step: 10ms, cut-every: 5", LOAD))
        .run()
        .code(4)
        .says("failed with b")
        .leaves_nothing(5);
    assert_eq!(tpot(&failing)["verdict"], "invalid");
    let other = LOAD.replace("baseline: a,", "baseline: a, same_text: true,");
    bench("run")
        .file(
            "run.yaml",
            &rounds("step: 10ms, drop-token-every: 7", &other),
        )
        .run()
        .code(1)
        .says("same text as a")
        .leaves_nothing(5);
}

#[test]
fn what_the_rounds_can_not_tell_is_refused_before_anything_starts() {
    bench("run")
        .file(
            "run.yaml",
            &rounds("step: 10ms", &LOAD.replace("tpot: 5%", "p95 tpot: 5%")),
        )
        .run()
        .code(2)
        .says("tpot_ms.p95 needs 200 requests a round");
}

#[test]
fn a_gate_across_variants_fails_the_slower_one() {
    let gates = LOAD.replace(
        "error_rate <= 50%",
        "b.p50 tpot <= 1.5 * a.p50 tpot, b.startup < 60s",
    );
    let once = gates.replace(", rounds: {min: 4}, equivalence: {tpot: 5%}", "");
    let done = bench("run")
        .file("run.yaml", &rounds("step: 30ms", &once))
        .run()
        .code_when_quiet(1)
        .says("b.p50 tpot <= 1.5 * a.p50 tpot")
        .leaves_nothing(5);
    let run = done.run();
    let checks = run["checks"].as_array().unwrap();
    let of = |name: &str| {
        checks
            .iter()
            .filter(|check| check["name"] == name)
            .collect::<Vec<_>>()
    };
    assert_eq!(of("b.startup < 60s").len(), 1);
    assert_eq!(of("b.p50 tpot <= 1.5 * a.p50 tpot")[0]["scope"], "b/closed");
}

/// The load of rounds that share their engines.
fn shared() -> String {
    LOAD.replace("{min: 4}", "{min: 4, restart: false}")
}

#[test]
fn engines_that_stay_up_start_once_and_end_together() {
    let done = bench("run")
        .file("run.yaml", &rounds("step: 10ms", &shared()))
        .run()
        .ran()
        .leaves_nothing(5);
    let run = done.run();
    for variant in run["variants"].as_array().unwrap() {
        let is_there = |what: &str| -> Vec<bool> {
            let rounds = variant["rounds"].as_array().unwrap().iter();
            rounds.map(|round| round[what].is_object()).collect()
        };
        assert_eq!(is_there("startup"), [true, false, false, false]);
        assert_eq!(is_there("teardown"), [false, false, false, true]);
    }
    let events = std::fs::read_to_string(done.dir().join("events.jsonl")).unwrap();
    assert_eq!(events.matches("process_started").count(), 2, "{events}");
    assert_eq!(tpot(&done)["rounds"], 4);
    assert_eq!(done.samples().len(), 2 * 4 * 20);
    assert!(done.dir().join("logs/b/sim.log").exists());
}

#[test]
fn an_engine_that_dies_between_its_rounds_ends_the_run_and_the_others() {
    let mut running = bench("run")
        .file("run.yaml", &rounds("step: 11ms", &shared()))
        .start();
    // Both have had a turn, b another one: it is a's.
    running.until_rows(3 * 20 + 1);
    let b = running.pids("11ms");
    kill(Pid::from_raw(b[0]), Signal::SIGKILL).unwrap();
    let done = running.done();
    let done = done
        .code(3)
        .says("sim ended with signal 9 (KILL)")
        .leaves_nothing(5);
    for variant in done.run()["variants"].as_array().unwrap() {
        let last = variant["rounds"].as_array().unwrap().last().unwrap();
        assert!(last["teardown"].is_object(), "{variant}");
    }
}

#[test]
fn a_second_interrupt_skips_the_grace_of_all_that_stay_up() {
    let both = rounds("step: 10ms", &shared());
    let stubborn = both.replace("{step: 10ms}", "{step: 10ms, ignore-term: null}");
    let mut running = bench("run").file("run.yaml", &stubborn).start();
    // One has had its turn, the other is under way.
    running.until_rows(20 + 1);
    running.signal(Signal::SIGINT);
    running.until("teardown_started");
    running.signal(Signal::SIGINT);
    let done = running.done().code(130).leaves_nothing(5);
    for variant in done.run()["variants"].as_array().unwrap() {
        let signals = variant["teardown"]["signals"].as_array().unwrap();
        let last = signals.last().unwrap();
        assert_eq!(last["signal"], "KILL", "{variant}");
    }
}

#[test]
fn what_happens_once_is_not_judged_over_rounds() {
    bench("run")
        .file(
            "run.yaml",
            &rounds("step: 10ms", &shared().replace("tpot: 5%", "startup: 5%")),
        )
        .run()
        .code(2)
        .says("`startup` happens once per run, not once per round");
}
