//! A text with the edits that `--set` made to it, and where each byte of it comes from.

use crate::error::Problem;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// A text made of pieces of a file and of pieces that were set.
#[derive(Clone, Debug)]
pub struct Source {
    file: Option<PathBuf>,
    original: String,
    text: String,
    pieces: Vec<Piece>,
}

/// A stretch of the edited text.
#[derive(Clone, Debug)]
struct Piece {
    /// Length in the edited text `[bytes]`.
    length: usize,
    origin: Origin,
}

#[derive(Clone, Debug)]
enum Origin {
    /// From this byte of the file on.
    File(usize),
    /// From an option, as the user typed it: "--set seed=x".
    Option(String),
}

impl Source {
    /// A text that stands in `file`, or in none.
    pub fn new(text: String, file: Option<&Path>) -> Self {
        let pieces = vec![Piece { length: text.len(), origin: Origin::File(0) }];
        Self { file: file.map(Path::to_owned), original: text.clone(), text, pieces }
    }

    /// The text as edited.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The file the text stands in.
    pub fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    /// Replaces `range` by `replacement`, which came from `option`.
    pub fn edit(&mut self, range: Range<usize>, replacement: &str, option: &str) {
        let new = Piece { length: replacement.len(), origin: Origin::Option(option.to_string()) };
        let mut new = Some(new);
        let mut pieces = Vec::with_capacity(self.pieces.len() + 2);
        let mut start = 0;
        for piece in self.pieces.drain(..) {
            let end = start + piece.length;
            if start < range.start {
                let length = piece.length.min(range.start - start);
                pieces.push(Piece { length, origin: piece.origin.clone() });
            }
            if end >= range.start {
                pieces.extend(new.take());
            }
            if end > range.end {
                let skipped = range.end.max(start) - start;
                pieces.push(piece.from(skipped));
            }
            start = end;
        }
        pieces.extend(new);
        self.pieces = pieces;
        self.text.replace_range(range, replacement);
    }

    /// A problem at `span` of the edited text.
    pub fn problem(&self, span: &Range<usize>, message: impl Into<String>) -> Problem {
        let message = message.into();
        let mut start = 0;
        for piece in &self.pieces {
            let end = start + piece.length;
            if span.start < end || (span.start == end && end == self.text.len()) {
                return match &piece.origin {
                    Origin::File(offset) => {
                        let at = offset + span.start - start;
                        let length = span.end.min(end).saturating_sub(span.start);
                        self.problem_in_file(at, length, message)
                    }
                    Origin::Option(option) => {
                        Problem { message: format!("{option}: {message}"), ..Problem::default() }
                    }
                };
            }
            start = end;
        }
        Problem { message, file: self.file.clone(), ..Problem::default() }
    }

    fn problem_in_file(&self, at: usize, length: usize, message: String) -> Problem {
        let before = self.original.get(..at).unwrap_or(&self.original);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let marked = self.original.get(at..at + length).unwrap_or("");
        let marked = marked.lines().next().unwrap_or("").chars().count();
        Problem {
            message,
            file: self.file.clone(),
            line: Some(before.matches('\n').count() + 1),
            column: Some(before[line_start..].chars().count() + 1),
            length: Some(marked.max(1)),
        }
    }
}

impl Piece {
    /// What is left of it after its first `skipped` bytes.
    fn from(self, skipped: usize) -> Self {
        let origin = match self.origin {
            Origin::File(offset) => Origin::File(offset + skipped),
            option @ Origin::Option(_) => option,
        };
        Self { length: self.length - skipped, origin }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(source: &Source, at: usize) -> (Option<usize>, Option<usize>) {
        let problem = source.problem(&(at..at + 1), "");
        (problem.line, problem.column)
    }

    #[test]
    fn places_count_lines_and_characters_from_one() {
        let source = Source::new("a\nüb\n".into(), None);
        assert_eq!(place(&source, 0), (Some(1), Some(1)));
        assert_eq!(place(&source, 4), (Some(2), Some(2)));
    }

    #[test]
    fn places_after_an_edit_are_those_of_the_file() {
        let mut source = Source::new("one two three".into(), None);
        source.edit(4..7, "a long replacement", "--set a=b");
        source.edit(0..0, "begin ", "--set c=d");
        assert_eq!(source.text(), "begin one a long replacement three");
        let at = |word: &str| source.text().find(word).unwrap();
        assert_eq!(place(&source, at("one")), (Some(1), Some(1)));
        assert_eq!(place(&source, at("three")), (Some(1), Some(9)));
        let problem = source.problem(&(at("long")..at("long") + 4), "wrong");
        assert_eq!((problem.message.as_str(), problem.line), ("--set a=b: wrong", None));
    }

    #[test]
    fn an_edit_may_replace_earlier_edits() {
        let mut source = Source::new("(seed: 1)".into(), None);
        source.edit(7..8, "22", "first");
        source.edit(7..9, "333", "second");
        assert_eq!(source.text(), "(seed: 333)");
        assert_eq!(source.problem(&(7..10), "x").message, "second: x");
        assert_eq!(place(&source, 10), (Some(1), Some(9)));
    }
}
