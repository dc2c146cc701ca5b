//! The capacity ledger: every byte of a PE's memory by owner.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Who owns bytes of a PE.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Owner {
    /// Weights as stored.
    Weights,
    /// Scales of quantised weights.
    Scales,
    /// Keys and values of the context.
    KvCache,
    /// Vectors between operators.
    Activations,
    /// Code, stacks and runtime buffers.
    Reserve,
}

impl Owner {
    /// All owners, in the order of listings.
    pub const ALL: [Owner; 5] =
        [Owner::Weights, Owner::Scales, Owner::KvCache, Owner::Activations, Owner::Reserve];
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Owner::Weights => "weights",
            Owner::Scales => "scales",
            Owner::KvCache => "KV cache",
            Owner::Activations => "activations",
            Owner::Reserve => "code and buffers",
        })
    }
}

/// The bytes of the fullest PE of a region.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ledger {
    entries: Vec<(String, Owner, u64)>,
}

impl Ledger {
    /// Enters `bytes` for `what`.
    pub fn enter(&mut self, what: impl Into<String>, owner: Owner, bytes: u64) {
        self.entries.push((what.into(), owner, bytes));
    }

    /// Bytes of one owner `[bytes]`.
    pub fn of(&self, owner: Owner) -> u64 {
        self.entries.iter().filter(|entry| entry.1 == owner).map(|entry| entry.2).sum()
    }

    /// Bytes of all owners `[bytes]`.
    pub fn total(&self) -> u64 {
        self.entries.iter().map(|entry| entry.2).sum()
    }

    /// All entries: what, owner, bytes.
    pub fn entries(&self) -> &[(String, Owner, u64)] {
        &self.entries
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn owners_add_up_to_the_total() {
        let mut ledger = Ledger::default();
        ledger.enter("o_proj", Owner::Weights, 100);
        ledger.enter("experts", Owner::Weights, 50);
        ledger.enter("experts", Owner::Scales, 7);
        assert_eq!(ledger.of(Owner::Weights), 150);
        let sum: u64 = Owner::ALL.iter().map(|&owner| ledger.of(owner)).sum();
        assert_eq!(sum, ledger.total());
    }
}
