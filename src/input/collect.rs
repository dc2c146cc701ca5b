//! Reads a tree of values through serde and notes every problem instead of stopping at the first.
//!
//! A wrong value is noted and a placeholder read in its place. Where that comes too late, because a
//! reader has already given up (a field is missing, a unit is wrong), the place is marked and the
//! tree is read once more, now with the placeholder; each round marks at least one more place.

mod access;

use super::outline::{Field, Kind, Node, Span};
use super::placeholder::Placeholder;
use super::suggest::{hint, nearest, one_of};
use access::{Entries, Items, Members, Variant};
use serde::de::{self, Deserialize, DeserializeSeed, Deserializer, Visitor};
use serde::forward_to_deserialize_any;
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt;

/// Most rounds; a file with more problems than this has had enough of them shown.
const ROUNDS: usize = 500;

/// Why a reader stopped.
#[derive(Debug)]
pub(super) enum Halt {
    /// The problem has been noted.
    Noted,
    /// A field of the struct being read is missing.
    Missing(&'static str),
    /// Something the type itself finds wrong.
    Wrong(String),
}

impl fmt::Display for Halt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Noted => write!(f, "a problem"),
            Self::Missing(field) => write!(f, "the field `{field}` is missing"),
            Self::Wrong(message) => write!(f, "{message}"),
        }
    }
}

impl std::error::Error for Halt {}

impl de::Error for Halt {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::Wrong(message.to_string())
    }

    fn missing_field(field: &'static str) -> Self {
        Self::Missing(field)
    }
}

/// What is wrong with a text.
#[derive(Debug, Default)]
pub(super) struct Findings {
    /// Problems in the order of the text.
    pub problems: Vec<(Span, String)>,
    /// Values that a placeholder stands for.
    pub wrong: BTreeSet<(usize, usize)>,
    /// Fields that are missing, by the place of their struct.
    pub missing: BTreeSet<((usize, usize), &'static str)>,
}

impl Findings {
    fn note(&mut self, span: Span, message: String) {
        if !self.problems.contains(&(span.clone(), message.clone())) {
            self.problems.push((span, message));
        }
    }
}

/// Reads `root` as far as it can be read; the value holds placeholders where something is wrong.
pub(super) fn collect<'de, T: Deserialize<'de>>(root: &Node) -> (Option<T>, Findings) {
    let findings = RefCell::new(Findings::default());
    let marks = |findings: &RefCell<Findings>| {
        let findings = findings.borrow();
        findings.wrong.len() + findings.missing.len()
    };
    let mut value = None;
    for _ in 0..ROUNDS {
        let before = marks(&findings);
        let reader = Reader { node: root, findings: &findings };
        value = reader.enter(std::marker::PhantomData::<T>).ok();
        if value.is_some() || marks(&findings) == before {
            break;
        }
    }
    let mut findings = findings.into_inner();
    findings.problems.sort_by_key(|(span, _)| span.start);
    (value, findings)
}

fn place(node: &Node) -> (usize, usize) {
    (node.span.start, node.span.end)
}

/// Reads one value.
#[derive(Clone, Copy)]
struct Reader<'a> {
    node: &'a Node,
    findings: &'a RefCell<Findings>,
}

impl<'a> Reader<'a> {
    fn at(self, node: &'a Node) -> Self {
        Self { node, ..self }
    }

    /// Reads with `seed`; a problem that nobody has noted yet belongs to this value.
    fn enter<'de, S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, Halt> {
        seed.deserialize(self).map_err(|halt| match halt {
            Halt::Noted => Halt::Noted,
            Halt::Missing(_) | Halt::Wrong(_) => {
                self.note(self.node.head(), halt.to_string());
                self.mark();
                Halt::Noted
            }
        })
    }

    fn note(self, span: Span, message: String) {
        self.findings.borrow_mut().note(span, message);
    }

    /// From now on a placeholder stands for this value.
    fn mark(self) {
        self.findings.borrow_mut().wrong.insert(place(self.node));
    }

    fn marked(self) -> bool {
        self.findings.borrow().wrong.contains(&place(self.node))
    }

    /// Notes that something else was expected here.
    fn unexpected(self, expected: &str) -> Placeholder {
        if !self.marked() {
            self.note(self.node.head(), format!("expected {expected}, found {}", self.node.what()));
            self.mark();
        }
        Placeholder
    }

    fn number<N: std::str::FromStr>(self) -> Option<N> {
        let Kind::Number(number) = &self.node.kind else { return None };
        if self.marked() {
            return None;
        }
        number.replace('_', "").parse().ok()
    }

    fn name_is(self, name: &str) -> bool {
        let Some(found) = self.node.name() else { return true };
        if found != name {
            let message = format!("expected fields in parentheses, found `{found}` before them");
            self.note(self.node.head(), message);
        }
        found == name
    }

    /// Reads a struct, or the fields of a variant.
    fn read_fields<'de, V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Halt> {
        let Some(found) = self.node.fields() else {
            let expected = format!("fields in parentheses ({})", one_of(fields));
            return Placeholder::fields(self.unexpected(&expected), fields, visitor);
        };
        let mut known: Vec<&Field> = Vec::new();
        for field in found {
            if !fields.contains(&field.name.as_str()) {
                let message =
                    format!("unknown field `{}`; {}", field.name, hint(&field.name, fields));
                self.note(field.span.clone(), message);
            } else if known.iter().any(|earlier| earlier.name == field.name) {
                self.note(field.span.clone(), format!("the field `{}` is given twice", field.name));
            } else {
                known.push(field);
            }
        }
        let supplied = self.findings.borrow().missing.clone();
        let supplied =
            supplied.into_iter().filter(|(at, _)| *at == place(self.node)).map(|(_, name)| name);
        let members = Members::new(self, known, supplied.collect());
        visitor.visit_map(members).map_err(|halt| match halt {
            Halt::Missing(field) => {
                self.missing(field, found, fields);
                Halt::Noted
            }
            halt => halt,
        })
    }

    /// Notes a missing field, unless an unknown one has been noted that is its misspelling.
    fn missing(self, field: &'static str, found: &[Field], fields: &[&str]) {
        let unknown = found.iter().map(|field| field.name.as_str());
        let unknown = unknown.filter(|name| !fields.contains(name));
        if unknown.filter(|name| nearest(name, fields.iter().copied()) == Some(field)).count() == 0
        {
            self.note(self.node.head(), format!("the field `{field}` is missing"));
        }
        self.findings.borrow_mut().missing.insert((place(self.node), field));
    }
}

macro_rules! whole_numbers {
    ($($method:ident $visit:ident $type:ty),*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Halt> {
            match self.number::<$type>() {
                Some(number) => visitor.$visit(number),
                None => {
                    let range = format!("a whole number from {} to {}", <$type>::MIN, <$type>::MAX);
                    self.unexpected(&range).$method(visitor)
                }
            }
        })*
    };
}

impl<'de> Deserializer<'de> for Reader<'_> {
    type Error = Halt;

    whole_numbers! {
        deserialize_i8 visit_i8 i8, deserialize_i16 visit_i16 i16,
        deserialize_i32 visit_i32 i32, deserialize_i64 visit_i64 i64,
        deserialize_u8 visit_u8 u8, deserialize_u16 visit_u16 u16,
        deserialize_u32 visit_u32 u32, deserialize_u64 visit_u64 u64
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Halt> {
        self.unexpected("something else").deserialize_any(visitor)
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Halt> {
        match &self.node.kind {
            Kind::Word(word) if word == "true" => visitor.visit_bool(true),
            Kind::Word(word) if word == "false" => visitor.visit_bool(false),
            _ => self.unexpected("`true` or `false`").deserialize_bool(visitor),
        }
    }

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Halt> {
        self.deserialize_f64(visitor)
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Halt> {
        match self.number::<f64>() {
            Some(number) => visitor.visit_f64(number),
            None => self.unexpected("a number").deserialize_f64(visitor),
        }
    }

    fn deserialize_char<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Halt> {
        match self.node.kind {
            Kind::Char(c) => visitor.visit_char(c),
            _ => self.unexpected("a character").deserialize_char(visitor),
        }
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Halt> {
        match self.node.text() {
            Some(text) if !self.marked() => visitor.visit_str(text),
            _ => self.unexpected("text in quotes").deserialize_str(visitor),
        }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Halt> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Halt> {
        match &self.node.kind {
            Kind::Word(word) if word == "None" => visitor.visit_none(),
            _ => visitor.visit_some(self.at(self.node.unwrapped())),
        }
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Halt> {
        visitor.visit_unit()
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Halt> {
        match &self.node.kind {
            Kind::Tuple(_, items) if items.len() == 1 => {
                visitor.visit_newtype_struct(self.at(&items[0]))
            }
            _ => visitor.visit_newtype_struct(self),
        }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Halt> {
        match &self.node.kind {
            Kind::List(items) if !self.marked() => visitor.visit_seq(Items::new(self, items)),
            _ => self.unexpected("a list in square brackets").deserialize_seq(visitor),
        }
    }

    fn deserialize_tuple<V: Visitor<'de>>(
        self,
        length: usize,
        visitor: V,
    ) -> Result<V::Value, Halt> {
        match &self.node.kind {
            Kind::Tuple(_, items) if items.len() == length && !self.marked() => {
                visitor.visit_seq(Items::new(self, items))
            }
            _ => self
                .unexpected(&format!("{length} values in parentheses"))
                .deserialize_tuple(length, visitor),
        }
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        length: usize,
        visitor: V,
    ) -> Result<V::Value, Halt> {
        self.deserialize_tuple(length, visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Halt> {
        match &self.node.kind {
            Kind::Map(entries) if !self.marked() => visitor.visit_map(Entries::new(self, entries)),
            _ => self.unexpected("a map in braces").deserialize_map(visitor),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Halt> {
        if self.marked() || (self.node.fields().is_some() && !self.name_is(name)) {
            self.mark();
            return Placeholder::fields(Placeholder, fields, visitor);
        }
        self.read_fields(fields, visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Halt> {
        let found = self.node.name();
        match found.and_then(|found| variants.iter().find(|variant| **variant == found)) {
            Some(variant) if !self.marked() => visitor.visit_enum(Variant::new(self, variant)),
            _ => {
                let expected = match found {
                    Some(found) => hint(found, variants),
                    None => format!("expected {}", one_of(variants)),
                };
                if !self.marked() {
                    let message = format!("{} is not known here; {expected}", self.node.what());
                    self.note(self.node.head(), message);
                    self.mark();
                }
                Placeholder.deserialize_enum(name, variants, visitor)
            }
        }
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Halt> {
        self.deserialize_str(visitor)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Halt> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! { i128 u128 bytes byte_buf unit_struct }
}
