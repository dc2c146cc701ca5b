//! Measured collectives.

use super::published::{Line, Published};
use super::{Row, facts};
use crate::error::Error;
use crate::nvl72::collectives::Collectives;
use crate::nvl72::collectives::exchange::{Exchange, Sides};
use crate::nvl72::load::dealt;
use crate::nvl72::step::payload;
use crate::nvl72::{Layout, Nvl72Facts};
use workloads::model::WeightFormat;

const SYSTEMS: [&str; 4] = ["gb200", "gb300", "b200_sxm", "h200_sxm"];

/// Predicts rows of `table` system by system, so that what is known of one is known once.
fn by_system(
    table: &Published,
    predict: impl Fn(&Line<'_>, &Collectives<'_>) -> Result<Row, Error>,
) -> Result<Vec<Row>, Error> {
    let mut rows = Vec::new();
    for system in SYSTEMS {
        let facts: Nvl72Facts = facts(system)?;
        let known = Collectives::new(&facts);
        for line in table.rows() {
            if line.text("system")? == system {
                rows.push(predict(&line, &known)?);
            }
        }
    }
    Ok(rows)
}

/// All-reduces by an engine's own kernel.
pub(super) fn all_reduce() -> Result<Vec<Row>, Error> {
    let text = include_str!("../../../examples/published/all_reduce.csv");
    by_system(&Published::new("all_reduce", text), |line, known| {
        let (system, gpus) = (line.text("system")?, line.number("gpus")?);
        let elements: u64 = line.number("elements")?;
        Ok(Row {
            name: format!("{system} {gpus} GPUs {elements} elements"),
            published: line.number("us")?,
            predicted: known.all_reduce(gpus, elements * 2)?.us(),
            calibrated: line.even(),
        })
    })
}

/// All-reduces and all-gathers by NCCL, around rings or in the switches.
pub(super) fn nccl() -> Result<Vec<Row>, Error> {
    let text = include_str!("../../../examples/published/nccl.csv");
    by_system(&Published::new("nccl", text), |line, known| {
        let (system, op) = (line.text("system")?, line.text("op")?);
        let (gpus, elements): (u32, u64) = (line.number("gpus")?, line.number("elements")?);
        let bytes = elements * 2;
        let timed = if op == "all_reduce" {
            known.nccl(gpus, bytes)?
        } else {
            known.ring_gather(gpus, bytes.div_ceil(u64::from(gpus)))?
        };
        Ok(Row {
            name: format!("{op} {system} {gpus} GPUs {elements} elements"),
            published: line.number("us")?,
            predicted: timed.us(),
            calibrated: line.even(),
        })
    })
}

/// Dispatch and combine with one side.
pub(super) fn one_sided() -> Result<Vec<Row>, Error> {
    exchanges("one")
}

/// Prepare, dispatch and combine with two sides.
pub(super) fn two_sided() -> Result<Vec<Row>, Error> {
    exchanges("two")
}

fn exchanges(wanted: &str) -> Result<Vec<Row>, Error> {
    let text = include_str!("../../../examples/published/moe_exchange.csv");
    let facts = facts("gb200")?;
    let known = Collectives::new(&facts);
    let table = Published::new("moe_exchange", text);
    let mut rows = Vec::new();
    for line in table.rows() {
        let (kind, op, format) = (line.text("sides")?, line.text("op")?, line.text("format")?);
        if kind != wanted {
            continue;
        }
        let (tokens, ep): (u64, u32) = (line.number("tokens")?, line.number("ep")?);
        let sides = if kind == "one" { Sides::One } else { Sides::Two };
        // Results come back in 16 bit, unless they are asked for in the format of the tokens.
        let sent = match (op, format) {
            ("combine", _) | (_, "bfloat16") => WeightFormat::BF16,
            (_, "fp8") => WeightFormat::FP8_BLOCK_128,
            _ => WeightFormat::NVFP4,
        };
        let timed = if op == "prepare" {
            known.prepare(ep, tokens)?
        } else {
            let all = tokens * u64::from(ep);
            let of = Exchange {
                layout: Layout::new(1, ep, ep),
                tokens: all,
                token_bytes: payload(7168, sent),
                one_group: false,
                sides,
            };
            known.exchange(of, op != "dispatch", &[dealt(256, 8, all, ep)])?
        };
        rows.push(Row {
            name: format!("{kind}-sided {op} {format} EP{ep} {tokens} tokens"),
            published: line.number("us")?,
            predicted: timed.us(),
            calibrated: line.even(),
        });
    }
    Ok(rows)
}
