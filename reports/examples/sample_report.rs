//! Writes the result folder of a made-up outcome, to look at the page and the pictures:
//! `cargo run --release -p reports --example sample_report -- DIR`

#[path = "../tests/reports/sample.rs"]
mod sample;

use std::path::PathBuf;
use std::time::Instant;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path =
        std::env::args_os().nth(1).map_or_else(|| PathBuf::from("sample-report"), Into::into);
    let outcome = sample::outcome();
    let start = Instant::now();
    let folder = reports::ResultFolder::prepare(&path)?;
    let place = reports::write_all(folder, &outcome, &serde_json::json!({}))?;
    println!("{}", reports::summary::text(&outcome, Some(&place)));
    eprintln!("written in {} ms", start.elapsed().as_millis());
    Ok(())
}
