//! The options of the socket device. Never in it: resolving, dialling.

use std::time::Duration;

use onrecord_value::{duration, size};

use super::{Given, OptionError, Parsed, Target};
use crate::device::net::Network;
use onrecord_entry::Oversize;

const KNOWN: &[&str] = &["address", "oversize", "resend_buffer", "socket_type", "write_timeout"];

/// How long a dial or a write may take, if nothing else is said.
const TIMEOUT: Duration = Duration::from_secs(2);

/// How much of what was written is kept, if nothing else is said. What a connection can lose is what waits on our side,
/// which is held below half of this, and what the peer has received and not read: on Linux 128 KiB, and more only for
/// a peer that reads many times faster than audit entries come.
const RESEND_BUFFER: usize = 1024 * 1024;

/// No more than this may be kept: memory is bounded (I5).
const RESEND_BUFFER_MAX: u64 = 256 * 1024 * 1024;

/// What a socket device is told.
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

pub(super) fn parse(given: Given<'_>) -> Result<Parsed, OptionError> {
    let address = given.text("address").ok_or(OptionError::NoAddress)?.to_owned();
    let network = Network::parse(given.text("socket_type").unwrap_or("tcp"));
    if let Network::Raw(name) = network {
        return Err(OptionError::RawNetwork(name));
    }
    let write_timeout = given.text("write_timeout").map_or(Ok(Some(TIMEOUT)), timeout)?;
    let form = given.form()?;
    given.mode()?;
    let oversize = given.oversize()?;
    let resend_buffer = given.text("resend_buffer").map_or(Ok(RESEND_BUFFER), buffer)?;
    let options = SocketOptions { network, address, write_timeout, oversize, resend_buffer };
    Ok((Target::Socket(options), form, KNOWN))
}

/// Nothing, or nothing but zero, is no time-out (decision 4).
fn timeout(text: &str) -> Result<Option<Duration>, OptionError> {
    let timeout = duration::parse(text).map_err(OptionError::Duration)?;
    match timeout.to_std() {
        Some(timeout) => Ok(Some(timeout).filter(|timeout| !timeout.is_zero())),
        None => Err(OptionError::NegativeTimeout(text.to_owned())),
    }
}

fn buffer(text: &str) -> Result<usize, OptionError> {
    let size = size::parse(text).ok().filter(|size| *size <= RESEND_BUFFER_MAX);
    size.and_then(|size| usize::try_from(size).ok()).ok_or_else(|| OptionError::BadBuffer(text.to_owned()))
}
