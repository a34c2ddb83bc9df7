//! A server for tests: it sends scripted responses in order, and keeps the requests. Only with the feature `test-support`.
//! Never in it: limits, and more than one connection at a time.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

/// One response: status, body, and further headers.
#[derive(Clone, Debug)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// Body, may be empty.
    pub body: Vec<u8>,
    /// More headers.
    pub headers: Vec<(String, String)>,
}

impl Reply {
    /// A status with a body.
    pub fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self { status, body: body.into(), headers: Vec::new() }
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }
}

/// A request that the server received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    /// Verb.
    pub method: String,
    /// Path and query as on the request line.
    pub target: String,
    /// Headers, names lowered.
    pub headers: Vec<(String, String)>,
    /// Body as text.
    pub body: String,
}

impl Sent {
    /// Verb and target.
    pub fn line(&self) -> String {
        format!("{} {}", self.method, self.target)
    }

    /// A header by its lowered name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// A running scripted server.
#[derive(Debug)]
pub struct Scripted {
    address: SocketAddr,
    sent: Receiver<Sent>,
}

impl Scripted {
    /// Starts a server on a free port of the loopback; it stops at the end of the script.
    pub fn start(script: Vec<Reply>) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let address = listener.local_addr()?;
        let (sender, sent) = channel();
        thread::spawn(move || play(&listener, &script, &sender));
        Ok(Self { address, sent })
    }

    /// `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The requests received so far.
    pub fn sent(&self) -> Vec<Sent> {
        self.sent.try_iter().collect()
    }
}

fn play(listener: &TcpListener, script: &[Reply], sender: &Sender<Sent>) {
    let mut replies = script.iter();
    let mut next = replies.next();
    while let Some(reply) = next {
        let Ok((stream, _)) = listener.accept() else { return };
        let mut reader = BufReader::new(stream);
        let mut current = Some(reply);
        while let Some(reply) = current {
            let Ok(Some(sent)) = receive(&mut reader) else { break };
            // The test has ended.
            if sender.send(sent).is_err() || answer(reader.get_mut(), reply).is_err() {
                return;
            }
            next = replies.next();
            current = next;
        }
    }
}

fn receive(reader: &mut BufReader<TcpStream>) -> io::Result<Option<Sent>> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let mut words = line.split_whitespace();
    let method = words.next().unwrap_or_default().to_owned();
    let target = words.next().unwrap_or_default().to_owned();
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        headers.push((name.to_lowercase(), value.to_owned()));
    }
    let length =
        headers.iter().find(|(name, _)| name == "content-length").and_then(|(_, value)| value.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body)?;
    Ok(Some(Sent { method, target, headers, body: String::from_utf8_lossy(&body).into_owned() }))
}

fn answer(stream: &mut TcpStream, reply: &Reply) -> io::Result<()> {
    let mut head = format!("HTTP/1.1 {} X\r\nContent-Type: application/json\r\n", reply.status);
    if reply.status != 204 {
        head.push_str("Content-Length: ");
        head.push_str(&reply.body.len().to_string());
        head.push_str("\r\n");
    }
    for (name, value) in &reply.headers {
        head.push_str(name);
        head.push_str(": ");
        head.push_str(value);
        head.push_str("\r\n");
    }
    head.push_str("\r\n");
    stream.write_all(head.as_bytes())?;
    stream.write_all(&reply.body)?;
    stream.flush()
}
