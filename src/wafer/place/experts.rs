//! Experts striped or by regions: both are mapped and simulated, and the faster one runs unless the
//! scenario asks for one of them.
//!
//! ```text
//! striped   all PEs of a layer multiply a slice of each chosen expert
//! regions   the chosen experts' rectangles multiply, all others idle: more work for fewer PEs
//! ```

use super::{Asked, Force, Standing, stack};
use crate::error::Error;
use crate::wafer::choices::Choices;
use crate::wafer::layer::{Part, Run};
use crate::wafer::mapper::{self, Limits, Mapping};
use crate::wafer::parts::Pipeline;
use crate::wafer::spec::ExpertsChoice;
use crate::wafer::timer::Spent;
use serde::Serialize;
use workloads::forward::OperatorKind;

/// Bands of a wafer that are tried for experts by regions.
const DIVISIONS: [u32; 12] = [40, 30, 20, 16, 12, 8, 6, 5, 4, 3, 2, 1];

/// One way, as simulated.
#[derive(Clone, Debug, Serialize)]
pub struct Way {
    /// The part's choices, as `force` takes them.
    pub force: String,
    /// Rows of its band.
    pub rows: u32,
    /// Its whole part `[cycles]`.
    pub part_cycles: u64,
    /// Experts and their activation alone `[cycles]`.
    pub experts_cycles: u64,
    /// Of those: the datapath and the memory behind it at work `[cycles]`.
    pub work_cycles: u64,
    /// Of those: words on the mesh `[cycles]`.
    pub fabric_cycles: u64,
    /// PEs that multiply for one chosen expert.
    pub pes: u64,
}

/// Both ways of one part.
#[derive(Clone, Debug, Serialize)]
pub struct Compared {
    /// The part.
    pub part: String,
    /// Whether regions run.
    pub regions_run: bool,
    /// Striped.
    pub striped: Way,
    /// By regions; `None` where they fit no band of a wafer.
    pub regions: Option<Way>,
}

impl Compared {
    /// Which one runs, and why, in words.
    pub fn explain(&self) -> String {
        let way = |way: &Way| {
            format!(
                "{} cycles a layer of {} rows, {} of them for experts ({} at work on {} PEs an expert, {} \
                 words on the mesh)",
                way.part_cycles,
                way.rows,
                way.experts_cycles,
                way.work_cycles,
                way.pes,
                way.fabric_cycles
            )
        };
        let striped = way(&self.striped);
        match &self.regions {
            None => format!("{}: striped runs: {striped}; regions fit no band", self.part),
            Some(regions) => format!(
                "{}: {} runs. Striped: {striped}. By regions: {}",
                self.part,
                if self.regions_run { "by regions" } else { "striped" },
                way(regions)
            ),
        }
    }
}

/// Maps experts by regions, in bands that no parts share, as all stand in `alone`; puts those into `standing`
/// where they are asked for or faster than what stands there.
pub(super) fn choose(
    run: &Run<'_>,
    pipeline: &Pipeline,
    (wafer_rows, limits, asked): (u32, Limits, Asked),
    force: Force<'_>,
    (alone, standing): (&Standing, &mut Standing),
) -> Result<Vec<Compared>, Error> {
    let mut list = Vec::new();
    for (kind, part) in pipeline.kinds.iter().enumerate() {
        let Some(experts) = routed(part) else { continue };
        let from = (alone.rows[kind], &alone.mappings[kind].choices);
        let found = lowest(run, part, (wafer_rows, limits), from, force)?;
        let mut compared = Compared {
            part: part.kind.to_string(),
            regions_run: false,
            striped: {
                let (mapping, rows) = (&standing.mappings[kind], standing.rows[kind]);
                Way::of(mapping, rows, experts, run.columns)
            },
            regions: None,
        };
        match found {
            Ok((rows, mapping)) => {
                compared.regions = Some(Way::of(&mapping, rows, experts, run.columns));
                // Other parts' regions that were taken stay.
                let taken = list.iter().any(|other: &Compared| other.regions_run);
                let mut next = if taken { standing.clone() } else { alone.clone() };
                (next.rows[kind], next.mappings[kind]) = (rows, mapping);
                next.bands = stack(pipeline, &next.rows, wafer_rows);
                let fits = asked.most.is_none_or(|most| next.wafers() <= most);
                let faster = fits && next.time(pipeline) < standing.time(pipeline);
                if faster || asked.experts == ExpertsChoice::Regions {
                    compared.regions_run = true;
                    *standing = next;
                }
            }
            Err(over) if asked.experts == ExpertsChoice::Regions => {
                let why = match over {
                    u64::MAX => "no rectangle for one expert fits its buffers".to_owned(),
                    0 => "the forced choices leave no region".to_owned(),
                    over => format!("the fullest PE overflows by {over} bytes"),
                };
                return Err(Error::DoesNotFit(format!(
                    "experts: {} experts of a {} layer do not fit by regions on a whole wafer: {why}; use `experts: Striped` or `Auto`",
                    experts, part.kind
                )));
            }
            Err(_) => {}
        }
        list.push(compared);
    }
    Ok(list)
}

/// Routed experts of a part, if it has some.
fn routed(part: &Part) -> Option<u32> {
    part.operators.iter().find_map(|operator| match operator.kind {
        OperatorKind::Experts { experts, .. } => Some(experts),
        _ => None,
    })
}

/// The lowest band, not lower than striped experts have, in which experts by regions fit.
fn lowest(
    run: &Run<'_>,
    part: &Part,
    (wafer_rows, limits): (u32, Limits),
    (least, from): (u32, &Choices),
    force: Force<'_>,
) -> Result<Result<(u32, Mapping), u64>, Error> {
    let mut over = u64::MAX;
    let divided = DIVISIONS.iter().map(|n| wafer_rows / n).filter(|&rows| rows > least);
    for rows in std::iter::once(least).chain(divided) {
        let run = Run { rows, ..*run };
        let forced = |choices: &mut Choices| force(part, choices);
        match mapper::regions(&run, part, limits, from, &forced)? {
            Ok(mapping) => return Ok(Ok((rows, mapping))),
            Err(by) => over = over.min(by),
        }
    }
    Ok(Err(over))
}

impl Way {
    fn of(mapping: &Mapping, rows: u32, experts: u32, columns: u32) -> Self {
        let mut spent = Spent::default();
        let mut pes = 0;
        for timed in &mapping.run.operators {
            if matches!(timed.kernel.name, "experts_gate_up" | "swiglu" | "experts_down") {
                spent.add(&timed.spent);
            }
            if timed.kernel.name == "experts_gate_up" {
                pes = timed.kernel.rectangle.iter().map(|&side| u64::from(side)).product();
            }
        }
        let across = mapping.choices.regions_across;
        if let Some(width) = columns.checked_div(across) {
            pes = u64::from(width) * u64::from(rows / experts.div_ceil(across));
        }
        Way {
            force: mapping.choices.to_string(),
            rows,
            part_cycles: mapping.run.spent.total(),
            experts_cycles: spent.total(),
            work_cycles: spent.arithmetic + spent.memory,
            fabric_cycles: spent.fabric,
            pes,
        }
    }
}
