//! The errors that the tables show, held.

use super::{Row, TABLES, errors};

fn rows(name: &str) -> Vec<Row> {
    let table = TABLES.iter().find(|table| table.name == name).unwrap();
    (table.rows)().unwrap()
}

/// Prints the errors of a table; median and 90th percentile of its predictions.
fn shown(name: &str) -> (f64, f64) {
    let rows = rows(name);
    for row in &rows {
        let (published, predicted, error) = (row.published, row.predicted, row.error());
        let name = &row.name;
        println!("{name} | {published:.3} | {predicted:.3} | {error:+.3} | {}", row.calibrated);
    }
    let (median, most) = errors(&rows);
    let worst = rows.iter().map(|row| row.error().abs()).fold(0.0, f64::max);
    let mut signed: Vec<f64> = rows.iter().map(Row::error).collect();
    signed.sort_by(f64::total_cmp);
    let bias = signed[signed.len() / 2];
    println!(
        "{name}: {} rows, median {median:.3}, nine tenths within {most:.3}, worst {worst:.3}, bias {bias:+.3}",
        rows.len()
    );
    (median, most)
}

#[test]
fn differential_all_reduce() {
    let (median, _) = shown("nvlink_all_reduce");
    assert!(median < 0.1, "{median}");
    for row in rows("nvlink_all_reduce") {
        assert!(row.error().abs() < 0.3, "{row:?}");
    }
}

#[test]
fn differential_nccl_rings() {
    assert!(shown("nvlink_nccl").0 < 0.3);
}

#[test]
fn differential_dispatch_and_combine() {
    assert!(shown("nvlink_moe_one_sided").0 < 0.15);
    assert!(shown("nvlink_moe_two_sided").0 < 0.15);
}

#[test]
fn differential_products() {
    assert!(shown("gpu_gemm").0 < 0.15);
}

#[test]
fn differential_fused_experts() {
    assert!(shown("gpu_moe_kernel").0 < 0.15);
}

#[test]
fn differential_latent_attention() {
    assert!(shown("gpu_mla_module").0 < 0.15);
}

#[test]
fn differential_deepseek_r1() {
    assert!(shown("gpu_deepseek_r1").0 < 0.15);
    assert!(shown("gpu_single_points").1 < 1.0);
}
