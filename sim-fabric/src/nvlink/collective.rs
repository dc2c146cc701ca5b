//! Collectives as sets of messages. Rank `r` sends first to `r + 1`, then to `r + 2` and so on
//! around, so that not all ranks send to one port at once.

use super::Message;

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
            links: 18,
            link_bytes_per_s: 50_000_000_000,
            packet_payload: Bytes(128),
            packet_overhead: Bytes(0),
            hop: Picos(500_000),
            endpoint: Picos(1_000_000),
            issue: Picos(1_000),
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
        assert_eq!(run(&spec(1), &[]).unwrap().finish, Picos(0));
    }
}
