//! Where events go: a file, to which lines are added, or a server.

use crate::error::{Error, Result};
use crate::secret::without_secrets;
use crate::sink::owner::{self, Made};
use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::{Duration, Instant};
use ureq::Agent;
use ureq::http::{HeaderValue, Uri};
use ureq::tls::{RootCerts, TlsConfig};

/// The longest time that one request may take, and that a command waits at its end.
pub const WAIT: Duration = Duration::from_secs(5);

/// The path of servers that receive events.
const ENDPOINT: &str = "/api/v1/lineage";

/// Sends events.
pub enum EventSink {
    /// Adds lines to a file.
    File(PathBuf, Vec<String>),
    /// Posts to a server.
    Server(ServerSink),
}

/// A thread that posts, and what it says of each event.
pub struct ServerSink {
    shown: String,
    lines: mpsc::Sender<String>,
    answers: mpsc::Receiver<std::result::Result<(), String>>,
    sent: usize,
}

impl EventSink {
    /// Opens a file or a URL; `key` is the token for a server.
    ///
    /// # Errors
    /// A job error: the file is not one of events, the URL cannot be requested. Machine: no file can be written there.
    pub fn open(target: &str, key: Option<&str>) -> Result<EventSink> {
        if target.starts_with("http://") || target.starts_with("https://") {
            return Ok(EventSink::Server(ServerSink::to(&endpoint(target)?, key)?));
        }
        if let Some((scheme, _)) = target.split_once("://") {
            return Err(Error::job(format!("--lineage cannot send to `{scheme}://`"))
                .hint("give a file, or a URL with http:// or https://"));
        }
        let path = PathBuf::from(target);
        owner::check(&path, Made::Lineage)?;
        Ok(EventSink::File(path, vec![]))
    }

    /// The file, if it is one.
    pub fn file(&self) -> Option<&Path> {
        match self {
            EventSink::File(path, _) => Some(path),
            EventSink::Server(_) => None,
        }
    }

    /// Sends an event, a line of JSON.
    pub fn send(&mut self, event: &str) {
        match self {
            EventSink::File(path, failed) => {
                // One write to a file that is open for appending, so that commands side by side do not mix lines.
                let line = format!("{event}\n");
                let file = OpenOptions::new().append(true).create(true).open(&*path);
                if let Err(cause) = file.and_then(|mut file| file.write_all(line.as_bytes())) {
                    failed.push(format!("cannot add a lineage event to {}: {cause}", path.display()));
                }
            }
            EventSink::Server(post) => {
                post.sent += 1;
                // The thread ends with its receiver, and then there is an answer too few.
                let _ = post.lines.send(event.to_string());
            }
        }
    }

    /// Waits until all is sent, at most [`WAIT`]; gives what was not, a sentence each.
    pub fn finish(self) -> Vec<String> {
        let post = match self {
            EventSink::File(_, failed) => return failed,
            EventSink::Server(post) => post,
        };
        let ServerSink { shown, lines, answers, sent } = post;
        drop(lines);
        let end = Instant::now() + WAIT;
        let mut failed: Vec<String> = vec![];
        for number in 0..sent {
            match answers.recv_timeout(end.saturating_duration_since(Instant::now())) {
                Ok(Ok(())) => {}
                Ok(Err(why)) => failed.push(format!("a lineage event was not sent to {shown}: {why}")),
                Err(_) => {
                    let left = sent - number;
                    let events = if left == 1 { "event was" } else { "events were" };
                    failed.push(format!(
                        "{left} lineage {events} perhaps not sent to {shown}: the server did not answer in {} s",
                        WAIT.as_secs()
                    ));
                    break;
                }
            }
        }
        failed.dedup();
        failed
    }
}

/// The URL that events are posted to: of a server without a path it is [`ENDPOINT`].
fn endpoint(target: &str) -> Result<Uri> {
    let wrong = || Error::job(format!("`{}` is not a URL that can be requested", without_secrets(target)));
    let uri: Uri = target.parse().map_err(|_| wrong())?;
    let authority = uri.authority().ok_or_else(wrong)?;
    if authority.as_str().contains('@') {
        return Err(Error::job("the URL of --lineage contains a login")
            .hint("put a token in the environment, as OPENLINEAGE_API_KEY"));
    }
    if uri.path() != "/" || uri.query().is_some() {
        return Ok(uri);
    }
    let whole = format!("{}{ENDPOINT}", target.trim_end_matches('/'));
    whole.parse().map_err(|_| wrong())
}

impl ServerSink {
    fn to(uri: &Uri, key: Option<&str>) -> Result<ServerSink> {
        let token = key.map(|key| HeaderValue::from_str(&format!("Bearer {}", key.trim())));
        let token = token.transpose().map_err(|_| {
            // The key itself is not shown.
            Error::job("OPENLINEAGE_API_KEY has characters that a header cannot contain")
        })?;
        let config = Agent::config_builder()
            .user_agent(concat!("highwater/", env!("CARGO_PKG_VERSION")))
            .timeout_global(Some(WAIT))
            .http_status_as_error(false)
            // The token must not go to another host.
            .max_redirects(0)
            .tls_config(TlsConfig::builder().root_certs(RootCerts::PlatformVerifier).build())
            .build();
        let (lines, events) = mpsc::channel::<String>();
        let (answer, answers) = mpsc::channel();
        let address = uri.clone();
        let work = move || {
            let agent: Agent = config.into();
            for event in events {
                let mut request = agent.post(address.clone()).header("content-type", "application/json");
                if let Some(token) = &token {
                    request = request.header("authorization", token.clone());
                }
                let result = match request.send(event.as_str()) {
                    Ok(response) if response.status().is_success() => Ok(()),
                    Ok(response) => Err(format!("the server answered {}", response.status())),
                    Err(cause) => Err(without_secrets(&cause.to_string()).into_owned()),
                };
                // A command that does not wait any longer has ended.
                if answer.send(result).is_err() {
                    return;
                }
            }
        };
        let started = std::thread::Builder::new().name("lineage".into()).spawn(work);
        // Without a thread every event is one without an answer, which is said at the end.
        drop(started);
        let shown = without_secrets(&uri.to_string()).into_owned();
        Ok(ServerSink { shown, lines, answers, sent: 0 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_without_a_path_has_the_usual_one() {
        let of =
            |target: &str| endpoint(target).map(|uri| uri.to_string()).map_err(|e| e.message().to_string());
        assert_eq!(of("http://h:5000").unwrap(), "http://h:5000/api/v1/lineage");
        assert_eq!(of("https://h/").unwrap(), "https://h/api/v1/lineage");
        assert_eq!(of("https://h/ingest?x=1").unwrap(), "https://h/ingest?x=1");
        assert!(of("http://u:pw@h").unwrap_err().contains("login"));
        assert!(of("http://").is_err());
    }
}
