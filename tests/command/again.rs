//! Outcomes read back: drawn anew, compared, and refused where they cannot be read.

use crate::fixture::{Folder, SMALL};
use serde_json::Value;

/// A folder with the results `a`, and `b` of a longer prompt.
fn two() -> Folder {
    let folder = Folder::new(SMALL);
    assert_eq!(folder.run(&["--no-bands", "--out", "a"]).code, 0);
    let longer = ["--no-bands", "--out", "b", "--set", "request.prompt_tokens=2000"];
    assert_eq!(folder.run(&longer).code, 0);
    folder
}

fn bytes(folder: &Folder, name: &str) -> Vec<u8> {
    std::fs::read(folder.path(name)).unwrap()
}

#[test]
fn a_report_drawn_anew_has_the_same_bytes() {
    let folder = Folder::new(SMALL);
    assert_eq!(folder.run(&["--out", "a"]).code, 0);
    let done = folder.wafersim(&["report", "a/outcome.json", "--out", "again"]);
    assert_eq!((done.code, done.stderr.as_str()), (0, ""));
    let names = |name: &str| {
        let entries = std::fs::read_dir(folder.path(name)).unwrap();
        let mut names: Vec<_> = entries.map(|e| e.unwrap().file_name()).collect();
        names.sort();
        names
    };
    assert_eq!(names("a"), names("again"));
    for name in names("a") {
        let name = name.to_str().unwrap();
        assert!(bytes(&folder, &format!("a/{name}")) == bytes(&folder, &format!("again/{name}")));
    }
    // In its own place, too, and by the folder's name.
    let before = bytes(&folder, "a/outcome.json");
    std::fs::remove_file(folder.path("a/report.html")).unwrap();
    assert_eq!(folder.wafersim(&["report", "a"]).code, 0);
    assert!(folder.has("a/report.html") && bytes(&folder, "a/outcome.json") == before);
    assert_eq!(folder.names(), ["a", "again", "model.json", "scenario.ron"]);
}

#[test]
fn what_cannot_be_read_is_one_error_and_damages_nothing() {
    let folder = Folder::new(SMALL);
    assert_eq!(folder.run(&["--no-bands", "--out", "a"]).code, 0);
    let text = String::from_utf8(bytes(&folder, "a/outcome.json")).unwrap();
    let version =
        |n: &str| text.replace("\"schema_version\": 2", &format!("\"schema_version\": {n}"));
    folder.write("newer.json", &version("3"));
    folder.write("older.json", &version("1"));
    folder.write("cut.json", &text[..text.len() / 2]);
    folder.write("empty.json", "");
    folder.write("other.json", "{\"a\": 1}");
    folder.write("text.json", "hello");
    folder.write("holes.json", "{\"schema_version\": 2, \"simulator\": \"x\"}");
    let before = folder.names();
    for (name, says) in [
        ("newer.json", "newer wafersim"),
        ("older.json", "run its scenario again"),
        ("cut.json", "cut off"),
        ("empty.json", "cut off"),
        ("other.json", "no outcome"),
        ("text.json", "no JSON"),
        ("holes.json", "missing field"),
        ("absent.json", "no such file"),
    ] {
        for args in [
            &["report", name, "--out", "new", "--format", "json"] as &[&str],
            &["compare", "a", name, "--format", "json"],
        ] {
            let done = folder.wafersim(args);
            assert_eq!((done.code, done.stdout.as_str()), (3, ""), "{args:?}: {}", done.stderr);
            let problems = done.problems();
            assert_eq!(problems.len(), 1);
            assert!(problems[0].contains(says), "{name}: {}", problems[0]);
        }
    }
    assert_eq!(folder.names(), before);
    // A report goes nowhere but into a result.
    let done = folder.wafersim(&["report", "a/outcome.json", "--out", "cut.json"]);
    assert_eq!(done.code, 5);
    std::fs::create_dir(folder.path("thesis")).unwrap();
    folder.write("thesis/outcome.json", &text);
    assert_eq!(folder.wafersim(&["report", "thesis/outcome.json"]).code, 5);
    assert_eq!(std::fs::read_dir(folder.path("thesis")).unwrap().count(), 1);
}

#[test]
fn two_outcomes_are_explained() {
    let folder = two();
    let done = folder.wafersim(&["compare", "a", "b/outcome.json"]);
    assert_eq!((done.code, done.stderr.as_str()), (0, ""));
    for said in ["rack:", "request.prompt_tokens: 100 -> 2000", "moved most", "attention"] {
        assert!(done.stdout.contains(said), "{said}: {}", done.stdout);
    }
    let done = folder.wafersim(&["compare", "a", "b", "--format", "json"]);
    let value: Value = serde_json::from_str(&done.stdout).unwrap();
    assert_eq!(value["given"][0]["path"], "request.prompt_tokens");
    let same = folder.wafersim(&["compare", "a", "a"]);
    assert!(same.stdout.contains("predict the same"), "{}", same.stdout);
}

#[test]
fn without_bands_nothing_is_varied_and_the_rest_is_the_same() {
    let folder = Folder::new(SMALL);
    let run = |args: &[&str]| -> Value {
        let done = folder.run(&[args, &["--format", "json"]].concat());
        assert_eq!(done.code, 0, "{}", done.stderr);
        serde_json::from_str(&done.stdout).unwrap()
    };
    let (with, without) = (run(&[]), run(&["--no-bands"]));
    let (with, without) = (&with["machines"][0], &without["machines"][0]);
    assert_eq!(without["sensitivity"].as_array().unwrap().len(), 0);
    assert_eq!(without["tokens_per_s_range"][0], without["tokens_per_s"]);
    for (key, value) in with.as_object().unwrap() {
        if !["sensitivity", "tokens_per_s_range"].contains(&key.as_str()) {
            assert_eq!(value, &without[key], "{key}");
        }
    }
    assert!(folder.run(&["--no-bands"]).stdout.contains("not computed"));
}
