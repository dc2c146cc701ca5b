//! Measured whole models.
//!
//! A row gives the requests in flight on a worker. Where prompts run elsewhere those that still wait
//! for their first token are not decoding: by Little's law a share `answer x TPOT` over that and the time to
//! the first token is. Where prompts run on the same GPUs, they take their share of every user's time
//! ([`replay::prompt_share`]).

use super::kernels::deepseek;
use super::published::{Line, Published};
use super::{Row, facts};
use crate::error::Error;
use crate::nvl72::plan::Plan;
use crate::nvl72::replay;
use crate::nvl72::step::Rack;
use crate::nvl72::storage::Weights;
use crate::nvl72::{Layout, Nvl72Facts};
use rayon::prelude::*;
use workloads::forward::{Step, forward};
use workloads::routing::ExpertLoad;

const LAW: ExpertLoad = ExpertLoad::PowerLaw { exponent: 1.01 };

fn plan(weights: Weights) -> Result<Plan, Error> {
    let model = weights.apply(deepseek()?);
    let pass = forward(&model, Step::Decode { batch: 1, context: 1 });
    Ok(Plan::new(&model, &pass)?.with_kv_bits(8))
}

/// DeepSeek-R1 without speculation: all rows.
pub(super) fn deepseek_r1() -> Result<Vec<Row>, Error> {
    let text = include_str!("../../../examples/published/deepseek_r1.csv");
    let table = Published::new("deepseek_r1", text);
    let plans = [("fp4", plan(Weights::Nvfp4)?), ("fp8", plan(Weights::Fp8)?)];
    let lines: Vec<Line<'_>> = table.rows().collect();
    // Rows of one kind of machine and one precision share what is known of them.
    let mut kinds: Vec<(&str, &str)> = Vec::new();
    for line in &lines {
        let kind = (line.text("system")?, line.text("precision")?);
        if !kinds.contains(&kind) {
            kinds.push(kind);
        }
    }
    let found: Vec<(usize, Row)> = kinds
        .par_iter()
        .map(|&(system, precision)| {
            let facts: Nvl72Facts = facts(system)?;
            let Some((_, plan)) = plans.iter().find(|(name, _)| *name == precision) else {
                return Err(Error::Simulation(format!("no storage is called {precision}")));
            };
            let rack = Rack::new(plan, &facts, LAW, 1);
            let mut rows = Vec::new();
            for line in &lines {
                if (line.text("system")?, line.text("precision")?) == (system, precision) {
                    rows.push((line.index, row(line, &rack)?));
                }
            }
            Ok(rows)
        })
        .collect::<Result<Vec<_>, Error>>()?
        .into_iter()
        .flatten()
        .collect();
    let mut found = found;
    found.sort_by_key(|(index, _)| *index);
    Ok(found.into_iter().map(|(_, row)| row).collect())
}

fn row(line: &Line<'_>, rack: &Rack<'_>) -> Result<Row, Error> {
    let (tp, dp, ep) = (line.number("tp")?, line.number("dp")?, line.number("ep")?);
    let layout = Layout::new(tp, dp, ep);
    let (batch, prompt, answer): (u32, u32, u32) =
        (line.number("batch")?, line.number("prompt")?, line.number("answer")?);
    let (mode, system) = (line.text("mode")?, line.text("system")?);
    let context = u64::from(prompt + answer / 2);
    let ttft = line.number::<f64>("ttft_ms")? / 1e3;
    let mut time = rack.decode(layout, batch, context)?.seconds();
    if mode == "agg" {
        time += replay::prompt_share(rack, layout, batch, prompt, answer)?;
    } else {
        for _ in 0..4 {
            let decoding = f64::from(answer) * time;
            let share = decoding / (decoding + ttft);
            let busy = (f64::from(batch) * share).round().max(1.0) as u32;
            time = rack.decode(layout, busy, context)?.seconds();
        }
    }
    let (engine, precision) = (line.text("engine")?, line.text("precision")?);
    Ok(Row {
        name: format!(
            "{system} {engine} {precision} {mode} {layout} batch {batch} {prompt}/{answer}"
        ),
        published: line.number("tpot_ms")?,
        predicted: time * 1e3,
        calibrated: line.even(),
    })
}

/// Single figures: a server of B200s, and wide expert parallelism, whose engine computes one half of the
/// batch while the other half travels.
pub(super) fn single_points() -> Result<Vec<Row>, Error> {
    let plan = plan(Weights::Nvfp4)?;
    let eight = facts("b200")?;
    let rack = Rack::new(&plan, &eight, LAW, 1);
    let one = 1.0 / rack.decode(Layout::new(8, 1, 8), 1, 1536)?.seconds();
    let many = facts("gb200")?;
    let rack = Rack::new(&plan, &many, ExpertLoad::Balanced, 1);
    let layout = Layout { half_batches: true, ..Layout::new(1, 48, 48) };
    let wide = 1408.0 / rack.decode(layout, 48 * 1408, 2048)?.seconds();
    let row = |name: &str, published, predicted| Row {
        name: name.to_string(),
        published,
        predicted,
        calibrated: false,
    };
    Ok(vec![
        row("8 x B200, batch 1", 111.0, one),
        row("GB200, 48 GPUs of expert parallel, 1408 requests a GPU, a GPU", 13_386.0, wide),
    ])
}
