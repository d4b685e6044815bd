//! `highwater`: outcome → exit code. Everything else is in the library.

use clap::Parser;
use highwater::cli::{self, Cli};
use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are answers, and go to stdout; a reader that has gone is no failure.
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { highwater::error::exit::JOB } else { 0 });
        }
    };
    match cli::run(cli) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            cli::ui::print_error(&error);
            ExitCode::from(error.kind().exit_code())
        }
    }
}
