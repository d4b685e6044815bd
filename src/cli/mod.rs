//! The command line: one file per command; `document` is what it reports, `ui` is the only printer.

mod adopt;
mod audit;
mod backfill;
mod check;
mod ci;
mod completions;
mod document;
mod engine;
mod expire;
mod explain;
mod generate;
mod init;
mod inspect;
mod job_args;
mod lengths;
mod lineage;
mod man;
mod mode;
mod pipe;
mod report;
mod rule;
mod run;
mod sample;
mod schema;
mod serve;
mod sql;
mod tables;
pub mod ui;
mod verify;
pub mod version;
mod watch;

use crate::error::{Error, Reason, Result};
use crate::process;
use clap::{ArgMatches, CommandFactory, FromArgMatches, Parser, Subcommand};
use job_args::cores;
use std::time::Instant;

/// Replays recorded events through event-time windows, over plain files.
#[derive(Debug, Parser)]
#[command(name = "highwater", version, max_term_width = 100)]
#[command(after_help = "Exit codes: 0 done; 1 compared and different; 2 usage or job-file error; \
    3 bad input data; 4 machine error (disk, network, memory); 141 the program that reads stdout ended first.\n\n\
    Examples:\n  highwater sample out/sample\n  \
    highwater check data/jobs/pageviews.toml\n  \
    highwater explain data/jobs/pageviews.toml\n  \
    highwater run data/jobs/big-spenders.toml\n  \
    highwater verify data/jobs/big-spenders.toml")]
pub struct Cli {
    /// Log format of stderr: text, one JSON object per line, or text with annotations for GitHub Actions
    #[arg(long, global = true, value_name = "FORMAT", value_enum, default_value_t, display_order = 900)]
    log: ui::LogFormat,
    #[command(subcommand)]
    command: Command,
}

/// What the help says behind examples that read sample files.
const EXAMPLES_RUN_IN: &str =
    "`highwater sample DIR` writes the files of the examples to DIR/data: run them in DIR.";

/// The definition of the command line: what completions, man pages and tests are made of.
pub fn definition() -> clap::Command {
    let mut program = with_place_of_examples(Cli::command());
    for command in program.get_subcommands_mut() {
        *command = with_place_of_examples(std::mem::take(command));
    }
    program
}

fn with_place_of_examples(command: clap::Command) -> clap::Command {
    let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    match help.contains(" data/") {
        true => command.after_help(format!("{help}\n\n{EXAMPLES_RUN_IN}")),
        false => command,
    }
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Write a first job for some files; its comments explain each guess
    Init(init::InitArgs),
    /// Run a job: read its source and commit its outputs
    Run(run::RunArgs),
    /// Check job files without reading their data
    Check(check::CheckArgs),
    /// Show the plan, schema and memory of a job, from samples; or the events behind one row
    Explain(explain::ExplainArgs),
    /// Measure how late events come, and what other watermark delays would have dropped
    Audit(audit::AuditArgs),
    /// Add late or corrected files to existing outputs, and show what changes
    Backfill(backfill::BackfillArgs),
    /// Take results that another program published as the outputs of a job
    Adopt(adopt::AdoptArgs),
    /// Compare results with SQL, a file or another program, and explain differences
    Verify(Box<verify::VerifyArgs>),
    /// Write an HTML page of a job's results: charts, tables, record counts, late data
    Report(report::ReportArgs),
    /// Show the jobs and outputs of a folder in a browser, and refresh when a run commits
    Serve(serve::ServeArgs),
    /// Print the SQL that computes the outputs of a job
    Sql(sql::SqlArgs),
    /// Show the state of a live job at a time: open windows, keys, table rows
    Inspect(inspect::InspectArgs),
    /// Show the outputs of a job that are in place: columns, rows, files, snapshots
    Tables(tables::TablesArgs),
    /// Drop old snapshots of the tables of a job, and files that no snapshot needs
    Expire(expire::ExpireArgs),
    /// Write small sample logs and jobs to try the program on
    Sample(sample::SampleArgs),
    /// Generate sample data from a seed: sales, transactions, pageviews or money
    Generate(generate::GenerateArgs),
    /// Print the JSON Schema of the job file, for editors; or its documentation
    Schema(schema::SchemaArgs),
    /// Print shell completions
    Completions(completions::CompletionsArgs),
    /// Print a man page, or write all of them
    Man(man::ManArgs),
}

impl Command {
    /// As it is typed.
    fn name(&self) -> &'static str {
        match self {
            Command::Init(_) => "init",
            Command::Run(_) => "run",
            Command::Check(_) => "check",
            Command::Explain(_) => "explain",
            Command::Audit(_) => "audit",
            Command::Backfill(_) => "backfill",
            Command::Adopt(_) => "adopt",
            Command::Verify(_) => "verify",
            Command::Report(_) => "report",
            Command::Serve(_) => "serve",
            Command::Sql(_) => "sql",
            Command::Inspect(_) => "inspect",
            Command::Tables(_) => "tables",
            Command::Expire(_) => "expire",
            Command::Sample(_) => "sample",
            Command::Generate(_) => "generate",
            Command::Schema(_) => "schema",
            Command::Completions(_) => "completions",
            Command::Man(_) => "man",
        }
    }

    fn run(self) -> Result<u8> {
        match self {
            Command::Init(args) => args.run(),
            Command::Run(args) => args.run(),
            Command::Check(args) => args.run(),
            Command::Explain(args) => args.run(),
            Command::Audit(args) => args.run(),
            Command::Backfill(args) => args.run(),
            Command::Adopt(args) => args.run(),
            Command::Verify(args) => args.run(),
            Command::Report(args) => args.run(),
            Command::Serve(args) => args.run(),
            Command::Sql(args) => args.run(),
            Command::Inspect(args) => args.run(),
            Command::Tables(args) => args.run(),
            Command::Expire(args) => args.run(),
            Command::Sample(args) => args.run(),
            Command::Generate(args) => args.run(),
            Command::Schema(args) => args.run(),
            Command::Completions(args) => args.run(definition()),
            Command::Man(args) => args.run(definition()),
        }
    }
}

/// Reads the command line, and how many worker threads its command has. `build` is for `--version`.
///
/// # Errors
/// It is wrong, or asks for help.
pub fn read(build: version::Build) -> std::result::Result<(Cli, usize), clap::Error> {
    // `-V` prints the version alone. clap borrows the text for as long as the program runs.
    let long: &'static str = build.version().leak();
    let matches = definition().long_version(long).try_get_matches()?;
    let cli = Cli::from_arg_matches(&matches)?;
    // Some commands do not have the option, and `get_one` panics over a name that it does not know.
    let threads = |command: &ArgMatches| command.try_get_one("threads").ok().flatten().copied();
    let threads: Option<u16> = matches.subcommand().and_then(|(_, command)| threads(command));
    // The job file may say another number, but it is not read yet.
    Ok((cli, threads.map_or_else(cores, usize::from)))
}

/// Runs the command, and prints what it fails at; gives the exit code.
pub fn run(cli: Cli) -> u8 {
    let started = Instant::now();
    // First of all, as the format decides how every later line is written.
    ui::set_log(cli.log);
    ui::start(cli.command.name());
    // A bug that panics ends as an error with an exit code, as every other fault does.
    let code = process::contained(|| cli.command.run()).unwrap_or_else(|error| failed(&error));
    ui::end(code, started.elapsed());
    code
}

/// Prints an error; gives its exit code.
pub fn failed(error: &Error) -> u8 {
    // Of two programs in a pipe the second one ended first. That is its right, so nothing is said.
    if error.reason() != Some(&Reason::ReaderGone) {
        ui::print_error(error);
    }
    error.exit_code()
}
