//! Typed access to the keys of one object, which reports what it does not find instead of stopping.

use super::position::{KeyPositions, join};
use super::problem::ConfigProblem;
use serde_json::{Map, Value};
use std::cell::RefCell;

/// The problems found so far.
#[derive(Debug)]
pub(super) struct Problems<'a> {
    positions: &'a KeyPositions<'a>,
    list: RefCell<Vec<ConfigProblem>>,
}

impl<'a> Problems<'a> {
    pub(super) fn new(positions: &'a KeyPositions<'a>) -> Self {
        Self { positions, list: RefCell::default() }
    }

    pub(super) fn into_list(self) -> Vec<ConfigProblem> {
        self.list.into_inner()
    }

    /// A key that is read twice is reported once.
    fn push(&self, path: &str, message: String) {
        let problem = ConfigProblem::at(self.positions.get(path), message);
        let mut list = self.list.borrow_mut();
        if !list.contains(&problem) {
            list.push(problem);
        }
    }
}

/// One object of the file.
#[derive(Clone, Debug)]
pub(super) struct Section<'a> {
    object: &'a Map<String, Value>,
    /// Empty at the top level.
    path: String,
    problems: &'a Problems<'a>,
}

impl<'a> Section<'a> {
    pub(super) fn root(object: &'a Map<String, Value>, problems: &'a Problems<'a>) -> Self {
        Self { object, path: String::new(), problems }
    }

    /// Whether `key` is there and not `null`.
    pub(super) fn has(&self, key: &str) -> bool {
        self.object.get(key).is_some_and(|value| !value.is_null())
    }

    /// Reports that `key` "…is wrong in this way", at its place.
    pub(super) fn report(&self, key: &str, what: &str) {
        let path = join(&self.path, key);
        self.problems.push(&path, format!("`{path}` {what}"));
    }

    /// Reports that this object "…is wrong in this way", at its place.
    pub(super) fn report_here(&self, what: &str) {
        self.problems.push(&self.path, format!("`{}` {what}", self.path));
    }

    /// Reports that `key` is missing, at the place of this object.
    pub(super) fn report_missing(&self, key: &str, expected: &str) {
        let place = if self.path.is_empty() {
            "at the top level of the file".to_owned()
        } else {
            format!("in `{}`", self.path)
        };
        let message = format!("`{key}` is missing: {expected}, looked for {place}");
        self.problems.push(&self.path, message);
    }

    /// A whole number from `low` to `high`.
    pub(super) fn size(&self, key: &str, low: u32, high: u32) -> Option<u32> {
        let expected = format!("must be a whole number from {low} to {high}");
        self.get(key, &expected, |value| {
            value.as_u64().and_then(|n| u32::try_from(n).ok()).filter(|n| (low..=high).contains(n))
        })
    }

    /// The same if the key is there, else `absent`.
    pub(super) fn optional_size(
        &self,
        key: &str,
        low: u32,
        high: u32,
        absent: Option<u32>,
    ) -> Option<u32> {
        if self.has(key) { self.size(key, low, high) } else { absent }
    }

    /// A list of whole numbers from `low` to `high`.
    pub(super) fn sizes(&self, key: &str, low: u32, high: u32) -> Option<Vec<u32>> {
        let expected = format!("must be a list of whole numbers from {low} to {high}");
        let number = |value: &Value| {
            let number = u32::try_from(value.as_u64()?).ok()?;
            (low..=high).contains(&number).then_some(number)
        };
        self.get(key, &expected, |value| value.as_array()?.iter().map(number).collect())
    }

    /// A number above 0, at most 1.
    pub(super) fn share(&self, key: &str) -> Option<f64> {
        let expected = "must be a number above 0 and at most 1";
        self.get(key, expected, |value| value.as_f64().filter(|n| *n > 0.0 && *n <= 1.0))
    }

    /// A string.
    pub(super) fn string(&self, key: &str) -> Option<&'a str> {
        self.get(key, "must be a string", Value::as_str)
    }

    /// A list of strings.
    pub(super) fn strings(&self, key: &str) -> Option<Vec<String>> {
        self.get(key, "must be a list of strings", |value| {
            let text = |value: &Value| value.as_str().map(str::to_owned);
            value.as_array()?.iter().map(text).collect()
        })
    }

    /// A pair of whole numbers from `low` to `high`.
    pub(super) fn pair(&self, key: &str, low: u32, high: u32) -> Option<[u32; 2]> {
        let expected = format!("must be two whole numbers from {low} to {high}");
        self.get(key, &expected, |value| match value.as_array()?.as_slice() {
            [first, second] => {
                let number = |value: &Value| {
                    let number = u32::try_from(value.as_u64()?).ok()?;
                    (low..=high).contains(&number).then_some(number)
                };
                Some([number(first)?, number(second)?])
            }
            _ => None,
        })
    }

    /// `true` or `false` if the key is there; anything else in its place is reported.
    pub(super) fn flag(&self, key: &str) -> Option<bool> {
        if self.has(key) { self.get(key, "must be true or false", Value::as_bool) } else { None }
    }

    /// An object.
    pub(super) fn section(&self, key: &str) -> Option<Section<'a>> {
        let object = self.get(key, "must be an object", Value::as_object)?;
        Some(Section { object, path: join(&self.path, key), problems: self.problems })
    }

    /// The keys of this object, in alphabetical order.
    pub(super) fn keys(&self) -> impl Iterator<Item = &'a String> {
        self.object.keys()
    }

    /// Reports `key` if it is there with a value that the simulator does not model.
    pub(super) fn must_be(&self, key: &str, only: impl Into<Value>) {
        let only = only.into();
        if let Some(value) = self.object.get(key)
            && !value.is_null()
            && *value != only
        {
            self.report(key, &format!("is {}, but only {only} is supported", brief(value)));
        }
    }

    fn get<T>(
        &self,
        key: &str,
        expected: &str,
        read: impl FnOnce(&'a Value) -> Option<T>,
    ) -> Option<T> {
        let Some(value) = self.object.get(key) else {
            self.report_missing(key, &format!("it {expected}"));
            return None;
        };
        let result = read(value);
        if result.is_none() {
            self.report(key, &format!("{expected}, but is {}", brief(value)));
        }
        result
    }
}

/// A value short enough for a message.
fn brief(value: &Value) -> String {
    match value {
        Value::Array(list) => format!("a list of {}", list.len()),
        Value::Object(map) => format!("an object of {} keys", map.len()),
        other => {
            let text = other.to_string();
            if text.chars().count() > 60 {
                format!("{}…", text.chars().take(60).collect::<String>())
            } else {
                text
            }
        }
    }
}
