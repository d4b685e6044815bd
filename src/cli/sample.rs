//! `highwater sample`: the data and jobs that the examples use.

use super::document::{FormatArgs, ReportDocument, data};
use super::init::word;
use super::ui;
use crate::error::{Result, exit};
use crate::generate::{Sample, write_sample};
use clap::{Args, ValueHint};
use std::path::{Path, PathBuf};

/// Write small sample logs and jobs into a folder. The examples of every help page work in that folder.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  highwater sample out/sample\n  \
    highwater sample out/sample-json --json")]
pub struct SampleArgs {
    /// The folder to write to; it is created if it does not exist. Existing files are not overwritten
    #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
    folder: PathBuf,
    #[command(flatten)]
    format: FormatArgs,
}

impl SampleArgs {
    pub fn run(&self) -> Result<u8> {
        let sample = write_sample(&self.folder)?;
        self.format.print(|| &sample, || document(&sample))?;
        Ok(exit::DONE)
    }
}

fn document(sample: &Sample) -> ReportDocument {
    let mut out = ReportDocument::default();
    let folder = sample.folder.display().to_string();
    let jobs = sample.files.iter().filter(|file| file.ends_with(".toml")).count();
    out.line(format!(
        "wrote {jobs} jobs and {} logs, {}, to {}. Now:",
        sample.files.len() - jobs,
        ui::human_bytes(sample.bytes),
        data(&folder)
    ));
    let mut lines = vec![];
    if sample.folder != Path::new(".") {
        lines.push(format!("  cd {}", word(&folder)));
    }
    for command in ["run", "report", "verify"] {
        lines.push(format!("  highwater {command} data/jobs/big-spenders.toml"));
    }
    out.code("sh", lines.join("\n"));
    out.line("The examples of every help page work there; `highwater --help` lists the commands.");
    out
}
