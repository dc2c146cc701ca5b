//! The state of all routers and PEs: flat arrays, and for each PE where its part begins.

use super::agenda::Agenda;
use super::build::PART;
use super::layout::{ClassLayout, NO_OP, RAMP, Way};
use super::list::{List, Lists};
use super::train::{Pieces, Pool, Run, Train};
use crate::mesh::spec::FabricSpec;
use rayon::prelude::*;

/// The engine counts this many cycles from the first start `[cycles]`.
pub(super) const LIMIT: u64 = 1 << 29;
/// Not a time: never, not yet.
pub(super) const NEVER: u32 = u32::MAX;
/// Not yet done.
pub(super) const NOT_DONE: u64 = u64::MAX;
/// No channel.
pub(super) const NOWHERE: u32 = u32::MAX;
/// Bit of a PE's datapath among the bits of its routes.
pub(super) const CORE: u32 = 1 << 31;

/// A first-in first-out buffer with the way into it: when each wavelet was put in and taken out.
#[derive(Clone, Copy, Default)]
pub(super) struct Channel {
    /// When wavelets left for it -- state.
    pub(super) puts: Train,
    /// When wavelets left it -- state.
    pub(super) takes: Train,
    /// Wavelets that advance a switch: number, doubled, one more for a control wavelet -- state.
    pub(super) turns: List,
}

/// What both ends of a channel wait for.
#[derive(Clone, Copy, Default)]
pub(super) struct Waits {
    /// Who takes waits for something else than the next wavelet of this channel -- state.
    pub(super) elsewhere: bool,
    /// Who puts in waits for room -- state.
    pub(super) wants_room: bool,
}

/// What is to be done anew.
#[derive(Clone, Copy)]
pub(super) struct Due {
    /// First cycle in which it may matter `[cycles]`.
    pub(super) at: u32,
    /// Cycle from which on all is to be forgotten and done anew; [`NEVER`] where it only goes on `[cycles]`.
    pub(super) from: u32,
}

impl Due {
    pub(super) const NONE: Due = Due { at: NEVER, from: NEVER };

    /// Both together.
    #[inline]
    pub(super) fn join(&mut self, other: Due) {
        self.at = self.at.min(other.at);
        self.from = self.from.min(other.from);
    }
}

/// The service of one colour in one router.
#[derive(Clone, Copy)]
pub(super) struct Lane {
    /// Cycle from which the next wavelet may leave -- state.
    pub(super) earliest: u32,
    /// Current switch position -- state.
    pub(super) position: u32,
}

/// A thread of a PE.
#[derive(Clone, Copy)]
pub(super) struct Thread {
    /// Current operation, [`NO_OP`] at the end -- state.
    pub(super) op: u16,
    /// Wavelets of it that are issued -- state.
    pub(super) issued: u32,
    /// When the last of them was -- state.
    pub(super) last: u32,
}

/// A PE.
#[derive(Clone, Copy, Default)]
pub(super) struct Pe {
    pub(super) class: u16,
    /// Whether colours of its router met at a port and are timed together from then on -- state.
    pub(super) joint: bool,
    /// What is to be looked at: routes, and [`CORE`] -- state.
    pub(super) dirty: u32,
    /// Its first lane, channel, thread, operation.
    pub(super) lanes: u32,
    pub(super) channels: u32,
    pub(super) threads: u32,
    pub(super) ops: u32,
}

/// The whole machine.
pub(super) struct Engine<'a> {
    pub(super) classes: &'a [ClassLayout],
    pub(super) spec: &'a FabricSpec,
    /// Start of each PE, and what counts as cycle 0.
    pub(super) start: &'a [u64],
    pub(super) base: u64,
    /// What to add to a PE's index to get its neighbour's, by port.
    pub(super) steps: [usize; 4],
    pub(super) pes: Vec<Pe>,
    pub(super) lanes: Vec<Lane>,
    pub(super) channels: Vec<Channel>,
    pub(super) threads: Vec<Thread>,
    pub(super) done: Vec<u64>,
    /// When datapaths and lanes are to be looked at -- state.
    pub(super) core_due: Vec<Due>,
    pub(super) lane_due: Vec<Due>,
    /// When lanes advanced their switches: cycle, doubled, one more for a control wavelet -- state.
    pub(super) turned: Vec<List>,
    /// What both ends of each channel wait for -- state.
    pub(super) waits: Vec<Waits>,
    pub(super) pool: Pool,
    pub(super) lists: Lists,
    pub(super) agenda: Agenda,
    /// Whether a time passed [`LIMIT`].
    pub(super) overrun: bool,
    /// Who issued last, in PEs whose threads may issue in one cycle: a cycle and a thread whenever
    /// it changes, sixteen times the cycle plus the thread.
    pub(super) turns: std::collections::BTreeMap<u32, Vec<u64>>,
    /// Looks at PEs since an operation last went on.
    pub(super) idle: u64,
    /// Whether room that is not known yet is waited for -- state.
    pub(super) cautious: bool,
    /// Whether a look changed anything, since this was last set to false -- state.
    pub(super) changed: bool,
    /// What trains held before the part that is just being looked at.
    pub(super) old_runs: Vec<Run>,
    pub(super) old_turns: Vec<u32>,
    /// Used again and again by whoever serves.
    pub(super) pieces: Pieces,
}

impl<'a> Engine<'a> {
    /// What PEs like `pe` share.
    #[inline]
    pub(super) fn class(&self, pe: usize) -> &'a ClassLayout {
        &self.classes[self.pes[pe].class as usize]
    }

    /// Number of a PE's channel among all.
    #[inline]
    pub(super) fn channel_of(&self, pe: usize, channel: u8) -> usize {
        self.pes[pe].channels as usize + channel as usize
    }

    /// PE and channel that a wavelet of `colour` from router `pe` reaches through `port`.
    #[inline]
    pub(super) fn behind(&self, pe: usize, colour: u8, port: u8) -> (usize, u8) {
        let next = self.neighbour(pe, port);
        (next, self.class(next).entry(colour, port ^ 1).0)
    }

    #[inline]
    fn neighbour(&self, pe: usize, port: u8) -> usize {
        pe.wrapping_add(self.steps[port as usize])
    }

    /// Latency and slots of a channel.
    #[inline]
    pub(super) fn numbers(&self, way: Way) -> (u32, u32) {
        numbers(self.spec, way)
    }

    /// A time as the state keeps it; notes if it is too late.
    #[inline]
    pub(super) fn time(&mut self, time: u64) -> u32 {
        self.overrun |= time >= LIMIT;
        time.min(LIMIT) as u32
    }

    /// Has the datapath of `pe` looked at.
    #[inline]
    pub(super) fn mark_core(&mut self, pe: usize, due: Due) {
        self.core_due[pe].join(due);
        self.pes[pe].dirty |= CORE;
        self.agenda.add(pe, due.at);
    }

    /// Has a router's service of one colour looked at.
    #[inline]
    pub(super) fn mark_lane(&mut self, pe: usize, route: u8, due: Due) {
        self.lane_due[self.pes[pe].lanes as usize + route as usize].join(due);
        self.pes[pe].dirty |= 1 << route;
        self.agenda.add(pe, due.at);
    }

    /// Has whoever takes from a channel looked at.
    pub(super) fn mark_taker(&mut self, pe: usize, channel: u8, due: Due) {
        let layout = self.class(pe).channels[channel as usize];
        match layout.way {
            Way::Down => self.mark_core(pe, due),
            Way::Up | Way::Link(_) => self.mark_lane(pe, layout.route, due),
        }
    }

    /// Has whoever puts into a channel looked at.
    pub(super) fn mark_putter(&mut self, pe: usize, channel: u8, due: Due) {
        let class = self.class(pe);
        let layout = class.channels[channel as usize];
        match layout.way {
            Way::Up => self.mark_core(pe, due),
            Way::Down => self.mark_lane(pe, layout.route, due),
            Way::Link(port) => {
                let before = self.neighbour(pe, port);
                let colour = class.routes[layout.route as usize].colour;
                self.mark_lane(before, self.class(before).route_of(colour), due);
            }
        }
    }

    /// Whether a bound of whoever takes from a channel, or puts into it, may matter though its
    /// wavelets did not move just then: they had to wait for others, or are to be looked at anyway.
    pub(super) fn is_unsure(&self, pe: usize, channel: u8, taker: bool) -> bool {
        let class = self.class(pe);
        let layout = class.channels[channel as usize];
        let (pe, bit) = match (layout.way, taker) {
            (Way::Up, false) | (Way::Down, true) => (pe, CORE),
            (Way::Up | Way::Link(_), true) | (Way::Down, false) => (pe, 1 << layout.route),
            (Way::Link(port), false) => {
                let before = self.neighbour(pe, port);
                if before >= self.pes.len() {
                    return false;
                }
                let colour = class.routes[layout.route as usize].colour;
                (before, 1 << (self.class(before).route_of(colour) & 31))
            }
        };
        let Pe { joint, dirty, .. } = self.pes[pe];
        dirty & bit != 0 || if bit == CORE { self.class(pe).shares } else { joint }
    }

    /// Whether all operations are done and all wavelets taken.
    pub(super) fn is_complete(&self) -> bool {
        let taken = |channel: &Channel| channel.puts.total == channel.takes.total;
        self.threads.iter().all(|thread| thread.op == NO_OP) && self.channels.iter().all(taken)
    }

    /// Wavelets that leave each PE's router over its links `[wavelets]`.
    pub(super) fn link_words(&self) -> Vec<u64> {
        let mut words = vec![0; self.pes.len()];
        for pe in 0..self.pes.len() {
            for (index, layout) in self.class(pe).channels.iter().enumerate() {
                let Way::Link(port) = layout.way else { continue };
                let puts = self.channels[self.channel_of(pe, index as u8)].puts.total;
                if puts > 0 {
                    words[self.neighbour(pe, port)] += u64::from(puts);
                }
            }
        }
        words
    }

    /// Link traversals, and when all operations are done.
    pub(super) fn into_run(self) -> (u64, Vec<u64>) {
        let hops = self.hops();
        let Self { channels, pes, lanes, threads, done, .. } = self;
        if pes.len() > PART {
            // Much memory is given back by two threads sooner than by one.
            rayon::join(|| drop(channels), || drop((pes, lanes, threads)));
        }
        (hops, done)
    }

    /// Link traversals between routers `[wavelet-hops]`.
    fn hops(&self) -> u64 {
        let of = |pe: &Pe| -> u64 {
            let channels = &self.channels[pe.channels as usize..];
            let ways = self.classes[pe.class as usize].channels.iter();
            let links = ways.zip(channels).filter(|(layout, _)| matches!(layout.way, Way::Link(_)));
            links.map(|(_, channel)| u64::from(channel.puts.total)).sum()
        };
        if self.pes.len() <= PART {
            return self.pes.iter().map(of).sum();
        }
        self.pes.par_iter().with_min_len(PART).map(of).sum()
    }
}

/// Latency and slots of a channel.
#[inline]
pub(super) fn numbers(spec: &FabricSpec, way: Way) -> (u32, u32) {
    match way {
        Way::Up => (1 + spec.ramp_cycles, spec.ramp_out_window()),
        Way::Link(_) => (spec.hop_cycles, spec.link_window()),
        Way::Down => (spec.ramp_cycles, spec.ramp_in_window()),
    }
}

/// Whether `port` is the ramp.
#[inline]
pub(super) fn is_ramp(port: u8) -> bool {
    port == RAMP
}
