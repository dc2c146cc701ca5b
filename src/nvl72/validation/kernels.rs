//! Measured kernels of one GPU.

use super::published::Published;
use super::{Row, facts};
use crate::error::Error;
use crate::nvl72::kernels::experts::{Kernel, Projection, projection};
use crate::nvl72::kernels::product::{Product, product};
use crate::nvl72::kernels::{Batch, work};
use crate::nvl72::load::{Load, draws};
use crate::nvl72::plan::{Plan, matrix};
use crate::nvl72::{Layout, storage::Weights};
use workloads::forward::{Step, forward};
use workloads::model::import::import;
use workloads::model::{Attention, Model, WeightFormat};
use workloads::routing::ExpertLoad;

/// DeepSeek-V3 as it is published; R1 has the same shapes.
pub(super) fn deepseek() -> Result<Model, Error> {
    let text = include_str!("../../../examples/models/deepseek-v3.json");
    import(text, "deepseek-v3")
        .map_err(|_| Error::Simulation("the model of the tables cannot be read".to_string()))
}

/// Matrix products.
pub(super) fn products() -> Result<Vec<Row>, Error> {
    let text = include_str!("../../../examples/published/gemm.csv");
    let facts = facts("gb200")?;
    let table = Published::new("gemm", text);
    let mut rows = Vec::new();
    for line in table.rows() {
        let (format, m) = (line.text("format")?, line.number("m")?);
        let (n, k): (u32, u32) = (line.number("n")?, line.number("k")?);
        let stored = if format == "nvfp4" { WeightFormat::NVFP4 } else { WeightFormat::BF16 };
        let weights = matrix(stored, k, n);
        let of = Product { rows: m, ins: k, outs: n, times: 1, format: stored, weights };
        rows.push(Row {
            name: format!("{format} {m} x {n} x {k}"),
            published: line.number("us")?,
            predicted: product(&facts, &of).total_us(),
            calibrated: line.even(),
        });
    }
    Ok(rows)
}

/// The fused experts.
pub(super) fn experts() -> Result<Vec<Row>, Error> {
    let text = include_str!("../../../examples/published/moe_kernel.csv");
    let facts = facts("gb200")?;
    let table = Published::new("moe_kernel", text);
    let mut known: Vec<((u64, &str), Vec<_>)> = Vec::new();
    let mut rows = Vec::new();
    for line in table.rows() {
        let (name, law) = (line.text("kernel")?, line.text("distribution")?);
        let tokens: u64 = line.number("tokens")?;
        let (tp, ep): (u32, u32) = (line.number("tp")?, line.number("ep")?);
        let kernel = if name == "few" { Kernel::Few } else { Kernel::Many };
        let one = |active: u32, load: f64| {
            let of = |ins: u32, outs: u32| {
                let format = WeightFormat::NVFP4;
                let expert_bytes = matrix(format, ins, outs);
                let tokens = tokens as f64;
                let of = Projection { active, rows: load, tokens, ins, outs, format, expert_bytes };
                projection(&facts, &of, kernel).total_us()
            };
            of(7168, 4096 / tp) + of(2048 / tp, 7168)
        };
        let predicted = match law.strip_prefix("power_law_") {
            // The busiest set, as a mean over draws.
            Some(exponent) => {
                let exponent = exponent.parse().unwrap_or(1.0);
                let place = known.iter().position(|(key, _)| *key == (tokens, law));
                let place = place.unwrap_or_else(|| {
                    let load = Load::from(ExpertLoad::PowerLaw { exponent });
                    known.push(((tokens, law), draws(1, &load, 256, 8, tokens)));
                    known.len() - 1
                });
                let draws = &known[place].1;
                let used = &draws[..draws.len().min(8)];
                let worst = |sets: Vec<(u32, f64)>| {
                    sets.iter().map(|&(active, load)| one(active, load)).fold(0.0, f64::max)
                };
                used.iter().map(|draw| worst(draw.per_set(ep))).sum::<f64>() / used.len() as f64
            }
            // Every expert alike. The kernel for few tokens was measured on one set with half of its
            // experts in use: its rows for one set and for two are the same.
            None => {
                let sets = if kernel == Kernel::Few { ep.max(2) } else { ep };
                let load = (tokens * 8) as f64 / f64::from(sets);
                one((load.ceil() as u32).clamp(1, 256 / sets), load)
            }
        };
        rows.push(Row {
            name: format!("{name} {law} {tokens} tokens tp{tp} ep{ep}"),
            published: line.number("us")?,
            predicted,
            calibrated: line.even(),
        });
    }
    Ok(rows)
}

/// Latent attention in decode, projections included.
pub(super) fn latent_attention() -> Result<Vec<Row>, Error> {
    let text = include_str!("../../../examples/published/mla_module.csv");
    let facts = facts("gb200")?;
    let table = Published::new("mla_module", text);
    let mut rows = Vec::new();
    for line in table.rows() {
        let (cache, context) = (line.text("cache")?, line.number("context")?);
        let (heads, batch): (u32, u32) = (line.number("heads")?, line.number("batch")?);
        let mut model = Weights::Bf16.apply(deepseek()?);
        model.layers.truncate(1);
        if let Attention::Mla { heads: of_model, .. } = &mut model.attention {
            *of_model = heads;
        }
        let pass = forward(&model, Step::Decode { batch: 1, context: 1 });
        let bits = if cache == "fp8" { 8 } else { 16 };
        let plan = Plan::new(&model, &pass)?.with_kv_bits(bits);
        let one = Layout::new(1, 1, 1);
        let batch = Batch::decode(one, batch, context);
        let first = plan.operators.iter().position(|op| op.name == "q_a_kv_a");
        let last = plan.operators.iter().position(|op| op.name == "o_proj");
        let (Some(first), Some(last)) = (first, last) else {
            return Err(Error::Simulation("the module has no projections".to_string()));
        };
        let module = &plan.operators[first..=last];
        let time = module.iter().map(|op| work(&plan, op, one, &batch, &[], &facts).total_us());
        rows.push(Row {
            name: format!("{cache} cache, {heads} heads, batch {}, {context} tokens", batch.tokens),
            published: line.number("us")?,
            predicted: time.sum(),
            calibrated: line.even(),
        });
    }
    Ok(rows)
}
