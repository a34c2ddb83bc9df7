//! What collectors send to: it counts how often each line came.
//! Never in it: expectations.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use super::otlp;

/// How lines are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// Over TCP, each with a newline.
    Lines,
    /// As bodies of log records of OTLP over HTTP.
    Otlp,
}

/// Takes lines, and counts how often each came.
#[derive(Clone, Default)]
pub struct Receiver(Arc<Mutex<HashMap<String, usize>>>);

impl Receiver {
    /// Listens on a free port of this machine.
    pub(super) fn listen(&self, protocol: Protocol) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("its address").port();
        let receiver = self.clone();
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let receiver = receiver.clone();
                thread::spawn(move || receiver.serve(&stream, protocol));
            }
        });
        port
    }

    fn serve(&self, stream: &TcpStream, protocol: Protocol) {
        let reader = BufReader::new(stream);
        match protocol {
            Protocol::Lines => reader.lines().map_while(Result::ok).for_each(|line| self.take(vec![line])),
            // A connection that breaks is the collector's to repeat.
            Protocol::Otlp => drop(otlp::serve(reader, stream, |lines| self.take(lines))),
        }
    }

    fn take(&self, lines: Vec<String>) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for line in lines {
            *counts.entry(line).or_default() += 1;
        }
    }

    /// How often each line came.
    pub fn lines(&self) -> HashMap<String, usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
