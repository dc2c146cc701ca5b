//! `y = W x`: spread x, multiply tiles, combine partial sums along x's axis.

use super::{Kernel, Lowering};
use crate::error::Error;
use crate::wafer::instruction::Spot;
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
}

impl Lowering<'_> {
    /// A projection, by its name.
    pub(super) fn linear(
        &self,
        kernel: &mut Kernel,
        name: &str,
        ins: u32,
        outs: u32,
        format: WeightFormat,
    ) -> Result<(), Error> {
        let residual = self.residual()?;
        let along_s = (residual.pes(), residual.own());
        let over = |pes: u32, elements: u32| (pes, elements.div_ceil(pes));
        let rows = self.rows;
        let product = match name {
            "q_a_kv_a" => {
                let outs = over(self.choices.qkv_rows, outs);
                Product { axis: Axis::S, ins: along_s, outs }
            }
            "q_b" => {
                let Attention::Mla { heads, .. } = self.attention else {
                    return Err(super::attention::not_yet());
                };
                let ins = over(self.choices.qkv_rows, ins);
                let outs = over(self.head_span(heads)?, outs);
                // The new latent goes along, for the PEs that will keep it.
                let latent = self.latent_width().div_ceil(self.choices.qkv_rows);
                self.spread(
                    kernel,
                    Axis::S,
                    (outs.0, 1),
                    ((ins.1 + latent) * self.tokens + self.squares(), Spot::default()),
                );
                Product { axis: Axis::O, ins, outs }
            }
            "o_proj" => return self.o_proj(kernel, format),
            "router" => {
                self.share_residual(kernel)?;
                let outs = over(self.choices.router_rows, outs);
                // The experts take the same vector: it is spread over all rows at once.
                self.spread(
                    kernel,
                    Axis::O,
                    (rows, 1),
                    (residual.tile * self.tokens + self.squares(), Spot::default()),
                );
                Product { axis: Axis::S, ins: along_s, outs }
            }
            "gate_up" | "lm_head" => {
                Product { axis: Axis::S, ins: along_s, outs: over(rows, outs) }
            }
            _ => Product { axis: Axis::O, ins: over(rows, ins), outs: along_s },
        };
        let spread = !matches!(name, "router" | "q_b");
        let normed = !matches!(name, "down");
        self.product(kernel, &product, format, (spread, normed))
    }

    fn product(
        &self,
        kernel: &mut Kernel,
        product: &Product,
        format: WeightFormat,
        (spread, normed): (bool, bool),
    ) -> Result<(), Error> {
        let Product { axis, ins, outs } = *product;
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
        if spread {
            let squares = if normed { self.squares() } else { 0 };
            self.spread(
                kernel,
                other,
                (outs.0, 1),
                (ins.1 * self.tokens + squares, Spot::default()),
            );
        }
        self.work(kernel, &[self.tile(outs.1, ins.1, format)]);
        let squares = if normed { self.squares() } else { 0 };
        self.sum(kernel, axis, (ins.0, 1), (outs.1 * self.tokens + squares, Spot::default()))?;
        if normed {
            self.divide(kernel, outs.1);
        }
        self.store(kernel, outs.1, ins.1, format);
        kernel.rectangle = rectangle;
        Ok(())
    }
}
