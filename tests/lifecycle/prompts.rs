//! Every source of prompts and every API, on the embedded engine: what was planned is what the server counts.

use crate::support::{Bench, Done, bench};
use serde_json::Value;

/// A scenario of these prompts and requests, ten of them, two at a time.
fn scenario(prompts: &str, request: &str) -> String {
    format!(
        "version: 1
name: prompts
model: {{id: m}}
engine: {{sim: {{args: {{max-model-len: 10000, prefill-tokens-per-s: 1000000}}}}}}
prompts: {prompts}
request: {{timeout: 20s, {request}}}
load: {{warmup: {{requests: 2}}, phases: [{{closed: {{concurrency: 2, requests: 10}}}}]}}
ready: {{timeout: 60s}}
verify: {{every_response: [{{status: 200}}], gates: [error_rate == 0]}}
"
    )
}

/// Runs it. On a busy machine so short a measurement may not be trusted; every answer must be good all the same.
fn served(bench: Bench, scenario: &str) -> Done {
    let done = bench.file("s.yaml", scenario).run().leaves_nothing(5);
    assert!(
        [0, 4].contains(&done.code),
        "exit code {}\n{}\n{}",
        done.code,
        done.stdout,
        done.stderr
    );
    done
}

/// Prompt and output tokens of the measured requests, by index.
fn tokens(done: &Done) -> Vec<(Option<u64>, Option<u64>)> {
    let mut rows: Vec<Value> = done.samples();
    rows.retain(|row| row["phase"] == 1);
    rows.sort_by_key(|row| row["index"].as_u64());
    let of = |row: &Value| (row["prompt_tokens"].as_u64(), row["output_tokens"].as_u64());
    rows.iter().map(of).collect()
}

const SYNTHETIC: &str =
    "{synthetic: {input_tokens: 40, output_tokens: 6, shared_prefix_tokens: 16, groups: 2}}";

#[test]
fn drawn_prompts_have_their_length_on_every_api() {
    for request in [
        "endpoint: completions",
        "endpoint: completions, stream: false",
        "endpoint: chat",
        "endpoint: chat, stream: false",
        "endpoint: responses",
        "endpoint: responses, stream: false",
    ] {
        let done = served(bench("run"), &scenario(SYNTHETIC, request));
        assert_eq!(tokens(&done), [(Some(40), Some(6)); 10], "{request}");
        let metrics = &done.run()["variants"][0]["phases"][1]["metrics"];
        assert_eq!(
            metrics["ttft_ms"].is_object(),
            !request.contains("false"),
            "{request}"
        );
    }
}

#[test]
fn embeddings_count_what_they_read() {
    let prompts = "{synthetic: {input_tokens: 40}}";
    let request = "endpoint: embeddings, prompts_per_request: 3";
    let rule = "{at: 'data[2].embedding', type: array}, {at: 'data[3]', absent: true}";
    let text = scenario(prompts, request)
        .replace("[{status: 200}]", &format!("[{{status: 200}}, {rule}]"));
    let done = served(bench("run"), &text);
    assert!(tokens(&done).iter().all(|(input, _)| *input == Some(120)));
}

#[test]
fn a_trace_is_asked_as_it_was_recorded() {
    let rows =
        "{\"timestamp\": 0, \"input_length\": 700, \"output_length\": 3, \"hash_ids\": [1, 2]}
{\"timestamp\": 9, \"input_length\": 600, \"output_length\": 5, \"hash_ids\": [1, 3]}
";
    let bench = bench("run").beside("trace.jsonl", rows);
    let done = served(
        bench,
        &scenario("{trace: trace.jsonl}", "endpoint: completions"),
    );
    let expected = [(Some(700), Some(3)), (Some(600), Some(5))];
    assert_eq!(tokens(&done), expected.repeat(5));
    let list = std::fs::read_to_string(done.dir().join("requests.jsonl")).unwrap();
    let list: Vec<Value> = list
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(list.len(), 2);
    assert_eq!(
        list[1]["at"],
        serde_json::json!({"secs": 0, "nanos": 9_000_000})
    );
    assert_eq!(
        list[1]["text"]["drawn"][0],
        serde_json::json!({"seed": 1, "tokens": 512})
    );
}

#[test]
fn files_of_every_kind_are_read() {
    for (prompts, file, text) in [
        ("{file: p}", "p", "\"one two\"\n"),
        ("{csv: {file: p, column: b}}", "p", "id,b\nx,one two\n"),
        (
            "{sharegpt: p}",
            "p",
            "[{\"conversations\": [{\"from\": \"human\", \"value\": \"one two\"}]}]",
        ),
    ] {
        let bench = bench("run").beside(file, text);
        let done = served(bench, &scenario(prompts, "output_tokens: 4"));
        assert_eq!(tokens(&done), [(Some(2), Some(4)); 10], "{prompts}");
    }
}

#[test]
fn a_wrong_file_ends_it_before_anything_starts() {
    bench("run")
        .beside("p", "rubbish")
        .file("s.yaml", &scenario("{file: p}", ""))
        .run()
        .code(2)
        .says("p:1: expected a line such as {\"prompt\": \"...\"}")
        .leaves_nothing(1);
}

#[test]
fn the_same_seed_plans_the_same_requests() {
    let hash = |seed: u32| {
        let prompts =
            format!("{{synthetic: {{input_tokens: {{mean: 60, stddev: 9}}, seed: {seed}}}}}");
        let done = bench("plan")
            .file("s.yaml", &scenario(&prompts, ""))
            .arg("--format")
            .arg("json")
            .run()
            .code(0);
        let plan: Value = serde_json::from_str(&done.stdout).unwrap();
        plan["variants"][0]["requests"]["sha256"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    assert_eq!(hash(1), hash(1));
    assert_ne!(hash(1), hash(2));
}

#[test]
fn a_lost_delta_of_a_response_is_noticed() {
    let text = scenario(SYNTHETIC, "endpoint: responses")
        .replace("max-model-len: 10000", "drop-token-every: 5");
    bench("run")
        .file("s.yaml", &text)
        .run()
        .code_when_quiet(1)
        .says("broken stream");
}

#[test]
fn conversations_carry_the_answers_forward() {
    let prompts =
        "{conversations: {turns: 3, input_tokens: 10, output_tokens: 5, think_time: 5ms}}";
    let done = served(bench("run"), &scenario(prompts, "endpoint: chat"));
    let mut rows: Vec<Value> = done.samples();
    rows.retain(|row| row["phase"] == 1);
    let mut turns: Vec<(u64, u64, u64)> = rows
        .iter()
        .map(|row| {
            ["conversation", "turn", "prompt_tokens"]
                .map(|key| row[key].as_u64().unwrap())
                .into()
        })
        .collect();
    turns.sort_unstable();
    assert_eq!(turns.len(), 10);
    for pair in turns.windows(2) {
        assert!(
            pair[0].0 < pair[1].0 || pair[0].1 + 1 == pair[1].1,
            "{turns:?}"
        );
    }
    // Two users at a time talk three turns each; the embedded engine puts two words before what each side says.
    for (conversation, turn, tokens) in turns {
        assert!(conversation < 5);
        assert_eq!(tokens, (turn + 1) * 12 + turn * 7);
    }
}

#[test]
fn a_server_that_counts_otherwise_is_noticed() {
    let text = scenario(SYNTHETIC, "endpoint: completions")
        .replace("max-model-len: 10000", "wrong-usage: null");
    let done = served(bench("run"), &text);
    let findings = done.run()["quality"]["findings"].to_string();
    assert!(
        findings.contains("other tokens than were planned: default/closed for 10 of 10 requests"),
        "{findings}"
    );
}

#[test]
fn a_trace_is_replayed_at_its_own_times() {
    let row =
        |ms: u32| format!("{{\"timestamp\": {ms}, \"input_length\": 20, \"output_length\": 2}}\n");
    let rows: String = [5_000, 5_040, 5_040, 5_300].map(row).concat();
    let text = scenario("{trace: trace.jsonl}", "").replace(
        "closed: {concurrency: 2, requests: 10}",
        "open: {arrival: trace}",
    );
    let done = served(bench("run").beside("trace.jsonl", &rows), &text);
    let mut due: Vec<u64> = done
        .samples()
        .iter()
        .filter(|row| row["phase"] == 1)
        .map(|row| row["due_ns"].as_u64().unwrap())
        .collect();
    due.sort_unstable();
    let since: Vec<u64> = due.iter().map(|at| (at - due[0]) / 1_000_000).collect();
    assert_eq!(since, [0, 40, 40, 300]);
}

#[test]
fn rows_ask_for_what_they_say() {
    let rows = r#"{"prompt": "one two three", "max_tokens": 3, "id": 1}
{"prompt": [5, 6, 7, 8], "body": {"max_tokens": 5}}
"#;
    let bench = bench("run").beside("p.jsonl", rows);
    let done = served(
        bench,
        &scenario(
            "{file: p.jsonl}",
            "params: {ignore_eos: true, max_tokens: 9}",
        ),
    );
    let expected = [(Some(3), Some(3)), (Some(4), Some(5))];
    assert_eq!(tokens(&done), expected.repeat(5));
    let list = std::fs::read_to_string(done.dir().join("requests.jsonl")).unwrap();
    assert_eq!(
        list,
        "{\"text\":{\"written\":\"one two three\"},\"body\":{\"max_tokens\":3}}\n{\"text\":{\"tokens\":[5,6,7,8]},\"body\":{\"max_tokens\":5}}\n"
    );
}

#[test]
fn chats_are_sent_with_their_system_message() {
    let rows = r#"{"messages": [{"role": "system", "content": "Be terse."}, {"role": "user", "content": "one two"}], "max_tokens": 3}
{"custom_id": "a", "method": "POST", "url": "/v1/chat/completions", "body": {"model": "m", "messages": [{"role": "user", "content": "one two three"}], "max_tokens": 4}}
"#;
    let bench = bench("run").beside("p.jsonl", rows);
    let request = "endpoint: chat, params: {ignore_eos: true}";
    let done = served(bench, &scenario("{file: p.jsonl}", request));
    // The embedded engine counts words and punctuation, with `system:` or `user:` before each message.
    let counted = tokens(&done);
    assert_eq!(counted[..2], [(Some(9), Some(3)), (Some(5), Some(4))]);
}

#[test]
fn a_conversation_carries_its_system_message_on() {
    let file = r#"[{"conversations": [{"from": "system", "value": "Be very terse."}, {"from": "human", "value": "one"}, {"from": "gpt", "value": "x"}, {"from": "human", "value": "two"}]}]"#;
    let of = |file: &str| {
        let bench = bench("run").beside("p.json", file);
        let prompts = "{conversations: {sharegpt: p.json, turns: 2, output_tokens: 4}}";
        let done = served(bench, &scenario(prompts, "endpoint: chat"));
        let mut counted = tokens(&done);
        counted.sort_unstable();
        (counted[0].0.unwrap(), counted[9].0.unwrap())
    };
    let (first, second) = of(file);
    let (bare, later) = of(&file.replace(
        "system\", \"value\": \"Be very terse.",
        "system\", \"value\": \"",
    ));
    assert!(
        first > bare && first - bare == second - later,
        "{first} {second} {bare} {later}"
    );
}

#[test]
fn skipped_rows_are_told_in_the_plan_and_the_record() {
    let rows = "\"one two\"\n{\"prompt\": \"x\", \"max_token\": 3}\n";
    let note = "1 of 2 rows are invalid and were skipped: ";
    let text = scenario(
        "{file: {file: p.jsonl, on_bad_row: skip}}",
        "output_tokens: 4",
    );
    let plan = bench("plan")
        .beside("p.jsonl", rows)
        .file("s.yaml", &text)
        .run()
        .code(0);
    assert!(plan.stdout.contains(note), "{}", plan.stdout);
    assert!(
        plan.stdout.contains("p.jsonl:2: unknown key `max_token`"),
        "{}",
        plan.stdout
    );
    let done = served(bench("run").beside("p.jsonl", rows), &text);
    let findings = done.run()["quality"]["findings"].to_string();
    assert!(findings.contains(&format!("note: {note}")), "{findings}");
    bench("run")
        .beside("p.jsonl", rows)
        .file("s.yaml", &text.replace("skip", "error"))
        .run()
        .code(2)
        .says("p.jsonl:2: unknown key `max_token`; did you mean `max_tokens`?")
        .leaves_nothing(1);
}

#[test]
fn bailian_s_trace_is_replayed_in_seconds() {
    let row = |at: f64| {
        format!(
            "{{\"chat_id\": 1, \"parent_chat_id\": -1, \"timestamp\": {at}, \"input_length\": 20, \"output_length\": 2, \"type\": \"text\", \"turn\": 1, \"hash_ids\": [1, 2]}}\n"
        )
    };
    let rows: String = [0.0, 0.25, 0.5].map(row).concat();
    let text = scenario("{trace: trace.jsonl}", "").replace(
        "closed: {concurrency: 2, requests: 10}",
        "open: {arrival: trace}",
    );
    let done = served(bench("run").beside("trace.jsonl", &rows), &text);
    let samples = done.samples();
    let measured = samples.iter().filter(|row| row["phase"] == 1);
    let mut due: Vec<u64> = measured
        .map(|row| row["due_ns"].as_u64().unwrap())
        .collect();
    due.sort_unstable();
    let since: Vec<u64> = due.iter().map(|at| (at - due[0]) / 1_000_000).collect();
    assert_eq!(since, [0, 250, 500]);
}
