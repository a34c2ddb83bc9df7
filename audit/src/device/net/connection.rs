//! One connection, or one datagram socket with a peer. Never in it: dialling, deciding what a failure means.

use std::cell::Cell;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use rustix::event::PollFlags;
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, Shutdown};

use super::acknowledged;
use super::deadline::Deadline;
use crate::device::error::DeviceError;
use crate::device::error::net::{NetCause, NetError};

/// What a peer sends is thrown away, at most this many blocks at a look.
const BLOCKS_READ: usize = 64;
const BLOCK: usize = 4096;

/// The most that a UDP datagram can carry over IPv4, in bytes: 65,535 less the headers.
const UDP_LONGEST: usize = 65_507;

/// What the system takes of a send buffer for itself, in bytes.
const UNIX_OVERHEAD: usize = 64;

/// No entry fits into less than this, in bytes.
const SHORTEST: usize = 1024;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A stream to a peer with a kernel of its own.
    Tcp,
    Udp,
    /// A stream or a sequence of packets on this machine.
    Unix,
    UnixDatagram,
}

/// The peer has read all that was written, or something may not have been read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    Read,
    Lost(Errno),
}

pub(crate) struct Connection {
    fd: OwnedFd,
    kind: Kind,
    network: Arc<str>,
    local: Arc<str>,
    peer: Arc<str>,
    /// How long a message may be, in bytes, as far as is known.
    pub(crate) longest: Cell<usize>,
}

impl Connection {
    pub(super) fn new(fd: OwnedFd, kind: Kind, network: Arc<str>, local: &str, peer: &str) -> Self {
        let longest = match kind {
            Kind::Tcp => usize::MAX,
            Kind::Udp => UDP_LONGEST,
            // A message has to fit our send buffer; the system needs a little of it for itself.
            Kind::Unix | Kind::UnixDatagram => rustix::net::sockopt::socket_send_buffer_size(&fd)
                .unwrap_or(UDP_LONGEST)
                .saturating_sub(UNIX_OVERHEAD),
        };
        let (local, peer, longest) = (Arc::from(local), Arc::from(peer), Cell::new(longest));
        Self { fd, kind, network, local, peer, longest }
    }

    /// A message of that length was too long: a shorter one is to be tried, if that makes sense.
    pub(crate) fn shorten_messages(&self) -> bool {
        let shorter = self.longest.get() / 2;
        let sensible = shorter >= SHORTEST;
        if sensible {
            self.longest.set(shorter);
        }
        sensible
    }

    pub(crate) fn error(&self, cause: NetCause) -> DeviceError {
        DeviceError::Net(Arc::new(NetError {
            operation: "write",
            network: Arc::clone(&self.network),
            local: Some(Arc::clone(&self.local)),
            peer: Some(Arc::clone(&self.peer)),
            cause,
        }))
    }

    /// Whether its end can be noticed, and can be made known to the peer.
    pub(crate) const fn is_stream(&self) -> bool {
        matches!(self.kind, Kind::Tcp | Kind::Unix)
    }

    /// Gives the kernel as much as it takes, at least something; a message as a whole. Waits for room.
    pub(crate) fn send(&self, bytes: &[u8], deadline: &Deadline<'_>) -> Result<usize, NetCause> {
        loop {
            match rustix::net::send(&self.fd, bytes, SendFlags::NOSIGNAL) {
                Ok(count) => return Ok(count),
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => deadline.wait(&self.fd, PollFlags::OUT)?,
                Err(errno) => return Err(NetCause::system("write", errno)),
            }
        }
    }

    /// Whether the connection has ended. Throws away what the peer sent.
    pub(crate) fn ending(&self) -> Option<Ending> {
        if self.kind == Kind::UnixDatagram {
            return None;
        }
        match self.read()? {
            // A datagram may be empty.
            Ok(()) if self.kind == Kind::Udp => None,
            Ok(()) if self.kind == Kind::Unix || self.is_acknowledged() => Some(Ending::Read),
            Ok(()) => Some(Ending::Lost(Errno::PIPE)),
            Err(errno) => Some(Ending::Lost(errno)),
        }
    }

    /// Reads what there is, away: `None` if more may come, else how it ended.
    fn read(&self) -> Option<Result<(), Errno>> {
        let mut block = [0; BLOCK];
        for _ in 0..BLOCKS_READ {
            match rustix::net::recv(&self.fd, &mut block[..], RecvFlags::DONTWAIT) {
                Ok((_, 0)) => return Some(Ok(())),
                Ok(_) | Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return None,
                Err(errno) => return Some(Err(errno)),
            }
        }
        None
    }

    /// Whether the peer's kernel has acknowledged everything. It closes a connection with unread bytes by a reset, so
    /// a peer that ended the stream after all was acknowledged has read all of it.
    fn is_acknowledged(&self) -> bool {
        let name = |name: Result<_, Errno>| name.ok().and_then(|name| SocketAddr::try_from(name).ok());
        let local = name(rustix::net::getsockname(&self.fd));
        local.zip(self.peer.parse().ok()).is_some_and(|(local, peer)| acknowledged::all(&local, &peer))
    }

    /// Whether a datagram was refused, looked for until the deadline.
    pub(crate) fn refusal(&self, deadline: &Deadline<'_>) -> Option<Errno> {
        deadline.wait(&self.fd, PollFlags::empty()).ok()?;
        match self.ending() {
            Some(Ending::Lost(errno)) => Some(errno),
            _ => None,
        }
    }

    /// Says that nothing more will come, and waits for the peer to end it, too.
    pub(crate) fn finish(&self, deadline: &Deadline<'_>) -> Option<Ending> {
        rustix::net::shutdown(&self.fd, Shutdown::Write).ok()?;
        loop {
            if let Some(ending) = self.ending() {
                return Some(ending);
            }
            deadline.wait(&self.fd, PollFlags::IN).ok()?;
        }
    }
}

impl Drop for Connection {
    /// A close with unread bytes would be a reset, and take away from the peer what is on its way.
    fn drop(&mut self) {
        if self.kind != Kind::UnixDatagram {
            let _ended = self.read();
        }
    }
}
