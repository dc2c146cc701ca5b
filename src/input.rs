//! Reading what people write: RON files with every problem found in one pass, each with its place.
//!
//! ```text
//! file + edits of --set ─► Source ─► outline (a tree of values with their places)
//!                             │           │
//!                             └─► ron ────┼─► value                      the file is right
//!                                         └─► collect ─► every problem   the file is wrong
//! ```
//!
//! `ron` decides what is right. It stops at the first problem, so for a wrong file `collect` reads
//! the outline through serde again, notes each problem, puts a placeholder in its place and goes on.
//! What is found wrong after reading (a zero, a missing file) gets its place from the outline by path.

mod collect;
pub mod outline;
mod placeholder;
pub mod read;
pub mod source;
pub mod suggest;

pub use placeholder::{PLACEHOLDER, fields_of};
pub use read::{Document, read};
pub use source::Source;
