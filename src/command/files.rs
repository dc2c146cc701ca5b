//! Files that the command reads and writes beside scenarios: outcomes, baselines, single files.

use crate::error::{Error, Problem};
use reports::Outcome;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Longest outcome or baseline that is read `[bytes]`.
const LONGEST: u64 = 256 << 20;

/// A problem with the file at `path`.
pub(super) fn problem(path: &Path, message: impl Into<String>) -> Problem {
    Problem { message: message.into(), file: Some(path.to_owned()), ..Problem::default() }
}

/// The bytes of a file.
pub(super) fn bytes(path: &Path) -> Result<Vec<u8>, Error> {
    let wrong = |message: String| Error::Input(vec![problem(path, message)]);
    let found = fs::metadata(path).map_err(|error| wrong(reason(&error)))?;
    if found.is_dir() {
        return Err(wrong("is a folder; a file is expected".into()));
    }
    if found.len() > LONGEST {
        return Err(wrong(format!("is longer than {} MiB; is it the right file?", LONGEST >> 20)));
    }
    fs::read(path).map_err(|error| wrong(reason(&error)))
}

fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "there is no such file".into(),
        io::ErrorKind::PermissionDenied => "may not be read (permission denied)".into(),
        _ => format!("cannot be read: {error}"),
    }
}

/// The file that `path` means: itself, or the outcome in the result folder it is.
pub(super) fn outcome_file(path: &Path) -> PathBuf {
    if path.is_dir() { path.join("outcome.json") } else { path.to_owned() }
}

/// The outcome in a file or a result folder, and its bytes.
pub(super) fn outcome(path: &Path) -> Result<(Outcome, Vec<u8>), Error> {
    let path = outcome_file(path);
    let bytes = bytes(&path)?;
    let outcome = reports::outcome::read(&bytes)
        .map_err(|error| Error::Input(vec![problem(&path, error.to_string())]))?;
    Ok((outcome, bytes))
}

/// Writes one file, whole or not at all: beside its place first, then renamed.
pub(super) fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let refused = |action: &str, error: &io::Error| {
        Error::Output(problem(path, format!("cannot {action}: {error}")))
    };
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    fs::create_dir_all(folder).map_err(|error| refused("create its folder", &error))?;
    if path.is_dir() {
        return Err(Error::Output(problem(path, "is a folder; give the name of a file")));
    }
    let mut file = tempfile::Builder::new()
        .prefix(".wafersim-")
        .tempfile_in(folder)
        .map_err(|error| refused("write beside it", &error))?;
    file.write_all(bytes)
        .and_then(|()| file.as_file().sync_all())
        .map_err(|error| refused("write", &error))?;
    // A temporary file is its owner's alone; a result is read by others.
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        drop(file.as_file().set_permissions(fs::Permissions::from_mode(0o644)));
    }
    file.persist(path).map_err(|error| refused("put in its place", &error.error))?;
    Ok(())
}

/// Whether a file can be written at `path`, found out before a long run.
pub(super) fn try_place(path: &Path) -> Result<(), Error> {
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    if path.is_dir() {
        return Err(Error::Output(problem(path, "is a folder; give the name of a file")));
    }
    let tried = tempfile::Builder::new().prefix(".wafersim-").tempfile_in(folder);
    tried.map(drop).map_err(|error| {
        Error::Output(problem(path, format!("cannot write in its folder: {error}")))
    })
}
