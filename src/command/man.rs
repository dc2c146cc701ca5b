//! `wafersim man`: the manual, as one page on stdout or as a file for each subcommand.

use super::args::Args;
use super::{files, print};
use crate::error::Error;
use clap::CommandFactory;
use clap_mangen::Man;
use std::path::PathBuf;

/// Options of `wafersim man`.
#[derive(Debug, clap::Args)]
pub(super) struct ManOptions {
    /// Page of a subcommand, such as `run` [default: that of wafersim]
    page: Option<String>,
    /// Write all pages into a folder
    #[arg(long, value_name = "DIR", conflicts_with = "page")]
    out: Option<PathBuf>,
}

/// Prints one page or writes all.
pub(super) fn run(options: &ManOptions) -> Result<(), Error> {
    let pages = pages(Args::command(), "")?;
    if let Some(folder) = &options.out {
        for (name, text) in &pages {
            files::write_whole(&folder.join(format!("{name}.1")), text)?;
        }
        return Ok(());
    }
    let wanted = options.page.as_ref().map_or("wafersim".into(), |page| format!("wafersim-{page}"));
    match pages.iter().find(|(name, _)| *name == wanted) {
        Some((_, text)) => print(text),
        None => {
            let names: Vec<&str> =
                pages.iter().filter_map(|(name, _)| name.strip_prefix("wafersim-")).collect();
            Err(Error::Arguments(format!(
                "there is no page `{wanted}`; pages: {}",
                names.join(", ")
            )))
        }
    }
}

/// The page of a command and those of its subcommands: name and text.
fn pages(command: clap::Command, parent: &str) -> Result<Vec<(String, Vec<u8>)>, Error> {
    let name = match parent {
        "" => command.get_name().to_string(),
        parent => format!("{parent}-{}", command.get_name()),
    };
    let mut text = Vec::new();
    Man::new(command.clone().display_name(name.clone()).bin_name(name.replace('-', " ")))
        .render(&mut text)
        .map_err(|error| Error::Simulation(format!("no manual page: {error}")))?;
    let mut pages = vec![(name.clone(), text)];
    for sub in command.get_subcommands().filter(|sub| sub.get_name() != "help") {
        pages.extend(self::pages(sub.clone(), &name)?);
    }
    Ok(pages)
}
