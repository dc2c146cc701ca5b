//! The wafer machine: placement, lowering of operators to programs for PEs, and replay.

pub mod choices;
pub mod field;
pub mod hardware;
pub mod kernels;
pub mod layer;
pub mod mapper;
pub mod phase;
pub mod spec;
pub mod timer;
mod try_it;
