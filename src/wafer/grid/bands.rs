//! How heads lie along an axis: a band of PEs for each head of keys and values, its query heads with it.
//!
//! ```text
//! band of one key-value head:  PE  0     1     2   ...      each PE holds the same dimensions of
//!                              q0 d0-2  d3-5  d6-8           its query heads, key and value, so that
//!                              q1 d0-2  d3-5  d6-8           products of a head need its band alone
//!                              k  d0-2  d3-5  d6-8
//! ```

use crate::error::Error;
use workloads::model::Attention;

/// Grouped-query heads along an axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bands {
    /// Bands.
    pub count: u32,
    /// PEs of a band that are used.
    pub pes: u32,
    /// Key-value heads of a band; more than one where there are fewer PEs than heads.
    pub heads: u32,
    /// Dimensions of each head on a PE.
    pub dims: u32,
    /// Query heads of a key-value head.
    pub group: u32,
}

impl Bands {
    /// The bands of `attention` along `pes` PEs.
    ///
    /// # Errors
    /// [`Error::Input`] for latent attention.
    pub fn new(attention: Attention, pes: u32) -> Result<Self, Error> {
        let Attention::Gqa { heads, kv_heads, head_dim, .. } = attention else {
            return Err(Error::input(
                "latent attention has no mapping on a fixed grid; leave out --grid, or use a \
                 grouped-query model such as Llama",
            ));
        };
        let group = heads.div_ceil(kv_heads);
        let together = kv_heads.div_ceil(pes);
        let count = kv_heads.div_ceil(together);
        let dims = head_dim.div_ceil(pes / count);
        Ok(Self { count, pes: head_dim.div_ceil(dims), heads: together, dims, group })
    }

    /// PEs in use.
    pub fn all(&self) -> u32 {
        self.count * self.pes
    }

    /// Elements of all queries on a PE.
    pub fn queries(&self) -> u32 {
        self.heads * self.group * self.dims
    }

    /// Elements of all keys on a PE; of all values, too.
    pub fn keys(&self) -> u32 {
        self.heads * self.dims
    }

    /// Query heads of a PE.
    pub fn query_heads(&self) -> u32 {
        self.heads * self.group
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gqa(heads: u32, kv_heads: u32) -> Attention {
        Attention::Gqa {
            heads,
            kv_heads,
            head_dim: 128,
            rope: 128,
            qk_norm: false,
            qkv_bias: false,
            o_bias: false,
            sinks: false,
        }
    }

    #[test]
    fn a_band_holds_all_dimensions_of_its_heads() {
        let bands = Bands::new(gqa(32, 8), 420).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(bands, Bands { count: 8, pes: 43, heads: 1, dims: 3, group: 4 });
        assert!(bands.all() <= 420 && bands.pes * bands.dims >= 128);
        assert_eq!((bands.queries(), bands.keys()), (12, 3));
    }

    #[test]
    fn few_pes_hold_several_heads_each() {
        let bands = Bands::new(gqa(40, 40), 16).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(bands, Bands { count: 14, pes: 1, heads: 3, dims: 128, group: 1 });
    }
}
