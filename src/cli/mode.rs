//! `--mode`: which events the windows count.

use clap::ValueEnum;

/// [`crate::plan::Mode`], as the command line names it.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum ModeArg {
    /// All events, however late
    Complete,
    /// Only the events that a live job would have counted; the others are late
    Streamed,
}

impl From<ModeArg> for crate::plan::Mode {
    fn from(mode: ModeArg) -> crate::plan::Mode {
        match mode {
            ModeArg::Complete => crate::plan::Mode::Complete,
            ModeArg::Streamed => crate::plan::Mode::Streamed,
        }
    }
}
