//! Every `wafersim` command that the pages for people show runs and succeeds.
//!
//! A command is a line of a fenced `sh` block that begins with `wafersim`. It is run as it stands, by a
//! shell, in a folder that holds a copy of what the repository has beside the pages.

#![expect(clippy::unwrap_used, reason = "a test ends where its fixture fails")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Folders of the repository that commands read.
const READ: [&str; 3] = ["examples", "baselines", "schemas"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The pages: README and all of `docs/`, and what `examples/` says of itself.
fn pages() -> Vec<PathBuf> {
    let mut pages = vec![root().join("README.md"), root().join("CONTRIBUTING.md")];
    for folder in ["docs", "examples", "examples/models"] {
        let Ok(entries) = std::fs::read_dir(root().join(folder)) else { continue };
        let files = entries.map(|entry| entry.unwrap().path());
        pages.extend(files.filter(|path| path.extension().is_some_and(|end| end == "md")));
    }
    pages.sort();
    pages
}

/// The commands of a page, in order.
fn commands(text: &str) -> Vec<String> {
    let mut inside = false;
    let mut found = Vec::new();
    for line in text.lines() {
        if let Some(language) = line.trim_start().strip_prefix("```") {
            inside = !inside && language == "sh";
        } else if inside && line.starts_with("wafersim ") {
            found.push(line.to_string());
        }
    }
    found
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let place = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy(&entry.path(), &place),
            false => drop(std::fs::copy(entry.path(), place).unwrap()),
        }
    }
}

#[test]
fn smoke_commands_of_the_pages_run() {
    let folder = tempfile::tempdir().unwrap();
    for name in READ.iter().filter(|name| root().join(name).is_dir()) {
        copy(&root().join(name), &folder.path().join(name));
    }
    let bin = Path::new(env!("CARGO_BIN_EXE_wafersim")).parent().unwrap();
    let path = std::env::var("PATH").unwrap_or_default();
    let mut ran = BTreeSet::new();
    for page in pages() {
        for command in commands(&std::fs::read_to_string(&page).unwrap()) {
            if !ran.insert(command.clone()) {
                continue;
            }
            let done = Command::new("sh")
                .args(["-ec", &command])
                .env("PATH", format!("{}:{path}", bin.display()))
                .env_remove("CI")
                .current_dir(folder.path())
                .output()
                .unwrap();
            let error = String::from_utf8_lossy(&done.stderr);
            assert!(done.status.success(), "{}: {command}: {error}", page.display());
        }
    }
    assert!(ran.len() >= 5, "only {} commands were found", ran.len());
}

#[test]
fn commands_are_found_in_sh_blocks_alone() {
    let text = "wafersim a\n```sh\nwafersim b   # why\n```\n```text\nwafersim c\n```\n```sh\nwafersim d\n```";
    assert_eq!(commands(text), ["wafersim b   # why", "wafersim d"]);
}
