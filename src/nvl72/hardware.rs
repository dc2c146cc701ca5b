//! The numbers of a GPU rack, or of a server or several of them.

use crate::facts;
use crate::hardware::{Bandwidth, ByteCount, Count, FlopRate, Fraction, Power, Time};
use serde::{Deserialize, Serialize};
use sim_core::{Bytes, Picos};
use sim_fabric::nvlink::NvlinkSpec;

/// A preset for GPU racks: what `examples/hardware/gb200-nvl72.ron` holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Nvl72Preset {
    /// Name of the preset.
    pub name: String,
    /// Its numbers.
    pub facts: Nvl72Facts,
}

facts! {
    /// All numbers of a machine of GPUs.
    Nvl72Facts {
        /// GPUs of the machine.
        gpus: Count,
        /// GPUs in one NVLink domain; several domains are joined by the network.
        domain: Count,
        /// Power of all GPUs together.
        power: Power,
    } groups {
        /// Memory of one GPU.
        hbm: HbmFacts,
        /// Arithmetic of one GPU.
        compute: ComputeFacts,
        /// What any kernel, and a step, cost beyond their work.
        kernel: KernelFacts,
        /// What collectives cost beyond launches, messages and memory.
        collective: CollectiveFacts,
        /// What joins the GPUs of a domain.
        nvlink: NvlinkFacts,
        /// What joins domains.
        network: NetworkFacts,
    }
}

facts! {
    /// Memory of one GPU.
    HbmFacts {
        /// Memory that a program can use.
        capacity: ByteCount,
        /// Memory kept for runtime, graphs and communication buffers.
        reserve: ByteCount,
        /// Bandwidth on paper.
        bandwidth: Bandwidth,
        /// Share of the bandwidth that a kernel reaches.
        reached: Fraction,
        /// One access that the next step of a kernel waits for: load, first use, synchronisation.
        round_trip: Time,
    } groups {}
}

facts! {
    /// Arithmetic of one GPU, dense.
    ComputeFacts {
        /// Streaming multiprocessors.
        processors: Count,
        /// 16-bit rate.
        bf16: FlopRate,
        /// 8-bit rate.
        fp8: FlopRate,
        /// 4-bit rate.
        fp4: FlopRate,
        /// Share of the rate that a large matrix product reaches.
        reached: Fraction,
    } groups {}
}

facts! {
    /// What any kernel, and a step, cost beyond their work.
    KernelFacts {
        /// Launch inside a CUDA graph, ramp-up and tail of any kernel.
        fixed: Time,
        /// The host's part of a step: choosing what runs next, inputs in, tokens out.
        step: Time,
        /// The host's part of a step for each sequence of an attention group.
        sequence: Time,
    } groups {}
}

facts! {
    /// What collectives cost beyond launches, messages and memory.
    CollectiveFacts {
        /// Start of an in-switch all-reduce by NCCL.
        in_switch: Time,
    } groups {}
}

facts! {
    /// What joins the GPUs of a domain.
    NvlinkFacts {
        /// Links of a GPU.
        links: Count,
        /// Switch chips; the links of every GPU are spread evenly over them.
        switches: Count,
        /// Bandwidth of a link in one direction.
        link_bandwidth: Bandwidth,
        /// Payload of a packet.
        packet_payload: ByteCount,
        /// Header and checks of a packet.
        packet_overhead: ByteCount,
        /// From a GPU's issue of a short message to its use by another: write, hop, flag, poll.
        latency: Time,
        /// The part of it from link through one switch to link.
        hop: Time,
        /// Issuing one message.
        issue: Time,
    } groups {}
}

facts! {
    /// What joins domains.
    NetworkFacts {
        /// Bandwidth of a GPU's port in one direction.
        bandwidth: Bandwidth,
        /// From GPU to GPU.
        latency: Time,
    } groups {}
}

impl Nvl72Facts {
    /// The fabric, with `gpus` of the machine's GPUs taking part, in one domain if they fit.
    pub fn domain(&self, gpus: u32) -> NvlinkSpec {
        let nvlink = &self.nvlink;
        let time = |seconds: f64| Picos::from_seconds(seconds);
        NvlinkSpec {
            gpus,
            domain: self.domain.whole().clamp(1, u64::from(u32::MAX)) as u32,
            links: nvlink.links.whole().max(1) as u32,
            link_bytes_per_s: nvlink.link_bandwidth.whole().max(1),
            packet_payload: Bytes(nvlink.packet_payload.whole().max(1)),
            packet_overhead: Bytes(nvlink.packet_overhead.whole()),
            hop: time(nvlink.hop.get()),
            endpoint: time((nvlink.latency.get() - nvlink.hop.get()).max(0.0)),
            issue: time(nvlink.issue.get()),
            outside_bytes_per_s: self.network.bandwidth.whole().max(1),
            outside_latency: time(self.network.latency.get()),
        }
    }

    /// HBM bandwidth that is reached `[bytes/s]`.
    pub fn memory_rate(&self) -> f64 {
        self.hbm.bandwidth.get() * self.hbm.reached.get()
    }

    /// Time of `launches` kernels and of `trips` accesses that wait for each other `[s]`.
    pub fn chain(&self, launches: u32, trips: f64) -> f64 {
        f64::from(launches) * self.kernel.fixed.get() + trips * self.hbm.round_trip.get()
    }

    /// Bytes of a GPU that weights, cache and activations may fill `[bytes]`.
    pub fn usable(&self) -> u64 {
        self.hbm.capacity.whole().saturating_sub(self.hbm.reserve.whole())
    }
}

#[cfg(test)]
mod tests {
    use crate::hardware::{Confidence, Facts};

    #[test]
    fn smoke_the_preset_reads_and_every_assumed_number_has_a_range() {
        let preset = crate::nvl72::gb200();
        assert_eq!(preset.facts.gpus.whole(), 72);
        assert_eq!(preset.facts.nvlink.links.whole(), preset.facts.nvlink.switches.whole());
        for row in preset.facts.all() {
            assert!(!row.source.is_empty(), "{}", row.path);
            assert_eq!(row.confidence == Confidence::Assumed, row.ends.is_some(), "{}", row.path);
            if let Some((low, high)) = row.ends {
                assert!(low <= row.number && row.number <= high, "{}", row.path);
            }
        }
    }
}
