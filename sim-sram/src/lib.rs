//! What holds data and works on it in place: vector operations of a PE, how their
//! operands lie, and the capacity ledger.

pub mod ledger;
pub mod vector;
pub mod walk;

pub use ledger::{Ledger, Owner};
pub use vector::{Cost, Kind, PeSpec, VectorOp};
pub use walk::{Dim, Index, Walk};
