//! Collectives of a replica, each simulated as messages through the switches.
//!
//! Groups that work at the same time use ports of their own (a switch has one output port for each
//! GPU), so one group is simulated and stands for all. A result is kept under what decides it.
//!
//! | collective | beyond its messages |
//! |---|---|
//! | one-shot, two-shot all-reduce, all-gather | a launch, an access for adding up and the norm behind it; HBM takes in and gives out every copy |
//! | ring | a launch, four messages of greeting in turn; each step's share goes in and out of HBM before the next |
//! | in-switch all-reduce | a launch and its own start; HBM takes the vector in and out |
//! | dispatch, combine | launches, accesses and flags ([`exchange`]) |
//!
//! No cost is a collective's own but the start of the in-switch one: launches, accesses, HBM, links and the
//! latency of a message are those of all others.

pub mod exchange;

use super::hardware::Nvl72Facts;
use crate::error::Error;
use exchange::Exchange;
use reports::outcome::TimeSplit;
use rustc_hash::FxHashMap;
use sim_fabric::nvlink::{Message, collective, run};
use std::cell::RefCell;

/// Messages in turn before a ring of NCCL runs: buffers offered and taken, both ways.
const GREETING: f64 = 4.0;

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

impl Timed {
    /// Its time `[us]`.
    pub fn us(&self) -> f64 {
        self.split.total_us()
    }
}

/// How an all-reduce is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AllReduce {
    /// Everybody sends everything to everybody.
    OneShot,
    /// Everybody adds up a share, then sends it to everybody.
    TwoShot,
    /// The switches add up and multicast.
    InSwitch,
    /// Shares travel around a ring twice.
    Ring,
    /// Rings inside the domains and between them; what several domains need.
    Domains,
}

impl AllReduce {
    fn name(self) -> &'static str {
        match self {
            Self::OneShot => "one-shot all-reduce",
            Self::TwoShot => "two-shot all-reduce",
            Self::InSwitch => "in-switch all-reduce",
            Self::Ring => "ring all-reduce",
            Self::Domains => "all-reduce over domains",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Key {
    AllReduce { ranks: u32, bytes: u64 },
    AllGather { ranks: u32, bytes: u64 },
    Exchange { exchange: Exchange, back: bool },
    Stage { stage: u32, bytes: u64 },
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

    /// Sum over `ranks` GPUs of a vector of `bytes`, the following norm inside, as an engine does it: by
    /// its own one-shot kernel, or by NCCL around a ring or in the switches, whatever is
    /// fastest. Two shots are there to be asked for: measured engines show no sign of them.
    pub fn all_reduce(&self, ranks: u32, bytes: u64) -> Result<Timed, Error> {
        self.remember(Key::AllReduce { ranks, bytes }, || {
            if u64::from(ranks) > self.facts.domain.whole() {
                return self.by(AllReduce::Domains, ranks, bytes);
            }
            let own = self.by(AllReduce::OneShot, ranks, bytes)?;
            // A ring takes its steps' latency at least, and the switches no less than that for few bytes.
            let steps = f64::from(2 * ranks.saturating_sub(1));
            let least = self.greeting() + steps * self.facts.nvlink.latency.get();
            let start = self.facts.collective.in_switch.get();
            if own.us() * 1e-6 < least.min(start) {
                return Ok(own);
            }
            let nccl = self.nccl(ranks, bytes)?;
            Ok(if own.us() <= nccl.us() { own } else { nccl })
        })
    }

    /// The all-reduce by NCCL, around a ring or in the switches, whichever is faster.
    pub fn nccl(&self, ranks: u32, bytes: u64) -> Result<Timed, Error> {
        let ring = self.by(AllReduce::Ring, ranks, bytes)?;
        // Of two GPUs nothing is left to add up on the way.
        if ranks <= 2 || ring.us() * 1e-6 < self.facts.collective.in_switch.get() {
            return Ok(ring);
        }
        let in_switch = self.by(AllReduce::InSwitch, ranks, bytes)?;
        Ok(if in_switch.us() < ring.us() { in_switch } else { ring })
    }

    /// The copies of one shot, in and out of memory `[s]`.
    fn one_shot_memory(&self, ranks: u32, bytes: u64) -> f64 {
        self.in_and_out(u64::from(ranks) * bytes)
    }

    /// `bytes` written to HBM and read from it `[s]`.
    fn in_and_out(&self, bytes: u64) -> f64 {
        2.0 * bytes as f64 / self.facts.memory_rate()
    }

    /// The all-reduce by one algorithm, whether or not another would be shorter.
    pub fn by(&self, algorithm: AllReduce, ranks: u32, bytes: u64) -> Result<Timed, Error> {
        let share = bytes.div_ceil(u64::from(ranks.max(1)));
        let kernel = self.facts.chain(1, 1.0);
        let (messages, fixed, memory) = match algorithm {
            AllReduce::OneShot => {
                (collective::one_shot(ranks, bytes), kernel, self.one_shot_memory(ranks, bytes))
            }
            AllReduce::TwoShot => {
                (collective::two_shot(ranks, bytes), kernel, self.in_and_out(2 * bytes))
            }
            AllReduce::InSwitch => {
                let start = self.facts.chain(1, 0.0) + self.facts.collective.in_switch.get();
                (collective::in_switch(ranks, bytes), start, self.in_and_out(bytes))
            }
            AllReduce::Ring => {
                let steps = 2 * u64::from(ranks.saturating_sub(1));
                let memory = self.in_and_out(steps * share);
                (collective::ring(ranks, share, 2), self.greeting(), memory)
            }
            AllReduce::Domains => {
                let domain = (self.facts.domain.whole() as u32).clamp(1, ranks.max(1));
                (collective::over_domains(ranks, domain, bytes), kernel, self.in_and_out(2 * bytes))
            }
        };
        self.time(ranks, &messages, algorithm.name(), fixed, memory)
    }

    /// Start of a ring of NCCL: a launch, and messages in turn `[s]`.
    fn greeting(&self) -> f64 {
        self.facts.chain(1, 0.0) + GREETING * self.facts.nvlink.latency.get()
    }

    /// Every one of `ranks` GPUs gets the `bytes` of all others.
    pub fn all_gather(&self, ranks: u32, bytes: u64) -> Result<Timed, Error> {
        self.remember(Key::AllGather { ranks, bytes }, || {
            let messages = collective::all_gather(ranks, bytes);
            let memory = self.one_shot_memory(ranks, bytes);
            self.time(ranks, &messages, "all-gather", self.facts.chain(1, 1.0), memory)
        })
    }

    /// The same by NCCL, around a ring.
    pub fn ring_gather(&self, ranks: u32, bytes: u64) -> Result<Timed, Error> {
        let messages = collective::ring(ranks, bytes, 1);
        let memory = self.in_and_out(u64::from(ranks.saturating_sub(1)) * bytes);
        self.time(ranks, &messages, "ring all-gather", self.greeting(), memory)
    }

    /// From a stage of a pipeline to the next: `bytes` of one attention group.
    pub fn between_stages(
        &self,
        layout: super::layout::Layout,
        bytes: u64,
    ) -> Result<Timed, Error> {
        let stage = layout.gpus();
        let key = Key::Stage { stage, bytes };
        self.remember(key, || {
            let messages = [Message::new(0, stage, bytes)];
            self.time(stage + 1, &messages, "send", self.facts.chain(1, 0.0), 0.0)
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

    /// Runs `messages` of `ranks` GPUs; `fixed` and `memory` seconds besides.
    fn time(
        &self,
        ranks: u32,
        messages: &[Message],
        algorithm: &'static str,
        fixed: f64,
        memory: f64,
    ) -> Result<Timed, Error> {
        let spec = self.facts.domain(ranks);
        let traffic = run(&spec, messages).map_err(|error| Error::Simulation(error.to_string()))?;
        let busiest = traffic.sent.iter().chain(&traffic.received).max();
        Ok(Timed {
            algorithm,
            split: TimeSplit {
                fabric_us: traffic.finish.seconds() * 1e6,
                memory_us: memory * 1e6,
                waiting_us: fixed * 1e6,
                ..TimeSplit::default()
            },
            link_bytes: busiest.map_or(0, |bytes| bytes.0),
        })
    }
}
