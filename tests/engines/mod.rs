//! The real engines: etcd, Dynamo's frontend and mock engine, and vLLM on CPU with a real model. They need what `ci/setup`
//! installs. They take both cores and gigabytes, so they run one at a time.

mod blame;
mod explained;
mod kills;

use crate::support::{Bench, Done, bench, cache};
use serde_json::Value;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A shipped scenario, with the cache where it is and nothing of the caller's that would change Dynamo.
fn run(file: &str) -> Bench {
    at_cache(bench("run").arg(file))
}

fn at_cache(bench: Bench) -> Bench {
    let path = std::env::var("PATH").unwrap();
    let cache = cache();
    bench
        .env("PATH", &format!("{}:{path}", cache.join("bin").display()))
        .without("ETCD_ENDPOINTS")
        .set(&format!(
            "runtime.venv={}",
            cache.join("engines/cpu").display()
        ))
        .set(&format!(
            "model.id={}",
            cache.join("models/smollm2-135m-instruct").display()
        ))
}

fn metric(done: &Done, variant: usize, metric: &str) -> Value {
    done.run()["variants"][variant]["phases"][1]["metrics"][metric].clone()
}

fn processes(done: &Done) -> Vec<String> {
    let events = std::fs::read_to_string(done.dir().join("events.jsonl")).unwrap();
    events
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .filter(|event| event["event"] == "process_started")
        .map(|event| event["process"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn dynamo_with_its_own_etcd() {
    let _alone = alone();
    let done = run("scenarios/dynamo-mocker.yaml")
        .run()
        .code(0)
        .leaves_nothing(20);
    assert_eq!(
        processes(&done),
        ["etcd", "frontend", "worker-0", "worker-1"]
    );
    assert!(metric(&done, 0, "ttft_ms")["count"].as_u64().unwrap() > 0);
    assert_eq!(
        done.run()["variants"][0]["engine"]["versions"]["ai-dynamo"],
        "1.6.1"
    );
}

#[test]
fn dynamo_with_file_discovery() {
    let _alone = alone();
    let done = run("scenarios/dynamo-mocker.yaml")
        .set("engine.dynamo.discovery=file")
        .run()
        .code(0)
        .leaves_nothing(20);
    assert_eq!(processes(&done), ["frontend", "worker-0", "worker-1"]);
}

/// An etcd of someone else's.
struct Etcd {
    child: Child,
    url: String,
    _data: tempfile::TempDir,
}

impl Etcd {
    fn start() -> Self {
        let data = tempfile::tempdir().unwrap();
        let free = || {
            let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            format!("http://127.0.0.1:{}", listener.local_addr().unwrap().port())
        };
        let (url, peer) = (free(), free());
        let child = Command::new("etcd")
            .env(
                "PATH",
                format!(
                    "{}:{}",
                    cache().join("bin").display(),
                    std::env::var("PATH").unwrap()
                ),
            )
            .args(["--name", "other", "--log-level", "error", "--data-dir"])
            .arg(data.path())
            .args([
                "--listen-client-urls",
                &url,
                "--advertise-client-urls",
                &url,
            ])
            .args([
                "--listen-peer-urls",
                &peer,
                "--initial-advertise-peer-urls",
                &peer,
            ])
            .args(["--initial-cluster", &format!("other={peer}")])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let etcd = Self {
            child,
            url,
            _data: data,
        };
        for _ in 0..200 {
            if etcd
                .call("kv/put", r#"{"key": "bWluZQ==", "value": "a2VwdA=="}"#)
                .is_some()
            {
                return etcd;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("etcd did not start");
    }

    fn call(&self, path: &str, body: &str) -> Option<Value> {
        ureq::post(format!("{}/v3/{path}", self.url))
            .send(body)
            .ok()?
            .body_mut()
            .read_json()
            .ok()
    }
}

impl Drop for Etcd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn dynamo_with_an_etcd_of_someone_elses_which_stays_as_it_was() {
    let _alone = alone();
    let mut etcd = Etcd::start();
    let done = run("scenarios/dynamo-mocker.yaml")
        .env("ETCD_ENDPOINTS", &etcd.url)
        .run()
        .code(0)
        .leaves_nothing(20);
    assert_eq!(processes(&done), ["frontend", "worker-0", "worker-1"]);
    assert!(
        etcd.child.try_wait().unwrap().is_none(),
        "the etcd was ended"
    );
    let kept = etcd.call("kv/range", r#"{"key": "bWluZQ=="}"#).unwrap();
    assert_eq!(kept["kvs"][0]["value"], "a2VwdA==");
}

#[test]
fn dynamo_without_an_etcd_program_says_what_to_install() {
    let _alone = alone();
    run("scenarios/dynamo-mocker.yaml")
        .env("PATH", "/nowhere")
        .run()
        .code(3)
        .says("apt-get install etcd-server")
        .leaves_nothing(5);
}

#[test]
fn a_worker_that_exits_at_start_is_shown_with_its_reason() {
    let _alone = alone();
    run("scenarios/dynamo-mocker.yaml")
        .set("engine.dynamo.workers[0].mocker.args.no-such-flag=1")
        .set("engine.dynamo.workers[0].mocker.count=1")
        .run()
        .code(3)
        .says("worker-0 ended with exit code 2 while starting")
        .says("--no-such-flag")
        .leaves_nothing(20);
}

#[test]
fn a_uv_environment_is_made_once_and_its_lock_is_in_the_record() {
    let kept = tempfile::tempdir().unwrap();
    let run = || {
        at_cache(bench("run").arg("scenarios/vllm-cpu.yaml"))
            .set("runtime={uv: {packages: [six==1.17.0]}}")
            .env("BENCH_CACHE", kept.path().to_str().unwrap())
            .run()
            .code(3)
            .says("has no vllm")
    };
    let done = run().says("creating the Python environment");
    let lock = std::fs::read_to_string(done.dir().join("runtime-default.lock")).unwrap();
    assert_eq!(lock.trim(), "six==1.17.0");
    let again = run();
    assert!(
        !again.stderr.contains("creating the Python environment"),
        "made twice"
    );
}

#[test]
fn killing_the_runner_leaves_nothing_of_dynamo() {
    let _alone = alone();
    let mut running = run("scenarios/dynamo-mocker.yaml")
        .set("load.phases[1].closed.requests=1000000")
        .start();
    running.until("\"phase\":\"closed\"");
    running.signal(nix::sys::signal::Signal::SIGKILL);
    running.done().leaves_nothing(40);
}

#[test]
fn native_and_dynamo_over_the_same_vllm_are_compared_over_rounds_and_give_the_same_text() {
    let _alone = alone();
    let done = run("scenarios/native-vs-dynamo-cpu.yaml")
        .run()
        .ran()
        .leaves_nothing(30)
        .leaves_no_vllm();
    let run = done.run();
    assert_eq!(
        run["variants"][0]["requests_sha256"],
        run["variants"][1]["requests_sha256"]
    );
    for sample in done.samples() {
        let timed = sample["nvext_timing"]["total_time_ms"].is_number();
        assert_eq!(timed, sample["variant"] == "dynamo", "{sample}");
    }
    let same = run["checks"]
        .as_array()
        .unwrap()
        .iter()
        .find(|check| check["name"] == "same text as native");
    assert_eq!(same.unwrap()["passed"], true);
    let judged: Vec<&Value> = run["comparisons"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|row| row["verdict"].is_string())
        .collect();
    assert_eq!(judged.len(), 3 * 2, "three metrics in two phases");
    for row in judged {
        let bound = |name: &str| row[name].as_f64().unwrap();
        if run["quality"]["verdict"] == "invalid" {
            assert_eq!(row["verdict"], "invalid");
            continue;
        }
        assert_eq!(row["rounds"], 6);
        assert!(
            bound("low") < bound("ratio") && bound("ratio") < bound("high"),
            "{row}"
        );
        assert!(bound("detectable") > 0.0);
        assert_ne!(row["verdict"], "worse", "{row}");
    }
    let splits = run["decompositions"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|split| split["splits"].as_array().unwrap());
    let mut count = 0;
    for split in splits {
        let of = |name: &str| split[name].as_f64().unwrap().abs();
        assert!(
            of("unexplained_ms") <= 0.05 * of("difference_ms") + 1e-3,
            "{split}"
        );
        count += 1;
    }
    assert_eq!(count, 2 * 2, "first token and stream of two phases");
}

#[test]
fn beams_dynamo_needs_its_t4_and_runs_without_one_under_the_overlay() {
    let _alone = alone();
    bench("run")
        .arg("scenarios/dynamo-qwen.yaml")
        .run()
        .code(6)
        .says("needs 1 GPU(s) of kind `t4`")
        .leaves_nothing(5);
    at_cache(
        bench("run")
            .arg("scenarios/dynamo-qwen.yaml")
            .arg("--overlay")
            .arg("scenarios/overlays/cpu.yaml"),
    )
    .run()
    .code_when_quiet(0)
    .leaves_nothing(30)
    .leaves_no_vllm();
}
