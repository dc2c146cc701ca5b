//! Every table of an outcome as CSV, with the machine in the first column.

use crate::outcome::{MachineOutcome, Outcome};
use crate::parts::PARTS;

/// File names and contents; a table that no machine has a row of is left out.
pub fn all(outcome: &Outcome) -> Vec<(&'static str, Vec<u8>)> {
    let of = |table: &Table| -> Vec<Vec<String>> {
        let rows = |m: &MachineOutcome| -> Vec<Vec<String>> {
            let with_name = |row: Vec<String>| [vec![m.name.clone()], row].concat();
            (table.rows)(m).into_iter().map(with_name).collect()
        };
        outcome.machines.iter().flat_map(rows).collect()
    };
    let mut files: Vec<(&'static str, Vec<u8>)> = Vec::new();
    for table in &TABLES {
        let rows = of(table);
        if !rows.is_empty() {
            let head = [&["machine"], table.columns].concat();
            files.push((table.file, csv(&head, &rows)));
        }
    }
    let claims: Vec<Vec<String>> = outcome
        .claims
        .iter()
        .map(|c| [&c.id, &c.claim, &c.claimed, &c.simulated, &c.note].map(Clone::clone).to_vec())
        .collect();
    if !claims.is_empty() {
        files.push(("claims.csv", csv(&["id", "claim", "claimed", "simulated", "note"], &claims)));
    }
    files
}

struct Table {
    file: &'static str,
    columns: &'static [&'static str],
    rows: fn(&MachineOutcome) -> Vec<Vec<String>>,
}

const TABLES: [Table; 11] = [
    Table {
        file: "machines.csv",
        columns: &[
            "units",
            "unit",
            "tokens_per_s",
            "tokens_per_s_low",
            "tokens_per_s_high",
            "tokens_per_s_machine",
            "ttft_s",
            "tpot_ms",
            "request_s",
            "power_kw",
        ],
        rows: |m| {
            vec![vec![
                m.units.to_string(),
                m.unit.clone(),
                m.tokens_per_s.to_string(),
                m.tokens_per_s_range[0].to_string(),
                m.tokens_per_s_range[1].to_string(),
                m.tokens_per_s_machine.to_string(),
                m.ttft_s.to_string(),
                m.tpot_ms.to_string(),
                m.request_s.to_string(),
                m.power_kw.map_or(String::new(), |kw| kw.to_string()),
            ]]
        },
    },
    Table {
        file: "token-split.csv",
        columns: &["part", "us"],
        rows: |m| {
            let row = |part: &crate::parts::Part| {
                vec![part.name.to_string(), part.us(&m.token_split).to_string()]
            };
            PARTS.iter().map(row).collect()
        },
    },
    Table {
        file: "operators.csv",
        columns: &[
            "operator",
            "group",
            "runs",
            "cycles",
            "time_us",
            "bound",
            "arithmetic_us",
            "memory_us",
            "fabric_us",
            "io_us",
            "waiting_us",
            "columns",
            "rows",
            "mapping",
            "collective",
            "engine",
            "flops",
            "weight_bytes",
        ],
        rows: |m| {
            let row = |op: &crate::outcome::OperatorOutcome| {
                let side = |at: usize| op.rectangle.map_or(String::new(), |r| r[at].to_string());
                vec![
                    op.name.clone(),
                    op.group.clone(),
                    op.count.to_string(),
                    op.cycles.map_or(String::new(), |c| c.to_string()),
                    op.time_us.to_string(),
                    op.bound.clone(),
                    op.split.arithmetic_us.to_string(),
                    op.split.memory_us.to_string(),
                    op.split.fabric_us.to_string(),
                    op.split.io_us.to_string(),
                    op.split.waiting_us.to_string(),
                    side(0),
                    side(1),
                    op.mapping.clone(),
                    op.collective.clone(),
                    op.engine.clone(),
                    op.flops.to_string(),
                    op.weight_bytes.to_string(),
                ]
            };
            m.operators.iter().map(row).collect()
        },
    },
    Table {
        file: "layers.csv",
        columns: &["layer", "kind", "unit", "cycles", "time_us"],
        rows: |m| {
            let row = |l: &crate::outcome::LayerOutcome| {
                vec![
                    l.index.to_string(),
                    l.kind.clone(),
                    l.unit.to_string(),
                    l.cycles.map_or(String::new(), |c| c.to_string()),
                    l.time_us.to_string(),
                ]
            };
            m.layers.iter().map(row).collect()
        },
    },
    Table {
        file: "regions.csv",
        columns: &["unit", "holds", "x", "y", "columns", "rows", "fill", "busy"],
        rows: |m| {
            let regions =
                m.placement.iter().flat_map(|u| u.regions.iter().map(move |r| (u.unit, r)));
            regions
                .map(|(unit, r)| {
                    vec![
                        unit.to_string(),
                        r.holds.clone(),
                        r.x.to_string(),
                        r.y.to_string(),
                        r.columns.to_string(),
                        r.rows.to_string(),
                        r.fill.to_string(),
                        r.busy.to_string(),
                    ]
                })
                .collect()
        },
    },
    Table {
        file: "memory.csv",
        columns: &["unit", "holds", "owner", "bytes", "capacity_bytes"],
        rows: |m| {
            let owners = m.placement.iter().flat_map(|u| u.bytes.iter().map(move |b| (u, b)));
            owners
                .map(|(u, (owner, bytes))| {
                    vec![
                        u.unit.to_string(),
                        u.holds.clone(),
                        owner.clone(),
                        bytes.to_string(),
                        u.capacity_bytes.to_string(),
                    ]
                })
                .collect()
        },
    },
    Table {
        file: "decode-curve.csv",
        columns: &["context", "tpot_ms"],
        rows: |m| {
            let points = m.decode_curve.iter();
            points.map(|p| vec![p.context.to_string(), p.tpot_ms.to_string()]).collect()
        },
    },
    Table {
        file: "frontier.csv",
        columns: &["batch", "layout", "tokens_per_s_user", "tokens_per_s_machine"],
        rows: |m| {
            let row = |p: &crate::outcome::FrontierPoint| {
                vec![
                    p.batch.to_string(),
                    p.layout.clone(),
                    p.tokens_per_s_user.to_string(),
                    p.tokens_per_s_machine.to_string(),
                ]
            };
            m.frontier.iter().map(row).collect()
        },
    },
    Table {
        file: "parameters.csv",
        columns: &["path", "value", "low", "high", "confidence", "source"],
        rows: |m| {
            let row = |p: &crate::outcome::Parameter| {
                let end = |at: usize| p.range.as_ref().map_or(String::new(), |r| r[at].clone());
                let (path, value) = (p.path.clone(), p.value.clone());
                vec![path, value, end(0), end(1), p.confidence.clone(), p.source.clone()]
            };
            m.parameters.iter().map(row).collect()
        },
    },
    Table {
        file: "sensitivity.csv",
        columns: &["path", "low", "high", "tokens_per_s_at_low", "tokens_per_s_at_high"],
        rows: |m| {
            let row = |s: &crate::outcome::Sensitivity| {
                let [low, high] = s.range.clone();
                vec![s.path.clone(), low, high, s.at_low.to_string(), s.at_high.to_string()]
            };
            m.sensitivity.iter().map(row).collect()
        },
    },
    Table {
        file: "links.csv",
        columns: &["link", "bytes", "busy"],
        rows: |m| {
            let row = |l: &crate::outcome::LinkLoad| {
                vec![l.link.clone(), l.bytes.to_string(), l.busy.to_string()]
            };
            m.links.iter().map(row).collect()
        },
    },
];

fn csv(head: &[&str], rows: &[Vec<String>]) -> Vec<u8> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let all = std::iter::once(head.iter().map(|s| (*s).to_string()).collect())
        .chain(rows.iter().cloned());
    for row in all {
        let row: Vec<String> = row;
        writer.write_record(&row).expect("rows of a table are equally long, and memory takes them");
    }
    writer.into_inner().expect("memory takes them")
}
