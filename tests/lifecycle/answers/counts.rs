//! Token counts that contradict what came, and times that are not there: told, and never the reason of a pass.

use super::{Asked, CHAT, Case, asked, ended, good, open, run, said, stream, text, usage};
use crate::server::{Reply, events};
use serde_json::{Value, json as value};

const GATES: &str = "verify: {gates: [output_throughput > 0.001/s]}";

/// The record of a run, and its findings of one code: detail and example.
fn findings(
    asked: &'static Asked,
    replies: Vec<Reply>,
    rest: &str,
    code: &str,
) -> (Value, Vec<String>) {
    let cases: Vec<Case> = replies.into_iter().map(|reply| good("", reply)).collect();
    let run = run(asked, &cases, rest).run();
    let findings = run["quality"]["findings"].as_array().unwrap();
    let said = findings
        .iter()
        .filter(|finding| finding["code"] == code)
        .map(|finding| {
            let part = |key: &str| finding[key].as_str().unwrap_or_default().to_owned();
            format!("{} | {}", part("detail"), part("example"))
        })
        .collect();
    (run, said)
}

fn counted(tokens: Value) -> Reply {
    let counts =
        value!({"choices": [], "usage": {"prompt_tokens": 5, "completion_tokens": tokens}});
    stream(&[said("a"), said("b"), ended("stop"), counts])
}

#[test]
fn counts_that_contradict_the_stream_are_found() {
    static LIMITED: Asked = asked("chat", ", params: {max_tokens: 20}");
    for (reply, words) in [
        (
            counted(value!(0)),
            "text came, and the server counted no output token",
        ),
        (
            counted(value!(1)),
            "fewer output tokens than events with text",
        ),
        (
            counted(value!(1000)),
            "more output tokens than the request allowed",
        ),
        (counted(value!(-4)), "are negative, fractions"),
        (counted(value!("4")), "are negative, fractions"),
        (counted(value!(4.5)), "are negative, fractions"),
        (
            stream(&[ended("length"), usage(20)]),
            "counted output tokens, and no text came",
        ),
    ] {
        let fine = counted(value!(2));
        let (run, said) = findings(&LIMITED, vec![reply, fine], GATES, "token_counts");
        assert_eq!(said.len(), 1, "{said:?}");
        assert!(said[0].contains(words), "{said:?}");
        assert!(said[0].contains("closed request 0: "), "{said:?}");
        assert_ne!(run["quality"]["verdict"], "good");
    }
}

#[test]
fn throughput_of_doubtful_counts_is_absent_and_no_gate_passes_on_it() {
    let (run, _) = findings(
        &CHAT,
        vec![counted(value!(0)), counted(value!(2))],
        GATES,
        "token_counts",
    );
    let metrics = &run["variants"][0]["phases"][0]["metrics"];
    assert_eq!(metrics["output_tokens_per_s"], Value::Null);
    // A busy machine makes the measurement invalid besides.
    assert_ne!(run["exit_code"], 0);
    let checks = run["checks"].as_array().unwrap();
    let gate = checks
        .iter()
        .find(|check| check["name"] == "output_throughput > 0.001/s");
    let detail = gate.unwrap()["detail"].as_str().unwrap();
    assert_eq!(
        detail,
        "not applicable: the token counts of 1 of 2 answers contradict what came"
    );
}

#[test]
fn counts_that_agree_are_believed() {
    let growing = |n: u64| {
        let mut chunk = said("a");
        chunk["usage"] = value!({"prompt_tokens": 5, "completion_tokens": n});
        chunk
    };
    let replies = vec![
        counted(value!(2)),
        counted(value!(2.0)),
        // Several tokens in an event.
        counted(value!(8)),
        stream(&[growing(2), growing(4), ended("stop")]),
        stream(&[ended("stop"), usage(0)]),
        stream(&[said("a"), ended("stop")]),
    ];
    let (run, said) = findings(&CHAT, replies, "", "token_counts");
    assert!(said.is_empty(), "{said:?}");
    let metrics = &run["variants"][0]["phases"][0]["metrics"];
    assert!(metrics["output_tokens_per_s"].is_number(), "{metrics}");
}

#[test]
fn text_that_came_at_once_has_no_time_per_token() {
    let chunks: Vec<Value> = (0..8).map(|_| said(" t")).collect();
    let whole = open(&chunks) + &open(&[ended("stop"), usage(8)]) + "data: [DONE]\n\n";
    let rest = "verify: {slo: {tpot: 5ms}, gates: [p99 tpot < 5ms, p99 chunk_gap < 5ms]}";
    let (run, said) = findings(&CHAT, vec![events(whole)], rest, "text_at_once");
    let metrics = &run["variants"][0]["phases"][0]["metrics"];
    assert_eq!(metrics["tpot_ms"], Value::Null);
    assert_eq!(metrics["chunk_gap_ms"], Value::Null);
    assert_eq!(
        metrics["goodput"]["share"], 0.0,
        "an unknown time is not kept"
    );
    assert!(
        said[0].contains("all text of an answer came at once"),
        "{said:?}"
    );
    let example = " | closed request 0: 8 events with text came at once";
    assert!(said[0].ends_with(example), "{said:?}");
    // A busy machine makes the measurement invalid besides.
    assert_ne!(run["exit_code"], 0);
    let checks = run["checks"].as_array().unwrap();
    for gate in ["p99 tpot < 5ms", "p99 chunk_gap < 5ms"] {
        let check = checks.iter().find(|check| check["name"] == gate).unwrap();
        let detail = "not applicable: the text of 1 of 1 answers came at once, so that its pace is not known";
        assert_eq!(
            (&check["passed"], &check["detail"]),
            (&value!(false), &value!(detail))
        );
    }
}

#[test]
fn one_token_has_no_time_per_token_to_miss() {
    static ONE: Asked = asked("completions", ", params: {max_tokens: 1}");
    let reply = stream(&[text(0, "a", Some("length")), usage(1)]);
    let (run, said) = findings(
        &ONE,
        vec![reply],
        "verify: {slo: {tpot: 5ms}}",
        "text_at_once",
    );
    assert!(said.is_empty(), "{said:?}");
    let metrics = &run["variants"][0]["phases"][0]["metrics"];
    assert_eq!(metrics["tpot_ms"], Value::Null);
    assert_eq!(metrics["goodput"]["share"], 1.0);
}

#[test]
fn an_echoed_prompt_is_text_without_tokens() {
    static ECHO: Asked = asked("completions", ", params: {echo: true, max_tokens: 2}");
    let replies = vec![
        stream(&[
            text(0, "prompt", None),
            text(0, " a", Some("length")),
            usage(1),
        ]),
        stream(&[text(0, "prompt", Some("length")), usage(0)]),
    ];
    let (_, said) = findings(&ECHO, replies, "", "token_counts");
    assert!(said.is_empty(), "{said:?}");
}
