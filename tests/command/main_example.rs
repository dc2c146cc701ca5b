//! The main example: the same bytes on one thread and on two.

use std::process::Command;

#[test]
fn the_main_example_is_the_same_to_the_byte_on_one_thread_and_on_two() {
    let place = tempfile::tempdir().unwrap();
    let run = |threads: &str| {
        let out = place.path().join(threads);
        let status = Command::new(env!("CARGO_BIN_EXE_wafersim"))
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .args(["run", "examples/kimi-k2.6.ron", "--threads", threads, "--out"])
            .arg(&out)
            .stdout(std::process::Stdio::null())
            .status();
        assert!(status.unwrap().success());
        std::fs::read(out.join("outcome.json")).unwrap()
    };
    assert!(run("1") == run("2"));
}
