//! Routed experts by `regions`: each owns a rectangle of PEs and idles unless it is chosen.
//!
//! ```text
//! stream (S, middle row, spread over all rows)        a rectangle: rows cut the stream, columns the
//!   -> to slices: each row keeps the part that is        expert's width
//!      its slice; a sum along the row, from the           +----+----+
//!      middle column to all rectangles of the row     x0 ->| W  | W  |  gate, up: sums along its columns
//!   -> gate, up (S in each rectangle) -> SwiGLU       x1 ->| W  | W  |  down: sums along rows, over all
//!   -> down: slices in rows -> from the middle column      +----+----+        rectangles of a row at once
//!      to all columns -> each picks its part -> sums along columns: back on the stream
//! ```
//! All rectangles see the input: routes are fixed by colours, and which experts are chosen is known only to
//! the PEs. For the same reason every PE of a row takes part in the sums over rectangles: those of an expert
//! that is not chosen give zeros, and their routers pass words on. So a token's time does not depend on
//! which experts it chose; distances are those of the whole band. A chunk of tokens takes as long as an
//! expert with the mean number of tokens of those in use.
//!
//! Shared experts work for every token: they stay striped. Their sums travel with those of the regions.

use super::buffers::{self, Tile};
use super::{Kernel, Lowering};
use crate::error::Error;
use crate::wafer::instruction::{Place, Spot};
use crate::wafer::phase::Axis;
use sim_fabric::mesh::program::OpKind;
use sim_sram::Kind;
use workloads::forward::OperatorKind;

/// How the rectangles of experts lie: rows of them from the top, around the band's middle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Regions {
    /// Rectangles side by side.
    pub across: u32,
    /// Rows of rectangles.
    pub down: u32,
    /// Columns of one.
    pub columns: u32,
    /// Rows of one.
    pub rows: u32,
    /// Columns of the stream whose parts make up the slice of one row.
    pub senders: u32,
    /// Elements of such a slice.
    pub slice: u32,
    /// Intermediate elements of one column.
    pub width: u32,
}

impl Regions {
    /// Columns and rows of all of them.
    pub fn pes(&self) -> [u32; 2] {
        [self.across * self.columns, self.down * self.rows]
    }
}

impl Lowering<'_> {
    /// Where `experts` experts of `width` intermediate elements lie; `None` if they are striped.
    ///
    /// # Errors
    /// [`Error::DoesNotFit`] if there are fewer PEs than experts along a side.
    pub fn regions(&self, experts: u32, width: u32) -> Result<Option<Regions>, Error> {
        let across = self.choices.regions_across;
        if across == 0 {
            return Ok(None);
        }
        let down = experts.div_ceil(across);
        let (columns, rows) = (self.columns / across, self.rows / down);
        let fits = (columns > 0 && rows > 0).then_some(());
        self.need(fits, "regions_across", across)?;
        let residual = self.residual()?;
        let senders = residual.pes().div_ceil(rows);
        let cut = width.div_ceil(columns);
        Ok(Some(Regions {
            across,
            down,
            columns: width.div_ceil(cut),
            rows: residual.pes().div_ceil(senders),
            senders,
            slice: senders * residual.own(),
            width: cut,
        }))
    }

    /// Tokens of a chunk that an expert in use serves in the mean.
    fn served(&self, top_k: u32) -> u32 {
        (self.tokens * top_k).div_ceil(self.distinct_experts.max(1)).clamp(1, self.tokens)
    }

    /// A PE's tile of the first products of its expert.
    pub fn region_up(&self, regions: &Regions) -> Tile {
        self.cut_tile(2 * regions.width, regions.slice, (1, 0))
    }

    /// A PE's tile of the second product of its expert.
    pub fn region_down(&self, regions: &Regions) -> Tile {
        self.cut_tile(regions.slice, regions.width, (1, 0))
    }

    /// Where the input slice of a row lies: before the shared experts' results, so that one sum takes both.
    pub fn region_input(&self, regions: &Regions, shared_outs: u32) -> Result<Spot, Error> {
        let squares = self.normed("post_attention_norm")?.first().minus(1);
        Ok(squares.minus(shared_outs + regions.slice))
    }

    /// Gate and up projections.
    pub(super) fn regions_gate_up(
        &self,
        kernel: &mut Kernel,
        kind: OperatorKind,
        regions: &Regions,
    ) -> Result<(), Error> {
        let OperatorKind::Experts { top_k, shared, outs, format, .. } = kind else { return Ok(()) };
        let residual = self.residual()?;
        let row_outs = self.gate_up_outs(outs)?.0;
        let all = shared * row_outs;
        let x = self.normed("post_attention_norm")?.first();
        let squares = x.minus(1);
        let slice = self.region_input(regions, all)?;
        // Each row adds up, from zeros, the parts of the stream that make its slice.
        let mine = Place::from(slice).indexed(buffers::ME_SLICE, 1);
        let own = Place::from(x).indexed(buffers::ME_COLUMN, residual.own() as i32);
        let sends = Place::one(buffers::ME_SENDS);
        let keep = self.op(Kind::F16, OpKind::Fma, &[residual.own()], mine, &[own, sends, mine]);
        self.work(kernel, &[keep]);
        self.striped_gate_up(kernel, shared_alone(kind))?;
        let elements = regions.slice + all;
        self.sum(
            kernel,
            Axis::S,
            (residual.pes(), 1),
            (elements * self.tokens + self.squares(), slice),
        )?;
        self.divide(kernel, squares, (elements, slice, slice));
        let [columns, rows] = regions.pes();
        self.spread(kernel, Axis::S, (columns, 1), (regions.slice * self.tokens, slice));
        let one = self.with_tokens(self.served(top_k));
        let tile = self.region_up(regions);
        let places =
            (buffers::REGION_OUT.into(), Spot::of("region_gate_up").into(), Place::from(slice));
        one.work(kernel, &[one.multiply(format, tile, places)]);
        let sums = (2 * regions.width * one.tokens, buffers::REGION_OUT);
        one.sum(kernel, Axis::O, (rows, regions.down), sums)?;
        self.store(kernel, tile.outs, tile.ins, format);
        let shared_rows = if shared > 0 { self.intermediate(outs / 2)?.pes() } else { 1 };
        kernel.rectangle = [columns.max(residual.pes()), rows.max(shared_rows)];
        Ok(())
    }

    /// Each PE looks for its expert among the chosen; then `silu(gate) * up`, weighted, in the middle row
    /// of each rectangle.
    pub(super) fn regions_swiglu(&self, kernel: &mut Kernel, top_k: u32, regions: &Regions) {
        let one = self.with_tokens(self.served(top_k));
        let me = Place::one(buffers::ME_EXPERT);
        let number = Place::strided(buffers::CHOSEN.plus(1), [2]);
        let weights = Place::strided(buffers::CHOSEN, [2]);
        let weight = Place::one(buffers::REGION_WEIGHT);
        let [above, below] = ["region_above", "region_below"].map(|name| Spot::of(name).into());
        let k = [top_k];
        let y = buffers::REGION_OUT;
        let (gate, up) = (Place::from(y), Place::from(y.plus(regions.width)));
        let (t, h) = (Spot::of("region_gate").into(), buffers::REGION_ACTIVATIONS.into());
        let ones = Place::one(buffers::ONE);
        let all = [regions.width];
        one.work(
            kernel,
            &[
                one.op(Kind::Max, OpKind::GreaterEqual, &k, above, &[number, me]),
                one.op(Kind::Max, OpKind::GreaterEqual, &k, below, &[me, number]),
                one.op(Kind::F16, OpKind::Mul, &k, above, &[above, below]),
                one.op(Kind::F16, OpKind::Fma, &k, weight, &[above, weights, weight]),
                one.op(Kind::Special, OpKind::Exp, &all, t, &[gate]),
                one.op(Kind::F16, OpKind::Add, &all, t, &[t, ones]),
                one.op(Kind::Special, OpKind::Reciprocal, &all, t, &[t]),
                one.op(Kind::F16, OpKind::Mul, &all, h, &[gate, up]),
                one.op(Kind::F16, OpKind::Mul, &all, h, &[h, t]),
                one.op(Kind::F16, OpKind::Mul, &all, h, &[h, weight]),
            ],
        );
    }

    /// Down projections: slices of the sum over experts in rows, then back on the stream.
    pub(super) fn regions_down(
        &self,
        kernel: &mut Kernel,
        kind: OperatorKind,
        regions: &Regions,
    ) -> Result<(), Error> {
        let OperatorKind::Experts { top_k, shared, ins, format, .. } = kind else { return Ok(()) };
        let residual = self.residual()?;
        let [columns, rows] = regions.pes();
        let one = self.with_tokens(self.served(top_k));
        let h = buffers::REGION_ACTIVATIONS;
        one.spread(kernel, Axis::O, (rows, regions.down), (regions.width * one.tokens, h));
        let (tile, y) = (self.region_down(regions), buffers::REGION_SUM);
        let places = (Place::from(y), Spot::of("region_down").into(), Place::from(h));
        one.work(kernel, &[one.multiply(format, tile, places)]);
        self.store(kernel, tile.outs, tile.ins, format);
        let slice = (regions.slice * self.tokens, y);
        self.sum(kernel, Axis::S, (columns, 1), slice)?;
        self.spread(kernel, Axis::S, (residual.pes(), 1), slice);
        let to = Place::from(buffers::DOWN_OUT);
        let mine = Place::from(y).indexed(buffers::ME_SLICE, 1);
        let pick = [mine, Place::one(buffers::ME_SENDS), to];
        self.work(kernel, &[self.op(Kind::F16, OpKind::Fma, &[residual.own()], to, &pick)]);
        self.striped_down(kernel, shared_alone(kind))?;
        let shared_rows = if shared > 0 { self.intermediate(ins)?.pes() } else { 1 };
        let line = (rows.max(shared_rows), 1);
        self.sum(kernel, Axis::O, line, (residual.own() * self.tokens, buffers::DOWN_OUT))?;
        kernel.rectangle = [columns.max(residual.pes()), line.0];
        Ok(())
    }
}

/// The shared experts of an operator, as if it had no others.
pub(in crate::wafer) fn shared_alone(kind: OperatorKind) -> OperatorKind {
    match kind {
        OperatorKind::Experts { shared, ins, outs, format, shared_format, combine, .. } => {
            let (experts, top_k) = (0, 0);
            OperatorKind::Experts {
                experts,
                top_k,
                shared,
                ins,
                outs,
                format,
                shared_format,
                combine,
            }
        }
        other => other,
    }
}
