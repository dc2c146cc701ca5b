//! The modules of each kind, by the names that the checkpoints use.

use crate::model::FeedForward;

/// Modules that [`crate::model::Storage`] gives one format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ModuleKind {
    Head,
    Attention,
    Experts,
    SharedExperts,
    Dense,
}

const ATTENTION: [&str; 5] = ["q_a_proj", "q_b_proj", "kv_a_proj_with_mqa", "kv_b_proj", "o_proj"];
const GATED_MLP: [&str; 3] = ["gate_proj", "up_proj", "down_proj"];

impl ModuleKind {
    /// The names of all modules of this kind; of the experts of a layer, the first and the last.
    pub(super) fn modules(self, layers: &[FeedForward]) -> Vec<String> {
        if self == Self::Head {
            return vec!["lm_head".to_owned()];
        }
        let of_layer = |(index, layer): (usize, &FeedForward)| {
            let place = format!("model.layers.{index}");
            match (self, *layer) {
                (Self::Attention, _) => inside(&format!("{place}.self_attn"), &ATTENTION),
                (Self::Dense, FeedForward::Dense { .. }) => {
                    inside(&format!("{place}.mlp"), &GATED_MLP)
                }
                (Self::SharedExperts, FeedForward::Moe { shared: 1.., .. }) => {
                    inside(&format!("{place}.mlp.shared_experts"), &GATED_MLP)
                }
                (Self::Experts, FeedForward::Moe { experts, .. }) => [0, experts.saturating_sub(1)]
                    .iter()
                    .flat_map(|expert| inside(&format!("{place}.mlp.experts.{expert}"), &GATED_MLP))
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
