//! The numbers of a wafer and of the systems around it.

use crate::facts;
use crate::hardware::{Bandwidth, ByteCount, Count, CycleCount, Frequency, Power, Time};
use serde::{Deserialize, Serialize};
use sim_fabric::mesh::spec::FabricSpec;
use sim_sram::PeSpec;

impl WaferFacts {
    /// Routers and ramps, for the engines.
    pub fn fabric_spec(&self) -> FabricSpec {
        let fabric = &self.fabric;
        FabricSpec {
            hop_cycles: fabric.hop_cycles.whole() as u32,
            ramp_cycles: fabric.ramp_cycles.whole() as u32,
            queue_depth: fabric.queue_depth.whole() as u32,
            ramp_in_depth: fabric.ramp_in_depth.whole() as u32,
            ramp_out_depth: fabric.ramp_out_depth.whole() as u32,
            switch_cycles: fabric.switch_cycles.whole() as u32,
            receive_directions: fabric.receive_directions.whole() as u32,
        }
    }

    /// The datapath of a PE.
    pub fn pe_spec(&self) -> PeSpec {
        let pe = &self.pe;
        PeSpec {
            f16_per_cycle: pe.fp16_per_cycle.whole() as u32,
            f32_per_cycle: pe.fp32_add_per_cycle.whole() as u32,
            f32_mul_per_cycle: pe.fp32_mul_per_cycle.whole() as u32,
            max_per_cycle: pe.max_per_cycle.whole() as u32,
            setup_cycles: pe.setup_cycles.whole() as u32,
            pipeline_cycles: pe.pipeline_cycles.whole() as u32,
            gap_cycles: pe.gap_cycles.whole() as u32,
            loop_cycles: pe.loop_cycles.whole() as u32,
            task_start_cycles: pe.task_start_cycles.whole() as u32,
            unpack_cycles: pe.unpack_cycles.whole() as u32,
            special_cycles: pe.special_cycles.whole() as u32,
            sum_bits: pe.sum_bits.whole() as u32,
            route_load_cycles: self.fabric.route_load_cycles.whole() as u32,
            cache_words: pe.cache_words.whole() as u32,
        }
    }
}

/// A preset for wafers: what `examples/hardware/wse3.ron` holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WaferPreset {
    /// Name of the preset.
    pub name: String,
    /// Its numbers.
    pub facts: WaferFacts,
}

facts! {
    /// All numbers of a wafer.
    WaferFacts {
        /// Clock of PEs and fabric.
        clock: Frequency,
    } groups {
        /// The mesh.
        grid: GridFacts,
        /// Routers and ramps.
        fabric: FabricFacts,
        /// One PE.
        pe: PeFacts,
        /// What connects wafers.
        io: IoFacts,
    }
}

facts! {
    /// Size of the mesh that a program can use.
    GridFacts {
        /// PEs along x.
        columns: Count,
        /// PEs along y.
        rows: Count,
    } groups {}
}

facts! {
    /// Routers and ramps.
    FabricFacts {
        /// From router to neighbouring router.
        hop_cycles: CycleCount,
        /// Between router and PE, each way.
        ramp_cycles: CycleCount,
        /// Slots of a router's buffer for each port and colour, in wavelets.
        queue_depth: Count,
        /// Slots from router to PE, in wavelets.
        ramp_in_depth: Count,
        /// Slots from PE to router, in wavelets.
        ramp_out_depth: Count,
        /// Extra cycles for a switch to advance.
        switch_cycles: CycleCount,
        /// Input ports that a colour may list at once.
        receive_directions: Count,
        /// Loading a route before an operation on the fabric, where colours are reused.
        route_load_cycles: CycleCount,
    } groups {}
}

facts! {
    /// One PE: memory and datapath.
    PeFacts {
        /// Memory of a PE.
        sram: ByteCount,
        /// Memory kept free for code, stacks and runtime buffers.
        reserve: ByteCount,
        /// Part of the reserve that holds vectors between operators.
        buffer: ByteCount,
        /// 16-bit fused multiply-adds, adds, multiplies and moves in a cycle.
        fp16_per_cycle: Count,
        /// 32-bit adds and moves in a cycle.
        fp32_add_per_cycle: Count,
        /// 32-bit multiplies in a cycle.
        fp32_mul_per_cycle: Count,
        /// Maxima in a cycle.
        max_per_cycle: Count,
        /// 16-bit accesses in a cycle that the small cache serves beside the eight banks.
        cache_words: Count,
        /// Operations that can run at a time, switched each cycle.
        microthreads: Count,
        /// Loading the descriptors of a vector operation.
        setup_cycles: CycleCount,
        /// From the last element of a vector operation to its result being in memory.
        pipeline_cycles: CycleCount,
        /// Between two vector operations, the second depending on the first.
        gap_cycles: CycleCount,
        /// Between two vector operations of a loop whose descriptors stay loaded.
        loop_cycles: CycleCount,
        /// Starting a task, by a wavelet or by activation.
        task_start_cycles: CycleCount,
        /// Extra cycles to unpack and scale one vector of 4-bit weights.
        unpack_cycles: CycleCount,
        /// Exponential, reciprocal or square root of one element.
        special_cycles: CycleCount,
        /// Bits of a partial sum as it travels between PEs, 16 or 32.
        sum_bits: Count,
    } groups {}
}

facts! {
    /// What connects wafers.
    IoFacts {
        /// Into and out of one system.
        bandwidth: Bandwidth,
        /// From one system to the next.
        latency: Time,
        /// Power of one system.
        power: Power,
    } groups {}
}
