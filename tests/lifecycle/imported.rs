//! Results of other tools through the program: one record each, which is reported like a run.

use crate::support::{program, root};
use std::path::Path;
use std::process::{Command, Output};

fn bench(arguments: &[&str]) -> Output {
    Command::new(program())
        .args(arguments)
        .current_dir(root())
        .output()
        .unwrap()
}

/// The report directories that an import printed.
fn imported(file: &str, more: &[&str], out: &Path) -> Vec<String> {
    let path = format!("src/import/fixtures/{file}");
    let arguments = ["import", &path, "--out", out.to_str().unwrap()];
    let output = bench(&[&arguments[..], more].concat());
    assert!(output.status.success(), "{file}: {output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(str::to_owned).collect()
}

#[test]
fn every_tool_is_recognised_and_reported() {
    let out = tempfile::tempdir().unwrap();
    for (file, tool, records) in [
        ("vllm-bench.json", "vllm bench serve", 1),
        ("vllm-append.json", "vllm bench serve", 2),
        ("vllm-rust.json", "vllm bench serve", 1),
        ("sglang.jsonl", "sglang bench_serving", 2),
        ("aiperf.json", "aiperf", 1),
        ("genai-perf.json", "genai-perf", 1),
        ("guidellm.json", "guidellm", 1),
        ("inference-perf.json", "inference-perf", 1),
    ] {
        let dirs = imported(file, &[], out.path());
        assert_eq!(dirs.len(), records, "{file}");
        for dir in &dirs {
            let output = bench(&["report", dir]);
            let shown = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
            assert!(output.status.success(), "{file}: {shown}");
            assert!(
                shown.contains(&format!("Imported from {tool}")),
                "{file}: {shown}"
            );
            assert!(!shown.contains("incomplete"), "{file}: {shown}");
        }
        let latest = std::fs::read_link(out.path().join("latest")).unwrap();
        assert!(dirs.last().unwrap().ends_with(latest.to_str().unwrap()));
    }
}

#[test]
fn one_of_several_results_is_picked() {
    let out = tempfile::tempdir().unwrap();
    let dirs = imported(
        "sglang.jsonl",
        &["--only", "2", "--tool", "sglang"],
        out.path(),
    );
    assert_eq!(dirs.len(), 1);
    let run = std::fs::read_to_string(Path::new(&dirs[0]).join("run.json")).unwrap();
    assert!(run.contains("concurrency-32") && !run.contains("concurrency-16"));
    for (more, why) in [
        (
            ["--only", "3"],
            "sglang.jsonl has 2 results, and no result 3",
        ),
        (
            ["--tool", "genai-perf"],
            "is a result of sglang bench_serving, not of genai-perf",
        ),
    ] {
        let path = "src/import/fixtures/sglang.jsonl";
        let arguments = ["import", path, "--out", out.path().to_str().unwrap()];
        let output = bench(&[&arguments[..], &more].concat());
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(why), "{said}");
    }
    // The link, and the one record.
    assert_eq!(std::fs::read_dir(out.path()).unwrap().count(), 2);
}

#[test]
fn what_is_not_known_is_refused_with_the_list_of_what_is() {
    let out = tempfile::tempdir().unwrap();
    let reports = out.path().join("reports");
    let output = bench(&["import", "Cargo.toml", "--out", reports.to_str().unwrap()]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("Cargo.toml is not JSON"), "{said}");
    assert!(
        said.contains("supported results:\n  vllm bench serve"),
        "{said}"
    );
    assert!(!reports.exists());
}

#[test]
fn secrets_of_the_environment_are_in_no_imported_record() {
    let folder = tempfile::tempdir().unwrap();
    let text = std::fs::read_to_string(root().join("src/import/fixtures/vllm-bench.json")).unwrap();
    let mut result: serde_json::Value = serde_json::from_str(&text).unwrap();
    result["model_id"] = "models/kanarievogel-7".into();
    let file = folder.path().join("result.json");
    std::fs::write(&file, result.to_string()).unwrap();
    let output = Command::new(program())
        .args(["import", file.to_str().unwrap(), "--out"])
        .arg(folder.path().join("reports"))
        .env("CANARY_TOKEN", "kanarievogel-7")
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let dir = String::from_utf8(output.stdout).unwrap();
    let run = std::fs::read_to_string(Path::new(dir.trim()).join("run.json")).unwrap();
    assert!(run.contains("models/<redacted:CANARY_TOKEN>"), "{run}");
    assert!(!run.contains("kanarie"), "{run}");
}
