//! `highwater run --output -`: one output on stdout, for the next program of a pipe.

use super::ui;
use super::watch::{CommandWatch, Facts};
use crate::engine::RunOptions;
use crate::error::{Error, Result, exit};
use crate::plan::{OutputId, Plan};
use crate::run;
use crate::sink::StreamFormat;
use clap::{Args, ValueEnum};
use std::fs::File;
use std::io::{self, IsTerminal};
use std::os::fd::AsFd;

/// What of a job goes to stdout.
#[derive(Debug, Args)]
pub struct PipeArgs {
    /// Write the rows of one output to stdout and not to files; the value is `-`. Existing outputs are neither read nor
    /// changed
    #[arg(
        long,
        value_name = "-",
        value_parser = ["-"],
        hide_possible_values = true,
        requires = "stream_format",
        conflicts_with_all = ["json", "markdown", "rows", "changed", "on"]
    )]
    output: Option<String>,
    /// With --output: the format of the rows. arrow is the stream format of Arrow IPC
    #[arg(id = "stream_format", long = "format", value_name = "FORMAT", requires = "output")]
    format: Option<PipeFormat>,
    /// With --output: which output of the job, by its path [default: the only one]
    #[arg(long, value_name = "PATH", requires = "output")]
    only: Option<String>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum PipeFormat {
    Arrow,
    Csv,
    Jsonl,
}

impl PipeFormat {
    fn stream(self) -> (StreamFormat, &'static str) {
        match self {
            PipeFormat::Arrow => (StreamFormat::Arrow, "arrow"),
            PipeFormat::Csv => (StreamFormat::Csv, "csv"),
            PipeFormat::Jsonl => (StreamFormat::JsonLines, "jsonl"),
        }
    }
}

/// A stream that was asked for.
#[derive(Debug)]
pub struct Wanted {
    id: OutputId,
    format: StreamFormat,
    piped: ui::Piped,
}

impl PipeArgs {
    /// The stream that is asked for, if one is.
    ///
    /// # Errors
    /// A job error: it does not say which output; the output does not exist; bytes would go to a terminal.
    pub fn wanted(&self, plan: &Plan) -> Result<Option<Wanted>> {
        let (Some(_), Some(format)) = (&self.output, self.format) else { return Ok(None) };
        let (format, name) = format.stream();
        if format == StreamFormat::Arrow && io::stdout().is_terminal() {
            return Err(Error::job("stdout is a terminal, and an Arrow stream is not text")
                .hint("send it to a program or a file: … --output - --format arrow | python3 read.py")
                .hint("--format csv and --format jsonl are text"));
        }
        let id = match plan.chosen(self.only.as_deref())?.as_slice() {
            [id] => *id,
            several => {
                let paths: Vec<String> =
                    several.iter().map(|id| plan.deliveries.outputs[*id].to.to_string()).collect();
                let what = match &self.only {
                    Some(only) => format!("the job has {} outputs at `{only}`", several.len()),
                    None => format!("the job has {} outputs, and stdout takes one", several.len()),
                };
                return Err(Error::job(what)
                    .hint(format!("choose one with --only PATH; its outputs are {}", paths.join(", "))));
            }
        };
        Ok(Some(Wanted { id, format, piped: ui::Piped::of(plan, id, name) }))
    }
}

impl Wanted {
    /// Writes the stream, and says what was done.
    ///
    /// # Errors
    /// Those of the run; stdout cannot be written, or its reader has ended.
    pub fn write(
        &self,
        plan: Plan,
        options: &RunOptions,
        watch: &CommandWatch,
        facts: &mut Facts,
        quiet: bool,
    ) -> Result<u8> {
        let stdout = io::stdout();
        // A file, as Rust's own stdout would look for the last end of a line in every piece.
        let out = stdout.as_fd().try_clone_to_owned().map(File::from);
        let mut out = out.map_err(|e| Error::machine("cannot write to stdout").caused_by(e))?;
        let plan = plan.as_stream(self.id);
        let outcome = run::pipe(&plan, self.format, &mut out, options, &watch.progress);
        watch.progress.finish();
        let outcome = outcome?;
        facts.outcome(&outcome);
        if !quiet {
            ui::say(&ui::piped_events(&plan, &self.piped, &outcome, watch.took()));
        }
        Ok(exit::DONE)
    }
}
