//! What docs/scenario.md shows is what the tool takes.

use bench::scenario::{self, Input};
use std::path::PathBuf;

fn document() -> String {
    std::fs::read_to_string(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs/scenario.md"))
        .unwrap()
}

#[test]
fn every_scenario_shown_loads() {
    let text = document();
    let blocks = text
        .split("```yaml\n")
        .skip(1)
        .filter_map(|rest| rest.split("```").next());
    let whole: Vec<&str> = blocks
        .filter(|block| block.starts_with("version:"))
        .collect();
    assert_eq!(whole.len(), 3);
    let schema = jsonschema::draft202012::new(&scenario::schema()).unwrap();
    for block in whole {
        let input = Input {
            file: (PathBuf::from("docs/scenario.md"), block.to_owned()),
            overlays: Vec::new(),
            sets: Vec::new(),
        };
        let loaded =
            scenario::load(&input, &|_| None).unwrap_or_else(|mistakes| panic!("{mistakes}"));
        assert!(schema.is_valid(&loaded.resolved), "{block}");
    }
}

#[test]
fn every_name_is_mentioned() {
    let text = document();
    let mut names: Vec<String> = Vec::new();
    keys(&scenario::schema(), &mut names);
    let missing: Vec<&String> = names
        .iter()
        .filter(|name| {
            !regex::Regex::new(&format!(r"\b{name}\b"))
                .unwrap()
                .is_match(&text)
        })
        .collect();
    assert!(missing.is_empty(), "not in docs/scenario.md: {missing:?}");
}

/// Every key and every fixed value in the schema.
fn keys(schema: &serde_json::Value, names: &mut Vec<String>) {
    if let Some(properties) = schema.get("properties").and_then(|p| p.as_object()) {
        names.extend(properties.keys().cloned());
    }
    if let Some(value) = schema.get("const").and_then(|v| v.as_str()) {
        names.push(value.to_owned());
    }
    match schema {
        serde_json::Value::Object(map) => map.values().for_each(|value| keys(value, names)),
        serde_json::Value::Array(list) => list.iter().for_each(|value| keys(value, names)),
        _ => {}
    }
}
