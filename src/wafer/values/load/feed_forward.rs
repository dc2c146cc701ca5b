//! Router, experts and gated MLP.

use super::{Loader, element, place, places};
use crate::error::Error;
use crate::wafer::instruction::Spot;
use crate::wafer::kernels::buffers::{self, Tile, share};
use crate::wafer::kernels::regions::{Regions, shared_alone};
use crate::wafer::values::Values;
use workloads::forward::OperatorKind;

impl Loader<'_> {
    /// The router, and the matrices of a gated MLP. What goes through an exponential has its sign
    /// turned; gate and up both, so that their product keeps it.
    pub(super) fn feed_forward(
        &self,
        values: &mut Values,
        name: &'static str,
        (outs, ins): (u32, u32),
    ) -> Result<(), Error> {
        let own = self.lowering.residual()?.own();
        let rows = self.lowering.rows;
        let weight = |out, input| self.weights.matrix(name, 0, out, input);
        match name {
            "router" => {
                let rows = self.lowering.choices.router_rows;
                let each = share(outs, rows);
                let order = places(rows);
                let tile = self.lowering.cut_tile(each, own, (1, 0));
                self.tile(values, Spot::of(name), tile, |(s, o), out, input| {
                    let Some(row) = self.row(o, rows) else { return Ok(None) };
                    let expert = order[row as usize] * each + out;
                    let input = self.element(s, input)?.filter(|_| expert < outs);
                    Ok(input.map(|input| -weight(expert, input)))
                })
            }
            "gate_up" => {
                let half = (outs / 2).div_ceil(rows);
                let tile = self.lowering.cut_tile(2 * half, own, (1, 0));
                self.tile(values, Spot::of(name), tile, |(s, o), out, input| {
                    let (second, inside) = (out / half, o * half + out % half);
                    let input = self.element(s, input)?.filter(|_| inside < outs / 2);
                    Ok(input.map(|input| -weight(second * outs / 2 + inside, input)))
                })
            }
            _ => {
                let each = ins.div_ceil(rows);
                let tile = self.lowering.cut_tile(own, each, (1, 0));
                self.tile(values, Spot::of(name), tile, |(s, o), out, input| {
                    let input = o * each + input;
                    let out = self.element(s, out)?.filter(|_| input < ins);
                    Ok(out.map(|out| weight(out, input)))
                })
            }
        }
    }

    pub(super) fn router_rooms(&self, experts: u32) -> [(&'static str, u32); 3] {
        let rows = self.lowering.choices.router_rows;
        let all = rows * share(experts, rows);
        [
            (buffers::EXPERT_SCORES.buffer, 2 * all),
            ("step", 2 * all),
            (buffers::CHOSEN.buffer, 2 * (2 * all + 1)),
        ]
    }

    /// The experts' numbers behind their scores, and a step that tells earlier from later ones.
    pub(super) fn top_k(&self, values: &mut Values, experts: u32) -> Result<(), Error> {
        let rows = self.lowering.choices.router_rows;
        let each = share(experts, rows);
        let all = rows * each;
        let order = places(rows);
        for (s, o) in self.all() {
            let place = self.row(o, rows).map_or(0, |row| order[row as usize]);
            values.set((s, o), buffers::ME_ROUTER, place as f32);
            for i in 0..all {
                values.set((s, o), buffers::EXPERT_SCORES.plus(all + i), i as f32);
                values.set((s, o), Spot::of("step").plus(all + i), 1.0);
            }
            // What is no expert ranks behind all.
            for l in (0..each).filter(|l| place * each + l >= experts) {
                values.set((s, o), Spot::of("rank").plus(l), all as f32);
            }
        }
        Ok(())
    }

    /// A PE's tile of one expert.
    pub(super) fn expert_tile(&self, kind: OperatorKind) -> Result<Tile, Error> {
        let OperatorKind::Experts { top_k, shared, ins, outs, combine, .. } = kind else {
            return Ok(self.lowering.cut_tile(0, 0, (1, 0)));
        };
        let residual = self.lowering.residual()?;
        if !combine {
            let pe_outs = self.lowering.gate_up_outs(outs)?.1;
            return Ok(self.lowering.cut_tile(pe_outs, residual.tile, (1, 0)));
        }
        let cut = self.lowering.intermediate(ins)?;
        let pe_outs = residual.own().div_ceil(cut.sub);
        let runs = (cut.sub, (top_k + shared) * cut.own());
        Ok(self.lowering.cut_tile(pe_outs, cut.own(), runs))
    }

    pub(super) fn experts(
        &self,
        values: &mut Values,
        name: &'static str,
        kind: OperatorKind,
    ) -> Result<(), Error> {
        let OperatorKind::Experts { experts, shared, ins, outs, combine, .. } = kind else {
            return Ok(());
        };
        let residual = self.lowering.residual()?;
        let hidden = self.lowering.hidden;
        let width = if combine { ins } else { outs / 2 };
        let (mut kind, mut striped_from) = (kind, 0);
        if let Some(regions) = self.lowering.regions(experts, width)? {
            self.in_regions(values, name, &regions, (experts, width, combine))?;
            (kind, striped_from) = (shared_alone(kind), experts);
        }
        let tile = self.expert_tile(kind)?;
        let cut = self.lowering.intermediate(width)?;
        for pe in self.all() {
            let row = self.row(pe.1, cut.pes()).map(|row| place(&cut, row));
            if combine {
                values.set(pe, buffers::ME_DOWN, row.map_or(0, |row| row.1) as f32);
            }
        }
        for expert in striped_from..experts + shared {
            let first = Spot::of(name).plus((expert - striped_from) * tile.len());
            let weight = |out, input| self.weights.matrix(name, expert, out, input);
            self.tile(values, first, tile, |(s, o), out, input| {
                let row = self.row(o, cut.pes()).map(|row| place(&cut, row));
                let (Some((group, at)), Some(member)) = (row, self.member(s)?) else {
                    return Ok(None);
                };
                if combine {
                    let inside = element(&cut, ins, group, (input / cut.own(), input % cut.own()));
                    // A row has its part of what its column holds.
                    let slot = at * tile.outs + out;
                    let out = element(&residual, hidden, member.0, (member.1, slot));
                    return Ok(inside.zip(out).map(|(input, out)| weight(out, input)));
                }
                let input = Some(member.0 * residual.tile + input).filter(|input| *input < hidden);
                let in_row = member.1 * tile.outs + out;
                let (second, slot) = (in_row / cut.own(), in_row % cut.own());
                let inside = element(&cut, width, group, (at, slot)).filter(|_| second < 2);
                Ok(inside.zip(input).map(|(out, input)| -weight(second * width + out, input)))
            })?;
        }
        Ok(())
    }

    /// One expert in each rectangle, and what a PE has to know of its place.
    fn in_regions(
        &self,
        values: &mut Values,
        name: &'static str,
        regions: &Regions,
        (experts, width, combine): (u32, u32, bool),
    ) -> Result<(), Error> {
        let lowering = self.lowering;
        let residual = lowering.residual()?;
        let [columns, rows] = regions.pes();
        // Rectangle and place in it: (expert, column, row).
        let place = |(s, o): (u32, u32)| {
            let (column, row) = (self.column(s, columns)?, self.row(o, rows)?);
            let expert = row / regions.rows * regions.across + column / regions.columns;
            Some((expert, column % regions.columns, row % regions.rows))
        };
        for pe in self.all() {
            let expert = place(pe).map(|(expert, ..)| expert).filter(|&e| e < experts);
            values.set(pe, buffers::ME_EXPERT, expert.map_or(-1.0, |expert| expert as f32));
            let row = self.row(pe.1, rows).map(|row| row % regions.rows);
            let column = self.column(pe.0, residual.pes());
            let sends = column.filter(|column| Some(column / regions.senders) == row);
            values.set(pe, buffers::ME_SENDS, f32::from(u8::from(sends.is_some())));
            let at = sends.map_or(0, |column| column % regions.senders * residual.own());
            values.set(pe, buffers::ME_SLICE, at as f32);
        }
        // Element of the stream in a place of a row's slice.
        let first = lowering.columns / 2 - residual.pes() / 2;
        let of_slice = |row: u32, at: u32| {
            let column = row * regions.senders + at / residual.own();
            if column >= residual.pes() {
                return Ok(None);
            }
            self.element(first + column, at % residual.own())
        };
        let (tile, buffer) = match combine {
            true => (lowering.region_down(regions), "region_down"),
            false => (lowering.region_up(regions), "region_gate_up"),
        };
        self.tile(values, Spot::of(buffer), tile, |pe, out, input| {
            let Some((expert, column, row)) = place(pe).filter(|place| place.0 < experts) else {
                return Ok(None);
            };
            let inside = |at: u32| Some(column * regions.width + at).filter(|&at| at < width);
            if combine {
                let both = inside(input).zip(of_slice(row, out)?);
                return Ok(both.map(|(input, out)| self.weights.matrix(name, expert, out, input)));
            }
            let second = out / regions.width;
            let both = inside(out % regions.width).zip(of_slice(row, input)?);
            Ok(both.map(|(out, input)| {
                -self.weights.matrix(name, expert, second * width + out, input)
            }))
        })
    }
}
