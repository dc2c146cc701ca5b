//! Dispatch of tokens to the GPUs of their experts, and combine: the results on their way back.
//!
//! ```text
//!   one side, dispatch:  launches ─► write into the receivers' memory ─┬─► flags
//!                                    ranks of a token, one by one ─────┘
//!             combine:   launches ─► flags ─► read from the senders' memory ─┬─► done
//!                                             ranks of a token, one by one ──┘
//!   two sides:           prepare (how many tokens come) ─► launches ─► copy into queues, out of queues
//! ```
//!
//! With one side few tokens wait for the ranks of one token, many for the links. A dispatch takes a place
//! in the receiver's memory for each rank (an access of its own memory), a combine reads over the links
//! (there and back). With two sides every copy of a token goes through a queue at the links' rate, also one
//! that stays on its GPU; a combine takes every copy in and out of HBM once more to add up.
//!
//! Launches, accesses of memory and messages in turn are counted (`Count`); what each costs is shared
//! with all other kernels.

use super::{Collectives, Key, Timed};
use crate::error::Error;
use crate::nvl72::hardware::Nvl72Facts;
use crate::nvl72::layout::Layout;
use crate::nvl72::load::Draw;
use sim_core::Bytes;
use sim_fabric::nvlink::collective;

/// How tokens travel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Sides {
    /// Ranks write into each other's memory.
    #[default]
    One,
    /// Ranks send and receive; a prepare step tells how many tokens come.
    Two,
}

/// What is exchanged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Exchange {
    /// The layout whose GPUs exchange.
    pub layout: Layout,
    /// Tokens over all of them.
    pub tokens: u64,
    /// Bytes of a token `[bytes]`.
    pub token_bytes: u64,
    /// Whether all tokens are of one attention group.
    pub one_group: bool,
    /// How they travel.
    pub sides: Sides,
}

/// What comes one behind the other in an exchange beside its payload.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Count {
    /// Kernels.
    launches: u32,
    /// Accesses to a GPU's own memory.
    trips: f64,
    /// Messages, the payload's own aside.
    messages: f64,
}

impl Count {
    fn seconds(self, facts: &Nvl72Facts) -> f64 {
        facts.chain(self.launches, self.trips) + self.messages * facts.nvlink.latency.get()
    }
}

/// Two counts sent in turn.
const PREPARE: Count = Count { launches: 3, trips: 4.0, messages: 1.0 };
/// Tokens whose experts a block of 128 threads counts in a round trip.
const COUNTED_A_TRIP: f64 = 128.0;

/// Of a dispatch, or a combine (`back`).
fn count(sides: Sides, back: bool) -> Count {
    let (trips, messages) = match (sides, back) {
        // Which experts, on which ranks, how many there, where to; flags behind the payload.
        (Sides::One, false) => (5.0, 1.0),
        // Results into the buffer; flags before the payload.
        (Sides::One, true) => (2.0, 2.0),
        (Sides::Two, false) => (3.0, 1.0),
        (Sides::Two, true) => (4.0, 1.0),
    };
    Count { launches: 3, trips, messages }
}

/// A time that dispatch and combine with one side cannot beat together `[s]`.
pub(in crate::nvl72) fn floor(facts: &Nvl72Facts) -> f64 {
    [false, true].map(|back| count(Sides::One, back).seconds(facts)).iter().sum()
}

/// Draws that are simulated at most.
const SIMULATED: u64 = 4;

impl Collectives<'_> {
    /// Tokens to the GPUs of their experts, or (`back`) the results to the tokens' GPUs, as a mean
    /// over some of `draws`. With `one_group` all tokens are of one request, else they are spread
    /// over all attention groups; the GPUs of a group share its tokens out.
    pub fn exchange(&self, of: Exchange, back: bool, draws: &[Draw]) -> Result<Timed, Error> {
        self.remember(Key::Exchange { exchange: of, back }, || {
            let layout = of.layout;
            let gpus = layout.gpus();
            let (groups, tp) = (layout.attention_data_parallel, layout.tensor_parallel);
            let source = |token: u32| {
                if of.one_group { token % tp } else { token % groups * tp + token / groups % tp }
            };
            let used =
                (1024 / of.tokens.max(1)).clamp(1, SIMULATED).min(draws.len() as u64) as usize;
            let algorithm = if back { "combine" } else { "dispatch" };
            let mut mean = Timed { algorithm, ..Timed::default() };
            for draw in &draws[..used] {
                let timed = self.one(of, back, draw, &draw.pairs(gpus, source), algorithm)?;
                mean.split.add(&timed.split, 1.0 / used as f64);
                mean.link_bytes += timed.link_bytes / used as u64;
            }
            Ok(mean)
        })
    }

    /// The step before a dispatch with two sides: everybody learns how many tokens come.
    pub fn prepare(&self, ranks: u32, tokens: u64) -> Result<Timed, Error> {
        let trips = tokens as f64 / COUNTED_A_TRIP;
        let fixed = PREPARE.seconds(self.facts) + self.facts.chain(0, trips);
        self.time(ranks, &collective::counts(ranks), "prepare", fixed, 0.0)
    }

    fn one(
        &self,
        of: Exchange,
        back: bool,
        draw: &Draw,
        pairs: &[Vec<u32>],
        algorithm: &'static str,
    ) -> Result<Timed, Error> {
        let messages = if back {
            collective::combine(pairs, of.token_bytes)
        } else {
            collective::dispatch(pairs, of.token_bytes)
        };
        let count = count(of.sides, back);
        let gpus = of.layout.gpus();
        let fixed = count.seconds(self.facts);
        let mut timed = self.time(gpus, &messages, algorithm, fixed, 0.0)?;
        let flow = timed.split.fabric_us;
        let beside = match of.sides {
            Sides::One => {
                let ranks = f64::from(draw.top_k.min(gpus.saturating_sub(1)));
                let flags = self.time(gpus, &collective::counts(gpus), algorithm, 0.0, 0.0)?;
                let latency = self.facts.nvlink.latency.get();
                let (rank, first) = if back {
                    // There and back, for each rank.
                    (2.0 * latency, latency)
                } else {
                    (self.facts.hbm.round_trip.get(), 0.0)
                };
                flags.split.fabric_us + (ranks * rank - first).max(0.0) * 1e6
            }
            // The queues of the GPU with most copies, those that stay included.
            Sides::Two => {
                let copies = |gpu: usize| {
                    let out: u64 = pairs[gpu].iter().map(|&count| u64::from(count)).sum();
                    let into: u64 = pairs.iter().map(|row| u64::from(row[gpu])).sum();
                    out.max(into)
                };
                let bytes = (0..pairs.len()).map(copies).max().unwrap_or(0) * of.token_bytes;
                if back {
                    timed.split.memory_us += self.in_and_out(bytes) * 1e6;
                }
                self.facts.domain(gpus).serialisation(Bytes(bytes)).seconds() * 1e6
            }
        };
        timed.split.waiting_us += (beside - flow).max(0.0);
        Ok(timed)
    }
}
