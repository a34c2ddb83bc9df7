//! Connections beyond those that one client address may have: told why where that can be said, and closed.
//! Never in it: how many there may be.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::client_socket::Accepted;

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
    pub(super) fn connection(&mut self, stream: &Accepted, peer: Option<SocketAddr>, is_tls: bool) {
        if let Some(connections) = self.due() {
            let address = text(peer);
            tracing::warn!(
                address,
                connections,
                "connections are refused: max_connections_per_address is reached"
            );
        }
        // Within TLS nothing can be said before a handshake.
        stream.end_with(if is_tls { b"" } else { ANSWER.as_bytes() });
    }

    /// Closes a connection of a peer that may not use the listener.
    pub(super) fn untrusted_proxy(&mut self, stream: &Accepted, peer: Option<SocketAddr>) {
        if let Some(connections) = self.due() {
            let address = text(peer);
            tracing::warn!(
                address,
                connections,
                "connections are refused: proxy_protocol_authorized_addrs does not name the peer"
            );
        }
        stream.end_with(b"");
    }

    /// Counts one; how many the log should speak of now, if it should.
    fn due(&mut self) -> Option<u64> {
        self.count += 1;
        if self.told.is_some_and(|at| at.elapsed() < PAUSE) {
            return None;
        }
        self.told = Some(Instant::now());
        Some(std::mem::take(&mut self.count))
    }
}

fn text(peer: Option<SocketAddr>) -> String {
    peer.map_or_else(|| "a Unix socket".to_owned(), |peer| peer.ip().to_string())
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
