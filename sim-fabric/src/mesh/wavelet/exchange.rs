//! What neighbouring bands tell each other between two cycles, and how they keep step.
//!
//! ```text
//!   band i:    step cycle t ─► mail to i - 1, i + 1 ─► meet ─► read mail ─► step the next cycle
//!                                (wavelets, slots left)   │
//!                                                         └─ least cycle that any band wants next
//! ```
//! A decision in cycle `t` depends on what other routers did before `t` only. So mail that is read
//! before the next cycle comes early enough, and bands may step a cycle in any order or at the same
//! time. Of the row beside it a band knows how many wavelets each buffer holds that it sends into:
//! those sent, less those that the mail says have left.
//!
//! Boards and letter boxes exist twice, for even and odd meetings: a band that runs ahead writes the
//! ones that nobody reads any more.

use super::buffer::Buffer;
use super::state::{Engine, NEVER};
use super::values::Payload;
use crate::mesh::program::Port;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};

/// Looks at the meeting's number before a thread goes to sleep: some ten microseconds.
const SPINS: u32 = 1 << 10;

/// What a band tells one of its neighbours in a cycle.
pub(super) struct Mail<V> {
    wavelets: Vec<Wavelet<V>>,
    /// PE of the rectangle and its buffer that a wavelet left.
    left: Vec<(usize, u8)>,
}

/// A wavelet that crossed to the other band.
struct Wavelet<V> {
    /// PE of the rectangle.
    pe: usize,
    buffer: u8,
    slot: u32,
    value: V,
}

impl<V> Default for Mail<V> {
    fn default() -> Self {
        Self { wavelets: Vec::new(), left: Vec::new() }
    }
}

impl<V> Mail<V> {
    fn is_empty(&self) -> bool {
        self.wavelets.is_empty() && self.left.is_empty()
    }
}

/// What a band says when it meets the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Outlook {
    /// The next cycle in which somebody is to be looked at, or [`NEVER`].
    pub(super) next: u32,
    /// Wavelets issued or taken and operations done; the sum over bands where it comes back.
    pub(super) progress: u64,
    /// Whether a time is too far off.
    pub(super) overrun: bool,
    /// Whether wavelets have collided.
    pub(super) collided: bool,
}

/// How bands keep step.
pub(super) trait Exchange<V> {
    /// Waits for the other bands; gives what all of them say together.
    fn meet(&mut self, outlook: Outlook, mail: &mut [Mail<V>; 2]) -> Outlook;

    /// The mail from above and below that came with the last meeting.
    fn mail(&mut self) -> &mut [Mail<V>; 2];
}

/// A band without others.
#[derive(Default)]
pub(super) struct Alone<V>([Mail<V>; 2]);

impl<V> Exchange<V> for Alone<V> {
    fn meet(&mut self, outlook: Outlook, _: &mut [Mail<V>; 2]) -> Outlook {
        outlook
    }

    fn mail(&mut self) -> &mut [Mail<V>; 2] {
        &mut self.0
    }
}

/// What one band says, apart from the others in memory.
#[derive(Default)]
#[repr(align(128))]
struct Board {
    next: AtomicU32,
    progress: AtomicU64,
    overrun: AtomicBool,
    collided: AtomicBool,
}

/// Where bands meet.
pub(super) struct Meeting<V> {
    arrived: AtomicUsize,
    number: AtomicU64,
    /// Whether a band will never come.
    broken: AtomicBool,
    /// Bands that sleep until all have come, and what wakes them.
    sleepers: AtomicUsize,
    bed: Mutex<()>,
    bell: Condvar,
    /// Even and odd meetings, each with a board for each band.
    boards: [Vec<Board>; 2],
    /// Even and odd meetings, each with the boxes of each band for mail from above and below.
    boxes: [Vec<[Mutex<Mail<V>>; 2]>; 2],
}

impl<V> Meeting<V> {
    pub(super) fn new(bands: usize) -> Self {
        let boards = || (0..bands).map(|_| Board::default()).collect();
        let boxes = || (0..bands).map(|_| Default::default()).collect();
        Self {
            arrived: AtomicUsize::new(0),
            number: AtomicU64::new(0),
            broken: AtomicBool::new(false),
            sleepers: AtomicUsize::new(0),
            bed: Mutex::new(()),
            bell: Condvar::new(),
            boards: [boards(), boards()],
            boxes: [boxes(), boxes()],
        }
    }

    /// The seat of band `band`.
    pub(super) fn seat(&self, band: usize) -> Seat<'_, V> {
        Seat { meeting: self, band, number: 0, read: Default::default() }
    }

    /// Waits until all bands have come to meeting `number`.
    fn wait(&self, number: u64) {
        if self.arrived.fetch_add(1, Ordering::AcqRel) + 1 == self.boards[0].len() {
            self.arrived.store(0, Ordering::Relaxed);
            self.number.store(number + 1, Ordering::SeqCst);
            self.ring();
            return;
        }
        let waiting = || self.number.load(Ordering::SeqCst) <= number;
        for _ in 0..SPINS {
            if !waiting() {
                return;
            }
            std::hint::spin_loop();
        }
        let mut bed = self.bed.lock().unwrap_or_else(PoisonError::into_inner);
        self.sleepers.fetch_add(1, Ordering::SeqCst);
        while waiting() && !self.broken.load(Ordering::SeqCst) {
            bed = self.bell.wait(bed).unwrap_or_else(PoisonError::into_inner);
        }
        self.sleepers.fetch_sub(1, Ordering::SeqCst);
        assert!(!waiting(), "the thread of another band has panicked");
    }

    /// Wakes those who sleep. Whoever goes to sleep counts itself first and looks at the number then,
    /// so either it sees the new one or it is seen here.
    fn ring(&self) {
        if self.sleepers.load(Ordering::SeqCst) > 0 {
            drop(self.bed.lock().unwrap_or_else(PoisonError::into_inner));
            self.bell.notify_all();
        }
    }
}

/// A band's place at the meetings.
pub(super) struct Seat<'a, V> {
    meeting: &'a Meeting<V>,
    band: usize,
    number: u64,
    read: [Mail<V>; 2],
}

impl<V> Drop for Seat<'_, V> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.meeting.broken.store(true, Ordering::SeqCst);
            self.meeting.ring();
        }
    }
}

/// Exchanges the mail with what is in a box.
fn swap<V>(with: &Mutex<Mail<V>>, mail: &mut Mail<V>) {
    // A box is only ever swapped, so what a panic leaves in it is whole.
    std::mem::swap(&mut *with.lock().unwrap_or_else(PoisonError::into_inner), mail);
}

impl<V> Exchange<V> for Seat<'_, V> {
    fn meet(&mut self, outlook: Outlook, mail: &mut [Mail<V>; 2]) -> Outlook {
        let parity = (self.number % 2) as usize;
        let (boards, boxes) = (&self.meeting.boards[parity], &self.meeting.boxes[parity]);
        let [up, down] = mail;
        if self.band > 0 {
            swap(&boxes[self.band - 1][1], up);
        }
        if self.band + 1 < boxes.len() {
            swap(&boxes[self.band + 1][0], down);
        }
        let board = &boards[self.band];
        board.next.store(outlook.next, Ordering::Relaxed);
        board.progress.store(outlook.progress, Ordering::Relaxed);
        board.overrun.store(outlook.overrun, Ordering::Relaxed);
        board.collided.store(outlook.collided, Ordering::Relaxed);
        self.meeting.wait(self.number);
        self.number += 1;
        for (with, mail) in boxes[self.band].iter().zip(&mut self.read) {
            swap(with, mail);
        }
        let mut all = Outlook { next: NEVER, progress: 0, overrun: false, collided: false };
        for board in boards {
            all.next = all.next.min(board.next.load(Ordering::Relaxed));
            all.progress += board.progress.load(Ordering::Relaxed);
            all.overrun |= board.overrun.load(Ordering::Relaxed);
            all.collided |= board.collided.load(Ordering::Relaxed);
        }
        all
    }

    fn mail(&mut self) -> &mut [Mail<V>; 2] {
        &mut self.read
    }
}

impl<P: Payload> Engine<'_, P> {
    /// Writes to the band behind `port` that a wavelet comes to its router `pe`.
    #[cold]
    pub(super) fn post(&mut self, port: u8, pe: usize, buffer: usize, slot: u32, value: P::Value) {
        self.buffers[buffer].len += 1;
        let buffer = (buffer - self.nodes[pe].buffers as usize) as u8;
        let pe = self.origin + pe;
        self.mail[port as usize].wavelets.push(Wavelet { pe, buffer, slot, value });
    }

    /// Writes to the band behind a buffer's port that a wavelet of theirs has left it.
    #[cold]
    pub(super) fn give_back(&mut self, buffer: usize) {
        let Buffer { lane, port, .. } = self.buffers[buffer];
        let pe = self.lanes[lane as usize].pe as usize;
        let buffer = (buffer - self.nodes[pe].buffers as usize) as u8;
        self.mail[port as usize].left.push((self.origin + pe, buffer));
    }

    /// Whether it has written to another band since they last met.
    pub(super) fn has_written(&self) -> bool {
        self.mail.iter().any(|mail| !mail.is_empty())
    }

    /// Reads the mail from above and below before cycle `now`.
    pub(super) fn read(&mut self, mail: &mut [Mail<P::Value>; 2], now: u32) {
        for (port, mail) in [Port::North, Port::South].into_iter().zip(mail) {
            for wavelet in mail.wavelets.drain(..) {
                let pe = wavelet.pe - self.origin;
                let buffer = self.nodes[pe].buffers as usize + wavelet.buffer as usize;
                self.receive(buffer, wavelet.slot, wavelet.value);
            }
            for (pe, buffer) in mail.left.drain(..) {
                let node = self.nodes[pe - self.origin];
                let buffer = node.buffers as usize + buffer as usize;
                let full = self.buffers[buffer].len == self.link_window;
                self.buffers[buffer].len -= 1;
                let sender = (pe - self.origin).wrapping_add(self.steps[port.opposite() as usize]);
                if full {
                    self.wake_router(sender, now);
                }
            }
        }
    }

    /// Has all lanes of a router looked at.
    fn wake_router(&mut self, pe: usize, now: u32) {
        let first = self.nodes[pe].lanes as usize;
        let lanes = self.layout.classes[self.nodes[pe].class as usize].routes;
        (first..first + lanes).for_each(|lane| self.lane_wheel.wake(lane, now));
    }
}
