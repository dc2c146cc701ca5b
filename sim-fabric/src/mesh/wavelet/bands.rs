//! The rectangle cut into bands of rows, each run by a thread of its own.
//!
//! Which bands there are decides nothing: every one follows the same rules cycle by cycle
//! (`wavelet/exchange.rs` says how they keep step).

use super::exchange::{Alone, Exchange, Meeting, Outlook};
use super::layout::Layout;
use super::state::{Engine, LIMIT, NEVER};
use super::values::{Nothing, Payload};
use super::wheel::bits;
use crate::mesh::program::{FabricError, Program};
use crate::mesh::spec::FabricSpec;

/// All bands of a program, from the first row to the last.
pub(super) struct Machine<'a, P: Payload> {
    pub(super) bands: Vec<Engine<'a, P>>,
    /// Rows of each band, except perhaps the last.
    rows: usize,
    /// Whether it was stopped because wavelets move for ever.
    pub(super) circles: bool,
}

impl<'a, P: Payload> Machine<'a, P> {
    /// The band that runs a PE of the rectangle, and the PE's index there.
    pub(super) fn of(&self, pe: usize) -> (&Engine<'a, P>, usize) {
        let columns = self.bands[0].program.shape.columns as usize;
        let band = &self.bands[pe / columns / self.rows];
        (band, pe - band.origin)
    }

    /// Runs `program` in one band.
    pub(super) fn run(
        program: &'a Program,
        layout: &'a Layout,
        spec: &FabricSpec,
        start: (&[u64], u64),
        payload: P,
    ) -> Result<Self, FabricError> {
        let rows = program.shape.rows as usize;
        let mut band = Engine::new(program, layout, spec, start, 0..rows, payload);
        let circles = band.run(&mut Alone::default(), stillness(program, spec))?;
        Ok(Self { bands: vec![band], rows, circles })
    }
}

impl<'a> Machine<'a, Nothing> {
    /// Runs `program` in `bands` bands, if it has as many rows, each with a thread of its own.
    pub(super) fn run_bands(
        program: &'a Program,
        layout: &'a Layout,
        spec: &FabricSpec,
        start: (&[u64], u64),
        bands: usize,
    ) -> Result<Self, FabricError> {
        let height = program.shape.rows as usize;
        let rows = height.div_ceil(bands.clamp(1, height));
        let bands = height.div_ceil(rows);
        if bands == 1 {
            return Self::run(program, layout, spec, start, Nothing);
        }
        let meeting = Meeting::new(bands);
        let run = |band: usize| {
            let rows = band * rows..height.min((band + 1) * rows);
            let mut seat = meeting.seat(band);
            let mut engine = Engine::new(program, layout, spec, start, rows, Nothing);
            let circles = engine.run(&mut seat, stillness(program, spec))?;
            Ok((engine, circles))
        };
        let ran: Result<Vec<_>, FabricError> = std::thread::scope(|scope| {
            let run = &run;
            let others: Vec<_> = (1..bands).map(|band| scope.spawn(move || run(band))).collect();
            let first = run(0);
            let others = others.into_iter().map(|thread| {
                thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            });
            std::iter::once(first).chain(others).collect()
        });
        let (bands, circles): (Vec<_>, Vec<_>) = ran?.into_iter().unzip();
        Ok(Self { bands, rows, circles: circles[0] })
    }
}

/// Cycles in which wavelets move and no operation issues or ends, after which they are taken to
/// circle: a wavelet that visits every port of every router is there sooner.
fn stillness(program: &Program, spec: &FabricSpec) -> u64 {
    let visits = (1 << 12) + 64 * program.shape.pes() as u64;
    visits * u64::from(spec.hop_cycles + spec.switch_cycles)
}

impl<P: Payload> Engine<'_, P> {
    /// Runs until nobody is to be looked at any more in any band; true if wavelets move for ever.
    fn run(
        &mut self,
        exchange: &mut impl Exchange<P::Value>,
        stillness: u64,
    ) -> Result<bool, FabricError> {
        let (mut last_progress, mut still) = (u64::MAX, 0);
        let mut now = 0;
        loop {
            let mine = self.outlook(now);
            let all = exchange.meet(mine, &mut self.mail);
            if all.collided {
                // What has crossed in the same cycle may have collided as well.
                self.read(exchange.mail(), now + 1);
                return Ok(false);
            }
            if all.next == NEVER && !all.overrun {
                return Ok(false);
            }
            if all.overrun || u64::from(all.next) >= LIMIT {
                let reason = format!("it runs for more than {LIMIT} cycles");
                return Err(FabricError::NotAccepted { reason });
            }
            still = if all.progress == last_progress { still + 1 } else { 0 };
            last_progress = all.progress;
            if still > stillness {
                return Ok(true);
            }
            now = all.next;
            self.lane_wheel.enter(now);
            self.core_wheel.enter(now);
            self.read(exchange.mail(), now);
            self.step(now);
        }
    }

    fn outlook(&self, now: u32) -> Outlook {
        let wheels = [self.lane_wheel.next(), self.core_wheel.next()];
        let next = wheels.into_iter().flatten().min().unwrap_or(NEVER);
        Outlook {
            next: if self.has_written() { now + 1 } else { next },
            progress: self.counts.taken + self.counts.sent + (self.done.len() - self.left) as u64,
            overrun: self.overrun,
            collided: self.collision.is_some(),
        }
    }

    /// One cycle: the routers that were woken, then the PEs.
    fn step(&mut self, now: u32) {
        if self.lane_wheel.begin() {
            for mark in 0..self.lane_wheel.marks() {
                for word in bits(self.lane_wheel.take_marks(mark)) {
                    let word = mark * 64 + word;
                    let mut again = 0;
                    for bit in bits(self.lane_wheel.take_word(word)) {
                        again |= u64::from(self.step_lane(word * 64 + bit, now)) << bit;
                    }
                    self.lane_wheel.wake_word_soon(word, again);
                }
            }
        }
        if self.core_wheel.begin() {
            for mark in 0..self.core_wheel.marks() {
                for word in bits(self.core_wheel.take_marks(mark)) {
                    let word = mark * 64 + word;
                    let mut again = 0;
                    for bit in bits(self.core_wheel.take_word(word)) {
                        again |= u64::from(self.step_core(word * 64 + bit, now)) << bit;
                    }
                    self.core_wheel.wake_word_soon(word, again);
                }
            }
        }
    }
}
