//! A device's form of an entry: its options, its salt, and the one call that makes a line.
//! Never in it: anything of another device (I2).

mod lines;

use std::sync::Arc;

use crate::entry::{Entry, Record, Stamp, unique};
use crate::format::{Places, write_line};
use crate::limits::Limits;
use crate::redact::Redactor;
use crate::salt::{Salt, SaltId};
pub use lines::{Lines, Scratch};

/// The options of a device that say what its lines look like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FormatOptions {
    /// Nothing is hashed, except for audited headers that are configured so.
    pub log_raw: bool,
    /// Accessors are hashed. The default is true.
    pub hmac_accessor: bool,
    /// In response entries of lists, `keys` and `key_info` become their lengths.
    pub elide_list_responses: bool,
    /// Written before each line as it is.
    pub prefix: String,
    /// The format of a line.
    pub format: Format,
    /// What an entry may cost.
    pub limits: Limits,
}

impl Default for FormatOptions {
    fn default() -> Self {
        Self {
            log_raw: false,
            hmac_accessor: true,
            elide_list_responses: false,
            prefix: String::new(),
            format: Format::Json,
            limits: Limits::default(),
        }
    }
}

/// The format of a line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Format {
    /// One JSON object a line.
    #[default]
    Json,
    /// The same as XML elements, sorted at every level; one entry a line too.
    Jsonx,
}

/// Makes a device's lines. It can be used from many threads at once.
#[derive(Clone, Debug)]
pub struct Formatter {
    options: FormatOptions,
    salt: Arc<Salt>,
    /// Names the options and the salt: another form has another.
    number: u64,
    /// The device's first salt, if this is a later one.
    first: Option<SaltId>,
}

impl Formatter {
    /// The form of a device with these options and this salt.
    pub fn new(options: FormatOptions, salt: Arc<Salt>) -> Self {
        Self { options, salt, number: unique(), first: None }
    }

    /// The form of a device whose first salt was another: its lines name that too, so that they stay one device's.
    #[must_use]
    pub fn succeeding(mut self, first: Option<SaltId>) -> Self {
        self.first = first;
        self
    }

    /// The same form with another salt: that of a probe is thrown away.
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
    /// On an error the buffer is as it was. Nothing is allocated but the growth of the buffer, save for the rare entry
    /// that has a token or a sensitive part in a clear text, or is beyond a limit.
    ///
    /// # Errors
    /// [`FormatError::LineTooLong`] if the line is too long even with each `data` as a digest.
    pub fn format(&self, entry: &Entry<'_>, stamp: &Stamp, out: &mut Vec<u8>) -> Result<(), FormatError> {
        self.write(entry, stamp, out, None)
    }

    /// The same; notes, if that is wanted, where something of the salt stands.
    fn write<'e>(
        &self,
        entry: &Entry<'e>,
        stamp: &Stamp,
        out: &mut Vec<u8>,
        places: Option<&mut Places<'e>>,
    ) -> Result<(), FormatError> {
        let record = Record { seq: stamp.seq, boot: stamp.boot, salt: self.salt.id(), device: self.first };
        let redactor = Redactor::new(&self.salt, &self.options, entry).remembering(self.number);
        write_line(&self.options, redactor, entry, (stamp.time, Some(record)), out, places)
    }
}

/// Why an entry has no line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FormatError {
    /// The line is longer than [`Limits::line_bytes`].
    #[error("entry is longer than the limit of {limit} bytes a line")]
    LineTooLong {
        /// How long it may be, in bytes.
        limit: usize,
    },
}
