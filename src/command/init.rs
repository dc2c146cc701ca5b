//! `wafersim init`: a folder with everything that a first scenario of one's own needs.

use super::{files, print};
use crate::embedded;
use crate::error::{Error, Problem};
use std::fs;
use std::path::{Path, PathBuf};

/// Options of `wafersim init`.
#[derive(Debug, clap::Args)]
pub(super) struct InitOptions {
    /// The folder; it may exist, but must not hold any of the files
    folder: PathBuf,
}

/// Files of the starter: where they go, and what they are made of.
const FILES: [(&str, &str); 4] = [
    ("scenario.ron", "wafersim:/kimi-k2.6.ron"),
    ("models/kimi-k2.6.json", "wafersim:/models/kimi-k2.6.json"),
    ("hardware/wse3.ron", "wafersim:/hardware/wse3.ron"),
    ("hardware/gb200-nvl72.ron", "wafersim:/hardware/gb200-nvl72.ron"),
];

/// Writes all files, or none where one of them exists.
pub(super) fn run(options: &InitOptions) -> Result<(), Error> {
    let folder = &options.folder;
    for (name, _) in FILES {
        let path = folder.join(name);
        if fs::symlink_metadata(&path).is_ok() {
            let message = "exists and is not overwritten; choose another folder";
            return Err(Error::Output(files::problem(&path, message)));
        }
    }
    let mut written: Vec<PathBuf> = Vec::new();
    for (name, from) in FILES {
        let text = embedded::text(Path::new(from)).unwrap_or_default();
        let path = folder.join(name);
        if let Err(error) = files::write_whole(&path, starter(text).as_bytes()) {
            written.iter().for_each(|path| drop(fs::remove_file(path)));
            return Err(place(error, &path));
        }
        written.push(path);
    }
    let scenario = folder.join(FILES[0].0);
    let list: Vec<String> = written.iter().map(|path| format!("  {}\n", path.display())).collect();
    let text = format!(
        "written:\n{}change them and run\n  wafersim run {}\n",
        list.concat(),
        scenario.display()
    );
    print(text.as_bytes())
}

/// The scenario reads the files beside it, so that changing them changes the result.
fn starter(text: &str) -> String {
    text.replace("preset: \"wse3\"", "preset: \"hardware/wse3.ron\"")
        .replace("preset: \"gb200-nvl72\"", "preset: \"hardware/gb200-nvl72.ron\"")
}

fn place(error: Error, path: &Path) -> Error {
    match error {
        Error::Output(problem) => Error::Output(Problem { file: Some(path.to_owned()), ..problem }),
        other => other,
    }
}
