//! A RON text as a tree of values, each with its place: what `--set` edits and problems point into.
//!
//! Types play no part here; whether a value is right is for the reader to say. What it does not know
//! (byte strings, extension attributes) it refuses, and the text is then read by `ron` alone.

mod lexer;
mod parser;

pub use parser::parse;

use std::ops::Range;

/// Where something stands `[bytes of the text]`.
pub type Span = Range<usize>;

/// A value.
#[derive(Clone, Debug)]
pub struct Node {
    /// All of it, with its name and brackets.
    pub span: Span,
    /// What it is.
    pub kind: Kind,
}

/// What a value is.
#[derive(Clone, Debug)]
pub enum Kind {
    /// `Name(a: 1)` or `(a: 1)`.
    Struct(Option<String>, Vec<Field>),
    /// `Name(1, 2)`, `(1, 2)` or `()`.
    Tuple(Option<String>, Vec<Node>),
    /// `[1, 2]`.
    List(Vec<Node>),
    /// `{"a": 1}`.
    Map(Vec<(Node, Node)>),
    /// `Name`, `true`, `None`.
    Word(String),
    /// `"text"`.
    Text(String),
    /// `'c'`.
    Char(char),
    /// A number as it was written.
    Number(String),
}

/// A field of a struct.
#[derive(Clone, Debug)]
pub struct Field {
    /// Its name.
    pub name: String,
    /// Where the name stands.
    pub span: Span,
    /// Its value.
    pub value: Node,
}

impl Node {
    /// The name before the brackets, or the word itself.
    pub fn name(&self) -> Option<&str> {
        match &self.kind {
            Kind::Struct(name, _) | Kind::Tuple(name, _) => name.as_deref(),
            Kind::Word(word) => Some(word),
            _ => None,
        }
    }

    /// The fields; those of `()` are none.
    pub fn fields(&self) -> Option<&[Field]> {
        match &self.kind {
            Kind::Struct(_, fields) => Some(fields),
            Kind::Tuple(_, items) if items.is_empty() => Some(&[]),
            _ => None,
        }
    }

    /// The value of a field.
    pub fn field(&self, name: &str) -> Option<&Node> {
        self.fields()?.iter().find(|field| field.name == name).map(|field| &field.value)
    }

    /// The value under a key of a map.
    pub fn entry(&self, key: &str) -> Option<&Node> {
        let Kind::Map(entries) = &self.kind else { return None };
        let is_key = |node: &Node| matches!(&node.kind, Kind::Text(text) if text == key);
        entries.iter().find(|(node, _)| is_key(node)).map(|(_, value)| value)
    }

    /// What `Some(..)` holds, or the value itself.
    pub fn unwrapped(&self) -> &Node {
        match &self.kind {
            Kind::Tuple(Some(name), items) if name == "Some" && items.len() == 1 => &items[0],
            _ => self,
        }
    }

    /// The text, if it is one.
    pub fn text(&self) -> Option<&str> {
        match &self.kind {
            Kind::Text(text) => Some(text),
            _ => None,
        }
    }

    /// One step of a path: a field, an entry of a map, or an item by number.
    pub fn child(&self, step: &str) -> Option<&Node> {
        let node = self.unwrapped();
        match &node.kind {
            Kind::Struct(..) => node.field(step),
            Kind::Map(_) => node.entry(step),
            Kind::List(items) | Kind::Tuple(_, items) => items.get(step.parse::<usize>().ok()?),
            _ => None,
        }
    }

    /// The place to show for the whole value: its name or first bracket where it is long.
    pub fn head(&self) -> Span {
        let length = match &self.kind {
            Kind::Struct(name, _) | Kind::Tuple(name, _) => name.as_ref().map_or(1, String::len),
            Kind::List(_) | Kind::Map(_) => 1,
            _ => self.span.len(),
        };
        self.span.start..self.span.start + length
    }

    /// Just behind the opening bracket.
    pub fn inside(&self, text: &str) -> usize {
        let from = self.span.start + self.name().map_or(0, str::len);
        let bracket = text[from..self.span.end].find(['(', '{', '[']).unwrap_or(0);
        from + bracket + 1
    }

    /// What it is, for messages.
    pub fn what(&self) -> String {
        let short = |text: &str| {
            let cut: String = text.chars().take(40).collect();
            if cut.len() < text.len() { format!("{cut}…") } else { cut }
        };
        match &self.kind {
            Kind::Struct(Some(name), _) => format!("`{}(…)`", short(name)),
            Kind::Tuple(Some(name), _) => format!("`{}(…)`", short(name)),
            Kind::Struct(None, _) => "fields in parentheses".into(),
            Kind::Tuple(None, items) if items.is_empty() => "`()`".into(),
            Kind::Tuple(None, _) => "values in parentheses".into(),
            Kind::List(_) => "a list".into(),
            Kind::Map(_) => "a map".into(),
            Kind::Word(word) => format!("`{}`", short(word)),
            Kind::Text(text) => format!("the text \"{}\"", short(text)),
            Kind::Char(c) => format!("the character '{c}'"),
            Kind::Number(number) => format!("the number {}", short(number)),
        }
    }
}
