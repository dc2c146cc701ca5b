//! What comes with the command: the repository's scenarios, models and hardware, so that it works
//! anywhere on disk.
//!
//! A file of them has a path that begins with `wafersim:`, as messages show it.

use include_dir::{Dir, include_dir};
use std::path::{Path, PathBuf};

static EXAMPLES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/examples");

/// Begins the path of everything that is embedded.
const ROOT: &str = "wafersim:";

/// The text of an embedded file.
pub fn text(path: &Path) -> Option<&'static str> {
    EXAMPLES.get_file(path.strip_prefix(ROOT).ok()?)?.contents_utf8()
}

/// The path of the embedded scenario called `name`.
pub fn scenario(name: &Path) -> Option<PathBuf> {
    named(name.to_str()?, "", "ron")
}

/// The path of the embedded model called `name`.
pub fn model(name: &str) -> Option<PathBuf> {
    named(name, "models", "json")
}

/// A name has no folder and no extension of its own.
fn named(name: &str, folder: &str, extension: &str) -> Option<PathBuf> {
    if name.contains(['/', '\\']) {
        return None;
    }
    let path = Path::new(ROOT).join(folder).join(format!("{name}.{extension}"));
    text(&path).map(|_| path)
}

/// Names of all embedded scenarios, sorted.
pub fn scenarios() -> Vec<String> {
    names("", "ron")
}

/// Names of all embedded models, sorted.
pub fn models() -> Vec<String> {
    names("models", "json")
}

fn names(folder: &str, extension: &str) -> Vec<String> {
    let dir = if folder.is_empty() { Some(&EXAMPLES) } else { EXAMPLES.get_dir(folder) };
    let files = dir.into_iter().flat_map(Dir::files).map(|file| file.path());
    let right = files.filter(|path| path.extension().is_some_and(|end| end == extension));
    let mut names: Vec<String> =
        right.filter_map(|path| Some(path.file_stem()?.to_str()?.to_string())).collect();
    names.sort();
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Scenario;

    #[test]
    fn smoke_every_embedded_scenario_loads_by_its_name() {
        assert!(scenarios().contains(&"kimi-k2.6".to_string()));
        for name in scenarios() {
            Scenario::load(Path::new(&name)).unwrap_or_else(|error| panic!("{name}: {error}"));
        }
        assert!(models().len() >= 4);
        assert_eq!(scenario(Path::new("models/kimi-k2.6")), None);
        assert_eq!(scenario(Path::new("nothing")), None);
    }
}
