//! wafersim: cycle-level simulation of wafer-scale and GPU-rack inference.

pub mod error;
pub mod hardware;
pub mod input;
pub mod machine;
pub mod nvl72;
pub mod scenario;
pub mod wafer;
