//! `wafersim gpu prefill`: a prompt on a worker that has nothing else to do.

use super::{Common, Spread, rounded};
use crate::command::args::Format;
use crate::command::print;
use crate::error::Error;
use crate::nvl72::replay;
use serde_json::json;

/// Options of `wafersim gpu prefill`.
#[derive(Debug, clap::Args)]
pub(in crate::command) struct Options {
    #[command(flatten)]
    pub(super) common: Common,
    #[command(flatten)]
    spread: Spread,
    /// Tokens of the prompt
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    tokens: u32,
    /// Tokens that go through the model together
    #[arg(long, default_value_t = 8192, value_parser = clap::value_parser!(u32).range(1..=1 << 20))]
    chunk: u32,
}

impl Options {
    pub(super) fn run(&self) -> Result<(), Error> {
        let ready = self.common.ready()?;
        let layout = self.spread.layout();
        let tokens = u64::from(self.tokens);
        let chunk = u64::from(self.chunk).min(tokens);
        ready.placed(layout, 1, tokens, chunk)?;
        let rack = ready.rack();
        let seconds = replay::prompt(&rack, layout, tokens, chunk)?;
        let rate = f64::from(self.tokens) / seconds;
        let gpu = rate / f64::from(layout.replica());
        let text = match self.common.format {
            Format::Json => {
                let value = json!({
                    "ttft_ms": rounded(seconds * 1e3),
                    "tokens_per_s": rounded(rate),
                    "tokens_per_s_gpu": rounded(gpu),
                    "layout": layout.to_string(),
                    "gpus": layout.replica(),
                });
                format!("{value}\n")
            }
            Format::Human => format!(
                "{layout}: {:.1} ms to the first token, {rate:.0} tokens/s, {gpu:.0} a GPU\n",
                seconds * 1e3
            ),
        };
        print(text.as_bytes())
    }
}
