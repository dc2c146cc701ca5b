//! Predictions held to baselines.

use crate::fixture::{Done, Folder, SMALL};
use serde_json::Value;

/// `wafersim check scenario.ron ARGS`, outside CI.
fn check(folder: &Folder, args: &[&str]) -> Done {
    with_ci(folder, args, None)
}

fn with_ci(folder: &Folder, args: &[&str], ci: Option<&str>) -> Done {
    let mut command = folder.command(&[&["check", "scenario.ron"], args].concat());
    match ci {
        Some(value) => command.env("CI", value),
        None => command.env_remove("CI"),
    };
    let output = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Done {
        code: output.status.code().unwrap(),
        stdout: text(output.stdout),
        stderr: text(output.stderr),
    }
}

/// A folder with an accepted baseline.
fn accepted() -> Folder {
    let folder = Folder::new(SMALL);
    let done = check(&folder, &["--accept", "--reason", "first figures"]);
    assert_eq!((done.code, done.stderr.as_str()), (0, ""));
    folder
}

fn json(done: &Done) -> Value {
    serde_json::from_str(&done.stdout).unwrap()
}

#[test]
fn golden_a_prediction_is_held_to_what_was_accepted() {
    let folder = accepted();
    let done = check(&folder, &[]);
    assert_eq!(done.code, 0, "{}", done.stdout);
    assert!(done.stdout.contains("as accepted"));
    let done = check(&folder, &["--set", "gb200-nvl72.kernel.fixed=3.5 us"]);
    assert_eq!(done.code, 10);
    for said in ["rack.tokens_per_s", "worse", "operators that moved", "first figures", "3.5 us"] {
        assert!(done.stdout.contains(said), "{said}: {}", done.stdout);
    }
    // What got better is another prediction, too.
    assert_eq!(check(&folder, &["--set", "gb200-nvl72.kernel.fixed=2.5 us"]).code, 10);
}

#[test]
fn no_baseline_has_a_code_of_its_own() {
    let folder = Folder::new(SMALL);
    let done = check(&folder, &[]);
    assert_eq!((done.code, done.stderr.as_str()), (11, ""));
    assert!(done.stdout.contains("--accept"));
    assert_eq!(folder.names(), ["model.json", "scenario.ron"]);
    folder.write("more.ron", &SMALL.replace("\"small\"", "\"more\""));
    let done = check(&accepted(), &["--baseline", "elsewhere"]);
    assert_eq!(done.code, 11);
}

#[test]
fn nothing_is_accepted_in_ci_unasked_nor_without_a_reason() {
    let folder = accepted();
    let path = folder.path("baselines/small.json");
    let before = std::fs::read(&path).unwrap();
    let args = ["--accept", "--reason", "x", "--set", "gb200-nvl72.kernel.fixed=3.5 us"];
    let done = with_ci(&folder, &args, Some("true"));
    assert_eq!(done.code, 2, "{}", done.stdout);
    assert_eq!(check(&folder, &["--accept"]).code, 2);
    assert_eq!(check(&folder, &["--accept", "--reason", "  "]).code, 2);
    assert_eq!(std::fs::read(&path).unwrap(), before);
    let done = with_ci(&folder, &[&args as &[&str], &["--accept-in-ci"]].concat(), Some("true"));
    assert_eq!(done.code, 0, "{}", done.stderr);
    let baseline: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    assert_eq!(baseline["accepted"][0]["reason"], "first figures");
    assert_eq!(baseline["accepted"][1]["reason"], "x");
}

#[test]
fn every_format_says_the_same() {
    let folder = accepted();
    let slower = ["--set", "gb200-nvl72.kernel.fixed=3.5 us"];
    let with = |format: &str| check(&folder, &[&slower as &[&str], &["--format", format]].concat());
    let value = json(&with("json"));
    assert_eq!(
        (&value["exit_code"], &value["scenarios"][0]["status"]),
        (&10.into(), &"changed".into())
    );
    let changes = value["scenarios"][0]["changes"].as_array().unwrap();
    let speed = changes.iter().find(|c| c["metric"] == "rack.tokens_per_s").unwrap();
    assert!(speed["new"].as_f64() < speed["old"].as_f64() && speed["verdict"] == "worse");
    assert_eq!(with("github").stdout.matches("::error").count(), changes.len());
    let junit = with("junit").stdout;
    assert_eq!(junit.matches("<failure").count(), changes.len());
    assert!(junit.starts_with("<?xml") && junit.trim_end().ends_with("</testsuites>"));
    let same = check(&folder, &["--format", "junit"]).stdout;
    assert!(!same.contains("<failure") && same.contains("failures=\"0\""));
}

#[test]
fn a_tolerance_written_by_hand_counts() {
    let folder = accepted();
    let path = folder.path("baselines/small.json");
    let mut baseline: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    for metric in baseline["metrics"].as_array_mut().unwrap() {
        metric["tolerance"] = 0.5.into();
    }
    std::fs::write(&path, baseline.to_string()).unwrap();
    let slower = ["--set", "gb200-nvl72.kernel.fixed=2.5 us"];
    assert_eq!(check(&folder, &slower).code, 0);
    // It stays when new figures are accepted.
    assert_eq!(check(&folder, &["--accept", "--reason", "again"]).code, 0);
    assert_eq!(check(&folder, &slower).code, 0);
}

#[test]
fn more_simulated_work_is_another_finding_and_no_regression() {
    let folder = accepted();
    let path = folder.path("baselines/small.json");
    let mut baseline: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    baseline["work"]["rack"][0]["value"] = 1.into();
    std::fs::write(&path, baseline.to_string()).unwrap();
    let done = check(&folder, &[]);
    assert_eq!(done.code, 0);
    assert!(done.stdout.contains("works more"), "{}", done.stdout);
}

#[test]
fn a_wrong_baseline_is_one_error_and_stays_as_it_is() {
    let folder = accepted();
    let path = folder.path("baselines/small.json");
    let right = std::fs::read_to_string(&path).unwrap();
    for (text, says) in [
        (right.replace("\"scenario\": \"small\"", "\"scenario\": \"large\""), "another scenario"),
        (right.replace("\"rack.", "\"other."), "another scenario"),
        (right.replace("\"version\": 1", "\"version\": 7"), "format 7"),
        (right[..right.len() / 2].to_string(), "cut off"),
        ("{}".to_string(), "no baseline"),
        ("baseline".to_string(), "no baseline"),
    ] {
        std::fs::write(&path, &text).unwrap();
        for more in [&[] as &[&str], &["--accept", "--reason", "x"]] {
            let done = check(&folder, &[&["--format", "json"], more].concat());
            assert_eq!((done.code, done.stdout.as_str()), (3, ""), "{says}");
            assert_eq!(done.problems().len(), 1);
            assert!(done.problems()[0].contains(says), "{says}: {}", done.stderr);
            assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
        }
    }
    std::fs::remove_file(&path).unwrap();
    let args = ["--accept", "--reason", "x", "--baseline", "/proc/nothing"];
    let done = check(&folder, &args);
    assert_eq!(done.code, 5, "{}", done.stderr);
    assert_eq!(folder.names(), ["baselines", "model.json", "scenario.ron"]);
}
