//! Host names to addresses, bounded in time. Never in it: choosing among the addresses, dialling.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6, ToSocketAddrs};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};

use rustix::net::{AddressFamily, SocketType, netdevice};

use super::Family;
use super::address::HostPort;
use super::deadline::Deadline;
use crate::device::error::errno::Errno;
use crate::device::error::net::NetCause;

/// Looks up hosts, one at a time: the machine's resolver has no time-out of its own, so it is asked on another thread,
/// and a look-up that did not end in time is waited for again, not started again.
#[derive(Default)]
pub(crate) struct Resolver {
    pending: Option<Receiver<Option<Vec<SocketAddr>>>>,
}

impl Resolver {
    /// The addresses of a host that are of the family, in the order in which they should be tried; never none.
    pub(super) fn resolve(
        &mut self,
        target: HostPort<'_>,
        family: Family,
        deadline: &Deadline<'_>,
    ) -> Result<Vec<SocketAddr>, NetCause> {
        let HostPort { host, port } = target;
        let all = match host.parse::<IpAddr>() {
            Ok(address) => vec![SocketAddr::new(address, port)],
            Err(_) if host.contains('%') => vec![zoned(host, port)?],
            Err(_) if host.is_empty() && family == Family::V6 => vec![(Ipv6Addr::LOCALHOST, port).into()],
            Err(_) if host.is_empty() => vec![(Ipv4Addr::LOCALHOST, port).into()],
            Err(_) => self.look_up(host, port, deadline)?,
        };
        let fits = |address: &SocketAddr| match family {
            Family::Any => true,
            Family::V4 => address.is_ipv4(),
            Family::V6 => address.is_ipv6(),
        };
        let fitting: Vec<_> = all.into_iter().filter(fits).collect();
        if fitting.is_empty() {
            return Err(NetCause::Address { address: Arc::from(host), problem: "no suitable address found" });
        }
        Ok(fitting)
    }

    fn look_up(
        &mut self,
        host: &str,
        port: u16,
        deadline: &Deadline<'_>,
    ) -> Result<Vec<SocketAddr>, NetCause> {
        let pending = match self.pending.take() {
            Some(pending) => pending,
            None => ask(host.to_owned(), port)?,
        };
        let answer = deadline.repeat(|time| {
            let answer = match time {
                None => pending.recv().map_err(|_| RecvTimeoutError::Disconnected),
                Some(time) => pending.recv_timeout(time),
            };
            match answer {
                Ok(Some(addresses)) => Ok(Some(addresses)),
                Ok(None) | Err(RecvTimeoutError::Disconnected) => Err(NetCause::NoHost(Arc::from(host))),
                Err(RecvTimeoutError::Timeout) => Ok(None),
            }
        });
        if answer == Err(NetCause::Timeout) {
            self.pending = Some(pending);
        }
        answer
    }
}

/// An IPv6 address with the name or the number of an interface (RFC 4007, section 11).
fn zoned(host: &str, port: u16) -> Result<SocketAddr, NetCause> {
    let nothing = || NetCause::NoHost(Arc::from(host));
    let (address, zone) = host.split_once('%').ok_or_else(nothing)?;
    let address: Ipv6Addr = address.parse().map_err(|_| nothing())?;
    let number = zone.parse().ok().or_else(|| {
        let any = rustix::net::socket(AddressFamily::INET6, SocketType::DGRAM, None).ok()?;
        netdevice::name_to_index(any, zone).ok()
    });
    Ok(SocketAddrV6::new(address, port, 0, number.ok_or_else(nothing)?).into())
}

fn ask(host: String, port: u16) -> Result<Receiver<Option<Vec<SocketAddr>>>, NetCause> {
    let (sender, answer) = sync_channel(1);
    let look = move || {
        let found = (host.as_str(), port).to_socket_addrs().ok().map(Vec::from_iter);
        // The dial that asked may have timed out.
        drop(sender.send(found));
    };
    match std::thread::Builder::new().name("audit-resolve".to_owned()).spawn(look) {
        Ok(_) => Ok(answer),
        Err(error) => Err(NetCause::System { call: "clone", errno: Errno::from(error) }),
    }
}
