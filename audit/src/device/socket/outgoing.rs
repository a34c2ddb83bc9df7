//! Lines onto a connection: a stream takes a batch at once, a datagram is a line. Never in it: dialling, trying again.

use std::time::Duration;

use super::SocketOptions;
use crate::clock::Clock;
use crate::device::batch::{Appended, Batch, Rejected};
use crate::device::claim::Claim;
use crate::device::error::DeviceError;
use crate::device::error::net::NetCause;
use crate::device::net::connection::Connection;
use crate::device::net::deadline::Deadline;
use onrecord_entry::oversize::{Oversize, send_within};

/// How long a refusal of a datagram is waited for, once one was refused.
const REFUSAL: Duration = Duration::from_millis(20);

pub(super) struct Outgoing<'a> {
    pub(super) connection: &'a Connection,
    pub(super) options: &'a SocketOptions,
    /// An earlier message was refused: the first one counts only if no refusal follows.
    pub(super) wary: bool,
    pub(super) clock: &'a dyn Clock,
    pub(super) claim: &'a Claim,
}

impl Outgoing<'_> {
    /// Sends the lines of a batch from `from` on; says how many of all lines are out then.
    pub(super) fn send(&self, batch: &Batch<'_>, from: usize) -> Appended {
        if self.options.network.keeps_messages() {
            self.send_messages(batch, from)
        } else {
            self.send_stream(batch, from)
        }
    }

    fn deadline(&self) -> Deadline<'_> {
        Deadline::after(self.options.write_timeout, self.clock).of(self.claim)
    }

    fn send_stream(&self, batch: &Batch<'_>, from: usize) -> Appended {
        let (mut sent, mut lines, mut deadline) = (batch.end_of(from), from, self.deadline());
        while let Some(rest) = batch.bytes().get(sent..).filter(|rest| !rest.is_empty()) {
            match self.connection.send(rest, &deadline) {
                Ok(count) => sent += count,
                Err(cause) => return Appended::some(lines, self.connection.error(cause)),
            }
            // Each line has the whole time, whatever batch it is in.
            let whole = batch.whole_lines(sent);
            if whole > lines {
                lines = whole;
                deadline.restart();
            }
        }
        Appended::all(batch)
    }

    fn send_messages(&self, batch: &Batch<'_>, from: usize) -> Appended {
        let (mut rejected, mut wary) = (Vec::new(), self.wary);
        for (line, bytes) in batch.each().enumerate().skip(from) {
            match self.send_message(bytes) {
                Ok(()) => {
                    if let Some(refused) = std::mem::take(&mut wary).then(|| self.refusal()).flatten() {
                        return Appended::some(line, refused).without(rejected);
                    }
                }
                Err(error) if error.concerns_line() => {
                    rejected.push(Rejected { line, error });
                }
                Err(error) => return Appended::some(line, error).without(rejected),
            }
        }
        Appended::all(batch).without(rejected)
    }

    fn send_message(&self, line: &[u8]) -> Result<(), DeviceError> {
        let send = |message: &[u8]| {
            let sent = self.connection.send(message, &self.deadline());
            sent.map(drop).map_err(|cause| self.connection.error(cause))
        };
        // How long a message may be is the system's to say, in its own words.
        if self.options.oversize == Oversize::Fail {
            return send(line);
        }
        loop {
            match send_within(line, self.connection.longest.get(), self.options.oversize, send) {
                // A network may take less than its protocol allows.
                Err(DeviceError::Net(error)) if error.is_too_long() && self.connection.shorten_messages() => {
                }
                other => return other,
            }
        }
    }

    fn refusal(&self) -> Option<DeviceError> {
        let refused = self.connection.refusal(&Deadline::after(Some(REFUSAL), self.clock))?;
        Some(self.connection.error(NetCause::system("write", refused)))
    }
}
