//! One request to a service: what came of it, and whether it is worth making again.

use super::ServicePlan;
use crate::input::value::shown;
use crate::secret::without_secrets;
use crate::time;
use serde_json::Value;
use std::collections::HashMap;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Mutex;
use std::time::{Duration, Instant};
use ureq::http::{HeaderMap, Uri};
use ureq::tls::{RootCerts, TlsConfig};
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{DefaultConnector, NextTimeout};
use ureq::{Agent, Body, Error as Cause, http};

/// The most bytes that an answer may have.
const LONGEST: u64 = 1 << 20;
/// The most redirects that are followed.
const REDIRECTS: u32 = 5;
/// How long the addresses of a host are remembered.
const ADDRESSES_HOLD: Duration = Duration::from_secs(10);

/// What a service said.
#[derive(Debug)]
pub(super) enum Reply {
    /// Its status, and a JSON body: without the spaces around values, and read.
    Answer(u16, String, Value),
    /// It has no answer, as this status says.
    Nothing(u16),
}

/// A request that failed.
#[derive(Debug)]
pub(super) struct Miss {
    /// What happened, in words.
    pub what: String,
    /// Whether the next request may fare better.
    pub again: bool,
    /// How long to wait before it, where the service says so.
    pub after: Option<Duration>,
}

/// Asks one service, from any number of threads.
#[derive(Debug)]
pub(super) struct Client {
    agent: Agent,
    timeout: Duration,
}

impl Client {
    pub fn new(plan: &ServicePlan) -> Client {
        let connections = plan.in_flight.max(1);
        let config = Agent::config_builder()
            .user_agent(concat!("highwater/", env!("CARGO_PKG_VERSION")))
            .accept("application/json, */*;q=0.5")
            .timeout_global(Some(plan.timeout))
            .http_status_as_error(false)
            // They are followed here: headers that are credentials go to no other host.
            .max_redirects(0)
            .max_idle_connections(connections)
            .max_idle_connections_per_host(connections)
            // A request and its answer are small, and there is a pair of buffers to each connection.
            .input_buffer_size(16 << 10)
            .output_buffer_size(16 << 10)
            .tls_config(TlsConfig::builder().root_certs(RootCerts::PlatformVerifier).build())
            .build();
        let agent = Agent::with_parts(config, DefaultConnector::new(), Addresses::default());
        Client { agent, timeout: plan.timeout }
    }

    /// Asks for `url`, once.
    pub fn get(&self, url: &str, headers: &HeaderMap) -> Result<Reply, Miss> {
        let mut response = self.follow(url, headers)?;
        let status = response.status();
        match status.as_u16() {
            404 | 410 => {
                // Read to its end, so that the connection serves the next request.
                let _ = read(&mut response);
                Ok(Reply::Nothing(status.as_u16()))
            }
            200..300 => {
                let body = read(&mut response).map_err(|e| self.miss(&e))?;
                let (text, value) = json(body).map_err(for_good)?;
                Ok(Reply::Answer(status.as_u16(), text, value))
            }
            number => {
                let body = read(&mut response).unwrap_or_default();
                let mut what = match status.canonical_reason() {
                    Some(reason) => format!("{number} {reason}"),
                    None => format!("status {number}"),
                };
                let body = body.trim_ascii();
                if !body.is_empty() {
                    what += &format!(": `{}`", shown(body));
                }
                let after = matches!(number, 429 | 503).then(|| retry_after(&response)).flatten();
                Err(Miss { what, again: number == 429 || number >= 500, after })
            }
        }
    }

    /// The answer of `url`, or of where it is moved to. A login stays with its host, and so do headers.
    fn follow(&self, url: &str, headers: &HeaderMap) -> Result<http::Response<Body>, Miss> {
        let bad =
            |e: http::uri::InvalidUri| for_good(format!("this is not a URL that can be requested: {e}"));
        let (started, mut uri) = (Instant::now(), url.parse::<Uri>().map_err(bad)?);
        let first = origin(&uri);
        for _ in 0..=REDIRECTS {
            let left = self.timeout.saturating_sub(started.elapsed());
            let mut request = self.agent.get(uri.clone());
            if origin(&uri) == first {
                headers.iter().for_each(|(name, value)| {
                    request.headers_mut().map(|all| all.insert(name, value.clone()));
                });
            }
            let request = request.config().timeout_global(Some(left)).build();
            let mut response = request.call().map_err(|e| self.miss(&e))?;
            let location = response
                .headers()
                .get("location")
                .filter(|_| matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308));
            let Some(location) = location else { return Ok(response) };
            let location = String::from_utf8_lossy(location.as_bytes()).into_owned();
            let _ = read(&mut response);
            uri = moved(&uri, &location).ok_or_else(|| {
                let to = without_secrets(&location).into_owned();
                for_good(format!("it is redirected to `{}`, which cannot be requested", shown(to.as_bytes())))
            })?;
        }
        Err(for_good(format!("more than {REDIRECTS} redirects")))
    }

    /// Cuts all connections; requests that are under way fail, and so do all further ones.
    pub fn shut_down(&self) {
        self.agent.clone().shutdown();
    }

    fn miss(&self, cause: &Cause) -> Miss {
        let what = match cause {
            Cause::Timeout(_) => self.timed_out(),
            Cause::Io(e) => match e.kind() {
                ErrorKind::TimedOut => self.timed_out(),
                ErrorKind::ConnectionRefused => "connection refused".into(),
                ErrorKind::ConnectionReset
                | ErrorKind::ConnectionAborted
                | ErrorKind::BrokenPipe
                | ErrorKind::UnexpectedEof => "the connection broke".into(),
                _ => e.to_string(),
            },
            Cause::HostNotFound => "the host has no known address".into(),
            Cause::BodyExceedsLimit(_) => {
                return for_good(format!("the answer has more than {} MiB", LONGEST >> 20));
            }
            Cause::BadUri(_) | Cause::Http(_) => {
                return for_good("this is not a URL that can be requested".into());
            }
            _ => cause.to_string(),
        };
        Miss { what, again: true, after: None }
    }

    fn timed_out(&self) -> String {
        let timeout = i64::try_from(self.timeout.as_micros()).unwrap_or(i64::MAX);
        format!("timeout after {}", time::Duration::Length(timeout))
    }
}

/// What a host is known by: its scheme, name and port.
fn origin(uri: &Uri) -> (Option<String>, Option<String>, Option<u16>) {
    let scheme = uri.scheme_str().map(str::to_string);
    let port = uri.port_u16().or(if scheme.as_deref() == Some("https") { Some(443) } else { Some(80) });
    (scheme, uri.host().map(str::to_ascii_lowercase), port)
}

/// Where `location` leads to from `uri` (RFC 3986, 5.2); `None` if not to http or https.
fn moved(uri: &Uri, location: &str) -> Option<Uri> {
    let (scheme, authority) = (uri.scheme_str()?, uri.authority()?);
    let location = location.split('#').next().unwrap_or_default();
    let path = uri.path();
    let absolute = location.split(['/', '?']).next().is_some_and(|first| first.contains(':'));
    let text = match location.chars().next()? {
        _ if absolute => location.to_string(),
        '/' if location.starts_with("//") => format!("{scheme}:{location}"),
        '/' => format!("{scheme}://{authority}{location}"),
        '?' => format!("{scheme}://{authority}{path}{location}"),
        _ => {
            let (place, query) = location.split_at(location.find('?').unwrap_or(location.len()));
            let folder = &path[..path.rfind('/').map_or(0, |at| at + 1)];
            format!("{scheme}://{authority}{}{query}", without_dots(&format!("{folder}{place}")))
        }
    };
    let to: Uri = text.parse().ok()?;
    (matches!(to.scheme_str(), Some("http" | "https")) && to.host().is_some_and(|host| !host.is_empty()))
        .then_some(to)
}

/// A path without `.` and `..`.
fn without_dots(path: &str) -> String {
    let mut kept: Vec<&str> = vec![];
    let last = path.rsplit('/').next();
    for segment in path.split('/').skip(1) {
        match segment {
            "." => {}
            ".." => _ = kept.pop(),
            segment => kept.push(segment),
        }
    }
    let folder = if matches!(last, Some("." | "..")) && !kept.is_empty() { "/" } else { "" };
    format!("/{}{folder}", kept.join("/"))
}

fn for_good(what: String) -> Miss {
    Miss { what, again: false, after: None }
}

fn read(response: &mut http::Response<Body>) -> Result<Vec<u8>, Cause> {
    response.body_mut().with_config().limit(LONGEST + 1).read_to_vec()
}

/// The seconds of `Retry-After`; the form with a date is not read.
fn retry_after(response: &http::Response<Body>) -> Option<Duration> {
    let text = response.headers().get("retry-after")?.to_str().ok()?;
    Some(Duration::from_secs(text.trim().parse().ok()?))
}

/// The JSON of a body, compact and read.
fn json(body: Vec<u8>) -> Result<(String, Value), String> {
    let no_json = |why: &dyn std::fmt::Display| format!("the answer is not JSON ({why}): `{}`", shown(&body));
    if body.trim_ascii().is_empty() {
        return Err("the answer is empty, not JSON".into());
    }
    let text = std::str::from_utf8(&body).map_err(|_| no_json(&"not UTF-8"))?;
    let value = serde_json::from_str(text).map_err(|e| no_json(&e))?;
    Ok((compact(text), value))
}

/// JSON text without the spaces outside of strings: numbers and strings stay as they are written.
fn compact(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    let (mut quoted, mut escaped) = (false, false);
    for c in json.chars() {
        if quoted {
            quoted = escaped || c != '"';
            escaped = !escaped && c == '\\';
        } else if c == '"' {
            quoted = true;
        } else if c.is_ascii_whitespace() {
            continue;
        }
        out.push(c);
    }
    out
}

/// Finds the addresses of hosts, and remembers them for a while: the one that comes with the client asks
/// for them, in a thread of its own, on every request.
#[derive(Debug, Default)]
struct Addresses {
    find: DefaultResolver,
    known: Mutex<HashMap<String, (Instant, Vec<SocketAddr>)>>,
}

impl Resolver for Addresses {
    fn resolve(
        &self,
        uri: &Uri,
        config: &ureq::config::Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, Cause> {
        let key = match (uri.scheme(), uri.authority()) {
            (Some(scheme), Some(authority)) => format!("{scheme}://{authority}"),
            _ => return self.find.resolve(uri, config, timeout),
        };
        let known = || self.known.lock().unwrap_or_else(|e| e.into_inner());
        if let Some((since, found)) = known().get(&key)
            && since.elapsed() < ADDRESSES_HOLD
        {
            let mut addresses = self.empty();
            found.iter().for_each(|address| addresses.push(*address));
            return Ok(addresses);
        }
        let addresses = self.find.resolve(uri, config, timeout)?;
        known().insert(key, (Instant::now(), addresses.to_vec()));
        Ok(addresses)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compact_json_keeps_numbers_and_strings_as_written() {
        let (text, _) = json(b" { \"a b\" : [ 1.0 , 1E5,\n-0 , 12345678901234567890.10 ] , \"q\\\" \\\\\": \" x \" , \"u\": \"\\u00e9\" } ".to_vec()).unwrap();
        assert_eq!(text, r#"{"a b":[1.0,1E5,-0,12345678901234567890.10],"q\" \\":" x ","u":"\u00e9"}"#);
    }

    #[test]
    fn a_redirect_leads_where_rfc_3986_says() {
        let from: Uri = "http://u:p@h:81/a/b/c?q=1".parse().unwrap();
        for (location, to) in [
            ("/x", "http://u:p@h:81/x"),
            ("?r=2", "http://u:p@h:81/a/b/c?r=2"),
            ("d?e=http://f", "http://u:p@h:81/a/b/d?e=http://f"),
            ("../d/./e", "http://u:p@h:81/a/d/e"),
            ("../../..", "http://u:p@h:81/"),
            ("//other/y#z", "http://other/y"),
            ("https://h:81/y", "https://h:81/y"),
        ] {
            assert_eq!(moved(&from, location).unwrap().to_string(), to, "{location}");
        }
        for wrong in ["", "file:///etc/passwd", "gopher://h/", "mailto:a", "http://"] {
            assert_eq!(moved(&from, wrong), None, "{wrong}");
        }
        let same = |a: &str, b: &str| origin(&a.parse().unwrap()) == origin(&b.parse().unwrap());
        assert!(same("http://u@h/", "http://H:80/x") && same("https://h", "https://h:443/"));
        assert!(
            !same("http://h/", "https://h/")
                && !same("http://h/", "http://h:81/")
                && !same("http://h/", "http://h2/")
        );
    }

    #[test]
    fn what_is_no_json_is_named() {
        let why = |body: &[u8]| json(body.to_vec()).unwrap_err();
        assert_eq!(why(b"<html>"), "the answer is not JSON (expected value at line 1 column 1): `<html>`");
        assert!(why(b"{} x").contains("trailing characters"));
        assert!(why(b"\"\xff\"").contains("not UTF-8"));
        assert_eq!(why(b" \n"), "the answer is empty, not JSON");
    }
}
