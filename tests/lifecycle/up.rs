use super::{LOAD, scenario};
use crate::support::bench;
use nix::sys::signal::Signal;

#[test]
fn a_topology_is_held_until_ctrl_c_and_then_gone() {
    let mut running = bench("up")
        .file("up.yaml", &scenario("flavour: dynamo", LOAD))
        .start();
    let said = running.prints_until("Ctrl-C");
    let curl = said.lines().find(|line| line.contains("curl")).unwrap();
    let url = curl
        .split_whitespace()
        .find(|word| word.starts_with("http://"))
        .unwrap();
    let body = curl.split('\'').rev().nth(1).unwrap();
    let mut answer = ureq::post(url)
        .header("content-type", "application/json")
        .send(body)
        .unwrap();
    let answer: serde_json::Value = answer.body_mut().read_json().unwrap();
    assert!(answer["choices"][0]["text"].is_string(), "{answer}");
    running.signal(Signal::SIGINT);
    running.done().code(0).leaves_nothing(5);
}

#[test]
fn a_variant_is_named_where_there_are_several() {
    bench("up")
        .arg("scenarios/quickstart.yaml")
        .run()
        .code(2)
        .says("say which with --variant: native, dynamo");
}

#[test]
fn what_does_not_come_up_is_said_with_its_log() {
    bench("up")
        .file("up.yaml", &scenario("args: {fail-start: null}", LOAD))
        .run()
        .code(3)
        .says("its whole log: ")
        .leaves_nothing(5);
}
