//! Where a model's parts stand, and who owns the bytes of their PEs.
//!
//! ```text
//! band of a part, full width:   rectangles of its operators share the middle, so
//!   +-----------------------+   the PEs of one cell hold the same: areas, each with its bytes by owner
//!   |   +---------------+   |
//!   |   |  +---------+  |   |   the fullest PE is the one in the middle
//!   +---+--+---------+--+---+
//! ```
//! Tiles that do not divide count as full ones. The context at which memory is full keeps the mapping as
//! it is; a mapping for a longer context may hold more.

pub mod why;

use super::layer::Run;
use super::machine::Bench;
use super::parts::Pipeline;
use super::place::Placement;
use serde::Serialize;
use serde_json::{Map, Value, json};
use sim_sram::Owner;
use workloads::forward::Step;

/// Bytes of one PE by owner.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bytes {
    of: [u64; Owner::ALL.len()],
    /// Memory of a PE `[bytes]`.
    sram: u64,
}

/// PEs of a band that hold the same.
#[derive(Clone, Debug, Serialize)]
pub struct Area {
    /// First column of the band.
    pub x: u32,
    /// First row of the band.
    pub y: u32,
    /// Columns.
    pub columns: u32,
    /// Rows.
    pub rows: u32,
    /// What each of them holds.
    #[serde(serialize_with = "serialize")]
    pub pe_bytes: Bytes,
}

/// A distinct part of the model.
#[derive(Clone, Debug, Serialize)]
pub struct PartView {
    /// "embedding", "dense", "moe" or "head".
    pub part: String,
    /// How many of it the model has.
    pub count: u32,
    /// Columns of its band.
    pub columns: u32,
    /// Rows of its band.
    pub rows: u32,
    /// Its mapping, as `force` takes it.
    pub mapping: String,
    /// The fullest PE.
    #[serde(serialize_with = "serialize")]
    pub pe_bytes: Bytes,
    /// What the fullest PE holds, by operator.
    pub entries: Vec<Entry>,
    /// All PEs.
    pub areas: Vec<Area>,
    /// Tokens in the cache at which the fullest PE is full; `None` if it keeps none.
    pub context_full: Option<u32>,
}

/// Bytes of one operator in the fullest PE.
#[derive(Clone, Debug, Serialize)]
pub struct Entry {
    /// Operator, or what the bytes are for.
    pub what: String,
    /// Who owns them.
    pub owner: String,
    /// How many `[bytes]`.
    pub bytes: u64,
}

/// A stage of the pipeline in its place.
#[derive(Clone, Debug, Serialize)]
pub struct Stage {
    /// Layer of the model; `None` for embedding and head.
    pub layer: Option<u32>,
    /// Part it is one of.
    pub part: String,
    /// Wafer, from 0.
    pub wafer: u32,
    /// First column.
    pub x: u32,
    /// First row.
    pub y: u32,
    /// Columns.
    pub columns: u32,
    /// Rows.
    pub rows: u32,
    /// Bytes left in its fullest PE, with all parts that share its band `[bytes]`.
    pub head_room: u64,
}

/// A placed model.
#[derive(Clone, Debug, Serialize)]
pub struct Inspection {
    /// Name of the machine.
    pub machine: String,
    /// Wafers in use.
    pub wafers: u32,
    /// Columns and rows of a wafer.
    pub grid: [u32; 2],
    /// Memory of a PE `[bytes]`.
    pub sram: u64,
    /// Longest context of the request `[tokens]`.
    pub context: u32,
    /// Longest context of the model `[tokens]`.
    pub model_context: u32,
    /// Context at which the memory of some PE is full, the mapping as it is `[tokens]`.
    pub context_full: Option<u32>,
    /// Bytes left in the fullest PE of all `[bytes]`.
    pub head_room: u64,
    /// Distinct parts.
    pub parts: Vec<PartView>,
    /// The pipeline in order.
    pub layers: Vec<Stage>,
}

impl Bytes {
    /// Bytes of `owner` `[bytes]`.
    pub fn of(&self, owner: Owner) -> u64 {
        Owner::ALL.iter().zip(self.of).find(|(o, _)| **o == owner).map_or(0, |(_, bytes)| bytes)
    }

    /// All that is in use `[bytes]`.
    pub fn used(&self) -> u64 {
        self.of.iter().sum()
    }

    /// What is left `[bytes]`.
    pub fn free(&self) -> u64 {
        self.sram.saturating_sub(self.used())
    }

    fn add(&mut self, owner: Owner, bytes: u64) {
        for (of, known) in self.of.iter_mut().zip(Owner::ALL) {
            *of += if known == owner { bytes } else { 0 };
        }
    }

    /// By key, as JSON has it.
    pub fn json(&self) -> Value {
        let key = |owner| match owner {
            Owner::Weights => "weights",
            Owner::Scales => "scales",
            Owner::KvCache => "kv_cache",
            Owner::Activations => "activations",
            Owner::Reserve => "code_and_buffers",
        };
        let mut map = Map::new();
        for (owner, bytes) in Owner::ALL.into_iter().zip(self.of) {
            map.insert(key(owner).to_string(), json!(bytes));
        }
        map.insert("used".to_string(), json!(self.used()));
        map.insert("free".to_string(), json!(self.free()));
        Value::Object(map)
    }
}

fn serialize<S: serde::Serializer>(bytes: &Bytes, to: S) -> Result<S::Ok, S::Error> {
    bytes.json().serialize(to)
}

impl Bench<'_> {
    /// Where everything stands and who owns its bytes.
    pub fn inspect(&self, placement: &Placement) -> Inspection {
        let context = self.request().context();
        let pipeline = Pipeline::new(self.model(), Step::Decode { batch: 1, context });
        let columns = self.facts.grid.columns.whole() as u32;
        let sram = self.facts.pe.sram.whole();
        let parts: Vec<PartView> = (0..pipeline.kinds.len())
            .map(|kind| self.part_view(&pipeline, placement, kind, context))
            .collect();
        let layers: Vec<Stage> = placement
            .bands
            .iter()
            .enumerate()
            .map(|(stage, band)| {
                let part = &parts[pipeline.stages[stage]];
                Stage {
                    layer: pipeline.layers[stage],
                    part: part.part.clone(),
                    wafer: band.wafer,
                    x: 0,
                    y: band.y,
                    columns,
                    rows: band.rows,
                    head_room: sram.saturating_sub(placement.held[stage]),
                }
            })
            .collect();
        Inspection {
            machine: self.name().to_string(),
            wafers: placement.wafers,
            grid: [columns, self.facts.grid.rows.whole() as u32],
            sram,
            context,
            model_context: self.model().max_context,
            context_full: parts.iter().filter_map(|part| part.context_full).min(),
            head_room: layers.iter().map(|stage| stage.head_room).min().unwrap_or(0),
            parts,
            layers,
        }
    }

    fn part_view(
        &self,
        pipeline: &Pipeline,
        placement: &Placement,
        kind: usize,
        context: u32,
    ) -> PartView {
        let mapping = &placement.mappings[kind];
        let sram = self.facts.pe.sram.whole();
        let band = [self.facts.grid.columns.whole() as u32, placement.rows[kind]];
        let mut fullest = Bytes { sram, ..Bytes::default() };
        let entries = mapping.ledger.entries();
        entries.iter().for_each(|(_, owner, bytes)| fullest.add(*owner, *bytes));
        // What belongs to no operator is in every PE.
        let operators = &mapping.run.operators;
        let rectangle = |what: &str| {
            let found = operators.iter().find(|timed| timed.kernel.name == what);
            found.map_or(band, |timed| timed.kernel.rectangle)
        };
        let held: Vec<([u32; 2], Owner, u64)> =
            entries.iter().map(|(what, owner, bytes)| (rectangle(what), *owner, *bytes)).collect();
        PartView {
            part: pipeline.kinds[kind].kind.to_string(),
            count: pipeline.stages.iter().filter(|&&stage| stage == kind).count() as u32,
            columns: band[0],
            rows: band[1],
            mapping: mapping.choices.to_string(),
            context_full: self.context_full(pipeline, placement, kind, context),
            pe_bytes: fullest,
            entries: entries
                .iter()
                .map(|(what, owner, bytes)| Entry {
                    what: what.clone(),
                    owner: owner.to_string(),
                    bytes: *bytes,
                })
                .collect(),
            areas: areas(band, &held, sram),
        }
    }

    /// Most tokens that the caches of all parts which share a part's fullest PE can serve.
    fn context_full(
        &self,
        pipeline: &Pipeline,
        placement: &Placement,
        kind: usize,
        context: u32,
    ) -> Option<u32> {
        let cache = |kind: usize| placement.mappings[kind].ledger.of(Owner::KvCache);
        if cache(kind) == 0 {
            return None;
        }
        let tokens = |kind: usize, context: u32| {
            let choices = &placement.mappings[kind].choices;
            let run = Run { rows: placement.rows[kind], ..self.run() };
            u64::from(run.lowering(choices).tokens_per_pe(context, choices.attention_rows))
        };
        // The fullest band of this kind, and what stands in it.
        let of_kind = |stage: &usize| pipeline.stages[*stage] == kind;
        let stages = 0..placement.bands.len();
        let fullest = stages.filter(of_kind).max_by_key(|&stage| placement.held[stage])?;
        let mut together = vec![0u64; pipeline.kinds.len()];
        for (stage, band) in placement.bands.iter().enumerate() {
            together[pipeline.stages[stage]] += u64::from(*band == placement.bands[fullest]);
        }
        let fits = |longer: u32| {
            let more = together.iter().enumerate().filter(|(kind, n)| **n > 0 && cache(*kind) > 0);
            let more = more.map(|(kind, n)| {
                let now = tokens(kind, context).max(1);
                let token_bytes = cache(kind) / now;
                n * token_bytes * tokens(kind, longer).saturating_sub(now)
            });
            placement.held[fullest] + more.sum::<u64>() <= self.facts.pe.sram.whole()
        };
        let (mut low, mut high) = (context, u32::MAX / 2);
        while low + 1 < high {
            let middle = low + (high - low) / 2;
            if fits(middle) { low = middle } else { high = middle }
        }
        Some(low)
    }
}

/// The PEs of a band, cut where a rectangle begins or ends; rectangles share the middle.
fn areas(band: [u32; 2], held: &[([u32; 2], Owner, u64)], sram: u64) -> Vec<Area> {
    let spans = |axis: usize| {
        let span = move |pes: u32| {
            let from = band[axis] / 2 - pes.min(band[axis]) / 2;
            (from, from + pes.min(band[axis]))
        };
        let mut cuts: Vec<u32> =
            held.iter().flat_map(|(pes, ..)| <[u32; 2]>::from(span(pes[axis]))).collect();
        cuts.extend([0, band[axis]]);
        cuts.sort_unstable();
        cuts.dedup();
        (cuts, span)
    };
    let (columns, along_x) = spans(0);
    let (rows, along_y) = spans(1);
    let mut list: Vec<Area> = Vec::new();
    for y in rows.windows(2) {
        for x in columns.windows(2) {
            let mut pe_bytes = Bytes { sram, ..Bytes::default() };
            for &(pes, owner, bytes) in held {
                let (left, top) = (along_x(pes[0]), along_y(pes[1]));
                if left.0 <= x[0] && x[1] <= left.1 && top.0 <= y[0] && y[1] <= top.1 {
                    pe_bytes.add(owner, bytes);
                }
            }
            let (width, height) = (x[1] - x[0], y[1] - y[0]);
            list.push(Area { x: x[0], y: y[0], columns: width, rows: height, pe_bytes });
        }
    }
    list
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conservation_areas_cover_the_band_and_keep_every_byte() {
        let held = [
            ([100, 40], Owner::Reserve, 8),
            ([60, 40], Owner::Weights, 5),
            ([33, 7], Owner::KvCache, 3),
            ([60, 1], Owner::Scales, 2),
        ];
        let list = areas([100, 40], &held, 64);
        let pes: u32 = list.iter().map(|area| area.columns * area.rows).sum();
        assert_eq!(pes, 4000);
        for (rectangle, owner, bytes) in held {
            let all: u64 = list
                .iter()
                .map(|area| u64::from(area.columns * area.rows) * area.pe_bytes.of(owner))
                .sum();
            assert_eq!(all, u64::from(rectangle[0] * rectangle[1]) * bytes, "{owner}");
        }
        let fullest = list.iter().map(|area| area.pe_bytes.used()).max();
        assert_eq!(fullest, Some(8 + 5 + 3 + 2));
        assert_eq!(list[0].pe_bytes.free(), 56);
    }
}
