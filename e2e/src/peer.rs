//! Peers of socket devices inside the test: they read, stop reading, end all connections with lines unread, end and start again.
//! Never in it: expectations.

use std::io::{self, Read};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Duration;

use serde_json::{Value, json};

use crate::wait::TIMEOUT;

/// A connection.
enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Stream {
    fn read(&mut self, block: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.read(block),
            Self::Unix(stream) => stream.read(block),
        }
    }

    /// A read returns the end of the stream; the other direction stays open.
    fn wake(&self) {
        // It may have ended by itself.
        drop(match self {
            Self::Tcp(stream) => stream.shutdown(Shutdown::Read),
            Self::Unix(stream) => stream.shutdown(Shutdown::Read),
        });
    }

    fn again(&self) -> io::Result<Self> {
        match self {
            Self::Tcp(stream) => stream.try_clone().map(Self::Tcp),
            Self::Unix(stream) => stream.try_clone().map(Self::Unix),
        }
    }
}

enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener),
}

struct State {
    /// What each connection has read.
    texts: Vec<Vec<u8>>,
    /// Handles to all connections, to wake those who read them.
    open: Vec<Stream>,
    stopped: bool,
    /// How often all connections were ended.
    cuts: usize,
    ended: bool,
}

struct Shared {
    state: Mutex<State>,
    news: Condvar,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no panic while held")
    }
}

/// A peer that listens until it is dropped.
pub struct Peer {
    shared: Arc<Shared>,
    at: At,
    accepting: Option<std::thread::JoinHandle<()>>,
}

enum At {
    Tcp(SocketAddr),
    Unix(PathBuf),
}

impl Peer {
    /// On a free port of this machine.
    pub fn tcp() -> Self {
        Self::on(TcpListener::bind("127.0.0.1:0").expect("a port"))
    }

    /// On this listener, wherever it listens.
    pub fn on(listener: TcpListener) -> Self {
        let at = At::Tcp(listener.local_addr().expect("an address"));
        Self::start(Listener::Tcp(listener), at)
    }

    /// On a Unix socket; what was at its path is removed.
    pub fn unix(path: &Path) -> Self {
        drop(std::fs::remove_file(path));
        Self::start(Listener::Unix(UnixListener::bind(path).expect("a socket")), At::Unix(path.to_owned()))
    }

    /// Where this one listened, after its end.
    #[must_use]
    pub fn again(&self) -> Self {
        match &self.at {
            At::Tcp(addr) => Self::on(TcpListener::bind(addr).expect("the port is free again")),
            At::Unix(path) => Self::unix(path),
        }
    }

    fn start(listener: Listener, at: At) -> Self {
        let state = State { texts: Vec::new(), open: Vec::new(), stopped: false, cuts: 0, ended: false };
        let shared = Arc::new(Shared { state: Mutex::new(state), news: Condvar::new() });
        let accepting = {
            let shared = Arc::clone(&shared);
            std::thread::spawn(move || accept(&listener, &shared))
        };
        Self { shared, at, accepting: Some(accepting) }
    }

    /// The options of a device that talks to it.
    pub fn options(&self) -> Value {
        match &self.at {
            At::Tcp(addr) => json!({"address": addr.to_string(), "socket_type": "tcp"}),
            At::Unix(path) => json!({"address": path, "socket_type": "unix"}),
        }
    }

    /// It accepts connections and reads nothing from them.
    pub fn stops_reading(&self) {
        self.shared.state().stopped = true;
    }

    /// It reads everything.
    pub fn reads_on(&self) {
        self.shared.state().stopped = false;
        self.shared.news.notify_all();
    }

    /// Ends all its connections at once, with lines unread, and goes on listening.
    pub fn cut(&self) {
        self.shared.state().cut();
        self.shared.news.notify_all();
    }

    /// Ends the listener and all connections, as the end of its process would.
    pub fn ends(&mut self) {
        self.shared.state().ended = true;
        // Wakes the accepting thread, unless nothing reaches it.
        let woken = match &self.at {
            At::Tcp(addr) => TcpStream::connect_timeout(addr, Duration::from_secs(5)).is_ok(),
            At::Unix(path) => UnixStream::connect(path).is_ok(),
        };
        if let Some(accepting) = self.accepting.take().filter(|_| woken) {
            accepting.join().expect("no panic");
        }
    }

    /// How many connections there have been.
    pub fn connections(&self) -> usize {
        self.shared.state().texts.len()
    }

    /// All whole lines that were read, connection after connection. A line that a connection broke off is none.
    pub fn lines(&self) -> Vec<u8> {
        let state = self.shared.state();
        let whole = |text: &Vec<u8>| {
            let end = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
            text[..end].to_vec()
        };
        state.texts.iter().flat_map(whole).collect()
    }

    /// Waits until its last connection has brought this text this number of times.
    pub fn wait_for(&self, text: &str, times: usize) {
        let brought = |state: &State| {
            let last = state.texts.last().map(|bytes| String::from_utf8_lossy(bytes));
            last.is_some_and(|last| last.matches(text).count() >= times)
        };
        let waits = |state: &mut State| !brought(state);
        let (state, out) = self
            .shared
            .news
            .wait_timeout_while(self.shared.state(), TIMEOUT, waits)
            .expect("no panic while held");
        drop(state);
        assert!(!out.timed_out(), "{text} has not come");
    }

    /// Waits until what was read is as wanted.
    pub fn wait_until(&self, what: &str, wanted: impl Fn(&str) -> bool) {
        let deadline = std::time::Instant::now() + TIMEOUT;
        loop {
            let lines = self.lines();
            if wanted(&String::from_utf8_lossy(&lines)) {
                return;
            }
            assert!(std::time::Instant::now() < deadline, "{what} has not come: {} bytes have", lines.len());
            let state = self.shared.state();
            drop(
                self.shared.news.wait_timeout(state, Duration::from_millis(50)).expect("no panic while held"),
            );
        }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.ends();
    }
}

impl State {
    fn cut(&mut self) {
        self.cuts += 1;
        // The other side learns of it when the reader then closes the stream.
        self.open.drain(..).for_each(|stream| stream.wake());
    }
}

fn accept(listener: &Listener, shared: &Arc<Shared>) {
    let mut readers = Vec::new();
    loop {
        let accepted = match listener {
            Listener::Tcp(listener) => listener.accept().map(|(stream, _)| Stream::Tcp(stream)),
            Listener::Unix(listener) => listener.accept().map(|(stream, _)| Stream::Unix(stream)),
        };
        let stream = accepted.expect("a connection");
        let mut state = shared.state();
        if state.ended {
            state.cut();
            break;
        }
        let (number, life) = (state.texts.len(), state.cuts);
        state.texts.push(Vec::new());
        state.open.extend(stream.again());
        drop(state);
        let shared = Arc::clone(shared);
        readers.push(std::thread::spawn(move || read(stream, number, life, &shared)));
    }
    shared.news.notify_all();
    for reader in readers {
        reader.join().expect("no panic");
    }
}

/// Reads a connection until it ends, or all connections are cut.
fn read(mut stream: Stream, number: usize, life: usize, shared: &Shared) {
    let mut block = [0; 4096];
    loop {
        let state = shared.state();
        let waits = |state: &mut State| state.stopped && state.cuts == life;
        if shared.news.wait_while(state, waits).expect("no panic while held").cuts != life {
            return;
        }
        let Ok(count @ 1..) = stream.read(&mut block) else { return };
        shared.state().texts[number].extend_from_slice(&block[..count]);
        shared.news.notify_all();
    }
}
