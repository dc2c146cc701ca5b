//! What holds data and works on it in place: vector operations of a PE, how their
//! operands lie, and the capacity ledger.

pub mod bank;
pub mod ledger;
pub mod operation;
pub mod vector;
pub mod walk;

pub use bank::Busy;
pub use ledger::{Ledger, Owner};
pub use operation::{Arithmetic, Element, Operation, Placement, Refused, Timed};
pub use vector::{Cost, Kind, PeSpec, VectorOp};
pub use walk::{Dim, Index, Walk};
