//! How a scenario describes the rack.

use serde::{Deserialize, Serialize};

/// The choices a scenario makes for a rack.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Nvl72Spec {
    /// Requests in flight on one replica of the model.
    pub batch: u32,
    /// GPUs that share each attention layer.
    pub tensor_parallel: u32,
    /// GPUs that share the experts.
    pub expert_parallel: u32,
}
