//! Models, written by hand.

use crate::nvl72::plan::Plan;
use workloads::forward::{Step, forward};
use workloads::model::Model;
use workloads::model::import::import;

/// Kimi K2.6: int4 experts, all else 16 bit.
pub(crate) fn kimi() -> Model {
    import(include_str!("../../../examples/models/kimi-k2.6.json"), "Kimi K2.6").unwrap()
}

/// The plan of `model`.
pub(crate) fn plan(model: &Model) -> Plan {
    Plan::new(model, &forward(model, Step::Decode { batch: 1, context: 1 })).unwrap()
}
