//! The wafer machine held against the reference engine.

#[path = "wafer/rectangle.rs"]
mod rectangle;
