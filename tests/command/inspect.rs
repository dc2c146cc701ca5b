//! Where a model stands and why, from outside.

use crate::fixture::Folder;
use serde_json::Value;

/// Kimi K2.6 on wafers, a short request.
const WAFERS: &str = r#"(
    name: "wafers",
    model: "model.json",
    request: (prompt_tokens: 2000, reasoning_tokens: 20, answer_tokens: 10),
    machines: [Wafer(name: "wafer", preset: "wse3", choices: (count: Auto))],
)
"#;

fn json(folder: &Folder, args: &[&str]) -> Value {
    let done = folder.wafersim(args);
    assert_eq!(done.code, 0, "{args:?}: {}", done.stderr);
    serde_json::from_str(&done.stdout).unwrap()
}

#[test]
fn every_byte_has_an_owner_and_every_layer_a_place() {
    let folder = Folder::new(WAFERS);
    let all = json(&folder, &["inspect", "scenario.ron", "--format", "json"]);
    let machine = &all["machines"][0];
    let sram = machine["sram"].as_u64().unwrap();
    let parts = machine["parts"].as_array().unwrap();
    assert!(!parts.is_empty());
    for part in parts {
        let bytes = &part["pe_bytes"];
        let of = |key: &str| bytes[key].as_u64().unwrap();
        let owners = ["weights", "scales", "kv_cache", "activations", "code_and_buffers"];
        let used: u64 = owners.iter().map(|owner| of(owner)).sum();
        assert_eq!((of("used"), of("free")), (used, sram - used));
        let entries = part["entries"].as_array().unwrap();
        let sum: u64 = entries.iter().map(|entry| entry["bytes"].as_u64().unwrap()).sum();
        assert_eq!(sum, used);
        let pes = |area: &Value| area["columns"].as_u64().unwrap() * area["rows"].as_u64().unwrap();
        let areas: u64 = part["areas"].as_array().unwrap().iter().map(pes).sum();
        assert_eq!(areas, pes(part));
    }
    let layers = machine["layers"].as_array().unwrap();
    let wafer = |layer: &Value| (layer["wafer"].as_u64().unwrap(), layer["y"].as_u64().unwrap());
    assert!(layers.len() > 1);
    assert!(layers.windows(2).all(|pair| wafer(&pair[0]) < wafer(&pair[1])));
    assert!(machine["context_full"].as_u64().unwrap() >= machine["context"].as_u64().unwrap());
}

#[test]
fn forcing_a_candidate_gives_its_cycles_again() {
    let folder = Folder::new(WAFERS);
    let all = json(&folder, &["inspect", "scenario.ron", "--why", "moe/q_b", "--format", "json"]);
    let why = &all["machines"][0]["why"][0];
    let candidates = why["candidates"].as_array().unwrap();
    assert!((2..=6).contains(&candidates.len()), "{why}");
    assert!(candidates.iter().any(|candidate| candidate["chosen"] == true));
    for candidate in &candidates[..2] {
        let choices = candidate["force"].as_str().unwrap();
        let force = format!("machines.wafer.force={{\"moe\": \"{choices}\"}}");
        let args = [
            "run",
            "scenario.ron",
            "--no-bands",
            "--format",
            "json",
            "--out",
            "forced",
            "--set",
            &force,
        ];
        let outcome = json(&folder, &args);
        let machines = outcome["machines"].as_array().unwrap();
        let wafer = machines.iter().find(|machine| machine["name"] == "wafer").unwrap();
        let operators = wafer["operators"].as_array().unwrap();
        let forced = operators.iter().find(|own| own["name"] == "q_b" && own["group"] == "moe");
        assert_eq!(forced.unwrap()["cycles"], candidate["cycles"], "{choices}");
    }
}

#[test]
fn unknown_operators_list_the_known_ones() {
    let folder = Folder::new(WAFERS);
    let args = ["inspect", "scenario.ron", "--why", "qkv_b", "--format", "json"];
    let done = folder.wafersim(&args);
    assert_eq!(done.code, 2, "{}", done.stderr);
    assert!(done.problems()[0].contains("moe/q_b"), "{:?}", done.problems());
}
