//! From the name of a network and an address to a connection, inside the device's limits and its time-out.
//! Never in it: when to dial, what to write.

use std::net::SocketAddr;
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;

use rustix::event::PollFlags;
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::net::sockopt::{self, Timeout};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};

use super::connection::{Connection, Kind};
use super::deadline::Deadline;
use super::resolve::Resolver;
use super::{Network, address};
use crate::device::error::DeviceError;
use crate::device::error::net::{NetCause, NetError};
use crate::device::placement::Placement;

/// When an idle peer is asked whether it is still there, and how often: as Go's dialer does.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
const KEEP_ALIVE_COUNT: u32 = 9;

/// A connection on which nothing was acknowledged for this time, in milliseconds, is lost. Without it, what was written
/// to a machine that has gone would be taken to be on its way for a quarter of an hour.
const UNACKNOWLEDGED_MS: u32 = 60_000;

pub(crate) struct Dialer<'a> {
    pub(crate) network: &'a Network,
    pub(crate) address: &'a str,
    pub(crate) placement: &'a Placement,
    /// How much may be under way in our half of a TCP connection, in bytes; `None` as the system likes.
    pub(crate) send_buffer: Option<usize>,
}

impl Dialer<'_> {
    /// Dials. Several addresses are tried in turn, each with its share of the time.
    pub(crate) fn dial(
        &self,
        resolver: &mut Resolver,
        deadline: &Deadline<'_>,
    ) -> Result<Connection, DeviceError> {
        match self.network {
            Network::Tcp(family) | Network::Udp(family) => {
                let protocol = if matches!(self.network, Network::Tcp(_)) { "tcp" } else { "udp" };
                let target =
                    address::parse(self.address, protocol).map_err(|cause| self.error(None, cause))?;
                let addresses =
                    resolver.resolve(target, *family, deadline).map_err(|cause| self.error(None, cause))?;
                self.first_of(&addresses, deadline)
            }
            Network::Unix => self.unix(SocketType::STREAM, deadline),
            Network::Unixgram => self.unix(SocketType::DGRAM, deadline),
            Network::Unixpacket => self.unix(SocketType::SEQPACKET, deadline),
            Network::Raw(_) | Network::Unknown(_) => Err(self.error(None, NetCause::UnknownNetwork)),
        }
    }

    fn error(&self, peer: Option<String>, cause: NetCause) -> DeviceError {
        DeviceError::Net(Arc::new(NetError {
            operation: "dial",
            network: self.network.name(),
            local: None,
            peer: peer.map(Arc::from),
            cause,
        }))
    }

    /// The first address that answers; if none does, why the first one did not.
    fn first_of(&self, addresses: &[SocketAddr], deadline: &Deadline<'_>) -> Result<Connection, DeviceError> {
        let mut first = None;
        for (at, address) in addresses.iter().enumerate() {
            match self.internet(address, &deadline.share(addresses.len() - at)) {
                Ok(connection) => return Ok(connection),
                Err(cause) => {
                    first.get_or_insert_with(|| self.error(Some(address.to_string()), cause));
                }
            }
        }
        Err(first.unwrap_or_else(|| self.error(None, NetCause::NoAddress)))
    }

    fn internet(&self, address: &SocketAddr, deadline: &Deadline<'_>) -> Result<Connection, NetCause> {
        self.placement.check_address(*address).map_err(NetCause::Forbidden)?;
        let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
        let tcp = matches!(self.network, Network::Tcp(_));
        let fd = socket(family, if tcp { SocketType::STREAM } else { SocketType::DGRAM })?;
        if tcp {
            self.tune(&fd, deadline).map_err(|errno| NetCause::system("setsockopt", errno))?;
        }
        match rustix::net::connect(&fd, address) {
            Ok(()) => {}
            Err(Errno::INPROGRESS | Errno::INTR) => {
                deadline.wait(&fd, PollFlags::OUT)?;
                sockopt::socket_error(&fd)
                    .and_then(|outcome| outcome)
                    .map_err(|errno| NetCause::system("connect", errno))?;
            }
            Err(errno) => return Err(NetCause::system("connect", errno)),
        }
        // A port without a listener may be our own by chance, and then we would talk to ourselves.
        let ours = rustix::net::getsockname(&fd).ok().and_then(|name| SocketAddr::try_from(name).ok());
        if tcp && ours == Some(*address) {
            return Err(NetCause::system("connect", Errno::CONNREFUSED));
        }
        let local = ours.map_or_else(String::new, |ours| ours.to_string());
        let kind = if tcp { Kind::Tcp } else { Kind::Udp };
        Ok(Connection::new(fd, kind, self.network.name(), &local, &address.to_string()))
    }

    fn tune(&self, fd: &OwnedFd, deadline: &Deadline<'_>) -> Result<(), Errno> {
        sockopt::set_tcp_nodelay(fd, true)?;
        sockopt::set_socket_keepalive(fd, true)?;
        sockopt::set_tcp_keepidle(fd, KEEP_ALIVE)?;
        sockopt::set_tcp_keepintvl(fd, KEEP_ALIVE)?;
        sockopt::set_tcp_keepcnt(fd, KEEP_ALIVE_COUNT)?;
        if deadline.left().is_some() {
            sockopt::set_tcp_user_timeout(fd, UNACKNOWLEDGED_MS)?;
        }
        if let Some(size) = self.send_buffer {
            sockopt::set_socket_send_buffer_size(fd, size)?;
        }
        Ok(())
    }

    fn unix(&self, kind: SocketType, deadline: &Deadline<'_>) -> Result<Connection, DeviceError> {
        if self.address.is_empty() {
            return Err(self.error(None, NetCause::NoAddress));
        }
        let connected = self.unix_socket(kind, deadline);
        let fd = connected.map_err(|cause| self.error(Some(self.address.to_owned()), cause))?;
        let kind = if kind == SocketType::DGRAM { Kind::UnixDatagram } else { Kind::Unix };
        Ok(Connection::new(fd, kind, self.network.name(), "@", self.address))
    }

    fn unix_socket(&self, kind: SocketType, deadline: &Deadline<'_>) -> Result<OwnedFd, NetCause> {
        let invalid = |_| NetCause::system("connect", Errno::INVAL);
        // Held until the connection stands: its number names the socket that was looked at, whatever has the path now.
        let mut held = None;
        let address = match self.address.strip_prefix('@') {
            // It has no directory that says whose it is, and no permissions: services take such names for themselves.
            Some(_) if self.placement.limited => {
                return Err(NetCause::Forbidden(
                    "a device made through the API may not talk to an abstract socket",
                ));
            }
            Some(name) => SocketAddrUnix::new_abstract_name(name.as_bytes()).map_err(invalid)?,
            None if self.placement.limited => {
                let found = held.insert(self.checked()?);
                SocketAddrUnix::new(format!("/proc/self/fd/{}", found.as_raw_fd())).map_err(invalid)?
            }
            None => SocketAddrUnix::new(self.address).map_err(invalid)?,
        };
        let fd = socket(AddressFamily::UNIX, kind)?;
        // A peer whose backlog is full is waited for by the call itself only if that may block.
        let call = |done: Result<(), Errno>| done.map_err(|errno| NetCause::system("connect", errno));
        call(rustix::io::ioctl_fionbio(&fd, false))?;
        deadline.repeat(|time| {
            // Zero would mean for ever.
            let time = time.map(|time| time.max(Duration::from_millis(1)));
            call(sockopt::set_socket_timeout(&fd, Timeout::Send, time))?;
            match rustix::net::connect(&fd, &address) {
                Ok(()) => Ok(Some(())),
                Err(Errno::AGAIN | Errno::INPROGRESS | Errno::INTR) => Ok(None),
                Err(errno) => Err(NetCause::system("connect", errno)),
            }
        })?;
        call(rustix::io::ioctl_fionbio(&fd, true))?;
        Ok(fd)
    }

    /// The socket behind the path, held so that it cannot be exchanged, if the device may talk to it.
    fn checked(&self) -> Result<OwnedFd, NetCause> {
        let found = rustix::fs::open(self.address, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())
            .map_err(|errno| NetCause::system("connect", errno))?;
        if self.placement.allows_socket(&found) {
            Ok(found)
        } else {
            Err(NetCause::Forbidden("a device made through the API may not talk to a socket of the system"))
        }
    }
}

fn socket(family: AddressFamily, kind: SocketType) -> Result<OwnedFd, NetCause> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    rustix::net::socket_with(family, kind, flags, None).map_err(|errno| NetCause::system("socket", errno))
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;
    use crate::SystemClock;

    /// A name may lead to several addresses, and to other ones at each connection.
    #[test]
    fn each_address_that_a_name_leads_to_is_checked_when_it_is_dialled() {
        let (network, clock) = (Network::parse("tcp"), SystemClock::new());
        let placement = Placement::api();
        let dialer =
            Dialer { network: &network, address: "a name", placement: &placement, send_buffer: None };
        let deadline = Deadline::after(Some(Duration::from_secs(10)), &clock);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let allowed = listener.local_addr().unwrap();
        let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let forbidden: SocketAddr = "169.254.169.254:80".parse().unwrap();
        assert!(dialer.first_of(&[forbidden, allowed], &deadline).is_ok());
        assert_eq!(listener.accept().unwrap().1.ip(), allowed.ip());
        let refused = dialer.first_of(&[closed, forbidden], &deadline).err().unwrap().to_string();
        assert!(refused.contains("connection refused"), "the first one's error: {refused}");
        assert!(matches!(dialer.internet(&forbidden, &deadline), Err(NetCause::Forbidden(_))));
    }
}
