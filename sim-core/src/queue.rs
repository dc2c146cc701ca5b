//! The event queue: events leave in order of time, and among equal times in order of insertion.
//!
//! ```text
//!   page of now: 1,024 times     chapter of now: 1,024 pages      later chapters
//!   |  one bucket a time      |    one bucket a page           |    one list each, in a map
//! ```
//! The times of the current page have a first-in first-out bucket each. Behind them a bucket per
//! page collects the events of its 1,024 times in order of insertion, and a list per chapter those
//! of its pages. When time enters a chapter or a page, its events move one level down, in order and
//! before anything can be pushed there directly: so equal times keep the order of insertion.

mod ring;

use ring::{PLACES, Ring};
use std::collections::BTreeMap;

/// A queue of future events with a total order: (time, order of insertion).
#[derive(Debug)]
pub struct EventQueue<E> {
    /// The page of `now`: a bucket for each time.
    near: Ring<E>,
    /// The chapter of `now` without its current page: a bucket for each page.
    far: Ring<(u64, E)>,
    /// Later chapters.
    beyond: BTreeMap<u64, Vec<(u64, E)>>,
    now: u64,
    len: usize,
}

/// The page of a time, and its place in its chapter.
fn page(time: u64) -> (u64, usize) {
    let page = time / PLACES as u64;
    (page, place(page))
}

fn chapter(time: u64) -> u64 {
    page(time).0 / PLACES as u64
}

/// The place in a ring of a time in its page, or of a page in its chapter.
fn place(index: u64) -> usize {
    (index % PLACES as u64) as usize
}

impl<E> Default for EventQueue<E> {
    fn default() -> Self {
        Self { near: Ring::new(), far: Ring::new(), beyond: BTreeMap::new(), now: 0, len: 0 }
    }
}

impl<E> EventQueue<E> {
    /// An empty queue at time 0.
    pub fn new() -> Self {
        Self::default()
    }

    /// Time of the event that left last `[time units]`.
    pub fn now(&self) -> u64 {
        self.now
    }

    /// Schedules `event` at `time`, which must not lie before [`EventQueue::now`].
    pub fn push(&mut self, time: u64, event: E) {
        assert!(time >= self.now, "event at {time} is before now = {}", self.now);
        self.len += 1;
        if page(time).0 == page(self.now).0 {
            self.near.push(place(time), event);
        } else if chapter(time) == chapter(self.now) {
            self.far.push(page(time).1, (time, event));
        } else {
            self.beyond.entry(chapter(time)).or_default().push((time, event));
        }
    }

    /// Takes the earliest event and moves time to it.
    pub fn pop(&mut self) -> Option<(u64, E)> {
        let mut first = place(self.now);
        loop {
            if let Some(found) = self.near.next(first) {
                self.now = page(self.now).0 * PLACES as u64 + found as u64;
                let event = self.near.pop(found)?;
                self.len -= 1;
                return Some((self.now, event));
            }
            self.enter_next_page()?;
            first = 0;
        }
    }

    /// Moves time to the start of the next page with events, and its events to their buckets.
    fn enter_next_page(&mut self) -> Option<()> {
        let next = match self.far.next(page(self.now).1) {
            Some(next) => next,
            None => {
                let (chapter, events) = self.beyond.pop_first()?;
                self.now = chapter * (PLACES * PLACES) as u64;
                for (time, event) in events {
                    self.far.push(page(time).1, (time, event));
                }
                self.far.next(0)?
            }
        };
        let start_of_chapter = chapter(self.now) * (PLACES * PLACES) as u64;
        self.now = start_of_chapter + (next * PLACES) as u64;
        while let Some((time, event)) = self.far.pop(next) {
            self.near.push(place(time), event);
        }
        Some(())
    }

    /// Number of events waiting.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::cmp::Reverse;
    use std::collections::BinaryHeap;

    #[test]
    fn equal_times_leave_in_order_of_insertion() {
        let mut queue = EventQueue::new();
        queue.push(5, 'b');
        queue.push(3, 'a');
        queue.push(5, 'c');
        let order: Vec<_> = std::iter::from_fn(|| queue.pop()).collect();
        assert_eq!(order, [(3, 'a'), (5, 'b'), (5, 'c')]);
    }

    #[test]
    fn an_empty_queue_keeps_its_time() {
        let mut queue = EventQueue::new();
        queue.push(3_000_000_000, ());
        assert_eq!((queue.pop(), queue.pop()), (Some((3_000_000_000, ())), None));
        assert_eq!((queue.now(), queue.len()), (3_000_000_000, 0));
        queue.push(3_000_000_000, ());
        assert_eq!(queue.pop(), Some((3_000_000_000, ())));
    }

    #[test]
    fn the_last_times_there_are_can_be_used() {
        let mut queue = EventQueue::new();
        queue.push(u64::MAX, 1);
        queue.push(u64::MAX - 1, 0);
        assert_eq!(queue.pop(), Some((u64::MAX - 1, 0)));
        assert_eq!(queue.pop(), Some((u64::MAX, 1)));
    }

    /// A push so far ahead of now, or a pop.
    fn step() -> impl Strategy<Value = Option<u64>> {
        prop_oneof![
            2 => (0..4u64).prop_map(Some),
            2 => (0..3000u64).prop_map(Some),
            1 => (0..3_000_000u64).prop_map(Some),
            1 => (0..u64::MAX / 1000).prop_map(Some),
            5 => Just(None),
        ]
    }

    proptest! {
        #[test]
        fn it_behaves_as_a_heap_by_time_and_insertion(steps in prop::collection::vec(step(), 0..400)) {
            let mut queue = EventQueue::new();
            let mut heap = BinaryHeap::new();
            for (sequence, step) in steps.into_iter().chain([None; 400]).enumerate() {
                if let Some(ahead) = step {
                    queue.push(queue.now() + ahead, sequence);
                    heap.push(Reverse((queue.now() + ahead, sequence)));
                } else {
                    prop_assert_eq!(queue.pop(), heap.pop().map(|Reverse(first)| first));
                }
                prop_assert_eq!(queue.len(), heap.len());
                prop_assert_eq!(queue.is_empty(), heap.is_empty());
            }
        }
    }
}
