//! The progress line of a run, and what its stages took.

use super::is_json;
use crate::engine::{self, SpentWork, StageTimes, TimedStage};
use crate::store;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;
use std::sync::OnceLock;

/// The progress line: on a terminal bytes, rate and time left; in a pipe or a log for programs nothing.
pub struct ProgressLine {
    shown: bool,
    bar: OnceLock<ProgressBar>,
    /// What the stages took so far.
    pub times: StageTimes,
}

impl ProgressLine {
    /// A progress line, unless it is not wanted or nobody would see it.
    pub fn new(quiet: bool) -> ProgressLine {
        ProgressLine {
            shown: !quiet && !is_json() && std::io::stderr().is_terminal(),
            bar: OnceLock::new(),
            times: StageTimes::default(),
        }
    }

    /// Takes the line away.
    pub fn finish(&self) {
        if let Some(bar) = self.bar.get() {
            bar.finish_and_clear();
        }
    }
}

impl engine::Progress for ProgressLine {
    fn reading(&self, done: u64, total: u64) {
        if !self.shown {
            return;
        }
        // Made at the first report, so that a command that fails early does not draw a line.
        let bar = self.bar.get_or_init(|| {
            let style = "reading {bar:30} {bytes}/{total_bytes} {bytes_per_sec} {eta} left{msg}";
            let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr());
            bar.set_style(
                // The template is a constant, so the default is never taken.
                ProgressStyle::with_template(style).unwrap_or_else(|_| ProgressStyle::default_bar()),
            );
            bar
        });
        bar.set_position(done);
        if let Some((count, why)) = store::retries() {
            bar.set_message(format!("; {count} requests made again: {why}"));
        }
    }

    fn writing(&self) {
        if let Some(bar) = self.bar.get() {
            bar.set_style(
                ProgressStyle::with_template("writing {spinner}")
                    .unwrap_or_else(|_| ProgressStyle::default_spinner()),
            );
            bar.tick();
        }
    }

    fn worked(&self, stage: TimedStage, work: SpentWork) {
        self.times.add(stage, work);
    }
}
