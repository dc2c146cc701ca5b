//! How heads lie along an axis: a band of PEs for each head of keys and values, its query heads with it.
//!
//! ```text
//! band of one key-value head:  PE  0      1      2   ...    each PE holds the same dimensions of
//!                              q0 0,1,   2,3,   4,5,         its query heads, key and value, so that
//!                              q1 64,65  66,67  68,69        products of a head need its band alone;
//!                              k                             pairs that are rotated are not parted
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
        // The two elements of a pair that is rotated stay together.
        let dims = 2 * head_dim.div_ceil(2).div_ceil(pes / count);
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

    /// Elements of all queries, keys and values on a PE.
    pub fn projected(&self) -> u32 {
        self.queries() + 2 * self.keys()
    }

    /// Query heads and key heads of a PE: those whose vectors are rotated.
    pub fn rotated_heads(&self) -> u32 {
        self.query_heads() + self.heads
    }

    /// Elements of all queries and keys on a PE.
    pub fn rotated(&self) -> u32 {
        self.rotated_heads() * self.dims
    }

    /// Element of a head on place `at` of a PE that is the `pe`-th of its band, if it holds one there, for
    /// heads of `width` elements whose first `rope` are rotated in pairs `rope / 2` apart: first elements
    /// of all its pairs, then second ones.
    pub fn element(&self, pe: u32, at: u32, (width, rope): (u32, u32)) -> Option<u32> {
        let pairs = self.dims / 2;
        let (pair, second) = (pe * pairs + at % pairs, at / pairs);
        let turned = rope / 2;
        let element = match pair < turned {
            true => pair + second * turned,
            false => 2 * pair + second,
        };
        (element < width).then_some(element)
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
        assert_eq!(bands, Bands { count: 8, pes: 32, heads: 1, dims: 4, group: 4 });
        assert!(bands.all() <= 420 && bands.pes * bands.dims >= 128);
        assert_eq!((bands.queries(), bands.keys()), (16, 4));
    }

    #[test]
    fn few_pes_hold_several_heads_each() {
        let bands = Bands::new(gqa(40, 40), 16).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(bands, Bands { count: 14, pes: 1, heads: 3, dims: 128, group: 1 });
    }

    #[test]
    fn every_element_of_a_head_lies_on_one_pe_with_the_other_of_its_pair() {
        for (width, rope, pes) in [(128, 128, 420), (128, 64, 600), (80, 80, 64), (7, 4, 9)] {
            let attention = Attention::Gqa {
                heads: 8,
                kv_heads: 4,
                head_dim: width,
                rope,
                qk_norm: false,
                qkv_bias: false,
                o_bias: false,
                sinks: false,
            };
            let bands = Bands::new(attention, pes).unwrap_or_else(|error| panic!("{error}"));
            let mut found = Vec::new();
            for pe in 0..bands.pes {
                for at in 0..bands.dims / 2 {
                    let of = |at| bands.element(pe, at, (width, rope));
                    let pair = (of(at), of(at + bands.dims / 2));
                    if let (Some(first), Some(second)) = pair {
                        assert!(first >= rope || second == first + rope / 2, "{pair:?}");
                    }
                    found.extend([pair.0, pair.1].into_iter().flatten());
                }
            }
            found.sort_unstable();
            assert_eq!(found, (0..width).collect::<Vec<_>>(), "{width} {rope} {pes}");
        }
    }
}
