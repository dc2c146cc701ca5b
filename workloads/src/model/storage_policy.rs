//! How the weights are to be stored in a run.

use super::{Model, Storage, WeightFormat};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Which storage a run assumes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum StoragePolicy {
    /// As the published configuration declares it.
    #[default]
    Checkpoint,
    /// Every matrix, embedding and head included, in [`WeightFormat::INT4_G32`].
    AllInt4,
}

impl StoragePolicy {
    /// The model stored under this policy; `model` is as imported.
    pub fn apply(self, mut model: Model) -> Model {
        if self == Self::AllInt4 {
            model.storage = Storage::uniform(WeightFormat::INT4_G32);
        }
        model
    }
}

impl Storage {
    /// Every kind of matrix in one format.
    pub const fn uniform(format: WeightFormat) -> Self {
        Self {
            embedding: format,
            head: format,
            attention: format,
            router: format,
            experts: format,
            shared: format,
            dense: format,
        }
    }
}
