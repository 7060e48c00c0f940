//! Real failures of real engines: each prints its cause in the first five lines of its result.

use super::{alone, run};
use crate::support::{Bench, Done};
use nix::sys::signal::{Signal, kill};

const WORKER: &str = "engine.dynamo.workers[0].mocker";

fn mocker() -> Bench {
    run("scenarios/dynamo-mocker.yaml").set(&format!("{WORKER}.count=1"))
}

trait Explained {
    /// Fails unless the topology failed and the first five lines of the result say so and why.
    fn explained(self, who: &str, cause: &str);
}

impl Explained for Done {
    #[track_caller]
    fn explained(self, who: &str, cause: &str) {
        let done = self.code(3).leaves_nothing(20);
        let first: Vec<&str> = done.stdout.lines().take(5).map(str::trim).collect();
        let first = first.join(" ");
        for wanted in [who, cause, "what to do: "] {
            assert!(first.contains(wanted), "no `{wanted}` in `{first}`");
        }
    }
}

/// Kills a process of a run under load.
fn killed(process: &str) -> Done {
    let mut running = mocker()
        .set("load.phases[1].closed.requests=1000000")
        .start();
    running.until("\"phase\":\"closed\"");
    kill(running.pid_of(process), Signal::SIGKILL).unwrap();
    running.done()
}

#[test]
fn a_wrong_flag() {
    let _alone = alone();
    mocker()
        .set(&format!("{WORKER}.args.no-such-flag=1"))
        .run()
        .explained(
            "worker-0 ended with exit code 2",
            "does not know an argument",
        );
}

#[test]
fn an_etcd_that_is_killed() {
    let _alone = alone();
    killed("etcd").explained("etcd ended with signal 9", "killed from outside");
}

#[test]
fn a_worker_that_dies_under_load() {
    let _alone = alone();
    killed("worker-0").explained("worker-0 ended with signal 9", "killed from outside");
}

#[test]
fn a_model_that_is_missing() {
    let _alone = alone();
    mocker()
        .set("model.id=org/no-such")
        .set(&format!("{WORKER}.env={{HF_HUB_OFFLINE: \"1\"}}"))
        .run()
        .explained("worker-0 ended with exit code 1", "the model is not there");
}

#[test]
fn a_hub_that_is_unreachable() {
    let _alone = alone();
    mocker()
        .set("model.id=org/no-such")
        .set(&format!(
            "{WORKER}.env={{HF_ENDPOINT: \"http://127.0.0.1:9\"}}"
        ))
        .run()
        .explained("worker-0 ended with exit code 1", "hub can't be reached");
}

#[test]
fn a_demand_for_nats() {
    let _alone = alone();
    mocker()
        .set("engine.dynamo.frontend.args={event-plane: nats}")
        .set("ready.timeout=20s")
        .run()
        .explained("frontend was not ready after 20 s", "wants a NATS server");
}

#[test]
fn a_module_that_is_missing() {
    let _alone = alone();
    mocker()
        .set("runtime={python: /usr/bin/python3}")
        .run()
        .code(3)
        .says("has no ai-dynamo")
        .says("uv pip install");
}
