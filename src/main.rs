//! `highwater`: outcome → exit code. Everything else is in the library.

use highwater::cli::version::Build;
use highwater::{cli, process};
use std::process::ExitCode;

const BUILD: Build = Build { stated: option_env!("HIGHWATER_BUILD"), commit: COMMIT };

/// Only this file includes the commit: after a commit this file alone is compiled again (see `build.rs`).
const COMMIT: Option<[u8; 10]> = include!(concat!(env!("OUT_DIR"), "/commit.rs"));

fn main() -> ExitCode {
    keep_freed_memory();
    process::listen();
    process::heed_file_limits();
    // What a command panics at becomes an error in there; this is for what is around it.
    ExitCode::from(process::caught(command).unwrap_or_else(|panic| cli::failed(&panic.error())))
}

fn command() -> u8 {
    match cli::read(BUILD) {
        Ok((cli, threads)) => {
            // SAFETY: nothing has started a thread yet.
            unsafe { process::settle_polars(threads) };
            cli::run(cli)
        }
        Err(error) => cli::ui::print_usage(&error, std::env::args_os()),
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
