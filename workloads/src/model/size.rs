//! How large a model is: parameters, bytes of weights and scales, bytes of KV cache.
//!
//! Conventions: a matrix that is embedding and head at once is counted once; of the embedding a token
//! uses one row; of the experts, the routed ones it was sent to and all shared ones. The KV cache
//! holds 16-bit values, whatever the configuration says of its quantisation.

use super::matrices::Matrix;
use super::{Attention, Model};

/// Bytes of one cached value `[bytes]`.
const KV_VALUE_BYTES: u64 = 2;

impl Model {
    /// Weights of the whole model.
    pub fn parameters(&self) -> u64 {
        self.stored_matrices().iter().map(Matrix::parameters).sum()
    }

    /// Weights that one token uses, the head included; of the embedding, one row.
    pub fn active_parameters(&self) -> u64 {
        self.used_matrices().iter().map(Matrix::active_parameters).sum()
    }

    /// Bytes of all weights, without scales `[bytes]`.
    pub fn weight_bytes(&self) -> u64 {
        self.stored_matrices().iter().map(Matrix::weight_bytes).sum()
    }

    /// Bytes of all scales `[bytes]`.
    pub fn scale_bytes(&self) -> u64 {
        self.stored_matrices().iter().map(Matrix::scale_bytes).sum()
    }

    /// Bytes of weights and scales that one token reads `[bytes]`.
    pub fn active_bytes(&self) -> u64 {
        self.used_matrices().iter().map(Matrix::active_bytes).sum()
    }

    /// Bytes of KV cache of one token in all layers, while no window is full `[bytes]`.
    pub fn kv_bytes_per_token(&self) -> u64 {
        self.layer_kv_bytes_per_token() * self.layers.len() as u64
    }

    /// Bytes of KV cache of one token in one layer `[bytes]`.
    pub fn layer_kv_bytes_per_token(&self) -> u64 {
        let values = match self.attention {
            Attention::Mla { kv_lora, rope, .. } => u64::from(kv_lora) + u64::from(rope),
            Attention::Gqa { kv_heads, head_dim, .. } => {
                2 * u64::from(kv_heads) * u64::from(head_dim)
            }
        };
        values * KV_VALUE_BYTES
    }

    /// Tokens that layer `layer` attends to at most; `None` where it sees the whole context.
    pub fn window(&self, layer: usize) -> Option<u32> {
        self.windows.get(layer).copied().flatten()
    }

    /// Bytes of KV cache that a sequence of `context` tokens needs in all layers, of layers with a
    /// window those of its window `[bytes]`.
    pub fn kv_bytes(&self, context: u32) -> u64 {
        let tokens = |layer| u64::from(self.window(layer).map_or(context, |w| w.min(context)));
        (0..self.layers.len()).map(tokens).sum::<u64>() * self.layer_kv_bytes_per_token()
    }

    /// Weights of layer `layer`; 0 if there is no such layer.
    pub fn layer_parameters(&self, layer: usize) -> u64 {
        self.layer_matrices(layer).iter().map(Matrix::parameters).sum()
    }

    /// Weights of layer `layer` that one token uses.
    pub fn layer_active_parameters(&self, layer: usize) -> u64 {
        self.layer_matrices(layer).iter().map(Matrix::active_parameters).sum()
    }

    /// Bytes of the weights of layer `layer`, without scales `[bytes]`.
    pub fn layer_weight_bytes(&self, layer: usize) -> u64 {
        self.layer_matrices(layer).iter().map(Matrix::weight_bytes).sum()
    }

    /// Bytes of the scales of layer `layer` `[bytes]`.
    pub fn layer_scale_bytes(&self, layer: usize) -> u64 {
        self.layer_matrices(layer).iter().map(Matrix::scale_bytes).sum()
    }

    fn stored_matrices(&self) -> Vec<Matrix> {
        let mut list = self.used_matrices();
        if self.tied_embeddings {
            list.retain(|matrix| *matrix != self.head_matrix());
        }
        list
    }

    fn used_matrices(&self) -> Vec<Matrix> {
        let mut list = vec![self.embedding_matrix()];
        for layer in 0..self.layers.len() {
            list.extend(self.layer_matrices(layer));
        }
        list.extend([self.final_norm_matrix(), self.head_matrix()]);
        list
    }
}

#[cfg(test)]
mod tests {
    use crate::model::import::import;
    use crate::model::{Model, Storage, StoragePolicy, WeightFormat};

    const K25: &str = include_str!("../../../examples/models/kimi-k2.5.json");
    const K2: &str = include_str!("../../../examples/models/kimi-k2.json");
    const DEEPSEEK: &str = include_str!("../../../examples/models/deepseek-v3.json");

    fn model(text: &str) -> Model {
        import(text, "test").unwrap()
    }

    fn assert_near(actual: u64, expected: f64, tolerance: f64) {
        let error = (actual as f64 / expected - 1.0).abs();
        assert!(error < tolerance, "{actual} against {expected}");
    }

    #[test]
    fn parameters_match_the_published_counts() {
        assert_near(model(K2).parameters(), 1.03e12, 0.005);
        assert_near(model(K2).active_parameters(), 32e9, 0.015);
        assert_near(model(DEEPSEEK).parameters(), 671e9, 0.001);
        assert_near(model(DEEPSEEK).active_parameters(), 37e9, 0.02);
    }

    #[test]
    fn layers_and_ends_add_up_to_the_model() {
        let model = model(K2);
        let layers: u64 = (0..61).map(|layer| model.layer_parameters(layer)).sum();
        let ends = 2 * 163_840 * 7168 + 7168;
        assert_eq!(model.parameters(), layers + ends);
        assert_eq!(model.layer_parameters(61), 0);
        let active: u64 = (0..61).map(|layer| model.layer_active_parameters(layer)).sum();
        assert_eq!(model.active_parameters(), active + 7168 + 163_840 * 7168 + 7168);
    }

    #[test]
    fn a_moe_layer_of_the_checkpoint_takes_its_published_bytes() {
        let model = model(K25);
        let experts = 384 * 3 * 2048 * 7168_u64;
        let norms = 2 * 7168 + 1536 + 512;
        let attention =
            7168 * (1536 + 512 + 64) + 1536 * 64 * 192 + 64 * 512 * 256 + 64 * 128 * 7168;
        let rest = 3 * 2048 * 7168 + 384 * 7168 + attention + norms;
        assert_eq!(model.layer_weight_bytes(1), experts / 2 + 2 * rest);
        assert_eq!(model.layer_scale_bytes(1), experts / 32 * 2);
        assert_near(model.layer_weight_bytes(1) + model.layer_scale_bytes(1), 9.8e9, 0.005);
        assert_eq!(model.layer_scale_bytes(0), 0);
    }

    #[test]
    fn block_scales_of_deepseek_are_one_in_sixteen_thousand() {
        let model = model(DEEPSEEK);
        let quantised = model.parameters() - 2 * 129_280 * 7168;
        assert_near(model.scale_bytes(), quantised as f64 / 16_384.0 * 4.0, 0.01);
    }

    #[test]
    fn the_cache_holds_one_latent_and_one_key_a_token() {
        assert_eq!(model(K25).layer_kv_bytes_per_token(), (512 + 64) * 2);
        assert_eq!(model(K25).kv_bytes_per_token(), (512 + 64) * 2 * 61);
    }

    #[test]
    fn storage_policies_change_the_storage_alone() {
        let checkpoint = model(K25);
        assert_eq!(StoragePolicy::Checkpoint.apply(checkpoint.clone()), checkpoint);
        let int4 = StoragePolicy::AllInt4.apply(checkpoint.clone());
        assert_eq!(int4.storage, Storage::uniform(WeightFormat::INT4_G32));
        assert_eq!(int4.parameters(), checkpoint.parameters());
        assert_near(int4.weight_bytes() + int4.scale_bytes(), 1.0264e12 * 0.5625, 0.001);
    }

    #[test]
    fn tied_embeddings_are_stored_once_and_used_as_head() {
        let untied = model(K2);
        let tied = Model { tied_embeddings: true, ..untied.clone() };
        assert_eq!(tied.parameters(), untied.parameters() - 163_840 * 7168);
        assert_eq!(tied.active_parameters(), untied.active_parameters());
    }
}
