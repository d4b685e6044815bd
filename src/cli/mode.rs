//! `--mode`: which events the windows count.

use clap::ValueEnum;

/// [`crate::plan::Mode`], as the command line names it.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum Mode {
    /// All events, however late
    Complete,
    /// Only the events that a live job would have counted; the others are late
    Streamed,
}

impl From<Mode> for crate::plan::Mode {
    fn from(mode: Mode) -> crate::plan::Mode {
        match mode {
            Mode::Complete => crate::plan::Mode::Complete,
            Mode::Streamed => crate::plan::Mode::Streamed,
        }
    }
}
