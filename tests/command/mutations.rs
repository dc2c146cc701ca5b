//! Thousands of damaged scenarios: each is read or refused, none ends in a panic.

use crate::fixture::examples;
use proptest::prelude::*;
use std::panic::catch_unwind;
use wafersim::{Error, Scenario};

const TEXT: &str = include_str!("../../examples/kimi-k2.6.ron");

/// What is put into the text at a random place.
const PIECES: &[&str] = &[
    "",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    ",",
    ":",
    "\"",
    "'",
    "\\",
    "/*",
    "//",
    "-",
    "+",
    ".",
    "1e999",
    "99999999999999999999",
    "None",
    "Some(",
    "Auto",
    "Fixed(0)",
    "\u{0}",
    "é",
    "r#\"",
    "\\u{",
    "#!",
    "#![enable(implicit_some)]",
    "b\"x\"",
    "0x",
    "NaN",
    "inf",
    "prompt_tokens: 1,",
];

fn read(text: &str) {
    match Scenario::parse(text, examples()) {
        Ok(_) => {}
        Err(Error::Input(problems)) => {
            assert!(!problems.is_empty(), "no reason is given for refusing {text}");
        }
        Err(other) => panic!("{other}"),
    }
}

/// The nearest place in `text` where a character begins.
fn boundary(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn damaged_scenarios_never_panic(
        edits in prop::collection::vec((0..TEXT.len(), 0..12usize, 0..PIECES.len()), 1..4)
    ) {
        let mut text = TEXT.to_string();
        for (at, length, piece) in edits {
            let start = boundary(&text, at);
            let end = boundary(&text, start + length).max(start);
            text.replace_range(start..end, PIECES[piece]);
        }
        prop_assert!(catch_unwind(|| read(&text)).is_ok(), "{}", text);
    }

    #[test]
    fn any_text_is_read_or_refused(text in "\\PC{0,60}") {
        prop_assert!(catch_unwind(|| read(&text)).is_ok(), "{}", text);
    }
}

#[test]
fn every_beginning_of_the_example_is_read_or_refused() {
    for end in 0..TEXT.len() {
        if TEXT.is_char_boundary(end) {
            read(&TEXT[..end]);
        }
    }
}

#[test]
fn deep_nesting_is_refused() {
    for open in ["(", "[", "{\"a\":", "Wafer(", "Some("] {
        read(&open.repeat(200_000));
        read(&format!("(name: {}", open.repeat(200_000)));
    }
}
