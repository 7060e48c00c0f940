//! Serde's view of a tree: a deserializer whose errors know which node they are about, and speak the user's words.

use super::mistake::{Mistake, list, quote};
use super::tree::{Entry, Node, Value};
use serde::de::{
    self, DeserializeSeed, Deserializer, Expected, IntoDeserializer, Unexpected, Visitor,
    value::StrDeserializer,
};
use std::fmt;

/// What is wrong with a node.
#[derive(Debug)]
pub(super) enum Kind {
    /// The key at `Error::key` is not known here.
    UnknownKey(&'static [&'static str]),
    /// This name is none of those that can stand here.
    UnknownName(String, &'static [&'static str]),
    /// A map without a key that it must have.
    Missing(&'static str),
    /// Several keys where exactly one of these must stand.
    Several(&'static [&'static str]),
    /// A hole that must become one of these.
    Choose(&'static str),
    /// Anything else.
    Value(Mistake),
}

/// A mistake and the way to its node.
#[derive(Debug)]
pub(super) struct Error {
    pub(super) kind: Kind,
    /// Positions from the innermost node outwards.
    pub(super) path: Vec<usize>,
    /// The mistake is in the key at this position of the node.
    pub(super) key: Option<usize>,
    placed: bool,
}

impl Error {
    fn new(kind: Kind) -> Self {
        Self {
            kind,
            path: Vec::new(),
            key: None,
            placed: false,
        }
    }

    fn mistake(mistake: Mistake) -> Self {
        Self::new(Kind::Value(mistake))
    }

    /// This error, inside the child at `index`.
    fn within(mut self, index: usize) -> Self {
        self.placed = true;
        self.path.push(index);
        self
    }

    /// This error, in the key at `index`.
    fn in_key(mut self, index: usize) -> Self {
        if !self.placed {
            self.placed = true;
            self.key = Some(index);
        }
        self
    }

    /// This error, in the node that is being read unless it is known to be elsewhere already.
    fn here(mut self) -> Self {
        self.placed = true;
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.kind)
    }
}

impl std::error::Error for Error {}

impl de::Error for Error {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::mistake(Mistake::decode(&format!("{message:#}")))
    }

    fn invalid_type(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::mistake(Mistake::new(format!("expected {}", in_words(expected))))
    }

    fn invalid_value(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::mistake(Mistake::new(format!("expected {}", in_words(expected))))
    }

    fn unknown_variant(name: &str, expected: &'static [&'static str]) -> Self {
        Self::new(Kind::UnknownName(name.to_owned(), expected))
    }

    fn unknown_field(_: &str, expected: &'static [&'static str]) -> Self {
        Self::new(Kind::UnknownKey(expected))
    }

    fn missing_field(name: &'static str) -> Self {
        Self::new(Kind::Missing(name))
    }
}

/// What Serde expects, as a user would say it.
fn in_words(expected: &dyn Expected) -> String {
    let text = expected.to_string();
    match text.as_str() {
        "a string" => "text".to_owned(),
        "a boolean" => "`true` or `false`".to_owned(),
        "a sequence" => "a list".to_owned(),
        "u8" | "u16" | "u32" | "u64" | "i8" | "i16" | "i32" | "i64" | "usize" => {
            "a whole number".to_owned()
        }
        "f32" | "f64" => "a number".to_owned(),
        other if other.starts_with("struct ") => "a map".to_owned(),
        _ => text,
    }
}

/// A node as it was found, in words.
fn found(node: &Node) -> String {
    if let Some(name) = &node.secret {
        return format!("the value of `{{env: {name}}}`");
    }
    match &node.value {
        Value::Null => "nothing".to_owned(),
        Value::Bool(value) => format!("`{value}`"),
        Value::Int(value) => format!("the number `{value}`"),
        Value::Float(value) => format!("the number `{value}`"),
        Value::Str(text) => format!("the text {}", quote(text)),
        Value::Seq(_) => "a list".to_owned(),
        Value::Map(_) | Value::Env(..) | Value::Hole(_) => "a map".to_owned(),
    }
}

/// The error of a node that is not what is expected.
fn wrong(node: &Node, expected: &str, help: Option<String>) -> Error {
    let mut mistake = Mistake::new(format!("expected {expected}, found {}", found(node)));
    mistake.help = help;
    Error::mistake(mistake)
}

/// Reads a node.
#[derive(Clone, Copy)]
pub(super) struct NodeDeserializer<'a>(pub(super) &'a Node);

impl NodeDeserializer<'_> {
    /// A whole number, from its digits where the value came from the environment.
    fn int(self) -> Result<i128, Error> {
        match &self.0.value {
            Value::Int(value) => Ok(*value),
            Value::Hole(_) => Ok(1),
            Value::Str(text) if self.0.secret.is_some() && text.trim().parse::<i128>().is_ok() => {
                Ok(text.trim().parse().unwrap_or_default())
            }
            Value::Str(text) if text.contains('_') || text.contains(',') => {
                let digits: String = text.chars().filter(char::is_ascii_digit).collect();
                Err(wrong(
                    self.0,
                    "a whole number",
                    Some(format!("write `{digits}`")),
                ))
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
            #[expect(clippy::cast_precision_loss, reason = "a float is what is asked for")]
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
            Value::Null | Value::Hole(_) => visitor.visit_unit(),
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

struct Items<'a> {
    items: &'a [Node],
    next: usize,
}

impl<'de> de::SeqAccess<'de> for Items<'_> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Error> {
        let Some(node) = self.items.get(self.next) else {
            return Ok(None);
        };
        let index = self.next;
        self.next += 1;
        let value = seed.deserialize(NodeDeserializer(node));
        value.map(Some).map_err(|error| error.within(index))
    }
}

struct Entries<'a> {
    entries: &'a [Entry],
    next: usize,
}

impl<'de> de::MapAccess<'de> for Entries<'_> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Error> {
        let Some(entry) = self.entries.get(self.next) else {
            return Ok(None);
        };
        let index = self.next;
        self.next += 1;
        let key: StrDeserializer<'_, Error> = entry.key.as_str().into_deserializer();
        seed.deserialize(key)
            .map(Some)
            .map_err(|error| error.in_key(index))
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        let index = self.next - 1;
        seed.deserialize(NodeDeserializer(&self.entries[index].node))
            .map_err(|error| error.within(index))
    }
}

/// A name out of several, with what belongs to it where it was written as a map with one key.
struct Choice<'a> {
    name: &'a str,
    node: &'a Node,
    content: Option<&'a Node>,
}

impl<'de> de::EnumAccess<'de> for Choice<'_> {
    type Error = Error;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), Error> {
        let name: StrDeserializer<'_, Error> = self.name.into_deserializer();
        match seed.deserialize(name) {
            Ok(value) => Ok((value, self)),
            Err(error) if self.content.is_some() => Err(error.in_key(0)),
            Err(error) => Err(error.here()),
        }
    }
}

impl<'de> de::VariantAccess<'de> for Choice<'_> {
    type Error = Error;

    fn unit_variant(self) -> Result<(), Error> {
        match self.content {
            Some(content) if !matches!(content.value, Value::Hole(_)) => {
                let mistake = Mistake::new(format!("`{}` takes no settings", self.name));
                Err(Error::mistake(
                    mistake.help(format!("write just `{}`", self.name)),
                ))
            }
            _ => Ok(()),
        }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Error> {
        let Some(content) = self.content else {
            let help = format!(
                "write `{name}: ...`, a map with the one key `{name}`",
                name = self.name
            );
            return Err(wrong(self.node, "a map", Some(help)));
        };
        seed.deserialize(NodeDeserializer(content))
            .map_err(|error| error.within(0))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, _: V) -> Result<V::Value, Error> {
        Err(Error::mistake(Mistake::new(
            "this kind cannot be written in a file",
        )))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Error> {
        Err(Error::mistake(Mistake::new(
            "this kind cannot be written in a file",
        )))
    }
}
