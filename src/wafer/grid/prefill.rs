//! A prompt through a layer on a fixed square grid.
//!
//! ```text
//! tokens along O, elements along S, nothing twice; in a PE the tokens of one element lie together
//! products: cyclic shift      norms: sums along S
//! attention: heads in bands of columns; keys move along O a step at a time: scores of a step add up
//!            over the band and stay in one column of it, the next step's in the next
//!            maxima, sums over a band; values move along O, the scores of a step go to their band
//! ```
//! Rows move in step, so a causal mask saves no time: at each step some row has keys it may see.

use super::bands::Bands;
use super::buffers::{self, CACHE, HEADS, ROTATED, SCORES, STREAM, WEIGHTED};
use super::decode::kind;
use super::gemm::{self, Tiles};
use super::rounds::Rounds;
use super::{Factors, Grid, Ways, Writer, product};
use crate::error::Error;
use crate::wafer::instruction::{Place, Spot};
use crate::wafer::phase::{Axis, Phase};
use crate::wafer::timer::Timer;
use sim_fabric::mesh::collective::Collective;
use sim_fabric::mesh::program::{DType, OpKind};
use sim_sram::{Cost, Kind};
use workloads::forward::{Operator, OperatorKind};
use workloads::model::{Attention, Model, WeightFormat};

/// What a prompt's operators are timed with.
#[derive(Clone, Copy)]
pub struct Prefilling<'a> {
    /// Hardware.
    pub timer: &'a Timer,
    /// PEs of a row and of a column.
    pub side: u32,
    /// Elements of the residual stream.
    pub hidden: u32,
    /// Shapes of attention.
    pub attention: Attention,
    /// Whether the projections of the feed-forward part have biases.
    pub mlp_bias: bool,
    /// Tokens of the prompt.
    pub tokens: u32,
}

/// Part of an operator, one behind the other.
#[derive(Clone, Debug)]
pub enum Piece {
    /// What each PE and each line does.
    Phases(Vec<Phase>),
    /// A product by cyclic shift, and what multiplies two tiles costs.
    Product(Tiles, Cost),
    /// Steps of attention.
    Rounds(Rounds),
}

impl<'a> Prefilling<'a> {
    /// A prompt of `tokens` tokens through `model`.
    pub fn new(timer: &'a Timer, side: u32, model: &Model, tokens: u32) -> Self {
        let Model { hidden, attention, mlp_bias, .. } = *model;
        Self { timer, side, hidden, attention, mlp_bias, tokens }
    }

    /// Tokens of a row of PEs.
    pub fn rows(&self) -> u32 {
        self.tokens.div_ceil(self.side)
    }

    /// Elements of the stream in a column of PEs.
    pub fn own(&self) -> u32 {
        self.hidden.div_ceil(self.side)
    }

    /// How heads lie along the columns.
    ///
    /// # Errors
    /// [`Error::Input`] for latent attention.
    pub fn bands(&self) -> Result<Bands, Error> {
        Bands::new(self.attention, self.side)
    }

    /// Cycles of `operator` for all tokens, from an even start.
    ///
    /// # Errors
    /// [`Error::Input`] for latent attention and experts, [`Error::Simulation`] if an engine fails.
    pub fn cycles(&self, operator: &Operator) -> Result<u64, Error> {
        let mut cycles = self.timer.pe.start().total();
        for piece in self.pieces(operator)? {
            cycles += match piece {
                Piece::Phases(phases) => {
                    let mut field = crate::wafer::field::Field::new(self.side, self.side);
                    self.timer.run(&phases, &mut field)?.total()
                }
                Piece::Product(tiles, work) => {
                    gemm::product(self.timer, self.side, tiles, work, false)?
                }
                Piece::Rounds(rounds) => rounds.cycles(self.timer, self.side)?,
            };
        }
        Ok(cycles)
    }

    /// What `operator` is made of.
    ///
    /// # Errors
    /// Those of [`Self::cycles`].
    pub fn pieces(&self, operator: &Operator) -> Result<Vec<Piece>, Error> {
        let (m, own, side) = (self.rows(), self.own(), self.side);
        let (qkv_bias, o_bias) = match self.attention {
            Attention::Gqa { qkv_bias, o_bias, .. } => (qkv_bias, o_bias),
            Attention::Mla { .. } => (false, false),
        };
        match (operator.kind, operator.name) {
            (OperatorKind::Linear { format, .. }, "qkv") => {
                let outs = self.bands()?.projected();
                Ok(self.product((m, own, outs), format, qkv_bias))
            }
            (OperatorKind::Linear { format, .. }, "o_proj") => {
                Ok(self.product((m, self.bands()?.queries(), own), format, o_bias))
            }
            (OperatorKind::Linear { ins, format, .. }, "down") => {
                Ok(self.product((m, ins.div_ceil(side), own), format, self.mlp_bias))
            }
            (OperatorKind::Linear { outs, format, .. }, "gate_up") => {
                let outs = 2 * (outs / 2).div_ceil(side);
                Ok(self.product((m, own, outs), format, self.mlp_bias))
            }
            (OperatorKind::GroupedAttention { .. }, _) => self.attend(),
            (OperatorKind::RmsNorm { .. }, name) => self.phases(|to| self.norm(to, name)),
            (OperatorKind::HeadNorm { .. }, name) => self.phases(|to| self.head_norm(to, name)),
            (OperatorKind::Rope { .. }, _) => self.phases(|to| self.rope(to)),
            (OperatorKind::KvAppend { .. }, _) => self.phases(|to| self.append(to)),
            (OperatorKind::SwiGlu { width }, _) => self.phases(|to| {
                self.swiglu(to, width);
                Ok(())
            }),
            (OperatorKind::Residual { .. }, name) => self.phases(|to| {
                let added = match name {
                    "attention_residual" => buffers::ATTENDED,
                    _ => buffers::DOWN_OUT,
                };
                let stream = Place::from(STREAM);
                to.op(Kind::F16, OpKind::Add, &[m * own], stream, &[stream, added.into()]);
                Ok(())
            }),
            // Half of all tokens cross the middle of each column, two ways.
            (OperatorKind::Embedding { .. }, _) => self.phases(|to| {
                to.send(Axis::O, side, (self.tokens.div_ceil(4) * own, STREAM));
                Ok(())
            }),
            _ => Err(Error::input(
                "prompts of mixture-of-experts and latent-attention models have no mapping on a fixed \
                 grid: a cyclic shift would take every expert's tiles past every token; use \
                 `wafersim run` with a scenario, or a dense model",
            )),
        }
    }

    fn phases(
        &self,
        write: impl Fn(&mut Writer<'_>) -> Result<(), Error>,
    ) -> Result<Vec<Piece>, Error> {
        let grid = Grid { columns: self.side, rows: self.side };
        let mut writer = Writer::behind(self.timer, grid, Ways::TwoLevels);
        write(&mut writer)?;
        Ok(vec![Piece::Phases(writer.phases)])
    }

    fn product(&self, shape: (u32, u32, u32), format: WeightFormat, bias: bool) -> Vec<Piece> {
        let (m, k, n) = shape;
        let mut work = product(&self.timer.pe, kind(format), shape);
        if bias {
            // Sums start from it, once in all steps.
            let once =
                self.timer.pe.cost(sim_sram::VectorOp { kind: Kind::F16, inner: m, outer: n });
            work.waiting += once.total().div_ceil(u64::from(self.side));
        }
        vec![Piece::Product(Tiles { m, k, n }, work)]
    }

    fn norm(&self, to: &mut Writer<'_>, name: &'static str) -> Result<(), Error> {
        let (m, own) = (self.rows(), self.own());
        let (x, y) = (Place::from(STREAM), Place::from(buffers::NORMED));
        let squares = Place::from(buffers::SQUARES);
        let roots = Spot::of(name);
        let (rows, each) = ([m, own], Place::strided(roots, [1, 0]));
        to.op(Kind::F16, OpKind::Mul, &[m * own], squares, &[x, x]);
        to.op(Kind::F16, OpKind::Add, &rows, each, &[each, squares]);
        to.all_reduce(Axis::S, (self.side, 1), (m, roots), (to.sums(), false))?;
        to.op(Kind::Special, OpKind::RootReciprocal, &[m], roots.into(), &[roots.into()]);
        to.op(Kind::F16, OpKind::Mul, &rows, y, &[x, each]);
        let weights = Place::strided(roots.plus(m), [0, 1]);
        to.op(Kind::F16, OpKind::Mul, &rows, y, &[y, weights]);
        Ok(())
    }

    fn head_norm(&self, to: &mut Writer<'_>, name: &'static str) -> Result<(), Error> {
        let (m, bands) = (self.rows(), self.bands()?);
        let (heads, all) = (bands.rotated_heads(), bands.rotated());
        let (x, squares) = (Place::from(HEADS), Place::from(buffers::SQUARES));
        let roots = Spot::of(name);
        let (rows, each) = ([heads * m, bands.dims], Place::strided(roots, [1, 0]));
        to.op(Kind::F16, OpKind::Mul, &[all * m], squares, &[x, x]);
        to.op(Kind::F16, OpKind::Add, &rows, each, &[each, squares]);
        let line = (bands.all(), bands.count);
        to.all_reduce(Axis::S, line, (heads * m, roots), (to.sums(), false))?;
        to.op(Kind::Special, OpKind::RootReciprocal, &[heads * m], roots.into(), &[roots.into()]);
        to.op(Kind::F16, OpKind::Mul, &rows, x, &[x, each]);
        let weights = Place::strided(roots.plus(heads * m), [0, 1]);
        to.op(Kind::F16, OpKind::Mul, &[m, all], x, &[x, weights]);
        Ok(())
    }

    fn rope(&self, to: &mut Writer<'_>) -> Result<(), Error> {
        let all = self.bands()?.rotated() * self.rows();
        let half = all / 2;
        let (x, y, table) = (HEADS, ROTATED, buffers::ROTATION);
        to.op(Kind::F16, OpKind::Mul, &[all], y.into(), &[x.into(), table.into()]);
        for (from, at) in [(half, 0), (0, half)] {
            let result = Place::from(y.plus(at));
            let factors = [x.plus(from).into(), table.plus(all + at).into(), result];
            to.op(Kind::F16, OpKind::Fma, &[half], result, &factors);
        }
        Ok(())
    }

    /// Keys and values stay where their tokens are.
    fn append(&self, to: &mut Writer<'_>) -> Result<(), Error> {
        let (m, bands) = (self.rows(), self.bands()?);
        let (keys, all) = (bands.keys() * m, bands.rotated());
        let rows = [bands.heads * m, bands.dims];
        let new = ROTATED.plus(bands.query_heads() * m);
        let new = Place::strided(new, [1, (bands.rotated_heads() * m) as i32]);
        let place = Place::strided(CACHE, [1, (bands.heads * m) as i32]);
        to.op(Kind::F16, OpKind::Move, &rows, place, &[new]);
        let values = Place::from(buffers::VALUES);
        to.op(Kind::F16, OpKind::Move, &[keys], values, &[HEADS.plus(all * m).into()]);
        Ok(())
    }

    fn swiglu(&self, to: &mut Writer<'_>, width: u32) {
        let all = self.rows() * width.div_ceil(self.side);
        let (gate, up) = (Place::from(buffers::GATE_UP), buffers::GATE_UP.plus(all));
        let (t, h) = (Place::from(buffers::GATE), Place::from(buffers::ACTIVATIONS));
        // Gate and up come with their sign turned, as their weights are stored.
        to.op(Kind::Special, OpKind::Exp, &[all], t, &[gate]);
        to.op(Kind::F16, OpKind::Add, &[all], t, &[t, Place::one(buffers::ONE)]);
        to.op(Kind::Special, OpKind::Reciprocal, &[all], t, &[t]);
        to.op(Kind::F16, OpKind::Mul, &[all], h, &[gate, up.into()]);
        to.op(Kind::F16, OpKind::Mul, &[all], h, &[h, t]);
    }

    /// Scores of one step `[elements]`: for each key those of all queries.
    fn tile(&self, bands: &Bands) -> u32 {
        bands.query_heads() * self.rows() * self.rows()
    }

    /// Steps whose scores a column keeps.
    fn held(&self, bands: &Bands) -> u32 {
        self.side.div_ceil(bands.pes)
    }

    /// The scores' rounds, softmax, and the values' rounds.
    fn attend(&self) -> Result<Vec<Piece>, Error> {
        let (m, bands) = (self.rows(), self.bands()?);
        let (queries, tile, held) = (bands.query_heads() * m, self.tile(&bands), self.held(&bands));
        let grid = Grid { columns: self.side, rows: self.side };
        let writer = || Writer::behind(self.timer, grid, Ways::TwoLevels);
        let line = (bands.all(), bands.count);
        let keys = bands.keys() * m;
        let scores = Place::from(SCORES);
        let (scratch, step) = (Place::from(buffers::TILE), buffers::STEP);
        let slot = scores.indexed(buffers::KEPT, tile as i32);
        let group = bands.group * m;
        let by_dim = (bands.heads * m) as i32;
        let moving =
            |first: Spot| Place::from(first).indexed(step, keys.next_multiple_of(2) as i32);

        // Sums start from 0, or from far below everything where a token may not see a key.
        let mut score = writer();
        let bias = Place::strided(buffers::BIAS, [1, 0, m as i32]).indexed(step, (m * m) as i32);
        let rows = [m, bands.query_heads(), m];
        score.op(Kind::F16, OpKind::Move, &rows, scratch, &[bias]);
        for head in 0..bands.heads {
            let factors = Factors {
                c: (buffers::TILE.plus(head * group), [1, queries as i32]),
                a: (ROTATED.plus(head * group), [1, (bands.rotated_heads() * m) as i32]),
                b: (CACHE.plus(head * m), [by_dim, 1]),
            };
            score.product_from(Kind::F16, (group, bands.dims, m), factors, moving);
        }
        let mut keep = writer();
        keep.op(Kind::F16, OpKind::Move, &[tile], slot, &[scratch]);
        let by = score.fastest(bands.pes, tile, score.sums(), false)?;
        let scored = Rounds {
            before: None,
            work: score.phases.clone(),
            moves: (keys, CACHE),
            after: Some(Collective::Reduce { by, max: false }),
            line,
            tile: (tile, buffers::TILE),
            dtype: score.sums(),
            keep: keep.phases,
        };

        let softmax = self.phases(|to| {
            let all = held * tile;
            let rows = [queries, m * held];
            let [peak, total] =
                [buffers::PEAK, buffers::TOTAL].map(|at| Place::strided(at, [1, 0]));
            let max = (DType::F16, true);
            if let Attention::Gqa { sinks: true, .. } = self.attention {
                let (highest, sink) = (buffers::PEAK.into(), buffers::SINKS.into());
                to.op(Kind::F16, OpKind::Move, &[queries], highest, &[sink]);
            }
            to.op(Kind::Max, OpKind::Max, &rows, peak, &[scores, peak]);
            to.all_reduce(Axis::S, line, (queries, buffers::PEAK), max)?;
            to.op(Kind::F16, OpKind::Sub, &rows, scores, &[scores, peak]);
            to.op(Kind::Special, OpKind::Exp, &[all], scores, &[scores]);
            if let Attention::Gqa { sinks: true, .. } = self.attention {
                let (sum, sink) = (Place::from(buffers::TOTAL), buffers::SINKS.plus(queries));
                let highest = Place::from(buffers::PEAK);
                to.op(Kind::F16, OpKind::Sub, &[queries], sum, &[sink.into(), highest]);
                to.op(Kind::Special, OpKind::Exp, &[queries], sum, &[sum]);
            }
            to.op(Kind::F16, OpKind::Add, &rows, total, &[total, scores]);
            to.all_reduce(Axis::S, line, (queries, buffers::TOTAL), (to.sums(), false))?;
            let flat = Place::from(buffers::TOTAL);
            to.op(Kind::Special, OpKind::Reciprocal, &[queries], flat, &[flat]);
            Ok(())
        })?;

        let mut fetch = writer();
        fetch.op(Kind::F16, OpKind::Move, &[tile], scratch, &[slot]);
        let mut weigh = writer();
        for head in 0..bands.heads {
            let factors = Factors {
                c: (WEIGHTED.plus(head * group), [1, queries as i32]),
                a: (buffers::TILE.plus(head * group), [1, queries as i32]),
                b: (buffers::VALUES.plus(head * m), [1, by_dim]),
            };
            weigh.product_from(Kind::F16, (group, m, bands.dims), factors, moving);
        }
        let weighed = Rounds {
            before: Some(Collective::Broadcast),
            work: weigh.phases,
            moves: (keys, buffers::VALUES),
            after: None,
            line,
            tile: (tile, buffers::TILE),
            dtype: DType::F16,
            keep: fetch.phases,
        };
        let divide = self.phases(|to| {
            let out = Place::from(WEIGHTED);
            let each = Place::strided(buffers::TOTAL, [1, 0]);
            to.op(Kind::F16, OpKind::Mul, &[queries, bands.dims], out, &[out, each]);
            Ok(())
        })?;
        let rounds = [vec![Piece::Rounds(scored)], softmax, vec![Piece::Rounds(weighed)], divide];
        Ok(rounds.concat())
    }

    /// Bytes of the second places of tiles that move while `operator` runs `[bytes]`.
    ///
    /// # Errors
    /// Those of [`Self::cycles`].
    pub fn moving_bytes(&self, operator: &Operator) -> Result<u64, Error> {
        let pieces = self.pieces(operator)?;
        let bytes = pieces.iter().map(|piece| match piece {
            Piece::Phases(_) => 0,
            Piece::Product(Tiles { m, k, n }, _) => 2 * u64::from(*k) * u64::from(m + n),
            Piece::Rounds(rounds) => 2 * u64::from(rounds.moves.0),
        });
        Ok(bytes.max().unwrap_or(0))
    }

    /// Bytes of scores that a PE holds meanwhile `[bytes]`.
    ///
    /// # Errors
    /// [`Error::Input`] for latent attention.
    pub fn score_bytes(&self) -> Result<u64, Error> {
        let bands = self.bands()?;
        Ok(2 * u64::from(self.tile(&bands)) * u64::from(self.held(&bands) + 1))
    }
}
