//! A made-up outcome with plausible figures: 20 wafers beside 72 GPUs.

use reports::outcome::*;
use serde_json::json;

pub(crate) fn outcome() -> Outcome {
    Outcome {
        schema_version: SCHEMA_VERSION,
        simulator: "wafersim 0.1.0".into(),
        manifest: Manifest {
            command: "wafersim run examples/kimi-k2.6.ron --set 'wse3.clock=0.9 GHz'".into(),
            scenario_hash: "5e1f".repeat(16),
            seed: 1,
        },
        scenario: json!({
            "name": "Kimi K2.6, one agentic coding request",
            "seed": 1,
            "model": "kimi-k2.6",
            "request": {"prompt_tokens": 10000, "reasoning_tokens": 4200, "answer_tokens": 500},
            "machines": [{"preset": "wse3", "count": "Auto"}, {"preset": "gb200-nvl72", "batch": 1}],
        }),
        model: ModelSummary {
            name: "Kimi-K2.6".into(),
            parameters: 1_026_408_232_448,
            active_parameters: 32_862_000_000,
            weight_bytes: 594_000_000_000,
            kv_bytes_per_token: 70_272,
            layers: 61,
        },
        machines: vec![wafers(), gpus()],
        claims: claims(),
        validation: validation(),
    }
}

fn split(us: f64, shares: [f64; 5]) -> TimeSplit {
    TimeSplit {
        arithmetic_us: us * shares[0],
        memory_us: us * shares[1],
        fabric_us: us * shares[2],
        io_us: us * shares[3],
        waiting_us: us * shares[4],
    }
}

/// Name, group, runs for one token, cycles of one run, what bounds it.
const OPERATORS: [(&str, &str, u32, u64, &str); 24] = [
    ("embedding", "head", 1, 900, "io"),
    ("dense_attention", "dense", 1, 7_900, "fabric"),
    ("dense_gate_up", "dense", 1, 1_900, "fabric"),
    ("dense_down", "dense", 1, 1_800, "fabric"),
    ("attn_norm", "moe", 60, 420, "fabric"),
    ("q_a_proj", "moe", 60, 980, "fabric"),
    ("q_a_norm", "moe", 60, 260, "waiting"),
    ("q_b_proj", "moe", 60, 1_050, "fabric"),
    ("kv_a_proj", "moe", 60, 760, "fabric"),
    ("kv_a_norm", "moe", 60, 210, "waiting"),
    ("q_absorb", "moe", 60, 520, "arithmetic"),
    ("attn_scores", "moe", 60, 1_240, "memory"),
    ("softmax", "moe", 60, 640, "fabric"),
    ("attn_values", "moe", 60, 1_180, "memory"),
    ("v_absorb", "moe", 60, 510, "arithmetic"),
    ("o_proj", "moe", 60, 1_480, "fabric"),
    ("ffn_norm", "moe", 60, 420, "fabric"),
    ("router", "moe", 60, 690, "fabric"),
    ("top_k", "moe", 60, 880, "waiting"),
    ("experts_gate_up", "moe", 60, 2_150, "fabric"),
    ("experts_down", "moe", 60, 2_010, "fabric"),
    ("residual", "moe", 120, 150, "arithmetic"),
    ("lm_head", "head", 1, 9_400, "arithmetic"),
    ("sampling", "head", 1, 2_600, "fabric"),
];

fn shares(bound: &str) -> [f64; 5] {
    match bound {
        "arithmetic" => [0.62, 0.08, 0.22, 0.0, 0.08],
        "memory" => [0.24, 0.48, 0.2, 0.0, 0.08],
        "waiting" => [0.1, 0.04, 0.36, 0.0, 0.5],
        "io" => [0.02, 0.02, 0.1, 0.82, 0.04],
        _ => [0.19, 0.06, 0.63, 0.0, 0.12],
    }
}

fn wafers() -> MachineOutcome {
    const CLOCK: f64 = 1_100.0;
    let operators = OPERATORS
        .iter()
        .map(|&(name, group, count, cycles, bound)| OperatorOutcome {
            name: name.into(),
            group: group.into(),
            count,
            mapping: format!("rect(372x{})", 200 + cycles / 10),
            rectangle: Some([372, 200 + cycles as u32 / 10]),
            collective: if bound == "fabric" { "k-tree(8)" } else { "none" }.into(),
            engine: "stream".into(),
            cycles: Some(cycles),
            time_us: cycles as f64 / CLOCK,
            bound: bound.into(),
            split: split(cycles as f64 / CLOCK, shares(bound)),
            flops: cycles * 90_000,
            weight_bytes: cycles * 45_000,
        })
        .collect();
    let layers = (0..63)
        .map(|i| {
            let (kind, cycles): (&str, u64) = match i {
                0 => ("embedding", 900),
                1 => ("dense", 11_600),
                62 => ("head", 12_000),
                _ => ("moe", 16_600 + u64::from(i % 3) * 180),
            };
            let crossing = if i % 3 == 0 { 5.1 } else { 0.0 };
            let mut whole = split(cycles as f64 / CLOCK, [0.24, 0.11, 0.51, 0.0, 0.14]);
            whole.io_us += crossing;
            LayerOutcome {
                index: i,
                kind: kind.into(),
                unit: i / 3,
                cycles: Some(cycles),
                time_us: whole.total_us(),
                split: whole,
            }
        })
        .collect();
    MachineOutcome {
        name: "wse3".into(),
        units: 20,
        unit: "wafer".into(),
        tokens_per_s: 981.4,
        tokens_per_s_range: [712.0, 1_204.0],
        tokens_per_s_machine: 981.4,
        ttft_s: 1.21,
        tpot_ms: 1.019,
        request_s: 6.0,
        token_split: split(1019.0, [0.22, 0.1, 0.46, 0.1, 0.12]),
        operators,
        layers,
        placement: (0..20).map(wafer).collect(),
        decode_curve: (0..16)
            .map(|i| CurvePoint { context: 10_000 + 313 * i, tpot_ms: 1.004 + 0.002 * i as f64 })
            .collect(),
        frontier: vec![],
        parameters: parameters("wse3"),
        sensitivity: sensitivity(981.4),
        links: (0..19)
            .map(|i| LinkLoad {
                link: format!("wafer {i} to wafer {}", i + 1),
                bytes: 14_336,
                busy: 0.0051,
            })
            .collect(),
        maps: maps(),
        power_kw: Some(483.0),
        work: Vec::new(),
        fidelity: fidelity(&[
            ("mesh of PEs", "stepped", "Every operator ran in the stream engine, cycle for cycle."),
            ("SRAM banks", "stepped", "Bank conflicts of vector operations are counted."),
            ("Ethernet", "fixed latency", "Bytes over bandwidth plus 5 µs; no packets, no loss."),
            ("power and clock changes", "absent", "The clock is constant."),
        ]),
    }
}

fn wafer(unit: u32) -> UnitPlacement {
    let region = |i: u32, fill: f64| Region {
        holds: format!("layer {}", unit * 3 + i),
        part: "moe".into(),
        x: i % 2 * 372,
        y: i / 2 * 560,
        columns: if i == 2 { 744 } else { 372 },
        rows: if i == 2 { 480 } else { 560 },
        fill,
        busy: 0.016,
    };
    UnitPlacement {
        unit,
        holds: format!("layers {}-{}", unit * 3, unit * 3 + 2),
        regions: vec![region(0, 0.93), region(1, 0.88), region(2, 0.4 + 0.02 * f64::from(unit))],
        bytes: vec![
            ("weights".into(), 27_100_000_000),
            ("scales".into(), 1_700_000_000),
            ("KV cache".into(), 52_000_000 * u64::from(unit + 1)),
            ("activations".into(), 310_000_000),
            ("reserve".into(), 7_200_000_000),
        ],
        capacity_bytes: 44_000_000_000,
    }
}

fn gpus() -> MachineOutcome {
    let operators: Vec<OperatorOutcome> = OPERATORS
        .iter()
        .map(|&(name, group, count, cycles, _)| {
            let us = 2.2 + cycles as f64 / 260.0;
            OperatorOutcome {
                name: name.into(),
                group: group.into(),
                count,
                mapping: "tp8".into(),
                rectangle: None,
                collective: "one-shot all-reduce".into(),
                engine: "nvlink".into(),
                cycles: None,
                time_us: us,
                bound: if us > 6.0 { "memory" } else { "waiting" }.into(),
                split: split(us, [0.02, 0.4, 0.23, 0.0, 0.35]),
                flops: cycles * 90_000,
                weight_bytes: cycles * 45_000,
            }
        })
        .collect();
    MachineOutcome {
        name: "gb200-nvl72".into(),
        units: 72,
        unit: "GPU".into(),
        tokens_per_s: 158.2,
        tokens_per_s_range: [118.0, 214.0],
        tokens_per_s_machine: 158.2,
        ttft_s: 0.62,
        tpot_ms: 6.32,
        request_s: 30.3,
        token_split: split(6320.0, [0.02, 0.4, 0.23, 0.0, 0.35]),
        operators,
        layers: (0..63)
            .map(|index| LayerOutcome {
                index,
                kind: if index < 2 || index == 62 { "dense" } else { "moe" }.into(),
                unit: 0,
                cycles: None,
                time_us: 101.0,
                split: split(101.0, [0.02, 0.4, 0.23, 0.0, 0.35]),
            })
            .collect(),
        placement: (0..72)
            .map(|unit| UnitPlacement {
                unit,
                holds: "1/8 of every matrix, experts by index".into(),
                regions: vec![],
                bytes: vec![("weights".into(), 8_250_000_000), ("KV cache".into(), 1_030_000_000)],
                capacity_bytes: 186_000_000_000,
            })
            .collect(),
        decode_curve: (0..16)
            .map(|i| CurvePoint { context: 10_000 + 313 * i, tpot_ms: 6.27 + 0.005 * i as f64 })
            .collect(),
        frontier: (0..12)
            .map(|i| {
                let batch = 1u32 << i;
                let user = 158.2 / (1.0 + f64::from(batch) / 150.0);
                FrontierPoint {
                    batch,
                    layout: if i < 5 { "tp8" } else { "tp8 ep72" }.into(),
                    tokens_per_s_user: user,
                    tokens_per_s_machine: user * f64::from(batch),
                }
            })
            .collect(),
        parameters: parameters("gb200-nvl72"),
        sensitivity: sensitivity(158.2),
        links: (0..18)
            .map(|i| LinkLoad {
                link: format!("GPU 0 to NVLink switch {i}"),
                bytes: 3_400_000 - 60_000 * i,
                busy: 0.11 - 0.004 * i as f64,
            })
            .collect(),
        maps: Vec::new(),
        power_kw: Some(483.0),
        work: Vec::new(),
        fidelity: fidelity(&[
            ("kernels", "closed form", "The slowest of HBM, arithmetic and a fixed cost."),
            ("NVLink switches", "stepped", "Messages contend for ports; no flit level."),
        ]),
    }
}

fn parameters(machine: &str) -> Vec<Parameter> {
    let confidence = ["measured", "documented", "derived", "assumed"];
    (0..30)
        .map(|i| Parameter {
            path: format!("machines.{machine}.core.parameter_{i}_cycles"),
            value: format!("{} cycles", 3 + i),
            range: (i % 4 == 3).then(|| [format!("{} cycles", 1 + i), format!("{} cycles", 9 + i)]),
            confidence: confidence[i % 4].into(),
            source: "data sheet, revision 3, table 7, https://example.org/sheet?a=1&b=2".into(),
        })
        .collect()
}

fn sensitivity(speed: f64) -> Vec<Sensitivity> {
    let names = [
        "core.clock_mhz",
        "fabric.ramp_latency_cycles",
        "core.task_start_cycles",
        "io.wafer_to_wafer_latency_us",
        "core.descriptor_setup_cycles",
        "fabric.hop_cycles",
        "sram.read_bytes_per_cycle",
        "core.fma_per_cycle",
        "placement.reserve_bytes_per_pe",
        "core.top_k_cycles_per_value",
        "io.bandwidth_gb_per_s",
        "fabric.colour_switch_cycles",
    ];
    names
        .iter()
        .enumerate()
        .map(|(i, name)| {
            let swing = speed * 0.18 / (1.0 + i as f64);
            let sign = if i % 3 == 0 { 1.0 } else { -1.0 };
            Sensitivity {
                path: (*name).into(),
                at_low: speed - sign * swing,
                at_high: speed + sign * swing * 0.7,
                range: ["0.9 units".into(), "1.4 units".into()],
            }
        })
        .collect()
}

fn fidelity(rows: &[(&str, &str, &str)]) -> Vec<Fidelity> {
    let row = |&(mechanism, how, note): &(&str, &str, &str)| Fidelity {
        mechanism: mechanism.into(),
        how: how.into(),
        note: note.into(),
    };
    rows.iter().map(row).collect()
}

fn claims() -> Vec<Claim> {
    let rows = [
        ("1", "Output speed on CS-3 systems", "981 tok/s", "981 tok/s", "Nothing is fitted."),
        ("2", "Faster than the next best GPU provider", "6.7x", "6.2x", "Batch 1 on the GPUs."),
        (
            "4",
            "Whole answer of an agentic coding request, 10,000 tokens in and 500 out",
            "5.6 s against 163.7 s",
            "6.0 s against 30.3 s",
            "A provider shares its machine between users, which this run does not; the reasoning \
             tokens that the claim leaves out are an assumption of the scenario.",
        ),
        ("11", "Systems", "about 20 CS-3", "20 wafers", "Three MoE layers fit a wafer."),
    ];
    rows.iter()
        .map(|&(id, claim, claimed, simulated, note)| Claim {
            id: id.into(),
            claim: claim.into(),
            claimed: claimed.into(),
            simulated: simulated.into(),
            note: note.into(),
        })
        .collect()
}

fn maps() -> Vec<PeMap> {
    let stripe = |along: &str, first, count, values: &str| Stripe {
        along: along.into(),
        first,
        count,
        values: values.into(),
    };
    vec![PeMap {
        part: "moe".into(),
        columns: 750,
        rows: 334,
        capacity: 49_152,
        cycles: 16_600,
        busy: vec![
            stripe("columns", 10, 300, "0*25 5200*700"),
            stripe("rows", 100, 400, "900*334"),
        ],
        words: vec![stripe("rows", 0, 750, "1200*334")],
        sram: vec![stripe("columns", 0, 334, "31000*750")],
    }]
}

fn validation() -> Vec<Validated> {
    let row = |row: &str, published, predicted, calibrated| Validated {
        table: "reduce".into(),
        row: row.into(),
        published,
        predicted,
        unit: "cycles".into(),
        calibrated,
        source: "a paper with its table".into(),
    };
    vec![row("512 PEs", 928.0, 930.0, false), row("chain", 4_700.0, 4_700.0, true)]
}
