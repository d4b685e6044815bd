//! The command line: one file per command; `ui` is the only printer.

mod audit;
mod backfill;
mod check;
mod completions;
mod document;
mod explain;
mod generate;
mod init;
mod inspect;
mod lengths;
mod man;
mod mode;
mod report;
mod run;
mod schema;
mod sql;
pub mod ui;
mod verify;
mod watch;

use crate::engine::{self, RunOptions};
use crate::error::{Error, Result};
use crate::process;
use clap::{ArgMatches, Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueHint};
use serde::Serialize;
use std::path::PathBuf;
use std::time::Instant;

/// Replays recorded events through event-time windows, over plain files.
#[derive(Debug, Parser)]
#[command(name = "highwater", version, max_term_width = 100)]
#[command(after_help = "Exit codes: 0 done; 1 compared and different; 2 wrong use or wrong job; \
    3 bad input data; 4 the machine (disk, network, memory).\n\n\
    Examples:\n  highwater check data/jobs/pageviews.toml\n  \
    highwater explain data/jobs/pageviews.toml\n  \
    highwater run data/jobs/big-spenders.toml\n  \
    highwater verify data/jobs/big-spenders.toml")]
pub struct Cli {
    /// How stderr is written: words for people, or an object per line for programs
    #[arg(long, global = true, value_name = "FORMAT", value_enum, default_value_t, display_order = 900)]
    log: ui::LogFormat,
    #[command(subcommand)]
    command: Command,
}

/// The definition of the command line: what completions, man pages and tests are made of.
pub fn definition() -> clap::Command {
    Cli::command()
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Write a first job for some files: looks at them, guesses, and says what and why
    Init(init::InitArgs),
    /// Run a job: read its source, and commit its outputs
    Run(run::RunArgs),
    /// Check a job file without its data: all that can be told before a file is opened
    Check(check::CheckArgs),
    /// Show what a job would do, from samples of its files: schema, plan, memory
    Explain(explain::ExplainArgs),
    /// Say how late events come, and what each delay of the watermark would have cost
    Audit(audit::AuditArgs),
    /// Count late events, or files that were wrong, in outputs that are in place; show what changes
    Backfill(backfill::BackfillArgs),
    /// Compare results with those of SQL, of a file or of another program; say where and why they differ
    Verify(Box<verify::VerifyArgs>),
    /// Write a page of a job's results: charts, tables, the account, late data, differences
    Report(report::ReportArgs),
    /// Print the SQL that computes the outputs of a job
    Sql(sql::SqlArgs),
    /// Show what a live job would hold at a time: open windows, keys, the rows of tables
    Inspect(inspect::InspectArgs),
    /// Make sample data: sales, transactions, pageviews or money, seeded
    Generate(generate::GenerateArgs),
    /// Print the JSON Schema of the job file, which editors complete and check by; or its page
    Schema(schema::SchemaArgs),
    /// Print the completions of a shell
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
            Command::Verify(_) => "verify",
            Command::Report(_) => "report",
            Command::Sql(_) => "sql",
            Command::Inspect(_) => "inspect",
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
            Command::Verify(args) => args.run(),
            Command::Report(args) => args.run(),
            Command::Sql(args) => args.run(),
            Command::Inspect(args) => args.run(),
            Command::Generate(args) => args.run(),
            Command::Schema(args) => args.run(),
            Command::Completions(args) => args.run(),
            Command::Man(args) => args.run(),
        }
    }
}

/// The job that a report is about, for programs.
#[derive(Debug, Serialize)]
struct JobId<'a> {
    name: &'a str,
    hash: &'a str,
}

impl<'a> JobId<'a> {
    fn of(plan: &'a crate::plan::Plan) -> JobId<'a> {
        JobId { name: &plan.name, hash: &plan.hash }
    }
}

/// What `run`, `explain`, `audit` and `backfill` share.
#[derive(Debug, Args)]
struct JobArgs {
    /// The job file
    #[arg(value_hint = ValueHint::FilePath)]
    job: PathBuf,
    /// Leave out events before this time (in the job's time zone, or with an offset)
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// Leave out events from this time on
    #[arg(long, value_name = "TIME")]
    to: Option<String>,
    #[command(flatten)]
    machine: MachineArgs,
}

/// How a command uses the machine.
#[derive(Debug, Args)]
struct MachineArgs {
    /// Worker threads [default: the job's, or one per core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
    /// Memory for partial results, such as 512MB; past it they go to disk [default: the job's, or
    /// half of what the machine or its control group has]
    #[arg(long, value_name = "SIZE", value_parser = bytes)]
    memory: Option<u64>,
    /// Bytes of input text to a chunk; never shows in a result
    #[arg(long, value_name = "SIZE", value_parser = bytes, hide_short_help = true)]
    chunk_size: Option<u64>,
}

fn bytes(text: &str) -> std::result::Result<u64, String> {
    crate::job::parse_bytes(text).ok_or_else(|| "a size such as 512MB or 4GB".to_string())
}

impl JobArgs {
    fn overrides(&self) -> crate::job::Overrides {
        crate::job::Overrides { from: self.from.clone(), to: self.to.clone(), ..self.machine.overrides() }
    }

    fn options(&self, plan: &crate::plan::Plan) -> RunOptions {
        self.machine.options(Some(plan))
    }
}

impl MachineArgs {
    fn overrides(&self) -> crate::job::Overrides {
        let default = crate::job::Overrides::default();
        crate::job::Overrides {
            chunk_bytes: self.chunk_size.map_or(default.chunk_bytes, |n| n.clamp(1, 1 << 30) as usize),
            ..default
        }
    }

    /// What is said here, or else by the job, if there is one and it says. No tables go to the terminal.
    fn options(&self, plan: Option<&crate::plan::Plan>) -> RunOptions {
        let threads = self.threads.map(usize::from).or(plan.and_then(|plan| plan.threads));
        let memory = self.memory.or(plan.and_then(|plan| plan.memory));
        RunOptions {
            threads: threads.unwrap_or_else(cores),
            memory: memory.unwrap_or_else(|| engine::MachineMemory::find().budget()),
            spill_folder: std::env::temp_dir(),
            table_rows: 0,
            refresh_lookups: false,
        }
    }
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Reads the command line, and how many worker threads its command has.
///
/// # Errors
/// It is wrong, or asks for help.
pub fn read() -> std::result::Result<(Cli, usize), clap::Error> {
    let matches = Cli::command().try_get_matches()?;
    let cli = Cli::from_arg_matches(&matches)?;
    let threads = |command: &ArgMatches| command.try_get_one("threads").ok().flatten().copied();
    let threads: Option<u16> = matches.subcommand().and_then(|(_, command)| threads(command));
    Ok((cli, threads.map_or_else(cores, usize::from)))
}

/// Runs the command, and prints what it fails at; gives the exit code.
pub fn run(cli: Cli) -> u8 {
    let started = Instant::now();
    ui::set_log(cli.log);
    ui::start(cli.command.name());
    let code = process::contained(|| cli.command.run()).unwrap_or_else(|error| failed(&error));
    ui::end(code, started.elapsed());
    code
}

/// Prints an error; gives its exit code.
pub fn failed(error: &Error) -> u8 {
    ui::print_error(error);
    error.kind().exit_code()
}
