//! The process: panics that become errors, threads that may not start, and settings that no job can see.
//!
//! # Contract
//! * After [`listen`] a panic prints nothing of its own. It unwinds to a boundary ([`caught`]), and on its way the
//!   destructors take back what was staged and release the locks. The boundary knows what was said, and where.
//! * Whoever makes others wait tells them from a destructor that it is gone, so that no panic becomes a hang.

use crate::error::{Error, Result};
use std::any::Any;
use std::backtrace::{Backtrace, BacktraceStatus};
use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A panic that was caught.
#[derive(Debug, Clone)]
pub struct Panic {
    /// What it said.
    pub message: String,
    /// The place in the source and the thread, where [`listen`] has heard it.
    place: Option<String>,
    /// The calls that led to it, where `RUST_BACKTRACE` asks for them.
    calls: Option<String>,
}

/// Panics that nobody has caught yet. Their payloads say neither the place nor the thread.
static PANICS: Mutex<Vec<Panic>> = Mutex::new(vec![]);

/// The most of them that are kept: one is the cause, and others follow from it.
const MOST_PANICS: usize = 32;

fn panics() -> MutexGuard<'static, Vec<Panic>> {
    PANICS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// From now on panics are heard, and print nothing.
pub fn listen() {
    std::panic::set_hook(Box::new(|info| {
        let panic = Panic::of_hook(info);
        let mut panics = panics();
        if panics.len() < MOST_PANICS {
            panics.push(panic);
        }
    }));
}

impl Panic {
    fn of_hook(info: &PanicHookInfo) -> Panic {
        let thread = std::thread::current();
        let place = info.location().map(|location| {
            let file = source_file(location.file());
            let thread = thread.name().unwrap_or("without a name");
            format!("{file}:{}:{}, thread {thread}", location.line(), location.column())
        });
        let calls = Backtrace::capture();
        let calls = (calls.status() == BacktraceStatus::Captured).then(|| calls.to_string());
        Panic { message: message(info.payload()), place, calls }
    }

    fn of_payload(payload: &(dyn Any + Send)) -> Panic {
        let message = message(payload);
        let mut panics = panics();
        match panics.iter().position(|panic| panic.message == message) {
            Some(place) => panics.swap_remove(place),
            None => Panic { message, place: None, calls: None },
        }
    }

    /// The error that tells it as a fault of Highwater, with what to report. That of a library which cannot start a
    /// thread is one of the machine.
    pub fn error(self) -> Error {
        if self.message.starts_with("failed to spawn thread") {
            return no_threads(self.message);
        }
        let place = self.place.map(|place| format!(" ({place})")).unwrap_or_default();
        let error = Error::fault("Highwater failed with an internal error");
        let error = error.caused_by(format!("{}{place}", self.message));
        self.calls.into_iter().fold(error, |error, calls| error.caused_by(format!("the calls were\n{calls}")))
    }
}

/// What a panic says.
fn message(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| payload.downcast_ref::<&str>().copied())
        .unwrap_or("a panic without a message")
        .to_string()
}

/// A source file without the folder in which crates lie on the machine that built it.
fn source_file(path: &str) -> &str {
    let below = path.split_once("/registry/src/").and_then(|(_, rest)| rest.split_once('/'));
    below.map_or(path, |(_, file)| file)
}

/// Does `work`, and catches its panic.
///
/// What `work` leaves half done is not seen by anybody: it is dropped, or behind a lock that heeds poison.
///
/// # Errors
/// The panic.
pub fn caught<T>(work: impl FnOnce() -> T) -> std::result::Result<T, Panic> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|payload| Panic::of_payload(&*payload))
}

/// Does `work`; a panic is an error of the kind [`crate::error::Kind::Fault`].
///
/// # Errors
/// That of the work, or its panic.
pub fn contained<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    caught(work).map_err(Panic::error)?
}

/// A pool of `threads` worker threads.
///
/// # Errors
/// The machine does not let them start.
pub fn pool(threads: usize) -> Result<rayon::ThreadPool> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).thread_name(|i| format!("worker-{i}"));
    pool.build().map_err(no_threads)
}

/// The error of threads that cannot be started.
pub fn no_threads(cause: impl std::fmt::Display) -> Error {
    Error::machine("cannot start the worker threads").caused_by(cause).hint(
        "a limit of processes or of open files is too low (ulimit -u, ulimit -n, the pids limit of a container): \
         raise it, or start fewer threads with --threads 1",
    )
}

/// Makes a file that grows beyond the limit of the process (`ulimit -f`) an error of the write, not the end of the
/// process.
pub fn heed_file_limits() {
    // SAFETY: the signal is ignored, so nothing runs when it comes.
    #[cfg(unix)]
    unsafe {
        libc::signal(libc::SIGXFSZ, libc::SIG_IGN);
    }
}

/// Gives Polars as many threads as a command has, and takes its settings out of the environment: no result depends
/// on them, and some of them end the process.
///
/// # Safety
/// No other thread runs yet.
pub unsafe fn settle_polars(threads: usize) {
    let settings = std::env::vars_os().map(|(name, _)| name);
    let settings = settings.filter(|name| name.as_encoded_bytes().starts_with(b"POLARS_"));
    for name in settings.collect::<Vec<_>>() {
        // SAFETY: the caller promises that nobody reads the environment now.
        unsafe { std::env::remove_var(name) };
    }
    // SAFETY: as above.
    unsafe {
        std::env::set_var("POLARS_MAX_THREADS", threads.max(1).to_string());
        std::env::set_var("POLARS_ASYNC_THREAD_COUNT", "1");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;

    #[test]
    fn a_panic_is_an_error_that_says_what_to_report() {
        let error = contained(|| -> Result<()> { panic!("it broke at {}", 7) }).unwrap_err();
        assert_eq!(error.kind(), Kind::Fault);
        assert_eq!(error.kind().exit_code(), 4);
        assert!(error.causes()[0].starts_with("it broke at 7"), "{error}");
        let report = error.hints().concat();
        assert!(report.contains("report") && report.contains(env!("CARGO_PKG_VERSION")), "{error}");
    }

    #[test]
    fn errors_and_values_pass_the_boundary() {
        assert_eq!(contained(|| Ok(3)).unwrap(), 3);
        let error = contained(|| -> Result<()> { Err(Error::data("bad")) }).unwrap_err();
        assert_eq!((error.kind(), error.message()), (Kind::Data, "bad"));
    }

    #[test]
    fn a_place_in_a_crate_is_named_by_the_crate() {
        let path = "/root/.cargo/registry/src/index.crates.io-0123/polars-core-0.55.2/src/runtime.rs";
        assert_eq!(source_file(path), "polars-core-0.55.2/src/runtime.rs");
        assert_eq!(source_file("src/engine/worker.rs"), "src/engine/worker.rs");
    }
}
