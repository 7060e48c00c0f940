//! Tests of every source of prompts, and of mistakes in files. The fixtures have the published formats: the first
//! rows of Mooncake's trace as its README shows them, Azure's of 2023 and 2024, and ShareGPT's keys around words of our
//! own.

mod rows;
mod sharegpt;
mod traces;

use super::*;
use crate::plan::prompts::{Salt, Text};
use std::io::Write as _;
use std::time::Duration;

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/prompts/fixtures");

fn scenario(prompts: &str, more: &str) -> Scenario {
    let text = format!(
        "version: 1\nname: x\nmodel: {{id: m}}\nprompts: {prompts}\nload: {{phases: [{{closed: {{concurrency: 1, requests: 1}}}}]}}\n{more}"
    );
    let input = crate::scenario::Input {
        file: ("x.yaml".into(), text),
        overlays: Vec::new(),
        sets: Vec::new(),
    };
    crate::scenario::load(&input, &|_| None)
        .unwrap_or_else(|e| panic!("{e}"))
        .scenario
}

const WIDE: &str = "engine: {sim: {args: {max-model-len: 10000}}}";

fn read_from(base: &Path, prompts: &str, more: &str) -> Result<Prompts, String> {
    read(&scenario(prompts, more), base, None, 100).map_err(|error| error.to_string())
}

/// The prompts of a file with these bytes, or the mistake without the path of the file's directory.
fn of_file(kind: &str, bytes: &[u8]) -> Result<Prompts, String> {
    read_with_request(kind, "{endpoint: completions}", bytes)
}

/// Like [`of_file`], with settings of `request`.
fn read_with_request(kind: &str, request: &str, bytes: &[u8]) -> Result<Prompts, String> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::File::create(folder.path().join("f"))
        .unwrap()
        .write_all(bytes)
        .unwrap();
    let shown = format!("{}/", folder.path().display());
    let more = format!("engine: {{sim: {{}}}}\nrequest: {request}");
    read_from(folder.path(), kind, &more).map_err(|error| error.replace(&shown, ""))
}

fn texts(prompts: &Prompts) -> Vec<String> {
    let Source::Listed(entries) = &prompts.source else {
        panic!()
    };
    entries
        .iter()
        .map(|entry| prompts.text(entry, Salt(0)).into_owned())
        .collect()
}

fn fixture(prompts: &str) -> Prompts {
    read_from(Path::new(FIXTURES), prompts, WIDE).unwrap()
}

#[test]
fn a_jsonl_line_can_set_a_length_and_a_time() {
    let lines = "\u{feff}\"one\"\r\n\n{\"prompt\": \"two\", \"output_tokens\": 5, \"at\": 1.5}\n";
    let prompts = of_file("{file: f}", lines.as_bytes()).unwrap();
    assert_eq!(texts(&prompts), ["one", "two"]);
    let second = prompts.entry(1);
    assert_eq!(
        (second.output_tokens, second.at),
        (Some(5), Some(Duration::from_millis(1500)))
    );
}

#[test]
fn a_csv_column_keeps_its_quotes_and_line_breaks() {
    let table = "id,\"text\"\n1,plain\n2,\"with \"\"quotes\"\", commas\nand lines\"\n";
    let prompts = of_file("{csv: {file: f, column: text}}", table.as_bytes()).unwrap();
    assert_eq!(
        texts(&prompts),
        ["plain", "with \"quotes\", commas\nand lines"]
    );
}

#[test]
fn sharegpt_gives_the_messages_of_humans() {
    let prompts = fixture("{sharegpt: sharegpt.json}");
    assert_eq!(
        texts(&prompts),
        [
            "Summarize the main ideas of a book on running",
            "Yes, let us begin with the first point"
        ]
    );
    let prompts = read_from(
        Path::new(FIXTURES),
        "{conversations: {sharegpt: sharegpt.json, turns: 2}}",
        &format!("{WIDE}\nrequest: {{endpoint: chat}}"),
    );
    let Source::Conversations(spec) = prompts.unwrap().source else {
        panic!()
    };
    assert_eq!((spec.turns(0), spec.turns(1), spec.turns(2)), (2, 1, 2));
    assert_eq!(
        spec.turn(2, 1).text,
        Text::Written("Shorter, please".into())
    );
    let lines = "{\"conversations\": [{\"role\": \"user\", \"content\": \"a\"}]}\n{\"messages\": [{\"role\": \"user\", \"content\": \"b\"}]}";
    assert_eq!(
        texts(&of_file("{sharegpt: f}", lines.as_bytes()).unwrap()),
        ["a", "b"]
    );
}

#[test]
fn files_are_read_no_further_than_needed() {
    // The rest of the file is invalid, and must not be read.
    let list = r#"[{"conversations": [{"from": "human", "value": "a"}]}, rubbish"#;
    let one = scenario("{sharegpt: f}", "engine: {sim: {}}");
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("f"), list).unwrap();
    let prompts = read(&one, folder.path(), None, 1).unwrap();
    assert_eq!(texts(&prompts), ["a"]);
    let lines = scenario("{file: f}", "engine: {sim: {}}");
    std::fs::write(folder.path().join("f"), "\"a\"\n\"b\"\nrubbish").unwrap();
    assert_eq!(
        texts(&read(&lines, folder.path(), None, 2).unwrap()),
        ["a", "b"]
    );
}

#[test]
fn mooncake_s_blocks_become_shared_prefixes() {
    let prompts = fixture("{trace: mooncake.jsonl}");
    let texts = texts(&prompts);
    let words: Vec<Vec<&str>> = texts.iter().map(|text| text.split(' ').collect()).collect();
    let lengths: Vec<usize> = words.iter().map(Vec::len).collect();
    assert_eq!(lengths, [6755, 7319, 7234, 2287]);
    let common = |a: &[&str], b: &[&str]| a.iter().zip(b).take_while(|(x, y)| x == y).count();
    assert_eq!(common(&words[0], &words[3]), 512, "they share the block 0");
    assert_eq!(
        prompts.times().unwrap(),
        [0, 0, 3_052_000_000, 3_052_000_000]
    );
    assert_eq!(prompts.entry(3).output_tokens, Some(316));
}

#[test]
fn azure_s_rows_are_due_at_their_recorded_times() {
    let prompts = fixture("{trace: azure-2023.csv}");
    let times = prompts.times().unwrap();
    for (time, expected) in times.iter().zip([0, 51_996_900, 98_189_000]) {
        assert!(time.abs_diff(expected) < 1_000, "{times:?}");
    }
    assert_eq!(prompts.entry(2).input_tokens, Some(110));
    let times = fixture("{trace: azure-2024.csv}").times().unwrap();
    assert!(
        times[0] == 0 && times[1].abs_diff(7_405_000) < 1_000,
        "{times:?}"
    );
}

#[test]
fn tokens_that_the_server_adds_are_part_of_the_length() {
    let chat = format!("{WIDE}\nrequest: {{endpoint: chat}}");
    let prompts = read_from(Path::new("."), "{synthetic: {input_tokens: 9}}", &chat).unwrap();
    let entry = prompts.entry(0);
    assert_eq!(entry.input_tokens, Some(9));
    assert_eq!(prompts.text(&entry, Salt(0)).split(' ').count(), 7);
    let short = read_from(Path::new("."), "{synthetic: {input_tokens: 2}}", &chat);
    assert!(short.unwrap_err().contains("leave no room for text"));
}

#[test]
fn every_invalid_file_is_reported_with_its_location() {
    let huge = format!("\"{}\"", "x".repeat(MAX_ROW_BYTES));
    let csv = "{csv: {file: f, column: text}}";
    let unclosed = [
        &b"id,text\n1,\"a\n"[..],
        &b"2,b\n".repeat(MAX_ROW_BYTES / 4),
    ]
    .concat();
    let cases: [(&str, &[u8], &str); 25] = [
        ("{file: f}", b"", "f contains no prompt"),
        ("{file: f}", b"\n \n", "f contains no prompt"),
        (
            "{file: f}",
            b"\"a\"\n{\"text\": 1}\n",
            "f:2: expected a line such as",
        ),
        ("{file: f}", b"plain text", "f:1: expected a line such as"),
        ("{file: f}", b"\"a\"\n\"\"", "f:2: this prompt is empty"),
        ("{file: f}", b"\"a\"\n\"\xe9\"", "f:2: byte 2 is not UTF-8"),
        (
            "{file: f}",
            huge.as_bytes(),
            "f:1: this line is longer than 16 MiB",
        ),
        (
            "{file: f}",
            b"{\"prompt\": \"a\", \"output_tokens\": 0}",
            "f:1: `output_tokens`",
        ),
        ("{file: f}", b"{\"prompt\": \"a\", \"at\": -1}", "f:1: `at`"),
        (
            "{file: f}",
            b"{\"prompt\": \"a\", \"output_tokens\": 10000001}",
            "f:1: `output_tokens` must be a whole number from 1 to 10000000, found 10000001",
        ),
        (
            "{file: f}",
            b"{\"prompt\": \"a\", \"output_tokens\": 5000}",
            "f:1: 1 tokens and 5000 tokens of the answer exceed the model's context of 4096",
        ),
        (
            "{file: f}",
            b"{\"prompt\": \"\x1b[31m\"",
            "f:1: expected a line such as {\"prompt\": \"...\"} or \"...\", found {\"prompt\": \"\\u{1b}[31m\": control character",
        ),
        (csv, b"", "f contains no prompt"),
        (
            "{trace: f}",
            b"{\"timestamp\": 0, \"input_length\": 4294967295, \"output_length\": 1}\n",
            "f:1: the length of a prompt must be a whole number from 1 to 10000000, found 4294967295",
        ),
        ("{sharegpt: f}", b"\xef\xbb\xbf ", "f contains no prompt"),
        (
            csv,
            b"id,prompt\n1,a\n",
            "f:1: the column `text` does not exist; the columns are id, prompt",
        ),
        (
            csv,
            b"id,text\n1\n",
            "f:2: this row has 1 cells, but the header has 2",
        ),
        (csv, b"id,text\n1,\xe9\n", "f:2: this row is not UTF-8"),
        (csv, b"id,text\n", "f contains no prompt"),
        (
            csv,
            &unclosed,
            "f:2: this row is longer than 16 MiB; is a quote missing?",
        ),
        (
            "{sharegpt: f}",
            b"[\n{\"conversations\": 1}]",
            "f:2 (row 1): expected conversations such as",
        ),
        ("{sharegpt: f}", b"", "f contains no prompt"),
        (
            "{trace: f}",
            b"when,what\n1,2\n",
            "f:1: expected a row in Mooncake's or Bailian's",
        ),
        (
            "{trace: f}",
            b"{\"timestamp\": 0}\n",
            "f:1: missing field `input_length`",
        ),
        (
            "{trace: f}",
            b"TIMESTAMP,ContextTokens,GeneratedTokens\nyesterday,1,1\n",
            "f:2: expected a time such as",
        ),
    ];
    for (kind, bytes, expected) in cases {
        let message = of_file(kind, bytes).expect_err(expected);
        assert!(message.starts_with(expected), "{expected}\n{message}");
    }
    let missing = read_from(Path::new("/nowhere"), "{trace: t.jsonl}", WIDE).unwrap_err();
    assert!(
        missing.contains("/nowhere/t.jsonl: No such file"),
        "{missing}"
    );
    let folder = read_from(Path::new("/"), "{file: tmp}", WIDE).unwrap_err();
    assert!(folder.contains("it is a directory"), "{folder}");
    let device = read_from(Path::new("/dev"), "{file: 'null'}", WIDE).unwrap_err();
    assert!(device.contains("it is a pipe or a device"), "{device}");
}

#[test]
fn times_are_sorted_and_start_with_the_first() {
    let lines = [5.2, 5.0, 5.1].map(|at| format!("{{\"prompt\": \"{at}\", \"at\": {at}}}\n"));
    let prompts = of_file("{file: f}", lines.concat().as_bytes()).unwrap();
    assert_eq!(texts(&prompts), ["5", "5.1", "5.2"]);
    assert_eq!(prompts.times(), Some(vec![0, 100_000_000, 200_000_000]));
}

#[test]
fn all_prompts_of_one_request_have_the_same_length_of_answers() {
    let folder = tempfile::tempdir().unwrap();
    let line = |tokens: u32| format!("{{\"prompt\": \"a\", \"output_tokens\": {tokens}}}\n");
    let two = "engine: {sim: {}}\nrequest: {prompts_per_request: 2}";
    let read = |lines: String| {
        std::fs::write(folder.path().join("f"), lines).unwrap();
        read_from(folder.path(), "{file: f}", two)
    };
    assert!(read(line(3) + &line(3)).is_ok());
    let message = read(line(3) + &line(5)).unwrap_err();
    assert!(
        message.contains("f:2: all prompts of one request"),
        "{message}"
    );
}

#[test]
fn a_prefix_leaves_room_for_tokens_that_the_server_adds() {
    let of = |prompts: &str| {
        let chat = "engine: {sim: {}}\nrequest: {endpoint: chat}";
        read_from(Path::new("."), prompts, chat).map(drop)
    };
    assert_eq!(
        of("{synthetic: {input_tokens: 12, shared_prefix_tokens: 9}}"),
        Ok(())
    );
    let prefix = of("{synthetic: {input_tokens: 12, shared_prefix_tokens: 10}}").unwrap_err();
    assert!(prefix.contains("make it shorter than 10"), "{prefix}");
    let short = of("{synthetic: {input_tokens: {min: 2, max: 40}}}").unwrap_err();
    assert!(short.contains("2 tokens leave no room for text"), "{short}");
}

#[test]
fn a_prompt_beyond_the_context_is_reported_before_anything_starts() {
    let narrow = "engine: {sim: {args: {max-model-len: 5000}}}";
    let fixtures = Path::new(FIXTURES);
    let message = read_from(fixtures, "{trace: mooncake.jsonl}", narrow).unwrap_err();
    let expected = "mooncake.jsonl:1: 6755 tokens and 500 tokens of the answer exceed the model's context of 5000";
    assert!(message.contains(expected), "{message}");
    let drawn = "{synthetic: {input_tokens: {mean: 4000, stddev: 400}, output_tokens: 10}}";
    let message = read_from(fixtures, drawn, narrow);
    assert!(
        message.is_ok(),
        "100 draws stay below 2.5 deviations: {message:?}"
    );
    let message = read_from(
        fixtures,
        "{synthetic: {input_tokens: 4995, output_tokens: 10}}",
        narrow,
    )
    .unwrap_err();
    assert!(
        message.starts_with("prompt 0 of prompts.synthetic: 4995 tokens"),
        "{message}"
    );
}

#[test]
fn exact_lengths_need_a_tokenizer() {
    let external = "engine: {external: {url: 'http://127.0.0.1:1'}}";
    let message = read_from(
        Path::new("/nowhere"),
        "{synthetic: {input_tokens: 9}}",
        external,
    )
    .unwrap_err();
    assert!(message.contains("tokenizer"), "{message}");
    let written = "{conversations: {turns: 2, sharegpt: sharegpt.json}}";
    let chat = format!("{external}\nrequest: {{endpoint: chat}}");
    let written = read_from(Path::new(FIXTURES), written, &chat);
    assert!(
        written.is_ok(),
        "written conversations need no tokenizer: {written:?}"
    );
}
