//! Connections beyond those that one client address may have: told why where that can be said, and closed.
//! Never in it: how many there may be.

use std::io::Write as _;
use std::net::{IpAddr, Shutdown, TcpStream};
use std::time::{Duration, Instant};

/// The pause between two lines of the log.
const PAUSE: Duration = Duration::from_secs(10);

const ANSWER: &str = "HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nRetry-After: 1\r\nContent-Type: application/json\r\n\
                      Content-Length: 115\r\n\r\n{\"errors\":[\"this address has as many connections as one may have \
                      (max_connections_per_address): close one first\"]}\n";

/// What the log has to say about them.
#[derive(Default)]
pub(super) struct RefusedConnections {
    count: u64,
    told: Option<Instant>,
}

impl RefusedConnections {
    /// Refuses a connection that was just accepted. Nothing was read of it, and nothing is waited for.
    pub(super) fn connection(&mut self, mut stream: &TcpStream, address: IpAddr, is_tls: bool) {
        self.count += 1;
        if self.told.is_none_or(|at| at.elapsed() >= PAUSE) {
            self.told = Some(Instant::now());
            let connections = std::mem::take(&mut self.count);
            tracing::warn!(%address, connections, "connections are refused: max_connections_per_address is reached");
        }
        // Within TLS nothing can be said before a handshake.
        if !is_tls {
            // The socket is empty and does not block: the text fits, or the client does not get it.
            drop(stream.write_all(ANSWER.as_bytes()));
        }
        drop(stream.shutdown(Shutdown::Write));
    }
}

#[cfg(test)]
mod tests {
    use super::ANSWER;

    #[test]
    fn the_answer_is_as_long_as_it_says() {
        let (head, body) = ANSWER.split_once("\r\n\r\n").unwrap();
        assert!(
            head.contains(&format!("Content-Length: {}\r\n", body.len()))
                || head.ends_with(&format!("Content-Length: {}", body.len())),
            "{}",
            body.len()
        );
    }
}
