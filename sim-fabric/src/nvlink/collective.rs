//! Collectives as sets of messages. Rank `r` sends first to `r + 1`, then to `r + 2` and so on
//! around, so that not all ranks send to one port at once.

use super::Message;
use super::network::Kind;

/// Bytes that tell a rank how many tokens come, and that they have come `[bytes]`.
pub const COUNT_BYTES: u64 = 16;

/// The ranks that `rank` of `ranks` sends to, in order.
fn others(rank: u32, ranks: u32) -> impl Iterator<Item = u32> {
    (1..ranks).map(move |step| (rank + step) % ranks)
}

/// One-shot all-reduce: every rank sends its whole vector of `bytes` to all others, and each adds
/// up what it got.
pub fn one_shot(ranks: u32, bytes: u64) -> Vec<Message> {
    (0..ranks)
        .flat_map(|rank| others(rank, ranks).map(move |to| Message::new(rank, to, bytes)))
        .collect()
}

/// All-gather: every rank sends its own `bytes` to all others.
pub fn all_gather(ranks: u32, bytes: u64) -> Vec<Message> {
    one_shot(ranks, bytes)
}

/// Two-shot all-reduce: every rank collects and adds up its own share of the vector of `bytes`,
/// then sends that share to all others.
pub fn two_shot(ranks: u32, bytes: u64) -> Vec<Message> {
    let share = bytes.div_ceil(u64::from(ranks.max(1)));
    let mut messages = one_shot(ranks, share);
    let mut incoming = vec![Vec::new(); ranks as usize];
    for (index, message) in messages.iter().enumerate() {
        incoming[message.destination as usize].push(index as u32);
    }
    for rank in 0..ranks {
        for to in others(rank, ranks) {
            let mut message = Message::new(rank, to, share);
            message.after = incoming[rank as usize].clone();
            messages.push(message);
        }
    }
    messages
}

/// Pieces of a share that an in-switch all-reduce has under way one behind the other.
const PIECES: u64 = 8;
/// Pieces that a rank asks for ahead.
const AHEAD: u64 = 2;
/// A piece is not cut smaller than this `[bytes]`.
const LEAST_PIECE: u64 = 4096;

/// In-switch all-reduce: every rank asks the switches for the sum of its own share of the vector of
/// `bytes`, piece by piece, and multicasts each sum to all others.
pub fn in_switch(ranks: u32, bytes: u64) -> Vec<Message> {
    if ranks < 2 {
        return Vec::new();
    }
    let share = bytes.div_ceil(u64::from(ranks));
    let pieces = share.div_ceil(LEAST_PIECE).clamp(1, PIECES);
    let mut messages = Vec::new();
    // Where the reduction of piece `piece` of `rank` stands; its multicast stands behind it.
    let index = |piece: u64, rank: u32| (piece as u32 * ranks + rank) * 2;
    for piece in 0..pieces {
        for rank in 0..ranks {
            let (other, part) = ((rank + 1) % ranks, share.div_ceil(pieces));
            let after = piece.checked_sub(AHEAD).map(|before| index(before, rank));
            messages.push(Message {
                after: after.into_iter().collect(),
                kind: Kind::Reduce,
                ..Message::new(other, rank, part)
            });
            messages.push(Message {
                after: vec![index(piece, rank)],
                kind: Kind::Multicast,
                ..Message::new(rank, other, part)
            });
        }
    }
    messages
}

/// `rounds` trips of every rank's `part` around the ring, each rank passing on what it got: one
/// round is `ranks - 1` steps. Two rounds of a share are an all-reduce, one is an all-gather.
pub fn ring(ranks: u32, part: u64, rounds: u32) -> Vec<Message> {
    let steps = rounds * ranks.saturating_sub(1);
    (0..steps)
        .flat_map(|step| {
            (0..ranks).map(move |rank| {
                let mut message = Message::new(rank, (rank + 1) % ranks, part);
                // What the rank before has sent in the step before.
                if step > 0 {
                    message.after = vec![(step - 1) * ranks + (rank + ranks - 1) % ranks];
                }
                message
            })
        })
        .collect()
}

/// All-reduce of `bytes` over `ranks` in domains of `domain`: shares are added up inside each domain, then
/// between the ranks that hold the same share in all domains, then spread inside again.
pub fn over_domains(ranks: u32, domain: u32, bytes: u64) -> Vec<Message> {
    let domain = domain.clamp(1, ranks.max(1));
    let share = bytes.div_ceil(u64::from(domain));
    let mut messages: Vec<Message> = Vec::new();
    // What has come to each rank and must be there before it sends on.
    let mut come: Vec<Vec<u32>> = vec![Vec::new(); ranks as usize];
    let inside = |rank: u32| {
        let first = rank / domain * domain;
        (first..(first + domain).min(ranks)).filter(move |&other| other != rank)
    };
    let across = |rank: u32| {
        (0..ranks).filter(move |&other| other % domain == rank % domain && other != rank)
    };
    for phase in 0..3 {
        let before = std::mem::replace(&mut come, vec![Vec::new(); ranks as usize]);
        for rank in 0..ranks {
            let to: Vec<u32> =
                if phase == 1 { across(rank).collect() } else { inside(rank).collect() };
            for to in to {
                come[to as usize].push(messages.len() as u32);
                let after = before[rank as usize].clone();
                messages.push(Message { after, ..Message::new(rank, to, share) });
            }
        }
        // A rank without anybody to hear from in this phase waits for what came before.
        for (now, before) in come.iter_mut().zip(before) {
            if now.is_empty() {
                *now = before;
            }
        }
    }
    messages
}

/// Every rank tells every other how many tokens come; dispatches with two sides begin so.
pub fn counts(ranks: u32) -> Vec<Message> {
    one_shot(ranks, COUNT_BYTES)
}

/// Dispatch of tokens to the ranks of their experts: `tokens[from][to]` tokens of `bytes` each.
/// A token that several experts of one rank want travels there once. Every rank also tells every
/// other how many come ([`COUNT_BYTES`]), in the same message.
pub fn dispatch(tokens: &[Vec<u32>], bytes: u64) -> Vec<Message> {
    let ranks = tokens.len() as u32;
    let mut messages = Vec::new();
    for rank in 0..ranks {
        for to in others(rank, ranks) {
            let count = tokens[rank as usize][to as usize];
            messages.push(Message::new(rank, to, u64::from(count) * bytes + COUNT_BYTES));
        }
    }
    messages
}

/// Combine: the experts' results travel back the way the tokens came.
pub fn combine(tokens: &[Vec<u32>], bytes: u64) -> Vec<Message> {
    let back: Vec<Vec<u32>> =
        (0..tokens.len()).map(|from| tokens.iter().map(|row| row[from]).collect()).collect();
    dispatch(&back, bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nvlink::{NvlinkSpec, run};
    use sim_core::{Bytes, Picos};

    fn spec(gpus: u32) -> NvlinkSpec {
        NvlinkSpec {
            gpus,
            domain: gpus,
            links: 18,
            link_bytes_per_s: 50_000_000_000,
            packet_payload: Bytes(128),
            packet_overhead: Bytes(0),
            hop: Picos(500_000),
            endpoint: Picos(1_000_000),
            issue: Picos(1_000),
            outside_bytes_per_s: 100_000_000_000,
            outside_latency: Picos(5_000_000),
        }
    }

    #[test]
    fn curve_a_large_one_shot_costs_all_vectors_over_the_bandwidth() {
        let bytes = 18 * 128 * 10_000;
        let finish = run(&spec(8), &one_shot(8, bytes)).unwrap().finish.seconds();
        let bound = 7.0 * bytes as f64 / 900e9;
        assert!(finish >= bound && finish < bound * 1.02 + 1.6e-6, "{finish} against {bound}");
    }

    #[test]
    fn curve_two_shot_moves_less_and_waits_twice() {
        let spec = spec(8);
        let small = |messages: Vec<Message>| run(&spec, &messages).unwrap().finish;
        assert!(small(one_shot(8, 4096)) < small(two_shot(8, 4096)));
        assert!(small(one_shot(8, 1 << 24)) > small(two_shot(8, 1 << 24)));
        let sent = run(&spec, &two_shot(8, 1 << 24)).unwrap().sent[0].0 as f64 * 18.0;
        assert!((sent / (2.0 * 7.0 / 8.0 * f64::from(1 << 24)) - 1.0).abs() < 0.01, "{sent}");
    }

    #[test]
    fn curve_in_switch_moves_the_vector_once_up_and_once_down() {
        let bytes = 1 << 26;
        let traffic = run(&spec(8), &in_switch(8, bytes)).unwrap();
        let sent = traffic.sent[0].0 as f64 * 18.0;
        assert!((sent / (bytes as f64) - 1.0).abs() < 0.01, "{sent}");
        // Reads and writes share each link: all shares but its own, and its own.
        let bound = bytes as f64 / 900e9;
        let finish = traffic.finish.seconds();
        assert!(finish > bound && finish < 1.3 * bound + 5e-6, "{finish} against {bound}");
        assert!(finish < run(&spec(8), &two_shot(8, bytes)).unwrap().finish.seconds());
    }

    #[test]
    fn curve_a_ring_takes_its_steps_one_after_the_other() {
        let spec = spec(4);
        let traffic = run(&spec, &ring(4, 4096, 2)).unwrap();
        assert_eq!(traffic.finish.0, 6 * spec.alone(Bytes(4096)).0);
        assert_eq!(ring(1, 4096, 2), []);
    }

    #[test]
    fn curve_between_domains_shares_cross_the_slow_network_once() {
        let mut spec = spec(8);
        spec.domain = 4;
        let bytes = 1 << 24;
        let finish = run(&spec, &over_domains(8, 4, bytes)).unwrap().finish.seconds();
        // A share of each over 100 GB/s and its latency, and two phases inside.
        let least = (bytes / 4) as f64 / 100e9 + 5e-6 + 2.0 * 0.75 * bytes as f64 / 900e9;
        assert!(finish > least && finish < 1.2 * least + 10e-6, "{finish} against {least}");
    }

    #[test]
    fn conservation_combine_sends_back_what_dispatch_brought() {
        let tokens = vec![vec![9, 3, 0], vec![1, 9, 5], vec![0, 2, 9]];
        let there = run(&spec(3), &dispatch(&tokens, 14_336)).unwrap();
        let back = run(&spec(3), &combine(&tokens, 14_336)).unwrap();
        assert_eq!(there.sent, back.received);
        assert_eq!(there.received, back.sent);
    }

    #[test]
    fn smoke_one_rank_needs_no_messages() {
        assert!(one_shot(1, 100).is_empty() && two_shot(1, 100).is_empty());
        assert!(in_switch(1, 100).is_empty());
        assert_eq!(run(&spec(1), &[]).unwrap().finish, Picos(0));
    }
}
