//! Collectives alone on the fabric: published cycles, engines that agree, and what is refused.

use crate::fixture::{Folder, SMALL};
use serde_json::Value;

fn json(args: &str) -> Value {
    // A value's unit stands behind a tilde, as options are cut at blanks.
    let args: Vec<String> = args.split(' ').map(|arg| arg.replace('~', " ")).collect();
    let done = Folder::new(SMALL).wafersim(&args.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(done.code, 0, "{args:?}: {}", done.stderr);
    serde_json::from_str(&done.stdout).unwrap()
}

/// (words, step, cycles) of fp32 reduces over a row of 512 PEs, printed by Cerebras's cycle-accurate
/// fabric simulator: github pr0f3ss/SpMM_Cerebras,
/// src/mpi_collectives/reduce_0_pe/reduce_2colors_2phase (results.txt, commands.sh), read 2026-11.
const PUBLISHED: [(u32, u32, u64); 6] = [
    (4096, 2, 10055),
    (4096, 8, 9117),
    (4096, 32, 8973),
    (4096, 128, 9297),
    (4096, 512, 7218),
    (64, 28, 928),
];

#[test]
fn published_reduces_are_met_within_two_cycles() {
    for (words, step, cycles) in PUBLISHED {
        let found = json(&format!(
            "fabric reduce --preset wse2 --shape 512x1 --words {words} --dtype fp32 \
             --algorithm two-phase --step {step} --engine stream --format json"
        ));
        let found = found["cycles"].as_u64().unwrap();
        assert!(found.abs_diff(cycles) <= 2, "{words} words, step {step}: {found}, not {cycles}");
    }
}

#[test]
fn engines_agree_and_cycles_answer_to_the_hardware() {
    let run = |rest: &str| {
        json(&format!(
            "fabric all-reduce --preset wse2 --shape 61x40 --words 1 --algorithm centre-star --format json {rest}"
        ))
    };
    let (wavelet, stream) = (run("--engine wavelet"), run("--engine stream --threads 2"));
    assert_eq!(wavelet["engine_used"], "wavelet");
    assert_eq!(stream["engine_used"], "stream");
    for key in ["cycles", "cycles_network", "wavelet_hops", "bounds"] {
        assert_eq!(wavelet[key], stream[key], "{key}");
    }
    let slow = run("--set fabric.hop_cycles=3~cycles");
    assert!(slow["cycles"].as_u64() > stream["cycles"].as_u64().map(|cycles| cycles + 150));
}

#[test]
fn what_cannot_be_done_is_a_problem_with_a_code() {
    for (args, code) in [
        ("reduce --shape 8x1 --words 0 --algorithm chain", 2),
        ("reduce --shape 8x0 --words 1 --algorithm chain", 2),
        ("shift --shape 8x0 --words 1", 2),
        ("all-gather --shape 400x400 --words 100", 3),
        ("reduce --shape 9999x1 --words 1 --algorithm chain", 3),
        ("reduce --shape 8x1 --words 1 --algorithm two-phase --step 9", 3),
        ("reduce --shape 8x1 --words 1 --algorithm k-tree --k 0", 3),
        ("reduce --shape 8x1 --words 1 --algorithm ring", 3),
        ("reduce --shape 8x8 --words 1 --algorithm x-y --inner x-y", 3),
        ("broadcast --shape 8x1 --words 1 --algorithm star", 3),
        ("reduce --shape 8x1 --words 1 --preset wse9", 3),
        ("reduce --shape 8x1 --words 1 --set fabric.hop=3", 3),
        ("reduce --shape 8x1 --words 1 --set fabric.hop_cycles=0", 3),
    ] {
        let args = format!("fabric {args} --format json");
        let done = Folder::new(SMALL).wafersim(&args.split(' ').collect::<Vec<_>>());
        assert_eq!((done.code, done.stdout.as_str()), (code, ""), "{args}: {}", done.stderr);
        assert!(!done.problems().is_empty());
    }
}

#[test]
fn every_collective_can_be_asked_for_on_rows_and_rectangles() {
    for rest in [
        "reduce --shape 13x1 --algorithm star",
        "reduce --shape 13x1 --algorithm k-tree --k 3",
        "reduce --shape 13x1 --algorithm two-phase",
        "reduce --shape 7x5 --algorithm tree",
        "reduce --shape 7x5 --algorithm x-y --inner two-phase",
        "reduce --shape 7x5 --algorithm snake",
        "all-reduce --shape 13x1 --algorithm ring",
        "all-reduce --shape 6x5 --algorithm x-y --inner ring",
        "all-reduce --shape 6x5 --algorithm centre-star",
        "all-reduce --shape 6x5",
        "broadcast --shape 6x5",
        "all-gather --shape 6x5",
        "shift --shape 6x5",
        "shift --shape 6x5 --interleaved --along columns",
    ] {
        let found = json(&format!("fabric {rest} --words 20 --preset wse2 --format json"));
        let number = |key: &str| found[key].as_u64().unwrap_or_else(|| panic!("{rest}: {found}"));
        assert!(number("cycles") > number("cycles_network"), "{rest}");
        let bounds = found["bounds"].as_object().unwrap();
        let most = bounds.values().filter_map(Value::as_u64).max();
        assert!(most <= Some(number("cycles_network")), "{rest}: {found}");
        let wavelets = &found["wavelets"];
        assert_eq!(wavelets["in_flight"], 0, "{rest}");
        let sum = |key: &str| wavelets[key].as_u64().unwrap();
        assert_eq!(sum("injected") + sum("copied"), sum("delivered"), "{rest}");
        assert!(found["hottest_links"][0]["per_cycle"].as_f64() <= Some(1.0), "{rest}");
        assert!(found["bound_by"]["resource"].is_string(), "{rest}");
    }
}

#[test]
fn people_are_told_what_bound_it() {
    let args = "fabric reduce --preset wse2 --shape 30x1 --words 50 --algorithm star";
    let done = Folder::new(SMALL).wafersim(&args.split(' ').collect::<Vec<_>>());
    assert!(
        done.stdout.contains("ramp of PE (0, 0), 99 % of the network's cycles"),
        "{}",
        done.stdout
    );
    assert!(
        done.stdout.contains("hottest links           1450   (1, 0) to (0, 0)"),
        "{}",
        done.stdout
    );
}
