//! Tests of rows in JSONL, JSON lists and CSV: valid contents, and mistakes.

use super::*;
use crate::prompts::fields::{FIELDS, IGNORED, KEYS, of};
use crate::prompts::sharegpt::METADATA;
use crate::scenario::model::ApiEndpoint;
use serde_json::{Value, json};

const CHAT: &str = "{endpoint: chat}";

fn rows(request: &str, lines: &[Value]) -> Result<Prompts, String> {
    let lines: String = lines.iter().map(|line| format!("{line}\n")).collect();
    read_with_request("{file: f}", request, lines.as_bytes())
}

/// The mistake in one row.
fn wrong(request: &str, row: Value) -> String {
    let message = rows(request, &[row]).expect_err("a bad row");
    message.strip_prefix("f:1: ").unwrap_or(&message).to_owned()
}

fn one(request: &str, row: Value) -> Entry {
    let prompts = rows(request, &[row]).unwrap_or_else(|error| panic!("{error}"));
    prompts.entry(0).into_owned()
}

#[test]
fn a_row_can_have_its_own_body_fields() {
    let row = json!({
        "id": 7, "prompt": "hi", "max_tokens": 5, "model": "lora", "temperature": 0.5, "stop": ["\n"],
        "body": {"my_servers_own": {"a": 1}, "top_p": 0.9}, "stream": true,
    });
    let entry = one("{}", row);
    assert_eq!(entry.text, Text::Written("hi".into()));
    let body = json!({
        "max_tokens": 5, "model": "lora", "temperature": 0.5, "stop": ["\n"],
        "my_servers_own": {"a": 1}, "top_p": 0.9,
    });
    let sorted = |map: &serde_json::Map<String, Value>| {
        let mut map = map.clone();
        map.sort_keys();
        map
    };
    assert_eq!(sorted(&entry.body), sorted(body.as_object().unwrap()));
}

#[test]
fn null_counts_as_missing() {
    let row = json!({
        "prompt": "hi", "messages": null, "model": null, "max_tokens": null, "output_tokens": null, "at": null,
        "system": null, "stream": null, "body": {"model": null, "input": null, "own": null},
    });
    assert_eq!(one("{}", row), Entry::written("hi".into()));
    assert!(wrong("{}", json!({"prompt": "hi", "max_token": null})).starts_with("unknown key"));
}

#[test]
fn a_row_can_be_a_chat() {
    let said = json!([
        {"role": "system", "content": "Be terse."},
        {"role": "user", "content": [{"type": "text", "text": "What is it?"}, {"type": "image_url", "image_url": {"url": "data:,"}}]},
        {"role": "assistant", "content": null, "tool_calls": [{"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}]},
        {"role": "tool", "tool_call_id": "1", "content": "42"},
    ]);
    let expected = Text::Messages(said.as_array().unwrap().clone());
    for key in ["messages", "prompt"] {
        assert_eq!(one(CHAT, json!({key: said})).text, expected);
    }
    let of_responses = one("{endpoint: responses}", json!({"input": said}));
    assert_eq!(of_responses.text, expected);
    let short =
        json!([{"role": "system", "content": "Be terse."}, {"role": "user", "content": "hi"}]);
    let expected = Text::Messages(short.as_array().unwrap().clone());
    let row = json!({"system": "Be terse.", "prompt": "hi"});
    assert_eq!(one(CHAT, row).text, expected);
    let row = json!({"system": "Be terse.", "messages": [{"role": "user", "content": "hi"}]});
    assert_eq!(one(CHAT, row).text, expected);
    assert_eq!(
        one(CHAT, json!({"system": "", "prompt": "hi"})).text,
        Text::Written("hi".into())
    );
}

#[test]
fn a_row_can_be_token_ids() {
    for (request, key) in [("{}", "prompt"), ("{endpoint: embeddings}", "input")] {
        assert_eq!(
            one(request, json!({key: [1, 2, 3]})).text,
            Text::Tokens(vec![1, 2, 3])
        );
    }
    assert!(wrong(CHAT, json!({"prompt": [1, 2]})).starts_with("`chat` accepts no token ids"));
    assert!(wrong("{}", json!({"prompt": [1, -2]})).contains("token ids, found -2"));
    let long: Vec<u32> = (0..5_000).collect();
    let message = wrong("{}", json!({"prompt": long}));
    assert!(
        message.contains("5000 tokens and 1 tokens of the answer"),
        "{message}"
    );
}

#[test]
fn openai_s_batch_format_is_read() {
    let line = |url: &str| {
        json!({
            "custom_id": "r0", "method": "POST", "url": url,
            "body": {"model": "m", "messages": [{"role": "user", "content": "hi"}], "max_tokens": 7, "stream": true},
        })
    };
    for url in [
        "/v1/chat/completions",
        "https://api.openai.com/v1/chat/completions",
        "/chat/completions",
    ] {
        let entry = one(CHAT, line(url));
        assert_eq!(
            entry.text,
            Text::Messages(vec![json!({"role": "user", "content": "hi"})])
        );
        assert_eq!(entry.body["max_tokens"], 7);
        assert!(!entry.body.contains_key("stream"), "the scenario says it");
    }
    let message = wrong("{}", line("/v1/chat/completions"));
    assert_eq!(
        message,
        "`url` is \"/v1/chat/completions\", but the endpoint of this scenario is /v1/completions; set `request: {endpoint: chat}`"
    );
    assert!(wrong(CHAT, line("/v1/other")).contains("correct it"));
    let mut get = line("/v1/chat/completions");
    get["method"] = "GET".into();
    assert!(wrong(CHAT, get).starts_with("`method` is \"GET\""));
    let mut empty = line("/v1/chat/completions");
    empty["body"] = json!({"model": "m"});
    assert!(
        wrong(CHAT, empty).starts_with("this line of the batch format has no prompt in its `body`")
    );
    let mut other = line("/v1/chat/completions");
    other["body"]["stream"] = false.into();
    assert!(wrong(CHAT, other).starts_with("the scenario sets `stream` for all requests"));
}

#[test]
fn a_list_of_rows_is_read() {
    let list = b"[\n {\"prompt\": \"a\"},\n \"b\",\n {\"prompt\": \"c\", \"max_tokens\": 3}\n]\n";
    let prompts = of_file("{file: f}", list).unwrap();
    assert_eq!(texts(&prompts), ["a", "b", "c"]);
    assert_eq!(prompts.entry(2).body["max_tokens"], 3);
    let spread = b"{\n \"prompt\": \"a\"\n}\n{\n \"prompt\": \"b\"\n}\n";
    assert_eq!(texts(&of_file("{file: f}", spread).unwrap()), ["a", "b"]);
    let cases: [(&[u8], &str); 6] = [
        (
            b"[\n \"a\",\n {\"promt\": \"b\"}]",
            "f:3 (row 2): unknown key `promt`; did you mean `prompt`?",
        ),
        (b"[\n \"a\",\n 7]", "f:3 (row 2): expected a line such as"),
        (b"[\n \"a\",\n {\"prompt\"]", "f:3: expected a line such as"),
        (b"[\"a\"] \"b\"", "f:1: expected a line such as"),
        (b"[\"a\",", "f:1: expected a line such as"),
        (
            b"{\n \"prompt\": \"a\"\n}\n{\n \"prompt\": 1\n}\n",
            "f:4: `prompt` must be text",
        ),
    ];
    for (bytes, expected) in cases {
        let message = of_file("{file: f}", bytes).expect_err(expected);
        assert!(message.starts_with(expected), "{expected}\n{message}");
    }
}

#[test]
fn unknown_names_are_reported_with_a_suggestion() {
    let say = |role: &str| json!({"messages": [{"role": role, "content": "hi"}]});
    let cases = [
        (
            "{}",
            json!({"prompt": "hi", "output_token": 5}),
            "unknown key `output_token`; did you mean `output_tokens`?",
        ),
        (
            "{}",
            json!({"prompt": "hi", "max_token": 5}),
            "unknown key `max_token`; did you mean `max_tokens`?",
        ),
        (
            "{}",
            json!({"prompt": "hi", "temprature": 0}),
            "unknown key `temprature`; did you mean `temperature`?",
        ),
        (
            "{}",
            json!({"prompt": "hi", "zzz": 0}),
            "unknown key `zzz`; to send it",
        ),
        (
            "{}",
            json!({"prompt": "hi", "body": {"max_token": 5}}),
            "unknown field `max_token` in `body`; did you mean `max_tokens`?",
        ),
        (
            "{}",
            json!({"prompt": "hi", "body": 5}),
            "`body` must be a map",
        ),
        (
            "{}",
            json!({"prompt": "hi", "messages": []}),
            "a row has either `prompt` or `messages`",
        ),
        (
            "{}",
            json!({"prompt": "hi", "top_p": 1, "body": {"top_p": 1}}),
            "`top_p` is given twice",
        ),
        (
            "{}",
            json!({"prompt": "hi", "max_tokens": "7"}),
            "`max_tokens` must be a whole number",
        ),
        (
            "{}",
            json!({"prompt": "hi", "max_tokens": 0}),
            "`max_tokens` must be a whole number",
        ),
        (
            "{}",
            json!({"prompt": "hi", "n": 0}),
            "`n` must be a whole number of at least 1",
        ),
        (
            "{}",
            json!({"prompt": "hi", "model": 5}),
            "`model` must be a name",
        ),
        (
            "{}",
            json!({"prompt": "hi", "model": ""}),
            "`model` must be a name",
        ),
        (
            "{}",
            json!({"prompt": "hi", "max_output_tokens": 5}),
            "`max_output_tokens` is not a field of `completions`; write `max_tokens`",
        ),
        (
            "{endpoint: responses}",
            json!({"prompt": "hi", "max_tokens": 5}),
            "`max_tokens` is not a field of `responses`; write `max_output_tokens`",
        ),
        (
            "{endpoint: embeddings}",
            json!({"prompt": "hi", "temperature": 1}),
            "`temperature` is not a field of `embeddings`",
        ),
        (
            "{endpoint: embeddings}",
            json!({"prompt": "hi", "output_tokens": 1}),
            "`output_tokens`: embeddings have no tokens",
        ),
        (
            "{}",
            json!({"prompt": "hi", "output_tokens": 5, "max_tokens": 5}),
            "`max_tokens` is set by `output_tokens: 5`",
        ),
        (
            "{}",
            json!({"prompt": "hi", "nvext": {}}),
            "`nvext` is the same for all requests",
        ),
        (
            "{}",
            json!({"prompt": "hi", "stream": false}),
            "the scenario sets `stream` for all requests",
        ),
        (
            "{}",
            json!({"prompt": "hi", "stream_options": {"include_usage": false}}),
            "the scenario sets `stream_options` for all requests",
        ),
        (
            "{}",
            json!({"prompt": ["a", "b"]}),
            "`prompt` is a list of prompts, but a row has only one",
        ),
        ("{}", json!({"prompt": []}), "this prompt is empty"),
        ("{}", json!({"prompt": null}), "expected a line such as"),
        (
            "{}",
            json!({"conversations": []}),
            "this row is a conversation in ShareGPT's format",
        ),
        (
            "{}",
            json!({"input": "hi"}),
            "`input` is a field of `responses` and `embeddings`",
        ),
        (
            "{}",
            json!({"prompt": "hi", "system": "x"}),
            "this row has a system prompt, but `completions` accepts none",
        ),
        (
            CHAT,
            json!({"prompt": "hi", "system": 5}),
            "`system` must be text",
        ),
        (
            CHAT,
            json!({"messages": [], "system": "x"}),
            "`messages` must be a list of messages",
        ),
        (
            CHAT,
            json!({"messages": "hi"}),
            "`messages` must be a list of messages",
        ),
        (
            CHAT,
            say("usr"),
            "message 1: `role` must be one of `system`, `developer`, `user`, `assistant`, `tool`, `function`, found \"usr\"; did you mean `user`?",
        ),
        (
            CHAT,
            json!({"messages": [{"content": "hi"}]}),
            "message 1: `role` must be one of",
        ),
        (
            CHAT,
            json!({"messages": [{"role": "user", "content": "hi"}, {"role": "user", "contnet": "hi"}]}),
            "message 2: this message has no `content`",
        ),
        (
            CHAT,
            json!({"messages": [{"role": "user", "content": 5}]}),
            "message 1: `content` must be text or a list of parts",
        ),
        (
            CHAT,
            json!({"messages": [{"role": "user", "content": " "}]}),
            "this prompt is empty",
        ),
        (
            CHAT,
            json!({"system": "a", "messages": [{"role": "system", "content": "b"}, {"role": "user", "content": "c"}]}),
            "this row has both `system` and a system message",
        ),
    ];
    for (request, row, expected) in cases {
        let message = wrong(request, row);
        assert!(message.starts_with(expected), "{expected}\n{message}");
    }
    let own = one(
        "{}",
        json!({"prompt": "hi", "body": {"top_a": 1, "reasoning_effort": "low"}}),
    );
    assert_eq!(own.body.len(), 2, "fields that only this server accepts");
    let limit = wrong(
        "{}",
        json!({"prompt": "hi", "body": {"max_output_tokens": 1}}),
    );
    assert!(limit.ends_with("write `max_tokens`"), "{limit}");
    let twice = of_file("{file: f}", b"{\"prompt\": \"a\", \"prompt\": \"b\"}\n").unwrap_err();
    assert_eq!(
        twice,
        "f:1: the key `prompt` is given twice; keep one of them"
    );
}

#[test]
fn keys_can_be_ignored_by_name() {
    let row = b"{\"prompt\": \"a\", \"my_note\": 1, \"url\": \"https://example.org\"}\n";
    let prompts = of_file("{file: {file: f, ignore: [my_note, url]}}", row).unwrap();
    assert!(prompts.entry(0).body.is_empty());
    let table = b"text,my_note\na,b\n";
    let csv = "{csv: {file: f, column: text, ignore: [my_note]}}";
    assert_eq!(texts(&of_file(csv, table).unwrap()), ["a"]);
}

#[test]
fn bad_rows_are_skipped_and_counted_on_request() {
    let skip = "{file: {file: f, on_bad_row: skip}}";
    let lines =
        b"\"a\"\n{\"prompt\": 1}\nrubbish\n\"\xe9\"\n\"b\"\n\"\"\n{\"prompt\": \"c\", \"x\": 1}\n";
    let prompts = of_file(skip, lines).unwrap();
    assert_eq!(texts(&prompts), ["a", "b"]);
    let [note] = prompts.notes.as_slice() else {
        panic!("{:?}", prompts.notes)
    };
    assert!(
        note.starts_with("5 of 7 rows are invalid and were skipped: "),
        "{note}"
    );
    for part in [
        "f:2: `prompt` must be text",
        "f:3: expected",
        "f:4: byte 2 is not UTF-8",
        "; and 2 more",
    ] {
        assert!(note.contains(part), "{part}\n{note}");
    }
    let message = of_file(skip, b"rubbish\n\"\"\n").unwrap_err();
    assert!(
        message
            .starts_with("f contains no prompt: 2 of 2 rows are invalid and were skipped: f:1: "),
        "{message}"
    );
    let list = of_file(skip, b"[\"a\", {\"promt\": 1}, \"b\"]").unwrap();
    assert!(
        list.notes[0].contains("f:1 (row 2): unknown key `promt`"),
        "{:?}",
        list.notes
    );
    let list = br#"["a", "\ud83d", {"prompt": "b", "seed": 1e999}, "c"]"#;
    assert_eq!(texts(&of_file(skip, list).unwrap()), ["a", "c"]);
    let csv = "{csv: {file: f, column: text, on_bad_row: skip}}";
    let table = of_file(csv, b"id,text\n1,a\n2\n3,\xe9\n4,b\n").unwrap();
    assert_eq!(texts(&table), ["a", "b"]);
    assert!(
        table.notes[0].starts_with("2 of 4 rows are invalid"),
        "{:?}",
        table.notes
    );
}

#[test]
fn columns_of_a_csv_are_body_fields() {
    let table = "id,text,max_tokens,model,stop,temperature,system,output_tokens\n1,a,5.0,7b,42,0.5,Be terse.,\n2,b,,,,,,9\n";
    let prompts =
        read_with_request("{csv: {file: f, column: text}}", CHAT, table.as_bytes()).unwrap();
    let (first, second) = (prompts.entry(0), prompts.entry(1));
    let body = json!({"max_tokens": 5, "model": "7b", "stop": "42", "temperature": 0.5});
    assert_eq!(first.body, *body.as_object().unwrap());
    assert!(matches!(&first.text, Text::Messages(said) if said.len() == 2));
    assert_eq!((second.output_tokens, second.body.len()), (Some(9), 0));
    let wrong =
        |table: &str| of_file("{csv: {file: f, column: text}}", table.as_bytes()).unwrap_err();
    let message = wrong("text,max_token\na,5\n");
    assert!(
        message.starts_with("f:1: unknown column `max_token`; did you mean `max_tokens`?"),
        "{message}"
    );
    assert!(wrong("text,max_tokens\na,5\nb,five\n").starts_with("f:3: `max_tokens` must be"));
    assert!(wrong("text,text\na,5\n").starts_with("f:1: two columns have the name `text`"));
}

#[test]
fn prompts_of_one_request_share_its_body() {
    let two = "{prompts_per_request: 2}";
    let message = |rows: [Value; 2]| self::rows(two, &rows).unwrap_err();
    let other = message([json!({"prompt": "a"}), json!({"prompt": "b", "seed": 1})]);
    assert!(
        other.starts_with("f:2: all prompts of one request share its body fields"),
        "{other}"
    );
    let kinds = message([json!({"prompt": "a"}), json!({"prompt": [1, 2]})]);
    assert!(
        kinds.starts_with("f:2: all prompts of one request have the same kind"),
        "{kinds}"
    );
}

#[test]
fn every_key_is_documented() {
    let text =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/scenario.md")).unwrap();
    let fields = FIELDS.iter().map(|(name, _)| *name);
    for key in fields.chain(KEYS).chain(IGNORED).chain(METADATA) {
        assert!(text.contains(&format!("`{key}`")), "{key}");
    }
    for api in [
        ApiEndpoint::Completions,
        ApiEndpoint::Chat,
        ApiEndpoint::Responses,
        ApiEndpoint::Embeddings,
    ] {
        assert!(of(api).any(|key| key == "model"), "{}", api.name());
    }
}
