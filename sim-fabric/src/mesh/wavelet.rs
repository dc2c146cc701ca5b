//! The reference engine: every wavelet, every hop, every slot of every buffer.
//!
//! ```text
//!   cycle t:   lanes that were woken           PEs that were woken
//!              ready?  ->  turns  ->  leave    can issue?  ->  turn  ->  issue
//!                 |                     |                                |
//!                 |                     +-- wakes the lane ahead at t + hop_cycles, the PE at
//!                 |                     |   t + ramp_cycles, and whoever found the buffer full at t + 1
//!                 +-- else sleeps until what it waits for wakes it       +-- wakes the lane, itself
//!              then bands meet, and all go on to the next cycle in which anybody is woken
//! ```
//! A lane is one colour in one router.
//!
//! # Code flow
//! It follows the text of [`super::program`] word by word.
//! 1. `wavelet/layout.rs` works out what all PEs of a class share; `wavelet/state.rs` makes from it the
//!    flat arrays of state of each band of rows; `wavelet/buffer.rs` is one buffer.
//! 2. `wavelet/bands.rs` gives each band a thread and takes it from cycle to cycle;
//!    `wavelet/exchange.rs` carries what crosses from band to band.
//! 3. `wavelet/wheel.rs` says who is looked at in a cycle: idle routers and PEs cost nothing, and
//!    cycles in which nobody is looked at are skipped.
//! 4. `wavelet/router.rs` and `wavelet/core.rs` are one cycle of a lane and of a PE;
//!    `wavelet/values.rs` are the numbers that wavelets carry, if they are wanted.
//! 5. `wavelet/stall.rs` explains a stand-still, `wavelet/laws.rs` holds every run to what no program
//!    may break.
//!
//! Deviations: it counts 2^29 cycles from the first start and refuses longer runs.

mod bands;
mod buffer;
mod core;
mod exchange;
mod laws;
mod layout;
mod router;
mod stall;
mod state;
mod values;
pub(super) mod wheel;

use super::check::check;
use super::program::{FabricError, Program, Run};
use super::spec::FabricSpec;
use bands::Machine;
use layout::Layout;
use state::LIMIT;
use values::{Numbers, Payload};

/// Runs `program`; PE `p` starts at cycle `start[p]`.
pub fn run(program: &Program, spec: &FabricSpec, start: &[u64]) -> Result<Run, FabricError> {
    run_threads(program, spec, start, 1)
}

/// Least PEs that a thread is worth.
const WORTH_A_THREAD: usize = 1 << 12;

/// As [`run`], on up to `threads` threads; the result does not depend on how many.
pub fn run_threads(
    program: &Program,
    spec: &FabricSpec,
    start: &[u64],
    threads: usize,
) -> Result<Run, FabricError> {
    run_bands(program, spec, start, threads.min(program.shape.pes() / WORTH_A_THREAD))
}

/// As [`run`], cut into `bands` bands of rows, if there are as many rows, with a thread for each;
/// whether they are worth it or not.
pub fn run_bands(
    program: &Program,
    spec: &FabricSpec,
    start: &[u64],
    bands: usize,
) -> Result<Run, FabricError> {
    let base = prepare(program, spec, start)?;
    let layout = Layout::new(program, spec);
    finish(Machine::run_bands(program, &layout, spec, (start, base), bands)?, base)
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
    let base = prepare(program, spec, start)?;
    let numbers = Numbers::new(memory);
    numbers.check(program)?;
    let layout = Layout::new(program, spec);
    let mut machine = Machine::run(program, &layout, spec, (start, base), numbers)?;
    if let Some(fault) = machine.bands[0].payload.fault() {
        return Err(fault);
    }
    finish(machine, base)
}

/// Refuses what cannot be run; gives the first start.
fn prepare(program: &Program, spec: &FabricSpec, start: &[u64]) -> Result<u64, FabricError> {
    check(program, spec, start)?;
    let base = start.iter().copied().min().unwrap_or(0);
    let last = start.iter().copied().max().unwrap_or(0);
    if last - base >= LIMIT {
        let reason = format!("PE starts differ by more than {LIMIT} cycles");
        return Err(FabricError::NotAccepted { reason });
    }
    Ok(base)
}

/// The result of a machine that has come to its end, if that is as it should be.
fn finish<P: Payload>(machine: Machine<'_, P>, base: u64) -> Result<Run, FabricError> {
    stall::check_end(&machine, base)?;
    let hops = laws::check(&machine);
    let done = machine.bands.into_iter().flat_map(|band| band.done);
    Ok(Run { done: done.map(|done| base + done).collect(), hops })
}
