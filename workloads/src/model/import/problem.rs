//! One problem of a configuration file.

use super::position::Position;

/// What is wrong with a `config.json`, and where if it is in one place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ConfigProblem {
    /// What is wrong and what is expected.
    pub message: String,
    /// Line, counted from 1.
    pub line: Option<usize>,
    /// Column in characters, counted from 1.
    pub column: Option<usize>,
}

impl ConfigProblem {
    /// A problem at `position`, if it has one.
    pub(super) fn at(position: Option<Position>, message: String) -> Self {
        Self { message, line: position.map(|p| p.line), column: position.map(|p| p.column) }
    }

    /// An error of the JSON parser, whose columns count bytes.
    pub(super) fn syntax(text: &str, error: &serde_json::Error) -> Self {
        let message = error.to_string();
        let message = message.rsplit_once(" at line ").map_or(&*message, |(reason, _)| reason);
        let bytes = error.column().saturating_sub(1);
        let line = text.split('\n').nth(error.line().saturating_sub(1)).unwrap_or("");
        let column = 1 + line.char_indices().take_while(|(offset, _)| *offset < bytes).count();
        Self {
            message: format!("not valid JSON: {message}"),
            line: Some(error.line().max(1)),
            column: Some(column),
        }
    }
}
