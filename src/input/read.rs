//! Reads one text into one type, or into everything that is wrong with it.

use super::collect::{Findings, collect};
use super::outline::{self, Node};
use super::source::Source;
use crate::error::Problem;
use ron::extensions::Extensions;
use serde::de::DeserializeOwned;

/// What a text was read into.
pub struct Document<T> {
    /// The value; placeholders stand where something is wrong, `None` where nothing can be read.
    pub value: Option<T>,
    /// Everything that is wrong, in the order of the text.
    pub problems: Vec<Problem>,
    source: Source,
    outline: Option<Node>,
    findings: Findings,
}

/// Reads `source` as RON.
pub fn read<T: DeserializeOwned>(source: Source) -> Document<T> {
    let options = ron::Options::default().with_default_extension(Extensions::IMPLICIT_SOME);
    let outline = outline::parse(source.text());
    let mut document = Document {
        value: None,
        problems: Vec::new(),
        source,
        outline: None,
        findings: Findings::default(),
    };
    let refused = match options.from_str::<T>(document.source.text()) {
        Ok(value) => {
            document.value = Some(value);
            None
        }
        Err(refused) => Some(refused),
    };
    match (outline, refused) {
        (Ok(outline), Some(refused)) => {
            let (value, findings) = collect(&outline);
            document.value = value;
            document.outline = Some(outline);
            document.findings = findings;
            document.problems = document.found(&refused);
        }
        (Ok(outline), None) => document.outline = Some(outline),
        (Err((span, message)), Some(_)) => {
            document.problems.push(document.source.problem(&span, message));
        }
        // RON that this crate's outline does not know: right, only without places.
        (Err(_), None) => {}
    }
    document
}

impl<T> Document<T> {
    fn found(&self, refused: &ron::error::SpannedError) -> Vec<Problem> {
        let found = &self.findings.problems;
        if found.is_empty() {
            let offset = |position: ron::error::Position| {
                let text = self.source.text();
                let lines = text.split_inclusive('\n').take(position.line.saturating_sub(1));
                let column = position.col.saturating_sub(1);
                (lines.map(str::len).sum::<usize>() + column).min(text.len())
            };
            let span = offset(refused.span.start)..offset(refused.span.end);
            return vec![self.source.problem(&span, refused.code.to_string())];
        }
        found.iter().map(|(span, message)| self.source.problem(span, message.clone())).collect()
    }

    /// The file it was read from.
    pub fn file(&self) -> Option<&std::path::Path> {
        self.source.file()
    }

    /// A problem with what stands at `path`, for a check made after reading. `None` where the value
    /// there is a placeholder, so that its own problem has been reported already.
    pub fn problem(&self, path: &[&str], message: impl Into<String>) -> Option<Problem> {
        let message = message.into();
        let Some(mut node) = self.outline.as_ref() else {
            let file = self.source.file().map(Into::into);
            return Some(Problem { message, file, ..Problem::default() });
        };
        let mut span = node.head();
        for step in path {
            let at = (node.span.start, node.span.end);
            if self.findings.missing.iter().any(|(place, field)| *place == at && field == step) {
                return None;
            }
            let Some(child) = node.child(step) else { break };
            if self.findings.wrong.contains(&(child.span.start, child.span.end)) {
                return None;
            }
            node = child;
            span = if node.text().is_some() { node.span.clone() } else { node.head() };
        }
        Some(self.source.problem(&span, message))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hardware::{Frequency, Quantity};
    use serde::Deserialize;

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Example {
        name: String,
        count: u32,
        clock: Quantity<Frequency>,
        #[serde(default)]
        pair: Option<(u32, u32)>,
        choice: Choice,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    enum Choice {
        Auto,
        Fixed(u32),
        Full { size: u32 },
    }

    fn problems(text: &str) -> Vec<String> {
        let document = read::<Example>(Source::new(text.into(), None));
        let show = |p: &Problem| {
            format!("{}:{} {}", p.line.unwrap_or(0), p.column.unwrap_or(0), p.message)
        };
        document.problems.iter().map(show).collect()
    }

    #[test]
    fn right_text_has_no_problems() {
        for choice in ["Auto", "Fixed(3)", "Full(size: 3)"] {
            for pair in ["(1, 2)", "Some((1, 2))", "None"] {
                let text = format!(
                    "(name: \"a\", count: 1, clock: \"1 GHz\", pair: {pair}, choice: {choice})"
                );
                assert_eq!(problems(&text), [""; 0], "{text}");
            }
        }
    }

    #[test]
    fn all_problems_come_in_one_pass_with_their_places() {
        let text = "(\n  nam: \"a\",\n  count: -1,\n  clock: \"5 us\",\n  pair: (1, \"x\"),\n  choice: Fixd(3),\n)";
        assert_eq!(
            problems(text),
            [
                "2:3 unknown field `nam`; did you mean `name`?",
                "3:10 expected a whole number from 0 to 4294967295, found the number -1",
                "4:10 expected a frequency such as \"1.1 GHz\", found \"5 us\"",
                "5:13 expected a whole number from 0 to 4294967295, found the text \"x\"",
                "6:11 `Fixd(…)` is not known here; did you mean `Fixed`?",
            ]
        );
    }

    #[test]
    fn what_is_wrong_already_is_not_reported_again_by_later_checks() {
        let text = "(count: x, clock: \"1 GHz\", choice: Auto)";
        let document = read::<Example>(Source::new(text.into(), None));
        assert_eq!(document.problem(&["count"], "is zero"), None);
        assert_eq!(document.problem(&["name"], "is empty"), None);
        let clock = document.problem(&["clock"], "is slow").unwrap();
        assert_eq!((clock.column, clock.length), (Some(19), Some(7)));
    }

    #[test]
    fn variants_of_the_wrong_form_are_explained() {
        let text =
            |choice: &str| format!("(name: \"a\", count: 1, clock: \"1 GHz\", choice: {choice})");
        for (choice, message) in [
            ("Auto(3)", "1:47 expected `Auto` alone, found `Auto(…)`"),
            ("Fixed", "1:47 expected `Fixed(…)` with one value in it, found `Fixed`"),
            ("Full(3)", "1:47 expected fields in parentheses (`size`), found `Full(…)`"),
            (
                "\"Auto\"",
                "1:47 the text \"Auto\" is not known here; expected one of `Auto`, `Fixed`, `Full`",
            ),
        ] {
            let found = problems(&text(choice));
            assert_eq!(found, [message], "{choice}");
        }
    }
}
