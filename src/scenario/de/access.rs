//! Serde's access to lists, maps and choices between kinds.

use super::NodeDeserializer;
use super::error::{Error, wrong};
use crate::scenario::mistake::Mistake;
use crate::scenario::tree::{Entry, Node, Value};
use serde::de::{self, DeserializeSeed, IntoDeserializer, Visitor, value::StrDeserializer};

/// Iterates over the items of a list.
pub(super) struct Items<'a> {
    pub(super) items: &'a [Node],
    pub(super) next: usize,
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

/// Iterates over the entries of a map.
pub(super) struct Entries<'a> {
    pub(super) entries: &'a [Entry],
    pub(super) next: usize,
}

impl<'de> de::MapAccess<'de> for Entries<'_> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Error> {
        let gone = |entry: &&Entry| matches!(entry.node.value, Value::Gone);
        self.next += self.entries[self.next..].iter().take_while(gone).count();
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

/// One of several names. `content` is its value where it was written as a map with one key.
pub(super) struct Choice<'a> {
    pub(super) name: &'a str,
    pub(super) node: &'a Node,
    pub(super) content: Option<&'a Node>,
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
