//! The server of `highwater serve`: the jobs and outputs below a folder, as pages on a loopback address.
//!
//! ```text
//! folder ──▶ find (job files, state folders) ──▶ catalog (jobs with their outputs)
//!                                                   │ snapshot: manifests of one commit
//!                                                   ▼
//! request ──▶ guard (method, Host, token) ──▶ site ──▶ list of jobs, page of a job, state of either
//! ```
//!
//! # Contract
//! * **Read only.** Nothing is written, no job is run, no source is read, and no server of a job is asked. A job file is
//!   parsed for what it names; what is shown of results comes from manifests and the files that they name.
//! * **Inside.** No address of the server has a path in it: a job is known by a number. Links are not followed, below the
//!   folder or in an output.
//! * **One commit.** What a page shows is of one commit over all outputs of its job (see `snapshot`). During a commit the
//!   last whole state is shown.
//! * **Apart.** A job, manifest or part that cannot be read is an error of its job; the others are shown.
//! * **Closed.** On a loopback address a request must name a loopback host, as a page of another site could lead a browser
//!   here by a name of its own. On any other address each request needs the token.

mod answer;
mod catalog;
mod changes;
mod find;
mod guard;
mod recorded;
mod request;
mod site;
mod snapshot;
mod stamp;

pub use changes::{Changed, Line};
pub use recorded::{Compared, Recorded};
pub use site::{JobNotes, More};

use crate::error::{Error, Result};
use crate::process::no_threads;
use answer::answer;
use guard::Guard;
pub use guard::Token;
use request::read;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use site::Site;
use std::io::Write;
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// Connections at a time. One more is closed at once.
const MOST: usize = 64;
/// How long one write to a client may take.
const WRITE: Duration = Duration::from_secs(20);

/// What is served, and where.
#[derive(Debug)]
pub struct ServeOptions {
    /// The folder.
    pub folder: PathBuf,
    /// The address of this machine; only its own programs reach a loopback one.
    pub host: IpAddr,
    /// The port; 0 lets the system choose one.
    pub port: u16,
    /// What each request has to have; always there where `host` is not loopback.
    pub token: Option<Token>,
}

/// Serves until the process gets SIGTERM or SIGINT. `more` says in HTML what a report does not have, and `ready` is called
/// with the address when requests are answered.
///
/// # Errors
/// The folder is not there, or the address cannot be used; an address that is not loopback, without a token.
pub fn serve(request: ServeOptions, more: More, ready: impl FnOnce(SocketAddr) -> Result<()>) -> Result<()> {
    let ServeOptions { folder, host, port, token } = request;
    if !host.is_loopback() && token.is_none() {
        return Err(Error::fault("an address that is not loopback needs a token"));
    }
    let root = folder.canonicalize().map_err(|e| Error::io("open", &folder, e))?;
    if !root.is_dir() {
        return Err(Error::job(format!("{} is not a folder", folder.display())));
    }
    // Before the address is printed, so that a signal that follows at once is not lost.
    let mut signals = Signals::new([SIGTERM, SIGINT])
        .map_err(|e| Error::machine("cannot wait for signals").caused_by(e))?;
    let listener = TcpListener::bind((host, port)).map_err(|e| taken(host, port, e))?;
    let address = listener.local_addr().map_err(|e| taken(host, port, e))?;
    let guard = Guard::new(address, token);
    let site = Site::new(root, more);
    let server = Arc::new(Server { guard, site, open: AtomicUsize::new(0) });
    let accepting = std::thread::Builder::new().name("accept".into());
    accepting.spawn(move || accept(&listener, &server)).map_err(no_threads)?;
    ready(address)?;
    // Nothing is written, so requests that are under way may be cut off.
    signals.forever().next();
    Ok(())
}

fn taken(host: IpAddr, port: u16, cause: std::io::Error) -> Error {
    let error = Error::machine(format!("cannot listen on {}", SocketAddr::new(host, port)));
    let error = match cause.kind() {
        std::io::ErrorKind::AddrInUse => {
            error.hint("another program uses this port: give --port 0 for a free one")
        }
        std::io::ErrorKind::PermissionDenied => {
            error.hint("ports below 1024 need a privilege: give another --port")
        }
        _ => error,
    };
    error.caused_by(cause)
}

/// What the threads of connections share.
struct Server {
    guard: Guard,
    site: Site,
    /// Connections that are open.
    open: AtomicUsize,
}

fn accept(listener: &TcpListener, server: &Arc<Server>) {
    loop {
        let Ok((stream, _)) = listener.accept() else {
            // No descriptor is free, or the client has gone: without a pause the first would be a busy loop.
            std::thread::sleep(Duration::from_millis(50));
            continue;
        };
        if server.open.fetch_add(1, Ordering::Relaxed) >= MOST {
            server.open.fetch_sub(1, Ordering::Relaxed);
            continue;
        }
        let own = Arc::clone(server);
        let spawned = std::thread::Builder::new().name("request".into()).spawn(move || {
            // A bug in one request must not end the server.
            let _ = crate::process::caught(|| talk(stream, &own));
            own.open.fetch_sub(1, Ordering::Relaxed);
        });
        if spawned.is_err() {
            server.open.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

/// One request and its answer.
fn talk(mut stream: TcpStream, server: &Server) {
    let Some(request) = read(&mut stream) else { return };
    let answer = answer(&request, &server.guard, &server.site);
    let _ = stream.set_write_timeout(Some(WRITE));
    // A client that has gone does not need an answer.
    if stream.write_all(&answer.bytes(request.is_head())).and_then(|()| stream.flush()).is_ok() {
        request::end(&mut stream);
    }
}
