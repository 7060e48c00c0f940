//! Records against each other, and over time.

use super::scenario;
use crate::support::{Done, bench};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Output;

/// Two variants over four rounds, the second three times as slow.
fn measured() -> Done {
    let load = "load: {phases: [{closed: {concurrency: 2, requests: 20}}]}
verify: {every_response: [{status: 200}]}
compare: {baseline: a, rounds: {min: 4}, equivalence: {tpot: 5%}}";
    let variants = "variants: {a: {engine: {sim: {args: {step: 10ms}}}}, b: {engine: {sim: {args: {step: 30ms}}}}}";
    bench("run")
        .file(
            "run.yaml",
            &scenario("", load).replace("engine: {sim: {}}", variants),
        )
        .run()
        .says("comparison over")
        .leaves_nothing(5)
}

/// The record once more under `name`, otherwise.
fn other(done: &Done, name: &str, change: impl FnOnce(&mut Value)) -> PathBuf {
    let dir = done.dir().parent().unwrap().join(name);
    std::fs::create_dir(&dir).unwrap();
    let mut run = done.run();
    run["run_id"] = json!(name);
    run["quality"] = json!({"verdict": "good", "findings": []});
    run["verdict"] = json!("pass");
    change(&mut run);
    std::fs::write(dir.join("run.json"), run.to_string()).unwrap();
    for file in ["samples.jsonl", "server.jsonl", "events.jsonl"] {
        std::fs::copy(done.dir().join(file), dir.join(file)).unwrap();
    }
    dir
}

fn said(output: &Output, code: i32) -> String {
    let text = [&output.stdout[..], &output.stderr[..]].concat();
    let text = String::from_utf8(text).unwrap();
    assert_eq!(output.status.code(), Some(code), "{text}");
    text
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn a_record_is_held_against_another_and_against_a_kept_one() {
    let done = measured();
    let good = other(&done, "good", |_| {});
    let compare = |more: &[&str]| done.then(&[&["compare", text(&good)], more].concat());
    let slower = compare(&[text(&good), "--against", "a", "--variant", "b"]);
    assert!(said(&slower, 5).contains("b is worse than a: tpot_ms.p50 of closed"));
    let same = said(
        &compare(&[text(&good), "--variant", "a", "--format", "json"]),
        0,
    );
    let same: Value = serde_json::from_str(&same).unwrap();
    assert_eq!(same["variants"][0]["name"], "baseline");
    assert!(same["decompositions"][0]["splits"].is_array());

    assert!(said(&compare(&[]), 2).contains("name two, or `--baseline NAME`"));
    assert!(
        said(&compare(&[text(&good)]), 2)
            .contains("several variants: a, b; say which with `--variant NAME`")
    );
    let kept = good.parent().unwrap().join("baselines");
    let kept = ["--baselines", text(&kept)];
    assert!(
        said(&compare(&[&["--baseline", "main"], &kept[..]].concat()), 2)
            .contains("no baseline `main`")
    );
    assert!(
        said(&compare(&[&["--keep", "../main"], &kept[..]].concat()), 2)
            .contains("not a valid name for a baseline")
    );
    for _ in 0..2 {
        said(&compare(&[&["--keep", "main"], &kept[..]].concat()), 0);
    }
    let held = compare(&[&["--baseline", "main", "--variant", "a"], &kept[..]].concat());
    assert!(said(&held, 0).contains("/ main"));
}

/// A tokenizer of one token a letter.
const LETTERS: &str = r#"{"version": "1.0", "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": false},
"model": {"type": "BPE", "merges": [], "vocab": {"Ġ": 0, "a": 1, "b": 2, "c": 3, "d": 4, "e": 5, "f": 6, "g": 7, "h": 8, "i": 9, "j": 10,
"k": 11, "l": 12, "m": 13, "n": 14, "o": 15, "p": 16, "q": 17, "r": 18, "s": 19, "t": 20, "u": 21, "v": 22, "w": 23, "x": 24, "y": 25, "z": 26}}}"#;

#[test]
fn answers_that_differ_are_shown_by_token_where_the_tokenizer_is_at_hand() {
    let load = "load: {phases: [{closed: {concurrency: 2, requests: 4}}]}
verify: {every_response: [{status: 200}]}
compare: {baseline: a, same_text: true}";
    let variants =
        "variants: {a: {engine: {sim: {}}}, b: {engine: {sim: {args: {drop-token-every: 1}}}}}";
    let text = scenario("", load).replace("engine: {sim: {}}", variants);
    let said = |text: &str, folder: &str, unit: &str| {
        let done = bench("run")
            .beside_folder(folder, "tokenizer.json", LETTERS)
            .file("run.yaml", text)
            .run()
            .code(1)
            .says("answers that differ: b compared with a, around the first difference")
            .leaves_nothing(5);
        let run = done.run();
        assert_eq!(run["same_text"][0]["unit"], unit);
        assert_eq!(run["same_text"][0]["identical"], 0);
        run["same_text"][0]["examples"][0]["agree"]
            .as_u64()
            .unwrap()
    };
    let words = said(&text, "elsewhere", "word");
    if cfg!(feature = "tokenizers") {
        let named = text.replace("{id: m}", "{id: m, tokenizer: ./letters}");
        assert!(named != text);
        assert!(said(&named, "letters", "token") > words);
    }
}

#[test]
fn what_is_not_comparable_is_refused_unless_forced() {
    let done = measured();
    let good = other(&done, "good", |_| {});
    let elsewhere = other(&done, "elsewhere", |run| {
        run["machine"]["gpus"] = json!(["T4"])
    });
    let arguments = ["compare", text(&good), text(&elsewhere), "--variant", "a"];
    assert!(said(&done.then(&arguments), 4).contains("other GPUs: none, now T4"));
    let kept = good.parent().unwrap().join("kept");
    let forced = done.then(&[&arguments[..], &["--force", "--out", text(&kept)]].concat());
    assert!(said(&forced, 0).contains("compared all the same: other GPUs"));
    let record = std::fs::read_to_string(kept.join("latest/run.json")).unwrap();
    let record: Value = serde_json::from_str(&record).unwrap();
    assert_eq!(record["scenario"]["resolved"]["compared"]["forced"], true);
    let untrusted = other(&done, "untrusted", |run| {
        run["quality"]["verdict"] = json!("invalid")
    });
    said(
        &done.then(&["compare", text(&good), text(&untrusted), "--variant", "a"]),
        4,
    );
    said(&done.then(&["compare", text(&untrusted), "--keep", "x"]), 4);
}

#[test]
fn the_run_that_began_a_shift_is_named() {
    let done = measured();
    for k in 0..16 {
        other(&done, &format!("run-{k:02}"), |run| {
            run["started"] = json!(format!("2026-01-{:02}T00:00:00Z", k + 1));
            let slower = if k < 9 { 1.0 } else { 1.25 };
            let noise = 1.0 + f64::from(k * 7 % 5) / 500.0;
            run["variants"][0]["phases"][0]["metrics"]["ttft_ms"]["p50"] =
                json!(20.0 * slower * noise);
        });
    }
    // The run that these were made of has figures of its own.
    let own = std::fs::canonicalize(done.dir()).unwrap();
    let dir = own.parent().unwrap().to_owned();
    std::fs::remove_dir_all(own).unwrap();
    let trend =
        |more: &[&str]| done.then(&[&["trend", text(&dir), "--metric", "ttft"], more].concat());
    let found = said(&trend(&[]), 5);
    assert!(
        found.contains("(worse) since run-09 of 2026-01-10"),
        "{found}"
    );
    assert!(found.contains("after run-08"), "{found}");
    said(&trend(&["--margin", "60%"]), 0);
    let series: Value = serde_json::from_str(&said(&trend(&["--format", "json"]), 5)).unwrap();
    let shifted = series
        .as_array()
        .unwrap()
        .iter()
        .find(|s| s["variant"] == "a")
        .unwrap();
    assert_eq!(shifted["shifts"][0]["run"], "run-09");
    assert!(said(&trend(&["--metric", "tttft"]), 2).contains("tttft"));
    said(&done.then(&["trend", "/nowhere"]), 2);
}

#[test]
fn a_margin_finer_than_the_noise_floor_is_refused_with_the_number() {
    let load = "load: {phases: [{closed: {concurrency: 2, requests: 20}}]}
verify: {every_response: [{status: 200}], gates: [b.error_rate == 0]}
measurement: {idle: 99%}
compare: {baseline: a, rounds: {min: 4}, equivalence: {tpot: 5%}}";
    let variants = "variants: {a: {engine: {sim: {args: {step: 10ms}}}}, b: {engine: {sim: {args: {step: 10ms}}}}}";
    let text = scenario("", load).replace("engine: {sim: {}}", variants);
    let done = bench("compare")
        .file("run.yaml", &text)
        .arg("--aa")
        .arg("--out")
        .new_file("reports")
        .run();
    let run = done.run();
    assert_eq!(run["scenario"]["resolved"]["against_itself"], true);
    let names: Vec<&str> = run["variants"]
        .as_array()
        .unwrap()
        .iter()
        .map(|v| v["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["a", "a-again"]);
    assert!(done.stdout.contains("noise floor"), "{}", done.stdout);
    let kept = done.written("bench/floors.json");
    let mut floors: Value = serde_json::from_str(&kept).unwrap();
    assert_eq!(
        (&floors[0]["metric"], &floors[0]["engine"]),
        (&json!("tpot_ms.p50"), &json!("sim"))
    );
    assert!(floors[0]["spread"].as_f64().unwrap() > 0.0);

    // However quiet this machine was, a noisy one refuses.
    floors[0]["spread"] = json!(0.5);
    bench("run")
        .beside_folder("bench", "floors.json", &floors.to_string())
        .file("run.yaml", &text)
        .run()
        .code(2)
        .says("tpot_ms.p50 is to be judged at 5.0%, and 4 rounds on this machine tell only")
        .leaves_nothing(5);
}
