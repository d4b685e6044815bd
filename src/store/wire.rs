//! Requests over HTTP, for all stores alike: one agent, one set of time limits, and what went wrong.
//!
//! # Contract
//! * Requests that failed and are made again are counted ([`retries`]), so that a slow run says why.
//! * What is told of an answer is its status and the code and message in it, never the address: that may be signed.

use std::cell::RefCell;
use std::io::{ErrorKind, Read};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::Duration;
use ureq::tls::{RootCerts, TlsConfig};
use ureq::{Agent, Body, Error as Cause, http};

/// How long a connection may take, and how long a store may be silent.
const CONNECT: Duration = Duration::from_secs(10);
const SILENT: Duration = Duration::from_secs(30);
/// How often a request is made again, and how long the first wait is; each is twice as long as the one before.
pub(super) const RETRIES: usize = 6;
pub(super) const FIRST_WAIT: Duration = Duration::from_millis(200);
pub(super) const LONGEST_WAIT: Duration = Duration::from_secs(10);
/// The address at which machines of clouds ask for credentials. Elsewhere nobody answers.
const OF_MACHINE: &str = "169.254.169.254";

/// Why a request failed, if it did.
#[derive(Debug, Clone, Default)]
pub(super) struct Refusal {
    /// The status of the answer; none where there was none.
    pub(super) status: Option<u16>,
    /// What the answer says, or why there was none.
    pub(super) words: String,
    /// The region that S3 says that the bucket is in.
    pub(super) region: Option<String>,
    /// Whether credentials were asked for, from the machine, in vain.
    pub(super) of_machine: bool,
}

/// What an answer was.
#[derive(Debug)]
pub(super) struct WireAnswer {
    pub(super) head: http::response::Parts,
    pub(super) body: Vec<u8>,
}

thread_local! {
    /// What the last request of this thread that failed met.
    static LAST: RefCell<Option<Refusal>> = const { RefCell::new(None) };
}

static RETRIED: AtomicU64 = AtomicU64::new(0);
static WHY: Mutex<String> = Mutex::new(String::new());

/// How many requests to stores failed and were made again, and what the last of them met; none where all is well.
pub fn retries() -> Option<(u64, String)> {
    let count = RETRIED.load(Ordering::Relaxed);
    let why = || WHY.lock().unwrap_or_else(PoisonError::into_inner).clone();
    (count > 0).then(|| (count, why()))
}

/// Takes what the last failed request of this thread met.
pub(super) fn last_refusal() -> Refusal {
    LAST.with_borrow_mut(Option::take).unwrap_or_default()
}

/// Notes what a request met that may be made again.
pub(super) fn note_retry(refusal: &Refusal) {
    RETRIED.fetch_add(1, Ordering::Relaxed);
    *WHY.lock().unwrap_or_else(PoisonError::into_inner) = refusal.words.clone();
}

/// Whether a status says that the same request may do later.
pub(super) fn may_pass(status: u16) -> bool {
    status >= 500 || status == 429 || status == 408
}

fn agent(connect: Duration) -> Agent {
    let config = Agent::config_builder()
        .user_agent(concat!("highwater/", env!("CARGO_PKG_VERSION")))
        // What a store says of a failure stands in the body.
        .http_status_as_error(false)
        .max_redirects(0)
        .timeout_connect(Some(connect))
        .timeout_per_read(Some(SILENT))
        .timeout_per_write(Some(SILENT))
        .timeout_recv_response(Some(SILENT))
        .max_idle_connections(32)
        .max_idle_connections_per_host(32)
        .input_buffer_size(256 << 10)
        .tls_config(TlsConfig::builder().root_certs(RootCerts::PlatformVerifier).build())
        .build();
    Agent::new_with_config(config)
}

static AGENT: LazyLock<Agent> = LazyLock::new(|| agent(CONNECT));
/// Where nobody is there to answer, waiting does not help.
static OF_MACHINE_AGENT: LazyLock<Agent> = LazyLock::new(|| agent(Duration::from_secs(1)));

/// Makes a request once. Its answer is read later, so that the caller may refuse it by its head.
pub(super) fn send(request: http::Request<Vec<u8>>) -> Result<http::Response<Body>, Refusal> {
    let of_machine = request.uri().host() == Some(OF_MACHINE);
    let agent = if of_machine { &OF_MACHINE_AGENT } else { &AGENT };
    let sent = match request.body().is_empty() {
        // A request without a body must not say that it has one.
        true if matches!(request.method().as_str(), "GET" | "HEAD" | "DELETE") => {
            agent.run(request.map(drop))
        }
        _ => agent.run(request),
    };
    sent.map_err(|cause| failed(&cause, of_machine))
}

/// Makes a request once and reads its answer, which has at most `most` bytes.
pub(super) fn ask(request: http::Request<Vec<u8>>, most: u64) -> Result<WireAnswer, Refusal> {
    let of_machine = request.uri().host() == Some(OF_MACHINE);
    let (head, mut body) = send(request)?.into_parts();
    let mut bytes = vec![];
    let read = body.as_reader().take(most).read_to_end(&mut bytes);
    if let Err(cause) = read {
        return Err(noted(Refusal { words: of_io(&cause), of_machine, ..Refusal::default() }));
    }
    if !head.status.is_success() {
        noted(refusal(&head, &bytes));
    }
    Ok(WireAnswer { head, body: bytes })
}

/// What an answer that refuses says.
pub(super) fn refusal(head: &http::response::Parts, body: &[u8]) -> Refusal {
    let status = head.status;
    let mut words = match status.canonical_reason() {
        Some(reason) => format!("{} {reason}", status.as_u16()),
        None => status.as_u16().to_string(),
    };
    let text = String::from_utf8_lossy(&body[..body.len().min(4096)]);
    for tag in ["Code", "Message"] {
        let found = text.split_once(&format!("<{tag}>")).and_then(|(_, rest)| rest.split_once("</"));
        if let Some((said, _)) = found {
            // Azure tells the time and the number of the request on lines of their own.
            words.push_str(&format!(": {}", said.lines().next().unwrap_or_default().trim()));
        }
    }
    let header = |name: &str| head.headers.get(name).and_then(|value| value.to_str().ok());
    if let (Some(code), false) = (header("x-ms-error-code"), words.contains(':')) {
        words.push_str(&format!(": {code}"));
    }
    let region = header("x-amz-bucket-region").map(str::to_string);
    Refusal { status: Some(status.as_u16()), words, region, of_machine: false }
}

fn noted(refusal: Refusal) -> Refusal {
    LAST.set(Some(refusal.clone()));
    refusal
}

fn failed(cause: &Cause, of_machine: bool) -> Refusal {
    let words = match cause {
        Cause::Io(cause) => of_io(cause),
        Cause::Timeout(_) => format!("no answer within {} s", SILENT.as_secs()),
        Cause::HostNotFound => "the host is not known".into(),
        Cause::ConnectionFailed => "no connection".into(),
        other => other.to_string(),
    };
    noted(Refusal { words, of_machine, ..Refusal::default() })
}

fn of_io(cause: &std::io::Error) -> String {
    match cause.kind() {
        ErrorKind::ConnectionRefused => "the connection was refused".into(),
        ErrorKind::TimedOut | ErrorKind::WouldBlock => format!("no answer within {} s", SILENT.as_secs()),
        ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted => {
            "the connection ended in the middle of an answer".into()
        }
        _ => cause.to_string(),
    }
}
