//! The reference engine: every wavelet, every hop, every slot of every buffer.
//!
//! ```text
//!   cycle t:   routers that were woken        PEs that were woken
//!              ready?  ->  turns  ->  leave   can issue?  ->  turn  ->  issue
//!                 |                     |                               |
//!                 |                     +-- wakes the neighbour at t + hop_cycles, the PE at
//!                 |                     |   t + ramp_cycles, and whoever found the buffer full at t + 1
//!                 +-- else sleeps until what it waits for wakes it      +-- wakes the router, itself
//! ```
//!
//! It follows the text of [`super::program`] word by word. State lies in flat arrays
//! (`wavelet/state.rs`) sized by what each class needs (`wavelet/layout.rs`); a ring of bitmaps
//! (`wavelet/wheel.rs`) says who is looked at in which cycle, so idle routers and PEs cost nothing
//! and cycles in which nobody is looked at are skipped. `wavelet/router.rs` and `wavelet/core.rs`
//! are one cycle of a router and of a PE; `wavelet/stall.rs` explains a stand-still.
//!
//! Deviations: it counts 2^29 cycles from the first start and refuses longer runs.

mod core;
mod layout;
mod router;
mod stall;
mod state;
mod values;
pub(super) mod wheel;

use super::check::check;
use super::program::{FabricError, Program, Run};
use super::spec::FabricSpec;
use layout::ClassLayout;
use state::{Engine, LIMIT};
use values::{Nothing, Numbers, Payload};
use wheel::bits;

/// Cycles in which wavelets move and no operation issues, after which they are taken to circle.
const CIRCLING: u64 = 1 << 22;

/// Runs `program`; PE `p` starts at cycle `start[p]`.
pub fn run(program: &Program, spec: &FabricSpec, start: &[u64]) -> Result<Run, FabricError> {
    run_with(program, spec, start, Nothing)
}

/// Runs `program` with numbers: PE `p` reads and writes `memory[p]`, whose elements
/// [`Operand::Memory`](super::program::Operand::Memory) counts.
///
/// An operation without fabric operands reads and writes all its elements when it begins, one with
/// fabric operands each as its wavelet issues.
pub fn run_values(
    program: &Program,
    spec: &FabricSpec,
    start: &[u64],
    memory: &mut [Vec<f32>],
) -> Result<Run, FabricError> {
    let numbers = Numbers::new(memory);
    check(program, spec, start)?;
    numbers.check(program)?;
    run_with(program, spec, start, numbers)
}

fn run_with<P: Payload>(
    program: &Program,
    spec: &FabricSpec,
    start: &[u64],
    payload: P,
) -> Result<Run, FabricError> {
    check(program, spec, start)?;
    let classes: Vec<_> = program.classes.iter().map(|c| ClassLayout::new(c, spec)).collect();
    let base = start.iter().copied().min().unwrap_or(0);
    let mut engine = Engine::new(program, &classes, spec, start, base, payload)?;
    engine.run()?;
    if let Some(fault) = engine.payload.fault() {
        return Err(fault);
    }
    engine.check_end(base + u64::from(engine.last_move))?;
    let done = engine.done.iter().map(|done| base + done).collect();
    Ok(Run { done, hops: engine.counts.hops })
}

impl<P: Payload> Engine<'_, P> {
    /// Runs until nobody is to be looked at any more.
    fn run(&mut self) -> Result<(), FabricError> {
        for pe in 0..self.cores.len() {
            self.settle(pe);
        }
        let mut now = 0;
        let (mut last_progress, mut still) = ((0, self.left), 0);
        loop {
            if let Some(collision) = self.collision {
                return Err(self.collided(collision));
            }
            if self.overrun || u64::from(now) >= LIMIT {
                let reason = format!("it runs for more than {LIMIT} cycles");
                return Err(FabricError::NotAccepted { reason });
            }
            let next = self.router_wheel.next().into_iter().chain(self.core_wheel.next()).min();
            let Some(next) = next else { return Ok(()) };
            now = next;
            self.router_wheel.enter(now);
            self.core_wheel.enter(now);
            if self.router_wheel.begin() {
                for mark in 0..self.router_wheel.marks() {
                    for word in bits(self.router_wheel.take_marks(mark)) {
                        let word = mark * 64 + word;
                        for bit in bits(self.router_wheel.take_word(word)) {
                            self.step_router(word * 64 + bit, now);
                        }
                    }
                }
            }
            if self.core_wheel.begin() {
                for mark in 0..self.core_wheel.marks() {
                    for word in bits(self.core_wheel.take_marks(mark)) {
                        let word = mark * 64 + word;
                        for bit in bits(self.core_wheel.take_word(word)) {
                            self.step_core(word * 64 + bit, now);
                        }
                    }
                }
            }
            let progress = (self.counts.taken + self.counts.sent, self.left);
            still = if progress == last_progress { still + 1 } else { 0 };
            last_progress = progress;
            if still > CIRCLING {
                return Err(self.circling(now));
            }
        }
    }
}
