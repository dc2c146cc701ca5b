//! The result folder: complete or absent, and an earlier one never damaged.
//!
//! ```text
//! prepare   what stands at the path is looked at, .NAME.partial-PID-N is made beside it
//! write     files go into the hidden folder
//! commit    NAME -> .NAME.previous-PID-N,  .NAME.partial-PID-N -> NAME,  previous one removed
//! drop      without a commit, the hidden folder goes away
//! ```
//!
//! [`ResultFolder::prepare`] comes before the long run, so that a path that cannot be written is
//! refused at once. A crash may leave a hidden folder behind: it is in nobody's way, and an earlier
//! result that a crash left moved aside is put back by the next `prepare`.

mod existing;
mod live;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::outcome::Outcome;
use crate::{html, plots, tables};
use existing::Existing;
pub use live::abandon_all;

/// File that says which files are part of a result.
const MANIFEST: &str = "manifest.json";
/// What the manifest calls itself.
const FORMAT: &str = "wafersim-result";

/// Why a result folder cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// The path ends in nothing that could be created, as `/` does.
    #[error("{path}: not the name of a folder that can be written")]
    NoName {
        /// The path given.
        path: PathBuf,
    },
    /// A file stands at the path.
    #[error("{path}: is a file; give the name of a folder")]
    IsFile {
        /// The path given.
        path: PathBuf,
    },
    /// A folder stands at the path that is not an earlier result, or holds more than one.
    #[error("{path}: exists and is not replaced, because {why}; choose another folder")]
    Foreign {
        /// The path given.
        path: PathBuf,
        /// What it holds that a result does not, or lacks.
        why: String,
    },
    /// The path is a mount point, which cannot be replaced by a rename.
    #[error("{path}: is a mount point; choose a folder inside it")]
    MountPoint {
        /// The path given.
        path: PathBuf,
    },
    /// The system refused.
    #[error("{path}: cannot {action}: {source}")]
    Io {
        /// The path it was about.
        path: PathBuf,
        /// What was tried.
        action: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// A picture could not be drawn.
    #[error("{path}: cannot draw: {message}")]
    Draw {
        /// The picture.
        path: PathBuf,
        /// What the drawing library said.
        message: String,
    },
}

impl FolderError {
    pub(crate) fn io(path: &Path, action: &'static str) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { path, action, source }
    }
}

/// A result folder being written beside its final place.
#[derive(Debug)]
pub struct ResultFolder {
    target: PathBuf,
    partial: PathBuf,
    /// Parents made by `prepare`, outermost first.
    parents: Vec<PathBuf>,
    /// Names written so far.
    files: Vec<String>,
    /// What was run: command, effective scenario, seed, hash.
    run: Value,
    committed: bool,
}

impl ResultFolder {
    /// Checks that a result can be written at `path` and makes the hidden folder beside it.
    ///
    /// # Errors
    /// Anything at `path` but an earlier result or an empty folder; a parent that cannot be
    /// created or written.
    pub fn prepare(path: &Path) -> Result<Self, FolderError> {
        let target = existing::resolve(path)?;
        let parent = existing::parent_of(&target);
        let parents = create_parents(parent)?;
        let mut folder = Self {
            partial: PathBuf::new(),
            target,
            parents,
            files: Vec::new(),
            run: Value::Null,
            committed: false,
        };
        existing::restore_previous(&folder.target);
        Existing::at(&folder.target)?;
        folder.partial = create_hidden(&folder.target, "partial")?;
        live::add(&folder.partial, &folder.parents);
        Ok(folder)
    }

    /// The hidden folder that is written to until the commit.
    pub fn partial(&self) -> &Path {
        &self.partial
    }

    /// Adds one file to the result.
    ///
    /// # Errors
    /// The system's refusal to write it.
    pub fn write(&mut self, name: &str, bytes: &[u8]) -> Result<(), FolderError> {
        let path = self.partial.join(name);
        fs::write(&path, bytes).map_err(FolderError::io(&path, "write"))?;
        self.note(name);
        Ok(())
    }

    /// Counts a file written into [`ResultFolder::partial`] by other means.
    fn note(&mut self, name: &str) {
        if !self.files.iter().any(|file| file == name) {
            self.files.push(name.to_owned());
        }
    }

    /// Puts the result in its place and returns where that is.
    ///
    /// # Errors
    /// What stands at the path has changed since [`ResultFolder::prepare`] and is no result any
    /// more, or a rename failed: then the earlier result is back in its place.
    pub fn commit(mut self) -> Result<PathBuf, FolderError> {
        self.write_manifest()?;
        // From here on a signal waits: the result is in its place, or the earlier one is.
        let mut live = live::all();
        let previous = self.swap()?;
        live::remove(&mut live, &self.partial);
        self.committed = true;
        if let Some(previous) = previous {
            // The new result is in place: an old one that stays behind hidden does no harm.
            drop(fs::remove_dir_all(previous));
        }
        Ok(self.target.clone())
    }

    /// Renames the hidden folder into its place; returns where the earlier result went.
    fn swap(&self) -> Result<Option<PathBuf>, FolderError> {
        let previous = match Existing::at(&self.target)? {
            Existing::Nothing => None,
            Existing::Replaceable => Some(self.move_aside()?),
        };
        if let Err(error) = fs::rename(&self.partial, &self.target) {
            if let Some(previous) = previous {
                fs::rename(&previous, &self.target)
                    .map_err(FolderError::io(&previous, "put the earlier result back from"))?;
            }
            return Err(FolderError::io(&self.target, "move the result to")(error));
        }
        Ok(previous)
    }

    fn write_manifest(&mut self) -> Result<(), FolderError> {
        self.note(MANIFEST);
        self.files.sort();
        let manifest = json!({
            "format": FORMAT,
            "simulator": concat!("wafersim ", env!("CARGO_PKG_VERSION")),
            "files": self.files,
            "run": self.run,
        });
        self.write(MANIFEST, &pretty(&manifest))
    }

    fn move_aside(&self) -> Result<PathBuf, FolderError> {
        let aside = create_hidden(&self.target, "previous")?;
        match fs::rename(&self.target, &aside) {
            Ok(()) => Ok(aside),
            Err(error) => {
                drop(fs::remove_dir(&aside));
                Err(FolderError::io(&self.target, "move the earlier result away from")(error))
            }
        }
    }
}

impl Drop for ResultFolder {
    fn drop(&mut self) {
        if self.committed {
            return;
        }
        live::remove(&mut live::all(), &self.partial);
        if !self.partial.as_os_str().is_empty() {
            drop(fs::remove_dir_all(&self.partial));
        }
        for parent in self.parents.iter().rev() {
            // Fails, as it should, where something else has been put there meanwhile.
            drop(fs::remove_dir(parent));
        }
    }
}

/// Writes everything a result holds into `folder` and commits it; returns where it is.
///
/// `timing` is what may differ between two equal runs: wall times, threads, paths. Nothing else
/// depends on it.
///
/// # Errors
/// A file or picture that cannot be written; nothing is left behind then.
pub fn write_all(
    mut folder: ResultFolder,
    outcome: &Outcome,
    timing: &Value,
) -> Result<PathBuf, FolderError> {
    folder.write("outcome.json", &pretty(outcome))?;
    folder.write("timing.json", &pretty(timing))?;
    draw(folder, outcome)
}

/// Draws `outcome` anew into `folder` and commits it: `bytes` are the outcome's own, `timing` what its
/// run left beside it.
///
/// # Errors
/// As [`write_all`].
pub fn redraw(
    mut folder: ResultFolder,
    outcome: &Outcome,
    bytes: &[u8],
    timing: Option<&[u8]>,
) -> Result<PathBuf, FolderError> {
    folder.write("outcome.json", bytes)?;
    if let Some(timing) = timing {
        folder.write("timing.json", timing)?;
    }
    draw(folder, outcome)
}

/// Everything that is derived from the outcome, and the commit.
fn draw(mut folder: ResultFolder, outcome: &Outcome) -> Result<PathBuf, FolderError> {
    folder.run = json!({
        "command": outcome.manifest.command,
        "seed": outcome.manifest.seed,
        "scenario_hash": outcome.manifest.scenario_hash,
        "scenario": outcome.scenario,
    });
    for (name, bytes) in tables::all(outcome) {
        folder.write(name, &bytes)?;
    }
    folder.write("report.html", html::page(outcome).as_bytes())?;
    for name in plots::draw_all(outcome, &folder.partial)? {
        folder.note(name);
    }
    folder.commit()
}

/// `value` as indented JSON with a line end; the same bytes for the same value.
pub(crate) fn pretty(value: &impl serde::Serialize) -> Vec<u8> {
    let mut bytes = serde_json::to_vec_pretty(value).expect("results have only text as keys");
    bytes.push(b'\n');
    bytes
}

fn create_parents(parent: &Path) -> Result<Vec<PathBuf>, FolderError> {
    let mut missing: Vec<PathBuf> = parent
        .ancestors()
        .take_while(|dir| !dir.as_os_str().is_empty() && !dir.exists())
        .map(Path::to_owned)
        .collect();
    missing.reverse();
    if let Err(error) = fs::create_dir_all(parent) {
        for made in missing.iter().rev() {
            drop(fs::remove_dir(made));
        }
        return Err(FolderError::io(parent, "create the folder")(error));
    }
    Ok(missing)
}

/// Makes a hidden folder beside `target` under a name that is not taken.
fn create_hidden(target: &Path, role: &str) -> Result<PathBuf, FolderError> {
    let parent = existing::parent_of(target);
    let mut number = 0u32;
    loop {
        let path = parent.join(existing::hidden_name(target, role, number));
        match fs::create_dir(&path) {
            Ok(()) => return Ok(path),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && number < 10_000 => {
                number += 1;
            }
            Err(error) => return Err(FolderError::io(parent, "create a folder in")(error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_rename_puts_the_earlier_result_back() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("out");
        let mut first = ResultFolder::prepare(&target).unwrap();
        first.write("outcome.json", b"{\"schema_version\": 1}").unwrap();
        first.commit().unwrap();

        let second = ResultFolder::prepare(&target).unwrap();
        fs::remove_dir_all(&second.partial).unwrap();
        assert!(matches!(second.swap(), Err(FolderError::Io { .. })));
        drop(second);
        assert!(target.join("outcome.json").exists());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }
}
