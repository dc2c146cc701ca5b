//! The numbers of a GPU rack.

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
    /// All numbers of a rack.
    Nvl72Facts {
        /// GPUs in one NVLink domain.
        gpus: Count,
        /// Power of all GPUs together.
        power: Power,
    } groups {
        /// Memory of one GPU.
        hbm: HbmFacts,
        /// Arithmetic of one GPU.
        compute: ComputeFacts,
        /// What a kernel costs beyond its work.
        kernel: KernelFacts,
        /// What joins the GPUs.
        nvlink: NvlinkFacts,
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
    } groups {}
}

facts! {
    /// Arithmetic of one GPU, dense.
    ComputeFacts {
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
    /// What a kernel costs beyond its work.
    KernelFacts {
        /// Launch inside a CUDA graph, ramp-up and tail of any one kernel.
        fixed: Time,
        /// The same of an MoE dispatch: routing tables, flags between ranks.
        dispatch_fixed: Time,
        /// The same of an MoE combine.
        combine_fixed: Time,
    } groups {}
}

facts! {
    /// What joins the GPUs.
    NvlinkFacts {
        /// Links of a GPU.
        links: Count,
        /// Switch chips; one link of every GPU goes to each.
        switches: Count,
        /// Bandwidth of a link in one direction.
        link_bandwidth: Bandwidth,
        /// Payload of a packet.
        packet_payload: ByteCount,
        /// Header and checks of a packet.
        packet_overhead: ByteCount,
        /// From GPU through one switch to GPU.
        hop: Time,
        /// From the last byte's arrival to its use.
        endpoint: Time,
        /// Issuing one message.
        issue: Time,
    } groups {}
}

impl Nvl72Facts {
    /// The domain for the fabric, with `gpus` of the rack's GPUs taking part.
    pub fn domain(&self, gpus: u32) -> NvlinkSpec {
        let nvlink = &self.nvlink;
        NvlinkSpec {
            gpus,
            links: nvlink.links.whole().max(1) as u32,
            link_bytes_per_s: nvlink.link_bandwidth.whole().max(1),
            packet_payload: Bytes(nvlink.packet_payload.whole().max(1)),
            packet_overhead: Bytes(nvlink.packet_overhead.whole()),
            hop: Picos::from_seconds(nvlink.hop.get()),
            endpoint: Picos::from_seconds(nvlink.endpoint.get()),
            issue: Picos::from_seconds(nvlink.issue.get()),
        }
    }

    /// HBM bandwidth that is reached `[bytes/s]`.
    pub fn memory_rate(&self) -> f64 {
        self.hbm.bandwidth.get() * self.hbm.reached.get()
    }

    /// Arithmetic rate that is reached with 16-bit operands `[FLOP/s]`.
    pub fn arithmetic_rate(&self) -> f64 {
        self.compute.bf16.get() * self.compute.reached.get()
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
