//! Published measurements of collectives and kernels beside what the model says. Figures are from ai-dynamo/aiconfigurator
//! (Apache-2.0) unless a test names another source. Calibration rows are kept apart.

use super::fixture::{deepseek_fp4, plan};
use crate::nvl72::collectives::Collectives;
use crate::nvl72::load::draws;
use crate::nvl72::step::Rack;
use crate::nvl72::{Layout, Nvl72Facts, gb200};
use workloads::routing::ExpertLoad;

/// Median and worst.
pub(super) fn errors(mut all: Vec<f64>) -> (f64, f64) {
    all.sort_by(f64::total_cmp);
    (all[all.len() / 2], all[all.len() - 1])
}

/// One-shot all-reduce: GPUs, elements of 2 bytes, measured microseconds.
fn all_reduce_errors(rows: &[(u32, u64, f64)], facts: &Nvl72Facts) -> Vec<f64> {
    let known = Collectives::new(facts);
    rows.iter()
        .map(|&(gpus, elements, measured)| {
            let predicted = known.one_shot(gpus, elements * 2).unwrap().split.total_us();
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
        (4, 128, 4.640),
        (4, 1024, 4.911),
        (4, 32_768, 4.989),
        (4, 131_072, 5.686),
        (4, 262_144, 7.012),
        // Eight GPUs are from the B200 system, whose links are the same.
        (8, 128, 5.040),
        (8, 1024, 5.666),
        (8, 65_536, 6.342),
        (8, 262_144, 10.944),
        (8, 1_048_576, 30.380),
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

/// MLA decode modules of a GB200 (bf16, projections included, no collective): heads, batch,
/// context, microseconds. No constant is fitted to them.
const MLA: [(u32, u32, u64, f64); 16] = [
    (128, 1, 1024, 92.0),
    (128, 1, 8192, 106.1),
    (128, 32, 1024, 114.2),
    (128, 32, 8192, 161.0),
    (128, 256, 8192, 572.9),
    (64, 1, 1024, 64.9),
    (64, 1, 32_768, 93.1),
    (64, 32, 8192, 134.4),
    (64, 256, 8192, 523.2),
    (16, 1, 1024, 40.0),
    (16, 1, 8192, 43.9),
    (16, 32, 8192, 112.2),
    (16, 256, 8192, 478.0),
    (8, 1, 1024, 33.6),
    (8, 32, 8192, 104.7),
    (8, 256, 8192, 466.1),
];

#[test]
fn differential_mla_decode_module_predictions() {
    let facts = gb200().facts;
    let mut all = Vec::new();
    for (heads, batch, context, measured) in MLA {
        let mut model = deepseek_fp4();
        if let workloads::model::Attention::Mla { heads: of_model, .. } = &mut model.attention {
            *of_model = heads;
        }
        let plan = plan(&model);
        let rack = Rack::new(&plan, &facts, ExpertLoad::Balanced, 1);
        let one = Layout { tensor_parallel: 1, attention_data_parallel: 1, expert_parallel: 1 };
        let step = rack.decode(one, batch, context).unwrap();
        let names = [
            "q_a_kv_a",
            "q_norm",
            "kv_norm",
            "q_b",
            "rope",
            "q_absorb",
            "kv_append",
            "attention",
            "v_up",
            "o_proj",
        ];
        let module = step.parts.iter().filter(|p| p.layer == Some(5) && names.contains(&p.name));
        let time: f64 = module.map(|part| part.split.total_us()).sum();
        println!("MLA {heads} heads, {batch} x {context}: {time:.1} us, measured {measured}");
        all.push((time / measured - 1.0).abs());
    }
    let (median, worst) = errors(all);
    println!("MLA: median {median:.3}, worst {worst:.3}");
    assert!(median < 0.15 && worst < 0.35, "median {median}, worst {worst}");
}

/// Fused MoE kernels of a GB200 (256 experts of 7168 x 2048 in NVFP4, top-8, power law 1.01, the
/// "min latency" flow): GPUs an expert is cut over, sets of experts, tokens, microseconds. No
/// constant is fitted to them.
const MOE: [(u32, u32, u64, f64); 17] = [
    (1, 1, 1, 43.9),
    (1, 4, 1, 20.7),
    (1, 8, 1, 35.9),
    (1, 16, 1, 20.7),
    (8, 1, 1, 20.4),
    (4, 4, 1, 17.7),
    (1, 1, 8, 201.2),
    (1, 8, 8, 57.1),
    (8, 1, 8, 42.2),
    (4, 4, 8, 36.4),
    (1, 1, 64, 608.1),
    (1, 8, 64, 108.1),
    (8, 1, 64, 100.8),
    (4, 4, 64, 64.9),
    (1, 8, 256, 132.3),
    (8, 1, 256, 145.9),
    (4, 4, 256, 82.1),
];

#[test]
fn differential_moe_kernel_predictions() {
    let facts = gb200().facts;
    let mut model = deepseek_fp4();
    for part in &mut model.layers {
        if let workloads::model::FeedForward::Moe { shared, .. } = part {
            *shared = 0;
        }
    }
    let plan = plan(&model);
    let mut all = Vec::new();
    for (cut, sets, tokens, measured) in MOE {
        let rack = Rack::new(&plan, &facts, ExpertLoad::PowerLaw { exponent: 1.01 }, 1);
        let layout = Layout {
            tensor_parallel: cut * sets,
            attention_data_parallel: 1,
            expert_parallel: sets,
        };
        let step = rack.decode(layout, tokens as u32, 1).unwrap();
        let kernels = step.parts.iter().filter(|part| part.group == "moe");
        let kernels = kernels
            .filter(|part| ["experts_gate_up", "swiglu", "experts_down"].contains(&part.name));
        // One of the two launches of the router's top-k sorts tokens by expert, as this kernel does.
        let sort = facts.kernel.fixed.get() * 1e6;
        let time = kernels.map(|part| part.split.total_us()).sum::<f64>() / 58.0 + sort;
        println!("MoE cut {cut} sets {sets} tokens {tokens}: {time:.1} us, measured {measured}");
        all.push((time / measured - 1.0).abs());
    }
    let (median, worst) = errors(all);
    println!("MoE: median {median:.3}, worst {worst:.3}");
    assert!(median < 0.2 && worst < 0.5, "median {median}, worst {worst}");
}
