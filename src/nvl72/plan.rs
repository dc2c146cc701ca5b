//! The forward pass in the order in which a GPU runs it, and how each operator is cut over GPUs.

use super::layout::Layout;
use crate::error::Error;
use petgraph::algo::toposort;
use workloads::forward::{ForwardPass, Operator, OperatorKind};
use workloads::model::{Attention, FeedForward, Model, WeightFormat};

/// The operators of one step in order; sizes are for one token, so one plan serves every batch.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Operators in an order that respects the graph, layer after layer.
    pub operators: Vec<Operator>,
    /// Width of the residual stream `[elements]`.
    pub hidden: u32,
    /// Layers.
    pub layers: u32,
    /// What each layer caches.
    caches: Vec<Cache>,
    /// Bits of a cached number.
    kv_bits: u32,
    /// Widths of a head's whole key and of its value, of latent attention.
    whole_keys: Option<(u32, u32)>,
    /// Attention heads.
    heads: u32,
    /// Routed experts of the largest layer.
    pub experts: u32,
    /// Experts that a token uses.
    pub top_k: u32,
    /// Whether each layer has routed experts.
    pub moe: Vec<bool>,
}

/// What one layer caches for a sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Cache {
    /// Elements that every GPU of a tensor-parallel group holds for a token.
    whole: u32,
    /// Heads of keys and values, dealt over the group.
    heads: u32,
    /// Elements of one of them.
    width: u32,
    /// Tokens that are kept at most.
    window: Option<u32>,
}

/// How a matrix is cut over a tensor-parallel group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// Every GPU has all of it.
    Whole,
    /// Every GPU computes a share of the outputs.
    Outputs,
    /// Every GPU has a share of the inputs; the partial sums must be added.
    Inputs,
}

impl Plan {
    /// The plan of `model`, from its forward pass for one token.
    pub fn new(model: &Model, pass: &ForwardPass) -> Result<Self, Error> {
        let order = toposort(pass, None)
            .map_err(|_| Error::Simulation("the forward pass has a cycle".to_string()))?;
        let last = model.layers.len();
        let mut keyed: Vec<(usize, &Operator)> = order
            .iter()
            .map(|&node| &pass[node])
            .map(|op| match (op.layer, op.kind) {
                (Some(layer), _) => (layer as usize + 1, op),
                (None, OperatorKind::Embedding { .. }) => (0, op),
                (None, _) => (last + 1, op),
            })
            .collect();
        keyed.sort_by_key(|&(key, _)| key);
        let operators = keyed.into_iter().map(|(_, op)| op.clone()).collect();
        let layers = model.layers.len();
        let caches = (0..layers).map(|layer| cache(model, layer)).collect();
        let whole_keys = match model.attention {
            Attention::Mla { nope, rope, value, .. } => Some((nope + rope, value)),
            Attention::Gqa { .. } => None,
        };
        let moe = model.layers.iter().map(|part| matches!(part, FeedForward::Moe { .. })).collect();
        let (experts, top_k) = model
            .layers
            .iter()
            .filter_map(|part| match *part {
                FeedForward::Moe { experts, top_k, .. } => Some((experts, top_k)),
                FeedForward::Dense { .. } => None,
            })
            .max()
            .unwrap_or((0, 0));
        Ok(Self {
            operators,
            hidden: model.hidden,
            layers: layers as u32,
            caches,
            heads: match model.attention {
                Attention::Mla { heads, .. } | Attention::Gqa { heads, .. } => heads,
            },
            kv_bits: 16,
            whole_keys,
            experts,
            top_k,
            moe,
        })
    }

    /// Kind of the layer an operator belongs to: "embedding", "dense", "moe" or "head".
    pub fn group(&self, op: &Operator) -> &'static str {
        match (op.layer, op.kind) {
            (Some(layer), _) if self.moe[layer as usize] => "moe",
            (Some(_), _) => "dense",
            (None, OperatorKind::Embedding { .. }) => "embedding",
            (None, _) => "head",
        }
    }

    /// The same plan with a cache of `bits` a number.
    #[must_use]
    pub fn with_kv_bits(mut self, bits: u32) -> Self {
        self.kv_bits = bits;
        self
    }

    /// Attention heads.
    pub fn heads(&self) -> u32 {
        self.heads
    }

    /// Bits of a cached number.
    pub fn kv_bits(&self) -> u32 {
        self.kv_bits
    }

    /// Bytes of `elements` cached numbers `[bytes]`.
    pub fn cache_bytes(&self, elements: u64) -> u64 {
        (elements * u64::from(self.kv_bits)).div_ceil(8)
    }

    /// Widths of a head's whole key and of its value, of latent attention `[elements]`.
    pub fn whole_keys(&self) -> Option<(u32, u32)> {
        self.whole_keys
    }

    /// Bytes that a sequence of `context` tokens caches on one GPU of a group of `tp`, in all layers
    /// `[bytes]`.
    pub fn sequence_bytes(&self, context: u64, tp: u32) -> u64 {
        self.caches
            .iter()
            .map(|cache| {
                let tokens = cache.window.map_or(context, |window| context.min(window.into()));
                let width = cache.whole + cache.heads.div_ceil(tp) * cache.width;
                tokens * self.cache_bytes(width.into())
            })
            .sum()
    }

    /// How a matrix is cut: what leads back to the residual stream by inputs, what makes heads, MLP
    /// elements or logits by outputs; the compressing projections and the router are everywhere.
    pub fn cut(&self, op: &Operator) -> Cut {
        match op.name {
            "q_a_kv_a" | "router" => Cut::Whole,
            "o_proj" | "down" => Cut::Inputs,
            _ => Cut::Outputs,
        }
    }

    /// Whether a norm runs in the same launch as the norm before it (of the compressed query).
    pub fn rides_along(&self, name: &str) -> bool {
        name == "kv_norm"
    }

    /// Bytes of weights that the fullest GPU stores for `op` `[bytes]`.
    pub fn stored(&self, op: &Operator, layout: Layout) -> u64 {
        let tp = layout.tensor_parallel;
        match op.kind {
            OperatorKind::Embedding { vocabulary, hidden } => {
                // Looked up whole on every GPU; sixteen bits as every published checkpoint has it.
                u64::from(vocabulary) * u64::from(hidden) * 2
            }
            OperatorKind::RmsNorm { width } => u64::from(width) * 2,
            OperatorKind::Linear { ins, outs, format } => {
                let (ins, outs) = self.share(op, ins, outs, tp);
                matrix(format, ins, outs)
            }
            OperatorKind::PerHeadLinear { heads, ins, outs, format } => {
                u64::from(heads.div_ceil(tp)) * matrix(format, ins, outs)
            }
            OperatorKind::Experts {
                experts,
                shared,
                ins,
                outs,
                format,
                shared_format,
                combine,
                ..
            } => {
                let cut = layout.expert_tensor_parallel();
                let routed = u64::from(experts.div_ceil(layout.expert_parallel))
                    * expert_share(format, ins, outs, combine, cut);
                let every = u64::from(shared)
                    * expert_share(shared_format, ins, outs, combine, shared_cut(layout));
                routed + every
            }
            _ => 0,
        }
    }

    /// Inputs and outputs of a matrix on the fullest of `gpus` GPUs.
    pub fn share(&self, op: &Operator, ins: u32, outs: u32, gpus: u32) -> (u32, u32) {
        match self.cut(op) {
            Cut::Whole => (ins, outs),
            Cut::Outputs => (ins, outs.div_ceil(gpus)),
            Cut::Inputs => (ins.div_ceil(gpus), outs),
        }
    }
}

fn cache(model: &Model, layer: usize) -> Cache {
    match model.attention {
        Attention::Mla { kv_lora, rope, .. } => {
            Cache { whole: kv_lora + rope, heads: 0, width: 0, window: None }
        }
        Attention::Gqa { kv_heads, head_dim, .. } => {
            Cache { whole: 0, heads: kv_heads, width: 2 * head_dim, window: model.window(layer) }
        }
    }
}

/// Bytes of a matrix, scales included `[bytes]`.
pub fn matrix(format: WeightFormat, ins: u32, outs: u32) -> u64 {
    let (ins, outs) = (u64::from(ins), u64::from(outs));
    format.weight_bytes(outs, ins) + format.scale_bytes(outs, ins)
}

/// GPUs over which the shared expert is cut.
pub fn shared_cut(layout: Layout) -> u32 {
    layout.tensor_parallel
}

/// Bytes of one expert's projection on one of `cut` GPUs; the intermediate width is what is cut.
pub fn expert_share(format: WeightFormat, ins: u32, outs: u32, down: bool, cut: u32) -> u64 {
    if down {
        matrix(format, ins.div_ceil(cut), outs)
    } else {
        matrix(format, ins, outs.div_ceil(cut))
    }
}
