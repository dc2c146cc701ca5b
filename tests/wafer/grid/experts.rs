//! Which PE of a fixed grid holds what of a router and of experts.

use super::load::{Loader, within};
use sim_fabric::mesh::collective::gathered;
use wafersim::wafer::grid::buffers;
use wafersim::wafer::instruction::Spot;
use wafersim::wafer::values::Values;
use workloads::model::FeedForward;

/// Room for what numbers decide the address of.
pub(super) fn rooms(loader: &Loader<'_>) -> Vec<(&'static str, u32)> {
    let FeedForward::Moe { experts, shared, intermediate, .. } = loader.plain.model.layers[0]
    else {
        return Vec::new();
    };
    let decoding = loader.decoding;
    let (pes, own) = decoding.router_rows(experts);
    let all = pes * own;
    let tile = |combine| {
        let (outs, ins) = match combine {
            true => (decoding.hidden, intermediate),
            false => (2 * intermediate, decoding.hidden),
        };
        (experts + shared) * decoding.expert_tile(outs, ins, combine).apart()
    };
    vec![
        ("experts_gate_up", tile(false)),
        ("experts_down", tile(true)),
        (buffers::EXPERT_SCORES.buffer, 2 * all),
        (buffers::EARLIER.buffer, 2 * all),
        (buffers::CHOSEN.buffer, 2 * (2 * all + 1)),
    ]
}

pub(super) fn load(loader: &Loader<'_>, values: &mut Values, (s, o): (u32, u32)) {
    let (plain, decoding) = (loader.plain, loader.decoding);
    let FeedForward::Moe { experts, shared, intermediate, .. } = plain.model.layers[0] else {
        return;
    };
    let (hidden, own) = (decoding.hidden, decoding.own());
    let (pes, each) = decoding.router_rows(experts);
    let all = pes * each;
    for i in 0..all {
        values.set((s, o), buffers::EXPERT_SCORES.plus(all + i), i as f32);
        values.set((s, o), buffers::EARLIER.plus(all + i), 1.0);
    }
    if let Some(row) = within(o, decoding.grid.rows, pes) {
        // Experts are dealt out so that their scores come together in their order.
        let place = gathered(pes, 1, 0).iter().position(|&pe| pe == row).expect("is there") as u32;
        values.set((s, o), buffers::ROUTER_PLACE, place as f32);
        for l in 0..each {
            let expert = place * each + l;
            // What is no expert ranks behind all.
            if expert >= experts {
                values.set((s, o), buffers::RANK.plus(l), all as f32);
                continue;
            }
            for slot in 0..own {
                if let Some(input) = loader.element(s, slot) {
                    let weight = -plain.weight("router", expert as usize, input) as f32;
                    values.set((s, o), Spot::of("router").plus(slot * each + l), weight);
                }
            }
            if plain.model.mlp_bias && loader.first_column(s) {
                let bias = -plain.bias("router", expert as usize) as f32;
                values.set((s, o), Spot::of("router").plus(own * each + l), bias);
            }
        }
    }
    let (rows, half) = decoding.over_rows(intermediate);
    let Some(row) = within(o, decoding.grid.rows, rows) else { return };
    let (up, down) = (Spot::of("experts_gate_up"), Spot::of("experts_down"));
    let up_tile = decoding.expert_tile(2 * intermediate, hidden, false);
    let down_tile = decoding.expert_tile(hidden, intermediate, true);
    for expert in 0..experts + shared {
        let (e, up_at, down_at) =
            (expert as usize, expert * up_tile.apart(), expert * down_tile.apart());
        for k in (0..half).filter(|k| row * half + k < intermediate) {
            let middle = (row * half + k) as usize;
            let outs = [middle, middle + intermediate as usize];
            for (out, at) in outs.into_iter().zip([k, half + k]) {
                for slot in 0..own {
                    if let Some(input) = loader.element(s, slot) {
                        let weight = -plain.of_group("experts_gate_up", e, out, input) as f32;
                        values.set((s, o), up.plus(up_at + slot * 2 * half + at), weight);
                    }
                }
                if up_tile.bias && loader.first_column(s) {
                    let bias = -plain.bias_of("experts_gate_up", e, out) as f32;
                    values.set((s, o), up.plus(up_at + own * 2 * half + at), bias);
                }
            }
            for slot in 0..own {
                if let Some(out) = loader.element(s, slot) {
                    let weight = plain.of_group("experts_down", e, out, middle) as f32;
                    values.set((s, o), down.plus(down_at + k * own + slot), weight);
                }
            }
        }
        for slot in (0..own).filter(|_| down_tile.bias && row == 0) {
            if let Some(out) = loader.element(s, slot) {
                let bias = plain.bias_of("experts_down", e, out) as f32;
                values.set((s, o), down.plus(down_at + half * own + slot), bias);
            }
        }
    }
}
