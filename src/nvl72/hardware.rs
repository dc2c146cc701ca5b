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
        /// Matrix products.
        product: ProductFacts,
        /// Attention over a cache.
        attention: AttentionFacts,
        /// The fused kernels of the experts.
        experts: ExpertFacts,
        /// What collectives cost beyond their messages.
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
        /// The same of the fused kernels of the experts, which stream large matrices.
        streamed: Fraction,
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
        /// Launch inside a CUDA graph, ramp-up and tail of a small kernel.
        fixed: Time,
        /// The host's part of a step: choosing what runs next, inputs in, tokens out.
        step: Time,
        /// The host's part of a step for each sequence of an attention group.
        sequence: Time,
    } groups {}
}

facts! {
    /// Matrix products.
    ProductFacts {
        /// Launch, ramp-up and tail.
        fixed: Time,
        /// Walking 1024 elements of the inner dimension, up to 2048, from where it is split.
        depth: Time,
        /// The same for every 1024 elements where it is split over processors.
        split_depth: Time,
        /// What a product of scaled blocks costs at first, the launch that quantises aside.
        block_fixed: Time,
        /// One tile of a product of 4-bit blocks walking 1024 elements.
        fp4_depth: Time,
        /// One tile of a product of 8-bit blocks walking 1024 elements.
        fp8_depth: Time,
    } groups {}
}

facts! {
    /// Attention over a cache.
    AttentionFacts {
        /// What its two launches cost beyond those of small kernels.
        fixed: Time,
        /// Each doubling of the context from 128 to 4096 tokens.
        depth: Time,
    } groups {}
}

facts! {
    /// The fused kernels of the experts: one made for few tokens, one for many.
    ExpertFacts {
        /// For few tokens: launches, sorting, activation, adding up.
        few_fixed: Time,
        /// For few tokens: a wave of one tile on every processor.
        few_wave: Time,
        /// For few tokens: one token in and out.
        few_token: Time,
        /// For many tokens: launches, sorting, activation, adding up.
        many_fixed: Time,
        /// For many tokens: a wave of one tile on every processor.
        many_wave: Time,
        /// For many tokens: one token in and out.
        many_token: Time,
    } groups {}
}

facts! {
    /// What collectives cost beyond their messages.
    CollectiveFacts {
        /// A one-shot or in-switch all-reduce, an all-gather: launch, adding up, the norm behind.
        one_shot: Time,
        /// Longest vector that a one-shot all-reduce has room for; a pair of GPUs has room for twice.
        one_shot_most: ByteCount,
        /// A two-shot all-reduce, beyond a one-shot one: the barrier between its halves, each doubling
        /// of its GPUs.
        two_shot: Time,
        /// Longest vector of a two-shot all-reduce of an engine; longer ones go to a general library.
        two_shot_most: ByteCount,
        /// Share of the links' rate that a two-shot all-reduce reaches, whose GPUs read from each other.
        two_shot_rate: Fraction,
        /// An in-switch all-reduce of a general library: its start.
        in_switch: Time,
        /// A ring of a general library.
        ring: Time,
        /// A dispatch or combine with one side: each doubling of its GPUs, whose tables it walks.
        exchange_ranks: Time,
        /// A dispatch: routing tables, copies.
        dispatch_fixed: Time,
        /// A dispatch's chain of flags, beside which payload flows.
        dispatch_flags: Time,
        /// A combine: copies, adding up by token.
        combine_fixed: Time,
        /// A combine's chain of flags, beside which payload flows.
        combine_flags: Time,
        /// A dispatch or combine with two sides: its start.
        two_sided_fixed: Time,
        /// Each token of the prepare step of two sides.
        prepare_token: Time,
        /// Rate at which a dispatch with two sides copies tokens, those that stay included.
        two_sided_copy: Bandwidth,
        /// Rate at which a combine with two sides copies and adds up.
        two_sided_gather: Bandwidth,
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
        /// From GPU through one switch to GPU.
        hop: Time,
        /// From the last byte's arrival to its use.
        endpoint: Time,
        /// Issuing one message.
        issue: Time,
        /// Share of the links' rate at which switches reduce and multicast.
        in_switch: Fraction,
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
            endpoint: time(nvlink.endpoint.get()),
            issue: time(nvlink.issue.get()),
            outside_bytes_per_s: self.network.bandwidth.whole().max(1),
            outside_latency: time(self.network.latency.get()),
            in_switch_rate: (nvlink.in_switch.get() * 1024.0).round() as u32,
        }
    }

    /// HBM bandwidth that is reached `[bytes/s]`.
    pub fn memory_rate(&self) -> f64 {
        self.hbm.bandwidth.get() * self.hbm.reached.get()
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
