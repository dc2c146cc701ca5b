//! The wafer machine: placement, lowering of operators to programs for PEs, and replay.

pub mod choices;
pub mod decode;
pub mod fidelity;
pub mod field;
pub mod grid;
pub mod hardware;
pub mod inspect;
pub mod instruction;
pub mod kernels;
pub mod layer;
pub mod machine;
pub mod mapper;
pub mod maps;
pub mod outcome;
pub mod parts;
pub mod phase;
pub mod place;
pub mod replay;
pub mod sensitivity;
pub mod spec;
pub mod timer;
pub mod trace;
pub mod values;
