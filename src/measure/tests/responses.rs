//! The fixtures are what vLLM 0.31 with SmolLM2-135M-Instruct sent.

use crate::measure::answer::tests::exchange as exchange_in_reads;
use crate::measure::answer::{Answer, assemble};
use crate::measure::exchange::Exchange;
use crate::measure::sample::{Judgement, Sample, TokenSource};
use serde_json::Value;

const STREAM: &str = include_str!("../fixtures/vllm-responses.sse");
const UNARY: &str = include_str!("../fixtures/vllm-responses.json");

/// The body came an event a read, one every millisecond.
fn exchange(kind: &str, body: &str) -> Exchange {
    let sizes: Vec<usize> = body.split_inclusive("\n\n").map(str::len).collect();
    exchange_in_reads(kind, body.as_bytes(), &sizes)
}

fn streamed(body: &str) -> Answer {
    assemble(&exchange("text/event-stream; charset=utf-8", body))
}

#[test]
fn a_stream_becomes_the_unary_body() {
    let answer = streamed(STREAM);
    let unary = assemble(&exchange("application/json", UNARY));
    assert_eq!((answer.broken, unary.broken), (None, None));
    assert_eq!(answer.texts, ["L'aujourcé"]);
    assert_eq!(answer.texts, unary.texts);
    let said = |body: &Value| body["output"][0]["content"].clone();
    assert_eq!(said(&answer.body), said(&unary.body));
    assert_eq!(answer.body["usage"], unary.body["usage"]);
    let line = answer.timeline;
    // The third event adds the item, six deltas begin with the fifth.
    assert_eq!(line.first_chunk, Some(3_000_000));
    assert_eq!(line.texts, [5, 6, 7, 8, 9, 10].map(|ms| ms * 1_000_000));
    assert_eq!((line.done, line.events), (true, 14));
}

#[test]
fn tokens_are_counted_by_its_own_names() {
    let exchange = exchange("text/event-stream", STREAM);
    let answer = assemble(&exchange);
    let sample = Sample::new(&exchange, &answer, 0, Judgement::default(), false);
    assert_eq!(
        (sample.prompt_tokens, sample.output_tokens),
        (Some(35), Some(6))
    );
    assert_eq!(sample.tokens_from, Some(TokenSource::Usage));
}

#[test]
fn deltas_that_are_lost_or_doubled_are_noticed() {
    let events: Vec<&str> = STREAM.split_inclusive("\n\n").collect();
    for (change, events) in [
        ("lost", [&events[..5], &events[6..]].concat()),
        ("doubled", [&events[..6], &events[5..]].concat()),
    ] {
        let broken = streamed(&events.concat()).broken;
        assert!(
            broken.is_some_and(|why| why.contains("lost, doubled or changed")),
            "{change}"
        );
    }
}

#[test]
fn a_stream_without_its_last_event_has_not_ended() {
    let cut = STREAM.rfind("event: response.completed").unwrap();
    assert!(streamed(STREAM).timeline.done);
    let done = "data: [DONE]\n\n";
    assert!(!streamed(&format!("{}{done}", &STREAM[..cut])).timeline.done);
}

#[test]
fn the_name_of_a_tool_is_its_first_token() {
    let event = |kind: &str, rest: &str| {
        format!("data: {{\"type\":\"response.{kind}\",\"output_index\":0,{rest}}}\n\n")
    };
    let item = "\"item\":{\"type\":\"function_call\",\"name\":\"f\"}";
    let line = streamed(
        &(event("output_item.added", item)
            + &event("function_call_arguments.delta", "\"delta\":\"{}\"")),
    )
    .timeline;
    assert_eq!((line.texts, line.spoken), (vec![1_000_000, 2_000_000], 0));
    assert_eq!((line.gaps, line.spans), (vec![1_000_000], 1_000_000));
}

#[test]
fn a_failed_response_says_why() {
    let failed = "data: {\"type\":\"response.failed\",\"response\":{\"error\":{\"message\":\"out of memory\"}}}\n\n";
    assert_eq!(
        streamed(failed).reported.unwrap(),
        "the response failed: out of memory"
    );
}

#[test]
fn reasoning_and_arguments_are_text_of_their_own() {
    let event = |kind: &str, rest: &str| {
        format!("data: {{\"type\":\"response.{kind}\",\"output_index\":0,{rest}}}\n\n")
    };
    let body = [
        event("reasoning_text.delta", "\"delta\":\"hm \""),
        event("function_call_arguments.delta", "\"delta\":\"{}\""),
        event(
            "completed",
            "\"response\":{\"output\":[{\"type\":\"reasoning\",\"content\":[{\"type\":\"reasoning_text\",\"text\":\"hm \"}]},{\"type\":\"function_call\",\"name\":\"f\",\"arguments\":\"{}\"}]}",
        ),
    ]
    .concat();
    let answer = streamed(&body);
    assert_eq!(answer.broken, None);
    assert_eq!(answer.texts, ["hm {}"]);
    assert_eq!(super::whole_text(&answer.body).unwrap(), "hm {}");
}
