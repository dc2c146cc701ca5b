//! Claims about the machines themselves.

use super::{RACK, View, WAFERS, absent, figure, largest_part, percent, row, share};
use crate::hardware::Fact;
use crate::wafer::hardware::WaferFacts;
use reports::outcome::Claim;

/// Ports of a router that lead to neighbours.
const PORTS: f64 = 4.0;
/// Bytes of a wavelet.
const WAVELET: f64 = 4.0;
/// What the vendor states for the fabric of the whole wafer `[bits/s]`.
const VENDOR_FABRIC: f64 = 214e15;
const OVER_NVLINK: f64 = 200.0;

fn pes(facts: &WaferFacts) -> f64 {
    facts.grid.columns.get() * facts.grid.rows.get()
}

pub(super) fn fabric_bandwidth(view: &View<'_>) -> Claim {
    let found = match (view.wafer, view.rack) {
        (None, _) => absent(WAFERS),
        (_, None) => absent(RACK),
        (Some((wafer, _)), Some((rack, _))) => {
            let facts = &wafer.preset.facts;
            let clock = facts.clock.get();
            let one_way = pes(facts) * PORTS * WAVELET * clock;
            let link = &rack.preset.facts.nvlink;
            let nvlink_one_way =
                rack.preset.facts.gpus.get() * link.links.get() * link.link_bandwidth.get();
            let (alike, mixed) = (one_way / nvlink_one_way, one_way / nvlink_one_way / 2.0);
            let vendor = VENDOR_FABRIC / 8.0 / nvlink_one_way / 2.0;
            let hops = (facts.grid.columns.get() + facts.grid.rows.get()) / 3.0;
            let verdict = if mixed > OVER_NVLINK {
                "more than 200x however it is counted"
            } else if alike > OVER_NVLINK {
                "more than 200x only if both are counted alike"
            } else {
                "less than 200x however it is counted"
            };
            (
                format!("{}x to {}x", figure(mixed), figure(alike)),
                format!(
                    "{verdict}: {:.0} PEs x 4 ports x 4 B at {} are {:.1} PB/s one way, {}x the \
                     {:.0} TB/s of NVLink counted both ways and {}x counted alike; the vendor's \
                     214 Pb/s, counted in an unpublished way, would be {}x and lies between {:.0} \
                     and {:.0} Pb/s; these are sums over links: a byte between two PEs at random crosses some \
                     {hops:.0} of them, one to another GPU crosses one switch",
                    pes(facts),
                    facts.clock.value.text(),
                    one_way / 1e15,
                    figure(mixed),
                    nvlink_one_way * 2.0 / 1e12,
                    figure(alike),
                    figure(vendor),
                    (one_way * 8e-15).min(VENDOR_FABRIC / 1e15),
                    (one_way * 16e-15).max(VENDOR_FABRIC / 1e15),
                ),
            )
        }
    };
    row("5", "on-wafer fabric bandwidth against NVLink in an NVL72", "more than 200x", found)
}

pub(super) fn sram(view: &View<'_>) -> Claim {
    let found = view.wafer.map_or_else(
        || absent(WAFERS),
        |(wafer, _)| {
            let facts = &wafer.preset.facts;
            let bytes = pes(facts) * facts.pe.sram.get();
            let usable = pes(facts) * (facts.pe.sram.get() - facts.pe.reserve.get()).max(0.0);
            (
                format!("{:.1} GB", bytes / 1e9),
                format!(
                    "{:.0} PEs that a program can use, {} each; the advertised cores include those \
                     of the margins; less the assumed {} a PE for code and buffers, {:.1} GB hold \
                     weights and cache",
                    pes(facts),
                    text(&facts.pe.sram),
                    text(&facts.pe.reserve),
                    usable / 1e9
                ),
            )
        },
    );
    row("6", "on-chip SRAM of a WSE-3", "44 GB", found)
}

fn text<D: crate::hardware::Dimension>(fact: &Fact<D>) -> String {
    fact.value.text()
}

pub(super) fn systems(view: &View<'_>) -> Claim {
    let found = view.wafer.map_or_else(
        || absent(WAFERS),
        |(wafer, outcome)| {
            let facts = &wafer.preset.facts;
            let usable = pes(facts) * (facts.pe.sram.get() - facts.pe.reserve.get()).max(0.0);
            let model = &view.scenario.model;
            let weights = (model.weight_bytes() + model.scale_bytes()) as f64;
            let least = (weights / usable).ceil();
            let ends = facts.pe.reserve.range.as_ref().map(|(low, high)| {
                let at = |reserve: f64| {
                    (weights / (pes(facts) * (facts.pe.sram.get() - reserve).max(1.0))).ceil()
                };
                format!(
                    " (with {} to {} reserved, {:.0} to {:.0})",
                    low.text(),
                    high.text(),
                    at(low.number),
                    at(high.number)
                )
            });
            (
                format!("{} wafers", outcome.units),
                format!(
                    "{:.0} GB of weights and scales over {:.1} GB a wafer need at least {least:.0}{}; \
                     the rest is whole layers a wafer, the KV cache of {} tokens and buffers",
                    weights / 1e9,
                    usable / 1e9,
                    ends.unwrap_or_default(),
                    view.scenario.request.context()
                ),
            )
        },
    );
    row("11", "systems for a trillion parameters", "about 20 CS-3", found)
}

pub(super) fn interconnect(view: &View<'_>) -> Claim {
    let found = view.rack.map_or_else(
        || absent(RACK),
        |(machine, outcome)| {
            let split = &outcome.token_split;
            let fabric = share(split.fabric_us, split.total_us());
            let (largest, largest_share) = largest_part(split);
            let verdict = if largest == "fabric" {
                "the interconnect is the largest part".to_string()
            } else {
                format!(
                    "the largest part is {largest} with {}, not the interconnect",
                    percent(largest_share)
                )
            };
            (
                format!(
                    "{} GPUs, NVLink {} of a token's time",
                    machine.preset.facts.gpus.whole(),
                    percent(fabric)
                ),
                format!("at batch {}: {verdict}", machine.spec.batch),
            )
        },
    );
    let claimed = "72 GPUs; the interconnect is the primary constraint";
    row("12", "NVL72", claimed, found)
}
