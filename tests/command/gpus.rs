//! `wafersim nvlink` and `wafersim gpu`: keys, values, and what is refused.

use crate::fixture::{Folder, SMALL};
use serde_json::Value;

const MODEL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/models/kimi-k2.5.json");
const LLAMA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/models/llama-3.1-70b.json");
const GPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/models/gpt-oss-120b.json");

fn json(args: &[&str]) -> Value {
    let args = [args, &["--format", "json"]].concat();
    let done = Folder::new(SMALL).wafersim(&args);
    assert_eq!(done.code, 0, "{args:?}: {}", done.stderr);
    serde_json::from_str(&done.stdout).unwrap()
}

fn refused(args: &[&str]) -> (i32, String) {
    let done = Folder::new(SMALL).wafersim(args);
    (done.code, done.stderr)
}

#[test]
fn collectives_of_gpus_take_microseconds() {
    let us =
        |args: &str| json(&args.split(' ').collect::<Vec<_>>())["microseconds"].as_f64().unwrap();
    let all = "nvlink all-reduce --preset gb200-nvl72 --gpus 4 --elements 8192 --dtype bf16";
    assert!((us(&format!("{all} --algorithm one-shot")) / 4.95 - 1.0).abs() < 0.15);
    assert!(
        us(&format!("{all} --algorithm two-shot")) > us(&format!("{all} --algorithm one-shot"))
    );
    assert!(us(&format!("{all} --algorithm ring")) > 10.0);
    let tokens = "--ep 32 --tokens 128 --hidden 7168 --top-k 8 --experts 256 --dtype bf16";
    let dispatch = us(&format!("nvlink dispatch --preset gb200-nvl72 {tokens}"));
    assert!((dispatch / 37.8 - 1.0).abs() < 0.15, "{dispatch}");
    let combine = us(&format!("nvlink combine --preset gb200-nvl72 {tokens}"));
    assert!((combine / 41.1 - 1.0).abs() < 0.2, "{combine}");
}

#[test]
fn a_decode_step_has_its_keys_and_adds_up() {
    let spread = ["--tp", "8", "--ep", "8", "--batch", "1", "--context", "1024"];
    let args = ["gpu", "decode", "--preset", "gb200-nvl72", "--model", MODEL, "--weights", "nvfp4"];
    let value = json(&[&args[..], &spread].concat());
    let number = |key: &str| value[key].as_f64().unwrap();
    assert!((number("tokens_per_s_user") * number("tpot_ms") / 1e3 - 1.0).abs() < 1e-6);
    assert!((number("tokens_per_s_gpu") * 8.0 / number("tokens_per_s_user") - 1.0).abs() < 1e-4);
    let breakdown = value["breakdown"].as_object().unwrap();
    let causes: f64 = breakdown.values().filter_map(Value::as_f64).sum();
    assert!((causes / number("tpot_ms") - 1.0).abs() < 1e-4);
    let parts = breakdown["parts_ms"].as_object().unwrap();
    let parts: f64 = parts.values().filter_map(Value::as_f64).sum();
    assert!((parts / number("tpot_ms") - 1.0).abs() < 1e-3);
}

#[test]
fn dense_and_grouped_query_models_run_too() {
    let run = |model: &str, more: &[&str]| {
        let args = ["gpu", "decode", "--preset", "h200x8", "--model", model, "--batch", "1"];
        json(&[&args[..], &["--context", "2048"], more].concat())["tpot_ms"].as_f64().unwrap()
    };
    // 141 GB of weights over eight times 4.8 TB/s are 3.7 ms at the least.
    let llama = run(LLAMA, &["--tp", "8"]);
    assert!(llama > 3.7 && llama < 20.0, "{llama}");
    let half = run(LLAMA, &["--tp", "4", "--pp", "2"]);
    assert!(half > llama, "{half}");
    assert!(run(GPT, &["--tp", "2"]) > 1.0);
}

#[test]
fn layouts_that_cannot_be_are_refused_with_the_reason() {
    let run = |preset: &str, more: &[&str]| {
        let args = ["gpu", "decode", "--preset", preset, "--model", MODEL, "--batch", "1"];
        refused(&[&args[..], &["--context", "1024"], more].concat())
    };
    let (code, text) = run("b200x8", &["--tp", "2", "--weights", "nvfp4"]);
    assert!(code == 4 && text.contains("too much"), "{code} {text}");
    let (code, text) = run("b200x8", &["--tp", "8", "--ep", "3"]);
    assert!(code == 3 && text.contains("must divide"), "{code} {text}");
    let (code, text) = run("b200x8", &["--tp", "16"]);
    assert!(code == 3 && text.contains("the rack has 8"), "{code} {text}");
    let (code, text) = run("gb200-nvl72", &["--tp", "24", "--ep", "24"]);
    assert!(code == 3 && text.contains("does not divide the model's 64"), "{code} {text}");
    let (code, text) = run("gb200-nvl27", &["--tp", "8"]);
    assert!(code == 3 && text.contains("gb200-nvl72"), "{code} {text}");
    let (code, text) =
        refused(&["nvlink", "dispatch", "--preset", "h200x8", "--ep", "16", "--tokens", "1"]);
    assert!(code == 3 && text.contains("--set gpus=16"), "{code} {text}");
}

#[test]
fn prompts_on_workers_of_their_own_leave_the_time_per_token_alone() {
    let args = ["gpu", "serve", "--model", MODEL, "--weights", "nvfp4", "--tp", "8", "--ep", "8"];
    let lengths = ["--batch", "8", "--prompt-tokens", "8192", "--output-tokens", "1024"];
    let prefill = ["--prefill-tp", "8", "--prefill-ep", "8"];
    let value = json(&[&args[..], &lengths, &prefill].concat());
    let number = |key: &str| value[key].as_f64().unwrap();
    assert!((number("tpot_ms") * number("tokens_per_s_user") / 1e3 - 1.0).abs() < 1e-4);
    // Every GPU of both kinds counts.
    assert!(number("tokens_per_s_gpu") < number("tokens_per_s_user"));
    assert!(number("prefill_workers_per_decode_worker") > 0.0);
    // 61 layers of 576 bytes a token over 900 GB/s at most.
    assert!(number("transfer_ms") > 8192.0 * 61.0 * 576.0 / 900e6);
    assert!(number("ttft_ms") > number("transfer_ms"));
    let other = ["--prefill-tp", "16", "--prefill-ep", "16"];
    let other = json(&[&args[..], &lengths, &other].concat());
    assert_eq!(other["tpot_ms"], value["tpot_ms"]);
    assert_ne!(other["ttft_ms"], value["ttft_ms"]);
    let many = ["--prefill-tp", "64", "--prefill-ep", "64", "--attention-dp", "2"];
    let (code, said) = refused(&[&args[..], &lengths, &many].concat());
    assert!(code == 3 && said.contains("80 GPUs"), "{said}");
}
