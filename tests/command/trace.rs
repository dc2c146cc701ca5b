//! The trace: what happened when, and why it waited.

use crate::fixture::{Folder, SMALL};
use serde_json::Value;

/// A rack, and wafers with a short request.
fn both() -> String {
    SMALL.replace("machines: [", "machines: [Wafer(name: \"wafers\", preset: \"wse3\"), ")
}

#[test]
fn conservation_a_trace_shows_both_machines_and_its_tokens_take_their_time() {
    let folder = Folder::new(&both());
    let done = folder.run(&["--no-bands", "--trace", "t.json", "--format", "json"]);
    assert_eq!(done.code, 0, "{}", done.stderr);
    let outcome: Value = serde_json::from_str(&done.stdout).unwrap();
    let text = std::fs::read(folder.path("t.json")).unwrap();
    let trace: Value = serde_json::from_slice(&text).unwrap();
    let events = trace["traceEvents"].as_array().unwrap();
    let spans = |pid: u64| events.iter().filter(move |e| e["pid"] == pid && e["ph"] == "X");
    let end = |e: &Value| e["ts"].as_f64().unwrap() + e["dur"].as_f64().unwrap();
    for (pid, machine) in outcome["machines"].as_array().unwrap().iter().enumerate() {
        let pid = pid as u64;
        assert!(spans(pid).all(|e| !e["args"]["why"].as_str().unwrap().is_empty()));
        assert!(spans(pid).all(|e| e["dur"].as_f64().unwrap() >= 0.0));
        // The prompt, and two tokens that take at most as long as the mean or little less.
        let last = spans(pid).map(end).fold(0.0, f64::max) / 1e6;
        let first = machine["ttft_s"].as_f64().unwrap();
        let token = machine["tpot_ms"].as_f64().unwrap() / 1e3;
        assert!(last > first + 1.9 * token && last < first + 2.1 * token, "{last} {first} {token}");
    }
    // No two spans of one track overlap; messages of several chunks alone may be under way at once.
    for pid in [0, 1] {
        let is_name = |e: &&Value| e["pid"] == pid && e["name"] == "thread_name";
        let messages = events
            .iter()
            .filter(is_name)
            .filter(|e| e["args"]["name"].as_str().unwrap().starts_with("messages from"));
        let messages: Vec<u64> = messages.map(|e| e["tid"].as_u64().unwrap()).collect();
        assert_eq!(messages.is_empty(), pid == 1);
        let mut tracks: std::collections::BTreeMap<u64, Vec<(f64, f64)>> = Default::default();
        for e in spans(pid) {
            let of = tracks.entry(e["tid"].as_u64().unwrap()).or_default();
            of.push((e["ts"].as_f64().unwrap(), end(e)));
        }
        for (track, list) in &mut tracks {
            list.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
            let apart = list.windows(2).filter(|w| w[0].1 > w[1].0 + 1e-3).count();
            assert!(apart == 0 || messages.contains(track), "{apart} spans of {track} overlap");
        }
        assert!(tracks.len() >= 3);
    }
}

#[test]
fn determinism_a_trace_has_the_same_bytes_on_any_number_of_threads() {
    let folder = Folder::new(&both());
    let trace = |threads: &str| {
        let args = ["--no-bands", "--threads", threads, "--trace", "t.json", "--out", "out"];
        assert_eq!(folder.run(&args).code, 0);
        std::fs::read(folder.path("t.json")).unwrap()
    };
    assert!(trace("1") == trace("2"));
}

#[test]
fn a_trace_that_cannot_be_written_is_refused_before_the_run() {
    let folder = Folder::new(SMALL);
    for place in ["/proc/nothing/t.json", "missing/t.json"] {
        let done = folder.run(&["--trace", place, "--format", "json"]);
        assert_eq!(done.code, 5, "{}", done.stderr);
        assert_eq!(done.problems().len(), 1);
    }
    assert_eq!(folder.names(), ["model.json", "scenario.ron"]);
}
