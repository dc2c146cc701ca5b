//! The GPU rack: parallel layout, kernels, messages through the switches, and replay.
//!
//! ```text
//!   forward pass ─► plan ─► step ─┬─ kernels: HBM bytes, arithmetic, a fixed cost each
//!                                 └─ collectives: messages through 18 switch chips
//!   layout, batch ─► place (bytes per GPU) ─► replay (prompt, then token by token) ─► outcome
//! ```
//!
//! What happens in a decode step, layer by layer on every GPU of a replica: kernels run one after
//! the other on one stream of a CUDA graph, the shared experts on another one beside it. A kernel takes its
//! fixed costs and the longest of its waves of tiles, its memory time and its arithmetic ([`kernels`]).
//! Weights are read once a step; all tokens share the read. After the output projection and after the
//! feed-forward part the tensor-parallel GPUs add up their partial sums; with attention data parallel,
//! tokens travel to their experts and back ([`collectives`]). The GPU whose experts got most work holds all
//! others up. At the end of a step the host does its part.
//!
//! Weights are read as they are stored. Floats of 8 and 4 bit in scaled blocks are multiplied as they are,
//! integers are unpacked on the way into the tensor cores and multiplied in 16 bit.
//!
//! Parameters: `examples/hardware/{gb200-nvl72,gb300-nvl72,b200x8,h200x8}.ron`. Deviations are the
//! `fidelity` list of the outcome ([`fidelity`]) and `docs/deviations.md`; how far the model is from
//! measurements is computed by [`validation`].

pub mod collectives;
pub mod disaggregated;
pub mod fidelity;
pub mod frontier;
mod halves;
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
pub mod trace;

pub use hardware::{Nvl72Facts, Nvl72Preset};
pub use layout::Layout;
pub use spec::{LayoutChoice, Nvl72Machine, Nvl72Spec};

pub mod validation;

/// The preset of the repository.
#[cfg(test)]
pub(crate) fn gb200() -> Nvl72Preset {
    ron::from_str(include_str!("../examples/hardware/gb200-nvl72.ron")).unwrap()
}
