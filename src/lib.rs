//! wafersim: cycle-level simulation of wafer-scale and GPU-rack inference.

pub mod hardware;
pub mod wafer;
