//! What an outcome says about how to get it again.

use super::check::shown;
use super::{Scenario, Setting};
use reports::outcome::Manifest;
use sha2::{Digest, Sha256};
use std::path::Path;

impl Scenario {
    /// Command, hash of everything that was given, seed.
    pub fn manifest(&self) -> Manifest {
        // The keys of a JSON object are sorted here, so the same scenario has the same text.
        let digest = Sha256::digest(self.resolved().to_string());
        Manifest {
            command: self.command.clone(),
            scenario_hash: digest.iter().map(|byte| format!("{byte:02x}")).collect(),
            seed: self.seed,
        }
    }
}

/// The command that runs the scenario in `path` with `settings`.
pub(super) fn command(path: &Path, settings: &[Setting]) -> String {
    let mut words = vec!["wafersim".into(), "run".into(), quoted(&shown(&path.to_string_lossy()))];
    for setting in settings {
        let (option, value) = setting.option().split_once(' ').unwrap_or((setting.option(), ""));
        words.push(option.to_string());
        words.push(quoted(value));
    }
    words.join(" ")
}

/// `word` as a shell takes it.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,+%@".contains(c);
    match !word.is_empty() && word.chars().all(plain) {
        true => word.to_string(),
        false => format!("'{}'", word.replace('\'', "'\\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_can_be_typed_again() {
        let settings = [
            Setting::parse("wse3.clock=0.9 GHz").unwrap(),
            Setting::parse("machines.wafer.force={\"moe\": \"a=1\"}").unwrap(),
            Setting::new("seed", "3", "--seed 3"),
        ];
        assert_eq!(
            command(Path::new("examples/kimi-k2.6.ron"), &settings),
            "wafersim run examples/kimi-k2.6.ron --set 'wse3.clock=0.9 GHz' \
             --set 'machines.wafer.force={\"moe\": \"a=1\"}' --seed 3"
        );
        assert_eq!(command(Path::new("/home/me/a.ron"), &[]), "wafersim run a.ron");
        assert_eq!(quoted("it's"), "'it'\\''s'");
    }
}
