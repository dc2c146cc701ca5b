//! Heat of PEs: what the page and the picture colour, for each wafer that differs from the others.

use crate::outcome::{MachineOutcome, PeMap, UnitPlacement};
use crate::view::extent;

/// What can be shown of a PE.
pub(crate) struct Quantity {
    /// Short name, for a switch.
    pub(crate) name: &'static str,
    /// What it is, with its unit.
    pub(crate) note: &'static str,
    /// Unit behind a figure.
    pub(crate) unit: &'static str,
    /// Name in the script's data.
    pub(crate) key: &'static str,
    stripes: fn(&PeMap) -> &[crate::outcome::Stripe],
    /// What counts as full, where that is known.
    full: fn(&PeMap) -> Option<u64>,
}

/// All of them, the first one shown first.
pub(crate) const QUANTITIES: [Quantity; 3] = [
    Quantity {
        name: "utilisation",
        note: "share of its layer's cycles in which a PE computes, reads its memory or has a word at \
               its ramp",
        unit: "cycles",
        key: "busy",
        stripes: |map| &map.busy,
        full: |map| Some(map.cycles),
    },
    Quantity {
        name: "SRAM fill",
        note: "bytes in use of those that a PE has",
        unit: "bytes",
        key: "sram",
        stripes: |map| &map.sram,
        full: |map| Some(map.capacity),
    },
    Quantity {
        name: "link load",
        note: "wavelets that leave a PE's router over its four links, as share of what these carry in \
               its layer's cycles",
        unit: "wavelets",
        key: "words",
        stripes: |map| &map.words,
        full: |map| Some(4 * map.cycles),
    },
];

/// A wafer that stands for all that hold the same kinds of parts at the same places.
pub(crate) struct Wafer<'a> {
    /// The first of them.
    pub(crate) unit: &'a UnitPlacement,
    /// Their numbers.
    pub(crate) units: Vec<u32>,
}

/// The wafers that differ, in order; none where there are no maps.
pub(crate) fn wafers(machine: &MachineOutcome) -> Vec<Wafer<'_>> {
    let mut wafers: Vec<Wafer<'_>> = Vec::new();
    if machine.maps.is_empty() {
        return wafers;
    }
    let alike = |a: &UnitPlacement, b: &UnitPlacement| {
        a.regions.len() == b.regions.len()
            && a.regions.iter().zip(&b.regions).all(|(a, b)| {
                (&a.part, a.x, a.y, a.columns, a.rows) == (&b.part, b.x, b.y, b.columns, b.rows)
            })
    };
    for unit in machine.placement.iter().filter(|unit| !unit.regions.is_empty()) {
        match wafers.iter_mut().find(|wafer| alike(wafer.unit, unit)) {
            Some(wafer) => wafer.units.push(unit.unit),
            None => wafers.push(Wafer { unit, units: vec![unit.unit] }),
        }
    }
    wafers
}

impl Wafer<'_> {
    /// What stands on it, in words that hold for all of them.
    pub(crate) fn holds(&self) -> String {
        if self.units.len() == 1 {
            return self.unit.holds.clone();
        }
        let parts: Vec<&str> = self.unit.regions.iter().map(|r| r.part.as_str()).collect();
        format!("layers of kind {}", parts.join(", "))
    }

    /// "wafer 0", "wafers 1 to 19, each".
    pub(crate) fn name(&self, unit: &str) -> String {
        let (first, last) = (self.units[0], self.units[self.units.len() - 1]);
        match self.units.len() {
            1 => format!("{unit} {first}"),
            n if (last - first) as usize + 1 == n => format!("{unit}s {first} to {last}, each"),
            n => format!("{unit} {first} and {} like it", n - 1),
        }
    }
}

/// Values of all PEs of a wafer, row by row, as shares of what is full, and the largest of them.
pub(crate) struct Picture {
    /// Columns and rows.
    pub(crate) size: [usize; 2],
    /// One share for each PE; negative where no part stands.
    pub(crate) shares: Vec<f32>,
}

/// The picture of one quantity on one wafer; `fields` holds the quantity of each part.
pub(crate) fn picture(
    machine: &MachineOutcome,
    wafer: &Wafer<'_>,
    fields: &[(&PeMap, Vec<u64>)],
    quantity: &Quantity,
) -> Option<Picture> {
    let [columns, rows] = extent(machine)?.map(|side| side as usize);
    if columns.checked_mul(rows)? > 1 << 24 {
        return None;
    }
    let mut shares = vec![-1.0; columns * rows];
    for region in &wafer.unit.regions {
        let Some((map, field)) = fields.iter().find(|(map, _)| map.part == region.part) else {
            continue;
        };
        let full = (quantity.full)(map).unwrap_or(1).max(1) as f32;
        for y in 0..region.rows.min(map.rows) as usize {
            for x in 0..region.columns.min(map.columns) as usize {
                let (at_x, at_y) = (x + region.x as usize, y + region.y as usize);
                let value = field.get(y * map.columns as usize + x);
                if let (Some(value), true) = (value, at_x < columns && at_y < rows) {
                    shares[at_y * columns + at_x] = *value as f32 / full;
                }
            }
        }
    }
    Some(Picture { size: [columns, rows], shares })
}

/// The quantity of every part's PEs.
pub(crate) fn fields<'a>(
    machine: &'a MachineOutcome,
    quantity: &Quantity,
) -> Vec<(&'a PeMap, Vec<u64>)> {
    let of = |map: &'a PeMap| (map, map.field((quantity.stripes)(map)));
    machine.maps.iter().map(of).collect()
}

/// Mean and largest value of a field, and where the largest is first.
pub(crate) fn summary(map: &PeMap, field: &[u64]) -> (f64, u64, [usize; 2]) {
    let sum: u64 = field.iter().fold(0, |sum, &v| sum.saturating_add(v));
    let most = field.iter().copied().max().unwrap_or(0);
    let at = field.iter().position(|&v| v == most).unwrap_or(0);
    let columns = (map.columns as usize).max(1);
    (sum as f64 / field.len().max(1) as f64, most, [at % columns, at / columns])
}

/// The upper end of a colour scale that shows `most`: a round share.
pub(crate) fn scale_end(most: f32) -> f32 {
    let steps = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0];
    steps.into_iter().find(|end| most <= *end).unwrap_or(1.0)
}

/// Largest share of some pictures.
pub(crate) fn most<'a>(pictures: impl Iterator<Item = &'a Picture>) -> f32 {
    pictures.flat_map(|picture| &picture.shares).copied().fold(0.0, f32::max)
}
