//! The state of all routers and PEs: flat arrays, and for each PE where its part begins.

use super::layout::{ClassLayout, NONE};
use super::values::Payload;
use super::wheel::Wheel;
use crate::mesh::program::{FabricError, Program};
use crate::mesh::spec::FabricSpec;

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
    pub(super) class: u32,
    /// Its first route, buffer.
    pub(super) routes: u32,
    pub(super) buffers: u32,
    /// Routes whose current input may hold wavelets, one bit each -- state.
    pub(super) pending: u32,
    /// The colour that used each output port last -- state.
    pub(super) last: [u8; 5],
}

/// The switch of one colour in one router.
#[derive(Clone, Copy)]
pub(super) struct Switch {
    /// Cycle from which a wavelet may leave -- state.
    pub(super) free_at: u32,
    /// Current position -- state.
    pub(super) position: u8,
}

/// A first-in first-out buffer with what is on its way into it.
#[derive(Clone, Copy)]
pub(super) struct Buffer {
    /// Its first slot.
    pub(super) slot: u32,
    /// Router's buffers: cycle of the last departure. Buffer between router and PE: how many
    /// operations have taken all that is theirs -- state.
    pub(super) mark: u32,
    /// Slot of the first wavelet `[wavelets]` -- state.
    pub(super) head: u16,
    /// Wavelets in it and on the way `[wavelets]` -- state.
    pub(super) len: u16,
}

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
}

/// A thread of a PE.
#[derive(Clone, Copy)]
pub(super) struct Thread {
    /// Earliest next issue, [`NEVER`] while its operation is not ready -- state.
    pub(super) next: u32,
    /// Data wavelets still to be issued `[wavelets]` -- state.
    pub(super) left: u32,
    /// Current operation, [`NO_OP`](super::layout::NO_OP) at the end -- state.
    pub(super) op: u16,
}

/// Two wavelets that reach a router at once where that is an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Collision {
    /// Cycle in which both are available.
    pub(super) at: u32,
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
}

/// The whole machine.
pub(super) struct Engine<'a, P: Payload> {
    pub(super) program: &'a Program,
    /// Cycle 0 of this run, as programs count `[cycles]`.
    pub(super) base: u64,
    pub(super) classes: &'a [ClassLayout],
    pub(super) hop: u32,
    pub(super) ramp: u32,
    pub(super) switch: u32,
    pub(super) link_window: u16,
    pub(super) ramp_in_window: u16,
    pub(super) ramp_out_window: u16,
    /// What to add to a PE's index to get its neighbour's, by port.
    pub(super) steps: [usize; 4],
    pub(super) nodes: Vec<Node>,
    pub(super) switches: Vec<Switch>,
    pub(super) buffers: Vec<Buffer>,
    pub(super) slots: Vec<u32>,
    pub(super) values: Vec<P::Value>,
    pub(super) cores: Vec<Core>,
    pub(super) threads: Vec<Thread>,
    pub(super) done: Vec<u64>,
    /// Operations not yet done.
    pub(super) left: usize,
    pub(super) router_wheel: Wheel,
    pub(super) core_wheel: Wheel,
    pub(super) counts: Counts,
    /// Last cycle in which a wavelet moved or an operation issued.
    pub(super) last_move: u32,
    /// Whether a time passed [`LIMIT`].
    pub(super) overrun: bool,
    /// First collision found.
    pub(super) collision: Option<Collision>,
    pub(super) payload: P,
}

impl<'a, P: Payload> Engine<'a, P> {
    /// A machine before its first cycle; cycle 0 is `base`.
    pub(super) fn new(
        program: &'a Program,
        classes: &'a [ClassLayout],
        spec: &FabricSpec,
        start: &[u64],
        base: u64,
        payload: P,
    ) -> Result<Self, FabricError> {
        let pes = program.shape.pes();
        let columns = program.shape.columns as usize;
        let mut engine = Self {
            program,
            base,
            classes,
            hop: spec.hop_cycles,
            ramp: spec.ramp_cycles,
            switch: spec.switch_cycles,
            link_window: spec.link_window() as u16,
            ramp_in_window: spec.ramp_in_window() as u16,
            ramp_out_window: spec.ramp_out_window() as u16,
            steps: [columns.wrapping_neg(), columns, 1, 1usize.wrapping_neg()],
            nodes: Vec::with_capacity(pes),
            switches: Vec::new(),
            buffers: Vec::new(),
            slots: Vec::new(),
            values: Vec::new(),
            cores: Vec::with_capacity(pes),
            threads: Vec::new(),
            done: Vec::new(),
            left: 0,
            router_wheel: Wheel::new(pes, spec.hop_cycles.max(spec.ramp_cycles + 1)),
            core_wheel: Wheel::new(pes, 31),
            counts: Counts::default(),
            last_move: 0,
            overrun: false,
            collision: None,
            payload,
        };
        let mut slots = 0;
        for (pe, &start) in start.iter().enumerate() {
            if start - base >= LIMIT {
                let reason = format!("PE starts differ by more than {LIMIT} cycles");
                return Err(FabricError::NotAccepted { reason });
            }
            engine.add(program.class_of[pe], (start - base) as u32, &mut slots);
        }
        engine.slots = vec![0; slots as usize];
        engine.values = vec![P::Value::default(); slots as usize];
        engine.left = engine.done.len();
        Ok(engine)
    }

    fn add(&mut self, class: u16, start: u32, slots: &mut u32) {
        let layout = &self.classes[class as usize];
        self.nodes.push(Node {
            class: u32::from(class),
            routes: self.switches.len() as u32,
            buffers: self.buffers.len() as u32,
            pending: 0,
            last: [23; 5],
        });
        let switch = Switch { free_at: 0, position: 0 };
        self.switches.extend(layout.routes.iter().map(|_| switch));
        for buffer in &layout.buffers {
            let mark = if buffer.port == NONE { 0 } else { NEVER };
            self.buffers.push(Buffer { slot: *slots + buffer.slot, mark, head: 0, len: 0 });
        }
        *slots += layout.slots;
        self.cores.push(Core {
            threads: self.threads.len() as u32,
            ops: self.done.len() as u32,
            free_at: 0,
            start,
            last: layout.threads.len().saturating_sub(1) as u8,
        });
        let threads = layout.threads.iter();
        self.threads.extend(threads.map(|&op| Thread { next: NEVER, left: 0, op }));
        self.done.extend(layout.ops.iter().map(|_| NOT_DONE));
    }

    /// Puts a wavelet at the end of a buffer with `window` slots.
    #[inline]
    pub(super) fn push(&mut self, buffer: usize, window: u16, slot: u32, value: P::Value) {
        let buffer = &mut self.buffers[buffer];
        let mut place = u32::from(buffer.head) + u32::from(buffer.len);
        if place >= u32::from(window) {
            place -= u32::from(window);
        }
        buffer.len += 1;
        let index = (buffer.slot + place) as usize;
        self.slots[index] = slot;
        self.values[index] = value;
    }

    /// Takes the first wavelet out of a buffer, and says whether the buffer was full.
    #[inline]
    pub(super) fn pop(&mut self, buffer: usize, window: u16) -> (u32, P::Value, bool) {
        let buffer = &mut self.buffers[buffer];
        let index = (buffer.slot + u32::from(buffer.head)) as usize;
        let full = buffer.len == window;
        buffer.head = if buffer.head + 1 == window { 0 } else { buffer.head + 1 };
        buffer.len -= 1;
        (self.slots[index], self.values[index], full)
    }

    /// The first wavelet of a buffer, if it is available in cycle `now`.
    #[inline]
    pub(super) fn head(&self, buffer: &Buffer, now: u32) -> Option<u32> {
        let slot = self.slots[(buffer.slot + u32::from(buffer.head)) as usize];
        (buffer.len > 0 && slot >> 2 <= now).then_some(slot)
    }
}
