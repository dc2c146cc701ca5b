//! What is written, where, and what is never damaged.

use crate::fixture::{Folder, SMALL};
use serde_json::Value;
use std::process::Stdio;

#[test]
fn a_run_leaves_a_complete_folder_and_a_summary() {
    let folder = Folder::new(SMALL);
    let done = folder.run(&[]);
    assert_eq!((done.code, done.stderr.as_str()), (0, ""));
    assert!(done.stdout.contains("rack"));
    for name in ["outcome.json", "timing.json", "report.html"] {
        assert!(folder.has(&format!("results/small/{name}")), "{name}");
    }
    let timing = std::fs::read_to_string(folder.path("results/small/timing.json")).unwrap();
    let timing: Value = serde_json::from_str(&timing).unwrap();
    assert!(timing["wall_s"].as_f64().unwrap() > 0.0 && timing["threads"].as_u64().unwrap() > 0);
}

#[test]
fn json_on_stdout_is_the_outcome_file_and_holds_no_path() {
    let folder = Folder::new(SMALL);
    let done = folder.run(&["--format", "json", "--out", "out"]);
    let file = std::fs::read_to_string(folder.path("out/outcome.json")).unwrap();
    assert_eq!(done.stdout, file);
    assert!(!file.contains(folder.path("").to_str().unwrap()));
    let outcome: Value = serde_json::from_str(&file).unwrap();
    assert_eq!(outcome["schema_version"], 2);
    assert_eq!(outcome["claims"].as_array().unwrap().len(), 13);
}

#[test]
fn an_earlier_result_is_replaced() {
    let folder = Folder::new(SMALL);
    assert_eq!(folder.run(&["--out", "out"]).code, 0);
    let first = std::fs::read(folder.path("out/outcome.json")).unwrap();
    assert_eq!(folder.run(&["--out", "out", "--set", "request.prompt_tokens=50"]).code, 0);
    assert_ne!(std::fs::read(folder.path("out/outcome.json")).unwrap(), first);
    assert_eq!(folder.names(), ["model.json", "out", "scenario.ron"]);
}

#[test]
fn a_run_that_fails_leaves_the_earlier_result_alone() {
    let folder = Folder::new(SMALL);
    assert_eq!(folder.run(&["--out", "out"]).code, 0);
    let first = std::fs::read(folder.path("out/outcome.json")).unwrap();
    let layout = "machines.rack.layout=Fixed((tensor_parallel: 1, expert_parallel: 1))";
    let done = folder.run(&["--out", "out", "--set", layout]);
    assert_eq!(done.code, 4, "{}", done.stderr);
    assert_eq!(std::fs::read(folder.path("out/outcome.json")).unwrap(), first);
    assert_eq!(folder.names(), ["model.json", "out", "scenario.ron"]);
}

#[test]
fn other_folders_and_files_are_refused() {
    let folder = Folder::new(SMALL);
    std::fs::create_dir(folder.path("thesis")).unwrap();
    folder.write("thesis/chapter", "text");
    folder.write("file", "text");
    for out in ["thesis", "file", "file/inside", "/proc/nothing/here"] {
        let done = folder.run(&["--out", out, "--format", "json"]);
        assert_eq!(done.code, 5, "{out}: {}", done.stderr);
        assert_eq!(done.problems().len(), 1);
        let value: Value = serde_json::from_str(&done.stderr).unwrap();
        assert!(value["error"]["file"].is_string(), "{out}: {}", done.stderr);
    }
    assert_eq!(folder.names(), ["file", "model.json", "scenario.ron", "thesis"]);
    assert_eq!(std::fs::read_to_string(folder.path("thesis/chapter")).unwrap(), "text");
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let folder = Folder::new(SMALL);
    let mut command = folder.command(&["run", "scenario.ron", "--format", "json"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

#[test]
fn threads_do_not_change_a_byte() {
    let run = |threads: &str| {
        let folder = Folder::new(SMALL);
        assert_eq!(folder.run(&["--threads", threads, "--out", "out"]).code, 0);
        std::fs::read(folder.path("out/outcome.json")).unwrap()
    };
    assert!(run("1") == run("2"));
}
