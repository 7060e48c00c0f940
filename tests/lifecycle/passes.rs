use super::{LOAD, scenario};
use crate::support::bench;
use std::io::BufRead;

#[test]
fn quickstart_compares_both_flavours_and_writes_a_whole_report() {
    let done = bench("run")
        .arg("scenarios/quickstart.yaml")
        .run()
        .ran()
        .says("/ native")
        .says("✓ 25 of 25 held")
        .leaves_nothing(5);
    let run = done.run();
    assert!(matches!(run["verdict"].as_str(), Some("pass" | "invalid")));
    let names: Vec<&str> = run["variants"]
        .as_array()
        .unwrap()
        .iter()
        .map(|variant| variant["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["native", "dynamo"]);
    let hashes = (
        &run["variants"][0]["requests_sha256"],
        &run["variants"][1]["requests_sha256"],
    );
    assert_eq!(hashes.0, hashes.1, "both variants got the same requests");
    let same = run["checks"]
        .as_array()
        .unwrap()
        .iter()
        .find(|check| check["detail"] == "all 250 requests were answered with the same text");
    assert_eq!(same.unwrap()["passed"], true);
    let samples = done.samples();
    assert_eq!(samples.len(), 2 * (8 + 50 + 200));
    for sample in samples {
        let timed = sample.get("nvext_timing").is_some();
        assert_eq!(timed, sample["variant"] == "dynamo", "{sample}");
    }
    for file in [
        "report.html",
        "report.md",
        "junit.xml",
        "events.jsonl",
        "logs/native/sim.log",
    ] {
        assert!(
            done.dir().join(file).metadata().unwrap().len() > 0,
            "{file}"
        );
    }
}

#[test]
fn an_external_endpoint_is_used_and_left_running() {
    let mut server = Server(
        std::process::Command::new(env!("CARGO_BIN_EXE_bench"))
            .args(["sim", "--port", "0", "--model", "m"])
            .stderr(std::process::Stdio::piped())
            .spawn()
            .unwrap(),
    );
    let mut line = String::new();
    std::io::BufReader::new(server.0.stderr.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    let url = line.trim().rsplit(' ').next().unwrap();
    let text = scenario("", LOAD).replace("{sim: {}}", &format!("{{external: {{url: '{url}'}}}}"));
    let done = bench("run")
        .file("external.yaml", &text)
        .run()
        .ran()
        .leaves_nothing(5);
    assert_eq!(done.run()["variants"][0]["engine"]["kind"], "external");
    assert!(
        server.0.try_wait().unwrap().is_none(),
        "the endpoint was ended"
    );
}

/// Ended with its test, however that ends.
struct Server(std::process::Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_process_that_ignores_term_is_killed_and_the_record_says_so() {
    let done = bench("run")
        .file("run.yaml", &scenario("args: {ignore-term: null}", LOAD))
        .run()
        .ran()
        .leaves_nothing(5);
    let signals = done.run()["variants"][0]["teardown"]["signals"].clone();
    assert_eq!(signals[0]["signal"], "TERM");
    assert_eq!(signals[1]["signal"], "KILL");
}

#[test]
fn unary_chat_with_several_phases_and_a_prompt_file() {
    let text = scenario("flavour: dynamo", "load: {warmup: {requests: 3}, phases: [{batch: {size: 3, batches: 2}}, {closed: {name: later, concurrency: 2, requests: 6}}]}
verify: {every_response: [{at: 'choices[0].message.content', type: string}, {at: nvext.timing.total_time_ms, type: number}]}")
        .replace("request: {", "request: {endpoint: chat, stream: false, ")
        .replace("{inline: [one, two, three]}", "{file: prompts.jsonl}");
    let bench = bench("run").file("run.yaml", &text);
    let done = bench
        .beside("prompts.jsonl", "{\"prompt\": \"a\"}\n\"b\"\n")
        .run()
        .ran()
        .leaves_nothing(5);
    let run = done.run();
    let phases = run["variants"][0]["phases"].as_array().unwrap();
    let kinds: Vec<&str> = phases
        .iter()
        .map(|phase| phase["kind"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, ["warmup", "batch", "closed"]);
    assert!(
        phases[1]["metrics"]["ttft_ms"].is_null(),
        "an answer that does not stream has no TTFT"
    );
    assert_eq!(phases[1]["metrics"]["batch_ms"]["count"], 2);
}

#[test]
fn open_loops_steps_and_a_search_are_driven_as_planned() {
    let text =
        "version: 1\nname: loads\nmodel: {id: sim}\nengine: {sim: {}}\nprompts: {inline: [a]}
request: {params: {max_tokens: 2}}
load:
  warmup: {requests: 4}
  seed: 3
  phases:
    - open: {rate: 200/s, requests: 40}
    - steps: {rates: [50/s], each: 200ms, arrival: constant}
    - search: {goal: [error_rate == 0], between: 1..3, each: 100ms}
";
    let done = bench("run").file("loads.yaml", text).run().ran();
    let done = done.says("search 1..3: error_rate == 0: 3 at once keeps it");
    let run = done.run();
    let phases = run["variants"][0]["phases"].as_array().unwrap();
    let seen =
        |key: &str| -> Vec<&str> { phases.iter().map(|p| p[key].as_str().unwrap()).collect() };
    assert_eq!(seen("name"), ["warmup", "open", "steps-50", "search"]);
    assert_eq!(seen("kind"), ["warmup", "open", "steps", "search"]);
    let sent: Vec<u64> = phases
        .iter()
        .map(|p| p["counts"]["sent"].as_u64().unwrap())
        .collect();
    assert_eq!(sent[..3], [4, 40, 10]);
    let curve = phases[3]["curve"].as_array().unwrap();
    let tried: Vec<f64> = curve
        .iter()
        .map(|probe| probe["value"].as_f64().unwrap())
        .collect();
    assert_eq!(tried, [1.0, 3.0, 3.0], "the best is tried twice");
    // Every request of the search has a number of its own.
    let rows = done.samples().into_iter().filter(|row| row["phase"] == 3);
    let mut numbers: Vec<u64> = rows.map(|row| row["index"].as_u64().unwrap()).collect();
    numbers.sort_unstable();
    assert!(numbers.iter().copied().eq(0..numbers.len() as u64));
}
