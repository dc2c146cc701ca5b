//! Products and models on a wafer without a scenario.

use crate::fixture::{Folder, SMALL};
use serde_json::Value;

fn json(args: &str) -> Value {
    let args: Vec<&str> = args.split(' ').collect();
    let done = Folder::new(SMALL).wafersim(&args);
    assert_eq!(done.code, 0, "{args:?}: {}", done.stderr);
    serde_json::from_str(&done.stdout).unwrap()
}

fn cycles(args: &str) -> f64 {
    json(&format!("wafer gemv --preset wse2 --format json {args}"))["cycles"].as_f64().unwrap()
}

/// Differential: WaferLLM (OSDI 2025), table 6, `[1, 16384] x [16384, 16384]` in 16 bit on a WSE-2 at
/// 0.85 GHz. Nothing was fitted to it.
#[test]
fn a_gemv_takes_the_published_time() {
    let row = json("wafer gemv --preset wse2 --rows 16384 --cols 16384 --dtype fp16 --format json");
    let microseconds = row["microseconds"].as_f64().unwrap();
    assert!((microseconds / 1.2 - 1.0).abs() < 0.15, "{microseconds}");
    assert_eq!(row["cycles"].as_f64().unwrap(), (microseconds * 850.0).round());
}

/// Curve: with large tiles the datapath's rate decides, with small ones the way to the middle.
#[test]
fn a_gemv_is_bound_by_arithmetic_or_by_distance() {
    let large = cycles("--rows 4096 --cols 4096 --grid 32x32");
    let bound = 128.0 * 128.0 / 4.0;
    // Beside the multiply-adds, a loop's step for each of 128 scalars, and sums of 64 words.
    assert!(large > bound + 127.0 * 12.0 && large < 1.8 * bound, "{large} against {bound}");
    let half = cycles("--rows 4096 --cols 2048 --grid 32x32");
    assert!((1.5..2.0).contains(&(large / half)), "{large} against {half}");
    let small = cycles("--rows 600 --cols 600 --grid 600x600");
    assert!((300.0..700.0).contains(&small), "{small}");
    let far = cycles("--rows 700 --cols 700 --grid 700x700");
    assert!((50.0..80.0).contains(&(far - small)), "{far} after {small}");
}

/// Differential: WaferLLM (OSDI 2025), table 4: LLaMA3-8B, one request on a WSE-2, 16-bit weights.
/// Nothing was fitted to these rows.
#[test]
fn decoding_comes_near_the_published_rates_and_falls_with_the_grid() {
    let model = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/models/llama-3-8b.json");
    let mut last = f64::INFINITY;
    for (side, published) in [(420, 2699.9), (540, 2501.5), (660, 2243.3)] {
        let row = json(&format!(
            "wafer decode --preset wse2 --model {model} --weights fp16 --grid {side}x{side} \
             --context 4096 --format json"
        ));
        let rate = row["tokens_per_s"].as_f64().unwrap();
        assert!((rate / published - 1.0).abs() < 0.10, "{side}: {rate} against {published}");
        assert!(rate < last, "{side}: {rate} after {last}");
        let layers = 32.0 * row["cycles_per_layer"].as_f64().unwrap();
        assert!(layers < 0.85e9 / rate && layers > 0.9 * 0.85e9 / rate);
        last = rate;
    }
}

/// Differential: the same source, table 3: a prompt of 4,096 tokens. Nothing was fitted to these rows.
#[test]
fn prompts_come_near_the_published_rates_and_rise_with_the_grid() {
    let model = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/models/llama-3-8b.json");
    let mut last = 0.0;
    for (side, published) in [(480, 20320.6), (600, 25037.2), (720, 27686.5)] {
        let row = json(&format!(
            "wafer prefill --preset wse2 --model {model} --weights fp16 --grid {side}x{side} \
             --prompt 4096 --format json"
        ));
        let rate = row["tokens_per_s"].as_f64().unwrap();
        assert!((rate / published - 1.0).abs() < 0.15, "{side}: {rate} against {published}");
        assert!(rate > last, "{side}: {rate} after {last}");
        let share = row["share_of_peak"].as_f64().unwrap();
        assert!((0.12..0.21).contains(&share), "{side}: {share}");
        last = rate;
    }
}

/// Without a grid the mapper places the layers; models of every family with grouped heads run.
#[test]
fn without_a_grid_the_mapper_places_the_layers() {
    for (model, most) in [("llama-3.1-8b", 1), ("gpt-oss-120b", 4), ("mixtral-8x7b", 5)] {
        let path = format!("{}/examples/models/{model}.json", env!("CARGO_MANIFEST_DIR"));
        let row = json(&format!(
            "wafer decode --preset wse3 --model {path} --context 1000 --no-capacity-check \
             --format json"
        ));
        assert!(row["wafers"].as_u64().unwrap() <= most, "{model}: {row}");
        let cycles = row["cycles_per_layer"].as_f64().unwrap();
        assert!((5e3..4e4).contains(&cycles), "{model}: {row}");
        assert!(row["tokens_per_s"].as_f64().unwrap() > 100.0);
    }
}

#[test]
fn both_engines_give_a_gemv_the_same_cycles() {
    let with =
        |engine: &str| cycles(&format!("--rows 500 --cols 300 --grid 50x40 --engine {engine}"));
    assert_eq!(with("stream"), with("wavelet"));
}

#[test]
fn what_does_not_fit_is_refused_with_the_reason() {
    let folder = Folder::new(SMALL);
    let fails = |args: &str, code: i32, says: &str| {
        let args: Vec<&str> = args.split(' ').collect();
        let done = folder.wafersim(&args);
        assert_eq!(done.code, code, "{args:?}: {}", done.stderr);
        assert!(done.problems()[0].contains(says), "{:?}", done.problems());
    };
    let gemv = "wafer gemv --preset wse2 --format json";
    fails(&format!("{gemv} --rows 64 --cols 64 --grid 800x800"), 3, "750 x 994");
    fails(&format!("{gemv} --rows 16384 --cols 16384 --grid 64x64"), 4, "131072 bytes");
    fails(&format!("{gemv} --rows 500000 --cols 500000"), 4, "larger grid");
    let models = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/models");
    let decode = |model: &str, rest: &str| {
        format!(
            "wafer decode --preset wse2 --model {models}/{model} --context 4096 --weights fp16 \
             --format json {rest}"
        )
    };
    fails(&decode("llama-3.1-70b.json", "--grid 600x600"), 4, "--no-capacity-check");
    let latent = "--grid 600x600 --no-capacity-check";
    fails(&decode("kimi-k2.json", latent), 3, "latent attention");
    // A part's tiles, or its cache, on too few PEs; more PEs than there are.
    fails(&decode("llama-3-8b.json", "--grid 64x64"), 4, "of the fullest PE on 64 x 64");
    let long = decode("llama-3-8b.json", "--grid 420x420 --no-capacity-check");
    fails(&long.replace("4096", "4000000"), 4, "a shorter context");
    fails(&decode("llama-3-8b.json", "--grid 751x100"), 3, "750 x 994");
    let prefill = |model: &str, rest: &str| {
        format!(
            "wafer prefill --preset wse2 --model {models}/{model} --weights fp16 \
             --no-capacity-check --format json {rest}"
        )
    };
    fails(&prefill("llama-3-8b.json", "--grid 150x150 --prompt 16"), 4, "tiles on the move");
    fails(&prefill("llama-3-8b.json", "--grid 600x600 --prompt 40000"), 4, "shorter --prompt");
    fails(&prefill("llama-3-8b.json", "--grid 600x995 --prompt 64"), 3, "750 x 994");
    fails(&prefill("kimi-k2.json", "--grid 600x600 --prompt 64"), 3, "wafersim run");
    fails(&prefill("mixtral-8x7b.json", "--grid 600x600 --prompt 64"), 3, "mixture-of-experts");
    fails("pe multiply --preset wse2 --dtype fp32 --n 12000 --format json", 4, "6144 elements fit");
}

/// Sizes that do not divide are padded: the fullest PE decides, so that one more PE changes nothing
/// until tiles shrink, and a grid that is not square has PEs without work.
#[test]
fn what_does_not_divide_is_padded() {
    let model = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/models/llama-3-8b.json");
    let prefill = |grid: &str, prompt: u32| {
        json(&format!(
            "wafer prefill --preset wse2 --model {model} --weights fp16 --grid {grid} --prompt \
             {prompt} --format json"
        ))
    };
    // 2,405 and 2,990 tokens both are 5 on the fullest of 600 rows.
    let (full, less) = (prefill("600x600", 2990), prefill("600x600", 2405));
    let layer = |row: &Value| row["parts"][1]["cycles"].as_u64().unwrap();
    assert_eq!(layer(&full), layer(&less));
    let wide = prefill("640x600", 2990);
    assert_eq!((&wide["cycles"], &wide["idle_pes"]), (&full["cycles"], &Value::from(24_000.0)));
    let share = |row: &Value| row["share_of_peak"].as_f64().unwrap();
    assert!((share(&wide) / share(&full) - 600.0 / 640.0).abs() < 1e-9);
    // 16,383 x 16,381 elements lie on tiles of 24 x 33, as 16,392 x 16,401 do.
    let (odd, even) = ("--rows 16383 --cols 16381 --grid 701x503", "--grid 683x497");
    assert_eq!(cycles(odd), cycles(&format!("--rows 16392 --cols 16401 {even}")));
}
