//! What must hold of every outcome.

use super::fixture::{kimi, plan};
use crate::machine::{Job, Request};
use crate::nvl72::{Layout, LayoutChoice, Nvl72Machine, Nvl72Spec, gb200};
use reports::outcome::MachineOutcome;

const REQUEST: Request = Request { prompt: 10_000, reasoning: 4_200, answer: 500 };

fn run(spec: Nvl72Spec) -> Result<MachineOutcome, crate::error::Error> {
    let model = kimi();
    let machine = Nvl72Machine { name: "rack".to_string(), preset: gb200(), spec };
    let job = Job { model: &model, request: REQUEST, seed: 1, progress: &|_, _| {} };
    machine.run(&job, &plan(&model))
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
    println!(
        "{} units, {} tok/s {:?}, machine {}",
        outcome.units,
        outcome.tokens_per_s,
        outcome.tokens_per_s_range,
        outcome.tokens_per_s_machine
    );
    println!(
        "ttft {} s, request {} s, tpot {} ms",
        outcome.ttft_s, outcome.request_s, outcome.tpot_ms
    );
    println!("{:?}\n{:?}", outcome.token_split, outcome.placement[0]);
    for op in &outcome.operators {
        println!(
            "{:6} {:22} x{:3} {:7.2} us {} {} {:?}",
            op.group, op.name, op.count, op.time_us, op.bound, op.collective, op.split
        );
    }
    for p in &outcome.frontier {
        println!(
            "{:5} {:26} {:8.1} {:10.0}",
            p.batch, p.layout, p.tokens_per_s_user, p.tokens_per_s_machine
        );
    }
    for s in &outcome.sensitivity {
        println!("{:24} {:7.1} {:7.1}", s.path, s.at_low, s.at_high);
    }
    for l in &outcome.links {
        println!("{l:?}");
    }
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
    let layout = Layout { tensor_parallel: 2, attention_data_parallel: 1, expert_parallel: 2 };
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
