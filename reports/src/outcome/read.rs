//! Reads an `outcome.json` back.
//!
//! The rule: within one [`SCHEMA_VERSION`] fields may be added, never taken away or given another
//! meaning; a reader fills in what is missing and passes over what it does not know. Anything else
//! raises the version, and a reader takes only versions from [`OLDEST`] on to its own.

use super::{Outcome, SCHEMA_VERSION};
use serde_json::Value;

/// Oldest version of the format that is read.
pub const OLDEST: u32 = 2;

/// Why something is no outcome that can be read.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ReadError {
    /// The file ends in the middle.
    #[error(
        "ends in the middle, at line {line}: it was cut off; write it again with `wafersim run`"
    )]
    Truncated {
        /// Line of the end.
        line: usize,
    },
    /// No JSON.
    #[error("is no JSON: {0}")]
    NotJson(String),
    /// JSON of something else.
    #[error("is no outcome of wafersim: it has no `schema_version`")]
    NotAnOutcome,
    /// A version to come.
    #[error(
        "has format {found}, and this wafersim reads {OLDEST} to {SCHEMA_VERSION}; read it with \
         the newer wafersim that wrote it ({simulator})"
    )]
    Newer {
        /// Its version.
        found: u64,
        /// What wrote it.
        simulator: String,
    },
    /// A version long gone.
    #[error(
        "has format {found}, and this wafersim reads {OLDEST} to {SCHEMA_VERSION}; run its \
         scenario again, or read it with the wafersim that wrote it ({simulator})"
    )]
    Older {
        /// Its version.
        found: u64,
        /// What wrote it.
        simulator: String,
    },
    /// The right version, but not its fields.
    #[error("is no whole outcome: {0}")]
    Wrong(String),
}

/// The outcome in `bytes`.
///
/// # Errors
/// Bytes that are cut off, no JSON, another format, or another version of it.
pub fn read(bytes: &[u8]) -> Result<Outcome, ReadError> {
    let value: Value = serde_json::from_slice(bytes).map_err(|error| match error.is_eof() {
        true => ReadError::Truncated { line: error.line() },
        false => ReadError::NotJson(error.to_string()),
    })?;
    let found = value["schema_version"].as_u64().ok_or(ReadError::NotAnOutcome)?;
    let simulator = value["simulator"].as_str().unwrap_or("version unknown").to_string();
    if found > u64::from(SCHEMA_VERSION) {
        return Err(ReadError::Newer { found, simulator });
    }
    if found < u64::from(OLDEST) {
        return Err(ReadError::Older { found, simulator });
    }
    serde_json::from_value(value).map_err(|error| ReadError::Wrong(error.to_string()))
}
