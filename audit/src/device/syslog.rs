//! The machine's syslog daemon as an audit device: one message a line, in the form of RFC 3164.
//! Never in it: a network, or a second copy of what the daemon took.

mod agent;
mod header;
mod kind;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::batch::{Appended, Batch, Rejected};
use super::claim::Claim;
use super::error::DeviceError;
use super::interface::Device;
use super::placement::Placement;
use crate::clock::Clock;
use agent::{Agent, Unsent};
use header::Header;
pub(super) use kind::SYSLOG;
pub use kind::{Facility, SyslogOptions};
use onrecord_entry::oversize::send_within;

/// Where a daemon listens, unless the configuration says otherwise; tried in this order.
const SOCKETS: [&str; 3] = ["/dev/log", "/var/run/syslog", "/var/run/log"];

/// How often an idle device looks whether its daemon is still the one that listens.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// A daemon that takes nothing more blocks the device, and loses it nothing: it waits until the daemon goes on, is
/// gone, is another one, or until the device is disabled.
pub(crate) struct Syslog {
    options: SyslogOptions,
    sockets: Vec<PathBuf>,
    clock: Arc<dyn Clock>,
    header: Header,
    agent: Option<Agent>,
    claim: Claim,
}

impl Syslog {
    /// The device, connected.
    pub(crate) fn open(
        options: SyslogOptions,
        placement: &Placement,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, DeviceError> {
        let mut device = Self::closed(options, placement, clock);
        device.agent()?;
        Ok(device)
    }

    /// The device, which connects when it is first written to, or looked at.
    pub(crate) fn closed(options: SyslogOptions, placement: &Placement, clock: Arc<dyn Clock>) -> Self {
        let sockets = match &placement.syslog_socket {
            Some(socket) => vec![socket.to_owned()],
            None => SOCKETS.map(PathBuf::from).into(),
        };
        let header = Header::new(options.facility, &options.tag);
        Self { options, sockets, clock, header, agent: None, claim: placement.claim() }
    }

    /// The connection; a new one if there is none.
    fn agent(&mut self) -> Result<&mut Agent, DeviceError> {
        let agent = match self.agent.take() {
            Some(agent) => agent,
            None => Agent::connect(&self.sockets, self.options.max_bytes)?,
        };
        Ok(self.agent.insert(agent))
    }

    fn send_all(&mut self, batch: &Batch<'_>) -> Appended {
        let mut rejected = Vec::new();
        for (at, line) in batch.each().enumerate() {
            match self.send(line) {
                Ok(()) => {}
                Err(error) if error.concerns_line() => rejected.push(Rejected { line: at, error }),
                Err(error) => return Appended::some(at, error).without(rejected),
            }
        }
        Appended::all(batch).without(rejected)
    }

    /// Sends one line, or what stands for it. When the daemon is gone it is looked for once more.
    fn send(&mut self, line: &[u8]) -> Result<(), DeviceError> {
        let mut again = true;
        loop {
            let (policy, claim) = (self.options.oversize, self.claim.clone());
            self.agent()?;
            let (Some(agent), header) = (&mut self.agent, &mut self.header) else {
                return Err(DeviceError::NoSyslog);
            };
            let room = agent.limit.saturating_sub(header.len());
            let sent = send_within(line, room, policy, |line| {
                agent.send(header.message(line), &|| claim.is_released())
            });
            match sent {
                Ok(()) => return Ok(()),
                Err(Unsent::Line(error)) => return Err(error),
                // The agent knows its limit better now.
                Err(Unsent::TooLong) => {}
                Err(Unsent::Gone(error)) => {
                    self.agent = None;
                    if !std::mem::take(&mut again) || self.claim.is_released() {
                        return Err(error);
                    }
                }
            }
        }
    }
}

impl Device for Syslog {
    fn append(&mut self, batch: &Batch<'_>) -> Appended {
        self.header.set_time(&*self.clock);
        let sent = self.send_all(batch);
        self.header.let_go();
        sent
    }

    fn reopen(&mut self) -> Result<(), DeviceError> {
        self.agent = None;
        self.agent().map(|_| ())
    }

    fn check(&mut self) -> Result<(), DeviceError> {
        self.agent.take_if(|agent| !agent.is_alive());
        self.agent().map(|_| ())
    }

    fn check_every(&self) -> Option<Duration> {
        Some(LOOK_EVERY)
    }

    fn claim(&self) -> Option<Claim> {
        Some(self.claim.clone())
    }
}

#[cfg(test)]
mod tests;
