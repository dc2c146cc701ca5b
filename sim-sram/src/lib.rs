//! What holds data and works on it in place: vector operations of a PE, and the capacity ledger.

pub mod ledger;
pub mod vector;

pub use ledger::{Ledger, Owner};
pub use vector::{Cost, Kind, PeSpec, VectorOp};
