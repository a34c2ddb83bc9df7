//! The peers of devices: readers that discard everything, and one that never reads.
//! Never in it: devices.

use std::io::Read;
use std::net::{TcpListener, UdpSocket};
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// How often a reader that has nothing to read looks whether it is to end.
const READ_TIMEOUT: Duration = Duration::from_millis(50);

/// The other end of a device, as long as it is kept.
pub struct Peer {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
    /// A socket that is never read.
    _unread: Option<TcpListener>,
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

/// A thread that calls `read` until it is dropped; that waits for at most [`READ_TIMEOUT`].
fn reader(mut read: impl FnMut() + Send + 'static) -> Peer {
    let stop = Arc::new(AtomicBool::new(false));
    let stopped = Arc::clone(&stop);
    let thread = std::thread::spawn(move || {
        while !stopped.load(Ordering::Relaxed) {
            read();
        }
    });
    Peer { stop, thread: Some(thread), _unread: None }
}

/// Reads one connection at a time to its end.
fn streams<S: Read + Send + 'static>(mut accept: impl FnMut() -> Option<S> + Send + 'static) -> Peer {
    let mut block = vec![0; 256 * 1024];
    let mut open: Option<S> = None;
    reader(move || match &mut open {
        None => {
            open = accept();
            if open.is_none() {
                std::thread::sleep(Duration::from_millis(1));
            }
        }
        Some(stream) => match stream.read(&mut block) {
            Err(error) if matches!(error.kind(), std::io::ErrorKind::WouldBlock) => {}
            Ok(count) if count > 0 => {}
            _ => open = None,
        },
    })
}

/// A TCP server, and its address.
pub fn tcp() -> (Peer, String) {
    let socket = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = socket.local_addr().expect("an address").to_string();
    socket.set_nonblocking(true).expect("a socket option");
    let peer = streams(move || {
        let stream = socket.accept().ok()?.0;
        stream.set_nonblocking(false).and_then(|()| stream.set_read_timeout(Some(READ_TIMEOUT))).ok()?;
        Some(stream)
    });
    (peer, address)
}

/// A TCP server that never reads, and its address.
pub fn unread() -> (Peer, String) {
    let socket = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = socket.local_addr().expect("an address").to_string();
    (Peer { stop: Arc::default(), thread: None, _unread: Some(socket) }, address)
}

/// A server on a Unix stream socket.
pub fn unix(path: &Path) -> Peer {
    let socket = UnixListener::bind(path).expect("a socket");
    socket.set_nonblocking(true).expect("a socket option");
    streams(move || {
        let stream = socket.accept().ok()?.0;
        stream.set_nonblocking(false).and_then(|()| stream.set_read_timeout(Some(READ_TIMEOUT))).ok()?;
        Some(stream)
    })
}

/// A UDP server, and its address.
pub fn udp() -> (Peer, String) {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
    let address = socket.local_addr().expect("an address").to_string();
    socket.set_read_timeout(Some(READ_TIMEOUT)).expect("a socket option");
    let mut block = vec![0; 64 * 1024];
    (reader(move || drop(socket.recv(&mut block))), address)
}

/// A syslog daemon's socket.
pub fn syslog(path: &Path) -> Peer {
    let socket = UnixDatagram::bind(path).expect("a socket");
    socket.set_read_timeout(Some(READ_TIMEOUT)).expect("a socket option");
    let mut block = vec![0; 256 * 1024];
    reader(move || drop(socket.recv(&mut block)))
}
