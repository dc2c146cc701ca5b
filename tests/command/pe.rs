//! One vector operation on one PE, from outside.

use crate::fixture::{Folder, SMALL};
use serde_json::Value;

fn json(args: &str) -> Value {
    let args: Vec<&str> = args.split(' ').collect();
    let done = Folder::new(SMALL).wafersim(&args);
    assert_eq!(done.code, 0, "{args:?}: {}", done.stderr);
    serde_json::from_str(&done.stdout).unwrap()
}

fn cycles(args: &str) -> u64 {
    json(&format!("pe {args} --format json"))["cycles"].as_u64().unwrap()
}

/// Differential: cycle counts of the vendor's fabric simulator, published with `pr0f3ss/SpMM_Cerebras`.
#[test]
fn a_multiply_takes_the_published_cycles() {
    let multiply = "multiply --preset wse2 --dtype fp32";
    assert_eq!(cycles(&format!("{multiply} --n 5124")), 5130);
    assert_eq!(cycles(&format!("{multiply} --n 5124 --conflict")), 10_254);
    assert_eq!(cycles(&format!("{multiply} --n 5124 --with-setup")), 5158);
    assert_eq!(cycles(&format!("{multiply} --n 1028")), 1034);
    assert_eq!(cycles(&format!("{multiply} --n 1028 --conflict")), 2062);
}

#[test]
fn types_strides_and_generations_have_their_documented_rates() {
    assert_eq!(cycles("fma --preset wse2 --dtype fp16 --n 4096"), 1024 + 6);
    assert_eq!(cycles("fma --preset wse3 --dtype fp16 --n 4096"), 512 + 6);
    assert_eq!(cycles("max --preset wse2 --dtype fp16 --n 4096"), 4096 + 6);
    assert_eq!(cycles("max --preset wse3 --dtype fp16 --n 4096"), 1024 + 6);
    assert_eq!(cycles("fma --preset wse2 --dtype mixed --n 4096"), 2048 + 6);
    assert_eq!(cycles("move --preset wse2 --dtype fp16 --n 1024 --stride 2"), 256 + 6);
    assert_eq!(cycles("move --preset wse2 --dtype fp16 --n 1024 --stride 8"), 1024 + 6);
    assert_eq!(cycles("add --preset wse2 --dtype fp16 --n 1024 --stride 3"), 256 + 6);
    assert_eq!(cycles("add --preset wse2 --dtype fp16 --n 1024 --stride -1"), 512 + 6);
}

#[test]
fn what_is_assumed_of_the_cache_can_be_varied() {
    let fma = "fma --preset wse2 --dtype fp16 --n 4096";
    assert_eq!(cycles(&format!("{fma} --set pe.cache_words=0")), 1536 + 6);
    assert_eq!(cycles("multiply --preset wse2 --dtype fp32 --n 5124 --set pe.cache_words=0"), 5130);
}

#[test]
fn microthreads_share_the_datapath() {
    let add = "add --preset wse2 --dtype fp16 --n 1000 --with-setup";
    let one = cycles(add);
    assert_eq!(cycles(&format!("{add} --threads 4")), one + 3 * 250);
}

#[test]
fn what_cannot_run_is_refused_with_the_reason() {
    let folder = Folder::new(SMALL);
    let fails = |args: &str, code: i32, says: &str| {
        let args: Vec<&str> = args.split(' ').collect();
        let done = folder.wafersim(&args);
        assert_eq!(done.code, code, "{args:?}: {}", done.stderr);
        assert!(done.problems()[0].contains(says), "{:?}", done.problems());
    };
    let multiply = "pe multiply --preset wse2 --dtype fp32 --format json";
    fails(&format!("{multiply} --n 7000"), 4, "6144 elements fit");
    fails(&format!("{multiply} --n 0"), 2, "1..=1048576");
    fails(&format!("{multiply} --n 10 --threads 9"), 2, "8 microthreads");
    fails("pe add --dtype mixed --n 10 --format json", 2, "fma alone");
    fails("pe move --conflict --n 10 --format json", 2, "nothing that conflicts");
    fails("pe add --preset wse9 --n 10 --format json", 3, "unknown preset");
}
