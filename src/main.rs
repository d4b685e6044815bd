//! `highwater`: outcome → exit code. Everything else is in the library.

use clap::Parser;
use highwater::cli::{self, Cli};
use std::process::ExitCode;

fn main() -> ExitCode {
    keep_freed_memory();
    ExitCode::from(match Cli::try_parse() {
        Ok(cli) => cli::run(cli),
        Err(error) => cli::ui::print_usage(&error, std::env::args_os()),
    })
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
