//! `wafersim fabric traffic`.

use crate::fixture::{Folder, SMALL};
use serde_json::Value;

const LIGHT: &[&str] = &["fabric", "traffic", "--shape", "8x8", "--rate", "0.05"];

fn json(args: &[&str]) -> Value {
    let done = Folder::new(SMALL).wafersim(&[args, &["--format", "json"]].concat());
    assert_eq!((done.code, done.stderr.as_str()), (0, ""), "{args:?}");
    serde_json::from_str(&done.stdout).unwrap()
}

#[test]
fn json_has_these_keys_and_no_others() {
    let value = json(LIGHT);
    let keys: Vec<&str> = value.as_object().unwrap().keys().map(String::as_str).collect();
    let expected = [
        "accepted_rate",
        "mean_latency_cycles",
        "offered_rate",
        "p99_latency_cycles",
        "saturated",
        "wall_seconds",
        "wavelet_hops",
    ];
    assert_eq!(keys, expected);
    assert_eq!(value["saturated"], false);
}

#[test]
fn a_saturated_mesh_has_no_latency() {
    let value = json(&["fabric", "traffic", "--shape", "8x8", "--rate", "0.9"]);
    assert_eq!(value["saturated"], true);
    assert!(value["mean_latency_cycles"].is_null() && value["p99_latency_cycles"].is_null());
    let text = Folder::new(SMALL).wafersim(&["fabric", "traffic", "--shape", "8x8", "--rate", "1"]);
    assert!(text.stdout.contains("the mesh is saturated"), "{}", text.stdout);
}

#[test]
fn threads_change_nothing_and_settings_stand_for_options() {
    let timeless = |more: &[&str]| {
        let mut value = json(&[LIGHT, more].concat());
        value.as_object_mut().unwrap().remove("wall_seconds");
        value
    };
    assert_eq!(timeless(&["--threads", "1"]), timeless(&["--threads", "4"]));
    assert_eq!(timeless(&["--hop-cycles", "3"]), timeless(&["--set", "fabric.hop_cycles=3"]));
    assert_ne!(timeless(&[]), timeless(&["--set", "fabric.ramp_cycles=3"]));
}

#[test]
fn people_see_the_bounds_beside_the_result() {
    let text = Folder::new(SMALL).wafersim(LIGHT).stdout;
    for part in ["mean latency", "empty mesh", "bisection      0.50000", "entered", "delivered"] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn what_does_not_exist_ends_with_code_2() {
    for (args, part) in [
        (&["--shape", "32", "--rate", "0.1"] as &[&str], "columns x rows"),
        (&["--shape", "0x4", "--rate", "0.1"], "columns x rows"),
        (&["--shape", "8x8", "--rate", "1.5"], "0 to 1"),
        (&["--shape", "8x8", "--rate", "NaN"], "0 to 1"),
        (&["--shape", "8x4", "--rate", "0.1", "--pattern", "transpose"], "as many columns"),
        (&["--shape", "8x8", "--rate", "0.1", "--queue-depth", "0"], "queue depth"),
        (&["--shape", "8x8", "--rate", "0.1", "--set", "fabric.colour=1"], "fabric.hop_cycles"),
    ] {
        let args = [&["fabric", "traffic", "--format", "json"], args].concat();
        let done = Folder::new(SMALL).wafersim(&args);
        assert_eq!((done.code, done.stdout.as_str()), (2, ""), "{args:?}");
        assert!(done.problems()[0].contains(part), "{}", done.stderr);
    }
}
