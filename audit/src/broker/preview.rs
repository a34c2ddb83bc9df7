//! What the enabled devices would write for an entry, without writing it.
//! Never in it: another way to make a line than the devices' own forms.

use std::sync::Arc as StdArc;

use super::Broker;
use super::cause::Why;
use super::offer::format;
use super::slot::Slot;
use crate::sync::Arc;
use onrecord_entry::Formatter;
use onrecord_entry::{Entry, Stamp};

/// What one device would write.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Preview {
    /// The path of the device.
    pub path: StdArc<str>,
    /// Whether it throws the line away.
    pub discards: bool,
    /// The line as the device's form makes it, with its newline; or why there is none.
    pub line: Result<Vec<u8>, Why>,
}

impl Broker {
    /// The line that each device would get for an entry, in the order of enabling: with its own options and salt, the
    /// time of now, and the counter that the next entry gets. Nothing is counted, queued or written.
    pub fn preview(&self, entry: &Entry<'_>) -> Vec<Preview> {
        let enabled = self.shared.devices.read();
        let seq = self.last_seq().saturating_add(1);
        let preview = |(slot, form): (&Arc<Slot>, &StdArc<Formatter>)| {
            let stamp = Stamp { time: self.shared.clock.now(), seq, boot: self.shared.boot };
            let mut line = Vec::new();
            let line = format(form, entry, &stamp, &mut line).map(|()| line);
            Preview { path: StdArc::clone(&slot.path), discards: slot.discards, line }
        };
        enabled.slots.iter().zip(&enabled.forms).map(preview).collect()
    }
}
