//! What is to be run: a model read from its published configuration, its forward pass as a graph of
//! operators, expert routing, and requests. It knows nothing of machines.
//!
//! ```text
//! config.json -> model::import -> Model -> forward::forward -> ForwardPass (operators and edges)
//! ```

pub mod forward;
pub mod model;
