//! A folder with a scenario and a model, and what the command does there.

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// A scenario that takes little time: one rack, few tokens.
pub(crate) const SMALL: &str = r#"(
    name: "small",
    model: "model.json",
    request: (prompt_tokens: 100, reasoning_tokens: 20, answer_tokens: 10),
    machines: [Nvl72(name: "rack", preset: "gb200-nvl72", choices: (batch: 1))],
)
"#;

/// The published shapes of Kimi K2.6.
pub(crate) const MODEL: &str = include_str!("../../examples/models/kimi-k2.6.json");

/// What a run of the command left.
pub(crate) struct Done {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Done {
    /// The problems of `--format json`, as "line:column message".
    pub(crate) fn problems(&self) -> Vec<String> {
        let value: Value = serde_json::from_str(&self.stderr).unwrap_or_else(|error| {
            panic!("stderr is no JSON ({error}): {}", self.stderr);
        });
        assert_eq!(value["error"], value["errors"][0]);
        let show = |problem: &Value| {
            let number = |key: &str| problem[key].as_u64().unwrap_or(0);
            let message = problem["message"].as_str().unwrap();
            format!("{}:{} {message}", number("line"), number("column"))
        };
        value["errors"].as_array().unwrap().iter().map(show).collect()
    }
}

/// A folder of its own.
pub(crate) struct Folder(TempDir);

impl Folder {
    /// With `scenario` in `scenario.ron` and the model beside it.
    pub(crate) fn new(scenario: &str) -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        folder.write("scenario.ron", scenario);
        folder.write("model.json", MODEL);
        folder
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.path(name).exists()
    }

    /// Names of all that is in it, hidden things too.
    pub(crate) fn names(&self) -> Vec<String> {
        let names = std::fs::read_dir(self.0.path()).unwrap();
        let mut names: Vec<String> =
            names.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// `wafersim ARGS` in this folder.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_wafersim"));
        command.args(args).current_dir(self.0.path());
        command
    }

    pub(crate) fn wafersim(&self, args: &[&str]) -> Done {
        let output = self.command(args).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Done {
            code: output.status.code().expect("not ended by a signal"),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }

    /// `wafersim run scenario.ron ARGS`.
    pub(crate) fn run(&self, args: &[&str]) -> Done {
        self.wafersim(&[&["run", "scenario.ron"], args].concat())
    }
}

/// Exit code and problems of a scenario that is wrong; nothing is left behind.
pub(crate) fn wrong(scenario: &str) -> Vec<String> {
    let folder = Folder::new(scenario);
    let done = folder.run(&["--format", "json"]);
    assert_eq!(done.code, 3, "{}", done.stderr);
    assert_eq!(done.stdout, "");
    assert_eq!(folder.names(), ["model.json", "scenario.ron"]);
    done.problems()
}

/// The scenarios and presets of the repository.
pub(crate) fn examples() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/examples"))
}
