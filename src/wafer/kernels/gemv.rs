//! `y = W x`: spread x, multiply tiles, combine partial sums along x's axis.

use super::buffers::{self, Buffers, share};
use super::{Kernel, Lowering};
use crate::error::Error;
use crate::wafer::instruction::{Place, Spot};
use crate::wafer::phase::Axis;
use workloads::model::{Attention, WeightFormat};

/// One matrix on a rectangle.
struct Product {
    /// Axis along which the input lies.
    axis: Axis,
    /// PEs over which the input is cut, and elements of each.
    ins: (u32, u32),
    /// PEs over which the output is cut, and elements of each.
    outs: (u32, u32),
    /// Where the input of the tile lies.
    x: Place,
    /// The sum of squares that goes with it, if a norm is before.
    squares: Option<Spot>,
    /// Where the output goes.
    y: Spot,
    /// Where the output lies behind the division.
    to: Spot,
}

impl Lowering<'_> {
    /// A projection, by its name.
    pub(super) fn linear(
        &self,
        kernel: &mut Kernel,
        name: &'static str,
        ins: u32,
        outs: u32,
        format: WeightFormat,
    ) -> Result<(), Error> {
        let residual = self.residual()?;
        let along_s = (residual.pes(), residual.own());
        let over = |pes: u32, elements: u32| (pes, elements.div_ceil(pes));
        let rows = self.rows;
        // A product behind a norm of the residual stream.
        let normed = |x: Buffers, outs: (u32, u32), to: Spot| Product {
            axis: Axis::S,
            ins: along_s,
            outs,
            x: x.first().into(),
            squares: Some(x.squares()),
            y: x.out(),
            to,
        };
        let product = match name {
            "q_a_kv_a" => {
                let x = self.normed("input_norm")?;
                let next = self.q_b_buffers()?;
                let outs = (self.choices.qkv_rows, next.query + next.latent);
                normed(x, outs, next.query())
            }
            "q_b" => {
                let Attention::Mla { heads, .. } = self.attention else {
                    return Err(super::attention::not_yet());
                };
                let cut = self.q_b_buffers()?;
                let ins = (self.choices.qkv_rows, cut.query);
                let outs = (self.head_span(heads)?, cut.nope + cut.rope);
                // The new latent goes along, for the PEs that will keep it.
                let all = (cut.query + cut.latent) * self.tokens + self.squares();
                self.spread(kernel, Axis::S, (outs.0, 1), (all, cut.squares()));
                let (x, y) = (cut.query().into(), cut.out());
                Product { axis: Axis::O, ins, outs, x, squares: Some(cut.squares()), y, to: y }
            }
            "o_proj" => return self.o_proj(kernel, format),
            "router" => {
                self.share_residual(kernel)?;
                let x = self.normed("post_attention_norm")?;
                let outs = (self.choices.router_rows, share(outs, self.choices.router_rows));
                // The experts take the same vector: it is spread over all rows at once, with the
                // squares for both products on its two sides.
                let all = x.ins * self.tokens + 2 * self.squares();
                self.spread(kernel, Axis::O, (rows, 1), (all, x.first().minus(1)));
                let mut product = normed(x, outs, x.out());
                product.x = product.x.indexed(buffers::ME_COLUMN, residual.own() as i32);
                product
            }
            "gate_up" => {
                let x = self.normed("post_attention_norm")?;
                normed(x, (rows, 2 * (outs / 2).div_ceil(rows)), x.out())
            }
            "lm_head" => {
                let x = self.normed("final_norm")?;
                normed(x, over(rows, outs), x.out())
            }
            _ => Product {
                axis: Axis::O,
                ins: over(rows, ins),
                outs: along_s,
                x: buffers::ACTIVATIONS.into(),
                squares: None,
                y: buffers::DOWN_OUT,
                to: buffers::DOWN_OUT,
            },
        };
        self.product(kernel, &product, format, !matches!(name, "router" | "q_b"))
    }

    fn product(
        &self,
        kernel: &mut Kernel,
        product: &Product,
        format: WeightFormat,
        spread: bool,
    ) -> Result<(), Error> {
        let Product { axis, ins, outs, x, squares, y, to } = *product;
        let (other, rectangle) = match axis {
            Axis::S => (Axis::O, [ins.0, outs.0]),
            Axis::O => (Axis::S, [outs.0, ins.0]),
        };
        if rectangle[0] > self.columns || rectangle[1] > self.rows {
            return Err(Error::DoesNotFit(format!(
                "mapping: {} needs {} x {} PEs, the rectangle has {} x {}",
                kernel.name, rectangle[0], rectangle[1], self.columns, self.rows
            )));
        }
        let beside = if squares.is_some() { self.squares() } else { 0 };
        if spread {
            let room = squares.map_or(ins.1, |squares| (squares.at - x.first.at) as u32);
            self.spread(kernel, other, (outs.0, 1), (room * self.tokens + beside, x.first));
        }
        let tile = self.cut_tile(outs.1, ins.1, (1, 0));
        let weights = Spot::of(kernel.name).into();
        self.work(kernel, &[self.multiply(format, tile, (y.into(), weights, x))]);
        let first = squares.filter(|squares| squares.at < y.at).unwrap_or(y);
        self.sum(kernel, axis, (ins.0, 1), (outs.1 * self.tokens + beside, first))?;
        if let Some(squares) = squares {
            self.divide(kernel, squares, (outs.1, y, to));
        }
        self.store(kernel, outs.1, ins.1, format);
        kernel.rectangle = rectangle;
        Ok(())
    }
}
