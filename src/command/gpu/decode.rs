//! `wafersim gpu decode`: one step of a decode worker.

use super::{Common, Spread, rounded};
use crate::command::args::Format;
use crate::command::print;
use crate::error::Error;
use crate::nvl72::replay;
use crate::nvl72::step::StepTime;
use serde_json::{Map, Value, json};

/// Options of `wafersim gpu decode`.
#[derive(Debug, clap::Args)]
pub(in crate::command) struct Options {
    #[command(flatten)]
    pub(super) common: Common,
    #[command(flatten)]
    spread: Spread,
    /// Sequences in flight on the whole worker
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1 << 20))]
    batch: u32,
    /// Tokens in the cache of each of them
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    context: u32,
    /// Prompts of so many tokens run on the same GPUs, one for each answer of --answer-tokens
    #[arg(long, value_name = "TOKENS", requires = "answer_tokens")]
    prompt_tokens: Option<u32>,
    /// Tokens of an answer, where prompts run on the same GPUs
    #[arg(long, value_name = "TOKENS", requires = "prompt_tokens", value_parser = clap::value_parser!(u32).range(1..))]
    answer_tokens: Option<u32>,
}

impl Options {
    pub(super) fn run(&self) -> Result<(), Error> {
        let ready = self.common.ready()?;
        let layout = self.spread.layout();
        let context = u64::from(self.context);
        let placed = ready.placed(layout, self.batch, context, 1)?;
        let rack = ready.rack();
        let step = rack.decode(layout, self.batch, context)?;
        let mut prompts = 0.0;
        if let (Some(prompt), Some(answer)) = (self.prompt_tokens, self.answer_tokens) {
            prompts = replay::prompt_share(&rack, layout, self.batch, prompt, answer)?;
        }
        let seconds = step.seconds() + prompts;
        let tpot_ms = seconds * 1e3;
        let user = 1.0 / seconds;
        let gpu = user * f64::from(self.batch) / f64::from(layout.replica());
        let text = match self.common.format {
            Format::Json => {
                let mut breakdown = breakdown(&step);
                if prompts > 0.0 {
                    breakdown.insert("prompts_ms".to_string(), json!(rounded(prompts * 1e3)));
                }
                let placement: Map<String, Value> = placed
                    .rows()
                    .into_iter()
                    .map(|(owner, bytes)| (owner.replace(' ', "_"), json!(bytes)))
                    .collect();
                let value = json!({
                    "tpot_ms": rounded(tpot_ms),
                    "tokens_per_s_user": rounded(user),
                    "tokens_per_s_gpu": rounded(gpu),
                    "breakdown": breakdown,
                    "layout": layout.to_string(),
                    "gpus": layout.replica(),
                    "bytes_per_gpu": placement,
                    "bytes_capacity": placed.capacity,
                });
                format!("{value}\n")
            }
            Format::Human => human(&step, layout.to_string(), tpot_ms, user, gpu),
        };
        print(text.as_bytes())
    }
}

/// Time by part, largest first `[ms]`.
fn parts(step: &StepTime) -> Vec<(&'static str, f64)> {
    let mut list: Vec<(&'static str, f64)> = Vec::new();
    for part in &step.parts {
        let time = part.split.total_us() / 1e3;
        match list.iter_mut().find(|(name, _)| *name == part.name) {
            Some((_, sum)) => *sum += time,
            None => list.push((part.name, time)),
        }
    }
    list.retain(|&(_, time)| time > 0.0);
    list.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(b.0)));
    list
}

/// Time by cause and by part `[ms]`.
fn breakdown(step: &StepTime) -> Map<String, Value> {
    let split = &step.split;
    let causes = [
        ("arithmetic_ms", split.arithmetic_us),
        ("memory_ms", split.memory_us),
        ("nvlink_ms", split.fabric_us + split.io_us),
        ("fixed_ms", split.waiting_us),
    ];
    let mut all: Map<String, Value> =
        causes.into_iter().map(|(name, us)| (name.to_string(), json!(rounded(us / 1e3)))).collect();
    let parts: Map<String, Value> = parts(step)
        .into_iter()
        .map(|(name, time)| (name.to_string(), json!(rounded(time))))
        .collect();
    all.insert("parts_ms".to_string(), Value::Object(parts));
    all
}

fn human(step: &StepTime, layout: String, tpot_ms: f64, user: f64, gpu: f64) -> String {
    let mut text = format!(
        "{layout}: {tpot_ms:.3} ms a token, {user:.1} tokens/s a user, {gpu:.1} tokens/s a GPU\n"
    );
    for (name, time) in parts(step).iter().take(12) {
        text += &format!("  {name:<24} {time:>8.3} ms\n");
    }
    text
}
