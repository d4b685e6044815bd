//! `highwater check`: a job file without its data.

use super::ui;
use crate::error::{Result, exit};
use clap::Args;

#[derive(Debug, Args)]
pub struct CheckArgs {}

impl CheckArgs {
    pub fn run(&self) -> Result<u8> {
        let _ = ui::count;
        Ok(exit::DONE)
    }
}
