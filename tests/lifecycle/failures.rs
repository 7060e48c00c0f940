use super::{LOAD, LONG_LOAD, scenario};
use crate::support::{Done, bench};

#[test]
fn a_process_that_fails_at_start_is_shown_with_its_reason() {
    bench("run")
        .file("run.yaml", &scenario("args: {fail-start: null}", LOAD))
        .run()
        .code(3)
        .says("sim ended with exit code 1 while starting")
        .says("Error: ")
        .says("logs/default/sim.log")
        .leaves_nothing(5);
}

#[test]
fn what_a_failed_engine_wrote_is_kept_where_asked() {
    let scenario = scenario("args: {crash-after: 30, leave-child: setsid}", LONG_LOAD);
    let run = || bench("run").file("run.yaml", &scenario);
    let kept = |done: &Done| done.dir().join("kept/default").exists();
    assert!(!kept(&run().run().code(3).leaves_nothing(5)));
    assert!(kept(
        &run()
            .arg("--keep-on-failure")
            .run()
            .code(3)
            .leaves_nothing(5)
    ));
}

#[test]
fn a_process_that_dies_under_load_ends_the_run_and_keeps_its_answers() {
    let done = bench("run")
        .file("run.yaml", &scenario("args: {crash-after: 30}", LONG_LOAD))
        .run()
        .code(3)
        .says("sim ended with exit code 1 under load")
        .leaves_nothing(5);
    assert!(done.samples().len() >= 20);
    assert_eq!(done.run()["verdict"], "error");
}

#[test]
fn an_engine_that_does_not_answer_as_asked_is_found_out_before_load() {
    let asks = LOAD.replace(
        "{status: 200}",
        "{at: usage.completion_tokens, between: 100..200}",
    );
    let done = bench("run")
        .file("run.yaml", &scenario("", &asks))
        .run()
        .code(1)
        .says("usage.completion_tokens")
        .leaves_nothing(5);
    assert_eq!(done.run()["verdict"], "fail");
    assert_eq!(
        done.run()["variants"][0]["phases"]
            .as_array()
            .unwrap()
            .len(),
        0
    );
}

#[test]
fn a_proof_of_dynamo_asked_of_native_vllm_is_refused_before_anything_starts() {
    let asks = LOAD.replace(
        "{status: 200}",
        "{at: nvext.timing.total_time_ms, type: number}",
    );
    bench("run")
        .file("run.yaml", &scenario("flavour: vllm", &asks))
        .run()
        .code(2)
        .says("`nvext.timing.total_time_ms` never holds: native vLLM sends no `nvext`")
        .leaves_nothing(0);
}

#[test]
fn an_answer_that_breaks_a_rule_fails_the_run_and_is_named() {
    bench("run")
        .file(
            "run.yaml",
            &scenario(
                "args: {wrong-usage: null}",
                "load: {phases: [{closed: {concurrency: 2, requests: 10}}]}
verify: {every_response: [{at: usage.completion_tokens, between: 1..8}]}",
            ),
        )
        .run()
        .code(1)
        .says("usage.completion_tokens")
        .leaves_nothing(5);
}

#[test]
fn errors_of_the_server_are_counted_and_fail_the_gate() {
    let done = bench("run")
        .file(
            "run.yaml",
            &scenario("args: {error-status: 500, error-every: 5}", LOAD),
        )
        .run()
        .code(1)
        .says("error_rate == 0")
        .leaves_nothing(5);
    let phase = done.run()["variants"][0]["phases"][0].clone();
    assert_eq!(
        phase["counts"]["failed"], phase["errors"]["status 500"],
        "{phase}"
    );
}

#[test]
fn a_server_that_lists_a_model_before_it_serves_it_is_waited_for() {
    let done = bench("run")
        .file(
            "run.yaml",
            &scenario("flavour: dynamo, args: {not-ready-for: 700ms}", LOAD),
        )
        .run()
        .ran()
        .leaves_nothing(5);
    let ready = done.run()["variants"][0]["startup"]["ready_ms"]
        .as_f64()
        .unwrap();
    assert!(ready >= 700.0, "ready after {ready} ms");
}

#[test]
fn a_server_that_never_serves_ends_the_wait_with_the_last_answer() {
    bench("run")
        .file("run.yaml", &scenario("args: {rubbish: null}", LOAD))
        .set("ready.timeout=1s")
        .run()
        .code(3)
        .says("was not ready after 1 s")
        .leaves_nothing(5);
}

#[test]
fn an_external_endpoint_that_is_not_there_is_waited_for_as_long_as_the_scenario_says() {
    let text = scenario("", LOAD).replace("{sim: {}}", "{external: {url: 'http://127.0.0.1:9'}}");
    let done = bench("run")
        .file("run.yaml", &text)
        .set("ready.timeout=2500ms")
        .run()
        .code(3);
    let done = done
        .says("  waiting for http://127.0.0.1:9 (")
        .says(" of at most 2.5 s): connect: ")
        .says("http://127.0.0.1:9 does not serve")
        .says("(`ready.timeout` is 2500ms): start it first, correct ");
    assert_eq!(done.run()["quality"]["verdict"], "", "nothing was measured");
}

#[test]
fn what_is_missing_is_named_before_anything_starts() {
    let engine = |engine: &str, more: &str| {
        scenario("", LOAD).replace("engine: {sim: {}}", &format!("engine: {engine}\n{more}"))
    };
    let python = "runtime: {python: /usr/bin/python3}";
    bench("run")
        .file("run.yaml", &engine("{vllm: {}}", python))
        .run()
        .code(3)
        .says("has no vllm")
        .says("uv pip install");
    bench("run")
        .file(
            "run.yaml",
            &engine("{vllm: {}}", "runtime: {venv: nowhere}"),
        )
        .run()
        .code(3)
        .says("failed to start Python at");
    bench("run")
        .file(
            "run.yaml",
            &scenario("", LOAD).replace("{id: m}", "{id: ./nowhere}"),
        )
        .run()
        .code(2)
        .says("is not a model's directory");
    bench("run")
        .file(
            "run.yaml",
            &scenario("", LOAD).replace("model:", "gpu: {kind: no-such-gpu}\nmodel:"),
        )
        .run()
        .code(6)
        .says("needs 1 GPU(s) of kind `no-such-gpu`");
    bench("run")
        .file(
            "run.yaml",
            &scenario("", LOAD).replace("prompts:", "promts:"),
        )
        .run()
        .code(2)
        .says("did you mean `prompts`");
}

#[test]
fn a_request_that_the_engine_refuses_is_not_waited_for() {
    let text = scenario("", LOAD).replace("max_tokens: 8", "max_tokens: 0");
    bench("run")
        .file("run.yaml", &text.replace("timeout: 60s", "timeout: 10m"))
        .run()
        .code(1)
        .says("refuses what this scenario asks: status 400: max_tokens must be at least 1")
        .leaves_nothing(5);
}
