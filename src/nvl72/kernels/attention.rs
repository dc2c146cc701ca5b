//! Attention over a cache: two launches, one over parts of the context, one that merges them.
//!
//! In decode latent attention is in its absorbed form: all heads read one latent and one rotary key a
//! token. A prompt's chunk has many queries for each key, so engines make whole keys and values out of the
//! latents (as many operations as absorbing, which the plan counts) and attend over those: fewer operations
//! for each pair of tokens.
//!
//! Each launch waits for memory once; a longer context costs more than its bytes: more parts, deeper
//! merges, a round trip for each doubling from `SHORT` to `LONG`.

use super::product::Arithmetic;
use super::{Batch, WORD, Work};
use crate::nvl72::hardware::Nvl72Facts;
use crate::nvl72::plan::Plan;
use workloads::model::WeightFormat;

/// Over parts of the context, and their merge.
const LAUNCHES: u32 = 2;
/// Tokens that one part of the context holds at least.
const SHORT: f64 = 128.0;
/// Context from which on merging grows no more.
const LONG: f64 = 4096.0;

/// Grouped-query attention of one GPU.
#[derive(Clone, Copy, Debug)]
pub struct Grouped {
    /// Query heads.
    pub heads: u32,
    /// Heads of keys and values.
    pub kv_heads: u32,
    /// Width of a head.
    pub head_dim: u32,
    /// Tokens attended to at most.
    pub window: Option<u32>,
}

/// Latent attention of `heads` heads.
pub fn latent(
    plan: &Plan,
    facts: &Nvl72Facts,
    batch: &Batch,
    heads: u32,
    latent: u32,
    rope: u32,
) -> Work {
    let width = u64::from(latent + rope);
    let pairs = f64::from(heads) * batch.tokens as f64 * batch.attended;
    let (per_pair, vector) = match plan.whole_keys() {
        Some((key, value)) if batch.prompt => {
            (2.0 * f64::from(key + value), u64::from(key + value))
        }
        _ => (2.0 * (width + u64::from(latent)) as f64, width + u64::from(latent)),
    };
    let vectors = batch.tokens * u64::from(heads) * vector * WORD;
    let cache = batch.sequences * batch.cached * plan.cache_bytes(width);
    finish(plan, facts, batch.cached as f64, cache + vectors, per_pair * pairs)
}

/// Grouped-query attention.
pub fn grouped(plan: &Plan, facts: &Nvl72Facts, batch: &Batch, of: &Grouped) -> Work {
    let width = u64::from(of.head_dim);
    let seen = of.window.map_or(batch.cached, |window| {
        // A chunk of a prompt reads the window before its first token, and itself.
        let reach = u64::from(window) + if batch.prompt { batch.tokens } else { 0 };
        batch.cached.min(reach)
    });
    let attended = of.window.map_or(batch.attended, |w| batch.attended.min(f64::from(w)));
    let cache = batch.sequences * seen * plan.cache_bytes(2 * u64::from(of.kv_heads) * width);
    let vectors = batch.tokens * u64::from(of.heads) * 2 * width * WORD;
    let flops = 4.0 * (width * u64::from(of.heads) * batch.tokens) as f64 * attended;
    finish(plan, facts, seen as f64, cache + vectors, flops)
}

fn finish(plan: &Plan, facts: &Nvl72Facts, context: f64, bytes: u64, flops: f64) -> Work {
    let doublings = (context.min(LONG) / SHORT).max(1.0).log2();
    // Keys and values of 8 bit are multiplied as they are.
    let bits = if plan.kv_bits() <= 8 { 8 } else { 16 };
    let arithmetic = Arithmetic::of(WeightFormat::plain(bits));
    Work {
        launches: LAUNCHES,
        other_bytes: bytes,
        flops,
        fixed_us: facts.chain(LAUNCHES, f64::from(LAUNCHES) + doublings) * 1e6,
        memory_us: bytes as f64 / facts.memory_rate() * 1e6,
        arithmetic_us: flops / arithmetic.rate(facts) * 1e6,
        ..Work::default()
    }
}
