//! A proxy between a client and the server that forwards every byte unchanged and keeps each exchange: what the client sent
//! and what it was answered, in the order of the requests.
//! Never in it: expectations, TLS.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::Value;

use crate::wait;

/// One request and its answer.
#[derive(Debug, Clone)]
pub struct Exchange {
    /// The method.
    pub method: String,
    /// The target: path and query.
    pub target: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body of the request.
    pub sent: Vec<u8>,
    /// The status of the answer.
    pub status: u16,
    /// The body of the answer.
    pub answer: Vec<u8>,
}

impl Exchange {
    /// The first value of a header of the request.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    /// The body of the answer as JSON; `null` if it is empty or not JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.answer).unwrap_or(Value::Null)
    }

    /// The body of the request as JSON; `null` if it is empty or not JSON.
    pub fn sent_json(&self) -> Value {
        serde_json::from_slice(&self.sent).unwrap_or(Value::Null)
    }

    /// The path below `/v1/`, without its query and without escapes.
    pub fn path(&self) -> String {
        let path = self.target.split('?').next().unwrap_or_default();
        let path = path.strip_prefix("/v1/").unwrap_or(path);
        percent_encoding::percent_decode_str(path).decode_utf8_lossy().into_owned()
    }
}

/// A running proxy.
pub struct RecordingProxy {
    /// Where it listens.
    pub addr: SocketAddr,
    exchanges: Arc<Mutex<Vec<Exchange>>>,
    ended: Arc<AtomicBool>,
}

impl RecordingProxy {
    /// Listens on a free port, in front of a server.
    pub fn start(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let addr = listener.local_addr().expect("an address");
        let exchanges = Arc::default();
        let ended = Arc::new(AtomicBool::new(false));
        let proxy = Self { addr, exchanges: Arc::clone(&exchanges), ended: Arc::clone(&ended) };
        std::thread::spawn(move || {
            for client in listener.incoming() {
                if ended.load(Ordering::SeqCst) {
                    return;
                }
                let (client, kept) = (client.expect("a connection"), Arc::clone(&exchanges));
                // A client may end its connection at any time: what was exchanged until then is kept.
                std::thread::spawn(move || drop(forward(&client, server, &kept)));
            }
        });
        proxy
    }

    /// All exchanges so far.
    pub fn exchanges(&self) -> Vec<Exchange> {
        self.exchanges.lock().expect("no panic while held").clone()
    }
}

impl Drop for RecordingProxy {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::SeqCst);
        // Ends the wait for a connection.
        drop(TcpStream::connect(self.addr));
    }
}

/// Forwards the exchanges of one connection until one side ends it.
fn forward(client: &TcpStream, server: SocketAddr, kept: &Mutex<Vec<Exchange>>) -> io::Result<()> {
    let server = TcpStream::connect(server)?;
    for stream in [client, &server] {
        stream.set_nodelay(true)?;
    }
    server.set_read_timeout(Some(wait::TIMEOUT))?;
    let (mut from_client, mut from_server) = (BufReader::new(client), BufReader::new(&server));
    let (mut to_client, mut to_server) = (client, &server);
    while let Some(request) = Message::read(&mut from_client, "")? {
        to_server.write_all(&request.bytes)?;
        let mut answer = next_answer(&mut from_server, request.word(0))?;
        while answer.word(1).starts_with('1') {
            to_client.write_all(&answer.bytes)?;
            answer = next_answer(&mut from_server, request.word(0))?;
        }
        let exchange = Exchange {
            method: request.word(0).to_owned(),
            target: request.word(1).to_owned(),
            status: answer.word(1).parse().map_err(io::Error::other)?,
            headers: request.headers,
            sent: request.body,
            answer: answer.body,
        };
        kept.lock().expect("no panic while held").push(exchange);
        to_client.write_all(&answer.bytes)?;
    }
    Ok(())
}

fn next_answer(from_server: &mut impl BufRead, method: &str) -> io::Result<Message> {
    Message::read(from_server, method)?.ok_or_else(|| io::Error::from(io::ErrorKind::UnexpectedEof))
}

/// A request or an answer.
struct Message {
    /// As it came.
    bytes: Vec<u8>,
    first_line: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Message {
    /// Reads one; `None` at the end of the stream. An answer to `HEAD`, and one with a status that allows none, has no body.
    fn read(from: &mut impl BufRead, method: &str) -> io::Result<Option<Self>> {
        let (mut bytes, mut lines) = (Vec::new(), Vec::new());
        loop {
            let start = bytes.len();
            if from.read_until(b'\n', &mut bytes)? == 0 {
                return Ok(None);
            }
            let line = String::from_utf8_lossy(&bytes[start..]).trim_end().to_owned();
            if line.is_empty() {
                break;
            }
            lines.push(line);
        }
        let first_line = lines.first().cloned().unwrap_or_default();
        let headers: Vec<(String, String)> = lines
            .iter()
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
            .collect();
        let mut message = Self { bytes, first_line, headers, body: Vec::new() };
        let has_none = method == "HEAD" || ["204", "304"].contains(&message.word(1));
        if !has_none {
            message.read_body(from)?;
        }
        Ok(Some(message))
    }

    fn read_body(&mut self, from: &mut impl BufRead) -> io::Result<()> {
        let header = |name: &str| self.headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str());
        let chunked = header("transfer-encoding").is_some_and(|v| v.eq_ignore_ascii_case("chunked"));
        let length = header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
        if !chunked {
            self.body = read_exactly(from, length)?;
            self.bytes.extend_from_slice(&self.body);
            return Ok(());
        }
        loop {
            let mut line = Vec::new();
            from.read_until(b'\n', &mut line)?;
            let size = usize::from_str_radix(String::from_utf8_lossy(&line).trim(), 16);
            let chunk = read_exactly(from, size.map_err(io::Error::other)? + 2)?;
            self.bytes.extend_from_slice(&line);
            self.bytes.extend_from_slice(&chunk);
            self.body.extend_from_slice(&chunk[..chunk.len() - 2]);
            if chunk.len() == 2 {
                return Ok(());
            }
        }
    }

    fn word(&self, index: usize) -> &str {
        self.first_line.split(' ').nth(index).unwrap_or_default()
    }
}

fn read_exactly(from: &mut impl Read, length: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; length];
    from.read_exact(&mut bytes)?;
    Ok(bytes)
}
