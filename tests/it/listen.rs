//! A port on loopback, for servers of the tests: each connection has a thread of its own.

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
