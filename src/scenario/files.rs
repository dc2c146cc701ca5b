//! Reads a text file, or says in one sentence why that is not possible.

use crate::embedded;
use crate::error::{Error, Problem};
use crate::input::suggest::nearest;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::Path;
use workloads::model::Model;
use workloads::model::import::import;

/// Longest file that is read `[bytes]`; the largest published `config.json` is far below.
const LONGEST: u64 = 4 << 20;

/// The text of `path`; the problem names the file.
pub(crate) fn read(path: &Path) -> Result<String, Problem> {
    text(path).map_err(|message| Problem {
        message,
        file: Some(path.to_owned()),
        ..Problem::default()
    })
}

/// The model of a `config.json`, under the name of its file.
///
/// # Errors
/// [`Error::Input`] with all that is wrong with the file.
pub(crate) fn model(path: &Path) -> Result<Model, Error> {
    let text = read(path).map_err(|problem| Error::Input(vec![problem]))?;
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    import(&text, &stem).map_err(|found| {
        let at = |problem: workloads::model::import::ConfigProblem| Problem {
            message: problem.message,
            file: Some(path.to_owned()),
            line: problem.line,
            column: problem.column,
            length: None,
        };
        Error::Input(found.into_iter().map(at).collect())
    })
}

/// The text of `path`, or why it cannot be read, without the name of the file.
pub(super) fn text(path: &Path) -> Result<String, String> {
    if let Some(text) = embedded::text(path) {
        return Ok(text.to_string());
    }
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(LONGEST + 1).read_to_end(&mut bytes));
    if let Err(error) = read {
        return Err(match error.kind() {
            ErrorKind::NotFound => format!("there is no such file{}", similar(path)),
            ErrorKind::IsADirectory => "is a folder; a file is expected".to_string(),
            ErrorKind::PermissionDenied => "may not be read (permission denied)".to_string(),
            _ => format!("cannot be read: {error}"),
        });
    }
    if bytes.len() as u64 > LONGEST {
        return Err(format!("is longer than {} MiB; is it the right file?", LONGEST >> 20));
    }
    String::from_utf8(bytes).map_err(|error| {
        format!("is not text: byte {} is not UTF-8", error.utf8_error().valid_up_to() + 1)
    })
}

/// "; did you mean ...?" with the name of a file beside it.
fn similar(path: &Path) -> String {
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let Some(name) = path.file_name().and_then(|name| name.to_str()) else { return String::new() };
    let Ok(entries) = folder.read_dir() else {
        return format!(", nor a folder `{}`", folder.display());
    };
    let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
    let mut names: Vec<String> = names.collect();
    names.sort();
    match nearest(name, names.iter().map(String::as_str)) {
        Some(near) => format!("; did you mean `{near}`?"),
        None => String::new(),
    }
}
