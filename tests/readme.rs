//! Every `wafersim` command that the pages for people show runs and succeeds.
//!
//! A command is a line of a fenced `sh` block that begins with `wafersim`. Results go to a folder
//! of the test's own, whatever the line says.

#![expect(clippy::unwrap_used, reason = "a test ends where its fixture fails")]

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

const PAGES: [&str; 3] = ["README.md", "docs/architecture.md", "docs/deviations.md"];

/// Words of a shell line: quotes hold spaces, `#` begins a comment.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    for c in line.chars() {
        match (quote, c) {
            (Some(q), c) if q == c => quote = None,
            (None, '\'' | '"') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, ' ') => words.extend(word.take()),
            (None, '#') if word.is_none() => break,
            _ => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

fn commands(page: &str) -> Vec<Vec<String>> {
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(page)).unwrap();
    let mut inside = false;
    let mut found = Vec::new();
    for line in text.lines() {
        if let Some(language) = line.strip_prefix("```") {
            inside = !inside && language == "sh";
        } else if inside && line.starts_with("wafersim ") {
            found.push(words(line));
        }
    }
    found
}

#[test]
fn smoke_commands_of_the_pages_run() {
    let out = tempfile::tempdir().unwrap();
    let mut ran = BTreeSet::new();
    for page in PAGES {
        for mut command in commands(page) {
            command.remove(0);
            if !ran.insert(command.clone()) {
                continue;
            }
            if let Some(at) = command.iter().position(|word| word == "--out") {
                command.drain(at..at + 2);
            }
            if command[0] == "run" {
                command.extend(["--out".into(), out.path().join("r").display().to_string()]);
            }
            let done = Command::new(env!("CARGO_BIN_EXE_wafersim"))
                .args(&command)
                .current_dir(env!("CARGO_MANIFEST_DIR"))
                .output()
                .unwrap();
            let error = String::from_utf8_lossy(&done.stderr);
            assert!(done.status.success(), "{page}: wafersim {}: {error}", command.join(" "));
        }
    }
    assert!(ran.len() >= 5, "only {} commands were found", ran.len());
}

#[test]
fn words_of_a_line_keep_what_is_quoted() {
    let line = "wafersim run a.ron --set 'x.y={\"moe\": \"a=1 b=2\"}'   # why";
    assert_eq!(words(line), ["wafersim", "run", "a.ron", "--set", "x.y={\"moe\": \"a=1 b=2\"}"]);
}
