//! Where vectors lie in a PE's memory between instructions and collectives.
//!
//! A product's input, its squares and its output lie one behind the other, so that one spread takes
//! the input with its squares, and one reduce the squares with the output, without copies:
//!
//! ```text
//!   | x: ins elements | squares | y: outs elements |
//!     `------ spread -------'
//!                       `------- reduce ------'
//! ```
//! Before experts there are two products with one input: the second output lies before it, with its
//! own squares between.

use super::Lowering;
use crate::error::Error;
use crate::wafer::instruction::{Instruction, Place, Spot};
use sim_fabric::mesh::program::OpKind;
use workloads::model::{Attention, WeightFormat};

/// The residual stream, on the middle row.
pub const RESIDUAL: Spot = Spot::of("residual");
/// Input and output of `q_a_kv_a`.
pub const QKV: Spot = Spot::of("qkv");
/// Input and output of `q_b`: its output, the squares, the compressed query, the new latent.
pub const Q_B: Spot = Spot::of("compressed_query");
/// Queries of a band's heads in the space of cached tokens: latent parts, then rotary parts.
pub const QUERY: Spot = Spot::of("query");
/// Rotary tables for queries: cosines, then sines with their signs.
pub const ROTATION: Spot = Spot::of("rotation");
/// The new token's latent and rotary key as they are cached.
pub const NEW: Spot = Spot::of("new");
/// Rotary tables for the key.
pub const KEY_ROTATION: Spot = Spot::of("key_rotation");
/// Cached latents and rotary keys, one token behind the other.
pub const CACHE: Spot = Spot::of("cache");
/// What scores start from: 0, or far below everything where no token is.
pub const BIAS: Spot = Spot::of("bias");
/// Scores, then their exponentials.
pub const SCORES: Spot = Spot::of("scores");
/// The largest score of each head.
pub const PEAK: Spot = Spot::of("peak");
/// Weighted latents and the sum of exponentials, by column of the band.
pub const WEIGHTED: Spot = Spot::of("weighted");
/// Head values, then those of all heads.
pub const VALUES: Spot = Spot::of("values");
/// What attention adds to the stream.
pub const ATTENDED: Spot = Spot::of("attended");
/// Input and outputs of the feed-forward part.
pub const FEED_FORWARD: Spot = Spot::of("feed_forward");
/// Scores of all experts.
pub const EXPERT_SCORES: Spot = Spot::of("expert_scores");
/// Weight and number of each chosen expert, in the order of their ranks.
pub const CHOSEN: Spot = Spot::of("chosen");
/// Activations between the two halves of the feed-forward part.
pub const ACTIVATIONS: Spot = Spot::of("activations");
/// Intermediate results of the gated activation.
pub const GATE: Spot = Spot::of("gate");
/// What the feed-forward part adds to the stream.
pub const DOWN_OUT: Spot = Spot::of("down_out");
/// Input and output of the language-model head.
pub const HEAD: Spot = Spot::of("head");
/// The best logit; then the best number, counted from the end.
pub const BEST: Spot = Spot::of("best");
/// The number 1.
pub const ONE: Spot = Spot::of("one");
/// Numbers that differ from PE to PE, set when a program is loaded.
pub const ME: Spot = Spot::of("me");
/// Place among the columns that share a tile of the residual stream.
pub const ME_COLUMN: Spot = ME;
/// Place in the order in which router scores are gathered.
pub const ME_ROUTER: Spot = ME.plus(1);
/// Place among the rows that share a tile of the intermediate vector.
pub const ME_DOWN: Spot = ME.plus(2);
/// Room in the cache for the new token: a real one in its owner, a spare one elsewhere.
pub const ME_SLOT: Spot = ME.plus(3);

/// Which routed expert a PE belongs to where each has a rectangle; -1: none.
pub const ME_EXPERT: Spot = ME.plus(4);
/// Whether a PE's part of the stream belongs to its row's slice: 1 or 0.
pub const ME_SENDS: Spot = ME.plus(5);
/// Where in that slice `[elements]`.
pub const ME_SLICE: Spot = ME.plus(6);
/// Output of the first products of an expert in its rectangle.
pub const REGION_OUT: Spot = Spot::of("region_out");
/// Its gated activation.
pub const REGION_ACTIVATIONS: Spot = Spot::of("region_activations");
/// The slice of the experts' sum in each row.
pub const REGION_SUM: Spot = Spot::of("region_sum");
/// The router's weight of a PE's expert, 0 where it is not chosen.
pub const REGION_WEIGHT: Spot = Spot::of("region_weight");

/// Input, squares and output of a product.
#[derive(Clone, Copy, Debug)]
pub struct Buffers {
    /// The buffer.
    pub buffer: Spot,
    /// Elements of the input.
    pub ins: u32,
}

impl Buffers {
    /// First element of the input.
    pub fn first(&self) -> Spot {
        self.buffer
    }

    /// The sum of squares.
    pub fn squares(&self) -> Spot {
        self.buffer.plus(self.ins)
    }

    /// First element of the output.
    pub fn out(&self) -> Spot {
        self.buffer.plus(self.ins + 1)
    }
}

/// How `q_b`'s input and output are cut.
#[derive(Clone, Copy, Debug)]
pub struct QueryCut {
    /// Elements of the new latent in one row.
    pub latent: u32,
    /// Elements of the compressed query in one row.
    pub query: u32,
    /// Elements without rotation in one column of a head.
    pub nope: u32,
    /// Rotary elements in one column of a head: whole pairs.
    pub rope: u32,
}

impl QueryCut {
    /// The sum of squares; the compressed query lies behind it.
    pub fn squares(&self) -> Spot {
        Q_B
    }

    /// The compressed query.
    pub fn query(&self) -> Spot {
        Q_B.plus(1)
    }

    /// The new latent, with room behind it for all its slices.
    pub fn latent(&self) -> Spot {
        self.query().plus(self.query)
    }

    /// The output, before the squares.
    pub fn out(&self) -> Spot {
        Q_B.minus(self.nope + self.rope)
    }

    /// The rotary part of the output.
    pub fn rotary(&self) -> Spot {
        Q_B.minus(self.rope)
    }
}

/// Elements of each of `pes` PEs where they are gathered: whole words.
pub fn share(elements: u32, pes: u32) -> u32 {
    elements.div_ceil(pes).next_multiple_of(2)
}

/// A PE's part of a matrix.
#[derive(Clone, Copy, Debug)]
pub struct Tile {
    /// Results.
    pub outs: u32,
    /// Inputs one behind the other.
    pub ins: u32,
    /// How often, and how far apart: the input of one expert lies in the parts of several PEs.
    pub runs: (u32, u32),
    /// Whether the datapath's rows run along the results.
    pub along_outs: bool,
}

impl Tile {
    /// Where the weight of an output and an input lies.
    pub fn weight(&self, out: u32, input: u32) -> u32 {
        match self.along_outs {
            true => input * self.outs + out,
            false => out * self.ins * self.runs.0 + input,
        }
    }

    /// Weights of the tile.
    pub fn len(&self) -> u32 {
        self.outs * self.ins * self.runs.0
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Lowering<'_> {
    /// How `q_b`'s vectors are cut.
    pub fn q_b_buffers(&self) -> Result<QueryCut, Error> {
        let Attention::Mla { q_lora, kv_lora, nope, rope, .. } = self.attention else {
            return Err(super::attention::not_yet());
        };
        let (rows, columns) = (self.choices.qkv_rows, self.choices.head_columns);
        Ok(QueryCut {
            latent: share(kv_lora + rope, rows),
            query: q_lora.div_ceil(rows),
            nope: nope.div_ceil(columns),
            rope: share(rope, columns),
        })
    }

    /// A tile, its rows along whichever side fills the datapath better.
    pub fn cut_tile(&self, outs: u32, ins: u32, runs: (u32, u32)) -> Tile {
        let rate = self.timer.pe.f16_per_cycle;
        let along_outs = outs.div_ceil(rate) * ins * runs.0 <= ins.div_ceil(rate) * runs.0 * outs;
        Tile { outs, ins, runs, along_outs }
    }

    /// `y += W x` of one tile, for every token.
    pub(super) fn multiply(
        &self,
        format: WeightFormat,
        tile: Tile,
        (y, w, x): (Place, Place, Place),
    ) -> Instruction {
        let Tile { outs, ins, runs: (runs, apart), along_outs } = tile;
        let (outs_i, ins_i, apart) = (outs as i32, ins as i32, apart as i32);
        let (lengths, y_by, w_by, x_by) = match along_outs {
            true => ([outs, ins, runs], [1, 0, 0], [1, outs_i, ins_i * outs_i], [0, 1, apart]),
            false => {
                let all = ins_i * runs as i32;
                ([ins, runs, outs], [0, 0, 1], [1, ins_i, all], [1, apart, 0])
            }
        };
        let y = y.with(y_by);
        self.op(super::multiply(format), OpKind::Fma, &lengths, y, &[w.with(w_by), x.with(x_by), y])
    }
}
