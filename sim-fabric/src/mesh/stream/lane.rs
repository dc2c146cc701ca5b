//! One node on its way through its wavelets: what bounds the next ones from below.

use super::graph::{Channel, Graph, NONE, Node, Piece, Put, Stretch};
use super::train::{Train, serve};

/// Reads the times at one side of a channel, index after index.
struct Reader<'a> {
    pieces: &'a [Piece],
    trains: &'a [Train],
    /// Added to every time.
    add: u64,
    /// Current piece, run of its node's train, and first wavelet of that run.
    piece: usize,
    run: usize,
    run_at: u32,
}

impl<'a> Reader<'a> {
    fn new(pieces: &'a [Piece], trains: &'a [Train], add: u64) -> Self {
        Self { pieces, trains, add, piece: 0, run: 0, run_at: 0 }
    }

    /// The line through wavelet `at` of the channel, and for how many wavelets it holds. A time
    /// that is not known yet is 0, the least bound.
    fn line(&mut self, at: u32) -> ((u64, u32), u32) {
        while let Some(piece) = self.pieces.get(self.piece) {
            if at >= piece.channel_at + piece.count {
                (self.piece, self.run, self.run_at) = (self.piece + 1, 0, 0);
                continue;
            }
            let left = piece.channel_at + piece.count - at;
            let index = piece.node_at + (at - piece.channel_at);
            let train = &self.trains[piece.node as usize];
            while let Some(run) = train.get(self.run) {
                if index >= self.run_at + run.count {
                    self.run_at += run.count;
                    self.run += 1;
                    continue;
                }
                let skip = index - self.run_at;
                let time = run.time + u64::from(skip) * u64::from(run.period) + self.add;
                return ((time, run.period), left.min(run.count - skip));
            }
            return ((0, 0), left);
        }
        ((0, 0), u32::MAX)
    }
}

/// Lower bounds of a node's next wavelets: lines that hold for `left` of them.
pub(super) struct Bounds {
    lines: [(u64, u32); 7],
    used: usize,
    pub(super) left: u32,
}

impl Bounds {
    pub(super) fn lines(&self) -> &[(u64, u32)] {
        &self.lines[..self.used]
    }
}

/// A node, the times it has so far, and where it is.
pub(super) struct Lane<'a> {
    graph: &'a Graph,
    trains: &'a [Train],
    stretches: &'a [Stretch],
    train: Train,
    spacing: u32,
    floor: u64,
    credits: bool,
    /// Current stretch, wavelets of it that are done, and what it reads.
    stretch: usize,
    at: u32,
    input: Option<Reader<'a>>,
    rooms: [Option<Reader<'a>>; 5],
    previous: Option<u64>,
    gap: u32,
}

impl<'a> Lane<'a> {
    /// A node before its first wavelet. No time is below `floor`; room matters if `credits`.
    pub(super) fn new(
        graph: &'a Graph,
        trains: &'a [Train],
        node: &Node,
        train: Train,
        (floor, credits): (u64, bool),
    ) -> Self {
        let mut lane = Self {
            graph,
            trains,
            stretches: &graph.stretches[node.stretches.0 as usize..node.stretches.1 as usize],
            train,
            spacing: node.spacing,
            floor,
            credits,
            stretch: 0,
            at: 0,
            input: None,
            rooms: [const { None }; 5],
            previous: None,
            gap: 0,
        };
        lane.open();
        lane
    }

    /// Sets the readers of the current stretch up.
    fn open(&mut self) {
        let Some(stretch) = self.stretches.get(self.stretch) else { return };
        let channel = |c: u32| -> &'a Channel { &self.graph.channels[c as usize] };
        self.gap = stretch.gap;
        self.input = (stretch.from != NONE).then(|| {
            let from = channel(stretch.from);
            Reader::new(&from.puts, self.trains, u64::from(from.latency))
        });
        self.rooms = [const { None }; 5];
        if self.credits {
            for (room, put) in self.rooms.iter_mut().zip(self.graph.puts_of(stretch)) {
                let channel = channel(put.channel);
                *room = channel.limits().then(|| Reader::new(&channel.takes, self.trains, 1));
            }
        }
    }

    /// Where the next wavelets go.
    pub(super) fn puts(&self) -> &'a [Put] {
        self.stretches.get(self.stretch).map_or(&[], |stretch| self.graph.puts_of(stretch))
    }

    /// What bounds the next wavelets, or `None` behind the last.
    pub(super) fn bounds(&mut self) -> Option<Bounds> {
        let stretch = self.stretches.get(self.stretch)?;
        let mut bounds =
            Bounds { lines: [(self.floor, 0); 7], used: 1, left: stretch.count - self.at };
        if let Some(reader) = &mut self.input {
            let (line, holds) = reader.line(stretch.from_at + self.at);
            bounds.add(line, holds);
        }
        for (room, put) in self.rooms.iter_mut().zip(self.graph.puts_of(stretch)) {
            let Some(reader) = room else { continue };
            if self.at >= put.count {
                continue;
            }
            let window = self.graph.channels[put.channel as usize].window;
            let (index, left) = (put.channel_at + self.at, put.count - self.at);
            if index < window {
                bounds.left = bounds.left.min(window - index).min(left);
            } else {
                let (line, holds) = reader.line(index - window);
                bounds.add(line, holds.min(left));
            }
        }
        Some(bounds)
    }

    /// The next wavelet's time under `bounds`.
    pub(super) fn next(&self, bounds: &Bounds) -> u64 {
        let bound = bounds.lines().iter().map(|line| line.0).max().unwrap_or(0);
        self.previous.map_or(bound, |t| bound.max(t + u64::from(self.gap)))
    }

    /// `count` wavelets pass as early as `bounds` allow.
    pub(super) fn pass(&mut self, bounds: &Bounds, count: u32) {
        let last =
            serve(&mut self.train, bounds.lines(), count, self.previous, self.gap, self.spacing);
        self.passed(count, last);
    }

    /// One wavelet passes at `time`.
    pub(super) fn pass_at(&mut self, time: u64) {
        super::train::append(&mut self.train, time, 1, 1);
        self.passed(1, time);
    }

    /// `count` wavelets pass at the times of `train`, the last at `last`.
    pub(super) fn pass_train(&mut self, train: &Train, count: u32, last: u64) {
        for run in train {
            super::train::append(&mut self.train, run.time, run.count, run.period);
        }
        self.passed(count, last);
    }

    /// Least distance of two wavelets (cycles).
    pub(super) fn spacing(&self) -> u32 {
        self.spacing
    }

    fn passed(&mut self, count: u32, last: u64) {
        self.previous = Some(last);
        self.gap = self.spacing;
        self.at += count;
        if self.stretches.get(self.stretch).is_some_and(|s| self.at == s.count) {
            self.stretch += 1;
            self.at = 0;
            self.open();
        }
    }

    /// All times, and the last.
    pub(super) fn into_train(self) -> (Train, Option<u64>) {
        (self.train, self.previous)
    }
}

impl Bounds {
    fn add(&mut self, line: (u64, u32), holds: u32) {
        self.lines[self.used] = line;
        self.used += 1;
        self.left = self.left.min(holds);
    }
}
