use super::*;
use crate::measure::exchange::{End, RequestId};
use proptest::prelude::*;
use serde_json::json;

/// An exchange whose body came in reads of `sizes`, one every millisecond.
pub(in crate::measure) fn exchange(kind: &str, body: &[u8], sizes: &[usize]) -> Exchange {
    let mut end = 0;
    let reads = sizes.iter().enumerate().map(|(i, size)| {
        end = (end + size).min(body.len());
        let at = (i as u64 + 1) * 1_000_000;
        Arrival {
            end,
            kernel: at,
            user: at + 10_000,
            stamped: true,
        }
    });
    Exchange {
        id: RequestId {
            phase: 0,
            index: 0,
            batch: None,
        },
        due: 0,
        sent: Some(0),
        connect: None,
        reused: false,
        reconnected: false,
        ended: 99_000_000,
        status: Some(200),
        headers: [("content-type".to_owned(), kind.to_owned())].into(),
        arrivals: reads.collect(),
        body: body.to_vec(),
        end: End::Complete,
    }
}

/// The stream, one read an event.
fn by_event(stream: &str) -> Answer {
    let sizes: Vec<usize> = stream.split_inclusive("\n\n").map(str::len).collect();
    assemble(&exchange("text/event-stream", stream.as_bytes(), &sizes))
}

const COMPLETIONS: &str = include_str!("../fixtures/dynamo-completions.sse");
const TWO_PROMPTS: &str = include_str!("../fixtures/dynamo-two-prompts.sse");
const VLLM: &str = include_str!("../fixtures/vllm-completions.sse");
const VLLM_CHAT: &str = include_str!("../fixtures/vllm-chat.sse");
const CHAT: &str = include_str!("../fixtures/dynamo-chat.sse");

#[test]
fn a_completions_stream_becomes_the_unary_body() {
    let answer = by_event(COMPLETIONS);
    assert_eq!(answer.broken, None);
    assert_eq!(answer.texts, ["ories es importantpro ensining"]);
    let choice = json!({"index": 0, "text": answer.texts[0], "finish_reason": "length"});
    assert_eq!(answer.body["choices"], json!([choice]));
    assert_eq!(answer.body["object"], "text_completion");
    assert_eq!(answer.body["usage"]["completion_tokens"], 6);
    let nvext = &answer.body["nvext"];
    assert_eq!(nvext["timing"]["ttft_ms"], 18.045_337);
    let worker = 738_205_542_462_230_537_u64;
    assert_eq!(nvext["worker_id"]["decode_worker_id"], worker);
    let at = |n: u64| n * 1_000_000;
    assert_eq!(answer.timeline.first_chunk, Some(at(1)));
    assert_eq!(answer.timeline.texts, (1..=6).map(at).collect::<Vec<_>>());
    assert_eq!(answer.timeline.gaps, [at(1); 5]);
    assert_eq!(answer.timeline.events, 9);
    assert!(answer.timeline.done);
}

#[test]
fn interleaved_choices_are_told_apart() {
    let answer = by_event(TWO_PROMPTS);
    assert_eq!(answer.texts, ["ahiver large", " singli dev"]);
    assert_eq!(answer.body["choices"][1]["finish_reason"], "length");
    let id = "cmpl-f1c19134-0c09-4883-9461-e55c0e621463";
    assert_eq!(answer.body["id"], id);
}

#[test]
fn a_chat_stream_becomes_the_unary_body() {
    let answer = by_event(CHAT);
    assert_eq!(answer.broken, None);
    let message = &answer.body["choices"][0]["message"];
    assert_eq!(message["role"], "assistant");
    assert_eq!(message["content"], answer.texts[0].as_str());
    assert_eq!(answer.body["object"], "chat.completion");
    assert_eq!(answer.body["choices"][0]["finish_reason"], "length");
    assert_eq!(answer.timeline.texts.len(), 6);
}

#[test]
fn native_vllm_is_read_too() {
    let answer = by_event(VLLM);
    assert_eq!(answer.broken, None);
    assert_eq!(answer.texts, [" Paris.\n\nThe answer"]);
    assert_eq!(answer.body["choices"][0]["finish_reason"], "length");
    assert_eq!(answer.body["choices"][0]["stop_reason"], Value::Null);
    assert_eq!(answer.body["usage"]["completion_tokens"], 6);
    assert_eq!(answer.body.get("nvext"), None);
    assert_eq!(answer.timeline.texts.len(), 6);
    let chat = by_event(VLLM_CHAT);
    assert_eq!(chat.broken, None);
    assert_eq!(chat.timeline.first_chunk, Some(1_000_000));
    assert_eq!(chat.timeline.texts[0], 2_000_000, "the role is no text");
    let message = &chat.body["choices"][0]["message"];
    assert_eq!(message["content"], chat.texts[0].as_str());
}

#[test]
fn an_empty_role_delta_is_a_first_chunk_but_no_text() {
    let answer = by_event(concat!(
        "data: {\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}\n\n",
        "data: {\"choices\":[{\"index\":0,\"delta\":{\"reasoning\":\"hm\",\"reasoning_content\":\"hm\"}}]}\n\n",
        "data: {\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"id\":\"a\",\"type\":\"function\",\
         \"function\":{\"name\":\"f\",\"arguments\":\"\"}}]}}]}\n\n",
        "data: {\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"{\\\"x\\\"\"}}]}}]}\n\n",
        "data: {\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\":1}\"}}]},\
         \"finish_reason\":\"tool_calls\"}]}\n\n",
        "data: [DONE]\n\n"
    ));
    assert_eq!(answer.timeline.first_chunk, Some(1_000_000));
    // The name of a tool is generated text; only the reasoning is spoken.
    let texts = [2_000_000, 3_000_000, 4_000_000, 5_000_000];
    assert_eq!(answer.timeline.texts, texts);
    assert_eq!(answer.timeline.spoken, 1);
    assert_eq!(answer.texts, ["hm{\"x\":1}"]);
    let message = &answer.body["choices"][0]["message"];
    assert_eq!(message["content"], Value::Null);
    assert_eq!(message["reasoning_content"], "hm");
    let call =
        json!({"id": "a", "type": "function", "function": {"name": "f", "arguments": "{\"x\":1}"}});
    assert_eq!(message["tool_calls"], json!([call]));
}

#[test]
fn what_later_chunks_leave_empty_stays() {
    let tool = |id: &str, name: &str, arguments: &str| {
        let call =
            json!({"index": 0, "id": id, "function": {"name": name, "arguments": arguments}});
        format!(
            "data: {}\n\n",
            json!({"choices": [{"index": 0, "delta": {"tool_calls": [call]}}]})
        )
    };
    let answer = by_event(&format!(
        "{}{}data: {{\"choices\":[{{\"index\":0,\"delta\":{{}},\"finish_reason\":\"tool_calls\"}}]}}\n\ndata: [DONE]\n\n",
        tool("a", "f", ""),
        tool("", "", "{}"),
    ));
    assert_eq!(answer.broken, None);
    let call = json!({"id": "a", "function": {"name": "f", "arguments": "{}"}});
    assert_eq!(
        answer.body["choices"][0]["message"]["tool_calls"],
        json!([call])
    );
    let answer = by_event(concat!(
        "data: {\"choices\":[{\"index\":0,\"text\":\"Hel\"}]}\n\n",
        "data: {\"choices\":[{\"index\":0,\"text\":\"lo\"}]}\n\n",
        "data: {\"choices\":[{\"index\":0,\"text\":null,\"finish_reason\":\"stop\"}]}\n\n",
        "data: [DONE]\n\n"
    ));
    assert_eq!(answer.body["choices"][0]["text"], "Hello");
}

/// A chat's chunk.
fn delta(delta: &Value, finish_reason: &Value) -> String {
    let choice = json!({"index": 0, "delta": delta, "finish_reason": finish_reason});
    format!("data: {}\n\n", json!({"choices": [choice]}))
}

#[test]
fn refusals_calls_of_functions_and_lists_of_parts_are_text() {
    let end = delta(&json!({}), &json!("stop")) + "data: [DONE]\n\n";
    let refused = delta(&json!({"content": null, "refusal": "no"}), &json!(null));
    let answer = by_event(&(refused + &end));
    assert_eq!(answer.texts, ["no"]);
    assert_eq!(answer.timeline.spoken, 1);
    let call = |call: Value| delta(&json!({"function_call": call}), &json!(null));
    let called = call(json!({"name": "f", "arguments": ""})) + &call(json!({"arguments": "{}"}));
    let answer = by_event(&(called + &end));
    assert_eq!(answer.texts, ["{}"]);
    assert_eq!(answer.timeline.texts, [1_000_000, 2_000_000]);
    assert_eq!(answer.timeline.spoken, 0);
    let message = &answer.body["choices"][0]["message"];
    let whole = json!({"name": "f", "arguments": "{}"});
    assert_eq!(message["function_call"], whole);
    let part = |text| {
        delta(
            &json!({"content": [{"type": "text", "text": text}]}),
            &json!(null),
        )
    };
    let answer = by_event(&(part("a") + &part("b") + &end));
    assert_eq!(answer.body["choices"][0]["message"]["content"], "ab");
}

#[test]
fn heartbeats_and_empty_finish_reasons_are_nothing() {
    let stream = format!(
        "data:\n\ndata: \n\nevent: ping\n\n{}{}data: [DONE]\n\n",
        delta(&json!({"content": "a"}), &json!("")),
        delta(&json!({}), &json!("stop")),
    );
    let answer = by_event(&stream);
    assert_eq!((answer.broken, answer.reported), (None, None));
    assert_eq!(answer.timeline.finish_reasons, 1);
    assert_eq!(answer.body["choices"][0]["finish_reason"], "stop");
}

#[test]
fn times_are_those_of_each_choice() {
    let chunk = |index: u8, text: &str| {
        format!("data: {{\"choices\":[{{\"index\":{index},\"text\":\"{text}\"}}]}}\n\n")
    };
    // Choice 0 speaks at 1, 3 and 5 ms, choice 1 at 2 and 4 ms.
    let stream = chunk(0, "a") + &chunk(1, "b") + &chunk(0, "c") + &chunk(1, "d") + &chunk(0, "e");
    let line = by_event(&(stream + "data: [DONE]\n\n")).timeline;
    assert_eq!(line.gaps, [2_000_000; 3]);
    assert_eq!((line.spans, line.spoken), (6_000_000, 5));
}

#[test]
fn lists_of_every_chunk_are_joined() {
    let answer = by_event(concat!(
        "data: {\"choices\":[{\"index\":0,\"text\":\"a\",\"token_ids\":[1],\"logprobs\":{\"tokens\":[\"a\"]}}]}\n\n",
        "data: {\"choices\":[{\"index\":0,\"text\":\"b\",\"token_ids\":[2],\"logprobs\":{\"tokens\":[\"b\"]}}]}\n\n",
        "data: [DONE]\n\n"
    ));
    let choice = &answer.body["choices"][0];
    assert_eq!(choice["token_ids"], json!([1, 2]));
    assert_eq!(choice["logprobs"]["tokens"], json!(["a", "b"]));
}

#[test]
fn an_event_came_with_the_read_that_carried_its_end() {
    let stream =
        "data: {\"choices\":[{\"index\":0,\"text\":\"a\"}]}\n\n".repeat(3) + "data: [DONE]\n\n";
    let one = stream.find("\n\n").map_or(0, |at| at + 2);
    // The first read holds one event and nearly all of the second, the second read the rest.
    let sizes = [2 * one - 1, stream.len()];
    let answer = assemble(&exchange("text/event-stream", stream.as_bytes(), &sizes));
    let texts = [1_000_000, 2_000_000, 2_000_000];
    assert_eq!(answer.timeline.texts, texts);
    assert_eq!(answer.timeline.coalesced_reads, 1);
}

#[test]
fn broken_streams_say_why() {
    let chunk = "data: {\"choices\":[{\"index\":0,\"text\":\"a\"}]}\n\n";
    let done = "data: [DONE]\n\n";
    let why = |stream: String| {
        let answer = by_event(&stream);
        answer.reported.or(answer.broken).unwrap_or_default()
    };
    assert!(!by_event(chunk).timeline.done);
    assert!(by_event(&format!("{chunk}data: [DONE]\n")).timeline.done);
    assert!(why(format!("{chunk}data: {{\n\n{done}")).starts_with("event 2 is not JSON: "));
    assert_eq!(
        why(format!("data: 7\n\n{done}")),
        "event 1 is not a JSON object"
    );
    let nested = format!("data: {{\"error\":{{\"message\":\"no memory\"}}}}\n\n{done}");
    assert_eq!(why(nested), "the server sent an error: no memory");
    let flat = format!("data: {{\"message\":\"gone\",\"code\":500}}\n\n{done}");
    assert_eq!(why(flat), "the server sent an error: gone");
    let named = format!("event: error\ndata: worker lost\n\n{done}");
    assert_eq!(why(named), "the server sent an error: worker lost");
    let comment = format!("{chunk}event: error\n: lost at once\n\n{done}");
    assert_eq!(why(comment), "the server sent an error: lost at once");
    let of_choice =
        "data: {\"choices\":[{\"index\":0,\"delta\":{},\"error\":{\"message\":\"down\"}}]}\n\n";
    let said = "choice 0 holds an error: down";
    assert_eq!(why(format!("{of_choice}{done}")), said);
    let noted = format!("event: note\ndata: anything\n\n: comment\n\n{chunk}{done}");
    assert_eq!(why(noted), "");
    let deep = format!("data: {}\n\n{done}", "[".repeat(100_000));
    assert!(why(deep).contains("recursion limit"));
}

#[test]
fn unary_bodies_are_kept() {
    let body = json!({"choices": [
        {"index": 1, "text": "b"},
        {"index": 0, "message": {"content": "c", "reasoning_content": "r", "tool_calls": [{"function": {"arguments": "{}"}}]}},
    ]});
    let text = body.to_string();
    let answer = assemble(&exchange(
        "application/json; charset=utf-8",
        text.as_bytes(),
        &[1, 999],
    ));
    assert_eq!(answer.body, body);
    assert_eq!(answer.texts, ["rc{}", "b"]);
    assert_eq!(answer.timeline, Timeline::default());
    assert_eq!(answer.broken, None);
}

#[test]
fn bodies_that_are_no_answers_say_why() {
    let why = |body: &str, status, headers: &[(&str, &str)]| {
        let mut exchange = exchange("application/json", body.as_bytes(), &[999]);
        exchange.status = Some(status);
        let more = headers.iter().map(|(n, v)| (n.to_string(), v.to_string()));
        exchange.headers = exchange.headers.iter().cloned().chain(more).collect();
        let answer = assemble(&exchange);
        answer.reported.or(answer.broken).unwrap_or_default()
    };
    assert_eq!(why("", 200, &[]), "the body is empty");
    let page = why("<html>busy", 200, &[]);
    assert!(page.starts_with("the body is not JSON ("), "{page}");
    assert!(page.ends_with("): `<html>busy`"), "{page}");
    assert_eq!(why("<html>", 502, &[]), "");
    assert_eq!(why("{\"error\":{\"message\":\"x\"}}", 400, &[]), "");
    let answered = why("{\"error\":\"x\"}", 200, &[]);
    assert_eq!(answered, "the server answered with an error: x");
    let packed = why("{}", 200, &[("content-encoding", "gzip")]);
    assert_eq!(
        packed,
        "the body is compressed (gzip), which was not asked for"
    );
    assert_eq!(why("{}", 200, &[("content-encoding", "identity")]), "");
}

#[test]
fn a_stream_is_known_without_its_content_type() {
    let sizes = [COMPLETIONS.len()];
    let told = assemble(&exchange(
        "text/event-stream",
        COMPLETIONS.as_bytes(),
        &sizes,
    ));
    let untold = assemble(&exchange("", COMPLETIONS.as_bytes(), &sizes));
    assert_eq!(told, untold);
    let unary = assemble(&exchange("text/plain", b" {\"choices\":[]}", &[99]));
    assert_eq!(unary.body, json!({"choices": []}));
}

proptest! {
    #[test]
    fn any_bytes_are_assembled(body in proptest::collection::vec(any::<u8>(), 0..200), stream: bool) {
        let kind = if stream { "text/event-stream" } else { "" };
        let _ = assemble(&exchange(kind, &body, &[3, 50, 200]));
    }

    #[test]
    fn any_chunk_is_assembled(
        keys in proptest::collection::vec("choices|delta|text|index|tool_calls|function|arguments|usage|nvext|error", 1..6),
        leaf in "null|7|\"x\"|\\[\\]|\\{\\}|\\[\\{\\}\\]",
    ) {
        // Each key holds the next one, in a list or alone.
        let chunk = keys.iter().rev().fold(leaf, |inner, key| format!("{{\"{key}\":[{{\"{key}\":{inner}}}]}}"));
        let body = format!("data: {chunk}\n\ndata: {}\n\ndata: [DONE]\n\n", chunk.replace(['[', ']'], ""));
        let _ = assemble(&exchange("text/event-stream", body.as_bytes(), &[3, 50, 2000]));
    }

    #[test]
    fn reads_do_not_change_the_answer(at in 0..COMPLETIONS.len()) {
        let split = assemble(&exchange("text/event-stream", COMPLETIONS.as_bytes(), &[at, COMPLETIONS.len()]));
        let whole = by_event(COMPLETIONS);
        prop_assert_eq!(split.body, whole.body);
        prop_assert_eq!(split.texts, whole.texts);
        prop_assert_eq!(split.timeline.events, whole.timeline.events);
    }
}

/// A chunk out of few parts, so that chunks are often alike.
fn chunk() -> impl Strategy<Value = String> {
    let text = prop::sample::select(vec!["a", " b", "", "\\n", "\\\"", "é"]);
    let body = prop::sample::select(vec![
        "\"text\":\"@\"",
        "\"delta\":{\"content\":\"@\"}",
        "\"delta\":{\"role\":\"assistant\",\"content\":\"@\",\"refusal\":null}",
        "\"delta\":{\"reasoning\":\"@\"}",
        "\"text\":\"@\",\"token_ids\":[7]",
        "\"text\": \"@\",\"stop_reason\":null",
    ]);
    let rest = prop::sample::select(vec![
        "",
        "\"created\":1,",
        "\"created\":2,",
        "\"nvext\":{\"worker\":1},",
        "\"error\":\"no\",",
    ]);
    let end = prop::sample::select(vec![
        "",
        ",\"finish_reason\":null",
        ",\"finish_reason\":\"stop\"",
    ]);
    (0..2, text, body, rest, end).prop_map(|(index, text, body, rest, end)| {
        let body = body.replace('@', text);
        format!("{{{rest}\"choices\":[{{\"index\":{index},{body}{end}}}]}}")
    })
}

proptest! {
    /// An event with a name of its own is always parsed.
    #[test]
    fn chunks_that_need_no_parsing_say_the_same(
        kinds in prop::collection::vec(chunk(), 1..4),
        order in prop::collection::vec(any::<prop::sample::Index>(), 1..20),
    ) {
        let stream = |name: &str| {
            let chunks = order.iter().map(|at| at.get(&kinds));
            let events = chunks.map(|data| format!("{name}data: {data}\n\n"));
            by_event(&(events.collect::<String>() + "data: [DONE]\n\n"))
        };
        prop_assert_eq!(stream(""), stream("event: x\n"));
    }
}
