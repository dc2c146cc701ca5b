//! Why an operator is mapped as it is: the candidates of the choices that decide it, as simulated.
//!
//! Every combination of the values of those choices is tried, the others held as they were found. The
//! operator alone is timed first; the best of those are run within their part, one operator behind the
//! other as in a run. Candidates are ranked by the time of the part, which is what the mapper minimises.
//! All choices of a candidate forced in a scenario give the same cycles again.

use crate::error::Error;
use crate::wafer::choices::{ALL, Choices};
use crate::wafer::field::Field;
use crate::wafer::layer::{Part, Run, ledger};
use crate::wafer::machine::Bench;
use crate::wafer::mapper::{self, Mapping};
use crate::wafer::outcome::decide;
use crate::wafer::parts::Pipeline;
use crate::wafer::place::Placement;
use crate::wafer::place::experts::Compared;
use rayon::prelude::*;
use serde::Serialize;
use workloads::forward::Step;

/// Candidates that are shown.
const SHOWN: usize = 5;
/// Candidates that are run within their part.
const RUN: usize = 4 * SHOWN;
/// Combinations that are tried at most; then the values of every choice are thinned out.
const MOST: usize = 600;

/// One way to map an operator.
#[derive(Clone, Debug, Serialize)]
pub struct Candidate {
    /// All choices of its part, as `force` takes them.
    pub force: String,
    /// The operator `[cycles]`.
    pub cycles: u64,
    /// Its whole part `[cycles]`.
    pub part_cycles: u64,
    /// Bytes of the fullest PE `[bytes]`.
    pub pe_bytes: u64,
    /// Columns and rows that it uses.
    pub rectangle: [u32; 2],
    /// How partial results are combined.
    pub collective: String,
    /// Whether it is the one that runs.
    pub chosen: bool,
}

/// Why an operator of one part is mapped as it is.
#[derive(Clone, Debug, Serialize)]
pub struct Why {
    /// The part.
    pub part: String,
    /// The operator.
    pub operator: String,
    /// Context at which all of it was simulated `[tokens]`.
    pub context: u32,
    /// The choices that decide it.
    pub choices: Vec<&'static str>,
    /// Combinations of them that were tried, and how many of those fit.
    pub tried: [usize; 2],
    /// The best candidates, and the one that runs.
    pub candidates: Vec<Candidate>,
    /// For experts: the two ways in which they may lie.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub experts: Option<Compared>,
}

impl Bench<'_> {
    /// The best candidates for `operator`, in every part that has it.
    ///
    /// # Errors
    /// [`Error::Arguments`] if no part has such an operator.
    pub fn why(&self, operator: &str, placement: &Placement) -> Result<Vec<Why>, Error> {
        let context = self.middle_context();
        let pipeline = |context| Pipeline::new(self.model(), Step::Decode { batch: 1, context });
        // What fits is decided at the request's longest context, as placement does.
        let (fullest, pipeline) = (pipeline(self.request().context()), pipeline(context));
        let (of_part, name) = match operator.split_once('/') {
            Some((part, name)) => (Some(part), name),
            None => (None, operator),
        };
        let mut list = Vec::new();
        for (kind, part) in pipeline.kinds.iter().enumerate() {
            let has = part.operators.iter().any(|own| own.name == name);
            if has && of_part.is_none_or(|of_part| of_part == part.kind) {
                let run = Run { rows: placement.rows[kind], ..self.run() };
                let mapping = &placement.mappings[kind];
                let parts = [part, &fullest.kinds[kind]];
                let mut why = self.candidates(&run, parts, mapping, name, context)?;
                let lies = matches!(name, "experts_gate_up" | "swiglu" | "experts_down");
                let both = placement.experts.iter().find(|both| both.part == part.kind && lies);
                why.experts = both.cloned();
                list.push(why);
            }
        }
        if list.is_empty() {
            let mut known: Vec<String> = Vec::new();
            for part in &pipeline.kinds {
                known
                    .extend(part.operators.iter().map(|own| format!("{}/{}", part.kind, own.name)));
            }
            return Err(Error::Arguments(format!(
                "--why {operator}: no operator is called so; there are {}",
                known.join(", ")
            )));
        }
        Ok(list)
    }

    fn candidates(
        &self,
        run: &Run<'_>,
        parts: [&Part; 2],
        mapping: &Mapping,
        name: &str,
        context: u32,
    ) -> Result<Why, Error> {
        let deciding = decide(name);
        let combinations = combinations(run, parts[0], &mapping.choices, deciding);
        let fitting: Vec<(u64, Choices)> = combinations
            .par_iter()
            .map(|choices| Ok(self.alone(run, parts, choices, name)?.map(|time| (time, choices))))
            .collect::<Result<Vec<_>, Error>>()?
            .into_iter()
            .flatten()
            .map(|(time, choices)| (time, choices.clone()))
            .collect();
        let tried = [combinations.len(), fitting.len()];
        let mut best = fitting;
        best.sort_by_key(|(time, _)| *time);
        let chosen = best.iter().position(|(_, choices)| *choices == mapping.choices);
        let keep = |index: &usize| *index < RUN || Some(*index) == chosen;
        let kept: Vec<&Choices> =
            (0..best.len()).filter(keep).map(|index| &best[index].1).collect();
        let mut candidates: Vec<Candidate> = kept
            .par_iter()
            .map(|choices| self.within(run, parts, choices, name, **choices == mapping.choices))
            .collect::<Result<_, Error>>()?;
        candidates.sort_by_key(|candidate| (candidate.part_cycles, candidate.cycles));
        let rank = candidates.iter().position(|candidate| candidate.chosen);
        if let Some(rank) = rank.filter(|&rank| rank >= SHOWN) {
            candidates.swap(SHOWN, rank);
            candidates.truncate(SHOWN + 1);
        } else {
            candidates.truncate(SHOWN);
        }
        Ok(Why {
            part: parts[0].kind.to_string(),
            operator: name.to_string(),
            context,
            choices: deciding.to_vec(),
            tried,
            candidates,
            experts: None,
        })
    }

    /// Cycles of the operator from an even start; `None` where the choices do not fit.
    fn alone(
        &self,
        run: &Run<'_>,
        [part, fullest]: [&Part; 2],
        choices: &Choices,
        name: &str,
    ) -> Result<Option<u64>, Error> {
        let limits = self.limits();
        let held = mapper::Trials::new(run, fullest, limits).held(choices)?;
        let fits = held.is_some_and(|held| held.bytes <= limits.sram);
        let Some(operator) = part.operators.iter().find(|own| own.name == name && fits) else {
            return Ok(None);
        };
        let kernel = run.lowering_of(part, choices).kernel(operator)?;
        let mut field = Field::new(run.columns, run.rows);
        run.timer.run(&kernel.phases, &mut field)?;
        Ok(Some(field.last()))
    }

    /// The operator within its part.
    fn within(
        &self,
        run: &Run<'_>,
        [part, fullest]: [&Part; 2],
        choices: &Choices,
        name: &str,
        chosen: bool,
    ) -> Result<Candidate, Error> {
        let held = Run { bytes_only: true, ..*run }.kernels(fullest, choices)?;
        let pe_bytes = ledger(&held, self.limits().reserve, run.buffer.into()).total();
        let whole = run.time(run.kernels(part, choices)?)?;
        let timed = whole.operators.iter().find(|timed| timed.kernel.name == name);
        let timed = timed.ok_or_else(|| Error::Simulation(format!("{name} was not lowered")))?;
        Ok(Candidate {
            force: choices.to_string(),
            cycles: timed.spent.total(),
            part_cycles: whole.spent.total(),
            pe_bytes,
            rectangle: timed.kernel.rectangle,
            collective: timed.kernel.collective.clone(),
            chosen,
        })
    }
}

/// Combinations of the values of the `deciding` choices, the others as `held`; `held` is one of them.
fn combinations(
    run: &Run<'_>,
    part: &Part,
    held: &Choices,
    deciding: &[&'static str],
) -> Vec<Choices> {
    let options = mapper::options(run, part);
    let varied: Vec<_> =
        ALL.iter().zip(options).filter(|(choice, _)| deciding.contains(&choice.name)).collect();
    for every in 1.. {
        let mut list = vec![held.clone()];
        for (choice, values) in &varied {
            let mut values: Vec<u32> = values.iter().copied().step_by(every).collect();
            if choice.name == "regions_across" {
                values.extend(mapper::across(run, part).into_iter().step_by(every));
            }
            values.push((choice.get)(held));
            values.sort_unstable();
            values.dedup();
            let set = |choices: &Choices, value: u32| {
                let mut next = choices.clone();
                (choice.set)(&mut next, value);
                next
            };
            list = list
                .iter()
                .flat_map(|choices| values.iter().map(move |&value| set(choices, value)))
                .collect();
        }
        if list.len() <= MOST {
            return list;
        }
    }
    vec![held.clone()]
}
