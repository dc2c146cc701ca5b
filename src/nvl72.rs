//! The GPU rack: parallel layout, kernels, messages through the switches, and replay.

pub mod spec;
