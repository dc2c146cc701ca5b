//! The modules of each kind, by the names that the checkpoints use.

use crate::model::{Attention, FeedForward};

/// Modules that [`crate::model::Storage`] gives one format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ModuleKind {
    Head,
    Attention,
    Experts,
    SharedExperts,
    Dense,
}

/// What the names of modules depend on.
#[derive(Clone, Copy, Debug, Default)]
pub(in super::super) struct Names {
    /// Attention, if it could be read.
    pub(in super::super) attention: Option<Attention>,
    /// Module of a layer that holds its experts.
    pub(in super::super) experts: &'static str,
}

const LATENT: [&str; 5] = ["q_a_proj", "q_b_proj", "kv_a_proj_with_mqa", "kv_b_proj", "o_proj"];
const GROUPED: [&str; 4] = ["q_proj", "k_proj", "v_proj", "o_proj"];
const GATED_MLP: [&str; 3] = ["gate_proj", "up_proj", "down_proj"];
const NUMBERED_MLP: [&str; 3] = ["w1", "w3", "w2"];

impl ModuleKind {
    /// The names of all modules of this kind; of the experts of a layer, the first and the last.
    pub(super) fn modules(self, names: Names, layers: &[FeedForward]) -> Vec<String> {
        if self == Self::Head {
            return vec!["lm_head".to_owned()];
        }
        let attention: &[&str] = match names.attention {
            Some(Attention::Gqa { .. }) => &GROUPED,
            Some(Attention::Mla { .. }) | None => &LATENT,
        };
        let home = names.experts;
        let projections = if home == "mlp" { &GATED_MLP } else { &NUMBERED_MLP };
        let of_layer = |(index, layer): (usize, &FeedForward)| {
            let place = format!("model.layers.{index}");
            match (self, *layer) {
                (Self::Attention, _) => inside(&format!("{place}.self_attn"), attention),
                (Self::Dense, FeedForward::Dense { .. }) => {
                    inside(&format!("{place}.mlp"), &GATED_MLP)
                }
                (Self::SharedExperts, FeedForward::Moe { shared: 1.., .. }) => {
                    inside(&format!("{place}.mlp.shared_experts"), &GATED_MLP)
                }
                (Self::Experts, FeedForward::Moe { experts, .. }) => [0, experts.saturating_sub(1)]
                    .iter()
                    .flat_map(|expert| {
                        inside(&format!("{place}.{home}.experts.{expert}"), projections)
                    })
                    .collect(),
                _ => Vec::new(),
            }
        };
        layers.iter().enumerate().flat_map(of_layer).collect()
    }
}

fn inside(module: &str, names: &[&str]) -> Vec<String> {
    names.iter().map(|name| format!("{module}.{name}")).collect()
}
