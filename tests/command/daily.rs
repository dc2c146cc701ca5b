//! Starting from nothing, anywhere on disk: init, presets, completions, man, schema, CSV, signals.

use crate::fixture::{Folder, SMALL, examples};
use serde_json::Value;
use std::process::Stdio;
use std::time::{Duration, Instant};

/// A folder without any file of the repository.
fn empty() -> Folder {
    let folder = Folder::new(SMALL);
    for name in folder.names() {
        std::fs::remove_file(folder.path(&name)).unwrap();
    }
    folder
}

#[test]
fn a_starter_runs_and_its_hardware_is_the_one_that_counts() {
    let folder = empty();
    let done = folder.wafersim(&["init", "mine"]);
    assert_eq!((done.code, done.stderr.as_str()), (0, ""));
    assert!(done.stdout.contains("wafersim run mine/scenario.ron"));
    let short =
        ["--set", "request.prompt_tokens=64", "--set", "request.reasoning_tokens_range=None"];
    let shorter = ["--set", "request.reasoning_tokens=8", "--set", "request.answer_tokens=4"];
    let run = || {
        let run = ["run", "mine/scenario.ron", "--no-bands", "--format", "json"];
        let done = folder.wafersim(&[&run as &[&str], &short, &shorter].concat());
        assert_eq!(done.code, 0, "{}", done.stderr);
        let outcome: Value = serde_json::from_str(&done.stdout).unwrap();
        outcome["machines"][0]["tokens_per_s"].as_f64().unwrap()
    };
    let before = run();
    let path = folder.path("mine/hardware/wse3.ron");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace("clock: (value: \"1.1 GHz\"", "clock: (value: \"1 GHz\""))
        .unwrap();
    assert!(run() < before);
    // Nothing that is there is overwritten.
    let changed = std::fs::read_to_string(&path).unwrap();
    assert_eq!(folder.wafersim(&["init", "mine"]).code, 5);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), changed);
    assert_eq!(folder.wafersim(&["init", "/proc/nothing"]).code, 5);
}

#[test]
fn scenarios_and_models_are_found_by_name_without_the_repository() {
    let folder = empty();
    folder.write("my.ron", &SMALL.replace("model.json", "kimi-k2.6"));
    assert_eq!(folder.wafersim(&["run", "my.ron", "--no-bands"]).code, 0);
    let done = folder.wafersim(&["run", "kimi-k2.6", "--set", "request.prompt_tokens=0"]);
    assert_eq!(done.code, 3);
    assert!(done.stderr.contains("at least 1 token"), "{}", done.stderr);
    let done = folder.wafersim(&["run", "kimi-k2.7"]);
    assert_eq!(done.code, 3);
    assert!(done.stderr.contains("no such file"), "{}", done.stderr);
}

#[test]
fn presets_are_listed_and_shown_with_their_sources() {
    let folder = empty();
    let all = folder.wafersim(&["presets"]).stdout;
    for name in ["wse3", "gb200-nvl72", "kimi-k2.6", "deepseek-v3"] {
        assert!(all.contains(name), "{name}");
    }
    let done = folder.wafersim(&["presets", "wse3"]);
    assert!(done.stdout.contains("fabric.hop_cycles") && done.stdout.contains("assumed"));
    let json: Value =
        serde_json::from_str(&folder.wafersim(&["presets", "wse3", "--format", "json"]).stdout)
            .unwrap();
    for fact in json[0]["facts"].as_array().unwrap() {
        assert!(!fact["source"].as_str().unwrap().is_empty());
    }
    let file = folder.wafersim(&["presets", "wse3", "--file"]).stdout;
    assert_eq!(file, std::fs::read_to_string(examples().join("hardware/wse3.ron")).unwrap());
    let done = folder.wafersim(&["presets", "wse4"]);
    assert_eq!(done.code, 2);
    assert!(done.stderr.contains("did you mean `wse3`"), "{}", done.stderr);
}

#[test]
fn golden_checked_in_schemas_are_those_of_the_types() {
    let folder = empty();
    for name in ["scenario", "outcome"] {
        let done = folder.wafersim(&["schema", name]);
        assert_eq!(done.code, 0);
        let path = examples().join(format!("../schemas/{name}.schema.json"));
        let file = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            done.stdout == file,
            "schemas/{name}.schema.json is not that of the types; write it with \
             `cargo run -- schema {name} > schemas/{name}.schema.json`"
        );
    }
}

#[test]
fn an_outcome_has_no_field_that_its_schema_does_not_name() {
    let folder = Folder::new(SMALL);
    let done = folder.run(&["--format", "json"]);
    let outcome: Value = serde_json::from_str(&done.stdout).unwrap();
    let schema: Value =
        serde_json::from_str(&folder.wafersim(&["schema", "outcome"]).stdout).unwrap();
    let fields =
        |object: &Value| -> Vec<String> { object.as_object().unwrap().keys().cloned().collect() };
    assert_eq!(fields(&outcome), fields(&schema["properties"]));
    let machine = &schema["$defs"]["MachineOutcome"]["properties"];
    assert_eq!(fields(&outcome["machines"][0]), fields(machine));
}

#[test]
fn every_table_is_there_as_csv() {
    let folder = Folder::new(SMALL);
    assert_eq!(folder.run(&["--out", "out"]).code, 0);
    let outcome: Value =
        serde_json::from_slice(&std::fs::read(folder.path("out/outcome.json")).unwrap()).unwrap();
    let machine = &outcome["machines"][0];
    for (file, rows) in [
        ("operators", &machine["operators"]),
        ("layers", &machine["layers"]),
        ("parameters", &machine["parameters"]),
        ("sensitivity", &machine["sensitivity"]),
        ("frontier", &machine["frontier"]),
        ("links", &machine["links"]),
        ("decode-curve", &machine["decode_curve"]),
        ("claims", &outcome["claims"]),
    ] {
        let text = std::fs::read_to_string(folder.path(&format!("out/{file}.csv"))).unwrap();
        // No field of these tables holds a line end.
        assert_eq!(text.lines().count(), rows.as_array().unwrap().len() + 1, "{file}");
    }
    let manifest: Value =
        serde_json::from_slice(&std::fs::read(folder.path("out/manifest.json")).unwrap()).unwrap();
    assert_eq!(manifest["run"]["command"], "wafersim run scenario.ron");
    assert_eq!(manifest["run"]["scenario_hash"], outcome["manifest"]["scenario_hash"]);
    assert_eq!(manifest["run"]["scenario"], outcome["scenario"]);
}

#[test]
fn the_hash_is_that_of_what_was_given() {
    let folder = Folder::new(SMALL);
    let hash = |args: &[&str]| {
        let done = folder.run(&[args, &["--no-bands", "--format", "json"]].concat());
        let outcome: Value = serde_json::from_str(&done.stdout).unwrap();
        outcome["manifest"]["scenario_hash"].as_str().unwrap().to_string()
    };
    assert_eq!(hash(&[]), hash(&["--threads", "1"]));
    assert_eq!(hash(&[]), hash(&["--set", "request.prompt_tokens=100"]));
    assert_ne!(hash(&[]), hash(&["--set", "request.prompt_tokens=101"]));
    assert_ne!(hash(&[]), hash(&["--seed", "1"]));
    assert_eq!(hash(&[]).len(), 64);
}

#[test]
fn completions_and_manual_pages_name_every_subcommand() {
    let folder = empty();
    for shell in ["bash", "zsh", "fish"] {
        let script = folder.wafersim(&["completions", shell]).stdout;
        for word in ["run", "check", "compare", "presets"] {
            assert!(script.contains(word), "{shell} {word}");
        }
    }
    assert!(folder.wafersim(&["man"]).stdout.contains(".TH wafersim"));
    assert!(folder.wafersim(&["man", "check"]).stdout.contains("accept"));
    assert_eq!(folder.wafersim(&["man", "nothing"]).code, 2);
    assert_eq!(folder.wafersim(&["man", "--out", "pages"]).code, 0);
    assert!(folder.has("pages/wafersim-check.1") && folder.has("pages/wafersim.1"));
}

#[test]
fn no_colour_reaches_what_is_no_terminal() {
    let folder = Folder::new(&SMALL.replace("answer_tokens: 10", "answer_tokens: 0"));
    for args in [&["run", "scenario.ron"] as &[&str], &["rnu"], &["--help"]] {
        let done = folder.wafersim(args);
        assert!(!(done.stdout + &done.stderr).contains('\u{1b}'), "{args:?}");
    }
}

/// A run that takes some time is interrupted in its middle: the earlier result stays, nothing else.
#[cfg(unix)]
#[test]
fn an_interrupted_run_leaves_nothing_half_written() {
    let folder = Folder::new(SMALL);
    assert_eq!(folder.run(&["--out", "out", "--no-bands"]).code, 0);
    let before = std::fs::read(folder.path("out/outcome.json")).unwrap();
    let names = folder.names();
    for (signal, out) in [("INT", "out"), ("TERM", "new/deep")] {
        let example = examples().join("kimi-k2.6.ron");
        let mut command = folder.command(&["run", example.to_str().unwrap(), "--out", out]);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let started = Instant::now();
        let hidden = || {
            let beside = folder.path(out);
            std::fs::read_dir(beside.parent().unwrap()).is_ok_and(|all| {
                all.flatten().any(|e| e.file_name().to_string_lossy().contains(".partial-"))
            })
        };
        while !hidden() {
            assert!(
                started.elapsed() < Duration::from_secs(60) && child.try_wait().unwrap().is_none()
            );
            std::thread::sleep(Duration::from_millis(5));
        }
        let kill = std::process::Command::new("kill")
            .args(["-s", signal, &child.id().to_string()])
            .status()
            .unwrap();
        assert!(kill.success());
        assert_eq!(child.wait().unwrap().code(), Some(130), "{signal}");
        assert_eq!(folder.names(), names, "{signal}");
    }
    assert_eq!(std::fs::read(folder.path("out/outcome.json")).unwrap(), before);
}
