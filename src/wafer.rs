//! The wafer machine: placement, lowering of operators to programs for PEs, and replay.

pub mod hardware;
pub mod spec;
