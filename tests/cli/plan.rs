//! `bench plan`: exactly what would run, and nothing started.

use crate::support::{bench, root};
use serde_json::Value;

#[test]
fn a_plan_tells_everything_and_starts_nothing() {
    let done = bench("plan")
        .arg("scenarios/quickstart.yaml")
        .env("DYN_NAMESPACE", "someone-elses")
        .env("ETCD_ENDPOINTS", "http://127.0.0.1:1")
        .run()
        .code(0)
        .leaves_nothing(0);
    let text = &done.stdout;
    for part in [
        "kept from children: ",
        "variant native (sim",
        "sim --port ",
        "--flavour dynamo",
        "ready when GET http://127.0.0.1:",
        "phase batch: 10 batches of 5",
        r#""nvext":{"extra_fields":["timing"]}"#,
        "requests sha256 ",
    ] {
        assert!(text.contains(part), "`{part}` is not in\n{text}");
    }
    let kept = text
        .lines()
        .find(|line| line.starts_with("kept from children"))
        .unwrap();
    assert!(kept.contains("DYN_NAMESPACE") && kept.contains("ETCD_ENDPOINTS"));
}

#[test]
fn the_json_plan_has_the_same_requests_for_every_variant() {
    let done = bench("plan")
        .arg("scenarios/quickstart.yaml")
        .arg("--format")
        .arg("json")
        .run()
        .code(0);
    let plan: Value = serde_json::from_str(&done.stdout).unwrap();
    let of = |variant: usize| plan["variants"][variant]["requests"]["sha256"].clone();
    assert!(of(0).is_string());
    assert_eq!(of(0), of(1));
    let ports: Vec<&Value> = (0..2)
        .map(|variant| &plan["variants"][variant]["processes"][0]["ports"][0])
        .collect();
    assert_ne!(ports[0], ports[1]);
}

#[test]
fn a_secret_is_in_no_plan() {
    let text = "version: 1
name: secret
model: {id: m}
engine: {external: {url: 'http://127.0.0.1:9', headers: {x-key: {env: MY_KEY}}}}
prompts: {inline: [a]}
load: {phases: [{batch: {size: 1, batches: 1}}]}
";
    for format in ["text", "json"] {
        let done = bench("plan")
            .file("secret.yaml", text)
            .arg("--format")
            .arg(format)
            .env("MY_KEY", "canary-4711-secret")
            .run()
            .code(0);
        assert!(!done.stdout.contains("canary-4711"), "{}", done.stdout);
        assert!(!done.stderr.contains("canary-4711"));
    }
}

/// Every command of README.md that names a scenario names one that is there and good.
#[test]
fn the_commands_of_the_readme_are_good() {
    let page = std::fs::read_to_string(root().join("README.md")).unwrap();
    let mut checked = 0;
    for line in page.lines() {
        let line = line.split('#').next().unwrap().trim();
        let arguments = line
            .strip_prefix("bench run ")
            .or_else(|| line.strip_prefix("cargo run --release --locked -- run "));
        if let Some(arguments) = arguments.filter(|arguments| arguments.contains("scenarios/")) {
            let check = arguments
                .split_whitespace()
                .fold(bench("check"), |bench, word| bench.arg(word));
            let _ = check.run().code(0);
            checked += 1;
        }
    }
    assert!(checked >= 6, "README.md shows {checked} runs");
}
