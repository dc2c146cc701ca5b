//! NVLink: GPUs joined by one layer of switch chips, simulated message by message.
//!
//! ```text
//!   GPU s                       switch chip k (one of 18)            GPU d
//!  issue ──► link 0 ─ serialise ─► [ any input ─► output port d ] ─► link 0 ──► endpoint
//!        ├─► link 1 ───────────────►      switch chip 1          ─► link 1 ──►
//!        └─► link 17 ──────────────►      switch chip 17         ─► link 17 ─►
//! ```
//!
//! Every GPU has one link to every switch chip, so any two GPUs are one hop apart. What happens to
//! a message:
//! 1. It is *ready* at its start time, once every message it waits for has arrived.
//! 2. Its GPU *issues* one message after another; issuing takes [`NvlinkSpec::issue`].
//! 3. It is cut into as many equal parts as the GPU has links, each rounded up to whole packets of
//!    [`NvlinkSpec::packet_payload`] bytes, each packet carrying [`NvlinkSpec::packet_overhead`].
//! 4. A part waits for its link, first come first served, and is serialised onto it.
//! 5. Its head reaches the switch's output port after [`NvlinkSpec::hop`]; there it waits behind
//!    what other GPUs send to the same destination (incast), first come first served.
//! 6. The last part's tail has arrived; [`NvlinkSpec::endpoint`] later the receiver may use it.
//!
//! Because every message puts the same part on every link, all links of a GPU, and all switch
//! chips, do the same at the same time: one plane is stepped and stands for all of them, exactly.
//!
//! Parameters come from the hardware preset (`gb200-nvl72.ron`, group `nvlink`), each with source.
//!
//! A *multicast* takes its source's links once and leaves the switches towards every other GPU. A
//! *reduction* is asked for by its receiver: after a hop every other GPU sends its part, the switches
//! add them up and send one sum. Both run at the links' rate. Between domains
//! ([`NvlinkSpec::domain`]) a message takes its GPU's port to the slower network, that network's
//! latency, and the receiver's port.
//!
//! Deviations: a switch stores without limit instead of holding the sender back by credits; parts
//! pass a port whole instead of packet by packet, which changes who waits but not when the port is
//! done; the network between domains has ports at both ends and no contention inside.

pub mod collective;
pub mod network;

pub use network::{Kind, Message, NvlinkSpec, Traffic, run};
