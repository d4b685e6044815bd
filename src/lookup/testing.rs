//! A real HTTP server on loopback for tests, of std alone: it delays, fails and breaks off as it is told,
//! and counts. Integration tests include this file by its path.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

/// What the server does on a request.
#[derive(Debug, Clone)]
pub struct Response {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
    /// How long it thinks first.
    pub delay: Duration,
    /// Closes the connection after so many bytes of the body.
    pub cut: Option<usize>,
}

impl Response {
    pub fn new(status: u16, body: impl Into<Vec<u8>>) -> Response {
        Response { status, headers: vec![], body: body.into(), delay: Duration::ZERO, cut: None }
    }

    pub fn after(self, milliseconds: u64) -> Response {
        Response { delay: Duration::from_millis(milliseconds), ..self }
    }

    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Response {
        self.headers.push((name, value.into()));
        self
    }
}

/// What the server saw.
#[derive(Debug, Default)]
pub struct SeenRequests {
    /// How often each path was asked for.
    pub hits: BTreeMap<String, usize>,
    /// The header lines of the last request, in small letters.
    pub headers: Vec<String>,
    /// The most requests that it thought about at once.
    pub most: usize,
    pub connections: usize,
    flying: usize,
    ended: bool,
}

impl SeenRequests {
    /// All requests.
    pub fn requests(&self) -> usize {
        self.hits.values().sum()
    }
}

/// A server, until it is dropped.
pub struct TestServer {
    address: SocketAddr,
    seen: Arc<Mutex<SeenRequests>>,
}

impl TestServer {
    /// A server that answers with what `reply` says of a path and of how often it was asked for before.
    pub fn start(reply: impl Fn(&str, usize) -> Response + Send + Sync + 'static) -> TestServer {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = TestServer { address: listener.local_addr().unwrap(), seen: Arc::default() };
        let (seen, reply) = (server.seen.clone(), Arc::new(reply));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if seen.lock().unwrap().ended {
                    return;
                }
                let (seen, reply) = (seen.clone(), reply.clone());
                seen.lock().unwrap().connections += 1;
                // Connections that the client cuts are no fault.
                std::thread::spawn(move || serve(stream.unwrap(), &seen, &*reply));
            }
        });
        server
    }

    /// `http://host:port`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn seen(&self) -> MutexGuard<'_, SeenRequests> {
        self.seen.lock().unwrap()
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        self.seen().ended = true;
        let _ = TcpStream::connect(self.address);
    }
}

fn serve(
    stream: TcpStream,
    seen: &Mutex<SeenRequests>,
    reply: &dyn Fn(&str, usize) -> Response,
) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut out = stream.try_clone()?;
    let mut lines = BufReader::new(stream).lines();
    while let Some(request) = lines.next().transpose()? {
        let mut headers = vec![];
        for header in lines.by_ref() {
            match header?.to_lowercase() {
                header if header.is_empty() => break,
                header => headers.push(header),
            }
        }
        let path = request.split(' ').nth(1).unwrap_or("").to_string();
        let before = {
            let mut seen = seen.lock().unwrap();
            seen.headers = headers;
            seen.flying += 1;
            seen.most = seen.most.max(seen.flying);
            let hits = seen.hits.entry(path.clone()).or_default();
            *hits += 1;
            *hits - 1
        };
        let response = reply(&path, before);
        std::thread::sleep(response.delay);
        seen.lock().unwrap().flying -= 1;
        let mut text = format!("HTTP/1.1 {} Told\r\n", response.status).into_bytes();
        for (name, value) in &response.headers {
            text.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
        }
        text.extend_from_slice(format!("content-length: {}\r\n\r\n", response.body.len()).as_bytes());
        text.extend_from_slice(&response.body[..response.cut.unwrap_or(response.body.len())]);
        out.write_all(&text)?;
        if response.cut.is_some() {
            return out.shutdown(std::net::Shutdown::Both);
        }
    }
    Ok(())
}
