//! A Serde deserializer for trees. Its errors know their node and use the user's terms.

mod access;
mod error;

pub(super) use error::{Error, Kind};

use super::mistake::list;
use super::tree::{Entry, Node, Value};
use access::{Choice, Entries, Items};
use error::{as_digits, in_words, wrong};
use serde::de::{Deserializer, Expected, Visitor};
use std::fmt;

/// Reads a node.
#[derive(Clone, Copy)]
pub(super) struct NodeDeserializer<'a>(pub(super) &'a Node);

impl NodeDeserializer<'_> {
    /// The whole number. A value from the environment is parsed from its text.
    fn int(self) -> Result<i128, Error> {
        match &self.0.value {
            Value::Int(value) => Ok(*value),
            Value::Hole(_) => Ok(1),
            Value::Str(text) if self.0.secret.is_some() && text.trim().parse::<i128>().is_ok() => {
                Ok(text.trim().parse().unwrap_or_default())
            }
            Value::Str(text) if self.0.secret.is_none() => {
                Err(wrong(self.0, "a whole number", as_digits(text)))
            }
            _ => Err(wrong(self.0, "a whole number", None)),
        }
    }

    fn sized<T: TryFrom<i128>>(self, largest: impl fmt::Display) -> Result<T, Error> {
        T::try_from(self.int()?)
            .map_err(|_| wrong(self.0, &format!("a whole number from 0 to {largest}"), None))
    }

    fn float(self) -> Result<f64, Error> {
        match &self.0.value {
            Value::Float(value) => Ok(*value),
            #[expect(clippy::cast_precision_loss, reason = "the caller wants a float")]
            Value::Int(value) => Ok(*value as f64),
            Value::Hole(_) => Ok(1.0),
            Value::Str(text) if self.0.secret.is_some() => text
                .trim()
                .parse()
                .ok()
                .filter(|n: &f64| n.is_finite())
                .ok_or_else(|| wrong(self.0, "a number", None)),
            _ => Err(wrong(self.0, "a number", None)),
        }
    }

    fn text(self) -> Result<String, Error> {
        match &self.0.value {
            Value::Str(text) => Ok(text.clone()),
            Value::Hole(_) => Ok(String::new()),
            Value::Int(_) | Value::Float(_) | Value::Bool(_) => {
                let written = self.0.span.text();
                Err(wrong(
                    self.0,
                    "text",
                    Some(format!("quote it to make it text: \"{written}\"")),
                ))
            }
            _ => Err(wrong(self.0, "text", None)),
        }
    }
}

macro_rules! integers {
    ($($method:ident $visit:ident $int:ty),*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            visitor.$visit(self.sized::<$int>(<$int>::MAX)?)
        }
    )*};
}

impl<'de> Deserializer<'de> for NodeDeserializer<'_> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let expected = in_words(&visitor as &dyn Expected);
        let result = match &self.0.value {
            Value::Hole(_) => visitor.visit_none(),
            Value::Null | Value::Gone => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(*value),
            Value::Int(value) => match (i64::try_from(*value), u64::try_from(*value)) {
                (_, Ok(value)) => visitor.visit_u64(value),
                (Ok(value), _) => visitor.visit_i64(value),
                _ => Err(wrong(self.0, "a number of at most 64 bits", None)),
            },
            Value::Float(value) => visitor.visit_f64(*value),
            Value::Str(text) => visitor.visit_str(text),
            Value::Seq(items) => visitor.visit_seq(Items { items, next: 0 }),
            Value::Map(entries) => visitor.visit_map(Entries { entries, next: 0 }),
            Value::Env(name, _) => visitor.visit_str(name),
        };
        result.map_err(|error| match &error.kind {
            Kind::Value(mistake)
                if !error.placed && mistake.message == format!("expected {expected}") =>
            {
                wrong(self.0, &expected, mistake.help.clone())
            }
            _ => error,
        })
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match &self.0.value {
            Value::Bool(value) => visitor.visit_bool(*value),
            Value::Hole(_) => visitor.visit_bool(false),
            Value::Str(text) if self.0.secret.is_some() && (text == "true" || text == "false") => {
                visitor.visit_bool(text == "true")
            }
            _ => Err(wrong(self.0, "`true` or `false`", None)),
        }
    }

    integers!(
        deserialize_u8 visit_u8 u8, deserialize_u16 visit_u16 u16, deserialize_u32 visit_u32 u32,
        deserialize_u64 visit_u64 u64, deserialize_i8 visit_i8 i8, deserialize_i16 visit_i16 i16,
        deserialize_i32 visit_i32 i32, deserialize_i64 visit_i64 i64
    );

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_f64(visitor)
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_f64(self.float()?)
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_string(self.text()?)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_string(self.text()?)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.0.value {
            Value::Null | Value::Hole(_) => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match &self.0.value {
            Value::Seq(items) => visitor.visit_seq(Items { items, next: 0 }),
            Value::Hole(_) => visitor.visit_seq(Items {
                items: &[],
                next: 0,
            }),
            Value::Map(_) | Value::Env(..) | Value::Null => Err(wrong(self.0, "a list", None)),
            _ => {
                let help = format!("put it in a list: `[{}]`", self.0.span.text());
                Err(wrong(
                    self.0,
                    "a list",
                    self.0.secret.is_none().then_some(help),
                ))
            }
        }
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match &self.0.value {
            Value::Map(entries) | Value::Hole(entries) => {
                visitor.visit_map(Entries { entries, next: 0 })
            }
            Value::Null => Err(wrong(
                self.0,
                "a map",
                Some("write `{}` for an empty map".to_owned()),
            )),
            _ => Err(wrong(self.0, "a map of keys and values", None)),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        match &self.0.value {
            Value::Map(entries) | Value::Hole(entries) => {
                visitor.visit_map(Entries { entries, next: 0 })
            }
            _ => Err(wrong(
                self.0,
                "a map",
                Some(format!("its keys are {}", list(fields.iter().copied()))),
            )),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        let known = |entry: &Entry| variants.contains(&entry.key.as_str());
        let node = self.0;
        match &node.value {
            Value::Hole(entries) if entries.is_empty() => {
                Err(Error::new(Kind::Choose(variants[0])))
            }
            Value::Str(name) => visitor.visit_enum(Choice {
                name,
                node,
                content: None,
            }),
            Value::Map(entries) | Value::Hole(entries) => match entries.as_slice() {
                [entry] => visitor.visit_enum(Choice {
                    name: &entry.key,
                    node,
                    content: Some(&entry.node),
                }),
                [] => Err(wrong(node, &one_of(variants), None)),
                many if many.iter().filter(|entry| known(entry)).count() == 1 => {
                    let unknown = many.iter().position(|entry| !known(entry)).unwrap_or(0);
                    Err(Error::new(Kind::UnknownKey(variants)).in_key(unknown))
                }
                many => match many.iter().find(|entry| !known(entry)) {
                    Some(entry) => {
                        Err(Error::new(Kind::UnknownName(entry.key.clone(), variants)).in_key(0))
                    }
                    None => Err(Error::new(Kind::Several(variants))),
                },
            },
            _ => Err(wrong(node, &one_of(variants), None)),
        }
    }

    serde::forward_to_deserialize_any! {
        i128 u128 char bytes byte_buf unit unit_struct tuple tuple_struct identifier ignored_any
    }
}

fn one_of(variants: &[&str]) -> String {
    match variants {
        [only] => format!("`{only}`"),
        _ => format!("one of {}", list(variants.iter().copied())),
    }
}
