//! What the enabled devices would write for an entry, without writing it.
//! Never in it: another way to make a line than the devices' own formatters.

use std::sync::Arc as StdArc;

use super::Broker;
use super::device_handle::DeviceHandle;
use super::dispatch::format;
use crate::cause::Why;
use crate::sync::Arc;
use onrecord_entry::{Entry, Formatter, Stamp};

/// What one device would write.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Preview {
    /// The path of the device.
    pub path: StdArc<str>,
    /// Whether it throws the line away.
    pub discards: bool,
    /// The line as the device's formatter makes it, with its newline; or why there is none.
    pub line: Result<Vec<u8>, Why>,
}

impl Broker {
    /// The line that each device would get for an entry, in the order of enabling: with its own options and salt, the
    /// time of now, and the counter that the next entry gets. Nothing is counted, queued or written.
    pub fn preview(&self, entry: &Entry<'_>) -> Vec<Preview> {
        let enabled = self.shared.devices.read();
        let seq = self.last_seq().saturating_add(1);
        let preview = |(handle, formatter): (&Arc<DeviceHandle>, &StdArc<Formatter>)| {
            let stamp = Stamp { time: self.shared.clock.now(), seq, boot: self.shared.boot };
            let mut line = Vec::new();
            let line = format(formatter, entry, &stamp, &mut line).map(|()| line);
            Preview { path: StdArc::clone(&handle.path), discards: handle.discards, line }
        };
        enabled.handles.iter().zip(&enabled.formatters).map(preview).collect()
    }
}
