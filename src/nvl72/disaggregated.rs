//! Prompts on GPUs of their own, the cache sent to those that decode.
//!
//! ```text
//!   prefill worker: prompt in chunks ─► cache over NVLink or the network ─► decode worker: token by token
//! ```
//!
//! Every GPU of a request's decode group gets its part of the cache from a prefill GPU, all at once, after
//! the whole prompt: messages like any other. As many prefill workers stand beside a decode worker as keep
//! it full, as a fraction: workers of both kinds are dealt over many GPUs.
//!
//! Deviations: no request waits for a prefill worker; engines send a layer's cache while the next is
//! computed, here it goes at the end; the cache meets no other traffic.

use super::hardware::Nvl72Facts;
use super::layout::Layout;
use super::replay;
use super::step::Rack;
use crate::error::Error;
use crate::machine::Request;
use sim_fabric::nvlink::{Message, run};

/// What runs where.
#[derive(Clone, Copy, Debug)]
pub struct Workers {
    /// GPUs that take one prompt after the other: one attention group.
    pub prefill: Layout,
    /// GPUs that decode.
    pub decode: Layout,
    /// Requests that one decode worker has in flight.
    pub batch: u32,
    /// Prompt tokens that go through the model together.
    pub chunk: u64,
}

/// A request's times, and how the GPUs are used.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Served {
    /// The prompt on an idle prefill worker `[s]`.
    pub prompt: f64,
    /// The cache's way to the decode worker `[s]`.
    pub transfer: f64,
    /// Bytes of cache that one GPU of the decode group gets `[bytes]`.
    pub cache_bytes: u64,
    /// Mean time of a decode step `[s]`.
    pub tpot: f64,
    /// Prefill workers that keep one decode worker full.
    pub prefill_workers: f64,
    /// Output tokens a second over all GPUs of both kinds `[tokens/s a GPU]`.
    pub tokens_per_s_gpu: f64,
}

impl Served {
    /// Time to the first token: the prompt gives it `[s]`.
    pub fn ttft(&self) -> f64 {
        self.prompt
    }

    /// Time from the first token to the second `[s]`.
    pub fn second(&self) -> f64 {
        self.transfer + self.tpot
    }
}

/// Serves requests like `request` with `workers` of their kinds.
///
/// # Errors
/// [`Error::Input`] where the prefill worker is not one group of one stage, or there are too few GPUs.
pub fn serve(rack: &Rack<'_>, workers: Workers, request: Request) -> Result<Served, Error> {
    let Workers { prefill, decode, batch, chunk } = workers;
    let facts = rack.facts();
    if prefill.attention_data_parallel > 1 || prefill.pipeline_parallel > 1 {
        return Err(Error::input(format!(
            "layout {prefill} of a prefill worker: expected one attention group and one stage; more \
             workers take more prompts"
        )));
    }
    let (needed, there) = (prefill.replica() + decode.replica(), facts.gpus.whole());
    if u64::from(needed) > there {
        return Err(Error::input(format!(
            "a prefill worker of {} GPUs beside a decode worker of {} needs {needed} GPUs, the machine \
             has {there}; make one of them smaller",
            prefill.replica(),
            decode.replica()
        )));
    }
    let prompt = replay::prompt(rack, prefill, u64::from(request.prompt), chunk)?;
    let tpot = replay::tpot(rack, decode, batch, request, replay::POINTS)?;
    let Layout { tensor_parallel: tp, pipeline_parallel: stages, .. } = decode;
    // Each stage of a pipeline holds the cache of its own layers.
    let all_layers = rack.plan().sequence_bytes(u64::from(request.prompt), tp);
    let cache_bytes = all_layers.div_ceil(u64::from(stages));
    let transfer = transfer(facts, prefill, tp * stages, cache_bytes)?;
    // The prompt gives the first token; a request holds its place until the last one.
    let decoded = f64::from(request.output().saturating_sub(1).max(1));
    let requests_per_s = f64::from(batch) / (transfer + decoded * tpot);
    let prefill_workers = requests_per_s * prompt;
    let gpus = f64::from(decode.replica()) + prefill_workers * f64::from(prefill.replica());
    let tokens_per_s_gpu = requests_per_s * f64::from(request.output()) / gpus;
    Ok(Served { prompt, transfer, cache_bytes, tpot, prefill_workers, tokens_per_s_gpu })
}

/// Time until each of `receivers` decode GPUs has its `bytes`, prefill GPUs sending in turn; one launch `[s]`.
fn transfer(facts: &Nvl72Facts, prefill: Layout, receivers: u32, bytes: u64) -> Result<f64, Error> {
    let sources = prefill.gpus();
    let messages: Vec<Message> =
        (0..receivers).map(|to| Message::new(to % sources, sources + to, bytes)).collect();
    let traffic = run(&facts.domain(sources + receivers), &messages)
        .map_err(|error| Error::Simulation(error.to_string()))?;
    Ok(facts.chain(1, 0.0) + traffic.finish.seconds())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nvl72::gb200;
    use crate::nvl72::validation::fixture::{kimi, plan};
    use workloads::routing::ExpertLoad;

    const REQUEST: Request = Request { prompt: 8192, reasoning: 0, answer: 1024 };

    fn workers(prefill: u32, decode: u32) -> Workers {
        let of = |gpus| Layout::new(gpus, 1, gpus);
        Workers { prefill: of(prefill), decode: of(decode), batch: 16, chunk: 8192 }
    }

    #[test]
    fn conservation_both_kinds_of_workers_handle_as_many_requests() {
        let model = kimi();
        let plan = plan(&model);
        let facts = gb200().facts;
        let rack = Rack::new(&plan, &facts, ExpertLoad::Balanced, 1);
        let served = serve(&rack, workers(8, 16), REQUEST).unwrap();
        let prefilled = served.prefill_workers / served.prompt;
        let gpus = 16.0 + 8.0 * served.prefill_workers;
        assert!((prefilled * 1024.0 / gpus / served.tokens_per_s_gpu - 1.0).abs() < 1e-9);
        // All GPUs of the group get the whole latent cache, two from each sender.
        let least = 2.0 * served.cache_bytes as f64 / 900e9;
        assert!(served.transfer > least && served.transfer < 2.0 * least, "{served:?}");
        assert_eq!(served.cache_bytes, 61 * 8192 * 576 * 2);
        assert!(served.ttft() > 0.0 && served.second() > served.tpot);
        // Two stages hold half of the layers each.
        let mut staged = workers(8, 8);
        staged.decode.pipeline_parallel = 2;
        let staged = serve(&rack, staged, REQUEST).unwrap();
        assert_eq!(2 * staged.cache_bytes, served.cache_bytes);
    }

    #[test]
    fn what_cannot_be_says_why() {
        let model = kimi();
        let plan = plan(&model);
        let facts = gb200().facts;
        let rack = Rack::new(&plan, &facts, ExpertLoad::Balanced, 1);
        let error = serve(&rack, workers(16, 64), REQUEST).unwrap_err().to_string();
        assert!(error.contains("needs 80 GPUs, the machine has 72"), "{error}");
        let mut wrong = workers(8, 8);
        wrong.prefill = Layout::new(1, 8, 8);
        let error = serve(&rack, wrong, REQUEST).unwrap_err().to_string();
        assert!(error.contains("one attention group"), "{error}");
    }
}
