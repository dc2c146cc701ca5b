//! The arrays of a run: one record per router, one ring of slots per link, who is to be looked at.

use super::measure::Measure;
use super::source::{Birth, NEVER, Sources};
use super::spec::TrafficSpec;
use crate::mesh::program::Port;
use crate::mesh::wavelet::wheel::Wheel;

/// Links into a router; its ports below the ramp.
pub(super) const LINKS: usize = 4;
/// Ports of a router.
pub(super) const PORTS: usize = 5;
/// The port of a router to its PE.
pub(super) const RAMP: usize = Port::Ramp as usize;
/// No port.
pub(super) const NONE: u8 = u8::MAX;

/// A packet in a queue.
#[derive(Clone, Copy, Default)]
pub(super) struct Slot {
    /// First cycle in which it can leave this queue [cycles].
    pub(super) time: u32,
    /// When the packet was born [cycles].
    pub(super) birth: u32,
    /// Column and row it goes to.
    pub(super) to: [u16; 2],
}

/// A router, in two cache lines; where no queue has a second packet, it is all of its state.
#[derive(Clone, Copy)]
#[repr(align(128))]
pub(super) struct Router {
    /// First packet of the source queue -- state.
    pub(super) source: Slot,
    /// Column and row.
    pub(super) at: [u16; 2],
    /// Per link into this router: its first packet, if it has one -- state.
    pub(super) first: [Slot; LINKS],
    /// Per link into this router: place of the second packet in its ring -- state.
    pub(super) head: [u16; LINKS],
    /// Per link into this router: packets sent and not left [wavelets] -- state.
    pub(super) len: [u16; LINKS],
    /// Per link into this router, 16 bits each: bit k tells that a packet left k cycles before
    /// `left_at` -- state.
    pub(super) left: u64,
    /// The last cycle in which a packet from a link left [cycles] -- state.
    pub(super) left_at: u32,
    /// Per link into this router: packets it has carried [wavelets] -- counter.
    pub(super) carried: [u32; LINKS],
    /// Per output: the inputs whose turns are next to get the output, those before them behind -- state.
    pub(super) output_turn: [u8; PORTS],
    /// As `output_turn`, for crossing the switch -- state.
    pub(super) switch_turn: [u8; PORTS],
    /// Per output: the input that has it and has not crossed -- state.
    pub(super) owner: [u8; PORTS],
    /// Links with a packet, a bit each -- state.
    pub(super) occupied: u8,
}

/// A run in progress.
pub(super) struct Engine<'a> {
    pub(super) spec: &'a TrafficSpec,
    pub(super) routers: Vec<Router>,
    /// Ring per link for the packets behind its first: `rest` from `(router * LINKS + port) * rest`.
    pub(super) slots: Vec<Slot>,
    /// Slots of a link's ring.
    pub(super) rest: usize,
    /// What leads to the neighbour at the other end of a port's link, to be added to an index.
    pub(super) steps: [usize; LINKS],
    pub(super) wheel: Wheel,
    pub(super) sources: Sources<'a>,
    /// Sources whose first packet was born before the measurement ended.
    pub(super) behind: usize,
    pub(super) measure: Measure,
}

impl<'a> Engine<'a> {
    /// An empty mesh before cycle 0.
    pub(super) fn new(spec: &'a TrafficSpec) -> Self {
        let nodes = spec.nodes();
        let columns = spec.columns as usize;
        let router = |node: usize| Router {
            source: Slot::default(),
            first: [Slot::default(); LINKS],
            left: 0,
            left_at: 0,
            at: [(node % columns) as u16, (node / columns) as u16],
            head: [0; LINKS],
            len: [0; LINKS],
            carried: [0; LINKS],
            output_turn: [0; PORTS],
            switch_turn: [0; PORTS],
            owner: [NONE; PORTS],
            occupied: 0,
        };
        let rest = spec.queue_depth as usize - 1;
        let mut engine = Self {
            spec,
            routers: (0..nodes).map(router).collect(),
            slots: vec![Slot::default(); nodes * LINKS * rest],
            rest,
            steps: [columns.wrapping_neg(), columns, 1, 1usize.wrapping_neg()],
            wheel: Wheel::new(nodes, u32::MAX >> 1),
            sources: Sources::new(spec),
            behind: nodes,
            measure: Measure::new(spec),
        };
        for node in 0..nodes {
            engine.bear(node, 0, 0);
        }
        engine
    }

    /// Puts the next packet of PE `node`, born in cycle `first` or later, at the head of its source
    /// queue, from where it can leave in cycle `earliest` or later.
    #[inline]
    pub(super) fn bear(&mut self, node: usize, first: u32, earliest: u32) {
        let [x, y] = self.routers[node].at;
        let birth = self.sources.next(node, (u32::from(x), u32::from(y)), first);
        self.measure.birth(&birth);
        self.behind -= usize::from(birth.at >= self.spec.cycles && first <= self.spec.cycles);
        let Birth { at, to, .. } = birth;
        let time = if at == NEVER { NEVER } else { (at + self.spec.ramp_cycles).max(earliest) };
        self.routers[node].source = Slot { time, birth: at, to: [to.0 as u16, to.1 as u16] };
        if time < NEVER {
            self.wheel.wake(node, time);
        }
    }

    /// Counts the packets that were born in the measured cycles and still wait behind the first of
    /// their source queue.
    pub(super) fn count_waiting(&mut self) {
        for (node, router) in self.routers.iter().enumerate() {
            let from = (u32::from(router.at[0]), u32::from(router.at[1]));
            let mut last = router.source.birth;
            while last < self.spec.cycles {
                let birth = self.sources.next(node, from, last + 1);
                self.measure.birth(&birth);
                last = birth.at;
            }
        }
    }
}
