//! First steps: what `init` writes passes `check`, and every verb shows an example.

use crate::support::bench;

#[test]
fn what_init_writes_passes_check_and_is_never_overwritten() {
    for engine in ["sim", "vllm", "dynamo", "both", "external"] {
        let done = bench("init")
            .new_file("my first.yaml")
            .arg("--engine")
            .arg(engine)
            .arg("--gpu")
            .arg("t4")
            .arg("--model")
            .arg("a: 'b' \"c\" #d")
            .run()
            .code(0)
            .says("bench check");
        let text = done.written("my first.yaml");
        assert!(
            text.contains("name: \"myfirst\"") && text.contains("\n# "),
            "{text}"
        );
        bench("check").file("written.yaml", &text).run().code(0);
    }
    bench("init")
        .file("there.yaml", "mine")
        .run()
        .code(2)
        .says("exists and is left as it is");
}

#[test]
fn the_embedded_engines_first_scenario_runs() {
    let text = bench("init")
        .new_file("first.yaml")
        .run()
        .code(0)
        .written("first.yaml");
    bench("run")
        .file("first.yaml", &text)
        .set("load.phases[1].closed.requests=16")
        .run()
        .ran();
}

#[test]
fn every_verb_has_an_example() {
    let help = bench("--help").run().code(0).stdout;
    let verbs: Vec<&str> = help
        .lines()
        .skip_while(|line| *line != "Commands:")
        .skip(1)
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.split_whitespace().next())
        .filter(|verb| help.contains(&format!("\n  {verb} ")) && *verb != "help")
        .collect();
    assert!(verbs.len() >= 9, "{help}");
    for verb in verbs {
        bench(verb)
            .arg("--help")
            .run()
            .code(0)
            .says(&format!("Example: bench {verb}"));
    }
}

#[test]
fn completions_know_the_verbs() {
    bench("completions")
        .arg("bash")
        .run()
        .code(0)
        .says("doctor");
}

#[test]
fn every_verb_has_a_manual_page() {
    let done = bench("man").new_file("man1").run().code(0);
    let page = done.written("man1/bench-watch.1");
    assert!(page.contains("Example: bench watch"), "{page}");
    assert!(done.written("man1/bench.1").contains("bench\\-run(1)"));
}

#[test]
fn the_documentation_is_carried_along() {
    bench("docs").run().code(0).says("troubleshooting");
    bench("docs")
        .arg("exit-codes")
        .run()
        .code(0)
        .says("# Exit codes");
    bench("docs").arg("x").run().code(2).says("no page `x`");
    bench("check")
        .file("x.yaml", "version: 9")
        .run()
        .code(2)
        .says("help: docs/scenario.md, or type: bench docs scenario");
}

#[test]
fn doctor_says_what_is_missing_and_what_mends_it() {
    bench("doctor").run().code(0).says("open files");
    bench("doctor")
        .arg("scenarios/quickstart.yaml")
        .run()
        .code(0);
    let text = "version: 1
name: x
model: {id: m}
runtime: {venv: /nowhere}
engine: {vllm: {}}
prompts: {inline: [a]}
load: {phases: [{closed: {concurrency: 1, requests: 1}}]}
";
    bench("doctor")
        .file("x.yaml", text)
        .run()
        .code(6)
        .says("failed to start Python at /nowhere/bin/python")
        .says("-> ci/setup");
    bench("doctor").file("x.yaml", "version: 9").run().code(2);
}
