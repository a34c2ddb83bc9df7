//! A load generator: one thread, one epoll, a fixed number of keep-alive connections that each wait for the answer
//! before the next request. One thread, so that it takes as little as possible from the server beside it.
//! Never in it: what is measured.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use rustix::event::epoll;

/// The result of a load.
#[derive(Debug, Clone)]
pub struct LoadResult {
    /// Answers a second.
    pub rate: f64,
    /// Latencies of all answers, sorted.
    latencies: Vec<Duration>,
    /// Answers whose status was not the expected one.
    pub wrong: usize,
}

impl LoadResult {
    /// How many answers came.
    pub fn answers(&self) -> usize {
        self.latencies.len()
    }

    /// A percentile of the latency (0.5 is the median).
    pub fn percentile(&self, share: f64) -> Duration {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "an index below the length"
        )]
        let index = ((self.latencies.len() as f64 - 1.0) * share) as usize;
        self.latencies.get(index).copied().unwrap_or_default()
    }
}

/// One connection: the request it sends, and the bytes of the answer so far.
struct Connection {
    stream: TcpStream,
    sent: Instant,
    answer: Vec<u8>,
    turn: usize,
}

/// Loads a server for a time. `request(connection, turn, buffer)` puts the bytes of the next request into a buffer.
pub fn load(
    addr: SocketAddr,
    connections: usize,
    time: Duration,
    status: u16,
    request: impl Fn(usize, usize, &mut Vec<u8>),
) -> LoadResult {
    let mut bytes = Vec::with_capacity(1024);
    let mut send = |stream: &mut TcpStream, connection, turn| {
        bytes.clear();
        request(connection, turn, &mut bytes);
        stream.write_all(&bytes).expect("the server reads");
    };
    let poll = epoll::create(epoll::CreateFlags::CLOEXEC).expect("epoll");
    let mut open: Vec<Connection> = (0..connections)
        .map(|index| {
            let mut stream = TcpStream::connect(addr).expect("the server accepts");
            stream.set_nodelay(true).expect("a socket option");
            send(&mut stream, index, 0);
            stream.set_nonblocking(true).expect("a socket option");
            let data = epoll::EventData::new_u64(index as u64);
            epoll::add(&poll, stream.as_fd(), data, epoll::EventFlags::IN).expect("epoll");
            Connection { stream, sent: Instant::now(), answer: Vec::with_capacity(4096), turn: 0 }
        })
        .collect();
    let begin = Instant::now();
    let (mut latencies, mut wrong) = (Vec::with_capacity(1 << 20), 0);
    let expected = format!("HTTP/1.1 {status}");
    let mut events = Vec::with_capacity(connections);
    let mut block = vec![0; 64 * 1024];
    while begin.elapsed() < time {
        events.clear();
        let timeout = rustix::event::Timespec { tv_sec: 5, tv_nsec: 0 };
        epoll::wait(&poll, rustix::buffer::spare_capacity(&mut events), Some(&timeout)).expect("epoll");
        assert!(!events.is_empty(), "the server answered nothing for five seconds");
        for event in &events {
            let index = usize::try_from(event.data.u64()).expect("a small number");
            let connection = &mut open[index];
            let count = connection.stream.read(&mut block).expect("the server answers");
            assert!(count > 0, "the server closed a connection");
            connection.answer.extend_from_slice(&block[..count]);
            if !whole(&connection.answer) {
                continue;
            }
            latencies.push(connection.sent.elapsed());
            wrong += usize::from(!connection.answer.starts_with(expected.as_bytes()));
            connection.answer.clear();
            connection.turn += 1;
            connection.sent = Instant::now();
            send(&mut connection.stream, index, connection.turn);
        }
    }
    let rate = latencies.len() as f64 / begin.elapsed().as_secs_f64();
    latencies.sort_unstable();
    LoadResult { rate, latencies, wrong }
}

/// Whether an answer is complete: all servers measured here send a length, or 204.
fn whole(answer: &[u8]) -> bool {
    let Some(end) = answer.windows(4).position(|w| w == b"\r\n\r\n") else { return false };
    let head = &answer[..end];
    if head.starts_with(b"HTTP/1.1 204") {
        return true;
    }
    let length = head.split(|b| *b == b'\n').find_map(|line| {
        let (name, value) = line.split_at_checked(15)?;
        name.eq_ignore_ascii_case(b"content-length:")
            .then(|| std::str::from_utf8(value).ok()?.trim().parse().ok())?
    });
    answer.len() - end - 4 >= length.unwrap_or(0_usize)
}
