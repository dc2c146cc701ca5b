//! What is to be run: a model read from its published configuration, its forward pass as a graph of
//! operators, expert routing, and requests. It knows nothing of machines.
//!
//! ```text
//! config.json -> model::import -> Model -> forward::forward -> ForwardPass (operators and edges)
//!                                   |
//!                                   +-> routing (which experts a token uses), request (what is asked)
//! ```

pub mod forward;
pub mod model;
pub mod request;
pub mod routing;
