//! The wafer machine held against the reference engine.

#[path = "wafer/curve.rs"]
mod curve;
#[path = "wafer/grid.rs"]
mod grid;
#[path = "wafer/grouped.rs"]
mod grouped;
#[path = "wafer/kimi.rs"]
mod kimi;
#[path = "wafer/placed.rs"]
mod placed;
#[path = "wafer/products.rs"]
mod products;
#[path = "wafer/rectangle.rs"]
mod rectangle;
#[path = "wafer/values.rs"]
mod values;
