//! The wafer machine held against the reference engine.

#[path = "wafer/grouped.rs"]
mod grouped;
#[path = "wafer/kimi.rs"]
mod kimi;
#[path = "wafer/rectangle.rs"]
mod rectangle;
#[path = "wafer/values.rs"]
mod values;
