//! The engine: a set of messages with start times and dependencies in, arrival times out.

use serde::{Deserialize, Serialize};
use sim_core::{Bytes, EventQueue, Picos};

/// Numbers of an NVLink domain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NvlinkSpec {
    /// GPUs that take part.
    pub gpus: u32,
    /// GPUs of one domain: GPU `g` is in domain `g / domain`. Between domains messages take the
    /// slower network.
    pub domain: u32,
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
    /// What a GPU's port to the network between domains carries in one direction `[bytes/s]`.
    pub outside_bytes_per_s: u64,
    /// From a GPU to a GPU of another domain, first byte to first byte `[ps]`.
    pub outside_latency: Picos,
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
        Picos(over(self.wire_bytes(bytes).0, self.link_bytes_per_s))
    }

    /// How long a message of `bytes` occupies a port of the network between domains `[ps]`.
    pub fn outside(&self, bytes: Bytes) -> Picos {
        Picos(over(bytes.0, self.outside_bytes_per_s))
    }

    /// Time of one message alone in the domain `[ps]`.
    pub fn alone(&self, bytes: Bytes) -> Picos {
        self.issue + self.serialisation(bytes) + self.hop + self.endpoint
    }

    /// Whether two GPUs are in one domain.
    pub fn together(&self, one: u32, other: u32) -> bool {
        one / self.domain.max(1) == other / self.domain.max(1)
    }
}

/// `bytes` over `rate` `[ps]`.
fn over(bytes: u64, rate: u64) -> u64 {
    (u128::from(bytes) * 1_000_000_000_000).div_ceil(u128::from(rate.max(1))) as u64
}

/// What the switches do with a message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    /// From its source to its destination.
    #[default]
    Unicast,
    /// From its source once onto the links, out of the switches to every other GPU of the domain.
    Multicast,
    /// Asked for by its destination: every other GPU of the domain sends its part, the switches
    /// add them up, the sum goes to the destination once.
    Reduce,
}

/// A message from one GPU to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Sender; of a multicast, its source.
    pub source: u32,
    /// Receiver, another GPU; of a multicast, any other GPU; of a reduction, who asked for it.
    pub destination: u32,
    /// Payload `[bytes]`.
    pub bytes: Bytes,
    /// Not before this time `[ps]`.
    pub start: Picos,
    /// Not before these messages, by index in the set, have arrived.
    pub after: Vec<u32>,
    /// What the switches do with it.
    pub kind: Kind,
}

impl Message {
    /// A message that can go at time 0.
    pub fn new(source: u32, destination: u32, bytes: u64) -> Self {
        let bytes = Bytes(bytes);
        let (start, after) = (Picos(0), Vec::new());
        Self { source, destination, bytes, start, after, kind: Kind::Unicast }
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

/// What happens next.
enum Event {
    /// A message may be issued.
    Ready(u32),
    /// The request of a reduction has reached the other GPUs.
    Asked(u32),
    /// The head of a message is at the output port towards a GPU.
    Head(u32, u32),
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
    /// A switch reduces and multicasts inside one domain only.
    #[error("message {index} is reduced or multicast by the switches across several domains")]
    Domains {
        /// Index of the message.
        index: usize,
    },
    /// A message waits for one that does not exist, or in a circle.
    #[error("message {index} waits for a message that never arrives")]
    Stuck {
        /// Index of the first such message.
        index: usize,
    },
}

/// When each resource is free again.
struct State {
    /// The GPU's issuing of messages `[ps]`.
    issuer: Vec<u64>,
    /// A link from GPU to switch `[ps]`.
    up: Vec<u64>,
    /// A switch's output port to the GPU `[ps]`.
    port: Vec<u64>,
    /// The GPU's port into the network between domains `[ps]`.
    out: Vec<u64>,
    /// The GPU's port out of it `[ps]`.
    into: Vec<u64>,
}

impl State {
    fn new(gpus: usize) -> Self {
        let idle = || vec![0; gpus];
        Self { issuer: idle(), up: idle(), port: idle(), out: idle(), into: idle() }
    }
}

/// Takes `resource` from `now` on, behind what holds it; returns when it begins.
fn take(resource: &mut u64, now: u64, time: Picos) -> u64 {
    let begin = (*resource).max(now);
    *resource = begin + time.0;
    begin
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
        if message.kind != Kind::Unicast && spec.domain < spec.gpus {
            return Err(NvlinkError::Domains { index });
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
    let mut state = State::new(gpus);
    let mut arrival: Vec<Option<Picos>> = vec![None; messages.len()];
    // Copies of a multicast that are still on their way.
    let mut copies = vec![0u32; messages.len()];
    let mut sent = vec![Bytes(0); gpus];
    let mut received = vec![Bytes(0); gpus];
    let mut port_wait = 0;
    while let Some((now, event)) = queue.pop() {
        match event {
            Event::Ready(index) => {
                let message = &messages[index as usize];
                let (source, bytes) = (message.source as usize, message.bytes);
                let who =
                    if message.kind == Kind::Reduce { message.destination } else { message.source };
                let issued = take(&mut state.issuer[who as usize], now, spec.issue) + spec.issue.0;
                match message.kind {
                    Kind::Reduce => queue.push(issued + spec.hop.0, Event::Asked(index)),
                    Kind::Unicast if !spec.together(message.source, message.destination) => {
                        let begin = take(&mut state.out[source], issued, spec.outside(bytes));
                        let head = begin + spec.outside_latency.0;
                        queue.push(head, Event::Head(index, message.destination));
                    }
                    Kind::Unicast => {
                        let begin = take(&mut state.up[source], issued, spec.serialisation(bytes));
                        sent[source] += spec.wire_bytes(bytes);
                        queue.push(begin + spec.hop.0, Event::Head(index, message.destination));
                    }
                    Kind::Multicast => {
                        let begin = take(&mut state.up[source], issued, spec.serialisation(bytes));
                        sent[source] += spec.wire_bytes(bytes);
                        copies[index as usize] = spec.gpus - 1;
                        for gpu in (0..spec.gpus).filter(|&gpu| gpu != message.source) {
                            queue.push(begin + spec.hop.0, Event::Head(index, gpu));
                        }
                    }
                }
            }
            Event::Asked(index) => {
                let message = &messages[index as usize];
                let mut last = now;
                for gpu in (0..gpus).filter(|&gpu| gpu != message.destination as usize) {
                    let time = spec.serialisation(message.bytes);
                    last = last.max(take(&mut state.up[gpu], now, time));
                    sent[gpu] += spec.wire_bytes(message.bytes);
                }
                queue.push(last + spec.hop.0, Event::Head(index, message.destination));
            }
            Event::Head(index, to) => {
                let message = &messages[index as usize];
                let (gpu, bytes) = (to as usize, message.bytes);
                let inside = spec.together(message.source, to);
                let (resource, time) = match message.kind {
                    Kind::Unicast if !inside => (&mut state.into[gpu], spec.outside(bytes)),
                    _ => (&mut state.port[gpu], spec.serialisation(bytes)),
                };
                let begin = take(resource, now, time);
                port_wait += begin - now;
                if inside {
                    received[gpu] += spec.wire_bytes(bytes);
                }
                let time = Picos(begin + time.0) + spec.endpoint;
                let index = index as usize;
                let latest = arrival[index].map_or(time, |known| known.max(time));
                arrival[index] = Some(latest);
                copies[index] = copies[index].saturating_sub(1);
                if copies[index] == 0 && !waiters[index].is_empty() {
                    queue.push(latest.0, Event::Arrived(index as u32));
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
            domain: gpus,
            links: 18,
            link_bytes_per_s: 50_000_000_000,
            packet_payload: Bytes(128),
            packet_overhead: Bytes(32),
            hop: Picos(500_000),
            endpoint: Picos(1_000_000),
            issue: Picos(100_000),
            outside_bytes_per_s: 100_000_000_000,
            outside_latency: Picos(5_000_000),
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

    #[test]
    fn probe_a_multicast_takes_the_source_s_link_once_and_every_port_once() {
        let spec = spec(4);
        let bytes = 18 * 128 * 1000;
        let mut message = Message::new(0, 1, bytes);
        message.kind = Kind::Multicast;
        let traffic = run(&spec, &[message]).unwrap();
        assert_eq!(traffic.finish, spec.alone(Bytes(bytes)));
        let wire = spec.wire_bytes(Bytes(bytes));
        assert_eq!(traffic.sent, [wire, Bytes(0), Bytes(0), Bytes(0)]);
        assert_eq!(traffic.received, [Bytes(0), wire, wire, wire]);
    }

    #[test]
    fn probe_a_reduction_takes_every_other_link_once_and_one_port_once() {
        let spec = spec(4);
        let bytes = 18 * 128 * 1000;
        let mut message = Message::new(1, 0, bytes);
        message.kind = Kind::Reduce;
        let traffic = run(&spec, &[message]).unwrap();
        // The request takes a hop of its own.
        assert_eq!(traffic.finish, spec.alone(Bytes(bytes)) + spec.hop);
        let wire = spec.wire_bytes(Bytes(bytes));
        assert_eq!(traffic.received, [wire, Bytes(0), Bytes(0), Bytes(0)]);
        assert_eq!(traffic.sent, [Bytes(0), wire, wire, wire]);
    }

    #[test]
    fn probe_between_domains_the_slow_network_counts() {
        let mut spec = spec(4);
        spec.domain = 2;
        let traffic =
            run(&spec, &[Message::new(0, 1, 1000), Message::new(0, 2, 1_000_000)]).unwrap();
        assert_eq!(traffic.arrival[0], spec.alone(Bytes(1000)));
        // Issued second: 0.2 us; 10 us at 100 GB/s; 5 us of latency; endpoint.
        assert_eq!(traffic.arrival[1], Picos(200_000 + 5_000_000 + 10_000_000 + 1_000_000));
        let mut message = Message::new(0, 1, 10);
        message.kind = Kind::Multicast;
        assert_eq!(run(&spec, &[message]), Err(NvlinkError::Domains { index: 0 }));
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
