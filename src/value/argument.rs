//! Arguments of a process by name. A value is a scalar or a list of scalars.

use super::mistake::Mistake;
use indexmap::IndexMap;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Serialize;
use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use std::borrow::Cow;
use std::fmt;

/// Arguments by flag name without dashes. `null` is a bare flag, a list gives several values, and `false` removes a
/// default.
pub(crate) type Args = IndexMap<String, ArgValue>;

/// The value of one argument.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum ArgValue {
    /// `null`: the bare flag.
    Bare,
    /// `true`: the bare flag. `false`: removes a default flag.
    Switch(bool),
    /// A whole number.
    Int(i64),
    /// A number.
    Number(f64),
    /// Text, passed unchanged.
    Text(String),
    /// Several values after one flag.
    List(Vec<String>),
}

impl<'de> Deserialize<'de> for ArgValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Value)
    }
}

struct Value;

impl<'de> Visitor<'de> for Value {
    type Value = ArgValue;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "an argument's value: text, a number, `true`, `false`, `null`, or a list of them",
        )
    }
    fn visit_unit<E>(self) -> Result<ArgValue, E> {
        Ok(ArgValue::Bare)
    }
    fn visit_bool<E>(self, value: bool) -> Result<ArgValue, E> {
        Ok(ArgValue::Switch(value))
    }
    fn visit_i64<E>(self, value: i64) -> Result<ArgValue, E> {
        Ok(ArgValue::Int(value))
    }
    fn visit_u64<E: de::Error>(self, value: u64) -> Result<ArgValue, E> {
        i64::try_from(value).map(ArgValue::Int).map_err(|_| {
            E::custom(
                Mistake::new("this number is too large")
                    .help(format!("quote it to pass it as text: \"{value}\"")),
            )
        })
    }
    fn visit_f64<E>(self, value: f64) -> Result<ArgValue, E> {
        Ok(ArgValue::Number(value))
    }
    fn visit_str<E>(self, text: &str) -> Result<ArgValue, E> {
        Ok(ArgValue::Text(text.to_owned()))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<ArgValue, A::Error> {
        let mut values = Vec::new();
        while let Some(Item(value)) = items.next_element()? {
            values.push(value);
        }
        Ok(ArgValue::List(values))
    }
    fn visit_map<A: MapAccess<'de>>(self, _: A) -> Result<ArgValue, A::Error> {
        Err(de::Error::custom(
            Mistake::new("an argument's value cannot be a map")
                .help("write JSON as quoted text: '{\"method\": \"ngram\"}'"),
        ))
    }
}

/// One value of a list, as text.
struct Item(String);

impl<'de> Deserialize<'de> for Item {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ItemVisitor)
    }
}

struct ItemVisitor;

impl Visitor<'_> for ItemVisitor {
    type Value = Item;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text, a number, `true` or `false`")
    }
    fn visit_bool<E>(self, value: bool) -> Result<Item, E> {
        Ok(Item(value.to_string()))
    }
    fn visit_i64<E>(self, value: i64) -> Result<Item, E> {
        Ok(Item(value.to_string()))
    }
    fn visit_u64<E>(self, value: u64) -> Result<Item, E> {
        Ok(Item(value.to_string()))
    }
    fn visit_f64<E>(self, value: f64) -> Result<Item, E> {
        Ok(Item(value.to_string()))
    }
    fn visit_str<E>(self, text: &str) -> Result<Item, E> {
        Ok(Item(text.to_owned()))
    }
}

impl JsonSchema for ArgValue {
    fn schema_name() -> Cow<'static, str> {
        "ArgValue".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "The value of one argument: `null` or `true` is the bare flag, `false` removes a default, a list gives several values.",
            "type": ["null", "boolean", "number", "string", "array"],
            "items": { "type": ["boolean", "number", "string"] },
        })
    }
}
