//! The JSON Schema of scenario files. It is generated from the types, so that editors can complete and check the files.

use super::model::Scenario;
use schemars::generate::SchemaSettings;
use schemars::transform::{Transform, transform_subschemas};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Value, json};
use std::borrow::Cow;

/// The JSON Schema (2020-12) of a scenario file.
#[must_use]
pub fn schema() -> Value {
    let mut settings = SchemaSettings::draft2020_12();
    settings.meta_schema = Some("https://json-schema.org/draft/2020-12/schema".into());
    let mut generator = settings.with_transform(OrFromEnvironment).into_generator();
    let _ = generator.subschema_for::<FromEnvironment>();
    let mut schema = generator.into_root_schema_for::<Scenario>();
    schema.insert("title".to_owned(), json!("bench scenario"));
    schema.to_value()
}

/// [`schema`] as the text of `scenarios/scenario.schema.json`.
#[must_use]
pub fn schema_text() -> String {
    format!("{:#}\n", schema())
}

/// `{env: NAME}`, which may replace any single value.
struct FromEnvironment;

const REFERENCE: &str = "#/$defs/FromEnvironment";

impl JsonSchema for FromEnvironment {
    fn schema_name() -> Cow<'static, str> {
        "FromEnvironment".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A value that is read from an environment variable. It is never shown or recorded.",
            "type": "object",
            "properties": { "env": { "const": "NAME" } },
            "required": ["env"],
            "additionalProperties": false,
        })
    }
}

/// Makes every schema of a single value accept a [`FromEnvironment`] as well.
#[derive(Clone)]
struct OrFromEnvironment;

impl Transform for OrFromEnvironment {
    fn transform(&mut self, schema: &mut Schema) {
        let is = |key: &str| schema.get(key).is_some();
        let reference = json!({ "$ref": REFERENCE });
        if schema
            .get("properties")
            .and_then(|p| p.pointer("/env/const"))
            == Some(&json!("NAME"))
        {
            let name = json!({ "description": "Name of the variable.", "type": "string", "pattern": "^[A-Za-z_][A-Za-z0-9_]*$" });
            schema.insert("properties".to_owned(), json!({ "env": name }));
        } else if is("const") || is("enum") && !is("type") {
            // One of several names: the reference is added to the list of names, not to each name.
        } else if let Some(Value::Array(names)) = schema.get("oneOf")
            && names.iter().all(|name| name.get("const").is_some())
        {
            let mut names = names.clone();
            names.push(reference);
            schema.insert("oneOf".to_owned(), Value::Array(names));
        } else if schema.get("type").is_some_and(scalar) {
            let (described, bare) = std::mem::take(schema.ensure_object())
                .into_iter()
                .partition::<serde_json::Map<_, _>, _>(|(key, _)| {
                ["title", "description", "default", "examples"].contains(&key.as_str())
            });
            *schema.ensure_object() = described;
            schema.insert("anyOf".to_owned(), json!([bare, reference]));
        } else {
            transform_subschemas(self, schema);
        }
    }
}

/// Whether a `type` allows a single value.
fn scalar(kind: &Value) -> bool {
    let single = |kind: &Value| {
        ["string", "integer", "number", "boolean"]
            .iter()
            .any(|name| kind == name)
    };
    match kind {
        Value::Array(kinds) => kinds.iter().any(single),
        kind => single(kind),
    }
}
