//! The numbers of a router and its ramp, in cycles and slots.

use serde::{Deserialize, Serialize};

/// Timing and buffering of the fabric; sources stand in the hardware preset that fills it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FabricSpec {
    /// Latency from leaving a router to being able to leave its neighbour `[cycles]`, at least 1.
    pub hop_cycles: u32,
    /// Latency between a router and its PE, each way `[cycles]`.
    pub ramp_cycles: u32,
    /// Slots of a router's input buffer, per input port and colour `[wavelets]`, at least 2.
    pub queue_depth: u32,
    /// Slots between router and PE, per colour `[wavelets]`, at least 2.
    pub ramp_in_depth: u32,
    /// Slots between PE and router, per colour `[wavelets]`, at least 2.
    pub ramp_out_depth: u32,
    /// Extra cycles before a router that advanced its switch can route again `[cycles]`.
    pub switch_cycles: u32,
    /// Most input ports that one switch position may list `[ports]`, 1 to 5.
    pub receive_directions: u32,
}

impl FabricSpec {
    /// Most wavelets that have left one router for the next one's buffer and not left that buffer:
    /// its slots, and one for each pipeline stage of a link longer than one cycle `[wavelets]`.
    #[inline]
    pub fn link_window(&self) -> u32 {
        self.queue_depth + self.hop_cycles - 1
    }

    /// Most wavelets that have left a router towards its PE and that no operation has taken yet `[wavelets]`.
    #[inline]
    pub fn ramp_in_window(&self) -> u32 {
        self.ramp_in_depth + self.ramp_cycles
    }

    /// Most wavelets that an operation has issued and that have not left the PE's router `[wavelets]`.
    #[inline]
    pub fn ramp_out_window(&self) -> u32 {
        self.ramp_out_depth + self.ramp_cycles
    }
}
