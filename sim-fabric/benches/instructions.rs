//! Instructions that fixed work takes, counted by valgrind and held against `benches/instructions.csv`:
//! the same on a busy machine, so a slower simulator is found without a clock.
//!
//! `cargo bench -p sim-fabric --bench instructions`; with `-- --update` the file is written anew.

#[path = "shared/cases.rs"]
mod cases;

use cases::{Engine, Work};
use sim_fabric::mesh::collective::request::{Algorithm, Goal};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

/// Share of a count that it may differ from the kept one: another C library or processor copies and
/// clears memory by other instructions.
const TOLERANCE: f64 = 0.03;

/// The work, by name. Building the program is counted as well.
fn work(name: &str) -> Option<Work> {
    let star = |side, words, engine| {
        Work::Collective(Goal::AllReduce, Algorithm::CentreStar, [side, side], words, engine)
    };
    let chains = || Algorithm::XY { inner: Box::new(Algorithm::Chain) };
    Some(match name {
        "wavelet-star-64x64" => star(64, 20, Engine::Wavelet(1)),
        "wavelet-chains-32x32" => {
            Work::Collective(Goal::AllReduce, chains(), [32, 32], 200, Engine::Wavelet(1))
        }
        "stream-star-128x128" => star(128, 1, Engine::Stream),
        "traffic-32x32" => Work::Traffic(32, 0.05, 3_000, 1),
        _ => return None,
    })
}

const NAMES: [&str; 4] =
    ["wavelet-star-64x64", "wavelet-chains-32x32", "stream-star-128x128", "traffic-32x32"];

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if let Some(work) = args.first().and_then(|name| work(name)) {
        // This is the process that valgrind watches.
        std::hint::black_box(work.ready().run());
        return ExitCode::SUCCESS;
    }
    match hold(args.iter().any(|arg| arg == "--update")) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(problem) => {
            eprintln!("{problem}");
            ExitCode::FAILURE
        }
    }
}

/// Counts all work and compares; says whether nothing got slower.
fn hold(update: bool) -> Result<bool, String> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/instructions.csv");
    let kept = kept(&file)?;
    let (mut lines, mut good) = (vec!["work,instructions".to_owned()], true);
    println!("{:<24} {:>14} {:>14} {:>9}", "work", "instructions", "kept", "change");
    for name in NAMES {
        let count = count(name)?;
        lines.push(format!("{name},{count}"));
        let Some(&(_, before)) = kept.iter().find(|(kept, _)| kept == name) else {
            println!("{name:<24} {count:>14} {:>14}", "none");
            good = false;
            continue;
        };
        let change = count as f64 / before as f64 - 1.0;
        let verdict = match change {
            _ if change > TOLERANCE => "slower",
            _ if change < -TOLERANCE => "faster: keep the new count",
            _ => "",
        };
        good &= change <= TOLERANCE;
        println!("{name:<24} {count:>14} {before:>14} {:>8.1}% {verdict}", 100.0 * change);
    }
    if update {
        let text = lines.join("\n") + "\n";
        std::fs::write(&file, text).map_err(|error| format!("{}: {error}", file.display()))?;
        println!("written to {}", file.display());
        return Ok(true);
    }
    if !good {
        println!(
            "slower by more than {:.0} %, or without a kept count. Where that is wanted, keep the new counts:\n\
             cargo bench -p sim-fabric --bench instructions -- --update",
            100.0 * TOLERANCE
        );
    }
    Ok(good)
}

/// The kept counts.
fn kept(file: &PathBuf) -> Result<Vec<(String, u64)>, String> {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let row = |line: &str| {
        let (name, count) = line.split_once(',')?;
        Some((name.to_owned(), count.trim().parse().ok()?))
    };
    let rows = text.lines().skip(1).map(|line| {
        row(line).ok_or_else(|| format!("{}: expected work,count: {line}", file.display()))
    });
    rows.collect()
}

/// Instructions of a process that does the work.
fn count(name: &str) -> Result<u64, String> {
    let itself = std::env::current_exe().map_err(|error| format!("where am I: {error}"))?;
    let output = Command::new("valgrind")
        .args(["--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null"])
        .arg(itself)
        .arg(name)
        .output()
        .map_err(|error| format!("valgrind counts the instructions; it does not start: {error}"))?;
    let text = String::from_utf8_lossy(&output.stderr);
    let line = text.lines().find(|line| line.contains("refs:") && line.contains("I "));
    let digits: String =
        line.and_then(|line| line.split("refs:").nth(1)).unwrap_or("").replace(',', "");
    match digits.trim().parse() {
        Ok(count) if output.status.success() => Ok(count),
        _ => Err(format!("{name} under valgrind ended with {}:\n{text}", output.status)),
    }
}
