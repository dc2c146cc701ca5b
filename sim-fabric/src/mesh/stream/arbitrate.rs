//! Colours that want the same ports of one router: their wavelets leave as arbitration decides.
//!
//! While only one colour has a wavelet that can leave, its train passes as a whole, up to the cycle
//! in which another could want a port; where several can leave in one cycle, that cycle is decided
//! by the rule of [`crate::mesh::program`], wavelet by wavelet.

use super::graph::{Graph, Put};
use super::lane::{Bounds, Lane};
use super::train::{Train, serve};
use crate::mesh::program::{Port, Program};

/// A colour of the router.
struct Contender<'a> {
    lane: Lane<'a>,
    colour: u8,
    /// The next wavelet: when it can leave but for the ports, and what bounds it.
    next: Option<(u64, Bounds)>,
}

impl Contender<'_> {
    /// Looks at the next wavelet, which leaves no earlier than `from`.
    fn look(&mut self, from: u64) {
        self.next = self.lane.bounds().map(|bounds| (self.lane.next(&bounds).max(from), bounds));
    }

    fn ports(&self) -> u8 {
        let crosses = |put: &&Put| put.crossing > 0;
        self.lane.puts().iter().filter(crosses).fold(0, |set, put| set | 1 << put.port as u8)
    }
}

/// Times of `members`, nodes of one router, given the times of all others.
pub(super) fn run(
    graph: &Graph,
    trains: &[Train],
    program: &Program,
    members: &[u32],
    credits: bool,
) -> Vec<Train> {
    let mut contenders: Vec<Contender<'_>> = members
        .iter()
        .map(|&index| {
            let node = &graph.nodes[index as usize];
            let lane = Lane::new(graph, trains, node, Train::new(), (0, credits));
            Contender { lane, colour: graph.colour(program, node), next: None }
        })
        .collect();
    contenders.iter_mut().for_each(|contender| contender.look(0));
    // The colour that used each port last.
    let mut last: [Option<u8>; 5] = [None; 5];
    while let Some(now) = contenders.iter().filter_map(|c| c.next.as_ref().map(|n| n.0)).min() {
        let ready: Vec<usize> = (0..contenders.len())
            .filter(|&i| contenders[i].next.as_ref().is_some_and(|next| next.0 == now))
            .collect();
        let until = contenders
            .iter()
            .filter_map(|c| c.next.as_ref().map(|n| n.0).filter(|&t| t > now))
            .min()
            .unwrap_or(u64::MAX);
        if let [only] = ready[..] {
            alone(&mut contenders[only], &mut last, now, until);
            continue;
        }
        let chosen = choose(&contenders, &ready, &mut last);
        for i in ready {
            let contender = &mut contenders[i];
            if chosen & 1 << i == 0 {
                // It waits, and what bounds it holds on.
                if let Some(next) = &mut contender.next {
                    next.0 = now + 1;
                }
            } else {
                contender.lane.pass_at(now);
                contender.look(now + 1);
            }
        }
    }
    contenders.into_iter().map(|contender| contender.lane.into_train().0).collect()
}

/// Nobody else can leave before `until`: as much of the train as fits passes, at least one wavelet.
fn alone(contender: &mut Contender<'_>, last: &mut [Option<u8>; 5], now: u64, until: u64) {
    let ports = contender.ports();
    for port in Port::ALL.into_iter().filter(|&port| ports & 1 << port as u8 != 0) {
        last[port as usize] = Some(contender.colour);
    }
    let Some((_, bounds)) = contender.next.take() else { return };
    let room = u32::try_from(until - now).unwrap_or(u32::MAX);
    let count = bounds.left.min(room);
    let mut trial = Train::new();
    // From `now` on: it may have waited for a port until here.
    let mut lines: smallvec::SmallVec<[(u64, u32); 8]> = bounds.lines().into();
    lines.push((now, 0));
    let from = contender.lane.spacing();
    let end = serve(&mut trial, &lines, count, None, 0, from);
    if count > 1 && end < until {
        contender.lane.pass_train(&trial, count, end);
    } else {
        contender.lane.pass_at(now);
    }
    contender.look(now + 1);
}

/// The contenders that leave, as a set of indices: ports choose one after another.
fn choose(contenders: &[Contender<'_>], ready: &[usize], last: &mut [Option<u8>; 5]) -> u64 {
    let (mut chosen, mut used) = (0u64, 0u8);
    for port in Port::ALL {
        if used & 1 << port as u8 != 0 {
            continue;
        }
        let turn = |i: usize| {
            let behind = last[port as usize].map_or(0, |colour| colour + 1);
            (contenders[i].colour + 32 - behind) % 32
        };
        let winner = ready
            .iter()
            .copied()
            .filter(|&i| {
                let ports = contenders[i].ports();
                chosen & 1 << i == 0 && ports & 1 << port as u8 != 0 && ports & used == 0
            })
            .min_by_key(|&i| turn(i));
        if let Some(i) = winner {
            chosen |= 1 << i;
            used |= contenders[i].ports();
        }
    }
    for &i in ready.iter().filter(|&&i| chosen & 1 << i != 0) {
        let ports = contenders[i].ports();
        for port in Port::ALL.into_iter().filter(|&port| ports & 1 << port as u8 != 0) {
            last[port as usize] = Some(contenders[i].colour);
        }
    }
    chosen
}
