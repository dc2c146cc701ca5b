//! Progress bars on stderr, one for each machine, where stderr is a terminal.

use crate::Scenario;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

const STEPS: u64 = 1000;

/// The bars of a run.
pub(super) struct Bars {
    all: MultiProgress,
    bars: Vec<(String, ProgressBar)>,
}

impl Bars {
    /// One bar for each machine of `scenario`; `stderr()` hides them where it is no terminal.
    pub(super) fn new(scenario: &Scenario) -> Self {
        let all = MultiProgress::with_draw_target(ProgressDrawTarget::stderr());
        let style = ProgressStyle::with_template("{prefix:12} {bar:30} {percent:>3} % {wide_msg}");
        let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
        let bar = |name: &str| {
            let bar = all.add(ProgressBar::new(STEPS)).with_style(style.clone());
            (name.to_string(), bar.with_prefix(name.to_string()))
        };
        let bars = scenario.machines.iter().map(|machine| bar(machine.name())).collect();
        Self { all, bars }
    }

    /// Moves the bar of `machine`.
    pub(super) fn show(&self, machine: &str, share: f64, doing: &str) {
        if let Some((_, bar)) = self.bars.iter().find(|(name, _)| name == machine) {
            bar.set_position((share.clamp(0.0, 1.0) * STEPS as f64) as u64);
            bar.set_message(doing.to_string());
        }
    }
}

impl Drop for Bars {
    fn drop(&mut self) {
        for (_, bar) in &self.bars {
            bar.finish_and_clear();
        }
        // The screen may be gone, and with it the reason to clear it.
        drop(self.all.clear());
    }
}
