//! A cable between site and bureau that can be cut: a TCP proxy on loopback.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// A proxy to one address.
#[derive(Debug)]
pub struct Cable {
    /// Where to connect instead.
    pub url: String,
    whole: Arc<AtomicBool>,
    open: Arc<Mutex<Vec<TcpStream>>>,
}

impl Cable {
    /// Lays a cable to `http://host:port`.
    ///
    /// # Errors
    /// When no port is free, or the address is none.
    pub fn lay(to: &str) -> io::Result<Self> {
        let to = to.trim_start_matches("http://").trim_end_matches('/');
        let to: SocketAddr = to.parse().map_err(|_| io::Error::other("not http://address:port"))?;
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let url = format!("http://{}", listener.local_addr()?);
        let cable = Self { url, whole: Arc::new(AtomicBool::new(true)), open: Arc::default() };
        let (whole, open) = (cable.whole.clone(), cable.open.clone());
        thread::spawn(move || {
            for near in listener.incoming().flatten() {
                // A cut cable refuses: the connection is closed at once.
                if !whole.load(Ordering::SeqCst) {
                    continue;
                }
                let Ok(far) = TcpStream::connect_timeout(&to, Duration::from_secs(2)) else { continue };
                let ends = [near.try_clone(), far.try_clone()];
                let Ok(mut open) = open.lock() else { return };
                open.extend(ends.into_iter().flatten());
                drop(open);
                pump(&near, &far);
                pump(&far, &near);
            }
        });
        Ok(cable)
    }

    /// Cuts it: what is under way ends, what comes is refused.
    pub fn cut(&self) {
        self.whole.store(false, Ordering::SeqCst);
        if let Ok(mut open) = self.open.lock() {
            for end in open.drain(..) {
                let _ = end.shutdown(Shutdown::Both);
            }
        }
    }

    /// Mends it.
    pub fn mend(&self) {
        self.whole.store(true, Ordering::SeqCst);
    }
}

fn pump(from: &TcpStream, to: &TcpStream) {
    let (Ok(mut from), Ok(mut to)) = (from.try_clone(), to.try_clone()) else { return };
    thread::spawn(move || {
        let mut buffer = [0; 8192];
        while let Ok(n) = from.read(&mut buffer) {
            if n == 0 || to.write_all(&buffer[..n]).is_err() {
                break;
            }
        }
        let _ = to.shutdown(Shutdown::Write);
    });
}
