//! Collectives of a replica, each simulated as messages through the switches.
//!
//! Groups that work at the same time use ports of their own (a switch has one output port for each
//! GPU), so one group is simulated and stands for all. A result is kept under what decides it.
//!
//! | collective | beyond its messages |
//! |---|---|
//! | one-shot, in-switch all-reduce, all-gather | a launch, adding up and the norm behind it |
//! | two-shot all-reduce | the same, and a barrier of all GPUs between its halves |
//! | ring | what a general library's launch costs |
//! | dispatch, combine | a launch with its tables; flags of all ranks, beside which payload flows |
//!
//! [`exchange`] has dispatch and combine.

pub mod exchange;

use super::hardware::Nvl72Facts;
use crate::error::Error;
use exchange::Exchange;
use reports::outcome::TimeSplit;
use rustc_hash::FxHashMap;
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
    /// its own kernel while its buffers have room, one-shot or two-shot, then by a general library, around
    /// a ring or in the switches.
    pub fn all_reduce(&self, ranks: u32, bytes: u64) -> Result<Timed, Error> {
        self.remember(Key::AllReduce { ranks, bytes }, || {
            if u64::from(ranks) > self.facts.domain.whole() {
                return self.by(AllReduce::Domains, ranks, bytes);
            }
            let costs = &self.facts.collective;
            let room = costs.one_shot_most.whole() * if ranks <= 2 { 2 } else { 1 };
            let ways: &[AllReduce] = if bytes <= room {
                &[AllReduce::OneShot, AllReduce::TwoShot]
            } else if bytes <= costs.two_shot_most.whole() {
                &[AllReduce::TwoShot]
            } else {
                &[AllReduce::Ring, AllReduce::InSwitch]
            };
            let mut best: Option<Timed> = None;
            for &way in ways {
                let timed = self.by(way, ranks, bytes)?;
                if best.is_none_or(|best| timed.us() < best.us()) {
                    best = Some(timed);
                }
            }
            Ok(best.unwrap_or_default())
        })
    }

    /// The all-reduce by one algorithm, whether or not another would be shorter.
    pub fn by(&self, algorithm: AllReduce, ranks: u32, bytes: u64) -> Result<Timed, Error> {
        let costs = &self.facts.collective;
        let share = bytes.div_ceil(u64::from(ranks.max(1)));
        let one_shot = costs.one_shot.get();
        let barrier = f64::from(ranks.max(1)).log2() * costs.two_shot.get();
        let (messages, fixed) = match algorithm {
            AllReduce::OneShot => (collective::one_shot(ranks, bytes), one_shot),
            AllReduce::TwoShot => (collective::two_shot(ranks, bytes), one_shot + barrier),
            AllReduce::InSwitch => (collective::in_switch(ranks, bytes), costs.in_switch.get()),
            AllReduce::Ring => (collective::ring(ranks, share, 2), costs.ring.get()),
            AllReduce::Domains => {
                let domain = (self.facts.domain.whole() as u32).clamp(1, ranks.max(1));
                (collective::over_domains(ranks, domain, bytes), one_shot + barrier)
            }
        };
        let rate = match algorithm {
            AllReduce::TwoShot => costs.two_shot_rate.get(),
            _ => 1.0,
        };
        self.time_at(ranks, &messages, algorithm.name(), fixed, rate)
    }

    /// Every one of `ranks` GPUs gets the `bytes` of all others.
    pub fn all_gather(&self, ranks: u32, bytes: u64) -> Result<Timed, Error> {
        self.remember(Key::AllGather { ranks, bytes }, || {
            let messages = collective::all_gather(ranks, bytes);
            self.time(ranks, &messages, "all-gather", self.facts.collective.one_shot.get())
        })
    }

    /// The same by a general library, around a ring.
    pub fn ring_gather(&self, ranks: u32, bytes: u64) -> Result<Timed, Error> {
        let messages = collective::ring(ranks, bytes, 1);
        self.time(ranks, &messages, "ring all-gather", self.facts.collective.ring.get())
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
            self.time(stage + 1, &messages, "send", self.facts.kernel.fixed.get())
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

    /// Runs `messages` of `ranks` GPUs; `fixed` seconds besides.
    fn time(
        &self,
        ranks: u32,
        messages: &[Message],
        algorithm: &'static str,
        fixed: f64,
    ) -> Result<Timed, Error> {
        self.time_at(ranks, messages, algorithm, fixed, 1.0)
    }

    /// The same where a kernel reaches `rate` of the links' rate.
    fn time_at(
        &self,
        ranks: u32,
        messages: &[Message],
        algorithm: &'static str,
        fixed: f64,
        rate: f64,
    ) -> Result<Timed, Error> {
        let mut spec = self.facts.domain(ranks);
        spec.link_bytes_per_s = ((spec.link_bytes_per_s as f64 * rate) as u64).max(1);
        let traffic = run(&spec, messages).map_err(|error| Error::Simulation(error.to_string()))?;
        let busiest = traffic.sent.iter().chain(&traffic.received).max();
        Ok(Timed {
            algorithm,
            split: TimeSplit {
                fabric_us: traffic.finish.seconds() * 1e6,
                waiting_us: fixed * 1e6,
                ..TimeSplit::default()
            },
            link_bytes: busiest.map_or(0, |bytes| bytes.0),
        })
    }
}
