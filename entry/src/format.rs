//! The formatter of a device: its options, its salt, and the one call that writes a line.
//! Never in it: anything of another device (I2).

mod auth_cache;
mod data;
mod digest;
mod json;
mod jsonx;
mod lines;
mod members;
mod order;
mod syntax;
mod writer;

use std::sync::Arc;

use onrecord_value::Time;

use crate::entry::{Entry, Record, Stamp, unique_number};
use crate::limits::Budget;
use crate::options::FormatOptions;
use crate::patch::PatchList;
use crate::redact::Redactor;
use crate::salt::{Salt, SaltId};
use members::Walk;
use syntax::Syntax;
use writer::Writer;

pub use crate::limits::Limits;
pub use crate::options::{Format, FormatError};
pub use lines::{Lines, Scratch};
pub(crate) use syntax::Tag;

/// Writes the lines of a device. It can be used from many threads at once.
#[derive(Clone, Debug)]
pub struct Formatter {
    options: FormatOptions,
    salt: Arc<Salt>,
    /// Identifies this formatter in the process: caches of what it wrote are keyed by it.
    number: u64,
    /// The id of the device's first salt, if the salt was replaced since.
    first: Option<SaltId>,
}

impl Formatter {
    /// The formatter of a device with these options and this salt.
    pub fn new(options: FormatOptions, salt: Arc<Salt>) -> Self {
        Self { options, salt, number: unique_number(), first: None }
    }

    /// The formatter of a device whose salt was replaced: its lines name the first salt too, so that readers see one
    /// device.
    #[must_use]
    pub fn with_first_salt(mut self, first: Option<SaltId>) -> Self {
        self.first = first;
        self
    }

    /// A formatter with the same options and another salt, such as the throw-away salt of a probe.
    #[must_use]
    pub fn with_salt(&self, salt: Arc<Salt>) -> Self {
        Self::new(self.options.clone(), salt)
    }

    /// The options.
    pub const fn options(&self) -> &FormatOptions {
        &self.options
    }

    /// The salt.
    pub const fn salt(&self) -> &Arc<Salt> {
        &self.salt
    }

    /// The hash of a text on this device, raw or not: `hmac-sha256:` and 64 hex digits.
    pub fn hash(&self, text: &str) -> String {
        self.salt.hash(text.as_bytes())
    }

    /// Appends the line of an entry: prefix, object, newline. Hashing and formatting are one walk.
    ///
    /// On an error the buffer is as it was. Nothing is allocated except for the growth of the buffer, and for the
    /// rare entry that has a token or a sensitive part in a clear text, or exceeds a limit.
    ///
    /// # Errors
    /// [`FormatError::LineTooLong`] if the line is too long even with each `data` as a digest.
    pub fn format(&self, entry: &Entry<'_>, stamp: &Stamp, out: &mut Vec<u8>) -> Result<(), FormatError> {
        self.write(entry, stamp, out, None)
    }

    /// The same; lists in `patches`, if given, the positions that depend on the salt.
    fn write<'e>(
        &self,
        entry: &Entry<'e>,
        stamp: &Stamp,
        out: &mut Vec<u8>,
        patches: Option<&mut PatchList<'e>>,
    ) -> Result<(), FormatError> {
        let record = Record { seq: stamp.seq, boot: stamp.boot, salt: self.salt.id(), device: self.first };
        let redactor = Redactor::new(&self.salt, &self.options, entry).with_cache_of(self.number);
        write_line(&self.options, redactor, entry, (stamp.time, Some(record)), out, patches)
    }
}

/// Appends the line of an entry: prefix, object, newline. On an error the buffer is as it was.
pub(crate) fn write_line<'e>(
    options: &FormatOptions,
    redactor: Redactor<'_, 'e>,
    entry: &Entry<'e>,
    (time, record): (Time, Option<Record>),
    out: &mut Vec<u8>,
    patches: Option<&mut PatchList<'e>>,
) -> Result<(), FormatError> {
    let walk = Walk { entry, time, record, elide: options.elide_list_responses };
    match options.format {
        Format::Json => write_in::<json::Json>(options, redactor, &walk, out, patches),
        Format::Jsonx => write_in::<jsonx::Jsonx>(options, redactor, &walk, out, patches),
    }
}

fn write_in<'e, S: Syntax>(
    options: &FormatOptions,
    redactor: Redactor<'_, 'e>,
    walk: &Walk<'_, 'e>,
    out: &mut Vec<u8>,
    patches: Option<&mut PatchList<'e>>,
) -> Result<(), FormatError> {
    let start = out.len();
    let budget = Budget::new(&options.limits, start);
    let mut writer = Writer::<S>::new(out, redactor, budget, patches);
    // The second time there is no room for data: everything that can become a digest does.
    for budget in [budget, budget.without_room()] {
        writer.restart(start, budget);
        writer.prefix(&options.prefix);
        if writer.line(|w| walk.line(w)) <= start.saturating_add(options.limits.line_bytes) {
            writer.finish();
            return Ok(());
        }
    }
    writer.restart(start, budget);
    Err(FormatError::LineTooLong { limit: options.limits.line_bytes })
}
