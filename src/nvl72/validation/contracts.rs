//! What must hold of every outcome.

use super::fixture::{kimi, plan};
use crate::machine::{Job, Machine, Request};
use crate::nvl72::{Layout, LayoutChoice, Nvl72Machine, Nvl72Spec, gb200};
use reports::outcome::MachineOutcome;

const REQUEST: Request = Request { prompt: 10_000, reasoning: 4_200, answer: 500 };

fn run(spec: Nvl72Spec) -> Result<MachineOutcome, crate::error::Error> {
    let model = kimi();
    let machine = Nvl72Machine { name: "rack".to_string(), preset: gb200(), spec };
    let job = Job { seed: 1, bands: true, ..Job::once(&model, REQUEST) };
    machine.simulate(&job)
}

#[test]
fn conservation_parts_add_up_to_the_time_per_token() {
    let outcome = run(Nvl72Spec::default()).unwrap();
    let tpot = outcome.tpot_ms * 1e3;
    let close = |sum: f64| (sum / tpot - 1.0).abs() < 1e-9;
    assert!(close(outcome.token_split.total_us()));
    assert!(close(outcome.layers.iter().map(|layer| layer.time_us).sum()));
    let operators = outcome.operators.iter().map(|op| op.time_us * f64::from(op.count));
    assert!(close(operators.sum()));
    let [low, high] = outcome.tokens_per_s_range;
    assert!(low < outcome.tokens_per_s && outcome.tokens_per_s < high);
}

#[test]
fn determinism_the_same_job_gives_the_same_bytes_on_any_number_of_threads() {
    let on = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let outcome = pool.install(|| run(Nvl72Spec::default())).unwrap();
        serde_json::to_string(&outcome).unwrap()
    };
    assert_eq!(on(1), on(2));
}

#[test]
fn smoke_what_does_not_fit_is_shown() {
    let layout = Layout::new(2, 1, 2);
    let spec = Nvl72Spec { layout: LayoutChoice::Fixed(layout), ..Nvl72Spec::default() };
    let error = run(spec).unwrap_err().to_string();
    assert!(error.contains("tp2 ep2") && error.contains("too much"), "{error}");
    assert!(error.contains("expert weights") && error.contains("KV cache"), "{error}");
}

#[test]
fn curve_more_requests_in_flight_give_more_throughput_and_slower_users() {
    let frontier = run(Nvl72Spec::default()).unwrap().frontier;
    assert!(frontier.len() >= 10);
    for pair in frontier.windows(2) {
        assert!(pair[1].tokens_per_s_user < pair[0].tokens_per_s_user * 1.02, "{pair:?}");
        assert!(pair[1].tokens_per_s_machine > pair[0].tokens_per_s_machine, "{pair:?}");
    }
}

#[test]
fn conservation_one_gpu_stores_and_computes_what_the_model_says() {
    use crate::nvl72::kernels::{Batch, work};
    use workloads::forward::OperatorKind;
    let model = kimi();
    let plan = plan(&model);
    let one = Layout::new(1, 1, 1);
    let stored: u64 = plan.operators.iter().map(|op| plan.stored(op, one)).sum();
    let said = model.weight_bytes() + model.scale_bytes();
    let error = stored as f64 / said as f64 - 1.0;
    assert!(error.abs() < 1e-5, "{stored} bytes stored, {said} in the model");
    let batch = Batch::decode(one, 1, 1);
    let facts = gb200().facts;
    for op in &plan.operators {
        let matrix =
            matches!(op.kind, OperatorKind::Linear { .. } | OperatorKind::PerHeadLinear { .. });
        let work = work(&plan, op, one, &batch, &[(8, 8.0)], &facts);
        if matrix {
            assert_eq!(work.flops, op.flops as f64, "{}", op.name);
            assert_eq!(work.weight_bytes, op.weight_bytes, "{}", op.name);
        }
        if let OperatorKind::Experts { .. } = op.kind {
            assert_eq!(work.weight_bytes, op.weight_bytes, "{}", op.name);
            assert!((work.flops / op.flops as f64 - 1.0).abs() < 0.01, "{}", op.name);
        }
    }
}

#[test]
fn curve_half_batches_hide_long_exchanges_and_cost_small_batches_weights_read_twice() {
    use crate::nvl72::step::Rack;
    let model = kimi();
    let plan = plan(&model);
    let facts = gb200().facts;
    let rack = Rack::new(&plan, &facts, workloads::routing::ExpertLoad::Balanced, 1);
    let whole = Layout::new(1, 48, 48);
    let halves = Layout { half_batches: true, ..whole };
    let step = |layout, batch| rack.decode(layout, batch, 2048).unwrap();
    let (many, few) = (48 * 1024, 48 * 2);
    assert!(step(halves, many).seconds() < 0.95 * step(whole, many).seconds());
    assert!(step(halves, few).seconds() > 1.2 * step(whole, few).seconds());
    let step = step(halves, many);
    let parts: f64 = step.parts.iter().map(|part| part.split.total_us()).sum();
    assert!((parts / step.split.total_us() - 1.0).abs() < 1e-9);
    // One request a GPU cannot be halved.
    let one = |layout| rack.decode(layout, 48, 2048).unwrap().seconds();
    assert_eq!(one(halves), one(whole));
    let error = Layout { half_batches: true, ..Layout::new(8, 1, 8) }.check(72).unwrap_err();
    assert!(error.to_string().contains("half_batches"), "{error}");
}
