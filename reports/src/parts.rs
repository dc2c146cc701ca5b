//! The five parts of time, in one order, with one name and one colour everywhere.
//!
//! Colours are Okabe and Ito's, told apart with any kind of colour vision; waiting is grey because
//! nothing happens in it. Dark text reads on all of them.

use crate::format::length;
use crate::outcome::TimeSplit;

/// Red, green, blue.
pub(crate) type Rgb = (u8, u8, u8);

/// One part of a [`TimeSplit`].
pub(crate) struct Part {
    /// Name in legends; also the CSS class.
    pub(crate) name: &'static str,
    /// What it means, in a few words.
    pub(crate) meaning: &'static str,
    /// Colour of its bars.
    pub(crate) colour: Rgb,
    of: fn(&TimeSplit) -> f64,
}

impl Part {
    /// Length of this part `[us]`, zero where it is not a number.
    pub(crate) fn us(&self, split: &TimeSplit) -> f64 {
        length((self.of)(split))
    }

    /// Share of this part in the whole `[fraction]`.
    pub(crate) fn share(&self, split: &TimeSplit) -> f64 {
        let total = total_us(split);
        if total > 0.0 { self.us(split) / total } else { 0.0 }
    }
}

/// All parts, in the order in which bars stack them.
pub(crate) const PARTS: [Part; 5] = [
    Part {
        name: "arithmetic",
        meaning: "arithmetic units at work",
        colour: (0, 158, 115),
        of: |split| split.arithmetic_us,
    },
    Part {
        name: "memory",
        meaning: "waiting for SRAM or HBM beyond the arithmetic",
        colour: (86, 180, 233),
        of: |split| split.memory_us,
    },
    Part {
        name: "fabric",
        meaning: "data moving on the mesh or NVLink",
        colour: (230, 159, 0),
        of: |split| split.fabric_us,
    },
    Part {
        name: "I/O",
        meaning: "data moving between wafers or racks",
        colour: (204, 121, 167),
        of: |split| split.io_us,
    },
    Part {
        name: "waiting",
        meaning: "fixed costs and idling: set-up, task starts, kernel launches, bubbles",
        colour: (153, 153, 153),
        of: |split| split.waiting_us,
    },
];

/// Colours that tell machines, or owners of memory, apart.
pub(crate) const CATEGORIES: [Rgb; 7] = [
    (0, 114, 178),
    (213, 94, 0),
    (0, 158, 115),
    (204, 121, 167),
    (230, 159, 0),
    (86, 180, 233),
    (153, 153, 153),
];

/// Colour of the `index`-th category.
pub(crate) fn category(index: usize) -> Rgb {
    CATEGORIES[index % CATEGORIES.len()]
}

/// Sum of the parts `[us]`, leaving out what is not a number.
pub(crate) fn total_us(split: &TimeSplit) -> f64 {
    PARTS.iter().map(|part| part.us(split)).sum()
}

/// The cividis colour map at `share` of its length: dark blue to yellow, even in lightness.
pub(crate) fn cividis(share: f64) -> Rgb {
    const STOPS: [[f64; 3]; 9] = [
        [0.0, 34.0, 78.0],
        [26.0, 56.0, 111.0],
        [65.0, 77.0, 107.0],
        [95.0, 99.0, 110.0],
        [124.0, 123.0, 120.0],
        [155.0, 148.0, 118.0],
        [188.0, 175.0, 111.0],
        [222.0, 203.0, 94.0],
        [254.0, 232.0, 56.0],
    ];
    let place = length(share).min(1.0) * (STOPS.len() - 1) as f64;
    let below = (place as usize).min(STOPS.len() - 2);
    let mix = |c: usize| {
        let (from, to) = (STOPS[below][c], STOPS[below + 1][c]);
        (from + (to - from) * (place - below as f64)).round() as u8
    };
    (mix(0), mix(1), mix(2))
}

/// Whether dark text reads better than light text on `colour`.
pub(crate) fn is_light((red, green, blue): Rgb) -> bool {
    0.299 * f64::from(red) + 0.587 * f64::from(green) + 0.114 * f64::from(blue) > 120.0
}
