//! Published measurements beside what the model says. Figures are from ai-dynamo/aiconfigurator
//! (Apache-2.0) unless a test names another source. Calibration rows are kept apart.

use super::fixture::{deepseek_fp4, plan};
use crate::machine::Request;
use crate::nvl72::collectives::Collectives;
use crate::nvl72::load::draws;
use crate::nvl72::step::Rack;
use crate::nvl72::{Layout, Nvl72Facts, gb200, replay};
use workloads::routing::ExpertLoad;

fn errors(mut all: Vec<f64>) -> (f64, f64) {
    all.sort_by(f64::total_cmp);
    (all[all.len() / 2], all[all.len() - 1])
}

/// One-shot all-reduce: GPUs, elements of 2 bytes, measured microseconds.
fn all_reduce_errors(rows: &[(u32, u64, f64)], facts: &Nvl72Facts) -> Vec<f64> {
    let known = Collectives::new(facts);
    rows.iter()
        .map(|&(gpus, elements, measured)| {
            let predicted = known.all_reduce(gpus, elements * 2).unwrap().split.total_us();
            println!("all-reduce {gpus} x {elements}: {predicted:.2} us, measured {measured:.2}");
            (predicted / measured - 1.0).abs()
        })
        .collect()
}

#[test]
fn differential_all_reduce_calibration_rows() {
    let rows = [(4, 8192, 4.950), (4, 524_288, 9.468), (4, 1_048_576, 14.605), (8, 8192, 5.933)];
    let (median, worst) = errors(all_reduce_errors(&rows, &gb200().facts));
    assert!(median < 0.05 && worst < 0.12, "median {median}, worst {worst}");
}

#[test]
fn differential_all_reduce_predictions() {
    let rows = [
        (2, 128, 3.753),
        (2, 1024, 3.850),
        (2, 8192, 4.535),
        (2, 65_536, 4.552),
        (2, 262_144, 5.187),
        (2, 1_048_576, 7.868),
        (2, 4_194_304, 20.786),
        (4, 128, 4.640),
        (4, 1024, 4.911),
        (4, 32_768, 4.989),
        (4, 131_072, 5.686),
        (4, 262_144, 7.012),
        (4, 4_194_304, 49.436),
        (4, 16_777_216, 124.57),
        // Eight GPUs are from the B200 system, whose links are the same.
        (8, 128, 5.040),
        (8, 1024, 5.666),
        (8, 65_536, 6.342),
        (8, 262_144, 10.944),
        (8, 1_048_576, 30.380),
        (8, 4_194_304, 55.355),
    ];
    let (median, worst) = errors(all_reduce_errors(&rows, &gb200().facts));
    println!("all-reduce: median {median:.3}, worst {worst:.3}");
    assert!(median < 0.15 && worst < 0.5, "median {median}, worst {worst}");
}

/// Measured dispatch and combine of an NVL72 (NVLinkOneSided, bf16, hidden 7168, top-8 of 256):
/// experts' GPUs, tokens a GPU, microseconds of each.
const EXCHANGES: [(u32, u64, f64, f64); 20] = [
    (8, 1, 18.9, 31.0),
    (16, 1, 18.8, 30.8),
    (32, 1, 19.8, 31.4),
    (64, 1, 27.8, 32.6),
    (8, 32, 18.2, 32.7),
    (16, 32, 20.2, 34.2),
    (32, 32, 21.1, 34.6),
    (64, 32, 23.1, 36.1),
    (8, 128, 31.7, 38.1),
    (16, 128, 34.6, 39.9),
    (32, 128, 37.8, 41.1),
    (64, 128, 41.6, 44.5),
    (8, 512, 89.5, 91.7),
    (16, 512, 97.1, 98.2),
    (32, 512, 110.0, 103.0),
    (64, 512, 116.0, 107.0),
    (8, 2048, 312.0, 323.0),
    (16, 2048, 343.0, 348.0),
    (32, 2048, 374.0, 370.0),
    (64, 2048, 399.0, 372.0),
];

#[test]
fn differential_dispatch_and_combine_predictions() {
    let facts = gb200().facts;
    let known = Collectives::new(&facts);
    let (mut fitted, mut predicted) = (Vec::new(), Vec::new());
    for (gpus, tokens, dispatch, combine) in EXCHANGES {
        let layout =
            Layout { tensor_parallel: 1, attention_data_parallel: gpus, expert_parallel: gpus };
        let all = u64::from(gpus) * tokens;
        let draws = draws(1, ExpertLoad::Balanced, 256, 8, all);
        for (back, measured) in [(false, dispatch), (true, combine)] {
            let timed = known.exchange(layout, all, 14_336, false, back, &draws).unwrap();
            let time = timed.split.total_us();
            println!("{} EP{gpus} {tokens}: {time:.1} us, measured {measured}", timed.algorithm);
            let error = (time / measured - 1.0).abs();
            if (gpus, tokens) == (8, 1) { fitted.push(error) } else { predicted.push(error) }
        }
    }
    let (median, worst) = errors(predicted);
    println!("dispatch and combine: median {median:.3}, worst {worst:.3}");
    assert!(errors(fitted).1 < 0.03);
    assert!(median < 0.2 && worst < 0.45, "median {median}, worst {worst}");
}

#[test]
fn differential_deepseek_r1_end_to_end_predictions() {
    let model = deepseek_fp4();
    let plan = plan(&model);
    // GPUs, prompt, output, batch on the worker, measured ms per token: TensorRT-LLM, NVFP4, no
    // speculation, decode workers of TP8 EP8 on a GB200.
    let rows = [
        (8, 1024, 8192, 1, 5.875),
        (8, 1024, 1024, 1, 6.347),
        (8, 8192, 1024, 1, 6.629),
        (8, 1024, 1024, 2, 6.682),
        (8, 1024, 1024, 4, 7.491),
    ];
    let mut all = Vec::new();
    for (gpus, prompt, answer, batch, measured) in rows {
        let facts = gb200().facts;
        let rack = Rack::new(&plan, &facts, ExpertLoad::PowerLaw { exponent: 1.01 }, 1);
        let layout =
            Layout { tensor_parallel: gpus, attention_data_parallel: 1, expert_parallel: gpus };
        let request = Request { prompt, reasoning: 0, answer };
        let time = replay::tpot(&rack, layout, batch, request, 5).unwrap() * 1e3;
        println!("R1 {layout} {prompt}/{answer} batch {batch}: {time:.2} ms, measured {measured}");
        all.push((time / measured - 1.0).abs());
    }
    let (median, worst) = errors(all);
    println!("R1: median {median:.3}, worst {worst:.3}");
    assert!(worst < 0.35, "worst {worst}");
}

#[test]
fn differential_deepseek_r1_eight_b200_prediction() {
    // 8 x B200, one request, no speculation: 111 tokens/s (engine and its precision not stated).
    let plan = plan(&deepseek_fp4());
    let mut facts = gb200().facts;
    facts.hbm.bandwidth.value.number = 7.7e12;
    facts.compute.bf16.value.number = 2.25e15;
    let rack = Rack::new(&plan, &facts, ExpertLoad::PowerLaw { exponent: 1.01 }, 1);
    let layout = Layout { tensor_parallel: 8, attention_data_parallel: 1, expert_parallel: 1 };
    let request = Request { prompt: 1024, reasoning: 0, answer: 1024 };
    let speed = 1.0 / replay::tpot(&rack, layout, 1, request, 5).unwrap();
    println!("R1 on 8 x B200: {speed:.0} tok/s, measured 111");
    assert!((0.65..2.0).contains(&(speed / 111.0)), "{speed}");
}

#[test]
fn differential_deepseek_r1_wide_expert_parallel_prediction() {
    // SGLang, GB200, EP48 decode, 1408 requests a GPU, 2k in: 13,386 output tokens/s a GPU.
    let plan = plan(&deepseek_fp4());
    let facts = gb200().facts;
    let rack = Rack::new(&plan, &facts, ExpertLoad::Balanced, 1);
    let layout = Layout { tensor_parallel: 1, attention_data_parallel: 48, expert_parallel: 48 };
    let time = rack.decode(layout, 48 * 1408, 2048).unwrap().seconds();
    println!("R1 EP48: {:.0} tok/s a GPU, measured 13386", 1408.0 / time);
}
