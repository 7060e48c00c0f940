//! Servers that lie: each is refused, and the reason is told.

use super::{LOAD, LONG_LOAD, scenario};
use crate::server;
use crate::support::{Done, bench};
use serde_json::{Value, json};

/// What a lying server answers: to the path, a status and a body.
type Lie = fn(&str) -> (u16, String);

/// A server on a port of its own, or on one that is given; it lives as long as the test.
fn serve(port: u16, lie: Lie) -> std::io::Result<u16> {
    server::serve(port, move |path, _| {
        let (status, body) = lie(path);
        server::json(status, body)
    })
}

fn listed() -> (u16, String) {
    (
        200,
        json!({"object": "list", "data": [{"id": "m"}]}).to_string(),
    )
}

fn completion(model: &str) -> Value {
    json!({"id": "x", "object": "text_completion", "model": model,
        "choices": [{"index": 0, "text": "hello", "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}})
}

fn refused(lie: Lie) -> Done {
    let port = serve(0, lie).unwrap();
    let external = format!("{{external: {{url: 'http://127.0.0.1:{port}'}}}}");
    let text = scenario("", LOAD)
        .replace("{sim: {}}", &external)
        .replace("request: {", "request: {stream: false, ");
    let done = bench("run")
        .file("run.yaml", &text)
        .set("ready.timeout=500ms")
        .run();
    let phases = done.run()["variants"][0]["phases"].clone();
    assert_eq!(phases, json!([]), "load was sent to a liar");
    done
}

#[test]
fn a_model_that_is_listed_but_not_routable() {
    refused(|path| match path {
        "/v1/models" => listed(),
        _ => (
            404,
            json!({"message": "model m not found", "code": 404}).to_string(),
        ),
    })
    .code(3)
    .says("does not serve: status 404")
    .says("model m not found");
}

#[test]
fn a_frontend_whose_worker_is_gone() {
    refused(|path| match path {
        "/v1/models" => listed(),
        _ => (
            503,
            json!({"message": "no instances for model m"}).to_string(),
        ),
    })
    .code(3)
    .says("does not serve: overload 503")
    .says("no instances for model m");
}

#[test]
fn another_model() {
    refused(|_| (200, completion("gpt2").to_string()))
        .code(1)
        .says("model `gpt2` answered, and `m` was requested");
}

#[test]
fn a_page_that_is_no_answer() {
    refused(|_| (200, "<html>It works!</html>".into()))
        .code(3)
        .says("the body is not JSON");
}

#[test]
fn an_error_in_an_answer_of_status_200() {
    refused(|_| {
        (
            200,
            json!({"error": {"message": "engine is dead"}}).to_string(),
        )
    })
    .code(3)
    .says("engine is dead");
}

#[test]
fn an_answer_without_text() {
    refused(|_| (200, json!({"model": "m", "choices": []}).to_string()))
        .code(3)
        .says("the answer has no `choices`");
}

/// Starts a run whose engine listens late, and listens in its place.
fn stolen(lie: Lie, times: u32) -> Done {
    let mut running = bench("run")
        .file("run.yaml", &scenario("startup: 1500ms", LOAD))
        .start();
    let mut taken = Vec::new();
    while taken.len() < times as usize && running.runs() {
        let started = running.pids(" sim ").iter().find_map(|pid| port_of(*pid));
        match started {
            Some(port) if !taken.contains(&port) => {
                serve(port, lie).unwrap();
                taken.push(port);
            }
            _ => std::thread::sleep(std::time::Duration::from_millis(5)),
        }
    }
    running.done()
}

/// What follows `--port` in a process's arguments.
fn port_of(pid: i32) -> Option<u16> {
    let line = std::fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    let words: Vec<&[u8]> = line.split(|byte| *byte == 0).collect();
    let at = words.iter().position(|word| *word == b"--port")?;
    std::str::from_utf8(words.get(at + 1)?).ok()?.parse().ok()
}

#[test]
fn a_port_taken_meanwhile_costs_one_more_start_and_is_counted() {
    // It does not answer as an engine: the engine's own end tells.
    let done = stolen(|_| (500, String::new()), 1)
        .ran()
        .says("started once more, on other ports")
        .says("address already in use")
        .leaves_nothing(5);
    assert_eq!(done.run()["variants"][0]["startup"]["retries"], 1);
    assert!(done.dir().join("logs/default-first-start/sim.log").exists());
}

#[test]
fn a_stale_server_that_answers_in_an_engines_place_is_found_out() {
    // The probe likes it, so only its owner gives it away.
    let done = stolen(|_| (200, completion("m").to_string()), 1)
        .ran()
        .says("started once more, on other ports")
        .says("which this run did not start")
        .leaves_nothing(5);
    assert_eq!(done.run()["variants"][0]["startup"]["retries"], 1);
}

#[test]
fn a_port_taken_twice_ends_the_run() {
    stolen(|_| (500, String::new()), 2)
        .code(3)
        .says("its port is taken")
        .leaves_nothing(5);
}

#[test]
fn an_engine_that_dies_may_leave_the_load_to_the_others() {
    let load = LONG_LOAD
        .replace("requests: 1000000", "requests: 400")
        .replace(
            "load: {",
            "load: {on_engine_death: continue, give_up_after: 1s, ",
        );
    let done = bench("run")
        .file("run.yaml", &scenario("args: {crash-after: 30}", &load))
        .run()
        .code(1)
        .leaves_nothing(5);
    let checks = done.run()["checks"].clone();
    let lives = "processes: every one lives to the end of the load";
    let check = checks
        .as_array()
        .unwrap()
        .iter()
        .find(|check| check["name"] == lives);
    let detail = check.unwrap()["detail"].as_str().unwrap();
    assert!(
        detail.starts_with("sim ended with exit code 1 under load: "),
        "{detail}"
    );
    let counts = done.run()["variants"][0]["phases"][0]["counts"].clone();
    let sent = counts["sent"].as_u64().unwrap();
    assert!((30..200).contains(&sent), "nobody took over: {counts}");
    assert!(counts["succeeded"].as_u64().unwrap() >= 20, "{counts}");
    assert_eq!(done.samples().len() as u64, sent);
}
