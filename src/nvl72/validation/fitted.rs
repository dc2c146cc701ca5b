//! The fitted constants: these and no others, each fitted on half of its tables.

use crate::hardware::{FactRow, Facts};
use crate::nvl72::Nvl72Preset;
use crate::scenario::preset;

/// Constants of a GB200 that are fitted; every other system has them too.
const FITTED: [&str; 7] = [
    "collective.in_switch",
    "hbm.round_trip",
    "kernel.fixed",
    "kernel.sequence",
    "kernel.step",
    "nvlink.latency",
    "nvlink.packet_overhead",
];

/// Those that the one ratio between Hopper and Blackwell, the eighth fitted constant, makes shorter.
const SCALED: [&str; 4] =
    ["collective.in_switch", "hbm.round_trip", "kernel.fixed", "nvlink.latency"];

/// The numbers of the built-in preset `name` whose source speaks of a fit.
fn fitted(name: &str) -> Vec<FactRow> {
    let preset: Nvl72Preset = preset::built_in(name).unwrap();
    let mut rows: Vec<FactRow> = preset.facts.all();
    rows.retain(|row| row.source.contains("fitted") && !row.source.contains("not fitted"));
    rows.sort_by(|a, b| a.path.cmp(&b.path));
    rows
}

#[test]
fn conservation_eight_constants_are_fitted_and_each_names_its_rows() {
    let of_gb200 = fitted("gb200-nvl72");
    let paths: Vec<&str> = of_gb200.iter().map(|row| row.path.as_str()).collect();
    assert_eq!(paths, FITTED);
    for row in &of_gb200 {
        assert!(row.source.contains("fitted on rows 0, 2, 4, ... of "), "{}", row.path);
    }
}

#[test]
fn conservation_other_systems_have_no_fit_of_their_own_but_hopper_s_ratio() {
    let of_gb200 = fitted("gb200-nvl72");
    for name in ["gb300-nvl72", "b200x8", "h200x8"] {
        let of_other = fitted(name);
        assert_eq!(of_other.len(), FITTED.len(), "{name}");
        let mut ratios = Vec::new();
        for (ours, theirs) in of_gb200.iter().zip(&of_other) {
            assert_eq!(ours.path, theirs.path, "{name}");
            let ratio = theirs.number / ours.number;
            if name == "h200x8" && SCALED.contains(&ours.path.as_str()) {
                ratios.push(ratio);
            } else {
                assert_eq!(ratio, 1.0, "{name}: {}", ours.path);
            }
        }
        assert_eq!(ratios.len(), if name == "h200x8" { SCALED.len() } else { 0 });
        for ratio in &ratios {
            assert!(*ratio < 1.0, "{name}: {ratios:?}");
            assert!((ratio / ratios[0] - 1.0).abs() < 1e-3, "{name}: {ratios:?}");
        }
    }
}
