//! The search over layouts: the fastest for one user at a batch, and the frontier of one user's
//! speed against throughput.
//!
//! With a given number of requests in flight on the whole rack, throughput is that number times one
//! user's speed: the layout that is best for one is best for both.

use super::layout::Layout;
use super::place::Placement;
use super::plan::Plan;
use super::replay;
use super::spec::Nvl72Machine;
use super::step::Rack;
use crate::error::Error;
use crate::machine::Request;
use rayon::prelude::*;
use reports::outcome::FrontierPoint;

/// Requests in flight on the whole rack, point by point.
const IN_FLIGHT: [u32; 16] =
    [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16_384, 32_768];

/// What a search needs to know.
#[derive(Clone, Copy, Debug)]
pub struct Search<'a> {
    /// The machine.
    pub machine: &'a Nvl72Machine,
    /// The plan of the model.
    pub plan: &'a Plan,
    /// The request.
    pub request: Request,
    /// Seed of all random streams.
    pub seed: u64,
}

impl<'a> Search<'a> {
    /// A fresh rack to time steps on.
    pub fn rack(&self) -> Rack<'a> {
        let facts = &self.machine.preset.facts;
        Rack::new(self.plan, facts, self.machine.spec.load(), self.seed)
    }

    /// GPUs of the rack.
    pub fn gpus(&self) -> u32 {
        self.machine.preset.facts.gpus.whole() as u32
    }

    /// What `layout` puts on a GPU with `batch` requests on a replica.
    pub fn placement(&self, layout: Layout, batch: u32) -> Placement {
        let facts = &self.machine.preset.facts;
        let context = u64::from(self.request.context());
        let spec = &self.machine.spec;
        let chunk = u64::from(spec.prefill_chunk.min(self.request.prompt));
        let others = (chunk, spec.redundant_experts);
        Placement::new(self.plan, facts, layout, batch, context, others)
    }

    /// Layouts that the machine and the model allow.
    fn candidates(&self) -> Vec<Layout> {
        let mut all = Layout::candidates(self.gpus());
        all.retain(|layout| layout.check_model(self.plan).is_ok());
        all
    }

    /// A context halfway through the output `[tokens]`.
    fn halfway(&self) -> u64 {
        replay::contexts(self.request, 3).get(1).copied().unwrap_or(u64::from(self.request.prompt))
    }

    /// The layout that is fastest for one user with `batch` requests on each replica.
    pub fn fastest(&self, batch: u32) -> Result<Layout, Error> {
        let candidates = self.candidates();
        let timed = self.best(candidates.iter().map(|&layout| (layout, batch)))?;
        if let Some((layout, _, _)) = timed {
            return Ok(layout);
        }
        let leanest = candidates
            .into_iter()
            .map(|layout| (self.placement(layout, batch), layout))
            .min_by_key(|(placement, _)| placement.used());
        match leanest {
            Some((placement, layout)) => placement.check(layout, batch).map(|()| layout),
            None => Err(Error::input("the rack has no GPU")),
        }
    }

    /// The fastest of the pairs of layout and batch that fit, with its step time `[s]`.
    fn best(
        &self,
        pairs: impl Iterator<Item = (Layout, u32)>,
    ) -> Result<Option<(Layout, u32, f64)>, Error> {
        let rack = self.rack();
        let context = self.halfway();
        // Layouts without exchanges are quick to time and rule most others out.
        let mut pairs: Vec<(Layout, u32)> = pairs.collect();
        pairs.sort_by_key(|(layout, _)| layout.attention_data_parallel > 1);
        let mut best: Option<(Layout, u32, f64)> = None;
        for (layout, batch) in pairs {
            if !self.placement(layout, batch).fits() {
                continue;
            }
            let beaten = |(_, _, least)| rack.floor(layout, batch, context) >= least;
            if layout.attention_data_parallel > 1 && best.is_some_and(beaten) {
                continue;
            }
            let time = rack.decode(layout, batch, context)?.seconds();
            if best.is_none_or(|(_, _, least)| time < least) {
                best = Some((layout, batch, time));
            }
        }
        Ok(best)
    }

    /// The frontier, at a context halfway through the output; points that do not fit are left out.
    pub fn frontier(&self) -> Result<Vec<FrontierPoint>, Error> {
        let candidates = self.candidates();
        let points: Result<Vec<Option<FrontierPoint>>, Error> = IN_FLIGHT
            .par_iter()
            .map(|&in_flight| {
                let pairs = candidates.iter().map(|&layout| {
                    let replicas = self.gpus() / layout.replica();
                    (layout, in_flight.div_ceil(replicas))
                });
                Ok(self.best(pairs)?.map(|(layout, batch, time)| FrontierPoint {
                    batch: in_flight,
                    layout: format!("{layout} batch {batch}"),
                    tokens_per_s_user: 1.0 / time,
                    tokens_per_s_machine: f64::from(in_flight) / time,
                }))
            })
            .collect();
        Ok(points?.into_iter().flatten().collect())
    }
}
