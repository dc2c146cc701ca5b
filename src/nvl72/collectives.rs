//! Collectives of a replica, each simulated as messages through the switches.
//!
//! Groups that work at the same time use ports of their own (a switch has one output port for each
//! GPU), so one group is simulated and stands for all. A result is kept under what decides it.

use super::hardware::Nvl72Facts;
use super::layout::Layout;
use super::load::Draw;
use crate::error::Error;
use reports::outcome::TimeSplit;
use rustc_hash::FxHashMap;
use sim_core::Bytes;
use sim_fabric::nvlink::{Message, collective, run};
use std::cell::RefCell;

/// One collective as it was simulated.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Timed {
    /// Algorithm: "one-shot all-reduce".
    pub algorithm: &'static str,
    /// Where its time goes.
    pub split: TimeSplit,
    /// Bytes, packet overhead included, on the busiest GPU link in one direction `[bytes]`.
    pub link_bytes: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Key {
    AllReduce { ranks: u32, bytes: u64 },
    AllGather { ranks: u32, bytes: u64 },
    Exchange { layout: Layout, tokens: u64, one_group: bool, back: bool },
}

/// Simulates collectives and remembers them.
#[derive(Debug)]
pub struct Collectives<'a> {
    facts: &'a Nvl72Facts,
    known: RefCell<FxHashMap<Key, Timed>>,
}

impl<'a> Collectives<'a> {
    /// With the numbers of `facts`.
    pub fn new(facts: &'a Nvl72Facts) -> Self {
        Self { facts, known: RefCell::default() }
    }

    /// Sum over `ranks` GPUs of a vector of `bytes`, the following norm inside: one-shot or
    /// two-shot, whichever the bandwidth and latency bounds say is shorter.
    pub fn all_reduce(&self, ranks: u32, bytes: u64) -> Result<Timed, Error> {
        let key = Key::AllReduce { ranks, bytes };
        self.remember(key, || {
            let spec = self.facts.domain(ranks);
            let peers = f64::from(ranks - 1);
            let rate = self.facts.memory_rate();
            let bound = |size: u64, rounds: f64, read: f64| {
                let wire = spec.serialisation(Bytes(size)).seconds().max(spec.issue.seconds());
                rounds * (peers * wire + (spec.hop + spec.endpoint).seconds()) + read / rate
            };
            let share = bytes.div_ceil(u64::from(ranks));
            let one_shot_read = f64::from(ranks) * bytes as f64;
            let two_shot_read = 2.0 * bytes as f64;
            if bound(bytes, 1.0, one_shot_read) <= bound(share, 2.0, two_shot_read) {
                self.one_shot(ranks, bytes)
            } else {
                let messages = collective::two_shot(ranks, bytes);
                self.time(ranks, &messages, "two-shot all-reduce", two_shot_read)
            }
        })
    }

    /// One-shot all-reduce, whether or not another would be shorter.
    pub fn one_shot(&self, ranks: u32, bytes: u64) -> Result<Timed, Error> {
        let read = f64::from(ranks) * bytes as f64;
        self.time(ranks, &collective::one_shot(ranks, bytes), "one-shot all-reduce", read)
    }

    /// Every one of `ranks` GPUs gets the `bytes` of all others.
    pub fn all_gather(&self, ranks: u32, bytes: u64) -> Result<Timed, Error> {
        self.remember(Key::AllGather { ranks, bytes }, || {
            let messages = collective::all_gather(ranks, bytes);
            self.time(ranks, &messages, "all-gather", f64::from(ranks) * bytes as f64)
        })
    }

    /// Tokens to the GPUs of their experts, or (`back`) the results to the tokens' GPUs, as a mean
    /// over some of `draws`. With `one_group` all tokens are of one request, else they are spread
    /// over all attention groups; the GPUs of a group share its tokens out.
    pub fn exchange(
        &self,
        layout: Layout,
        tokens: u64,
        token_bytes: u64,
        one_group: bool,
        back: bool,
        draws: &[Draw],
    ) -> Result<Timed, Error> {
        self.remember(Key::Exchange { layout, tokens, one_group, back }, || {
            let gpus = layout.gpus();
            let (groups, tp) = (layout.attention_data_parallel, layout.tensor_parallel);
            let source = |token: u32| {
                if one_group { token % tp } else { token % groups * tp + token / groups % tp }
            };
            let used = (1024 / tokens.max(1)).clamp(1, 8).min(draws.len() as u64) as usize;
            let (algorithm, fixed) = if back {
                ("combine", self.facts.kernel.combine_fixed.get())
            } else {
                ("dispatch", self.facts.kernel.dispatch_fixed.get())
            };
            let mut mean = Timed { algorithm, ..Timed::default() };
            for draw in &draws[..used] {
                let pairs = draw.pairs(gpus, source);
                let arriving = (0..gpus as usize)
                    .map(|to| pairs.iter().map(|row| u64::from(row[to])).sum::<u64>())
                    .max()
                    .unwrap_or(0);
                let messages = if back {
                    collective::combine(&pairs, token_bytes)
                } else {
                    collective::dispatch(&pairs, token_bytes)
                };
                // Each copy of a token is read and written once beside travelling.
                let copied = 2.0 * (arriving * token_bytes) as f64;
                let timed = self.time(gpus, &messages, algorithm, copied)?;
                mean.split.add(&timed.split, 1.0 / used as f64);
                mean.link_bytes += timed.link_bytes / used as u64;
            }
            mean.split.waiting_us = fixed * 1e6;
            Ok(mean)
        })
    }

    fn remember(
        &self,
        key: Key,
        simulate: impl FnOnce() -> Result<Timed, Error>,
    ) -> Result<Timed, Error> {
        if let Some(timed) = self.known.borrow().get(&key) {
            return Ok(*timed);
        }
        let timed = simulate()?;
        self.known.borrow_mut().insert(key, timed);
        Ok(timed)
    }

    /// Runs `messages`; `local` bytes pass through the busiest GPU's memory besides.
    fn time(
        &self,
        ranks: u32,
        messages: &[Message],
        algorithm: &'static str,
        local: f64,
    ) -> Result<Timed, Error> {
        let spec = self.facts.domain(ranks);
        let traffic = run(&spec, messages).map_err(|error| Error::Simulation(error.to_string()))?;
        let busiest = traffic.sent.iter().chain(&traffic.received).max();
        Ok(Timed {
            algorithm,
            split: TimeSplit {
                fabric_us: traffic.finish.seconds() * 1e6,
                memory_us: local / self.facts.memory_rate() * 1e6,
                waiting_us: self.facts.kernel.fixed.get() * 1e6,
                ..TimeSplit::default()
            },
            link_bytes: busiest.map_or(0, |bytes| bytes.0),
        })
    }
}
