//! What stands at the path of a result folder before it is written.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{FORMAT, FolderError, MANIFEST};

/// What stands at the target, where the target may be written.
pub(super) enum Existing {
    /// Nothing.
    Nothing,
    /// An empty folder or an earlier result.
    Replaceable,
}

impl Existing {
    /// Looks at `target`; anything that must not be replaced is an error.
    pub(super) fn at(target: &Path) -> Result<Self, FolderError> {
        let found = match fs::symlink_metadata(target) {
            Ok(found) => found,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::Nothing),
            Err(error) => return Err(FolderError::io(target, "look at")(error)),
        };
        if !found.is_dir() {
            return Err(FolderError::IsFile { path: target.to_owned() });
        }
        if is_mount_point(target, &found) {
            return Err(FolderError::MountPoint { path: target.to_owned() });
        }
        let entries = entries(target)?;
        if entries.is_empty() {
            return Ok(Self::Replaceable);
        }
        match foreign(target, &entries) {
            None => Ok(Self::Replaceable),
            Some(why) => Err(FolderError::Foreign { path: target.to_owned(), why }),
        }
    }
}

/// Why the entries of a folder are not those of a result and nothing else.
fn foreign(folder: &Path, entries: &BTreeSet<OsString>) -> Option<String> {
    if !entries.contains(MANIFEST.as_ref() as &std::ffi::OsStr) {
        return Some(format!("it is no result of this simulator (it has no {MANIFEST})"));
    }
    let Some(manifest) = json(&folder.join(MANIFEST)).filter(|m| m["format"] == FORMAT) else {
        return Some(format!("its {MANIFEST} is not one of this simulator"));
    };
    let version = json(&folder.join("outcome.json")).and_then(|o| o["schema_version"].as_u64());
    if version.is_none() {
        return Some("its outcome.json is missing or not one of this simulator".to_owned());
    }
    let listed: BTreeSet<&str> =
        manifest["files"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let is_ours = |name: &OsString| {
        name.to_str().is_some_and(|name| listed.contains(name))
            && fs::symlink_metadata(folder.join(name)).is_ok_and(|found| found.is_file())
    };
    let stranger = entries.iter().find(|name| !is_ours(name))?;
    Some(format!("it also holds {}, which no run has written", stranger.to_string_lossy()))
}

/// The JSON in a regular file, if that is what it is.
fn json(path: &Path) -> Option<Value> {
    if !fs::symlink_metadata(path).ok()?.is_file() {
        return None;
    }
    serde_json::from_slice(&fs::read(path).ok()?).ok()
}

fn entries(folder: &Path) -> Result<BTreeSet<OsString>, FolderError> {
    fs::read_dir(folder)
        .and_then(|entries| entries.map(|entry| Ok(entry?.file_name())).collect())
        .map_err(FolderError::io(folder, "read"))
}

/// The place that `path` stands for: links are followed, so that a link to a result stays a link
/// and the result it leads to is replaced.
pub(super) fn resolve(path: &Path) -> Result<PathBuf, FolderError> {
    if fs::symlink_metadata(path).is_ok() {
        let place = fs::canonicalize(path).map_err(FolderError::io(path, "follow the link"))?;
        return match place.file_name() {
            Some(_) => Ok(place),
            None => Err(FolderError::NoName { path: path.to_owned() }),
        };
    }
    if path.file_name().is_none() {
        return Err(FolderError::NoName { path: path.to_owned() });
    }
    std::path::absolute(path).map_err(FolderError::io(path, "resolve"))
}

/// The folder that `target` is in.
pub(super) fn parent_of(target: &Path) -> &Path {
    target.parent().unwrap_or(target)
}

/// Name of a hidden folder beside `target`.
pub(super) fn hidden_name(target: &Path, role: &str, number: u32) -> OsString {
    let mut name = hidden_prefix(target, role);
    name.push(format!("{}-{number}", std::process::id()));
    name
}

fn hidden_prefix(target: &Path, role: &str) -> OsString {
    let mut name = OsString::from(".");
    name.push(target.file_name().unwrap_or_default());
    name.push(format!(".{role}-"));
    name
}

/// Puts back an earlier result that a crash left moved aside, in the instant between the two
/// renames of a commit. Where that is not what happened, nothing changes.
pub(super) fn restore_previous(target: &Path) {
    if fs::symlink_metadata(target).is_ok() {
        return;
    }
    let parent = parent_of(target);
    let prefix = hidden_prefix(target, "previous");
    let Ok(names) = entries(parent) else { return };
    let is_previous = |name: &&OsString| {
        name.as_encoded_bytes().starts_with(prefix.as_encoded_bytes())
            && entries(&parent.join(name)).is_ok_and(|inside| {
                !inside.is_empty() && foreign(&parent.join(name), &inside).is_none()
            })
    };
    let written =
        |name: &&OsString| fs::metadata(parent.join(name)).and_then(|found| found.modified()).ok();
    if let Some(previous) = names.iter().filter(is_previous).max_by_key(written) {
        // If it fails the earlier result stays where it is, hidden and whole.
        drop(fs::rename(parent.join(previous), target));
    }
}

#[cfg(unix)]
fn is_mount_point(target: &Path, found: &fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    fs::metadata(parent_of(target)).is_ok_and(|parent| parent.dev() != found.dev())
}

#[cfg(not(unix))]
fn is_mount_point(_: &Path, _: &fs::Metadata) -> bool {
    false
}
