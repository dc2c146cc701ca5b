//! `--set` and `--seed`.

use crate::fixture::{Folder, SMALL};
use serde_json::Value;

fn outcome(args: &[&str]) -> Value {
    let done = Folder::new(SMALL).run(&[args, &["--format", "json"]].concat());
    assert_eq!(done.code, 0, "{}", done.stderr);
    serde_json::from_str(&done.stdout).unwrap()
}

#[test]
fn settings_show_in_the_resolved_scenario() {
    let outcome = outcome(&[
        "--set",
        "request.prompt_tokens=64",
        "--set",
        "storage=AllInt4",
        "--set",
        "gb200-nvl72.hbm.reached=0.75",
        "--set",
        "machines.rack.batch=2",
        "--seed",
        "9",
    ]);
    let scenario = &outcome["scenario"];
    assert_eq!(scenario["request"]["prompt_tokens"], 64);
    assert_eq!(scenario["storage"], "AllInt4");
    assert_eq!(scenario["seed"], 9);
    let rack = &scenario["machines"][0];
    assert_eq!(rack["choices"]["batch"], 2);
    let reached = &rack["preset"]["facts"]["hbm"]["reached"];
    assert_eq!(reached["value"], "0.75");
    assert!(reached["source"].as_str().unwrap().starts_with("set in the scenario; the preset has"));
}

#[test]
fn a_setting_changes_the_result() {
    let speed = |args: &[&str]| outcome(args)["machines"][0]["tokens_per_s"].as_f64().unwrap();
    assert!(speed(&["--set", "rack.kernel.fixed=1 us"]) > speed(&[]));
}

#[test]
fn wrong_settings_name_the_option_and_come_all_at_once() {
    let folder = Folder::new(SMALL);
    let done = folder.run(&[
        "--format",
        "json",
        "--set",
        "request.promt_tokens=1",
        "--set",
        "sed=2",
        "--set",
        "machines.rack.hbm.reached=5 GHz",
        "--set",
        "request.answer_tokens=0",
    ]);
    assert_eq!(done.code, 3);
    let problems = done.problems();
    assert_eq!(problems.len(), 4, "{problems:#?}");
    assert!(problems.iter().all(|problem| problem.starts_with("0:0 --set ")), "{problems:#?}");
    let all = problems.join("\n");
    for part in [
        "did you mean `request.prompt_tokens`?",
        "did you mean `seed`?",
        "expected a fraction such as \"0.8\", found \"5 GHz\"",
        "the answer needs at least 1 token",
    ] {
        assert!(all.contains(part), "{part}: {all}");
    }
}

#[test]
fn a_setting_without_a_value_is_explained() {
    let done = Folder::new(SMALL).run(&["--set", "seed"]);
    assert_eq!(done.code, 3);
    assert!(done.stderr.contains("expected path=value"), "{}", done.stderr);
}

#[test]
fn places_in_the_file_stay_right_beside_settings() {
    let folder = Folder::new(&SMALL.replace("answer_tokens: 10", "answer_tokens: 0"));
    let done = folder.run(&["--format", "json", "--set", "request.prompt_tokens=123456"]);
    assert_eq!(done.problems(), ["4:72 the answer needs at least 1 token"]);
}
