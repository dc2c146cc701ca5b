//! Who goes first: colours that want the same ports of a router, threads that share a datapath.
//!
//! While only one has a wavelet that can move, its train passes as a whole, up to the cycle in
//! which another could move; where several can in one cycle, that cycle is decided by the rule of
//! [`crate::mesh::program`], wavelet by wavelet.

use super::agree::Side;
use super::lane::Sides;
use super::layout::{DATAPATH, RAMP, ports};
use super::offer::{Look, Offer};
use super::serve::serve;
use super::state::{Due, Engine};
use super::train::Pieces;
use smallvec::SmallVec;

/// A colour of a router or a thread of a PE.
struct Contender {
    /// Route or thread.
    index: u8,
    /// Number by which turns are counted: colour or thread.
    number: u8,
    /// What it can do next, and in which cycle at the earliest.
    look: Look,
    next: Option<u64>,
}

/// Where turns are counted.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Router,
    Datapath,
}

/// Who is looked at, and what it has to do with.
struct Here<'a> {
    place: Place,
    pe: usize,
    sides: &'a [Side],
}

impl Contender {
    fn ports(&self) -> u8 {
        match &self.look {
            Look::Offer(offer) => offer.ports,
            _ => 1,
        }
    }
}

impl Engine<'_> {
    /// Times all colours of a router that share ports, from cycle `from` on.
    pub(super) fn step_router(&mut self, pe: usize, from: u32) {
        let class = self.class(pe);
        let members: SmallVec<[u8; 8]> = (0..class.routes.len() as u8)
            .filter(|&route| class.routes[route as usize].rivals != 0)
            .collect();
        let mut sides = Sides::new();
        for &route in &members {
            self.open_lane(pe, route, from, &mut sides);
        }
        let mut last = [None; 5];
        for (port, last) in last.iter_mut().enumerate() {
            let used = members.iter().filter_map(|&route| {
                let time = self.used(pe, route, port as u8)?;
                Some((time, class.routes[route as usize].colour))
            });
            *last = used.max().map(|(_, colour)| colour);
        }
        let mut contenders: SmallVec<[Contender; 4]> = members
            .iter()
            .map(|&index| {
                let number = class.routes[index as usize].colour;
                Contender { index, number, look: Look::Waits, next: None }
            })
            .collect();
        let here = Here { place: Place::Router, pe, sides: &sides };
        for contender in &mut contenders {
            self.look(&here, contender, u64::from(from));
        }
        let paused = self.take_turns(&here, &mut contenders, &mut last);
        for contender in &contenders {
            let index = self.pes[pe].lanes as usize + contender.index as usize;
            self.lane_due[index] = Due::NONE;
            self.pes[pe].dirty &= !(1 << contender.index);
            self.note_lane(pe, contender.index, &contender.look);
        }
        self.close_all(&sides);
        if paused {
            let at = self.time(self.agenda.horizon);
            self.mark_lane(pe, members[0], Due { at, from: at });
        }
    }

    /// Times all threads of a PE from cycle `from` on.
    pub(super) fn step_threads(&mut self, pe: usize, from: u32) {
        let sides = self.open_core(pe, from);
        let from = if self.class(pe).mixed { 0 } else { from };
        let threads = self.class(pe).threads.len();
        let uses = (0..threads).filter_map(|thread| {
            let (time, free) = self.last_use(pe, thread)?;
            Some((time, thread as u8, free))
        });
        let latest = uses.max();
        let mut last = [None; 5];
        last[0] = latest.map(|(_, thread, _)| thread);
        if self.class(pe).wide {
            let turns = self.turns.entry(pe as u32).or_default();
            turns.truncate(turns.partition_point(|turn| turn >> 4 < u64::from(from)));
            last[0] = turns.last().map(|turn| (turn & 15) as u8);
        }
        let free = latest.map_or(0, |(_, _, free)| free).max(u64::from(from));
        let mut contenders: SmallVec<[Contender; 4]> = (0..threads as u8)
            .map(|index| Contender { index, number: index, look: Look::Waits, next: None })
            .collect();
        let here = Here { place: Place::Datapath, pe, sides: &sides };
        self.look_all(&here, &mut contenders, free);
        let paused = self.take_turns(&here, &mut contenders, &mut last);
        let ends: SmallVec<[Look; 4]> = contenders.into_iter().map(|c| c.look).collect();
        self.note_core(pe, &ends);
        self.close_all(&sides);
        if paused {
            let at = self.time(self.agenda.horizon);
            self.mark_core(pe, Due { at, from: at });
        }
    }

    /// Looks at what a contender can do from cycle `free` on.
    fn look(&mut self, here: &Here<'_>, contender: &mut Contender, free: u64) {
        let Here { place, pe, sides } = *here;
        contender.look = match place {
            Place::Router => self.look_lane(pe, contender.index, sides),
            Place::Datapath => self.look_thread(pe, contender.index as usize, sides),
        };
        contender.next = match &contender.look {
            Look::Offer(offer) => Some(offer.first().max(free)),
            Look::Local(begin) => Some((*begin).max(free)),
            _ => None,
        };
    }

    /// Looks at all threads; work of no cycles takes no turn.
    fn look_all(&mut self, here: &Here<'_>, contenders: &mut [Contender], free: u64) {
        let mut index = 0;
        while index < contenders.len() {
            self.look(here, &mut contenders[index], free);
            if let Look::Local(begin) = contenders[index].look
                && self.is_nothing(here.pe, index)
            {
                self.work(here.pe, index, begin);
                // Others may have waited for it.
                index = 0;
            } else {
                index += 1;
            }
        }
    }

    fn is_nothing(&self, pe: usize, thread: usize) -> bool {
        let op = self.threads[self.pes[pe].threads as usize + thread].op;
        self.class(pe).ops[op as usize].local_cycles == 0
    }

    /// Lets contenders move until none can; says whether it stopped at the horizon instead.
    fn take_turns(
        &mut self,
        here: &Here<'_>,
        contenders: &mut [Contender],
        last: &mut [Option<u8>; 5],
    ) -> bool {
        let Here { place, pe, .. } = *here;
        while let Some(now) = contenders.iter().filter_map(|c| c.next).min() {
            if now >= self.agenda.horizon || self.overrun {
                return true;
            }
            let later = contenders.iter().filter_map(|c| c.next).filter(|&next| next > now);
            let until = later.min().unwrap_or(u64::MAX);
            let ready: SmallVec<[u8; 9]> = (0..contenders.len() as u8)
                .filter(|&i| contenders[i as usize].next == Some(now))
                .collect();
            if place == Place::Datapath {
                let free = match ready[..] {
                    [only] => self.issue(here, &contenders[only as usize], (now, until), last),
                    _ => self.issue_in_turn(here, contenders, ready, now, last),
                };
                self.look_all(here, contenders, free);
                continue;
            }
            let (chosen, until) = match ready[..] {
                [only] => (1 << only, until),
                _ => (choose(contenders, &ready, last), now + 1),
            };
            for i in ready {
                let contender = &mut contenders[i as usize];
                if chosen >> i & 1 == 0 {
                    contender.next = Some(now + 1);
                } else if let Look::Offer(offer) = contender.look {
                    for port in ports(offer.ports) {
                        last[port as usize] = Some(contender.number);
                    }
                    self.advance(place, pe, contender.index, &offer, (now, until));
                    self.look(here, contender, now + 1);
                }
            }
        }
        false
    }

    /// Lets threads that could issue in cycle `now` do so one after the other, as far as the datapath
    /// goes; says from when on it is free again.
    fn issue_in_turn(
        &mut self,
        here: &Here<'_>,
        contenders: &mut [Contender],
        mut ready: SmallVec<[u8; 9]>,
        now: u64,
        last: &mut [Option<u8>; 5],
    ) -> u64 {
        let class = self.class(here.pe);
        let behind = last[0].map_or(0, |number| number + 1);
        ready.sort_unstable_by_key(|&i| (i + 32 - behind) % 32);
        let (mut left, mut free) = (DATAPATH, now + 1);
        for i in ready {
            let op = self.threads[self.pes[here.pe].threads as usize + i as usize].op;
            let part = class.ops[op as usize].part;
            if part > left {
                continue;
            }
            let contender = &mut contenders[i as usize];
            if class.mixed && left < DATAPATH {
                // Who issued before in this cycle may have taken the room.
                self.look(here, contender, now);
                if contender.next != Some(now) {
                    continue;
                }
            }
            left -= part;
            free = free.max(self.issue(here, &contenders[i as usize], (now, now + 1), last));
        }
        free
    }

    /// A thread issues from cycle `now` on, what it can before `until`; says from when on the datapath
    /// is free again.
    fn issue(
        &mut self,
        here: &Here<'_>,
        contender: &Contender,
        (now, until): (u64, u64),
        last: &mut [Option<u8>; 5],
    ) -> u64 {
        let Contender { index, number, .. } = *contender;
        let class = self.class(here.pe);
        if class.wide && last[0] != Some(number) {
            let turns = self.turns.entry(here.pe as u32).or_default();
            turns.push(now << 4 | u64::from(number));
        }
        last[0] = Some(number);
        match contender.look {
            Look::Offer(offer) => self.advance(here.place, here.pe, index, &offer, (now, until)),
            Look::Local(_) => {
                let op = self.threads[self.pes[here.pe].threads as usize + index as usize].op;
                self.work(here.pe, index as usize, now);
                now + u64::from(class.ops[op as usize].local_cycles)
            }
            _ => now,
        }
    }

    /// Moves wavelets of `offer` from cycle `now` on, as many as move before `until`; says when the
    /// last has moved.
    fn advance(
        &mut self,
        place: Place,
        pe: usize,
        index: u8,
        offer: &Offer,
        (now, until): (u64, u64),
    ) -> u64 {
        let mut pieces: Pieces = std::mem::take(&mut self.pieces);
        let room = u32::try_from(until - now).unwrap_or(u32::MAX);
        let count = offer.count.min(room);
        serve(offer.lines(), count, now.max(offer.earliest), offer.spacing, &mut pieces);
        while let Some(piece) = pieces.last_mut()
            && piece.last() >= until
        {
            if piece.time >= until {
                pieces.pop();
            } else {
                piece.count = (until - piece.time).div_ceil(u64::from(piece.period)) as u32;
            }
        }
        match place {
            Place::Router => self.pass_lane(pe, index, offer, &pieces),
            Place::Datapath => self.pass_thread(pe, index as usize, offer, &pieces),
        }
        let end = pieces.last().map_or(now, |piece| piece.last()) + 1;
        self.pieces = pieces;
        end
    }
}

/// The contenders that move, as a set of indices: ports choose one after another.
fn choose(contenders: &[Contender], ready: &[u8], last: &[Option<u8>; 5]) -> u32 {
    let (mut chosen, mut used) = (0u32, 0u8);
    for port in 0..=RAMP {
        if used >> port & 1 == 1 {
            continue;
        }
        let behind = last[port as usize].map_or(0, |number| number + 1);
        let turn = |i: u8| (contenders[i as usize].number + 32 - behind) % 32;
        let wants = |&i: &u8| {
            let ports = contenders[i as usize].ports();
            chosen >> i & 1 == 0 && ports >> port & 1 == 1 && ports & used == 0
        };
        if let Some(i) = ready.iter().copied().filter(wants).min_by_key(|&i| turn(i)) {
            chosen |= 1 << i;
            used |= contenders[i as usize].ports();
        }
    }
    chosen
}
