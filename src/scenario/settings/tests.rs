use super::*;

const TEXT: &str = r#"(
    name: "a", model: "m.json",
    request: (prompt_tokens: 10, answer_tokens: 5),
    machines: [
        Wafer(name: "wafer", preset: "wse3", set: {"clock": "1 GHz"}),
        Nvl72(name: "rack", preset: "gb200-nvl72", choices: (batch: 2)),
    ],
)"#;

fn set(options: &[&str]) -> (String, Vec<String>) {
    let settings: Vec<Setting> = options.iter().map(|text| Setting::parse(text).unwrap()).collect();
    let mut source = Source::new(TEXT.into(), None);
    let problems = apply(&mut source, &settings);
    (source.text().to_string(), problems.into_iter().map(|problem| problem.message).collect())
}

#[test]
fn any_field_can_be_set_whether_it_is_there_or_not() {
    for (option, piece) in [
        ("request.prompt_tokens=2000", "prompt_tokens: 2000,"),
        ("storage=AllInt4", "(storage: AllInt4, "),
        ("seed=7", "(seed: 7, "),
        ("name=other name", "name: \"other name\","),
        ("model=x/y.json", "model: \"x/y.json\","),
        ("machines.wafer.clock=0.9 GHz", "set: {\"clock\": \"0.9 GHz\"}"),
        ("wse3.clock=0.9 GHz", "set: {\"clock\": \"0.9 GHz\"}"),
        ("wse3.io.latency=2 us", "set: {\"io.latency\": \"2 us\", \"clock\""),
        ("machines.rack.hbm.reached=0.7", "Nvl72(set: {\"hbm.reached\": \"0.7\"}, "),
        ("wafer.io.latency=2 us", "set: {\"io.latency\": \"2 us\", \"clock\""),
        ("machines.rack.batch=8", "choices: (batch: 8)"),
        ("machines.1.batch=8", "choices: (batch: 8)"),
        ("machines.wafer.count=Fixed(16)", "Wafer(choices: (count: Fixed(16)), "),
        ("machines.wafer.preset=wse2", "preset: \"wse2\""),
        (
            "machines.wafer.force.o_proj=columns=128 reduce=chain",
            "choices: (force: {\"o_proj\": \"columns=128 reduce=chain\"})",
        ),
        ("machines.rack.choices.prefill_chunk=64", "choices: (prefill_chunk: 64, batch: 2)"),
        ("request.reasoning_tokens_range=(3, 4)", "(reasoning_tokens_range: (3, 4), prompt"),
    ] {
        let (text, problems) = set(&[option]);
        assert_eq!(problems, [""; 0], "{option}");
        assert!(text.contains(piece), "{option}: {text}");
    }
}

#[test]
fn several_settings_build_on_each_other() {
    let (text, _) = set(&[
        "machines.wafer.count=Fixed(16)",
        "machines.wafer.prefill_chunk=Fixed(8)",
        "seed=1",
        "seed=2",
    ]);
    assert!(text.contains("choices: (prefill_chunk: Fixed(8), count: Fixed(16))"), "{text}");
    assert!(text.contains("seed: 2") && !text.contains("seed: 1"), "{text}");
}

#[test]
fn unknown_paths_are_refused_with_the_nearest_known_one() {
    for (option, hint) in [
        ("sed=1", "unknown path `sed`; did you mean `seed`?"),
        ("request.promt_tokens=1", "did you mean `request.prompt_tokens`?"),
        ("machines.wafr.count=1", "no machine is called `wafr`; did you mean `wafer`?"),
        ("machines.wafer.cout=1", "did you mean `count`?"),
        ("wse3.clok=1 GHz", "unknown path `clok`; did you mean `clock`?"),
        ("wse4.clock=1 GHz", "did you mean `wse3`?"),
        ("machines.rack.hbm.reachd=1", "did you mean `hbm.reached`?"),
        ("seed.x=1", "unknown"),
    ] {
        let (text, problems) = set(&[option]);
        if option == "seed.x=1" {
            assert!(text.contains("seed: (x: 1)"), "the reader refuses it: {text}");
            continue;
        }
        assert_eq!(text, TEXT, "{option}");
        assert!(problems[0].starts_with("--set ") && problems[0].contains(hint), "{problems:?}");
    }
}

#[test]
fn values_cannot_break_out_of_their_place() {
    let (text, _) = set(&["name=x\", seed: 9, y: \""]);
    let root = outline::parse(&text).unwrap();
    assert_eq!(root.field("name").unwrap().text(), Some("x\", seed: 9, y: \""));
    let (text, _) = set(&["seed=1), (2"]);
    assert!(text.contains("seed: \"1), (2\""), "{text}");
    let (text, _) = set(&["seed=1 // comment"]);
    assert!(text.contains("(seed: 1, "), "{text}");
}
