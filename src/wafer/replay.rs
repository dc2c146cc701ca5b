//! Replay: tokens and prompt chunks through the pipeline of parts, wafers and the Ethernet between them.
//!
//! ```text
//! stage 0 -> stage 1 -> ... -> stage n - 1        a stage works on one item at a time
//!    (same wafer: rows of PEs)  (next wafer: edge, Ethernet, edge)
//! ```
//! An item (a prompt chunk, or the token being decoded) waits for its stage's PEs to be free, for the link
//! to be free, and nothing else; stages that share PEs serve in the order of arrival. The next token enters when the last one has been chosen and its
//! number has come back to the first wafer.

use sim_core::{EventQueue, Picos};

/// How an item gets from one stage to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transfer {
    /// On wafers: to the next band, or to the edge and from it `[ps]`.
    pub fabric: Picos,
    /// Time that the Ethernet link is busy; zero on one wafer `[ps]`.
    pub busy: Picos,
    /// Latency of the Ethernet `[ps]`.
    pub latency: Picos,
}

impl Transfer {
    /// From leaving one stage to reaching the next, if the link is free.
    pub fn total(&self) -> Picos {
        self.fabric + self.busy + self.latency
    }
}

/// What an item needs of each stage.
pub trait Work {
    /// Duration of `item` in `stage`.
    fn stage(&self, item: usize, stage: usize) -> Picos;
    /// The way from `stage` to the next.
    fn transfer(&self, item: usize, stage: usize) -> Transfer;
    /// Number of stages that `item` goes through.
    fn stages(&self, item: usize) -> usize;
    /// Where `stage` stands, as the first stage that stands there; stages in one place work in turn.
    fn place(&self, stage: usize) -> usize {
        stage
    }
}

/// What happened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Replay {
    /// When each item left its last stage `[ps]`.
    pub done: Vec<Picos>,
    /// Work of each stage `[ps]`.
    pub busy: Vec<Picos>,
    /// Time items waited for a stage or a link `[ps]`.
    pub waited: Picos,
}

enum Event {
    /// An item is at a stage's input.
    Arrive { item: usize, stage: usize },
    /// An item has gone through a stage.
    Leave { item: usize, stage: usize },
}

/// An item in a stage, or on the way behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Log {
    /// Which item, from 0.
    pub item: usize,
    /// The stage, or the one that it comes from.
    pub stage: usize,
    /// Whether it is on the way to the next stage.
    pub on_the_way: bool,
    /// When it began `[ps]`.
    pub start: Picos,
    /// When it ended `[ps]`.
    pub end: Picos,
    /// How long it had waited for the stage or the link `[ps]`.
    pub waited: Picos,
}

/// Sends `items` through one behind the other; all are there at the start.
pub fn pipeline(work: &impl Work, items: usize, stages: usize) -> Replay {
    pipeline_logged(work, items, stages, &mut |_| {})
}

/// As [`pipeline`], telling `log` what happened.
pub fn pipeline_logged(
    work: &impl Work,
    items: usize,
    stages: usize,
    log: &mut dyn FnMut(Log),
) -> Replay {
    let mut queue = EventQueue::new();
    let mut replay =
        Replay { done: vec![Picos(0); items], busy: vec![Picos(0); stages], waited: Picos(0) };
    let mut stage_free = vec![0u64; stages];
    let mut link_free = vec![0u64; stages];
    for item in 0..items {
        queue.push(0, Event::Arrive { item, stage: 0 });
    }
    while let Some((now, event)) = queue.pop() {
        match event {
            // Items come in the order in which they are served, so each can be given its turn at once.
            Event::Arrive { item, stage } => {
                let place = work.place(stage);
                let start = now.max(stage_free[place]);
                let takes = work.stage(item, stage);
                stage_free[place] = start + takes.0;
                replay.busy[stage] += takes;
                if stage > 0 {
                    replay.waited += Picos(start - now);
                }
                let (start, end) = (Picos(start), Picos(start + takes.0));
                log(Log {
                    item,
                    stage,
                    on_the_way: false,
                    start,
                    end,
                    waited: Picos(start.0 - now),
                });
                queue.push(end.0, Event::Leave { item, stage });
            }
            Event::Leave { item, stage } => {
                if stage + 1 == work.stages(item) {
                    replay.done[item] = Picos(now);
                    continue;
                }
                let way = work.transfer(item, stage);
                let sent = (now + way.fabric.0).max(link_free[stage]);
                link_free[stage] = sent + way.busy.0;
                replay.waited += Picos(sent - now - way.fabric.0);
                let there = sent + way.busy.0 + way.latency.0;
                let (start, end) = (Picos(now), Picos(there));
                let waited = Picos(sent - now - way.fabric.0);
                log(Log { item, stage, on_the_way: true, start, end, waited });
                queue.push(there, Event::Arrive { item, stage: stage + 1 });
            }
        }
    }
    replay
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `stages` equal stages, a link of `busy` and `latency` between them.
    struct Even {
        takes: u64,
        busy: u64,
        latency: u64,
        stages: usize,
    }

    impl Work for Even {
        fn stage(&self, _: usize, _: usize) -> Picos {
            Picos(self.takes)
        }
        fn transfer(&self, _: usize, _: usize) -> Transfer {
            Transfer { fabric: Picos(0), busy: Picos(self.busy), latency: Picos(self.latency) }
        }
        fn stages(&self, _: usize) -> usize {
            self.stages
        }
    }

    #[test]
    fn one_item_takes_the_sum_of_all() {
        let work = Even { takes: 10, busy: 3, latency: 5, stages: 4 };
        let replay = pipeline(&work, 1, 4);
        assert_eq!(replay.done, [Picos(4 * 10 + 3 * 8)]);
        assert_eq!(replay.waited, Picos(0));
    }

    /// All stages in one place.
    struct Together(Even);

    impl Work for Together {
        fn stage(&self, item: usize, stage: usize) -> Picos {
            self.0.stage(item, stage)
        }
        fn transfer(&self, item: usize, stage: usize) -> Transfer {
            self.0.transfer(item, stage)
        }
        fn stages(&self, item: usize) -> usize {
            self.0.stages(item)
        }
        fn place(&self, _: usize) -> usize {
            0
        }
    }

    #[test]
    fn stages_that_share_pes_work_in_turn() {
        let work = Together(Even { takes: 10, busy: 0, latency: 0, stages: 4 });
        assert_eq!(pipeline(&work, 1, 4).done, [Picos(40)]);
        assert_eq!(pipeline(&work, 6, 4).done[5], Picos(6 * 40));
    }

    #[test]
    fn items_follow_at_the_pace_of_the_slowest_resource() {
        let stage_bound = Even { takes: 10, busy: 3, latency: 5, stages: 4 };
        let done = pipeline(&stage_bound, 6, 4).done;
        assert_eq!(done[5].0 - done[4].0, 10);
        let link_bound = Even { takes: 10, busy: 30, latency: 5, stages: 4 };
        let done = pipeline(&link_bound, 6, 4).done;
        assert_eq!(done[5].0 - done[4].0, 30);
    }
}
