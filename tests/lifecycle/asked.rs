//! What servers are sent: ids, queries, and fields that can be left out.

use super::waiting::{Asked, Server, completion};
use serde_json::{Value, json};
use std::collections::HashSet;

/// The value of a header of a request.
fn header(asked: &Asked, name: &str) -> String {
    let line = asked
        .head
        .lines()
        .find_map(|line| line.strip_prefix(&format!("{name}: ")));
    line.unwrap_or_default().to_owned()
}

#[test]
fn every_request_of_a_run_carries_an_id_of_its_own() {
    let server = Server::new(|_, asked| completion(asked));
    let load = "load={warmup: {requests: 3}, phases: [{closed: {name: a, concurrency: 2, requests: 5}}, {batch: {size: 2, batches: 2}}]}";
    let done = server
        .run()
        .set(load)
        .set("request.headers={x-request-id: 'bench-{run}-{request}', x-fixed: '{{run}}'}")
        .set("request.params.metadata={ids: ['{request}']}")
        .run()
        .ran();
    let asked = server.asked();
    assert_eq!(asked.len(), 3 + 3 + 5 + 4);
    let ids: HashSet<String> = asked
        .iter()
        .map(|asked| header(asked, "x-request-id"))
        .collect();
    assert_eq!(ids.len(), asked.len(), "{ids:?}");
    let run = done.run()["run_id"].as_str().unwrap().to_owned();
    for stage in ["r1-ready-3", "r1-warmup-2", "r1-p1-4", "r1-p2-3"] {
        let id = format!("bench-{run}-default-{stage}");
        assert!(ids.contains(&id), "{id}: {ids:?}");
    }
    for asked in &asked {
        let id = asked.body["metadata"]["ids"][0].as_str().unwrap();
        assert!(header(asked, "x-request-id").ends_with(&format!("-{id}")));
        assert_eq!(header(asked, "x-fixed"), "{run}");
    }
}

/// A chat's answer.
fn chat(_: usize, asked: &Asked) -> (u16, Value) {
    let (status, mut answer) = completion(asked);
    answer["choices"][0]["message"] = json!({"role": "assistant", "content": "yes"});
    (status, answer)
}

#[test]
fn the_turns_of_a_conversation_share_its_id() {
    let server = Server::new(chat);
    let talks = r#"[{"conversations": [{"from": "human", "value": "a"}, {"from": "gpt", "value": "b"}, {"from": "human", "value": "c"}]}]"#;
    server
        .run()
        .beside("talks.json", talks)
        .set("request.endpoint=chat")
        .set("prompts={conversations: {sharegpt: talks.json, turns: 2}}")
        .set("load={phases: [{closed: {concurrency: 1, requests: 8}}]}")
        .set("request.headers={x-session-id: '{conversation}'}")
        .run()
        .ran();
    let asked = server.asked();
    let mut turns: Vec<(String, usize)> = asked[3..]
        .iter()
        .map(|asked| {
            let said = asked.body["messages"].as_array().unwrap().len();
            (header(asked, "x-session-id"), said)
        })
        .collect();
    turns.sort();
    let expected: Vec<(String, usize)> = (0..4)
        .flat_map(|n| [1, 3].map(|said| (format!("default-r1-p0-c{n}"), said)))
        .collect();
    assert_eq!(turns, expected);
}

#[test]
fn a_query_goes_with_every_request() {
    let server = Server::new(|_, asked| completion(asked));
    server
        .run()
        .set("request.query={api-version: '2024-10-21', 'a b': c&d}")
        .run()
        .ran();
    for asked in server.asked() {
        assert_eq!(
            asked.path,
            "/v1/completions?api-version=2024-10-21&a%20b=c%26d"
        );
    }
}
