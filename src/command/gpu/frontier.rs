//! `wafersim gpu frontier`: every layout that fits, batch after batch.

use super::{Common, rounded};
use crate::command::args::Format;
use crate::command::print;
use crate::command::run::pool;
use crate::error::Error;
use crate::nvl72::Layout;
use rayon::prelude::*;
use serde_json::json;

/// Options of `wafersim gpu frontier`.
#[derive(Debug, clap::Args)]
pub(in crate::command) struct Options {
    #[command(flatten)]
    pub(super) common: Common,
    /// Tokens in the cache of each sequence
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    context: u32,
    /// Sequences in flight on one replica; may be given several times
    #[arg(long = "batch", value_parser = clap::value_parser!(u32).range(1..=1 << 20))]
    batches: Vec<u32>,
    /// GPUs of a replica at most
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=4096))]
    gpus: Option<u32>,
    /// Threads to use; the result does not depend on it
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
}

/// Sequences on a replica, where none are given.
const BATCHES: [u32; 12] = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048];

/// A point: layout, batch, time of a step `[s]`.
type Point = (Layout, u32, f64);

impl Options {
    pub(super) fn run(&self) -> Result<(), Error> {
        let ready = self.common.ready()?;
        let all = ready.facts.gpus.whole() as u32;
        let most = self.gpus.unwrap_or(all).min(all);
        let batches = if self.batches.is_empty() { BATCHES.to_vec() } else { self.batches.clone() };
        let context = u64::from(self.context);
        let pool = pool(self.threads)?;
        let layouts = Layout::candidates(most);
        let points = pool.install(|| {
            batches
                .par_iter()
                .map(|&batch| {
                    let rack = ready.rack();
                    let fits = |layout: &&Layout| {
                        // A group of GPUs without a request is no layout for this batch.
                        layout.attention_data_parallel <= batch
                            && ready.placed(**layout, batch, context, 1).is_ok()
                    };
                    layouts
                        .iter()
                        .filter(fits)
                        .map(|&layout| {
                            Ok((layout, batch, rack.decode(layout, batch, context)?.seconds()))
                        })
                        .collect::<Result<Vec<Point>, Error>>()
                })
                .collect::<Result<Vec<_>, Error>>()
        })?;
        let points: Vec<Point> = points.into_iter().flatten().collect();
        if points.is_empty() {
            let least = Layout::new(most, 1, 1);
            ready.placed(least, batches[0], context, 1)?;
            return Err(Error::input("no layout of the machine allows this model"));
        }
        print(self.text(&points).as_bytes())
    }

    fn text(&self, points: &[Point]) -> String {
        let speeds = |&(layout, batch, time): &Point| {
            (1.0 / time, f64::from(batch) / time / f64::from(layout.replica()))
        };
        // A point is on the frontier if no other is at least as fast for a user and for a GPU.
        let beaten = |point: &Point| {
            let (user, gpu) = speeds(point);
            points.iter().map(speeds).any(|(u, g)| u >= user && g >= gpu && (u > user || g > gpu))
        };
        let mut rows: Vec<&Point> = points.iter().collect();
        rows.sort_by(|a, b| speeds(b).0.total_cmp(&speeds(a).0).then(a.0.cmp(&b.0)));
        match self.common.format {
            Format::Json => {
                let rows: Vec<_> = rows
                    .iter()
                    .map(|point| {
                        let (user, gpu) = speeds(point);
                        json!({
                            "layout": point.0.to_string(),
                            "gpus": point.0.replica(),
                            "batch": point.1,
                            "tpot_ms": rounded(point.2 * 1e3),
                            "tokens_per_s_user": rounded(user),
                            "tokens_per_s_gpu": rounded(gpu),
                            "on_frontier": !beaten(point),
                        })
                    })
                    .collect();
                format!("{}\n", json!({ "points": rows }))
            }
            Format::Human => {
                let mut text = format!("{} points; those that no other beats:\n", rows.len());
                for point in rows.into_iter().filter(|point| !beaten(point)) {
                    let (user, gpu) = speeds(point);
                    text += &format!(
                        "  {:<20} batch {:>5}  {user:>7.1} tokens/s a user  {gpu:>8.1} a GPU\n",
                        point.0.to_string(),
                        point.1
                    );
                }
                text
            }
        }
    }
}
