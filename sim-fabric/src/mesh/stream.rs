//! The stream engine: whole trains of wavelets, equal to the reference engine to the cycle.
//!
//! ```text
//!            puts: 20, 21, .. 147          takes: 21, 22, .. 148
//!   router ------------------------> buffer ---------------------> router
//!             one train at each end of every buffer, as (time, count, distance)
//!
//!   agenda -> PE -> its threads and colours go on as far as is known -> who has to look again?
//! ```
//!
//! # How it works
//! Every buffer keeps the cycles in which wavelets were put in and taken out, as runs of equal
//! spacing. Whoever is looked at, a colour of a router or the threads of a PE, goes on as far as is
//! known: as long as wavelets come in and there is room, a whole run at a time. Then the other ends
//! of its buffers are held against what came out (`stream/agree.rs`): who moved a wavelet too early,
//! could have moved one sooner, or waited for one, is put back to that cycle and looked at again.
//! Room that is not known yet is taken for granted while whoever gives it may still give it in time; where
//! that comes out wrong over and over it is waited for until things get further.
//! Colours that meet at a port are timed together from then on, as threads of a PE are; a cycle in which
//! several want to move is decided by the rule, wavelet by wavelet (`stream/arbitrate.rs`).
//!
//! # Why it is exact
//! Every rule of [`super::program`] decides by what was so in earlier cycles. So there is one set of
//! times that keeps all rules, and if nobody has to look again, this is it, in whatever order it was
//! found. What has to be done anew mostly lies later than its cause, so windows of time are settled one
//! after another (`stream/agenda.rs` chooses them); if they come back over and over it is first more
//! cautious and then gives up. Whether somebody who should have looked again was forgotten is checked
//! at the end (`stream/proof.rs`): everybody's times once more, from what all others do.
//!
//! As any times that pass the proof are the right ones, it begins with a cheap guess: nobody waits for
//! room or for a turn (`stream/draft.rs`). Where that holds there is nothing left to do. Large
//! rectangles are drafted and proven by several threads; how many changes nothing.
//!
//! # What it hands over
//! Runs of more than 2^29 cycles, ramps that more than 2^30 wavelets pass, colours that list several
//! receive directions, wavelets that circle, and times that do not settle.
//! A program that does not come to its end is run by the reference engine, which says who waits for
//! whom.
//!
//! Cost: a few looks for each train and PE, whatever the length of the trains; where colours or
//! threads contend, a step for each wavelet while they do.

mod agenda;
mod agree;
mod arbitrate;
mod build;
mod core;
mod draft;
mod lane;
mod layout;
mod list;
mod offer;
mod proof;
mod serve;
mod state;
mod train;

use super::check::check;
use super::program::{FabricError, Program, Run};
use super::spec::FabricSpec;
use super::wavelet;
use layout::ClassLayout;
use state::{CORE, Due, Engine, LIMIT, Pe};

/// Looks at PEs without an operation that goes on, after which wavelets are taken to circle.
const CIRCLING: u64 = 1 << 22;
/// Windows of time that do not get further than one before, after which room that is not known is
/// waited for; and those after which the program is handed over.
const CAUTIOUS: u32 = 64;
const MOST_BACK: u32 = 1 << 12;
/// Times that everything is looked at anew before it is given up.
const MOST_PROOFS: u32 = 16;

/// Runs `program`, each PE from its cycle in `start` on.
///
/// # Errors
/// [`FabricError::NotAccepted`] where it cannot be exact; see the module's text.
pub fn run(program: &Program, spec: &FabricSpec, start: &[u64]) -> Result<Run, FabricError> {
    run_bands(program, spec, start, draft::bands(program.class_of.len()))
}

/// As [`run`], first drafted in `bands` bands of rows, if there are as many rows, with a thread for
/// each; the result does not depend on how many.
///
/// # Errors
/// As [`run`].
pub fn run_bands(
    program: &Program,
    spec: &FabricSpec,
    start: &[u64],
    bands: usize,
) -> Result<Run, FabricError> {
    let whole = settled(program, spec, start, bands, |engine| engine.into_run())?;
    let Some((hops, mut done)) = whole else {
        // Who waits for whom is the reference engine's to say.
        return match wavelet::run(program, spec, start) {
            Ok(_) => {
                let reason = "it came to a stand-still that the rules do not know".to_owned();
                Err(FabricError::NotAccepted { reason })
            }
            stuck => stuck,
        };
    };
    let base = start.iter().copied().min().unwrap_or(0);
    done.iter_mut().for_each(|done| *done += base);
    Ok(Run { done, hops })
}

/// Wavelets that leave each PE's router over its links to neighbours, in the order of the PEs. They
/// do not depend on the starts, so it runs the program with all PEs starting at once. None where this
/// engine does not take the program.
pub fn link_words(program: &Program, spec: &FabricSpec) -> Option<Vec<u64>> {
    let start = vec![0; program.class_of.len()];
    let bands = draft::bands(start.len());
    settled(program, spec, &start, bands, |engine| engine.link_words()).ok()?
}

/// What `read` says of a machine that ran `program` to its end; none if it did not get there.
fn settled<T>(
    program: &Program,
    spec: &FabricSpec,
    start: &[u64],
    bands: usize,
    read: impl FnOnce(Engine<'_>) -> T,
) -> Result<Option<T>, FabricError> {
    check(program, spec, start)?;
    if program.merges() {
        let reason = "a colour lists several receive directions".to_owned();
        return Err(FabricError::NotAccepted { reason });
    }
    let classes: Vec<_> = program.classes.iter().map(ClassLayout::new).collect::<Result<_, _>>()?;
    let base = start.iter().copied().min().unwrap_or(0);
    let mut engine = Engine::new(program, &classes, spec, start, base)?;
    if engine.draft(program.shape.columns as usize, bands) {
        return Ok(Some(read(engine)));
    }
    engine.begin();
    engine.run()?;
    Ok(engine.is_complete().then(|| read(engine)))
}

impl Engine<'_> {
    /// Sweeps over PEs until nobody has anything to do anew.
    fn run(&mut self) -> Result<(), FabricError> {
        let (mut proofs, mut furthest, mut back) = (0, 0, 0);
        loop {
            let mut at = 0;
            while let Some(pe) = self.agenda.upwards(at) {
                self.visit(pe);
                at = pe + 1;
                self.check_progress()?;
            }
            let mut end = self.pes.len();
            while let Some(pe) = self.agenda.downwards(end) {
                self.visit(pe);
                end = pe;
                self.check_progress()?;
            }
            let closer = self.agenda.swept();
            let unfinished = self.agenda.is_active();
            if unfinished && !closer {
                continue;
            }
            let first = self.agenda.all().map(|pe| self.first_due(pe)).min();
            match first {
                None => {
                    // What does not come to its end is not for this engine to explain.
                    if !self.is_complete() || self.is_proven(proofs) {
                        return Ok(());
                    }
                    proofs += 1;
                    if proofs > MOST_PROOFS {
                        let reason = "times found do not stay when looked at anew".to_owned();
                        return Err(FabricError::NotAccepted { reason });
                    }
                }
                Some(first) => {
                    back = if first > furthest { 0 } else { back + 1 };
                    furthest = furthest.max(first);
                    // Room taken for granted and found missing, over and over.
                    self.cautious = back > CAUTIOUS;
                    if back > MOST_BACK {
                        let reason = "times found do not settle".to_owned();
                        return Err(FabricError::NotAccepted { reason });
                    }
                    self.agenda.begin(first, unfinished);
                }
            }
        }
    }

    /// Whether all keeps the rules as it is, `proofs` times after somebody was in doubt; has those
    /// who are still in doubt do everything anew from cycle 0 on, with what is known of all others.
    fn is_proven(&mut self, proofs: u32) -> bool {
        let doubts = self.doubts();
        // Whoever had to be played through came to the same, so it did with what all do now.
        let played = proofs > 0 && !self.changed;
        if doubts.iter().all(|doubt| played && !doubt.wrong) {
            return true;
        }
        let due = Due { at: 0, from: 0 };
        for doubt in doubts {
            match doubt.route {
                Some(route) => self.mark_lane(doubt.pe, route, due),
                None => self.mark_core(doubt.pe, due),
            }
        }
        self.changed = false;
        self.idle = 0;
        self.agenda.begin_all();
        false
    }

    fn check_progress(&mut self) -> Result<(), FabricError> {
        self.idle += 1;
        let reason = if self.overrun {
            format!("it runs for more than {LIMIT} cycles")
        } else if self.idle > CIRCLING + 16 * self.pes.len() as u64 {
            "wavelets seem to circle".to_owned()
        } else {
            return Ok(());
        };
        Err(FabricError::NotAccepted { reason })
    }

    /// First cycle that anything of `pe` is to be looked at for.
    fn first_due(&self, pe: usize) -> u32 {
        let lanes = self.pes[pe].lanes as usize;
        let routes = self.class(pe).routes.len();
        let lanes = &self.lane_due[lanes..lanes + routes];
        lanes.iter().map(|due| due.at).fold(self.core_due[pe].at, u32::min)
    }

    /// Looks at everything of `pe` that is due before the horizon.
    fn visit(&mut self, pe: usize) {
        loop {
            let Pe { dirty, lanes, joint, .. } = self.pes[pe];
            let due = self.core_due[pe];
            let horizon = self.agenda.horizon;
            if dirty & CORE != 0 && u64::from(due.at) < horizon {
                self.pes[pe].dirty &= !CORE;
                self.core_due[pe] = Due::NONE;
                self.step_core(pe, due);
                continue;
            }
            let mut left = dirty & !CORE;
            let route = loop {
                if left == 0 {
                    break None;
                }
                let route = left.trailing_zeros() as u8;
                left &= left - 1;
                let due = self.lane_due[lanes as usize + route as usize];
                if u64::from(due.at) < horizon {
                    break Some((route, due));
                }
            };
            let Some((route, due)) = route else {
                if dirty != 0 {
                    self.agenda.defer(pe);
                }
                return;
            };
            if joint && self.class(pe).routes[route as usize].rivals != 0 {
                let first = self.group_due(pe);
                self.step_router(pe, first);
            } else {
                self.pes[pe].dirty &= !(1 << route);
                self.lane_due[lanes as usize + route as usize] = Due::NONE;
                self.step_lane(pe, route, due);
            }
        }
    }

    /// First cycle that any colour of a router that shares ports is to be looked at for.
    pub(in crate::mesh::stream) fn group_due(&self, pe: usize) -> u32 {
        let lanes = self.pes[pe].lanes as usize;
        let routes = self.class(pe).routes.iter().enumerate();
        let members = routes.filter(|(_, route)| route.rivals != 0);
        members.map(|(index, _)| self.lane_due[lanes + index].at).min().unwrap_or(0)
    }
}
