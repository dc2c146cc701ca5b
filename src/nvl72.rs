//! The GPU rack: parallel layout, kernels, messages through the switches, and replay.
//!
//! ```text
//!   forward pass ─► plan ─► step ─┬─ kernels: HBM bytes, arithmetic, a fixed cost each
//!                                 └─ collectives: messages through 18 switch chips
//!   layout, batch ─► place (bytes per GPU) ─► replay (prompt, then token by token) ─► outcome
//! ```
//!
//! What happens in a decode step, layer by layer on every GPU of a replica: kernels run one after
//! the other on one stream of a CUDA graph. A kernel takes its fixed cost and the longer of its
//! memory time and its arithmetic. Weights are read once a step; all tokens share the read. After
//! the output projection and after the feed-forward part the tensor-parallel GPUs add up their
//! partial sums; with attention data parallel, tokens travel to their experts and back. The GPU
//! whose experts got most work holds all others up.
//!
//! Weights are read as they are stored; products are computed in 16 bit whatever the storage
//! (weights are unpacked on the way into the tensor cores, as Marlin-like kernels do).
//!
//! Parameters: `examples/hardware/gb200-nvl72.ron`. Deviations are the `fidelity` list of the
//! outcome ([`fidelity`]); how far the model is from measurements stands in `nvl72/validation.rs`.

pub mod collectives;
pub mod fidelity;
pub mod frontier;
pub mod hardware;
pub mod kernels;
pub mod layout;
pub mod load;
pub mod outcome;
pub mod place;
pub mod plan;
pub mod replay;
pub mod sensitivity;
pub mod spec;
pub mod step;
pub mod storage;

pub use hardware::{Nvl72Facts, Nvl72Preset};
pub use layout::Layout;
pub use spec::{LayoutChoice, Nvl72Machine, Nvl72Spec};

#[cfg(test)]
mod validation;

/// The preset of the repository.
#[cfg(test)]
pub(crate) fn gb200() -> Nvl72Preset {
    ron::from_str(include_str!("../examples/hardware/gb200-nvl72.ron")).unwrap()
}
