//! A request: its first line and its headers, within bounds of size and time.

use std::io::Read;
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

/// Bytes of a request line and its headers.
const HEAD: usize = 16 << 10;
/// Headers of a request.
const HEADERS: usize = 64;
/// How long a client may take to send them.
const PATIENCE: Duration = Duration::from_secs(10);

/// A request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PageRequest {
    /// It is complete.
    Whole(Head),
    /// It is not a request of HTTP/1, or too large.
    Wrong(&'static str, u16),
}

/// The head of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    pub method: String,
    /// The target, as it is sent.
    pub target: String,
    headers: Vec<(String, Vec<u8>)>,
}

impl PageRequest {
    /// Whether the answer has no body.
    pub fn is_head(&self) -> bool {
        matches!(self, PageRequest::Whole(head) if head.method == "HEAD")
    }
}

impl Head {
    /// The values of the header `name`, which is in lower case; one that is not UTF-8 is left out.
    pub fn values(&self, name: &str) -> impl Iterator<Item = &str> {
        let own = self.headers.iter().filter(move |(own, _)| own == name);
        own.filter_map(|(_, value)| std::str::from_utf8(value).ok())
    }
}

/// Reads a request; `None` where the client goes, or takes too long.
pub fn read(stream: &mut TcpStream) -> Option<PageRequest> {
    let until = Instant::now() + PATIENCE;
    let mut bytes = Vec::with_capacity(1024);
    let mut piece = [0; 2048];
    loop {
        // Of the whole head: a client that sends a byte now and then must not hold a thread.
        let left = until.checked_duration_since(Instant::now()).filter(|left| !left.is_zero())?;
        stream.set_read_timeout(Some(left)).ok()?;
        let n = stream.read(&mut piece).ok().filter(|n| *n > 0)?;
        bytes.extend_from_slice(&piece[..n]);
        if let Some(request) = parse(&bytes) {
            return Some(request);
        }
    }
}

/// The request that `bytes` begin with; `None` where more of it has to come.
fn parse(bytes: &[u8]) -> Option<PageRequest> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS];
    let mut request = httparse::Request::new(&mut headers);
    match request.parse(bytes) {
        Ok(httparse::Status::Complete(_)) => {}
        Ok(httparse::Status::Partial) if bytes.len() < HEAD => return None,
        Ok(httparse::Status::Partial) | Err(httparse::Error::TooManyHeaders) => {
            return Some(PageRequest::Wrong("the request is too large", 431));
        }
        Err(_) => return Some(PageRequest::Wrong("this is not a request of HTTP/1", 400)),
    }
    let (method, target) = (request.method.unwrap_or_default(), request.path.unwrap_or_default());
    let headers =
        request.headers.iter().map(|header| (header.name.to_ascii_lowercase(), header.value.to_vec()));
    Some(PageRequest::Whole(Head {
        method: method.into(),
        target: target.into(),
        headers: headers.collect(),
    }))
}

/// Ends a connection after its answer. What the client still sends is read, since a close with unread bytes could take
/// the answer back from it.
pub fn end(stream: &mut TcpStream) {
    if stream.shutdown(Shutdown::Write).is_err() {
        return;
    }
    let until = Instant::now() + Duration::from_secs(2);
    let mut piece = [0; 2048];
    for _ in 0..64 {
        let Some(left) = until.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) else {
            return;
        };
        if stream.set_read_timeout(Some(left)).is_err() || !stream.read(&mut piece).is_ok_and(|n| n > 0) {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_read_when_it_is_whole() {
        let text = b"GET /jobs HTTP/1.1\r\nHost: localhost\r\nX: \xff\r\n\r\n";
        assert_eq!(parse(&text[..30]), None);
        let Some(PageRequest::Whole(head)) = parse(text) else { panic!() };
        assert_eq!((head.method.as_str(), head.target.as_str()), ("GET", "/jobs"));
        assert_eq!(head.values("host").collect::<Vec<_>>(), ["localhost"]);
        assert_eq!(head.values("x").count(), 0);
    }

    #[test]
    fn what_is_not_a_request_is_refused() {
        assert!(matches!(parse(b"\x16\x03\x01\x02\x00\x01\x00"), Some(PageRequest::Wrong(_, 400))));
        assert!(matches!(parse(b"GET / HTTP/1.1\r\nA b: c\r\n\r\n"), Some(PageRequest::Wrong(_, 400))));
        let many = format!("GET / HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(65));
        assert!(matches!(parse(many.as_bytes()), Some(PageRequest::Wrong(_, 431))));
        let long = format!("GET /{} HTTP/1.1", "a".repeat(HEAD));
        assert!(matches!(parse(long.as_bytes()), Some(PageRequest::Wrong(_, 431))));
    }
}
