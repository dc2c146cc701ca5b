//! What of a rack is stepped, what is a fixed latency or a closed form, and what is absent.

use reports::outcome::Fidelity;

/// Mechanism, how it is represented, and a sentence on it.
const ROWS: [(&str, &str, &str); 17] = [
    (
        "collectives",
        "stepped",
        "Every message of a group, its serialisation on the links and its wait at switch ports.",
    ),
    (
        "in-switch reduction and multicast",
        "stepped",
        "Reductions asked for and answered once, multicasts out of every port; the start of such an all-reduce is fitted.",
    ),
    (
        "link striping",
        "stepped",
        "A message is cut evenly over all links; the planes are equal, so one is stepped.",
    ),
    (
        "expert load",
        "stepped",
        "Sampled choices of tokens, a draw for each layer, copies of popular experts if asked for; the fullest GPU decides.",
    ),
    (
        "decode over context",
        "stepped",
        "A step is simulated at nine contexts along the request and integrated between them.",
    ),
    (
        "latency of a message",
        "fixed latency",
        "One fitted time from issue to use for all collectives; no published figure for a hop exists.",
    ),
    (
        "flags of dispatch and combine",
        "closed form",
        "Counted launches, accesses and messages in turn, beside which payload flows; what each costs is shared with all kernels.",
    ),
    (
        "host",
        "fixed latency",
        "A part for each step and one for each sequence, fitted on half of the measured whole models.",
    ),
    (
        "kernels",
        "closed form",
        "Launches and accesses in turn, each at one fitted cost, and the longest of waves of tiles, HBM time and arithmetic; no L2.",
    ),
    (
        "fused experts",
        "closed form",
        "The faster of a kernel for few tokens and one for many, made of the launches, accesses and steps of any product.",
    ),
    (
        "shared experts",
        "closed form",
        "A stream of its own beside router, dispatch and routed experts; what that does not hide is shown.",
    ),
    (
        "prefill",
        "closed form",
        "The same kernels over chunks of the prompt on an idle replica; attention over whole keys.",
    ),
    (
        "pipeline of stages",
        "closed form",
        "A token's way through all stages; batches fill the pipeline evenly.",
    ),
    (
        "prefill beside decode",
        "absent",
        "With several requests in flight a new prompt does not slow the others down (`gpu decode --prompt-tokens` adds it).",
    ),
    (
        "overlap of kernels and collectives",
        "stepped",
        "Where the layout asks for half batches, one computes while the other's tokens travel; else computing and communicating take turns.",
    ),
    ("switch back-pressure", "absent", "A switch stores what waits for a port."),
    ("speculative decoding", "absent", "One token a step."),
];

/// The list for the outcome.
pub fn fidelity() -> Vec<Fidelity> {
    ROWS.iter()
        .map(|&(mechanism, how, note)| Fidelity {
            mechanism: mechanism.to_string(),
            how: how.to_string(),
            note: note.to_string(),
        })
        .collect()
}
