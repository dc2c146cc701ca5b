//! The summary and the outcome's own format.

use std::path::Path;

use reports::outcome::Outcome;

use crate::sample;

#[test]
fn says_the_answer_in_ten_seconds() {
    let text = reports::summary::text(&sample::outcome(), Some(Path::new("out/kimi")));
    for wanted in [
        "Kimi K2.6, one agentic coding request",
        "1.03 T parameters, 32.9 B active",
        "20 wafers",
        "72 GPUs",
        "712 to 1,204",
        "1.21 s",
        "fabric        ██████······   46 %",
        "wse3 is 6.20 times as fast as gb200-nvl72",
        "core.clock_mhz matters most",
        "about 20 CS-3",
        "out/kimi",
    ] {
        assert!(text.contains(wanted), "{wanted} not in\n{text}");
    }
    assert!(text.lines().count() < 30, "{text}");
    assert!(!text.contains('\u{1b}'), "no escape sequences");
}

#[test]
fn an_outcome_survives_its_own_format() {
    let outcome = sample::outcome();
    let json = serde_json::to_string_pretty(&outcome).unwrap();
    let again: Outcome = serde_json::from_str(&json).unwrap();
    assert!(again == outcome);
    assert!(serde_json::to_string_pretty(&again).unwrap() == json);
}
