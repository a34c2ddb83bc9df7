//! Peers for socket devices, and lines to send them.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use onrecord_audit::device::{Appended, Batch};
use onrecord_audit::{Device, DeviceOptions, Placement, SystemClock};

/// Ends a hang, and nothing else.
pub const TIME_LIMIT: Duration = Duration::from_secs(20);

/// A socket device with these options.
pub fn socket_in(placement: &Placement, pairs: &[(&str, &str)]) -> Box<dyn Device> {
    let options = pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    let options = DeviceOptions::parse("socket", &options).unwrap();
    options.open(placement, Arc::new(SystemClock::new())).unwrap()
}

/// A socket device inside the limits of the API.
pub fn socket(pairs: &[(&str, &str)]) -> Box<dyn Device> {
    socket_in(&Placement::api(), pairs)
}

/// The `number`-th line, at least `length` bytes long.
pub fn line(number: usize, length: usize) -> String {
    format!("{number:06} {}\n", "x".repeat(length))
}

/// Appends lines as one batch.
pub fn append(device: &mut dyn Device, lines: &[String]) -> Appended {
    let bytes = lines.concat();
    let ends: Vec<usize> = lines
        .iter()
        .scan(0, |end, line| {
            *end += line.len();
            Some(*end)
        })
        .collect();
    device.append(&Batch::new(bytes.as_bytes(), &ends))
}

/// Appends one line, and expects that the device has it.
pub fn sends(device: &mut dyn Device, text: &str) {
    let appended = append(device, &[format!("{text}\n")]);
    assert!(appended.error.is_none() && appended.rejected.is_empty() && appended.lines == 1, "{appended:?}");
}

/// Appends one line, and returns why the device does not have it.
pub fn fails(device: &mut dyn Device, text: &str) -> String {
    let appended = append(device, &[format!("{text}\n")]);
    assert_eq!(appended.lines, 0);
    format!("{:#}", appended.error.expect("it does not have the line"))
}

/// A listener on a stream, and what it is to the device.
pub enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener),
}

/// One accepted connection.
pub enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Listener {
    pub fn tcp() -> Self {
        Self::Tcp(TcpListener::bind("127.0.0.1:0").unwrap())
    }

    pub fn unix(path: &Path) -> Self {
        Self::Unix(UnixListener::bind(path).unwrap())
    }

    /// Listens again where another has listened before.
    pub fn again(addr: SocketAddr) -> Self {
        Self::Tcp(TcpListener::bind(addr).unwrap())
    }

    pub fn addr(&self) -> SocketAddr {
        let Self::Tcp(listener) = self else { panic!("no TCP") };
        listener.local_addr().unwrap()
    }

    /// Socket type and address.
    pub fn options(&self) -> [(&'static str, String); 2] {
        match self {
            Self::Tcp(listener) => {
                [("socket_type", "tcp".to_owned()), ("address", listener.local_addr().unwrap().to_string())]
            }
            Self::Unix(listener) => {
                let name = listener.local_addr().unwrap();
                let path = name.as_pathname().unwrap().display().to_string();
                [("socket_type", "unix".to_owned()), ("address", path)]
            }
        }
    }

    /// A device that talks to it.
    pub fn device(&self, more: &[(&str, &str)]) -> Box<dyn Device> {
        let own = self.options();
        let mut all: Vec<(&str, &str)> = own.iter().map(|(key, value)| (*key, value.as_str())).collect();
        all.extend_from_slice(more);
        socket(&all)
    }

    pub fn accept(&self) -> Stream {
        self.accepted().unwrap()
    }

    /// What connects within no time at all.
    pub fn accept_now(&self) -> Option<Stream> {
        let blocking = |is: bool| match self {
            Self::Tcp(listener) => listener.set_nonblocking(!is).unwrap(),
            Self::Unix(listener) => listener.set_nonblocking(!is).unwrap(),
        };
        blocking(false);
        let accepted = self.accepted().ok();
        blocking(true);
        accepted
    }

    fn accepted(&self) -> std::io::Result<Stream> {
        match self {
            Self::Tcp(listener) => {
                let (stream, _) = listener.accept()?;
                stream.set_read_timeout(Some(TIME_LIMIT))?;
                Ok(Stream::Tcp(stream))
            }
            Self::Unix(listener) => {
                let (stream, _) = listener.accept()?;
                stream.set_read_timeout(Some(TIME_LIMIT))?;
                Ok(Stream::Unix(stream))
            }
        }
    }
}

impl Stream {
    /// Reads exactly one line, byte by byte, and nothing after it.
    pub fn line(&mut self) -> String {
        let mut text = Vec::new();
        let mut byte = [0];
        while text.last() != Some(&b'\n') && self.read(&mut byte) == 1 {
            text.push(byte[0]);
        }
        String::from_utf8(text).unwrap()
    }

    fn read(&mut self, block: &mut [u8]) -> usize {
        match self {
            Self::Tcp(stream) => stream.read(block),
            Self::Unix(stream) => stream.read(block),
        }
        .unwrap()
    }

    /// Reads until the end of the stream, however it ends.
    pub fn rest(&mut self) -> String {
        let mut text = Vec::new();
        drop(match self {
            Self::Tcp(stream) => stream.read_to_end(&mut text),
            Self::Unix(stream) => stream.read_to_end(&mut text),
        });
        String::from_utf8(text).unwrap()
    }

    /// Sends data that the device does not expect.
    pub fn says(&mut self, text: &str) {
        match self {
            Self::Tcp(stream) => stream.write_all(text.as_bytes()),
            Self::Unix(stream) => stream.write_all(text.as_bytes()),
        }
        .unwrap();
    }

    /// Ends it in the ordinary way, both directions.
    pub fn close(self) {
        if let Self::Tcp(stream) = &self {
            drop(stream.shutdown(Shutdown::Write));
        }
    }
}
