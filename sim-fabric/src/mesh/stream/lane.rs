//! A router's service of one colour.

use super::agree::Side;
use super::layout::{NONE, RouteLayout, Way, ports};
use super::offer::{Look, Offer, Turn, until_turn};
use super::serve::serve;
use super::state::{Due, Engine, is_ramp};
use super::train::Piece;
use smallvec::SmallVec;

/// Both ends of the channels that a lane takes from and puts into, before it is looked at.
pub(super) type Sides = SmallVec<[Side; 9]>;

impl Engine<'_> {
    fn lane(&self, pe: usize, route: u8) -> usize {
        self.pes[pe].lanes as usize + route as usize
    }

    /// PE and channel behind a port of a route.
    pub(super) fn output(&self, pe: usize, layout: &RouteLayout, port: u8) -> (usize, u8) {
        if is_ramp(port) { (pe, layout.down) } else { self.behind(pe, layout.colour, port) }
    }

    /// Looks at one lane, alone.
    pub(super) fn step_lane(&mut self, pe: usize, route: u8, due: Due) {
        let rivals = self.class(pe).routes[route as usize].rivals;
        let mut sides = Sides::new();
        self.open_lane(pe, route, due.from, &mut sides);
        let before = self.moved(pe, route);
        let end = loop {
            match self.look_lane(pe, route, &sides) {
                Look::Offer(offer) => {
                    let mut pieces = std::mem::take(&mut self.pieces);
                    let lines = offer.lines();
                    serve(lines, offer.count, offer.earliest, offer.spacing, &mut pieces);
                    self.pass_lane(pe, route, &offer, &pieces);
                    self.pieces = pieces;
                }
                end => break end,
            }
        };
        self.note_lane(pe, route, &end);
        self.close_all(&sides);
        if rivals != 0
            && let Some(time) = self.meet(pe, route, rivals, before)
        {
            self.pes[pe].joint = true;
            let from = self.group_due(pe).min(time as u32);
            self.step_router(pe, from);
        }
    }

    /// Wavelets that a lane took from each of its channels.
    fn moved(&self, pe: usize, route: u8) -> [u32; 4] {
        let mut moved = [0; 4];
        let inputs = &self.class(pe).routes[route as usize].inputs;
        for (moved, &input) in moved.iter_mut().zip(inputs) {
            *moved = self.channels[self.channel_of(pe, input)].takes.total;
        }
        moved
    }

    /// Notes what a lane has to do with, and puts it back to before cycle `time`.
    pub(super) fn open_lane(&mut self, pe: usize, route: u8, time: u32, sides: &mut Sides) {
        let layout = &self.class(pe).routes[route as usize];
        for &input in &layout.inputs {
            sides.push(self.open(pe, input, false, time));
        }
        for port in ports(layout.outputs) {
            let (at, channel) = self.output(pe, layout, port);
            sides.push(self.open(at, channel, true, time));
        }
        let index = self.lane(pe, route);
        if u64::from(self.lanes[index].earliest) > u64::from(time) {
            let turned = &mut self.turned[index];
            self.lists.cut(turned, time << 1);
            let turned = self.lists.items(turned);
            self.lanes[index].position = (turned.len() % layout.positions.len()) as u32;
            let turned = turned.last().map(|turn| turn >> 1);
            let inputs = layout.inputs.iter();
            let last = inputs
                .filter_map(|&input| {
                    self.pool.last(&self.channels[self.channel_of(pe, input)].takes)
                })
                .max();
            let wait = if turned.map(u64::from) == last { self.spec.switch_cycles } else { 0 };
            let earliest = last.map_or(0, |last| last + 1 + u64::from(wait));
            self.lanes[index].earliest = self.time(earliest);
        }
    }

    /// Notes what a lane waits for.
    pub(super) fn note_lane(&mut self, pe: usize, route: u8, end: &Look) {
        let layout = &self.class(pe).routes[route as usize];
        for &input in &layout.inputs {
            let index = self.channel_of(pe, input);
            self.waits[index].elsewhere = !end.wants_more(index);
        }
        for port in ports(layout.outputs) {
            let (at, channel) = self.output(pe, layout, port);
            let index = self.channel_of(at, channel);
            self.waits[index].wants_room = end.wants_room(index);
        }
    }

    /// What a lane can do next.
    pub(super) fn look_lane(&self, pe: usize, route: u8, sides: &[Side]) -> Look {
        let class = self.class(pe);
        let layout = &class.routes[route as usize];
        let lane = &self.lanes[self.lane(pe, route)];
        let position = layout.positions[lane.position as usize];
        let rx = self.channel_of(pe, position.channel);
        let way = class.channels[position.channel as usize].way;
        let mut offer = Offer::new(u32::MAX, u64::from(lane.earliest), 1);
        if !self.arrivals(&mut offer, rx, self.numbers(way).0) {
            return Look::Starved(rx as u32);
        }
        let channel = &self.channels[rx];
        let turns = self.lists.items(&channel.turns);
        let down = position.tx >> super::layout::RAMP & 1 == 1;
        (offer.count, offer.turn) = until_turn(turns, channel.takes.total, offer.count, down);
        let stays = down && offer.turn == Turn::Control;
        let wanted = offer.count;
        offer.ports = position.tx;
        for port in ports(position.tx) {
            if is_ramp(port) && stays {
                continue;
            }
            let (at, channel) = self.output(pe, layout, port);
            debug_assert!(channel != NONE);
            let way = if is_ramp(port) { Way::Down } else { Way::Link(port) };
            let tx = self.channel_of(at, channel);
            if !self.room(&mut offer, tx, way, sides) {
                return Look::NoRoom(tx as u32);
            }
        }
        if offer.count < wanted {
            offer.turn = Turn::None;
        }
        Look::Offer(offer)
    }

    /// Wavelets of `offer` leave a lane at the times of `pieces`; not all of them have to.
    pub(super) fn pass_lane(&mut self, pe: usize, route: u8, offer: &Offer, pieces: &[Piece]) {
        let count: u32 = pieces.iter().map(|piece| piece.count).sum();
        let turn = if count == offer.count { offer.turn } else { Turn::None };
        // Only control wavelets advance the routers behind.
        let sent = if turn == Turn::Control { turn } else { Turn::None };
        self.move_all(offer, pieces, sent);
        let last = pieces.last().map_or(0, |piece| piece.last());
        let last = self.time(last);
        let index = self.lane(pe, route);
        let lane = &mut self.lanes[index];
        lane.earliest = last + 1;
        if turn != Turn::None {
            let control = u32::from(turn == Turn::Control);
            self.lists.push(&mut self.turned[index], last << 1 | control);
            let positions = self.class(pe).routes[route as usize].positions.len() as u32;
            let lane = &mut self.lanes[index];
            lane.position = if lane.position + 1 == positions { 0 } else { lane.position + 1 };
            lane.earliest += self.spec.switch_cycles;
        }
    }

    /// The first cycle in which a wavelet of `route`, of those behind `from`, leaves with one of a
    /// rival.
    fn meet(&self, pe: usize, route: u8, rivals: u32, from: [u32; 4]) -> Option<u64> {
        let class = self.class(pe);
        let mut first: Option<u64> = None;
        for (&input, from) in class.routes[route as usize].inputs.iter().zip(from) {
            let own = &self.channels[self.channel_of(pe, input)].takes;
            let Some(since) = self.pool.line(own, from.min(own.total)).map(|line| line.time) else {
                continue;
            };
            for (other, layout) in class.routes.iter().enumerate() {
                if rivals >> other & 1 == 0 {
                    continue;
                }
                for &channel in &layout.inputs {
                    let theirs = &self.channels[self.channel_of(pe, channel)].takes;
                    let start = self.pool.before(theirs, since);
                    let meeting = self.pool.meeting((own, from), (theirs, start));
                    first = first.into_iter().chain(meeting).min();
                }
            }
        }
        first
    }

    /// The cycle in which a lane last used `port` before now, if it did.
    pub(super) fn used(&self, pe: usize, route: u8, port: u8) -> Option<u64> {
        let layout = &self.class(pe).routes[route as usize];
        if layout.outputs >> port & 1 == 0 {
            return None;
        }
        let (at, channel) = self.output(pe, layout, port);
        let put = self.pool.last(&self.channels[self.channel_of(at, channel)].puts);
        if !is_ramp(port) {
            return put;
        }
        // Control wavelets that ended there.
        let turned = self.lists.items(&self.turned[self.lane(pe, route)]);
        let count = layout.positions.len();
        let ended = turned.iter().enumerate().rev().find(|&(index, turn)| {
            turn & 1 == 1 && layout.positions[index % count].tx >> port & 1 == 1
        });
        put.into_iter().chain(ended.map(|(_, turn)| u64::from(turn >> 1))).max()
    }
}
