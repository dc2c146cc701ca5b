//! The architectures that can be read: where each keeps its shapes, and what it does not say by a key.

use super::fields::Section;

/// A supported architecture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Architecture {
    /// Its name in `architectures`.
    pub(super) name: &'static str,
    /// Its `model_type`, which stands in where `architectures` is missing.
    model_type: &'static str,
    /// How its layers are described.
    pub(super) family: Family,
}

/// Architectures that are described alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    /// Latent attention and experts: everything at the top level.
    Latent(Experts),
    /// A text model of the kind [`Family::Latent`] under `text_config`.
    LatentText(Experts),
    /// Grouped-query attention and one MLP.
    Dense(Traits),
    /// Grouped-query attention and experts.
    Experts(Traits, Experts),
}

/// What the layers of a grouped-query architecture have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Traits {
    /// Biases of queries, keys and values.
    pub(super) qkv_bias: Has,
    /// Bias of the output projection.
    pub(super) o_bias: Has,
    /// Norms over the heads of queries and keys.
    pub(super) qk_norm: Has,
    /// Biases of the MLP's or the experts' projections, and of the router.
    pub(super) mlp_bias: Has,
    /// One learned logit a head that takes part in the softmax.
    pub(super) sinks: bool,
}

/// Whether an architecture has something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Has {
    Never,
    Always,
    /// Where this key is true.
    Key(&'static str),
}

/// How an architecture describes its experts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Experts {
    /// Key of the number of routed experts; the other known ones are read too.
    pub(super) count: &'static str,
    /// Key of the width of one expert.
    pub(super) width: &'static str,
    /// Module that holds the experts.
    pub(super) module: &'static str,
    /// Which layers have experts.
    pub(super) layers: MoeLayers,
    /// Whether `n_shared_experts` must be there.
    pub(super) shared: bool,
}

/// Which layers have experts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MoeLayers {
    All,
    /// From `first_k_dense_replace` on, where the index divides by `moe_layer_freq`.
    From,
    /// One in `decoder_sparse_step`, but for those in `mlp_only_layers`.
    Sparse,
}

const PLAIN: Traits = Traits {
    qkv_bias: Has::Key("attention_bias"),
    o_bias: Has::Key("attention_bias"),
    qk_norm: Has::Never,
    mlp_bias: Has::Key("mlp_bias"),
    sinks: false,
};
const QWEN2: Traits = Traits { qkv_bias: Has::Always, o_bias: Has::Never, ..PLAIN };
const QWEN3: Traits = Traits { qk_norm: Has::Always, ..PLAIN };
const GLM: Traits = Traits { o_bias: Has::Never, qk_norm: Has::Key("use_qk_norm"), ..PLAIN };
const GPT_OSS: Traits = Traits { mlp_bias: Has::Always, sinks: true, ..PLAIN };

const QWEN_EXPERTS: Experts = Experts {
    count: "num_experts",
    width: "moe_intermediate_size",
    module: "mlp",
    layers: MoeLayers::Sparse,
    shared: false,
};
const DEEPSEEK_EXPERTS: Experts =
    Experts { count: "n_routed_experts", layers: MoeLayers::From, shared: true, ..QWEN_EXPERTS };
const MIXTRAL_EXPERTS: Experts = Experts {
    count: "num_local_experts",
    width: "intermediate_size",
    module: "block_sparse_moe",
    layers: MoeLayers::All,
    shared: false,
};
const GPT_OSS_EXPERTS: Experts = Experts { module: "mlp", ..MIXTRAL_EXPERTS };

impl Architecture {
    const ALL: [Self; 12] = [
        Self::new("DeepseekV3ForCausalLM", "deepseek_v3", Family::Latent(DEEPSEEK_EXPERTS)),
        Self::new(
            "KimiK25ForConditionalGeneration",
            "kimi_k25",
            Family::LatentText(DEEPSEEK_EXPERTS),
        ),
        Self::new("Glm4MoeLiteForCausalLM", "glm4_moe_lite", Family::Latent(DEEPSEEK_EXPERTS)),
        Self::new("LlamaForCausalLM", "llama", Family::Dense(PLAIN)),
        Self::new("MistralForCausalLM", "mistral", Family::Dense(PLAIN)),
        Self::new("Qwen2ForCausalLM", "qwen2", Family::Dense(QWEN2)),
        Self::new("Qwen3ForCausalLM", "qwen3", Family::Dense(QWEN3)),
        Self::new("GlmForCausalLM", "glm", Family::Dense(GLM)),
        Self::new("Qwen3MoeForCausalLM", "qwen3_moe", Family::Experts(QWEN3, QWEN_EXPERTS)),
        Self::new("GptOssForCausalLM", "gpt_oss", Family::Experts(GPT_OSS, GPT_OSS_EXPERTS)),
        Self::new("Glm4MoeForCausalLM", "glm4_moe", Family::Experts(GLM, DEEPSEEK_EXPERTS)),
        Self::new("MixtralForCausalLM", "mixtral", Family::Experts(PLAIN, MIXTRAL_EXPERTS)),
    ];

    const fn new(name: &'static str, model_type: &'static str, family: Family) -> Self {
        Self { name, model_type, family }
    }

    /// The first supported architecture that the file names, or the one of its `model_type`.
    pub(super) fn read(root: &Section) -> Option<Self> {
        let supported = || Self::ALL.map(|known| known.name).join(", ");
        if !root.has("architectures") && root.has("model_type") {
            let name = root.string("model_type")?;
            let found = Self::ALL.into_iter().find(|known| known.model_type == name);
            if found.is_none() {
                let what = format!(
                    "is \"{name}\", which stands for no supported architecture; supported: {}",
                    supported()
                );
                root.report("model_type", &what);
            }
            return found;
        }
        let names = root.strings("architectures")?;
        let known = |name: &String| Self::ALL.into_iter().find(|known| known.name == name);
        let found = names.iter().find_map(known);
        if found.is_none() {
            root.report(
                "architectures",
                &format!(
                    "names the unknown architecture {}; supported: {}",
                    names.join(", "),
                    supported()
                ),
            );
        }
        found
    }

    /// The section that holds the shapes.
    pub(super) fn shapes<'a>(self, root: &Section<'a>) -> Option<Section<'a>> {
        if !matches!(self.family, Family::LatentText(_)) {
            return Some(root.clone());
        }
        let text = root.section("text_config")?;
        if text.has("architectures") {
            let names = text.strings("architectures")?;
            let expected = "DeepseekV3ForCausalLM";
            if !names.iter().any(|name| name == expected) {
                text.report("architectures", &format!("must hold {expected}"));
                return None;
            }
        }
        Some(text)
    }

    /// Module of a layer that holds its experts.
    pub(super) fn experts_module(self) -> &'static str {
        match self.family {
            Family::Experts(_, experts) => experts.module,
            Family::Latent(_) | Family::LatentText(_) | Family::Dense(_) => "mlp",
        }
    }
}

impl Has {
    /// Whether the model of `shapes` has it.
    pub(super) fn read(self, shapes: &Section) -> bool {
        match self {
            Self::Never => false,
            Self::Always => true,
            Self::Key(key) => shapes.flag(key).unwrap_or(false),
        }
    }
}
