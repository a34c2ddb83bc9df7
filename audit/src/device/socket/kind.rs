//! The row of the socket device in the table of kinds, and its options. Never in it: resolving, dialling.

use std::sync::Arc;
use std::time::Duration;

use onrecord_entry::oversize::Oversize;
use onrecord_value::quote::quote;

use super::SocketDevice;
use crate::clock::Clock;
use crate::device::interface::Device;
use crate::device::kind::{BuiltInKind, DeviceTarget};
use crate::device::net::Network;
use crate::device::options::{DeviceOption, GivenOptions, OptionError, RejectedValue};
use crate::device::placement::Placement;

pub(in crate::device) const SOCKET: BuiltInKind = BuiltInKind {
    name: "socket",
    about: "sends every entry to a peer over TCP, UDP or a Unix socket",
    options: OPTIONS,
    parse: |given| Ok(Arc::new(parse(given)?)),
};

const OPTIONS: &[DeviceOption] = &[
    DeviceOption::new("address", "Where the peer listens: host:port, or a path for the Unix kinds. Required."),
    DeviceOption::new(
        "socket_type",
        "How the peer is reached: tcp or udp (or with 4 or 6), unix, unixgram or unixpacket.",
    )
    .default("tcp"),
    DeviceOption::new(
        "write_timeout",
        "How long connecting may take, and how long a line may: 2, 500ms, 1m30s; 0 for no time-out.",
    )
    .default("2s"),
    DeviceOption::OVERSIZE,
    DeviceOption::new(
        "resend_buffer",
        "How many bytes of what was written are kept to be sent again after a connection was lost; 0 for none, \
         at most 256MiB.",
    )
    .default("1MiB"),
];

const TIMEOUT: Duration = Duration::from_secs(2);

/// What a connection can lose is what waits on our side, which is held below half of this, and what the peer has received
/// and not read: on Linux 128 KiB, and more only for a peer that reads many times faster than audit entries come.
const RESEND_BUFFER: usize = 1024 * 1024;

/// No more than this may be kept: memory is bounded (I5).
const RESEND_BUFFER_MAX: u64 = 256 * 1024 * 1024;

/// The options of a socket device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SocketOptions {
    /// How the peer is reached.
    pub network: Network,
    /// Where: `host:port`, or a path for the Unix kinds. It is looked at only when the peer is dialled.
    pub address: String,
    /// How long a dial may take, and how long a write; `None` for as long as it takes.
    pub write_timeout: Option<Duration>,
    /// What becomes of a line that is longer than a datagram can be.
    pub oversize: Oversize,
    /// How many bytes of what was written are kept to be sent again after a connection was lost; 0 for none.
    pub resend_buffer: usize,
}

/// The order of the checks is the documented one: `address`, `socket_type`, `write_timeout`, common options, `oversize`,
/// `resend_buffer`.
fn parse(given: &GivenOptions<'_>) -> Result<SocketOptions, OptionError> {
    let address = given.text("address").ok_or(OptionError::Missing("address"))?.to_owned();
    let network = Network::parse(given.text("socket_type").unwrap_or("tcp"));
    if let Network::Raw(name) = network {
        let known = format!(
            "socket_type {} is not supported; it is \"tcp\", \"udp\" (or with 4 or 6), \"unix\", \"unixgram\" \
             or \"unixpacket\"",
            quote(&name)
        );
        return Err(RejectedValue::complete("socket_type", known));
    }
    let write_timeout = given.timeout("write_timeout", TIMEOUT)?;
    given.common()?;
    let oversize = given.oversize()?;
    let accepted = "\"1MiB\", at most \"256MiB\"";
    let resend_buffer = given.size("resend_buffer", RESEND_BUFFER, 0..=RESEND_BUFFER_MAX, accepted)?;
    Ok(SocketOptions { network, address, write_timeout, oversize, resend_buffer })
}

impl DeviceTarget for SocketOptions {
    /// The peer is dialled with the first line only.
    fn open_later(&self, placement: &Placement, clock: Arc<dyn Clock>) -> Box<dyn Device> {
        Box::new(SocketDevice::new(self.clone(), placement.clone(), clock))
    }

    fn unusable_value(&self) -> Option<RejectedValue> {
        if let Network::Unknown(name) = &self.network {
            let accepted = "tcp, tcp4, tcp6, udp, udp4, udp6, unix, unixgram or unixpacket";
            return Some(RejectedValue::new("socket_type", name, accepted, "unknown network"));
        }
        let accepted = match self.network {
            Network::Tcp(_) | Network::Udp(_) => "host:port, such as 127.0.0.1:9090 or [::1]:9090",
            _ => "the path of the peer's Unix socket",
        };
        let is_wrong = !self.network.has_form(&self.address);
        is_wrong.then(|| RejectedValue::new("address", &self.address, accepted, "bad address"))
    }

    fn preflight(&self, placement: &Placement, clock: Arc<dyn Clock>) -> Result<(), OptionError> {
        let mut device = SocketDevice::new(self.clone(), placement.clone(), clock);
        Ok(device.connect()?)
    }
}
