//! The engine below every machine: whole-number time, one event queue with a total order, named
//! random streams. It knows nothing of chips.

pub mod queue;
pub mod random;
pub mod time;

pub use queue::EventQueue;
pub use random::Stream;
pub use time::{Bytes, Clock, Cycles, Picos};
