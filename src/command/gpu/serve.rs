//! `wafersim gpu serve`: prompts on workers of their own, answers on others.

use super::{Common, Spread, rounded};
use crate::command::args::Format;
use crate::command::print;
use crate::error::Error;
use crate::machine::Request;
use crate::nvl72::Layout;
use crate::nvl72::disaggregated::{Workers, serve};
use serde_json::json;

/// Options of `wafersim gpu serve`.
#[derive(Debug, clap::Args)]
pub(in crate::command) struct Options {
    #[command(flatten)]
    pub(super) common: Common,
    #[command(flatten)]
    spread: Spread,
    /// GPUs of a prefill worker
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=4096))]
    prefill_tp: u32,
    /// Sets of GPUs of a prefill worker over which experts are dealt
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=4096))]
    prefill_ep: u32,
    /// Requests in flight on a decode worker
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1 << 20))]
    batch: u32,
    /// Tokens of the prompt
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1 << 24))]
    prompt_tokens: u32,
    /// Tokens of the answer
    #[arg(long, value_parser = clap::value_parser!(u32).range(2..=1 << 24))]
    output_tokens: u32,
    /// Prompt tokens that go through the model together
    #[arg(long, default_value_t = 8192, value_parser = clap::value_parser!(u32).range(1..=1 << 20))]
    chunk: u32,
}

impl Options {
    pub(super) fn run(&self) -> Result<(), Error> {
        let ready = self.common.ready()?;
        let decode = self.spread.layout();
        let prefill = Layout::new(self.prefill_tp, 1, self.prefill_ep);
        let chunk = u64::from(self.chunk.min(self.prompt_tokens));
        let context = u64::from(self.prompt_tokens) + u64::from(self.output_tokens);
        ready.placed(decode, self.batch, context, 1)?;
        ready.placed(prefill, 1, u64::from(self.prompt_tokens), chunk)?;
        let rack = ready.rack();
        let request =
            Request { prompt: self.prompt_tokens, reasoning: 0, answer: self.output_tokens };
        let workers = Workers { prefill, decode, batch: self.batch, chunk };
        let served = serve(&rack, workers, request)?;
        let user = 1.0 / served.tpot;
        let text = match self.common.format {
            Format::Json => {
                let value = json!({
                    "ttft_ms": rounded(served.ttft() * 1e3),
                    "transfer_ms": rounded(served.transfer * 1e3),
                    "tpot_ms": rounded(served.tpot * 1e3),
                    "tokens_per_s_user": rounded(user),
                    "tokens_per_s_gpu": rounded(served.tokens_per_s_gpu),
                    "prefill_workers_per_decode_worker": rounded(served.prefill_workers),
                    "cache_bytes_per_gpu": served.cache_bytes,
                    "prefill_layout": prefill.to_string(),
                    "decode_layout": decode.to_string(),
                });
                format!("{value}\n")
            }
            Format::Human => format!(
                "prompts on {prefill}, answers on {decode}: {:.1} ms to the first token, {:.2} ms for the \
                 cache's way,\n{:.3} ms a token, {user:.1} tokens/s a user, {:.1} a GPU of both kinds, \
                 {:.3} prefill workers a decode worker\n",
                served.ttft() * 1e3,
                served.transfer * 1e3,
                served.tpot * 1e3,
                served.tokens_per_s_gpu,
                served.prefill_workers,
            ),
        };
        print(text.as_bytes())
    }
}
