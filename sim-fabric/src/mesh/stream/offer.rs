//! The next wavelets that one actor, a router's lane or a thread, can move, and moving them.

use super::agree::Side;
use super::layout::Way;
use super::state::{Engine, NOWHERE};
use super::train::Piece;

/// What the last of some wavelets does to switches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// Nothing.
    None,
    /// A data wavelet that advances the sender's router.
    Advance,
    /// A control wavelet.
    Control,
}

/// How many of the `most` wavelets behind the first `taken` leave up to the next one that advances a
/// switch, by `turns`, and what the last of them does. A control wavelet does not go the way of the
/// data before it if that is `down` to the PE, so it goes alone.
#[inline]
pub(super) fn until_turn(turns: &[u32], taken: u32, most: u32, down: bool) -> (u32, Turn) {
    if turns.is_empty() {
        return (most, Turn::None);
    }
    let next = turns.partition_point(|&turn| turn >> 1 < taken);
    let Some(&turn) = turns.get(next) else { return (most, Turn::None) };
    let left = (turn >> 1) - taken;
    match turn & 1 == 1 {
        _ if left >= most => (most, Turn::None),
        true if down && left > 0 => (left, Turn::None),
        true => (left + 1, Turn::Control),
        false => (left + 1, Turn::Advance),
    }
}

/// Wavelets that can move one behind the other.
#[derive(Clone, Copy)]
pub(super) struct Offer {
    /// How many.
    pub(super) count: u32,
    /// Least cycle of the first, and least distance `[cycles]`.
    pub(super) earliest: u64,
    pub(super) spacing: u32,
    /// Lower bounds of their times: time of the first, and distance.
    lines: [(u64, u64); 6],
    used: u8,
    /// What the last one does.
    pub(super) turn: Turn,
    /// Channel that they come from, or [`NOWHERE`].
    pub(super) rx: u32,
    /// Channels that they go into.
    tx: [u32; 5],
    outputs: u8,
    /// Ports that they use.
    pub(super) ports: u8,
}

/// What an actor can do next.
pub(super) enum Look {
    /// Move wavelets.
    Offer(Offer),
    /// Work inside the PE from this cycle on.
    Local(u64),
    /// Nothing before this channel brings another wavelet.
    Starved(u32),
    /// Nothing before this channel has room.
    NoRoom(u32),
    /// Nothing before another operation of the PE is done, or ever.
    Waits,
}

impl Look {
    /// Whether whoever ended like this goes on with the next wavelet of `channel`. An offer that is
    /// left stands at the horizon.
    pub(super) fn wants_more(&self, channel: usize) -> bool {
        match self {
            Self::Starved(wanted) => *wanted as usize == channel,
            Self::Offer(offer) => offer.rx as usize == channel,
            _ => false,
        }
    }

    /// Whether whoever ended like this needs to know when there is room in `channel`.
    pub(super) fn wants_room(&self, channel: usize) -> bool {
        match self {
            Self::NoRoom(wanted) => *wanted as usize == channel,
            Self::Offer(offer) => offer.tx().iter().any(|&tx| tx as usize == channel),
            _ => false,
        }
    }
}

impl Offer {
    /// `count` wavelets without bounds yet.
    pub(super) fn new(count: u32, earliest: u64, spacing: u32) -> Self {
        Self {
            count,
            earliest,
            spacing,
            lines: [(0, 0); 6],
            used: 0,
            turn: Turn::None,
            rx: NOWHERE,
            tx: [NOWHERE; 5],
            outputs: 0,
            ports: 0,
        }
    }

    /// Lower bounds of the times.
    #[inline]
    pub(super) fn lines(&self) -> &[(u64, u64)] {
        &self.lines[..self.used as usize]
    }

    /// Where they go.
    #[inline]
    pub(super) fn tx(&self) -> &[u32] {
        &self.tx[..self.outputs as usize]
    }

    #[inline]
    fn bound(&mut self, line: super::train::Line, add: u32) {
        self.lines[self.used as usize] = (line.time + u64::from(add), line.period);
        self.used += 1;
        self.count = self.count.min(line.count);
    }

    /// When the first can move.
    pub(super) fn first(&self) -> u64 {
        self.lines().iter().fold(self.earliest, |time, line| time.max(line.0))
    }
}

impl Engine<'_> {
    /// Bounds `offer` by what comes in through channel `rx`; false if nothing is known to come.
    pub(super) fn arrivals(&self, offer: &mut Offer, rx: usize, latency: u32) -> bool {
        let channel = &self.channels[rx];
        let Some(line) = self.pool.line(&channel.puts, channel.takes.total) else { return false };
        offer.rx = rx as u32;
        offer.bound(line, latency);
        true
    }

    /// Bounds `offer` by the room in channel `tx`; false if it has to wait for it.
    ///
    /// Whoever takes from the channel and is not known to wait for something else may yet take in
    /// time: if not, it says so when it is looked at. So may one that took the wavelets that are
    /// just being done anew as soon as they came: it may do so again.
    pub(super) fn room(&self, offer: &mut Offer, tx: usize, way: Way, sides: &[Side]) -> bool {
        let (latency, window) = self.numbers(way);
        let channel = &self.channels[tx];
        offer.tx[offer.outputs as usize] = tx as u32;
        offer.outputs += 1;
        let next = channel.puts.total;
        let Some(slot) = next.checked_sub(window) else {
            offer.count = offer.count.min(window - next);
            return true;
        };
        let Some(line) = self.pool.line(&channel.takes, slot) else {
            return !self.cautious && !self.waits[tx].elsewhere;
        };
        if !self.cautious
            && !self.old_runs.is_empty()
            && let Some(put) = self.put_before(sides, tx, slot)
            && put.time + u64::from(latency) == line.time
        {
            let same = if put.period == line.period { put.count.min(line.count) } else { 1 };
            offer.count = offer.count.min(same);
        } else {
            offer.bound(line, 1);
        }
        true
    }

    /// Moves the wavelets of `offer` at the times of `pieces`.
    pub(super) fn move_all(&mut self, offer: &Offer, pieces: &[Piece], turn: Turn) {
        for &piece in pieces {
            if offer.rx != NOWHERE {
                self.pool.append(&mut self.channels[offer.rx as usize].takes, piece);
            }
            for &tx in offer.tx() {
                self.pool.append(&mut self.channels[tx as usize].puts, piece);
            }
        }
        if turn == Turn::None {
            return;
        }
        let control = u32::from(turn == Turn::Control);
        for &tx in offer.tx() {
            let channel = &mut self.channels[tx as usize];
            let code = (channel.puts.total - 1) << 1 | control;
            self.lists.push(&mut channel.turns, code);
        }
    }
}
