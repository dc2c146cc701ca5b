//! `wafersim fabric`: the fabric of a wafer alone, one subcommand for each kind of work.

mod collective;
mod traffic;

use super::args::Format;
use crate::error::Error;
use clap::Subcommand;
pub(super) use collective::Engine;
pub(crate) use collective::cycles;
use sim_fabric::mesh::collective::request::Goal;

/// What `wafersim fabric` can simulate.
#[derive(Debug, Subcommand)]
pub(super) enum Fabric {
    /// Words of all PEs add up at one
    Reduce(collective::Options),
    /// Words of all PEs add up in every PE
    AllReduce(collective::Options),
    /// One PE's words go to every PE
    Broadcast(collective::Options),
    /// Words of all PEs come to lie side by side in every PE
    AllGather(collective::Gather),
    /// Every PE's words go to the next PE of its row or column, the last one's to the first
    Shift(collective::Shift),
    /// Random packets between all routers: latency and accepted rate at an offered rate
    Traffic(traffic::Options),
}

impl Fabric {
    /// How results and errors are to be shown.
    pub(super) fn format(&self) -> Format {
        match self {
            Self::Reduce(options) | Self::AllReduce(options) | Self::Broadcast(options) => {
                options.common.format
            }
            Self::AllGather(options) => options.common.format,
            Self::Shift(options) => options.common.format,
            Self::Traffic(options) => options.format,
        }
    }

    /// Simulates and prints.
    pub(super) fn run(&self) -> Result<(), Error> {
        match self {
            Self::Reduce(options) => options.run(Goal::Reduce),
            Self::AllReduce(options) => options.run(Goal::AllReduce),
            Self::Broadcast(options) => options.run(Goal::Broadcast),
            Self::AllGather(options) => options.run(),
            Self::Shift(options) => options.run(),
            Self::Traffic(options) => traffic::run(options),
        }
    }
}

/// A rectangle as it is typed: columns x rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shape {
    /// PEs in a row.
    pub(super) columns: u32,
    /// PEs in a column.
    pub(super) rows: u32,
}

impl std::str::FromStr for Shape {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let side = |text: &str| text.parse::<u32>().ok().filter(|&side| side > 0);
        text.split_once('x')
            .and_then(|(columns, rows)| Some(Self { columns: side(columns)?, rows: side(rows)? }))
            .ok_or_else(|| "expected columns x rows, such as 32x32".to_string())
    }
}
