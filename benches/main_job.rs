//! How long the main job takes and how much memory it needs: the example as the command runs it, with
//! report and pictures. `cargo bench --bench main_job`

use std::path::Path;
use std::time::Instant;

const RUNS: usize = 3;

fn main() {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/kimi-k2.6.ron");
    let folder = std::env::temp_dir().join(format!("wafersim-bench-{}", std::process::id()));
    let mut times: Vec<f64> = (0..RUNS)
        .map(|_| {
            let start = Instant::now();
            let scenario = wafersim::Scenario::load(&example).expect("the example is right");
            let outcome = wafersim::run(&scenario).expect("the example runs");
            let result = reports::ResultFolder::prepare(&folder).expect("a folder can be written");
            reports::write_all(result, &outcome, &serde_json::json!({})).expect("it is written");
            start.elapsed().as_secs_f64()
        })
        .collect();
    times.sort_by(f64::total_cmp);
    let _ = std::fs::remove_dir_all(&folder);
    println!("main job: median {:.2} s of {RUNS} runs (limit 5 s on two cores)", times[RUNS / 2]);
    match peak_kib() {
        Some(kib) => println!("peak memory: {:.0} MB (limit 1000 MB)", kib as f64 / 1e3),
        None => println!("peak memory: not known on this system"),
    }
}

/// Peak resident memory of this process `[KiB]`, where the system tells.
fn peak_kib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}
