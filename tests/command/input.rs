//! Wrong scenarios, models and presets: one clear message each, all of a file at once.

use crate::fixture::{Folder, MODEL, SMALL, wrong};

fn change(from: &str, to: &str) -> Vec<String> {
    assert!(SMALL.contains(from), "{from}");
    wrong(&SMALL.replacen(from, to, 1))
}

#[test]
fn a_missing_scenario_suggests_the_one_beside_it() {
    let folder = Folder::new(SMALL);
    let done = folder.wafersim(&["run", "scenari.ron"]);
    assert_eq!(done.code, 3);
    assert!(done.stderr.contains("there is no such file; did you mean `scenario.ron`?"));
    let done = folder.wafersim(&["run", "."]);
    assert_eq!(done.code, 3);
    assert!(done.stderr.contains("is a folder"), "{}", done.stderr);
}

#[test]
fn a_misspelt_field_is_one_problem_with_a_suggestion() {
    assert_eq!(
        change("prompt_tokens", "promt_tokens"),
        ["4:15 unknown field `promt_tokens`; did you mean `prompt_tokens`?"]
    );
    assert_eq!(change("batch", "bach"), ["5:69 unknown field `bach`; did you mean `batch`?"]);
}

#[test]
fn an_unknown_field_gets_the_list_of_known_ones() {
    let problems = change("name: \"small\"", "name: \"small\", temperature: 1");
    assert_eq!(problems.len(), 1);
    assert!(problems[0].starts_with("2:20 unknown field `temperature`; expected one of `name`"));
}

#[test]
fn a_missing_field_is_named() {
    assert_eq!(change(", answer_tokens: 10", ""), ["4:14 the field `answer_tokens` is missing"]);
}

#[test]
fn a_wrong_unit_says_what_was_expected() {
    let set = "preset: \"gb200-nvl72\", set: {\"hbm.bandwidth\": \"8 THz\"}";
    assert_eq!(
        change("preset: \"gb200-nvl72\"", set),
        ["5:82 expected a bandwidth such as \"150 GB/s\", found \"8 THz\""]
    );
}

#[test]
fn zero_tokens_are_refused() {
    assert_eq!(
        change("prompt_tokens: 100", "prompt_tokens: 0"),
        ["4:30 the prompt needs at least 1 token"]
    );
    assert_eq!(
        change("answer_tokens: 10", "answer_tokens: 0"),
        ["4:72 the answer needs at least 1 token"]
    );
}

#[test]
fn a_context_beyond_the_window_is_refused_with_both_numbers() {
    let problems = change("prompt_tokens: 100", "prompt_tokens: 262115");
    assert_eq!(problems.len(), 1);
    assert!(problems[0].contains("needs a context of 262145 tokens"), "{problems:?}");
    assert!(problems[0].contains("is 262144"), "{problems:?}");
    let huge = change(
        "prompt_tokens: 100, reasoning_tokens: 20",
        "prompt_tokens: 4294967295, reasoning_tokens: 4294967295",
    );
    assert!(huge[0].contains("8589934600 tokens"), "{huge:?}");
}

#[test]
fn a_range_must_hold_the_tokens() {
    let problems =
        change("reasoning_tokens: 20", "reasoning_tokens: 20, reasoning_tokens_range: (30, 40)");
    assert_eq!(problems.len(), 1);
    assert!(problems[0].contains("the range 30 to 40 does not hold the 20 reasoning tokens"));
}

#[test]
fn broken_syntax_is_shown_where_it_breaks() {
    assert_eq!(change("\"small\",", "\"small\""), ["3:5 `,` or `)` is missing before this"]);
    assert_eq!(wrong(""), ["1:1 the text ends where a value is expected"]);
    let problems = wrong(SMALL.trim_end().trim_end_matches(')'));
    assert_eq!(problems, ["1:1 `(` is not closed; `)` is missing"]);
}

#[test]
fn all_problems_of_a_file_come_at_once_and_in_order() {
    let text = SMALL
        .replace("\"small\"", "\"../up\"")
        .replace("model.json", "none.json")
        .replace("prompt_tokens: 100", "prompt_tokens: -1")
        .replace("answer_tokens: 10", "answer_tokens: 0")
        .replace("gb200-nvl72", "gb300")
        .replace("batch: 1", "batch: 0, prefil_chunk: 3");
    let problems = wrong(&text);
    let starts = [
        "2:11 a name has",
        "3:12 none.json: there is no such file",
        "4:30 expected a whole number",
        "4:71 the answer needs",
        "5:44 unknown preset `gb300`",
        "5:70 `batch` must be at least 1",
        "5:73 unknown field `prefil_chunk`; did you mean `prefill_chunk`?",
    ];
    assert_eq!(problems.len(), starts.len(), "{problems:#?}");
    for (problem, start) in problems.iter().zip(starts) {
        assert!(problem.starts_with(start), "{problem}\n{start}");
    }
}

#[test]
fn people_see_file_line_and_caret() {
    let folder = Folder::new(&SMALL.replace("prompt_tokens: 100", "prompt_tokens: 0"));
    let done = folder.run(&[]);
    assert_eq!((done.code, done.stdout.as_str()), (3, ""));
    let shown = "error: the prompt needs at least 1 token
 --> scenario.ron:4:30
  |
4 |     request: (prompt_tokens: 0, reasoning_tokens: 20, answer_tokens: 10),
  |                              ^
";
    assert_eq!(done.stderr, shown);
}

#[test]
fn problems_of_the_model_file_are_reported_beside_those_of_the_scenario() {
    let folder = Folder::new(&SMALL.replace("prompt_tokens: 100", "prompt_tokens: 0"));
    folder.write("model.json", &MODEL.replace("num_hidden_layers", "number_of_layers"));
    let done = folder.run(&["--format", "json"]);
    assert_eq!(done.code, 3);
    let problems = done.problems();
    assert_eq!(problems[0], "4:30 the prompt needs at least 1 token");
    assert!(problems[1].contains("num_hidden_layers"), "{problems:?}");
    assert!(done.stderr.contains("model.json"));
}

#[test]
fn an_unknown_architecture_is_named() {
    let folder = Folder::new(SMALL);
    let model = MODEL.replace("DeepseekV3ForCausalLM", "MambaForCausalLM");
    folder
        .write("model.json", &model.replace("KimiK25ForConditionalGeneration", "MambaForCausalLM"));
    let done = folder.run(&["--format", "json"]);
    assert_eq!(done.code, 3);
    assert!(done.problems()[0].contains("MambaForCausalLM"), "{}", done.stderr);
}

#[test]
fn files_that_are_no_text_are_refused() {
    let folder = Folder::new(SMALL);
    std::fs::write(folder.path("scenario.ron"), [0xff, 0xfe, 0x00]).unwrap();
    let done = folder.run(&[]);
    assert_eq!(done.code, 3);
    assert!(done.stderr.contains("is not text"), "{}", done.stderr);
}

#[test]
fn a_preset_file_is_read_and_checked_like_the_scenario() {
    let preset = include_str!("../../examples/hardware/gb200-nvl72.ron");
    let folder = Folder::new(&SMALL.replace("gb200-nvl72", "mine.ron"));
    folder.write("mine.ron", preset);
    assert_eq!(folder.run(&[]).code, 0);
    folder.write("mine.ron", &preset.replace("\"8 TB/s\"", "\"8 TB\"").replace("gpus:", "gpu:"));
    let done = folder.run(&["--format", "json"]);
    assert_eq!(done.code, 3);
    let problems = done.problems();
    assert_eq!(problems.len(), 2, "{problems:?}");
    assert!(problems[0].contains("unknown field `gpu`; did you mean `gpus`?"));
    assert!(problems[1].contains("expected a bandwidth"));
    assert!(done.stderr.contains("mine.ron"));
}
