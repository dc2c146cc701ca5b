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
        ("reduce --shape 8x2 --words 1 --algorithm chain", 3),
        ("reduce --shape 9999x1 --words 1 --algorithm chain", 3),
        ("reduce --shape 8x1 --words 1 --algorithm two-phase --step 9", 3),
        ("reduce --shape 8x1 --words 1 --algorithm k-tree --k 1", 3),
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
