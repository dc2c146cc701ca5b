//! Arguments that are wrong, and help.

use crate::fixture::{Folder, SMALL};

#[test]
fn wrong_arguments_end_with_code_2() {
    let folder = Folder::new(SMALL);
    for args in [
        &["run"] as &[&str],
        &["rnu", "scenario.ron"],
        &["run", "scenario.ron", "--threads", "0"],
        &["run", "scenario.ron", "--seed", "-1"],
        &["run", "scenario.ron", "--format", "yaml"],
    ] {
        let done = folder.wafersim(args);
        assert_eq!((done.code, done.stdout.as_str()), (2, ""), "{args:?}");
        assert!(!done.stderr.is_empty());
    }
}

#[test]
fn wrong_arguments_are_json_where_json_is_asked_for() {
    for format in [&["--format", "json"] as &[&str], &["--format=json"]] {
        let done = Folder::new(SMALL).wafersim(&[&["run"], format].concat());
        assert_eq!(done.code, 2);
        assert!(done.problems()[0].contains("SCENARIO"), "{}", done.stderr);
    }
}

#[test]
fn help_and_version_go_to_stdout() {
    for arg in ["--help", "--version"] {
        let done = Folder::new(SMALL).wafersim(&[arg]);
        assert_eq!((done.code, done.stderr.as_str()), (0, ""));
        assert!(done.stdout.contains("wafersim") || done.stdout.contains("Usage"));
    }
}
