//! `highwater`: outcome → exit code. Everything else is in the library.

use clap::Parser;
use highwater::cli::{self, Cli};
use std::process::ExitCode;

fn main() -> ExitCode {
    keep_freed_memory();
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

/// Workers drop and allocate columns of megabytes all the time. glibc gives such memory back to the
/// system at once and takes a page fault for each page when it comes again, which was a fifth of the
/// time of a run; this keeps it. (mimalloc was no faster, and needed half as much memory again.)
fn keep_freed_memory() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: mallopt sets numbers of the allocator, before any thread is started.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, 256 << 20);
        libc::mallopt(libc::M_TRIM_THRESHOLD, 256 << 20);
        libc::mallopt(libc::M_TOP_PAD, 1 << 20);
    }
}
