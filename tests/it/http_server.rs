//! An HTTP server on loopback, for lookups: it delays, fails, hangs up and answers out of order as a test
//! says, and knows what it was asked.
//!
//! One thread per connection, which is kept alive; so answers to different connections overtake each other.

use crate::listen::{HttpRequest, Port};
use std::collections::BTreeMap;
use std::io::{BufReader, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A server; dropped, it takes no further connection.
pub struct Server {
    port: Port,
    state: Arc<State>,
}

/// An answer to one request.
#[derive(Debug, Clone)]
pub struct Reply {
    status: u16,
    body: String,
    delay: Duration,
    hangs_up: bool,
}

impl Reply {
    pub fn ok(body: impl Into<String>) -> Reply {
        Reply { status: 200, body: body.into(), delay: Duration::ZERO, hangs_up: false }
    }

    pub fn status(status: u16) -> Reply {
        Reply { status, ..Reply::ok("{\"error\":\"as the test says\"}") }
    }

    /// The connection is closed without an answer.
    pub fn hang_up() -> Reply {
        Reply { hangs_up: true, ..Reply::ok("") }
    }

    pub fn after(self, millis: u64) -> Reply {
        Reply { delay: Duration::from_millis(millis), ..self }
    }
}

type Answers = dyn Fn(&str, usize) -> Reply + Send + Sync;

struct State {
    answers: Box<Answers>,
    /// How often each path (with its query, as it was sent) was asked for.
    asked: Mutex<BTreeMap<String, usize>>,
    in_flight: AtomicUsize,
    most_in_flight: AtomicUsize,
}

impl Server {
    /// A server that answers by path and by how often that path was asked for before.
    pub fn new(answers: impl Fn(&str, usize) -> Reply + Send + Sync + 'static) -> Server {
        let state = Arc::new(State {
            answers: Box::new(answers),
            asked: Mutex::default(),
            in_flight: AtomicUsize::new(0),
            most_in_flight: AtomicUsize::new(0),
        });
        let shared = state.clone();
        let port = Port::new(move |stream| {
            let _ = serve(stream, &shared);
        });
        Server { port, state }
    }

    /// `http://127.0.0.1:` and the port.
    pub fn url(&self) -> String {
        self.port.url()
    }

    /// How often each path was asked for.
    pub fn asked(&self) -> BTreeMap<String, usize> {
        self.state.asked.lock().unwrap().clone()
    }

    /// How often it was asked at all.
    pub fn requests(&self) -> usize {
        self.asked().values().sum()
    }

    /// How many requests were in flight at most.
    pub fn most_in_flight(&self) -> usize {
        self.state.most_in_flight.load(Ordering::SeqCst)
    }
}

/// Answers the requests of one connection, until either side closes it.
fn serve(stream: TcpStream, state: &State) -> Option<()> {
    stream.set_nodelay(true).ok()?;
    let mut lines = BufReader::new(stream.try_clone().ok()?);
    loop {
        let HttpRequest { method, target: path, headers, .. } = HttpRequest::read(&mut lines)?;
        let close = headers.get("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"));
        assert_eq!(method, "GET", "{path}");
        let reply = {
            let now = state.in_flight.fetch_add(1, Ordering::SeqCst) + 1;
            state.most_in_flight.fetch_max(now, Ordering::SeqCst);
            let before = {
                let mut asked = state.asked.lock().unwrap();
                let count = asked.entry(path.clone()).or_default();
                *count += 1;
                *count - 1
            };
            let reply = (state.answers)(&path, before);
            std::thread::sleep(reply.delay);
            state.in_flight.fetch_sub(1, Ordering::SeqCst);
            reply
        };
        if reply.hangs_up {
            return None;
        }
        let Reply { status, body, .. } = reply;
        let head = format!(
            "HTTP/1.1 {status} Said\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        (&stream).write_all((head + &body).as_bytes()).ok()?;
        if close {
            return None;
        }
    }
}

/// The text that was percent-encoded.
pub fn decoded(path: &str) -> String {
    let mut bytes = path.bytes();
    let mut text = vec![];
    while let Some(byte) = bytes.next() {
        match byte {
            b'%' => {
                let digits = [bytes.next().unwrap(), bytes.next().unwrap()];
                text.push(u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap());
            }
            byte => text.push(byte),
        }
    }
    String::from_utf8(text).unwrap()
}

#[test]
fn it_answers_as_it_is_told() {
    use std::io::Read;
    let server = Server::new(|path, before| match (path, before) {
        ("/fails", 0) => Reply::status(503),
        ("/gone", _) => Reply::hang_up(),
        _ => Reply::ok(format!("{{\"path\":\"{path}\"}}")),
    });
    let ask = |paths: &[&str]| {
        let mut stream = TcpStream::connect(server.port.address()).unwrap();
        for path in paths {
            write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        }
        write!(stream, "GET /last HTTP/1.1\r\nConnection: close\r\n\r\n").unwrap();
        let mut text = String::new();
        let _ = stream.read_to_string(&mut text);
        text
    };
    let text = ask(&["/fails", "/fails", "/a%2Fb"]);
    assert!(text.starts_with("HTTP/1.1 503 "), "{text}");
    assert_eq!(text.matches("HTTP/1.1 200 ").count(), 3, "one connection, kept alive: {text}");
    assert_eq!(ask(&["/gone"]), "");
    let asked = [("/a%2Fb", 1), ("/fails", 2), ("/gone", 1), ("/last", 1)];
    assert_eq!(server.asked(), asked.map(|(path, n)| (path.to_string(), n)).into());
    assert_eq!((server.requests(), decoded("/a%2Fb%C3%BC")), (5, "/a/bü".to_string()));
}
