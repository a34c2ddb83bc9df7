//! The socket device: lines to a peer over TCP, UDP or a Unix socket. It dials with the first line, notices when the
//! peer has gone, dials again, and sends again what may not have arrived.
//! Never in it: addresses and system calls (`net`), how lines go out (`outgoing`), what is kept (`resend_buffer`).

mod kind;
mod outgoing;
mod resend_buffer;

use std::sync::Arc;
use std::time::Duration;

use rustix::io::Errno;

use super::batch::{Appended, Batch};
use super::claim::Claim;
use super::error::DeviceError;
use super::error::net::NetCause;
use super::interface::Device;
use super::net::Network;
use super::net::connection::{Connection, Ending};
use super::net::deadline::Deadline;
use super::net::dial::Dialer;
use super::net::resolve::Resolver;
use super::placement::Placement;
use crate::clock::Clock;
pub(super) use kind::SOCKET;
pub use kind::SocketOptions;
use outgoing::Outgoing;
use resend_buffer::ResendBuffer;

/// How often an idle connection is looked at, so that what a dead peer has not read waits for no entry.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// A peer that cannot be reached is dialled at every first, second, fourth and from then on at every eighth look.
const LOOKS_SKIPPED_MAX: u32 = 7;

/// How long a peer may take to end a connection that we have ended: enough to read what is under way.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

pub(crate) struct SocketDevice {
    options: SocketOptions,
    placement: Placement,
    clock: Arc<dyn Clock>,
    resolver: Resolver,
    connection: Option<Connection>,
    /// Holds nothing; it says whether the device is still enabled.
    claim: Claim,
    resend_buffer: ResendBuffer,
    /// What is kept may not have been read, and goes out first on the next connection.
    must_resend: bool,
    /// The peer has refused a datagram, and has taken none since.
    refused: bool,
    /// Why the last dial or write failed, until one works.
    trouble: Option<DeviceError>,
    skipping: Skipping,
}

/// Which looks at a peer that cannot be reached are skipped.
#[derive(Default)]
struct Skipping {
    left: u32,
    next: u32,
}

impl Skipping {
    fn is_due(&mut self) -> bool {
        let due = self.left == 0;
        self.left = self.left.saturating_sub(1);
        due
    }

    fn failed(&mut self) {
        self.left = self.next;
        self.next = (self.next * 2 + 1).min(LOOKS_SKIPPED_MAX);
    }
}

impl SocketDevice {
    pub(crate) fn new(options: SocketOptions, placement: Placement, clock: Arc<dyn Clock>) -> Self {
        // Whether a datagram has arrived cannot be found out, so none is kept to be sent again.
        let remembered = if matches!(options.network, Network::Udp(_)) { 0 } else { options.resend_buffer };
        let claim = placement.claim();
        Self {
            options,
            placement,
            clock,
            claim,
            resolver: Resolver::default(),
            connection: None,
            resend_buffer: ResendBuffer::new(remembered),
            must_resend: false,
            refused: false,
            trouble: None,
            skipping: Skipping::default(),
        }
    }

    fn notice_end(&mut self) {
        let Some(connection) = &self.connection else { return };
        let Some(ending) = connection.ending() else { return };
        if let (Ending::Lost(errno), Network::Udp(_)) = (ending, &self.options.network) {
            self.refused = true;
            self.trouble = Some(connection.error(NetCause::system("write", errno)));
        }
        self.ended(Some(ending));
    }

    /// Gives the connection up. Unless the peer has read all of it, what is kept has to go out again.
    fn ended(&mut self, ending: Option<Ending>) {
        self.connection = None;
        if ending == Some(Ending::Read) {
            self.resend_buffer.clear();
        }
        self.must_resend = !self.resend_buffer.is_empty();
    }

    fn failed(&mut self, error: &DeviceError) {
        self.refused |= matches!(self.options.network, Network::Udp(_)) && is(error, Errno::CONNREFUSED);
        // A peer that has read all before it went says so: nothing has to go out twice then.
        let asked = self.connection.as_ref().filter(|_| is(error, Errno::PIPE));
        self.ended(asked.and_then(Connection::ending));
    }

    /// Connects, if there is no connection, and sends what has to go out again.
    fn connect(&mut self) -> Result<(), DeviceError> {
        if self.connection.is_some() {
            return Ok(());
        }
        let dialer = Dialer {
            network: &self.options.network,
            address: &self.options.address,
            placement: &self.placement,
            // The kernel takes twice as much: half of what is kept. The other half is for what the peer has not read.
            send_buffer: Some(self.options.resend_buffer / 4).filter(|size| *size > 0),
        };
        let deadline = Deadline::after(self.options.write_timeout, &*self.clock).of(&self.claim);
        let connection = dialer.dial(&mut self.resolver, &deadline)?;
        if self.must_resend {
            let (bytes, ends) = self.resend_buffer.lines();
            if let Some(error) = self.outgoing(&connection, false).send(&Batch::new(&bytes, &ends), 0).error {
                return Err(error);
            }
            self.must_resend = false;
        }
        self.connection = Some(connection);
        Ok(())
    }

    fn outgoing<'a>(&'a self, connection: &'a Connection, wary: bool) -> Outgoing<'a> {
        Outgoing { connection, options: &self.options, wary, clock: &*self.clock, claim: &self.claim }
    }

    /// Sends the lines from `from` on, over a new connection if there is none.
    fn deliver(&mut self, batch: &Batch<'_>, from: usize) -> Appended {
        if let Err(error) = self.connect() {
            return Appended::some(from, error);
        }
        let Some(connection) = &self.connection else { return Appended::some(from, DeviceError::Refused) };
        let sent = self.outgoing(connection, self.refused).send(batch, from);
        self.resend_buffer.keep(batch, from..sent.lines);
        self.refused &= sent.lines == from;
        if let Some(error) = &sent.error {
            self.failed(error);
        }
        sent
    }

    /// Delivers, and once more if that fails: over a new connection the peer may take what it refused over the old one.
    fn deliver_twice(&mut self, batch: &Batch<'_>) -> Appended {
        let mut sent = self.deliver(batch, 0);
        match sent.error.take() {
            None => sent,
            Some(first) if is_slow_dial(&first) || self.claim.is_released() => {
                Appended { error: Some(first), ..sent }
            }
            Some(first) => {
                let again = self.deliver(batch, sent.lines);
                sent.rejected.extend(again.rejected);
                let retried = |again| DeviceError::Retried { first: Arc::new(first), again: Arc::new(again) };
                Appended { lines: again.lines, error: again.error.map(retried), rejected: sent.rejected }
            }
        }
    }
}

fn is(error: &DeviceError, raw: Errno) -> bool {
    let DeviceError::Net(error) = error else { return false };
    matches!(&error.cause, NetCause::System { errno, .. } if errno.is(raw))
}

/// Whether a dial has used up its time. Another would use it up, too.
fn is_slow_dial(error: &DeviceError) -> bool {
    matches!(error, DeviceError::Net(error) if error.operation == "dial" && error.cause == NetCause::Timeout)
}

impl Device for SocketDevice {
    /// The device has a line when the kernel took all of it. What was counted on a connection that was lost afterwards
    /// is kept, and goes out first on the next one.
    fn append(&mut self, batch: &Batch<'_>) -> Appended {
        self.notice_end();
        let sent = self.deliver_twice(batch);
        self.trouble.clone_from(&sent.error);
        if sent.error.is_none() {
            self.skipping = Skipping::default();
        }
        sent
    }

    /// Ends the connection and dials again; what was never dialled stays so.
    fn reopen(&mut self) -> Result<(), DeviceError> {
        self.notice_end();
        match self.connection.take() {
            None if self.trouble.is_none() && !self.must_resend => return Ok(()),
            Some(connection) if connection.is_stream() => {
                let limit =
                    self.options.write_timeout.map_or(CLOSE_TIMEOUT, |timeout| timeout.min(CLOSE_TIMEOUT));
                let ending = connection.finish(&Deadline::after(Some(limit), &*self.clock));
                self.ended(ending);
            }
            // What waits for the peer of a datagram socket outlives the socket.
            None | Some(_) => {}
        }
        let reopened = self.connect();
        self.trouble = reopened.clone().err();
        reopened
    }

    fn sync(&mut self) -> Result<(), DeviceError> {
        self.notice_end();
        if self.must_resend { self.connect() } else { Ok(()) }
    }

    /// Notices that the peer has gone. It is dialled again only if something has to be sent again, or if the last try failed:
    /// a peer that closes an idle connection finds it open again with the next line.
    fn check(&mut self) -> Result<(), DeviceError> {
        self.notice_end();
        match &self.trouble {
            Some(trouble) if self.refused || !self.skipping.is_due() => return Err(trouble.clone()),
            None if !self.must_resend => return Ok(()),
            _ => {}
        }
        let done = self.connect();
        self.trouble = done.clone().err();
        match &done {
            Ok(()) => self.skipping = Skipping::default(),
            Err(_) => self.skipping.failed(),
        }
        done
    }

    fn check_every(&self) -> Option<Duration> {
        Some(LOOK_EVERY)
    }

    fn claim(&self) -> Option<Claim> {
        Some(self.claim.clone())
    }
}

impl Drop for SocketDevice {
    /// The last chance to send what has to go out again, unless the peer is known to be out of reach.
    fn drop(&mut self) {
        if self.trouble.is_none() {
            let _sent = self.sync();
        }
    }
}
