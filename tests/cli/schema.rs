//! The JSON Schema that is checked in is the one that the types give, and it agrees with the decoder.

use bench::scenario::{self, Input};
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn validator() -> jsonschema::Validator {
    jsonschema::draft202012::new(&scenario::schema()).unwrap()
}

/// Whether the decoder takes a scenario, and what it reads as JSON.
fn load(path: &Path, text: &str) -> Result<serde_json::Value, String> {
    let input = Input {
        file: (path.to_owned(), text.to_owned()),
        overlays: Vec::new(),
        sets: Vec::new(),
    };
    let env = |_: &str| Some("from-the-environment".to_owned());
    match scenario::load(&input, &env) {
        Ok(loaded) => Ok(loaded.resolved),
        Err(mistakes) => Err(mistakes.render(false)),
    }
}

#[test]
fn the_checked_in_schema_is_current() {
    let path = root().join("scenarios/scenario.schema.json");
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, scenario::schema_text()).unwrap();
    } else {
        assert!(
            written == scenario::schema_text(),
            "scenarios/scenario.schema.json is stale: `cargo run -- schema > scenarios/scenario.schema.json`"
        );
    }
}

#[test]
fn the_checked_in_reference_is_current() {
    let path = root().join("docs/reference.md");
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, scenario::reference()).unwrap();
    } else {
        assert!(
            written == scenario::reference(),
            "docs/reference.md is stale: just generate"
        );
    }
}

#[test]
fn every_scenario_loads_and_satisfies_the_schema() {
    let mut paths = vec![root().join("tests/cli/golden/good.yaml")];
    for entry in std::fs::read_dir(root().join("scenarios")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|e| e == "yaml") {
            paths.push(path);
        }
    }
    for path in paths {
        let json = load(&path, &std::fs::read_to_string(&path).unwrap()).unwrap();
        let wrong: Vec<String> = validator()
            .iter_errors(&json)
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        assert!(wrong.is_empty(), "{}: {wrong:#?}", path.display());
    }
}

#[test]
fn schema_and_decoder_agree() {
    let base = "version: 1\nname: x\nmodel: {id: m}\nprompts: {inline: [p]}\nload: {phases: [{batch: {size: 1, batches: 1}}]}\n";
    let cases = [
        ("engine: {sim: {}}", true),
        (
            "engine: {sim: {startup: 1s, args: {a: null, b: [1, x], c: 0.5, d: true}}}",
            true,
        ),
        ("engine: {sim: {startup: 1}}", false),
        ("engine: {sim: {startup: {env: T}, slots: {env: N}}}", false),
        (
            "engine: {external: {url: 'http://h', headers: {a: {env: KEY}}}}",
            true,
        ),
        ("engine: sim", false),
        ("engine: {sims: {}}", false),
        (
            "engine: {sim: {flavour: dynamo}}\nrequest: {endpoint: chat, params: {max_tokens: 3}}",
            true,
        ),
        ("engine: {sim: {flavour: other}}", false),
        ("engine: {sim: {slots: 0}}", false),
        ("engine: {sim: {}}\nready: {completions: 101}", false),
        (
            "engine: {sim: {}}\nverify: {every_response: [{at: a, equals: null}, {status: 200}], gates: [error_rate == 0]}",
            true,
        ),
        (
            "engine: {sim: {}}\nverify: {every_response: [{at: a, between: 1..2}]}",
            true,
        ),
        (
            "engine: {sim: {}}\nverify: {every_response: [{at: a, between: 1-2}]}",
            false,
        ),
        ("engine: {sim: {}}\nverify: {gates: [nothing]}", false),
        ("engine: {sim: {}}\nunknown: 1", false),
        ("variants: {a: {engine: {sim: {}}}}", true),
    ];
    for (extra, good) in cases {
        let text = format!("{base}{extra}\n");
        let loaded = load(Path::new("x.yaml"), &text);
        assert_eq!(loaded.is_ok(), good, "{text}{loaded:?}");
        if good {
            assert!(validator().is_valid(&loaded.unwrap()), "{text}");
        }
    }
}
