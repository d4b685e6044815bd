//! A port on loopback, for servers of the tests: each connection has a thread of its own.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A port that is listened to; dropped, it takes no further connection.
pub struct Port {
    address: SocketAddr,
    stopped: Arc<AtomicBool>,
}

impl Port {
    /// A free port, whose connections are served by `serve`.
    pub fn new(serve: impl Fn(TcpStream) + Send + Sync + 'static) -> Port {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let stopped = Arc::new(AtomicBool::new(false));
        let (is_stopped, serve) = (stopped.clone(), Arc::new(serve));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if is_stopped.load(Ordering::SeqCst) {
                    return;
                }
                let (serve, Ok(stream)) = (serve.clone(), stream) else { continue };
                std::thread::spawn(move || serve(stream));
            }
        });
        Port { address, stopped }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `http://127.0.0.1:` and the port.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Port {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::SeqCst);
        // Wakes the listener, which then goes.
        let _ = TcpStream::connect(self.address);
    }
}

/// A request of HTTP.
pub struct HttpRequest {
    pub method: String,
    /// Path and query, as they were asked for.
    pub target: String,
    /// By their names in small letters.
    pub headers: BTreeMap<String, String>,
    pub body: Vec<u8>,
}

impl HttpRequest {
    /// The next request of a connection; none where it ends.
    pub fn read(lines: &mut BufReader<TcpStream>) -> Option<HttpRequest> {
        let mut first = String::new();
        if lines.read_line(&mut first).ok()? == 0 {
            return None;
        }
        let mut headers = BTreeMap::new();
        loop {
            let mut header = String::new();
            lines.read_line(&mut header).ok().filter(|n| *n > 0)?;
            let Some((name, value)) = header.trim().split_once(':') else { break };
            headers.insert(name.to_ascii_lowercase(), value.trim().to_string());
        }
        let length = headers.get("content-length").map_or(0, |length| length.parse().unwrap());
        let mut body = vec![0; length];
        lines.read_exact(&mut body).ok()?;
        let mut words = first.split(' ');
        let (method, target) = (words.next()?.to_string(), words.next()?.to_string());
        Some(HttpRequest { method, target, headers, body })
    }
}
