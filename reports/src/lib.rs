//! What comes out of a run: the outcome and its schema, and how people see it. It knows nothing of
//! how the numbers came about.
//!
//! ```text
//! Outcome -> summary   ten seconds of text for the terminal
//!         -> html      report.html, one file that works offline
//!         -> plots     PNG pictures
//!         -> metrics   flat figures: baselines, changes, two outcomes compared
//!         -> folder    all of it and outcome.json, complete or absent
//! ```
//!
//! `view` derives what several of them show; `format` and `parts` give numbers and shares of time
//! one look everywhere. Everything is drawn from [`outcome::Outcome`] alone.

pub mod baseline;
pub mod change;
pub mod compare;
pub mod folder;
mod format;
mod heat;
pub mod html;
pub mod metrics;
pub mod outcome;
mod parts;
pub mod plots;
pub mod summary;
pub mod tables;
mod view;

pub use outcome::Outcome;

pub use folder::{FolderError, ResultFolder, write_all};
