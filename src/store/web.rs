//! Files of servers of HTTP, named one by one.
//!
//! # Contract
//! * The first answer says whether the server gives ranges. One that does not gives the whole file, which is copied to a
//!   temporary file and read from there.
//! * Redirects are followed, with nothing of the first request that is a credential.

use super::address::StoreAddress;
use super::client::{ObjectClient, changed};
use super::listing::{Depth, ObjectState, StoreListing};
use super::wire::{self, Refusal};
use crate::error::{Error, Result};
use base64::Engine;
use bytes::Bytes;
use std::fs::File;
use std::io::{Read, Write};
use std::ops::Range;
use std::path::PathBuf;
use ureq::{Body, http};

/// What is asked for first: enough for a head, and for a small file.
const FIRST: u64 = 256 << 10;
/// Redirects that are followed.
const REDIRECTS: usize = 5;

/// A file of a server.
#[derive(Debug)]
pub(super) struct WebFile {
    address: StoreAddress,
}

/// What a server gave when it was asked first.
pub(super) enum FirstAnswer {
    /// The state of the file, and how it begins.
    Ranges(ObjectState, Bytes),
    /// All of it, in a file without a name.
    Whole(File, u64),
    /// There is no such file.
    Nothing,
}

impl WebFile {
    pub(super) fn new(address: StoreAddress) -> WebFile {
        WebFile { address }
    }

    fn path(&self) -> PathBuf {
        self.address.path()
    }

    /// Asks for the file for the first time.
    ///
    /// # Errors
    /// Machine: the server cannot be reached, or refuses.
    pub(super) fn first(&self) -> Result<FirstAnswer> {
        self.patiently(|| {
            let response = self.follow("GET", Some(0..FIRST))?;
            let (head, mut body) = response.into_parts();
            match head.status.as_u16() {
                206 => {
                    let state = state(&head).ok_or_else(|| WebFailure::Final(self.unclear()))?;
                    let bytes = read(&mut body, FIRST)?;
                    match bytes.len() as u64 == state.bytes.min(FIRST) {
                        true => Ok(FirstAnswer::Ranges(state, bytes.into())),
                        false => Err(cut_short()),
                    }
                }
                200 => self.whole(&head, &mut body),
                // No byte is in the range: there are none.
                416 => Ok(FirstAnswer::Ranges(ObjectState::default(), Bytes::new())),
                404 | 410 => Ok(FirstAnswer::Nothing),
                _ => Err(self.refused(&head, &mut body)),
            }
        })
    }

    fn whole(
        &self,
        head: &http::response::Parts,
        body: &mut Body,
    ) -> std::result::Result<FirstAnswer, WebFailure> {
        let folder = std::env::temp_dir();
        let unwritten = |e| WebFailure::Final(Error::io("copy a file of a server to a file in", &folder, e));
        let mut to = tempfile::tempfile_in(&folder).map_err(unwritten)?;
        let (mut block, mut bytes) = (vec![0; FIRST as usize], 0);
        let mut from = body.as_reader();
        loop {
            let read = from.read(&mut block).map_err(|cause| broken(&cause))?;
            if read == 0 {
                break;
            }
            to.write_all(&block[..read]).map_err(unwritten)?;
            bytes += read as u64;
        }
        match length(head) {
            Some(length) if length != bytes => Err(cut_short()),
            _ => Ok(FirstAnswer::Whole(to, bytes)),
        }
    }

    /// Makes a request until it succeeds, or it is no use.
    fn patiently<T>(&self, mut ask: impl FnMut() -> std::result::Result<T, WebFailure>) -> Result<T> {
        let (mut wait, mut tries) = (wire::FIRST_WAIT, 0);
        loop {
            match ask() {
                Ok(answer) => return Ok(answer),
                Err(WebFailure::Final(error)) => return Err(error),
                Err(WebFailure::Passing(refusal)) if tries < wire::RETRIES => {
                    wire::note_retry(&refusal);
                    std::thread::sleep(wait);
                    (wait, tries) = ((wait * 2).min(wire::LONGEST_WAIT), tries + 1);
                }
                Err(WebFailure::Passing(refusal)) => return Err(self.failure(&refusal)),
            }
        }
    }

    fn follow(
        &self,
        method: &str,
        range: Option<Range<u64>>,
    ) -> std::result::Result<http::Response<Body>, WebFailure> {
        let final_error = |what: &str| WebFailure::Final(self.cannot(what));
        let mut url = self.address.url();
        let mut login = None;
        // A login stands before the host, and is sent as a header.
        if let Some((scheme, rest)) = url.clone().split_once("://") {
            let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
            if let Some((user, host)) = host.rsplit_once('@') {
                login = Some(base64::engine::general_purpose::STANDARD.encode(user));
                url = format!("{scheme}://{host}{path}");
            }
        }
        // What stands behind `#` is for readers, not for servers.
        url.truncate(url.find('#').unwrap_or(url.len()));
        let first_host = host_of(&url);
        for _ in 0..=REDIRECTS {
            let mut request = http::Request::builder().method(method).uri(&url);
            if let Some(range) = &range {
                request =
                    request.header("range", format!("bytes={}-{}", range.start, range.end.saturating_sub(1)));
            }
            if let Some(login) = login.as_ref().filter(|_| host_of(&url) == first_host) {
                request = request.header("authorization", format!("Basic {login}"));
            }
            let request = request
                .body(vec![])
                .map_err(|_| final_error("it is not a URL: are spaces written as %20?"))?;
            let response = wire::send(request).map_err(WebFailure::Passing)?;
            if !matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
                return Ok(response);
            }
            let to = response.headers().get("location").and_then(|to| to.to_str().ok());
            let Some(next) = to.and_then(|to| joined(&url, to)) else {
                return Err(final_error("it redirects to nowhere"));
            };
            if url.starts_with("https:") && !next.starts_with("https:") {
                return Err(final_error("it redirects from https to http"));
            }
            url = next;
        }
        Err(final_error("it redirects too often"))
    }

    fn cannot(&self, why: &str) -> Error {
        Error::machine(format!("cannot read {}", self.path().display())).caused_by(why)
    }

    fn unclear(&self) -> Error {
        self.cannot("the server does not say how large it is")
    }

    fn refused(&self, head: &http::response::Parts, body: &mut Body) -> WebFailure {
        let text = read(body, 4096).unwrap_or_default();
        let refusal = wire::refusal(head, &text);
        match refusal.status {
            Some(status) if wire::may_pass(status) => WebFailure::Passing(refusal),
            _ => WebFailure::Final(self.failure(&refusal)),
        }
    }

    fn failure(&self, refusal: &Refusal) -> Error {
        let error = self.cannot(&refusal.words);
        match refusal.status {
            Some(401 | 403) => error.hint(
                "the server asks for a login: write https://USER:PASSWORD@HOST/…, or a signed URL, or fetch the file first",
            ),
            _ => error,
        }
    }
}

/// Why a request failed: for good, or maybe only this time.
enum WebFailure {
    Final(Error),
    Passing(Refusal),
}

fn broken(cause: &std::io::Error) -> WebFailure {
    let words = format!("the answer broke off: {cause}");
    WebFailure::Passing(Refusal { words, ..Refusal::default() })
}

fn cut_short() -> WebFailure {
    WebFailure::Passing(Refusal { words: "the answer was cut short".into(), ..Refusal::default() })
}

fn read(body: &mut Body, most: u64) -> std::result::Result<Vec<u8>, WebFailure> {
    let mut bytes = vec![];
    body.as_reader().take(most).read_to_end(&mut bytes).map_err(|cause| broken(&cause))?;
    Ok(bytes)
}

fn text_of(head: &http::response::Parts, name: &str) -> Option<String> {
    head.headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_string)
}

fn length(head: &http::response::Parts) -> Option<u64> {
    text_of(head, "content-length")?.parse().ok()
}

/// What an answer with a range says of the file.
fn state(head: &http::response::Parts) -> Option<ObjectState> {
    let bytes = text_of(head, "content-range")?.rsplit_once('/')?.1.trim().parse().ok()?;
    Some(ObjectState { bytes, etag: text_of(head, "etag"), modified: text_of(head, "last-modified") })
}

fn host_of(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest[..rest.find(['/', '?']).unwrap_or(rest.len())].to_string()
}

/// Where a redirect leads from `url`.
fn joined(url: &str, to: &str) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    let host = host_of(url);
    let place = rest.split(['?', '#']).next().unwrap_or(rest);
    Some(match to {
        to if to.starts_with("https://") || to.starts_with("http://") => to.to_string(),
        to if to.starts_with("//") => format!("{scheme}:{to}"),
        to if to.starts_with('/') => format!("{scheme}://{host}{to}"),
        to if to.is_empty() || to.contains("://") => return None,
        to => format!("{scheme}://{}/{to}", place.rsplit_once('/').map_or(place, |(folder, _)| folder)),
    })
}

impl ObjectClient for WebFile {
    fn list(&self, _: &str, _: Depth) -> Result<StoreListing> {
        Err(Error::job(format!("{}: a server cannot be asked what files it has", self.path().display()))
            .hint("name each file"))
    }

    fn state(&self, _: &str) -> Result<Option<ObjectState>> {
        self.patiently(|| {
            let (head, mut body) = self.follow("GET", Some(0..1))?.into_parts();
            match head.status.as_u16() {
                206 => Ok(state(&head)),
                416 => Ok(Some(ObjectState::default())),
                404 | 410 => Ok(None),
                _ => Err(self.refused(&head, &mut body)),
            }
        })
    }

    fn get(&self, _: &str, range: Range<u64>, known: &ObjectState) -> Result<Bytes> {
        self.patiently(|| {
            let (head, mut body) = self.follow("GET", Some(range.clone()))?.into_parts();
            match head.status.as_u16() {
                206 if state(&head).as_ref() == Some(known) => {}
                // A server that has stopped to give ranges gives another file, as far as is known.
                200 | 206 | 404 | 410 | 416 => return Err(WebFailure::Final(changed(&self.path()))),
                _ => return Err(self.refused(&head, &mut body)),
            }
            let wanted = range.end - range.start;
            let from = format!("bytes {}-{}/", range.start, range.end - 1);
            if !text_of(&head, "content-range").is_some_and(|got| got.starts_with(&from)) {
                return Err(WebFailure::Final(
                    self.cannot("the server gives another range than was asked for"),
                ));
            }
            let bytes = read(&mut body, wanted)?;
            match bytes.len() as u64 == wanted {
                true => Ok(bytes.into()),
                false => Err(cut_short()),
            }
        })
    }
}
