//! A hostile client: many connections from an address of this machine that is not the other clients', raw bytes on them,
//! answers that are not read.
//! Never in it: expectations.

use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, SocketAddrV4, TcpStream};

use rustix::net::{AddressFamily, SocketType, bind, connect, socket};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::wait::TIMEOUT;

/// Where hostile clients come from: other clients of a test come from 127.0.0.1.
pub const ADDRESS: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 66);

/// A connection of the attacker's.
pub struct Attacker(TcpStream);

impl Attacker {
    /// Connects from [`ADDRESS`].
    pub fn connect(server: SocketAddr) -> Self {
        Self::from(ADDRESS, server)
    }

    /// Connects from this address of the machine.
    pub fn from(source: Ipv4Addr, server: SocketAddr) -> Self {
        let made = || -> io::Result<TcpStream> {
            let fd = socket(AddressFamily::INET, SocketType::STREAM, None)?;
            bind(&fd, &SocketAddr::V4(SocketAddrV4::new(source, 0)))?;
            connect(&fd, &server)?;
            let stream = TcpStream::from(fd);
            stream.set_read_timeout(Some(TIMEOUT))?;
            stream.set_write_timeout(Some(TIMEOUT))?;
            Ok(stream)
        };
        Self(made().expect("a connection"))
    }

    /// Sends bytes.
    pub fn send(&mut self, bytes: &[u8]) {
        // A server may refuse and close before it has read all.
        drop(self.0.write_all(bytes));
    }

    /// Announces a body of this length, and says no more. The server asks for it ([`Attacker::status`] is 100) or refuses
    /// it.
    pub fn announce(&mut self, method: &str, path: &str, token: &str, length: usize) {
        self.send(
            format!(
                "{method} {path} HTTP/1.1\r\nHost: a\r\nX-Vault-Token: {token}\r\nContent-Length: {length}\r\nExpect: \
                 100-continue\r\n\r\n"
            )
            .as_bytes(),
        );
    }

    /// The status of the next answer; 0 if the connection ended without one. Reads no further than its first line.
    pub fn status(&mut self) -> u16 {
        let mut line = Vec::new();
        let mut byte = [0];
        while !line.ends_with(b"\r\n") {
            match self.0.read(&mut byte) {
                Ok(1) => line.push(byte[0]),
                _ => break,
            }
        }
        let line = String::from_utf8_lossy(&line).into_owned();
        line.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0)
    }

    /// The next answer: its head, and as much of a body as the head announces. Empty if the connection ended.
    pub fn answer(&mut self) -> String {
        let mut text = Vec::new();
        let mut byte = [0];
        while !text.ends_with(b"\r\n\r\n") {
            match self.0.read(&mut byte) {
                Ok(1) => text.push(byte[0]),
                _ => return String::new(),
            }
        }
        let head = String::from_utf8_lossy(&text).into_owned();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        let mut body = vec![0; length.and_then(|length| length.parse().ok()).unwrap_or(0)];
        drop(self.0.read_exact(&mut body));
        head + &String::from_utf8_lossy(&body)
    }

    /// Waits until an answer has begun to arrive, and leaves it where it is.
    pub fn wait_for_answer(&self) {
        drop(self.0.peek(&mut [0]));
    }

    /// Sends no more; answers can still be read.
    pub fn close_half(&self) {
        drop(self.0.shutdown(Shutdown::Write));
    }

    /// All that is still said, until the server closes the connection.
    pub fn rest(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        // What came before a reset is what there is.
        drop(self.0.read_to_end(&mut rest));
        rest
    }
}

/// Lets this process, and the servers that it starts from now on, have this many open files.
pub fn allow_open_files(count: u64) {
    let limit = getrlimit(Resource::Nofile);
    let maximum = limit.maximum.map(|maximum| maximum.max(count));
    let current = Some(limit.current.map_or(count, |current| current.max(count)));
    setrlimit(Resource::Nofile, Rlimit { current, maximum }).expect("the limit of open files can be raised");
}
