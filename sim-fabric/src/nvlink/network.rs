//! The engine: a set of messages with start times and dependencies in, arrival times out.

use serde::{Deserialize, Serialize};
use sim_core::{Bytes, EventQueue, Picos};

/// Numbers of an NVLink domain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NvlinkSpec {
    /// GPUs in the domain.
    pub gpus: u32,
    /// Links of a GPU, one to each switch chip.
    pub links: u32,
    /// What a link carries in one direction `[bytes/s]`.
    pub link_bytes_per_s: u64,
    /// Payload of a packet `[bytes]`.
    pub packet_payload: Bytes,
    /// Header, checks and other bytes that travel with a packet `[bytes]`.
    pub packet_overhead: Bytes,
    /// From a GPU's link through one switch chip to the link of another GPU `[ps]`.
    pub hop: Picos,
    /// From the last byte's arrival to the receiver's use of it: flag, poll, fence `[ps]`.
    pub endpoint: Picos,
    /// How long a GPU takes to issue one message `[ps]`.
    pub issue: Picos,
}

impl NvlinkSpec {
    /// Bytes that a message of `bytes` puts on each link, overhead included `[bytes]`.
    pub fn wire_bytes(&self, bytes: Bytes) -> Bytes {
        let part = bytes.0.div_ceil(u64::from(self.links));
        let packets = part.div_ceil(self.packet_payload.0).max(1);
        Bytes(packets * (self.packet_payload.0 + self.packet_overhead.0))
    }

    /// How long a message of `bytes` occupies a link `[ps]`.
    pub fn serialisation(&self, bytes: Bytes) -> Picos {
        let wire = u128::from(self.wire_bytes(bytes).0) * 1_000_000_000_000;
        Picos(wire.div_ceil(u128::from(self.link_bytes_per_s)) as u64)
    }

    /// Time of one message alone in the domain `[ps]`.
    pub fn alone(&self, bytes: Bytes) -> Picos {
        self.issue + self.serialisation(bytes) + self.hop + self.endpoint
    }
}

/// A message from one GPU to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Sender.
    pub source: u32,
    /// Receiver, another GPU.
    pub destination: u32,
    /// Payload `[bytes]`.
    pub bytes: Bytes,
    /// Not before this time `[ps]`.
    pub start: Picos,
    /// Not before these messages, by index in the set, have arrived.
    pub after: Vec<u32>,
}

impl Message {
    /// A message that can go at time 0.
    pub fn new(source: u32, destination: u32, bytes: u64) -> Self {
        Self { source, destination, bytes: Bytes(bytes), start: Picos(0), after: Vec::new() }
    }
}

/// What became of a set of messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Traffic {
    /// Arrival of each message, endpoint included `[ps]`.
    pub arrival: Vec<Picos>,
    /// Arrival of the last one `[ps]`.
    pub finish: Picos,
    /// Bytes, overhead included, that each GPU put on each one of its links `[bytes]`.
    pub sent: Vec<Bytes>,
    /// Bytes, overhead included, that each GPU got from each one of its links `[bytes]`.
    pub received: Vec<Bytes>,
    /// Time that heads of messages waited at switch ports, summed over messages `[ps]`.
    pub port_wait: Picos,
}

/// What happens next in the domain.
enum Event {
    /// A message may be issued.
    Ready(u32),
    /// The head of a message is at the switch's output port.
    Head(u32),
    /// A message that others wait for has arrived.
    Arrived(u32),
}

/// A set of messages that cannot be run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NvlinkError {
    /// A message leaves the domain or goes to its own sender.
    #[error("message {index} goes from GPU {from} to GPU {to} in a domain of {gpus}")]
    Endpoint {
        /// Index of the message.
        index: usize,
        /// Its sender.
        from: u32,
        /// Its receiver.
        to: u32,
        /// GPUs there are.
        gpus: u32,
    },
    /// A message waits for one that does not exist, or in a circle.
    #[error("message {index} waits for a message that never arrives")]
    Stuck {
        /// Index of the first such message.
        index: usize,
    },
}

/// State of the domain: when each resource is free again.
struct State {
    /// The GPU's issuing of messages `[ps]`.
    issuer: Vec<u64>,
    /// A link from GPU to switch `[ps]`.
    up: Vec<u64>,
    /// A switch's output port to the GPU `[ps]`.
    port: Vec<u64>,
}

/// Runs `messages` to the end; equal inputs give equal outputs.
pub fn run(spec: &NvlinkSpec, messages: &[Message]) -> Result<Traffic, NvlinkError> {
    let gpus = spec.gpus as usize;
    let mut waiting = vec![0u32; messages.len()];
    let mut waiters: Vec<Vec<u32>> = vec![Vec::new(); messages.len()];
    let mut queue = EventQueue::new();
    for (index, message) in messages.iter().enumerate() {
        let (from, to) = (message.source, message.destination);
        if from == to || from >= spec.gpus || to >= spec.gpus {
            return Err(NvlinkError::Endpoint { index, from, to, gpus: spec.gpus });
        }
        waiting[index] = message.after.len() as u32;
        for &before in &message.after {
            waiters
                .get_mut(before as usize)
                .ok_or(NvlinkError::Stuck { index })?
                .push(index as u32);
        }
        if message.after.is_empty() {
            queue.push(message.start.0, Event::Ready(index as u32));
        }
    }
    let mut state = State { issuer: vec![0; gpus], up: vec![0; gpus], port: vec![0; gpus] };
    let mut arrival = vec![None; messages.len()];
    let mut sent = vec![Bytes(0); gpus];
    let mut received = vec![Bytes(0); gpus];
    let mut port_wait = 0;
    while let Some((now, event)) = queue.pop() {
        match event {
            Event::Ready(index) => {
                let message = &messages[index as usize];
                let source = message.source as usize;
                let issued = state.issuer[source].max(now) + spec.issue.0;
                state.issuer[source] = issued;
                let begin = state.up[source].max(issued);
                state.up[source] = begin + spec.serialisation(message.bytes).0;
                sent[source] += spec.wire_bytes(message.bytes);
                queue.push(begin + spec.hop.0, Event::Head(index));
            }
            Event::Head(index) => {
                let message = &messages[index as usize];
                let destination = message.destination as usize;
                let begin = state.port[destination].max(now);
                port_wait += begin - now;
                let tail = begin + spec.serialisation(message.bytes).0;
                state.port[destination] = tail;
                received[destination] += spec.wire_bytes(message.bytes);
                let time = tail + spec.endpoint.0;
                arrival[index as usize] = Some(Picos(time));
                if !waiters[index as usize].is_empty() {
                    queue.push(time, Event::Arrived(index));
                }
            }
            Event::Arrived(index) => {
                for &waiter in &waiters[index as usize] {
                    waiting[waiter as usize] -= 1;
                    if waiting[waiter as usize] == 0 {
                        let start = messages[waiter as usize].start.0.max(now);
                        queue.push(start, Event::Ready(waiter));
                    }
                }
            }
        }
    }
    let arrival: Vec<Picos> = arrival
        .into_iter()
        .enumerate()
        .map(|(index, time)| time.ok_or(NvlinkError::Stuck { index }))
        .collect::<Result<_, _>>()?;
    let finish = arrival.iter().copied().max().unwrap_or_default();
    Ok(Traffic { arrival, finish, sent, received, port_wait: Picos(port_wait) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn spec(gpus: u32) -> NvlinkSpec {
        NvlinkSpec {
            gpus,
            links: 18,
            link_bytes_per_s: 50_000_000_000,
            packet_payload: Bytes(128),
            packet_overhead: Bytes(32),
            hop: Picos(500_000),
            endpoint: Picos(1_000_000),
            issue: Picos(100_000),
        }
    }

    #[test]
    fn probe_one_message_takes_latency_plus_bytes_over_bandwidth() {
        let spec = spec(2);
        let bytes = 18 * 128 * 1000;
        let traffic = run(&spec, &[Message::new(0, 1, bytes)]).unwrap();
        // 1000 packets of 160 bytes at 50 bytes a nanosecond on each link: 3.2 us.
        assert_eq!(traffic.finish, Picos(100_000 + 3_200_000 + 500_000 + 1_000_000));
        assert_eq!(traffic.finish, spec.alone(Bytes(bytes)));
        assert_eq!(traffic.port_wait, Picos(0));
    }

    #[test]
    fn probe_two_sources_to_one_port_wait_for_each_other() {
        let spec = spec(3);
        let bytes = 18 * 128 * 1000;
        let pair = [Message::new(0, 2, bytes), Message::new(1, 2, bytes)];
        let traffic = run(&spec, &pair).unwrap();
        let part = spec.serialisation(Bytes(bytes));
        assert_eq!(traffic.arrival[0], spec.alone(Bytes(bytes)));
        assert_eq!(traffic.arrival[1], spec.alone(Bytes(bytes)) + part);
        assert_eq!(traffic.port_wait, part);
        let apart = [Message::new(0, 2, bytes), Message::new(1, 0, bytes)];
        assert_eq!(run(&spec, &apart).unwrap().finish, spec.alone(Bytes(bytes)));
    }

    #[test]
    fn probe_a_message_leaves_when_what_it_waits_for_has_arrived() {
        let spec = spec(3);
        let mut messages = vec![Message::new(0, 1, 1000), Message::new(1, 2, 1000)];
        messages[1].after = vec![0];
        let traffic = run(&spec, &messages).unwrap();
        let alone = spec.alone(Bytes(1000));
        assert_eq!(traffic.arrival, [alone, alone + alone]);
        messages[0].after = vec![1];
        assert_eq!(run(&spec, &messages), Err(NvlinkError::Stuck { index: 0 }));
    }

    fn messages() -> impl Strategy<Value = Vec<Message>> {
        let one = (0u32..8, 1u32..8, 1u64..1_000_000, 0u64..5_000_000);
        prop::collection::vec(one, 1..80).prop_map(|list| {
            let mut all: Vec<Message> = Vec::new();
            for (index, (source, step, bytes, start)) in list.into_iter().enumerate() {
                let mut message = Message::new(source, (source + step) % 8, bytes);
                message.start = Picos(start);
                if index > 3 && step == 3 {
                    message.after = vec![index as u32 - 2, index as u32 - 3];
                }
                all.push(message);
            }
            all
        })
    }

    proptest! {
        #[test]
        fn conservation_what_is_sent_is_received(messages in messages()) {
            let spec = spec(8);
            let traffic = run(&spec, &messages).unwrap();
            let all: Bytes = messages.iter().map(|m| spec.wire_bytes(m.bytes)).sum();
            prop_assert_eq!(traffic.sent.iter().copied().sum::<Bytes>(), all);
            prop_assert_eq!(traffic.received.iter().copied().sum::<Bytes>(), all);
            prop_assert_eq!(traffic.arrival.len(), messages.len());
        }

        #[test]
        fn curve_no_link_or_port_beats_its_bandwidth(messages in messages()) {
            let spec = spec(8);
            let traffic = run(&spec, &messages).unwrap();
            for bytes in traffic.sent.iter().chain(&traffic.received) {
                let busy = bytes.0 * 20;
                prop_assert!(traffic.finish.0 >= busy);
            }
            for (message, arrival) in messages.iter().zip(&traffic.arrival) {
                prop_assert!(arrival.0 >= message.start.0 + spec.alone(message.bytes).0);
            }
        }

        #[test]
        fn determinism_the_same_messages_give_the_same_times(messages in messages()) {
            let spec = spec(8);
            prop_assert_eq!(run(&spec, &messages), run(&spec, &messages));
        }
    }
}
