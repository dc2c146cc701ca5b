//! What machines refuse.

use crate::fixture::{Folder, SMALL};

const WAFERS: &str = "Wafer(name: \"wafer\", preset: \"wse3\", choices: (count: Fixed(3)))";

#[test]
fn too_few_wafers_say_how_many_are_needed() {
    let rack = "Nvl72(name: \"rack\", preset: \"gb200-nvl72\", choices: (batch: 1))";
    let folder = Folder::new(&SMALL.replace(rack, WAFERS));
    let done = folder.run(&["--format", "json"]);
    assert_eq!(done.code, 4, "{}", done.stderr);
    let problems = done.problems();
    assert_eq!(problems.len(), 1);
    assert!(problems[0].contains("machine `wafer`: 3 wafers are too few"), "{problems:?}");
    assert_eq!(folder.names(), ["model.json", "scenario.ron"]);
}
