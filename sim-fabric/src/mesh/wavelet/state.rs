//! The state of the routers and PEs of a band of rows: flat arrays, and for each PE where its part
//! begins.
//!
//! ```text
//!   nodes:    PE 0, PE 1, ..          ports used last, where the rest begins
//!   lanes:    PE 0's colours, ..      position, from when on it is in force, where it leads
//!   buffers:  PE 0's buffers, ..      first wavelet, how many, departure
//!   slots:    PE 0's buffers, ..      the wavelets behind the first, a ring for each buffer
//!   cores, threads, done:             the PE's datapath, its threads, its operations
//! ```
//! A band that does not reach the rectangle's edge has the rows beside it as well, for the lengths of
//! their buffers only: what has been sent there and is not known to have left.

use super::buffer::Buffer;
use super::exchange::Mail;
use super::layout::{Layout, NONE, RAMP};
use super::values::Payload;
use super::wheel::Wheel;
use crate::mesh::check::POSITIONS;
use crate::mesh::program::Program;
use crate::mesh::spec::FabricSpec;
use std::ops::Range;

/// The engine counts this many cycles from the first start `[cycles]`.
pub(super) const LIMIT: u64 = 1 << 29;
/// Not a time: never, not yet.
pub(super) const NEVER: u32 = u32::MAX;
/// Not yet done.
pub(super) const NOT_DONE: u64 = u64::MAX;

/// An ordinary wavelet.
pub(super) const DATA: u32 = 0;
/// A data wavelet that advances the switch of the router it is about to leave.
pub(super) const ADVANCE: u32 = 1;
/// A control wavelet.
pub(super) const CONTROL: u32 = 2;

/// A slot: the cycle from which the wavelet can leave, and what kind it is.
#[inline]
pub(super) fn slot(available: u32, kind: u32) -> u32 {
    available << 2 | kind
}

/// A router.
#[derive(Clone, Copy)]
pub(super) struct Node {
    /// Its first lane, buffer.
    pub(super) lanes: u32,
    pub(super) buffers: u32,
    /// The last cycle in which its lanes took turns -- state.
    pub(super) turned: u32,
    pub(super) class: u16,
    /// The colour that used each output port last, where several want it -- state.
    pub(super) last: [u8; 5],
}

/// What there is to do for the first wavelet of a lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// It goes through one link to a router of this band.
    Link,
    /// It goes to the PE.
    Ramp,
    /// Both of these.
    LinkAndRamp,
    /// It goes some other way.
    Other,
}

/// One colour in one router: its switch, and what the current position makes of the colour's way.
#[derive(Clone, Copy)]
pub(super) struct Lane {
    /// Cycle from which the position is in force -- state.
    pub(super) free_at: u32,
    /// Buffer that it takes wavelets from -- follows from the position.
    pub(super) source: u32,
    /// Buffer behind its first link, or between router and PE if it has none -- follows from the
    /// position.
    pub(super) target: u32,
    /// Current position, as an index of [`Layout::ways`] -- state.
    pub(super) way: u32,
    /// Its router.
    pub(super) pe: u32,
    /// Follows from the position.
    pub(super) kind: Kind,
    /// Whether a position of the route has several input ports.
    pub(super) merges: bool,
    /// Whether another colour may want one of its ports.
    pub(super) turns: bool,
}

/// No lane sends into a buffer; no buffer.
pub(super) const NOBODY: u32 = u32::MAX;
/// A lane of another band sends into a buffer.
pub(super) const FOREIGN: u32 = u32::MAX - 1;

/// The datapath of a PE.
#[derive(Clone, Copy)]
pub(super) struct Core {
    /// Its first thread, operation.
    pub(super) threads: u32,
    pub(super) ops: u32,
    /// Cycle from which the datapath is free -- state.
    pub(super) free_at: u32,
    /// Start of the PE `[cycles]`.
    pub(super) start: u32,
    /// Thread that issued last -- state.
    pub(super) last: u8,
    /// Threads.
    pub(super) count: u8,
}

/// A thread of a PE.
#[derive(Clone, Copy)]
pub(super) struct Thread {
    /// Earliest next issue, [`NEVER`] while its operation is not ready -- state.
    pub(super) next: u32,
    /// Data wavelets still to be issued `[wavelets]` -- state.
    pub(super) left: u32,
    /// Buffers that its operation takes from and sends into, or [`NOBODY`] -- follow from the
    /// operation, as all below, once that is ready.
    pub(super) input: u32,
    pub(super) output: u32,
    /// Least distance of its wavelets `[cycles]`.
    pub(super) period: u32,
    /// Operations that take from the same colour before it.
    pub(super) turn: u32,
    /// Current operation, [`NO_OP`](super::layout::NO_OP) at the end -- state.
    pub(super) op: u16,
    /// Part of the datapath that a wavelet takes.
    pub(super) part: u8,
}

/// Two wavelets that reach a router at once where that is an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Collision {
    /// Cycle in which the second set out.
    pub(super) sent: u32,
    /// Cycle in which both are available.
    pub(super) at: u32,
    /// PE of the rectangle.
    pub(super) pe: usize,
    pub(super) colour: u8,
    /// Where they came in, in the order of ports.
    pub(super) ports: (u8, u8),
}

/// What went through the fabric `[wavelets]`.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counts {
    /// Sent by PEs.
    pub(super) sent: u64,
    /// Added by multicast.
    pub(super) copies: u64,
    /// Taken by operations.
    pub(super) taken: u64,
    /// Control wavelets that ended at a ramp.
    pub(super) ended: u64,
    /// Link traversals between routers.
    pub(super) hops: u64,
    /// Wavelets that left through a port that another one used in the same cycle: none.
    pub(super) doubled: u64,
}

/// The machine, or a band of its rows.
pub(super) struct Engine<'a, P: Payload> {
    pub(super) program: &'a Program,
    pub(super) layout: &'a Layout,
    pub(super) hop: u32,
    pub(super) ramp: u32,
    pub(super) switch: u32,
    pub(super) link_window: u16,
    pub(super) ramp_in_window: u16,
    pub(super) ramp_out_window: u16,
    /// What to add to a PE's index to get its neighbour's, by port.
    pub(super) steps: [usize; 4],
    /// The PE of the rectangle that has index 0 here.
    pub(super) origin: usize,
    /// The PEs that this engine runs, by index; those around belong to other bands.
    pub(super) own: Range<usize>,
    pub(super) nodes: Vec<Node>,
    pub(super) lanes: Vec<Lane>,
    pub(super) buffers: Vec<Buffer>,
    pub(super) slots: Vec<u32>,
    /// What the wavelets carry: the first of each buffer, those behind it.
    pub(super) first_values: Vec<P::Value>,
    pub(super) values: Vec<P::Value>,
    pub(super) cores: Vec<Core>,
    pub(super) threads: Vec<Thread>,
    /// When the operations of its own PEs are done.
    pub(super) done: Vec<u64>,
    /// Operations not yet done.
    pub(super) left: usize,
    pub(super) lane_wheel: Wheel,
    pub(super) core_wheel: Wheel,
    pub(super) counts: Counts,
    /// Last cycle in which a wavelet moved or an operation issued.
    pub(super) last_move: u32,
    /// Whether a time passed [`LIMIT`].
    pub(super) overrun: bool,
    /// First collision found.
    pub(super) collision: Option<Collision>,
    /// What goes to the bands above and below.
    pub(super) mail: [Mail<P::Value>; 2],
    pub(super) payload: P,
}

impl<'a, P: Payload> Engine<'a, P> {
    /// The `rows` of a machine before its first cycle; cycle 0 is `base`.
    pub(super) fn new(
        program: &'a Program,
        layout: &'a Layout,
        spec: &FabricSpec,
        (start, base): (&[u64], u64),
        rows: Range<usize>,
        payload: P,
    ) -> Self {
        let columns = program.shape.columns as usize;
        let around = rows.start.saturating_sub(1)..(rows.end + 1).min(program.shape.rows as usize);
        let origin = around.start * columns;
        let own = rows.start * columns - origin..rows.end * columns - origin;
        let pes = around.len() * columns;
        let mut engine = Self {
            program,
            layout,
            hop: spec.hop_cycles,
            ramp: spec.ramp_cycles,
            switch: spec.switch_cycles,
            link_window: spec.link_window() as u16,
            ramp_in_window: spec.ramp_in_window() as u16,
            ramp_out_window: spec.ramp_out_window() as u16,
            steps: [columns.wrapping_neg(), columns, 1, 1usize.wrapping_neg()],
            origin,
            own,
            nodes: Vec::with_capacity(pes),
            lanes: Vec::new(),
            buffers: Vec::new(),
            slots: Vec::new(),
            first_values: Vec::new(),
            values: Vec::new(),
            cores: Vec::with_capacity(pes),
            threads: Vec::new(),
            done: Vec::new(),
            left: 0,
            lane_wheel: Wheel::new(0, 0),
            core_wheel: Wheel::new(pes, 31),
            counts: Counts::default(),
            last_move: 0,
            overrun: false,
            collision: None,
            mail: [Mail::default(), Mail::default()],
            payload,
        };
        let slots = engine.reserve(pes);
        engine.slots = vec![0; slots];
        engine.values = vec![P::Value::default(); slots];
        let mut slots = 0;
        for pe in 0..pes {
            engine.add(pe, (start[origin + pe] - base) as u32, &mut slots);
        }
        engine.first_values = vec![P::Value::default(); engine.buffers.len()];
        engine.left = engine.done.len();
        let reach = spec.hop_cycles.max(spec.ramp_cycles + 1);
        engine.lane_wheel = Wheel::new(engine.lanes.len(), reach);
        for pe in engine.own.clone() {
            engine.join(pe);
            engine.settle(pe);
        }
        engine
    }

    fn class_of(&self, pe: usize) -> u16 {
        self.program.class_of[self.origin + pe]
    }

    /// Makes room for all that `pes` PEs have, and no more; gives the number of slots.
    fn reserve(&mut self, pes: usize) -> usize {
        let (mut lanes, mut buffers, mut slots, mut threads, mut ops) = (0, 0, 0, 0, 0);
        for pe in 0..pes {
            let class = &self.layout.classes[self.class_of(pe) as usize];
            lanes += class.routes;
            buffers += class.buffers.len();
            slots += class.buffers.iter().map(|b| b.window as usize - 1).sum::<usize>();
            if self.own.contains(&pe) {
                threads += class.threads.len();
                ops += class.ops.len();
            }
        }
        self.lanes.reserve_exact(lanes);
        self.buffers.reserve_exact(buffers);
        self.threads.reserve_exact(threads);
        self.done.reserve_exact(ops);
        slots
    }

    fn add(&mut self, pe: usize, start: u32, slots: &mut u32) {
        let class = self.class_of(pe);
        let layout = &self.layout.classes[class as usize];
        let first = self.lanes.len() as u32;
        self.nodes.push(Node {
            lanes: first,
            buffers: self.buffers.len() as u32,
            turned: NEVER,
            class,
            last: [23; 5],
        });
        let ways = (layout.first_route..layout.first_route + layout.routes).map(|r| r * POSITIONS);
        self.lanes.extend(ways.map(|way| Lane {
            free_at: 0,
            source: 0,
            target: 0,
            way: way as u32,
            pe: pe as u32,
            kind: Kind::Other,
            merges: self.layout.ways[way].merges,
            turns: self.layout.ways[way].rivals != 0,
        }));
        for buffer in &layout.buffers {
            let sender = match buffer.port {
                NONE => 0,
                RAMP => pe as u32,
                _ => NOBODY,
            };
            self.buffers.push(Buffer {
                first: NEVER,
                mark: NEVER,
                ring: *slots,
                lane: first + u32::from(buffer.route),
                sender,
                head: 0,
                len: 0,
                window: buffer.window as u16,
                port: buffer.port,
            });
            *slots += buffer.window - 1;
        }
        self.cores.push(Core {
            threads: self.threads.len() as u32,
            ops: self.done.len() as u32,
            free_at: 0,
            start,
            last: layout.threads.len().saturating_sub(1) as u8,
            count: layout.threads.len() as u8,
        });
        if self.own.contains(&pe) {
            let threads = layout.threads.iter();
            self.threads.extend(threads.map(|&op| Thread {
                next: NEVER,
                left: 0,
                input: NOBODY,
                output: NOBODY,
                period: 0,
                turn: 0,
                op,
                part: 0,
            }));
            self.done.extend(layout.ops.iter().map(|_| NOT_DONE));
        }
    }

    /// Works out where the lanes of `pe` lead and who sends into its buffers.
    fn join(&mut self, pe: usize) {
        let node = self.nodes[pe];
        let layout = &self.layout.classes[node.class as usize];
        for lane in 0..layout.routes {
            self.aim(node.lanes as usize + lane);
        }
        for (index, buffer) in layout.buffers.iter().enumerate() {
            let Some(&step) = self.steps.get(buffer.port as usize) else { continue };
            let sender = pe.wrapping_add(step);
            let colour = self.layout.colour(node.class, buffer.route);
            let route = self.nodes.get(sender).map(|node| self.layout.route(node.class, colour));
            if let Some(route) = route.filter(|&route| route != NONE) {
                let lane = self.nodes[sender].lanes + u32::from(route);
                let sender = if self.own.contains(&sender) { lane } else { FOREIGN };
                self.buffers[node.buffers as usize + index].sender = sender;
            }
        }
    }

    /// Works out where the current position of a lane leads.
    pub(super) fn aim(&mut self, lane: usize) {
        let Lane { way, pe, .. } = self.lanes[lane];
        let (way, pe) = (self.layout.ways[way as usize], pe as usize);
        let buffers = self.nodes[pe].buffers;
        // Who is at the other end of the port, if anybody, belongs to this band.
        let inside = |port: u8| {
            let step = self.steps.get(port as usize);
            step.is_none_or(|&step| self.own.contains(&pe.wrapping_add(step)))
        };
        let target = match way.link {
            NONE => buffers + u32::from(way.ramp_in),
            link => self.target(pe, way.colour, link) as u32,
        };
        let kind = match way.link {
            _ if !inside(way.rx) || !inside(way.link) || way.several != 0 => Kind::Other,
            NONE => Kind::Ramp,
            _ if self.lanes[self.buffers[target as usize].lane as usize].merges => Kind::Other,
            link if way.tx == 1 << link => Kind::Link,
            link if way.tx == 1 << link | 1 << RAMP => Kind::LinkAndRamp,
            _ => Kind::Other,
        };
        let source = buffers + u32::from(way.buffer);
        self.lanes[lane] = Lane { source, target, kind, ..self.lanes[lane] };
    }

    /// Puts a wavelet at the end of a buffer.
    #[inline(always)]
    pub(super) fn push(&mut self, index: usize, slot: u32, value: P::Value) {
        let place = self.buffers[index].push(&mut self.slots, slot);
        if P::CARRIES {
            self.put_value(index, place, value);
        }
    }

    /// Takes the first wavelet out of a buffer: what it carries, and whether the buffer was full.
    #[inline(always)]
    pub(super) fn pop(&mut self, index: usize) -> (P::Value, bool) {
        let buffer = &mut self.buffers[index];
        let full = buffer.len == buffer.window;
        let place = buffer.pop(&self.slots);
        let value = if P::CARRIES { self.take_value(index, place) } else { P::Value::default() };
        (value, full)
    }

    /// Keeps what the wavelet carries that came to `place` of a buffer.
    pub(super) fn put_value(&mut self, index: usize, place: Option<usize>, value: P::Value) {
        match place {
            Some(place) => self.values[place] = value,
            None => self.first_values[index] = value,
        }
    }

    /// What the wavelet carries that left a buffer; the one at `place` is its first now.
    pub(super) fn take_value(&mut self, index: usize, place: Option<usize>) -> P::Value {
        let value = self.first_values[index];
        if let Some(place) = place {
            self.first_values[index] = self.values[place];
        }
        value
    }
}
