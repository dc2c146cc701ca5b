//! Published speeds of whole models beside what the model says. Figures are from
//! ai-dynamo/aiconfigurator (Apache-2.0) unless a test says otherwise. Nothing is fitted to them.

use super::fixture::{deepseek_fp4, plan};
use super::published::errors;
use crate::machine::Request;
use crate::nvl72::step::Rack;
use crate::nvl72::{Layout, Nvl72Facts, gb200, replay};
use workloads::routing::ExpertLoad;

const LAW: ExpertLoad = ExpertLoad::PowerLaw { exponent: 1.01 };

/// A GB200 with the memory and arithmetic of a B200; NVLink is the same.
fn b200() -> Nvl72Facts {
    let mut facts = gb200().facts;
    facts.hbm.bandwidth.value.number = 7.7e12;
    facts.compute.bf16.value.number = 2.25e15;
    facts
}

/// DeepSeek-R1 in NVFP4, no speculation, decode workers of their own: GPUs, sets of experts,
/// prompt, output, requests on the worker, measured ms per output token.
type Row = (u32, u32, u32, u32, u32, f64);

/// On a GB200: TensorRT-LLM, and last SGLang with four GPUs.
const GB200: [Row; 7] = [
    (8, 8, 1024, 8192, 1, 5.875),
    (8, 8, 1024, 1024, 1, 6.347),
    (8, 8, 8192, 1024, 1, 6.629),
    (8, 8, 1024, 1024, 2, 6.682),
    (8, 8, 1024, 1024, 4, 7.491),
    (4, 1, 8192, 1024, 1, 6.829),
    (4, 1, 8192, 1024, 2, 7.113),
];

/// On 8 x B200: TensorRT-LLM.
const B200: [Row; 3] =
    [(8, 8, 8192, 1024, 2, 6.626), (8, 8, 8192, 1024, 3, 6.990), (8, 8, 8192, 1024, 5, 7.681)];

#[test]
fn differential_deepseek_r1_time_per_token_predictions() {
    let plan = plan(&deepseek_fp4());
    let mut all = Vec::new();
    for (facts, rows) in [(gb200().facts, &GB200[..]), (b200(), &B200[..])] {
        let rack = Rack::new(&plan, &facts, LAW, 1);
        for &(gpus, sets, prompt, answer, batch, measured) in rows {
            let layout =
                Layout { tensor_parallel: gpus, attention_data_parallel: 1, expert_parallel: sets };
            let request = Request { prompt, reasoning: 0, answer };
            let time = replay::tpot(&rack, layout, batch, request, 5).unwrap() * 1e3;
            println!("{layout} {prompt}/{answer} batch {batch}: {time:.2} ms, measured {measured}");
            all.push((time / measured - 1.0).abs());
        }
    }
    let (median, worst) = errors(all);
    println!("R1: median {median:.3}, worst {worst:.3}");
    assert!(median < 0.25 && worst < 0.35, "median {median}, worst {worst}");
}

/// 8 x B200, one request, no speculation: 111 tokens/s; neither engine nor precision is given. The
/// prediction is 215. Of the same hardware the tables above hold 137 tokens/s in fp8 and 151 in
/// NVFP4 with two requests, so the 111 are not this hardware's limit; the miss is shown, not tuned.
#[test]
fn differential_deepseek_r1_eight_b200_is_predicted_too_fast() {
    let plan = plan(&deepseek_fp4());
    let facts = b200();
    let rack = Rack::new(&plan, &facts, LAW, 1);
    let layout = Layout { tensor_parallel: 8, attention_data_parallel: 1, expert_parallel: 1 };
    let request = Request { prompt: 1024, reasoning: 0, answer: 1024 };
    let speed = 1.0 / replay::tpot(&rack, layout, 1, request, 5).unwrap();
    println!("R1 on 8 x B200: {speed:.0} tok/s, measured 111");
    assert!((1.0..2.0).contains(&(speed / 111.0)), "{speed}");
}

/// SGLang, GB200, 48 GPUs of expert parallel, 1408 requests a GPU, 2k in: 13,386 output tokens/s a
/// GPU.
#[test]
fn differential_deepseek_r1_wide_expert_parallel_prediction() {
    let plan = plan(&deepseek_fp4());
    let facts = gb200().facts;
    let rack = Rack::new(&plan, &facts, ExpertLoad::Balanced, 1);
    let layout = Layout { tensor_parallel: 1, attention_data_parallel: 48, expert_parallel: 48 };
    let speed = 1408.0 / rack.decode(layout, 48 * 1408, 2048).unwrap().seconds();
    println!("R1 EP48: {speed:.0} tok/s a GPU, measured 13386");
    assert!((speed / 13_386.0 - 1.0).abs() < 0.35, "{speed}");
}
