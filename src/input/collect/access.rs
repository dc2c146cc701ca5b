//! Hands the parts of a value to its reader, one after the other.

use super::{Halt, Reader};
use crate::input::outline::{Field, Kind, Node};
use crate::input::placeholder::Placeholder;
use serde::de::value::StrDeserializer;
use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, IntoDeserializer, MapAccess, SeqAccess,
    VariantAccess, Visitor,
};

fn name<'de, S: DeserializeSeed<'de>>(seed: S, name: &str) -> Result<S::Value, Halt> {
    let name: StrDeserializer<'_, Halt> = name.into_deserializer();
    seed.deserialize(name)
}

/// Items of a list or tuple.
pub(super) struct Items<'a> {
    reader: Reader<'a>,
    items: std::slice::Iter<'a, Node>,
}

impl<'a> Items<'a> {
    pub(super) fn new(reader: Reader<'a>, items: &'a [Node]) -> Self {
        Self { reader, items: items.iter() }
    }
}

impl<'de> SeqAccess<'de> for Items<'_> {
    type Error = Halt;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Halt> {
        let Some(node) = self.items.next() else { return Ok(None) };
        self.reader.at(node).enter(seed).map(Some)
    }
}

/// Entries of a map.
pub(super) struct Entries<'a> {
    reader: Reader<'a>,
    entries: std::slice::Iter<'a, (Node, Node)>,
    value: Option<&'a Node>,
}

impl<'a> Entries<'a> {
    pub(super) fn new(reader: Reader<'a>, entries: &'a [(Node, Node)]) -> Self {
        Self { reader, entries: entries.iter(), value: None }
    }
}

impl<'de> MapAccess<'de> for Entries<'_> {
    type Error = Halt;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Halt> {
        let Some((key, value)) = self.entries.next() else { return Ok(None) };
        self.value = Some(value);
        self.reader.at(key).enter(seed).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Halt> {
        match self.value.take() {
            Some(value) => self.reader.at(value).enter(seed),
            None => seed.deserialize(Placeholder),
        }
    }
}

/// Fields of a struct: those given, then those that a placeholder stands for.
pub(super) struct Members<'a> {
    reader: Reader<'a>,
    given: std::vec::IntoIter<&'a Field>,
    supplied: std::vec::IntoIter<&'static str>,
    value: Option<&'a Node>,
}

impl<'a> Members<'a> {
    pub(super) fn new(
        reader: Reader<'a>,
        given: Vec<&'a Field>,
        supplied: Vec<&'static str>,
    ) -> Self {
        Self { reader, given: given.into_iter(), supplied: supplied.into_iter(), value: None }
    }
}

impl<'de> MapAccess<'de> for Members<'_> {
    type Error = Halt;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Halt> {
        if let Some(field) = self.given.next() {
            self.value = Some(&field.value);
            return name(seed, &field.name).map(Some);
        }
        self.supplied.next().map(|field| name(seed, field)).transpose()
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Halt> {
        match self.value.take() {
            Some(value) => self.reader.at(value).enter(seed),
            None => seed.deserialize(Placeholder),
        }
    }
}

/// A variant of an enum.
pub(super) struct Variant<'a> {
    reader: Reader<'a>,
    name: &'static str,
}

impl<'a> Variant<'a> {
    pub(super) fn new(reader: Reader<'a>, name: &'static str) -> Self {
        Self { reader, name }
    }
}

impl<'de> EnumAccess<'de> for Variant<'_> {
    type Error = Halt;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), Halt> {
        Ok((name(seed, self.name)?, self))
    }
}

impl<'de> VariantAccess<'de> for Variant<'_> {
    type Error = Halt;

    fn unit_variant(self) -> Result<(), Halt> {
        if !matches!(self.reader.node.kind, Kind::Word(_)) {
            self.reader.unexpected(&format!("`{}` alone", self.name));
        }
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Halt> {
        match &self.reader.node.kind {
            Kind::Tuple(_, items) if items.len() == 1 => self.reader.at(&items[0]).enter(seed),
            _ => {
                let expected = format!("`{}(…)` with one value in it", self.name);
                seed.deserialize(self.reader.unexpected(&expected))
            }
        }
    }

    fn tuple_variant<V: Visitor<'de>>(self, length: usize, visitor: V) -> Result<V::Value, Halt> {
        self.reader.deserialize_tuple(length, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Halt> {
        self.reader.read_fields(fields, visitor)
    }
}
