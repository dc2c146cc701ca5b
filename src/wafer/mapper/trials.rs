//! Mappings that a search tries: what they store, and how long their operators take.
//!
//! A choice touches few operators, so each operator's last phases and their time are kept. A trial ends as
//! soon as it cannot win: what its operators took so far, and the work in each PE's own memory of those that
//! follow, which nothing overlaps, are a lower bound of its time.

use super::Limits;
use crate::error::Error;
use crate::wafer::choices::Choices;
use crate::wafer::field::Field;
use crate::wafer::kernels::Kernel;
use crate::wafer::layer::{Part, Run, activations, ledger};
use crate::wafer::phase::Phase;
use std::cell::RefCell;

/// Trials of one part.
pub(in crate::wafer) struct Trials<'a> {
    run: Run<'a>,
    part: &'a Part,
    limits: Limits,
    /// Phases of each operator as last simulated, and their time `[cycles]`.
    known: RefCell<Vec<(Vec<Phase>, u64)>>,
}

/// What a mapping stores, without any simulation.
pub(in crate::wafer) struct Held {
    /// Bytes of the fullest PE `[bytes]`.
    pub(in crate::wafer) bytes: u64,
    /// Work of each operator in each PE's own memory `[cycles]`.
    local: Vec<u64>,
}

impl<'a> Trials<'a> {
    /// No trial yet.
    pub(in crate::wafer) fn new(run: &Run<'a>, part: &'a Part, limits: Limits) -> Self {
        let known = RefCell::new(vec![(Vec::new(), 0); part.operators.len()]);
        Self { run: *run, part, limits, known }
    }

    /// What `choices` store; `None` where they do not fit the rectangle or the buffer.
    pub(in crate::wafer) fn held(&self, choices: &Choices) -> Result<Option<Held>, Error> {
        let run = Run { bytes_only: true, ..self.run };
        let lowering = run.lowering_of(self.part, choices);
        let kernels: Result<Vec<Kernel>, Error> =
            self.part.operators.iter().map(|operator| lowering.kernel(operator)).collect();
        let kernels = match kernels {
            Ok(kernels) => kernels,
            Err(Error::DoesNotFit(_)) => return Ok(None),
            Err(error) => return Err(error),
        };
        if activations(&kernels) > u64::from(run.buffer) {
            return Ok(None);
        }
        let bytes = ledger(&kernels, self.limits.reserve, run.buffer.into()).total();
        Ok(Some(Held { bytes, local: kernels.iter().map(local).collect() }))
    }

    /// Sum of the operators' times, each from an even start; `None` where it is not below `most` `[cycles]`.
    pub(in crate::wafer) fn time(
        &self,
        choices: &Choices,
        held: &Held,
        most: f64,
    ) -> Result<Option<u64>, Error> {
        let lowering = self.run.lowering_of(self.part, choices);
        let mut known = self.known.borrow_mut();
        let mut rest: u64 = held.local.iter().sum();
        let mut sum = 0;
        for ((operator, local), known) in
            self.part.operators.iter().zip(&held.local).zip(known.iter_mut())
        {
            if (sum + rest) as f64 >= most {
                return Ok(None);
            }
            let kernel = lowering.kernel(operator)?;
            if known.0 != kernel.phases {
                let mut field = Field::new(self.run.columns, self.run.rows);
                self.run.timer.run(&kernel.phases, &mut field)?;
                *known = (kernel.phases, field.last());
            }
            sum += known.1;
            rest -= local;
        }
        Ok(((sum as f64) < most).then_some(sum))
    }
}

/// Work of a kernel in each PE's own memory `[cycles]`.
fn local(kernel: &Kernel) -> u64 {
    let phases = kernel.phases.iter().filter_map(|phase| match phase {
        Phase::Local(local) => Some(local.cost.total()),
        Phase::Line(_) => None,
    });
    phases.sum()
}
