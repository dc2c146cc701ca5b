//! A first draft of all times, as if nobody ever had to wait for room or for a turn.
//!
//! ```text
//!   rows  0..k    a thread's band  -+
//!                                   |  wavelets that cross, as they leave (draft/post.rs)
//!   rows  k..n    a thread's band  -+
//! ```
//! Then what comes in says when it leaves, so that every train is worked out once, forwards, and
//! nothing is ever taken back; bands of rows do so side by side. Whether nobody had to wait is seen
//! by the proof (`stream/proof.rs`), which holds the draft to all rules. If it does not stand it is
//! thrown away. So no word here decides a time: it is a guess that is right or not used.

mod band;
mod post;

use super::list::Lists;
use super::state::Engine;
use super::train::Pool;
use band::{Band, Machine, State};
use post::Post;

/// Least PEs that a thread is worth.
const WORTH_A_THREAD: usize = 1 << 14;

/// Bands that a machine of so many PEs is worth.
pub(super) fn bands(pes: usize) -> usize {
    rayon::current_num_threads().min(pes / WORTH_A_THREAD)
}

impl Engine<'_> {
    /// Times everything in a machine before its first cycle; false if they are not the times that the
    /// rules give, and of no use.
    pub(super) fn draft(&mut self, columns: usize, bands: usize) -> bool {
        if self.classes.iter().any(|class| class.shares) {
            return false;
        }
        let rows = self.pes.len() / columns;
        self.draft_in(columns, rows.div_ceil(bands.clamp(1, rows))) && self.doubts().is_empty()
    }

    /// Drafts in bands of so many rows; false if it gave up.
    fn draft_in(&mut self, columns: usize, rows: usize) -> bool {
        let mut bands = self.bands(columns * rows);
        let post = Post::new(bands.len());
        if let [only] = &mut bands[..] {
            only.run(&post);
        } else {
            std::thread::scope(|scope| {
                for band in &mut bands {
                    scope.spawn(|| {
                        let _leave = post.enter();
                        band.run(&post);
                    });
                }
            });
        }
        let (pools, lists): (Vec<_>, Vec<_>) = bands.into_iter().map(Band::into_rest).unzip();
        self.pool = Pool::whole(pools);
        self.lists = Lists::whole(lists);
        !post.gave_up()
    }

    /// The machine cut into bands of `size` PEs.
    fn bands(&mut self, size: usize) -> Vec<Band<'_>> {
        let parts = self.pes.len().div_ceil(size);
        let all = [self.lanes.len(), self.channels.len(), self.threads.len(), self.done.len()];
        let firsts = |part: usize| {
            let pe = self.pes.get(part * size);
            pe.map_or(all, |pe| [pe.lanes, pe.channels, pe.threads, pe.ops].map(|at| at as usize))
        };
        let firsts: Vec<_> = (0..=parts).map(firsts).collect();
        let machine = Machine {
            classes: self.classes,
            spec: self.spec,
            start: self.start,
            base: self.base,
            steps: self.steps,
            size,
        };
        let (mut pes, mut lanes) = (&mut self.pes[..], &mut self.lanes[..]);
        let (mut channels, mut threads) = (&mut self.channels[..], &mut self.threads[..]);
        let mut done = &mut self.done[..];
        let cut = |part: usize| {
            let length = |of: usize| firsts[part + 1][of] - firsts[part][of];
            let count = size.min(pes.len());
            let state = State {
                pes: cut(&mut pes, count),
                lanes: cut(&mut lanes, length(0)),
                channels: cut(&mut channels, length(1)),
                threads: cut(&mut threads, length(2)),
                done: cut(&mut done, length(3)),
                firsts: firsts[part],
            };
            Band::new(machine, state, part, parts)
        };
        (0..parts).map(cut).collect()
    }
}

/// Takes the first `count` off `rest`.
fn cut<'e, T>(rest: &mut &'e mut [T], count: usize) -> &'e mut [T] {
    let (first, behind) = std::mem::take(rest).split_at_mut(count);
    *rest = behind;
    first
}
