//! What goes wrong with a network, in the words that clients and operators know (Go's `net.OpError`).
//! Never in it: the network.

use std::fmt::{self, Write as _};
use std::sync::Arc;

use onrecord_value::printable::Printable;

use super::errno::Errno;

/// An operation on a network that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetError {
    /// `dial` or `write`.
    pub operation: &'static str,
    /// The name of the network, as it was given.
    pub network: Arc<str>,
    /// Our end, if there is a connection; `@` for a Unix socket without a name.
    pub local: Option<Arc<str>>,
    /// The peer's end, if it is known.
    pub peer: Option<Arc<str>>,
    /// What went wrong.
    pub cause: NetCause,
}

/// What went wrong with a network.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NetCause {
    /// A call to the system failed.
    System {
        /// `socket`, `connect`, `write`, …
        call: &'static str,
        /// How.
        errno: Errno,
    },
    /// It took longer than the device's `write_timeout`.
    Timeout,
    /// There is no network of this name.
    UnknownNetwork,
    /// The address is empty.
    NoAddress,
    /// The address is not one.
    Address {
        /// As it was given.
        address: Arc<str>,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The port has a name that no service has.
    UnknownPort(Arc<str>),
    /// The host has no address.
    NoHost(Arc<str>),
    /// The host's address is out of reach for this device (decision 5).
    Forbidden(&'static str),
}

impl NetError {
    /// What was tried and what went wrong; no address and no name.
    pub(super) fn write_without_options(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.operation)?;
        match &self.cause {
            NetCause::System { call, errno } => write!(f, "{call}: {errno}"),
            NetCause::Timeout => f.write_str("i/o timeout"),
            NetCause::UnknownNetwork => f.write_str("unknown network"),
            NetCause::NoAddress => f.write_str("missing address"),
            NetCause::Address { problem, .. } => f.write_str(problem),
            NetCause::UnknownPort(_) => f.write_str("unknown port"),
            NetCause::NoHost(_) => f.write_str("no such host"),
            NetCause::Forbidden(why) => f.write_str(why),
        }
    }

    /// Whether a message was refused for its length.
    pub(crate) fn is_too_long(&self) -> bool {
        matches!(&self.cause, NetCause::System { errno, .. } if errno.is(rustix::io::Errno::MSGSIZE))
    }
}

impl NetCause {
    pub(crate) fn system(call: &'static str, errno: impl Into<Errno>) -> Self {
        Self::System { call, errno: errno.into() }
    }
}

impl fmt::Display for NetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut f = Printable(f);
        f.write_str(self.operation)?;
        if !self.network.is_empty() {
            write!(f, " {}", self.network)?;
        }
        match (&self.local, &self.peer) {
            (Some(local), Some(peer)) => write!(f, " {local}->{peer}")?,
            (None, Some(peer)) => write!(f, " {peer}")?,
            _ => {}
        }
        f.write_str(": ")?;
        match &self.cause {
            NetCause::System { call, errno } => write!(f, "{call}: {errno}"),
            NetCause::Timeout => f.write_str("i/o timeout"),
            NetCause::UnknownNetwork => write!(f, "unknown network {}", self.network),
            NetCause::NoAddress => f.write_str("missing address"),
            NetCause::Address { address, problem } => write!(f, "address {address}: {problem}"),
            NetCause::UnknownPort(port) => write!(f, "lookup {}/{port}: unknown port", self.network),
            NetCause::NoHost(host) => write!(f, "lookup {host}: no such host"),
            NetCause::Forbidden(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for NetError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.cause {
            NetCause::System { errno, .. } => Some(errno),
            _ => None,
        }
    }
}
