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
        "link striping",
        "stepped",
        "A message is cut evenly over all links; the planes are equal, so one is stepped.",
    ),
    (
        "expert load",
        "stepped",
        "Sampled choices of tokens, a draw for each layer; the fullest GPU decides.",
    ),
    (
        "decode over context",
        "stepped",
        "A step is simulated at nine contexts along the request and integrated between them.",
    ),
    (
        "switch hop, endpoint",
        "fixed latency",
        "No published figure for a hop exists; the sum is fitted on one measured row.",
    ),
    (
        "kernels",
        "closed form",
        "A fixed cost and the longer of HBM time and arithmetic; no waves, no tiles, no L2.",
    ),
    ("prefill", "closed form", "The same kernels over chunks of the prompt on an idle replica."),
    (
        "attention in prefill",
        "closed form",
        "In the absorbed form, as in decode; engines use the form with whole keys, which computes \
         less.",
    ),
    (
        "shared expert",
        "closed form",
        "One more expert in the launches of the routed ones; some engines launch it apart.",
    ),
    (
        "prefill beside decode",
        "absent",
        "With several requests in flight a new prompt does not slow the others down.",
    ),
    ("overlap of kernels", "absent", "One stream; computing and communicating take turns."),
    (
        "in-switch reduction and multicast",
        "absent",
        "All-reduces are one-shot or two-shot through the GPUs.",
    ),
    ("switch back-pressure", "absent", "A switch stores what waits for a port."),
    ("replicated experts", "absent", "Each expert stands on one set of GPUs."),
    ("low-precision arithmetic", "absent", "Weights are read as stored and computed in 16 bit."),
    ("host", "absent", "Steps follow each other without a gap; the CUDA graph is launched ahead."),
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
