//! One token through a layer on a fixed grid.
//!
//! ```text
//! x along S -> norm -> qkv -> along O: heads in bands, cached tokens cut over the columns
//!           scores: over a band | maxima, sums, values: along S | -> o_proj -> along S
//!           -> norm -> gate_up -> along O -> down -> along S
//! ```
//! Every result is in all PEs of its lines before the next operator begins: an operator ends with an
//! all-reduce, root in the middle of each line. Sums of results that are not a line's first start from
//! what their PE was cleared to: 0, or a norm's small constant in one PE of the line.

use super::bands::Bands;
use super::buffers::{self, STREAM};
use super::{Grid, Ways, Writer};
use crate::error::Error;
use crate::wafer::instruction::{Place, Spot};
use crate::wafer::kernels::Kernel;
use crate::wafer::phase::{Axis, Phase};
use crate::wafer::timer::Timer;
use sim_fabric::mesh::program::{DType, OpKind};
use sim_sram::{Kind, Owner};
use workloads::forward::{Operator, OperatorKind};
use workloads::model::{Attention, Model, WeightFormat};

/// What a token's operators are written with.
#[derive(Clone, Copy)]
pub struct Decoding<'a> {
    /// Hardware.
    pub timer: &'a Timer,
    /// The PEs of a layer.
    pub grid: Grid,
    /// Elements of the residual stream.
    pub hidden: u32,
    /// Shapes of attention.
    pub attention: Attention,
    /// Whether the projections of the feed-forward part have biases.
    pub mlp_bias: bool,
    /// Experts of each token in the part that is written, chosen ones and shared ones.
    pub routed: Option<(u32, u32)>,
}

impl<'a> Decoding<'a> {
    /// Decoding of `model` on `grid`.
    pub fn new(timer: &'a Timer, grid: Grid, model: &Model) -> Self {
        let Model { hidden, attention, mlp_bias, .. } = *model;
        Self { timer, grid, hidden, attention, mlp_bias, routed: None }
    }

    /// The same for a part of the model with these operators.
    #[must_use]
    pub fn of(self, operators: &[Operator]) -> Self {
        let routed = operators.iter().find_map(|operator| match operator.kind {
            OperatorKind::Experts { top_k, shared, .. } => Some((top_k, shared)),
            _ => None,
        });
        Self { routed, ..self }
    }

    /// The phases of `operator`.
    ///
    /// # Errors
    /// [`Error::Input`] for latent attention, [`Error::Simulation`] if an engine fails.
    pub fn phases(&self, operator: &Operator) -> Result<Vec<Phase>, Error> {
        let mut writer = Writer::new(self.timer, self.grid, Ways::TwoLevels);
        self.write(&mut writer, operator)?;
        Ok(writer.phases)
    }

    /// The same with what it keeps in the fullest PE.
    ///
    /// # Errors
    /// Those of [`Self::phases`].
    pub fn kernel(&self, operator: &Operator) -> Result<Kernel, Error> {
        Ok(Kernel {
            name: operator.name,
            phases: self.phases(operator)?,
            rectangle: [self.grid.columns, self.grid.rows],
            collective: String::new(),
            memory: self.memory(operator)?,
            vector_bytes: 0,
            flops: operator.flops,
            weight_bytes: operator.weight_bytes,
        })
    }

    /// Elements of the stream in a column.
    pub fn own(&self) -> u32 {
        self.hidden.div_ceil(self.grid.columns)
    }

    /// Columns that hold part of the stream.
    pub fn used_columns(&self) -> u32 {
        self.hidden.div_ceil(self.own())
    }

    /// How heads lie along the rows.
    ///
    /// # Errors
    /// [`Error::Input`] for latent attention.
    pub fn bands(&self) -> Result<Bands, Error> {
        Bands::new(self.attention, self.grid.rows)
    }

    /// Cached tokens of the fullest column.
    pub fn tokens(&self, context: u32) -> u32 {
        context.div_ceil(self.grid.columns)
    }

    fn write(&self, to: &mut Writer<'_>, operator: &Operator) -> Result<(), Error> {
        let own = self.own();
        let by_column = (self.used_columns(), own);
        match (operator.kind, operator.name) {
            (OperatorKind::Embedding { .. }, name) => self.embedding(to, name),
            (OperatorKind::RmsNorm { .. }, name) => self.norm(to, name)?,
            (OperatorKind::HeadNorm { .. }, name) => self.head_norm(to, name)?,
            (OperatorKind::Linear { format, .. }, "qkv") => {
                let outs = self.bands()?.projected();
                let bias = matches!(self.attention, Attention::Gqa { qkv_bias: true, .. });
                let places = [buffers::HEADS, Spot::of("qkv"), buffers::NORMED];
                self.product(to, Axis::S, by_column, outs, (format, bias), places)?;
            }
            (OperatorKind::Rope { .. }, _) => self.rope(to)?,
            (OperatorKind::KvAppend { .. }, _) => self.append(to)?,
            (OperatorKind::GroupedAttention { context, .. }, _) => self.attend(to, context)?,
            (OperatorKind::Linear { format, .. }, "o_proj") => {
                let bands = self.bands()?;
                let bias = matches!(self.attention, Attention::Gqa { o_bias: true, .. });
                let places = [buffers::ATTENDED, Spot::of("o_proj"), buffers::WEIGHTED];
                let ins = (bands.all(), bands.queries());
                self.product(to, Axis::O, ins, own, (format, bias), places)?;
            }
            (OperatorKind::Linear { ins, format, .. }, "down") => {
                let places = [buffers::DOWN_OUT, Spot::of("down"), buffers::ACTIVATIONS];
                let ins = self.over_rows(ins);
                self.product(to, Axis::O, ins, own, (format, self.mlp_bias), places)?;
            }
            (OperatorKind::Linear { outs, format, .. }, "lm_head") => {
                // Only the middle column goes on.
                let outs = outs.div_ceil(self.grid.rows);
                let places = [buffers::LOGITS, Spot::of("lm_head"), buffers::NORMED];
                to.multiply(kind(format), (outs, own), places.map(Place::from));
                let what = (outs, buffers::LOGITS);
                to.reduce(Axis::S, (by_column.0, 1), what, (to.sums(), false))?;
            }
            (OperatorKind::Linear { outs, format, .. }, "gate_up") => {
                let outs = 2 * (outs / 2).div_ceil(self.grid.rows);
                let places = [buffers::GATE_UP, Spot::of("gate_up"), buffers::NORMED];
                self.product(to, Axis::S, by_column, outs, (format, self.mlp_bias), places)?;
            }
            (OperatorKind::SwiGlu { width }, _) => self.swiglu(to, width),
            (OperatorKind::Residual { .. }, name) => {
                let added = match name {
                    "attention_residual" => buffers::ATTENDED,
                    _ => buffers::DOWN_OUT,
                };
                let stream = Place::from(STREAM);
                to.op(Kind::F16, OpKind::Add, &[own], stream, &[stream, added.into()]);
            }
            (OperatorKind::Sample { vocabulary }, _) => self.sample(to, vocabulary)?,
            (OperatorKind::PerHeadLinear { .. } | OperatorKind::LatentAttention { .. }, _) => {
                self.bands()?;
            }
            _ => self.route(to, operator)?,
        }
        Ok(())
    }

    /// Rows over which a vector along O is cut, and elements of each.
    pub fn over_rows(&self, elements: u32) -> (u32, u32) {
        let own = elements.div_ceil(self.grid.rows);
        (elements.div_ceil(own), own)
    }

    /// `y = W x` where x lies along `axis`, on so many PEs and with so many elements on each; y, W and x
    /// lie at `places`.
    pub(super) fn product(
        &self,
        to: &mut Writer<'_>,
        axis: Axis,
        (pes, ins): (u32, u32),
        outs: u32,
        (format, bias): (WeightFormat, bool),
        [y, w, x]: [Spot; 3],
    ) -> Result<(), Error> {
        if bias {
            // Behind the tile; 0 but in one PE of a line.
            let bias = w.plus(ins * outs);
            to.op(Kind::F16, OpKind::Move, &[outs], y.into(), &[bias.into()]);
        }
        to.multiply(kind(format), (outs, ins), [y, w, x].map(Place::from));
        to.all_reduce(axis, (pes, 1), (outs, y), (to.sums(), false))
    }

    fn norm(&self, to: &mut Writer<'_>, name: &'static str) -> Result<(), Error> {
        let own = self.own();
        let (x, y, root) = (Place::from(STREAM), Place::from(buffers::NORMED), Spot::of(name));
        let squares = Place::from(buffers::SQUARES);
        let one = Place::one(root);
        to.op(Kind::F16, OpKind::Mul, &[own], squares, &[x, x]);
        to.op(Kind::F16, OpKind::Add, &[own], one, &[one, squares]);
        to.all_reduce(Axis::S, (self.used_columns(), 1), (1, root), (to.sums(), false))?;
        to.op(Kind::Special, OpKind::RootReciprocal, &[1], one, &[one]);
        to.op(Kind::F16, OpKind::Mul, &[own], y, &[x, one]);
        to.op(Kind::F16, OpKind::Mul, &[own], y, &[y, root.plus(1).into()]);
        Ok(())
    }

    fn head_norm(&self, to: &mut Writer<'_>, name: &'static str) -> Result<(), Error> {
        let bands = self.bands()?;
        let (heads, all) = (bands.rotated_heads(), bands.rotated());
        let (x, squares) = (Place::from(buffers::HEADS), Place::from(buffers::SQUARES));
        let roots = Spot::of(name);
        let each = Place::strided(roots, [1, 0]);
        let rows = [heads, bands.dims];
        to.op(Kind::F16, OpKind::Mul, &[all], squares, &[x, x]);
        to.op(Kind::F16, OpKind::Add, &rows, each, &[each, squares]);
        let line = (bands.all(), bands.count);
        to.all_reduce(Axis::O, line, (heads, roots), (to.sums(), false))?;
        let flat = Place::from(roots);
        to.op(Kind::Special, OpKind::RootReciprocal, &[heads], flat, &[flat]);
        to.op(Kind::F16, OpKind::Mul, &rows, x, &[x, each]);
        to.op(Kind::F16, OpKind::Mul, &[all], x, &[x, roots.plus(heads).into()]);
        Ok(())
    }

    /// `x cos + x' sin`, where x' has the two elements of each pair exchanged: first elements of all
    /// pairs lie together, and so do second ones.
    fn rope(&self, to: &mut Writer<'_>) -> Result<(), Error> {
        let all = self.bands()?.rotated();
        let half = all / 2;
        let (x, y, table) = (buffers::HEADS, buffers::ROTATED, buffers::ROTATION);
        to.op(Kind::F16, OpKind::Mul, &[all], y.into(), &[x.into(), table.into()]);
        for (from, at) in [(half, 0), (0, half)] {
            let result = Place::from(y.plus(at));
            let sines = Place::from(table.plus(all + at));
            let factors = [Place::from(x.plus(from)), sines, result];
            to.op(Kind::F16, OpKind::Fma, &[half], result, &factors);
        }
        Ok(())
    }

    fn swiglu(&self, to: &mut Writer<'_>, width: u32) {
        if let Some(routed) = self.routed {
            let own = self.over_rows(width / (routed.0 + routed.1)).1;
            return self.swiglu_of_experts(to, own, routed);
        }
        let own = width.div_ceil(self.grid.rows);
        let (gate, up) = (Place::from(buffers::GATE_UP), buffers::GATE_UP.plus(own));
        let (t, h) = (Place::from(buffers::GATE), Place::from(buffers::ACTIVATIONS));
        // Gate and up come with their sign turned, as their weights are stored.
        to.op(Kind::Special, OpKind::Exp, &[own], t, &[gate]);
        to.op(Kind::F16, OpKind::Add, &[own], t, &[t, Place::one(buffers::ONE)]);
        to.op(Kind::Special, OpKind::Reciprocal, &[own], t, &[t]);
        to.op(Kind::F16, OpKind::Mul, &[own], h, &[gate, up.into()]);
        to.op(Kind::F16, OpKind::Mul, &[own], h, &[h, t]);
    }

    /// The token's number goes to all PEs; the row that holds its vector, taken to be at the far end,
    /// sends each column's slice to the middle, from where it goes to all rows.
    fn embedding(&self, to: &mut Writer<'_>, name: &'static str) {
        let Grid { columns, rows } = self.grid;
        let own = self.own();
        to.broadcast(Axis::S, (columns, 1), (2, buffers::TOKEN), DType::F16);
        to.broadcast(Axis::O, (rows, 1), (2, buffers::TOKEN), DType::F16);
        let row = Place::from(Spot::of(name)).indexed(buffers::TOKEN, own as i32);
        to.op(Kind::F16, OpKind::Move, &[own], STREAM.into(), &[row]);
        to.send(Axis::O, rows / 2 + 1, (own, STREAM));
        to.broadcast(Axis::O, (rows, 1), (own, STREAM), DType::F16);
    }

    /// The largest logit, and the number of the first that is as large: the largest of the numbers
    /// counted from the end, over all that reach the best logit.
    fn sample(&self, to: &mut Writer<'_>, vocabulary: u32) -> Result<(), Error> {
        let rows = self.grid.rows;
        let own = vocabulary.div_ceil(rows);
        let logits = Place::from(buffers::LOGITS);
        let (best, number) = (buffers::BEST, buffers::BEST.plus(1));
        let reached = Place::from(buffers::REACHED);
        let most = (DType::F32, true);
        let [one, other] = [best, number].map(Place::one);
        to.op(Kind::Max, OpKind::Max, &[own], one, &[logits, one]);
        to.all_reduce(Axis::O, (rows, 1), (1, best), most)?;
        to.op(Kind::Max, OpKind::GreaterEqual, &[own], reached, &[logits, one]);
        to.op(Kind::F32, OpKind::Mul, &[own], reached, &[reached, buffers::NUMBERS.into()]);
        to.op(Kind::Max, OpKind::Max, &[own], other, &[reached, other]);
        to.reduce(Axis::O, (rows, 1), (1, number), most)
    }

    /// Bytes that `operator` keeps in the fullest PE, by owner.
    pub(super) fn memory(&self, operator: &Operator) -> Result<Vec<(Owner, u64)>, Error> {
        let matrix = |outs: u32, ins: u32, format: WeightFormat| {
            let (outs, ins) = (u64::from(outs), u64::from(ins));
            let weights = format.weight_bytes(outs, ins);
            vec![(Owner::Weights, weights), (Owner::Scales, format.scale_bytes(outs, ins))]
        };
        let (own, rows) = (self.own(), self.grid.rows);
        Ok(match (operator.kind, operator.name) {
            (OperatorKind::Linear { format, .. }, "qkv") => {
                matrix(self.bands()?.projected(), own, format)
            }
            (OperatorKind::Linear { format, .. }, "o_proj") => {
                matrix(own, self.bands()?.queries(), format)
            }
            (OperatorKind::Linear { ins, format, .. }, "down") => {
                matrix(own, self.over_rows(ins).1, format)
            }
            (OperatorKind::Linear { outs, format, .. }, "gate_up") => {
                matrix(2 * (outs / 2).div_ceil(rows), own, format)
            }
            (OperatorKind::Linear { outs, format, .. }, _) => {
                matrix(outs.div_ceil(rows), own, format)
            }
            (OperatorKind::Embedding { vocabulary, .. }, _) => {
                matrix(vocabulary.div_ceil(rows), own, WeightFormat::BF16)
            }
            (OperatorKind::RmsNorm { .. }, _) => matrix(own, 1, WeightFormat::BF16),
            (OperatorKind::GroupedAttention { context, .. }, _) => {
                // Room for one entry more, where what is not kept is put.
                let entries = u64::from(self.tokens(context)) + 1;
                let entry = super::attend::pitch(2 * self.bands()?.keys());
                vec![(Owner::KvCache, entries * u64::from(entry) * 2)]
            }
            (OperatorKind::Experts { .. }, _) => self.expert_bytes(operator.kind),
            _ => Vec::new(),
        })
    }
}

/// How weights stored in `format` are multiplied.
pub(super) fn kind(format: WeightFormat) -> Kind {
    if format.bits <= 8 { Kind::F16Int4 } else { Kind::F16 }
}
