//! Tests of recorded traces: the times and blocks of each format, and rows that contradict it.

use super::*;
use serde_json::{Value, json};

fn trace(keys: &str, bytes: &[u8]) -> Result<Prompts, String> {
    of_file(&format!("{{trace: {{file: f{keys}}}}}"), bytes)
}

fn lines(rows: &[Value]) -> String {
    rows.iter().map(|row| format!("{row}\n")).collect()
}

fn moon(timestamp: Value, input: u32, hashes: Value) -> Value {
    json!({"timestamp": timestamp, "input_length": input, "output_length": 4, "hash_ids": hashes})
}

fn bailian(timestamp: f64, input: u32, hashes: Value) -> Value {
    let mut row = moon(timestamp.into(), input, hashes);
    for (key, value) in [
        ("chat_id", json!(1)),
        ("parent_chat_id", json!(-1)),
        ("type", json!("text")),
        ("turn", json!(1)),
    ] {
        row[key] = value;
    }
    row
}

#[test]
fn bailian_s_times_are_seconds_and_its_blocks_have_sixteen_tokens() {
    let prompts = fixture("{trace: bailian.jsonl}");
    assert_eq!(prompts.times().unwrap(), [0, 2_050_000_000, 4_100_000_000]);
    let all = texts(&prompts);
    let words: Vec<Vec<&str>> = all.iter().map(|text| text.split(' ').collect()).collect();
    assert_eq!(words.iter().map(Vec::len).collect::<Vec<_>>(), [40, 52, 33]);
    let common = |a: &[&str], b: &[&str]| a.iter().zip(b).take_while(|(x, y)| x == y).count();
    assert_eq!(common(&words[0], &words[1]), 32, "two whole blocks");
    assert_eq!(common(&words[0], &words[2]), 0);
}

#[test]
fn burstgpt_s_failed_requests_are_left_out_and_counted() {
    for (file, count) in [("burstgpt.csv", 3), ("burstgpt-sessions.csv", 2)] {
        let prompts = fixture(&format!("{{trace: {file}}}"));
        assert_eq!(prompts.count(), Some(count), "{file}");
        assert_eq!(prompts.entry(0).input_tokens, Some(472));
        assert_eq!(prompts.entry(0).output_tokens, Some(18));
        assert_eq!(prompts.times().unwrap()[..2], [0, 40_000_000_000]);
        assert_eq!(
            prompts.notes,
            [format!(
                "1 of {} rows were left out: their requests failed when they were recorded (0 response tokens)",
                count + 1
            )]
        );
    }
}

#[test]
fn rows_that_contradict_their_format_are_reported_with_their_line() {
    let good = moon(json!(5), 600, json!([1, 2]));
    let cases = [
        (
            moon(json!(5.5), 600, json!([1, 2])),
            "`timestamp` is 5.5, but Mooncake's times are whole milliseconds; are these seconds",
        ),
        (
            moon(json!(4), 600, json!([1, 2])),
            "`timestamp` 4 is earlier than that of the previous row",
        ),
        (
            moon(json!(-4), 600, json!([1, 2])),
            "`timestamp` must be a number of at least 0, found -4",
        ),
        (
            moon(json!("5"), 600, json!([1, 2])),
            "`timestamp` must be a number of at least 0, found \"5\"",
        ),
        (
            moon(json!(6), 600, json!([1])),
            "found 1 `hash_ids` for an `input_length` of 600, but Mooncake's blocks of 512 tokens need 2",
        ),
        (
            moon(json!(6), 60, json!([1, 2, 3, 4])),
            "found 4 `hash_ids` for an `input_length` of 60, but Mooncake's blocks of 512 tokens need 1; blocks of 16 would fit",
        ),
        (
            moon(json!(6), 600, json!([])),
            "found 0 `hash_ids` for an `input_length` of 600",
        ),
        (
            moon(json!(6), 600, json!(["a1", "b2"])),
            "`hash_ids` must be a list of whole numbers of at least 0, found \"a1\"",
        ),
        (
            moon(json!(6), 600, json!([1, -2])),
            "`hash_ids` must be a list of whole numbers of at least 0, found -2",
        ),
        (
            moon(json!(6), 0, json!([])),
            "`input_length` must be a number of tokens of at least 1, found 0",
        ),
        (
            json!({"timestamp": 6, "input_length": 9, "output_length": 0}),
            "`output_length` must be a number of tokens of at least 1, found 0",
        ),
        (
            json!({"timestamp": 6, "input_length": 9.5, "output_length": 1}),
            "`input_length` must be a number of tokens of at least 1, found 9.5",
        ),
        (
            json!({"timestamp": 6, "input_lenght": 9, "output_length": 1}),
            "unknown key of Mooncake's format `input_lenght`; did you mean `input_length`?",
        ),
        (
            json!({"session_id": "s", "delay": 50, "input_length": 9, "output_length": 1}),
            "`delay` is the pause after the previous answer of the session",
        ),
        (
            bailian(6.0, 9, json!([1])),
            "`chat_id` is a key of Bailian's format in a row of Mooncake's",
        ),
        (
            moon(json!(1_700_000_000), 9, json!([1])),
            "`timestamp` 1700000000 looks like a time in s since 1970, but Mooncake's times are in ms",
        ),
        (json!([1]), "expected a row such as"),
    ];
    for (row, expected) in cases {
        let rows = lines(&[good.clone(), row]);
        let message = trace("", rows.as_bytes()).expect_err(expected);
        assert!(
            message.starts_with(&format!("f:2: {expected}")),
            "{expected}\n{message}"
        );
        let prompts = trace(", on_bad_row: skip", rows.as_bytes()).unwrap();
        assert_eq!(prompts.count(), Some(1));
        assert!(
            prompts.notes[0].starts_with("1 of 2 rows are invalid"),
            "{:?}",
            prompts.notes
        );
    }
    let none = trace(
        ", on_bad_row: skip",
        lines(&[moon(json!(0), 600, json!([1]))]).as_bytes(),
    );
    assert!(
        none.unwrap_err()
            .starts_with("f contains no prompt: 1 of 1 rows are invalid")
    );
    let cases = [
        (
            bailian(6.0, 60, json!([1])),
            "found 1 `hash_ids` for an `input_length` of 60, but Bailian's blocks of 16 tokens need 4; blocks of 512 would fit",
        ),
        (
            bailian(0.5, 16, json!([1])),
            "`timestamp` 0.5 is earlier than that of the previous row",
        ),
        (
            bailian(1.7e12, 16, json!([1])),
            "`timestamp` 1700000000000 looks like a time in ms since 1970",
        ),
    ];
    for (row, expected) in cases {
        let rows = lines(&[bailian(1.5, 16, json!([1])), row]);
        let message = trace("", rows.as_bytes()).expect_err(expected);
        assert!(
            message.starts_with(&format!("f:2: {expected}")),
            "{expected}\n{message}"
        );
    }
}

#[test]
fn a_bad_first_row_does_not_hide_the_format() {
    let rows = format!(
        "\"input_length\": 3}}\n\u{e9}\n{}",
        bailian(2.0, 9, json!([1]))
    );
    let prompts = trace(", on_bad_row: skip", rows.as_bytes()).unwrap();
    assert_eq!(prompts.entry(0).input_tokens, Some(9));
    assert!(prompts.notes[0].starts_with("2 of 3 rows are invalid"));
    assert!(
        trace("", rows.as_bytes())
            .unwrap_err()
            .starts_with("f:1: expected a row in")
    );
}

#[test]
fn a_replay_that_ends_before_its_file_gets_a_note() {
    let folder = tempfile::tempdir().unwrap();
    let rows: Vec<Value> = (0..5).map(|at| moon(json!(at), 9, json!([1]))).collect();
    std::fs::write(folder.path().join("f"), lines(&rows)).unwrap();
    let mut wanted = scenario("{trace: f}", "engine: {sim: {}}");
    let mut notes = |phase: &str, most| {
        wanted.load = serde_json::from_str(phase).unwrap();
        read(&wanted, folder.path(), None, most).unwrap().notes
    };
    let whole = r#"{"phases": [{"open": {"arrival": "trace"}}]}"#;
    assert!(notes(whole, 3)[0].starts_with("only the first 3 requests of the file were read"));
    assert!(notes(whole, 6).is_empty());
    let limited = r#"{"phases": [{"open": {"arrival": "trace", "requests": 3}}]}"#;
    assert!(notes(limited, 3).is_empty());
}

#[test]
fn a_format_can_be_named() {
    let seconds = lines(&[
        moon(json!(0.5), 40, json!([1, 2, 3])),
        moon(json!(2.25), 17, json!([1, 9])),
    ]);
    assert!(
        trace("", seconds.as_bytes())
            .unwrap_err()
            .contains("are these seconds")
    );
    let prompts = trace(", format: bailian", seconds.as_bytes()).unwrap();
    assert_eq!(prompts.times().unwrap(), [0, 1_750_000_000]);
    let small = lines(&[moon(json!(0), 100, json!([1, 2]))]);
    let prompts = trace(", block_tokens: 64", small.as_bytes()).unwrap();
    assert_eq!(
        prompts.entry(0).text,
        Text::Generated(
            [(1, 64), (2, 36)]
                .map(|(seed, tokens)| crate::plan::prompts::Segment { seed, tokens })
                .into()
        )
    );
    let named = trace(
        ", format: mooncake",
        lines(&[bailian(0.0, 9, json!([1]))]).as_bytes(),
    );
    assert!(
        named
            .unwrap_err()
            .starts_with("f:1: `chat_id` is a key of Bailian's format in a row of Mooncake's")
    );
    let list = trace(
        "",
        json!([moon(json!(0), 9, json!([1]))])
            .to_string()
            .as_bytes(),
    );
    assert_eq!(list.unwrap().count(), Some(1));
}

#[test]
fn tables_with_other_columns_or_figures_are_rejected() {
    let burst = "Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type\n5,ChatGPT,472,18,490,API log\n";
    let cases = [
        (
            burst.replace("490", "491"),
            "f:2: 472 request tokens and 18 response tokens do not add up to the 491 of `Total tokens`",
        ),
        (
            burst.replace("5,Chat", "-5,Chat"),
            "f:2: expected a time in seconds of at least 0, found -5",
        ),
        (
            burst.replace("472", "0").replace("490", "18"),
            "f:2: the length of a prompt must be a whole number from 1",
        ),
        (
            burst.replace("472", "-1"),
            "f:2: expected a number of tokens in `Request tokens`, found -1",
        ),
        (
            burst.replace("18,", "?,"),
            "f:2: expected a number of tokens in `Response tokens`, found ?",
        ),
        (
            burst.replace("Log Type", "Log Typ"),
            "f:1: unknown column `Log Typ`; did you mean `Log Type`?",
        ),
        (
            burst.replace("Response", "Reply"),
            "f:1: unknown column `Reply tokens`",
        ),
        (
            "TIMESTAMP,NumImages,ContextTokens,GeneratedTokens\n2024-10-15 00:00:02,1,9,9\n".into(),
            "f:1: unknown column `NumImages`",
        ),
        (
            "TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:17:03,9,0\n".into(),
            "f:2: the length of an answer must be a whole number from 1",
        ),
        (
            "TIMESTAMP,ContextTokens\n2023-11-16 18:17:03,9\n".into(),
            "f:1: the column `GeneratedTokens` does not exist",
        ),
    ];
    for (table, expected) in cases {
        let message = trace("", table.as_bytes()).expect_err(expected);
        assert!(message.starts_with(expected), "{expected}\n{message}");
    }
}

#[test]
fn requests_that_are_due_after_the_longest_phase_are_rejected_in_replays() {
    let folder = tempfile::tempdir().unwrap();
    let rows = "Timestamp,Request tokens,Response tokens\n5,9,9\n90006,9,9\n";
    std::fs::write(folder.path().join("f"), rows).unwrap();
    let with = |phase: &str| {
        let mut wanted = scenario("{trace: f}", "engine: {sim: {}}");
        let of = |phase: &str| {
            serde_json::from_value::<crate::scenario::model::Load>(
                serde_json::from_str(phase).unwrap(),
            )
        };
        wanted.load = of(phase).unwrap();
        read(&wanted, folder.path(), None, 100).map(|prompts| prompts.count())
    };
    let closed = r#"{"phases": [{"closed": {"concurrency": 1, "requests": 2}}]}"#;
    assert_eq!(with(closed), Ok(Some(2)), "times do not matter");
    let limited = r#"{"phases": [{"open": {"arrival": "trace", "duration": "1h"}}]}"#;
    assert_eq!(with(limited), Ok(Some(2)), "it is never due");
    let Error(message) = with(r#"{"phases": [{"open": {"arrival": "trace"}}]}"#).unwrap_err();
    assert!(
        message.contains("f:3: this request is due more than 24h after the first"),
        "{message}"
    );
}
