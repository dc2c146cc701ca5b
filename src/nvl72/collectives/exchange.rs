//! Dispatch of tokens to the GPUs of their experts, and combine: the results on their way back.
//!
//! ```text
//!   one side:   launch ─► write into the receivers' memory ─┬─► done when the last flag is seen
//!                         flags of all ranks ───────────────┘
//!   two sides:  prepare (how many tokens come) ─► launch ─► copy into queues, out of queues
//! ```
//!
//! With one side a chain of flags runs beside the payload: few tokens wait for the flags, many for the
//! links. With two sides every copy of a token goes through a queue, also one that stays on its GPU.

use super::{Collectives, Key, Timed};
use crate::error::Error;
use crate::nvl72::layout::Layout;
use crate::nvl72::load::Draw;
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
                let timed = self.one(of, back, &draw.pairs(gpus, source), algorithm)?;
                mean.split.add(&timed.split, 1.0 / used as f64);
                mean.link_bytes += timed.link_bytes / used as u64;
            }
            Ok(mean)
        })
    }

    /// The step before a dispatch with two sides: everybody learns how many tokens come.
    pub fn prepare(&self, ranks: u32, tokens: u64) -> Result<Timed, Error> {
        let costs = &self.facts.collective;
        let fixed = costs.two_sided_fixed.get() + tokens as f64 * costs.prepare_token.get();
        self.time(ranks, &collective::counts(ranks), "prepare", fixed)
    }

    fn one(
        &self,
        of: Exchange,
        back: bool,
        pairs: &[Vec<u32>],
        algorithm: &'static str,
    ) -> Result<Timed, Error> {
        let costs = &self.facts.collective;
        let (fixed, flags) = match (of.sides, back) {
            (Sides::Two, _) => (&costs.two_sided_fixed, None),
            (Sides::One, false) => (&costs.dispatch_fixed, Some(&costs.dispatch_flags)),
            (Sides::One, true) => (&costs.combine_fixed, Some(&costs.combine_flags)),
        };
        let messages = if back {
            collective::combine(pairs, of.token_bytes)
        } else {
            collective::dispatch(pairs, of.token_bytes)
        };
        let gpus = of.layout.gpus();
        let ranks = match of.sides {
            Sides::One => f64::from(gpus).log2() * costs.exchange_ranks.get(),
            Sides::Two => 0.0,
        };
        let mut timed = self.time(gpus, &messages, algorithm, fixed.get() + ranks)?;
        let flow = timed.split.fabric_us;
        let beside = match flags {
            Some(flags) => flags.get() * 1e6,
            // The queues of the GPU with most copies, those that stay included.
            None => {
                let copies = |gpu: usize| {
                    let out: u64 = pairs[gpu].iter().map(|&count| u64::from(count)).sum();
                    let into: u64 = pairs.iter().map(|row| u64::from(row[gpu])).sum();
                    out.max(into)
                };
                let most = (0..pairs.len()).map(copies).max().unwrap_or(0);
                let rate = if back { &costs.two_sided_gather } else { &costs.two_sided_copy };
                (most * of.token_bytes) as f64 / rate.get() * 1e6
            }
        };
        timed.split.waiting_us += (beside - flow).max(0.0);
        Ok(timed)
    }
}
