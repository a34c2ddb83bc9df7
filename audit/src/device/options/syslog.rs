//! The options of the syslog device. Never in it: dialling the daemon.

use onrecord_value::size;

use super::{Given, OptionError, Parsed, Target, is_printable};
use onrecord_entry::Oversize;

const KNOWN: &[&str] = &["facility", "max_bytes", "oversize", "tag"];

/// The least that `max_bytes` can be: the shortest line that stands for another must fit.
const MAX_BYTES_MIN: u64 = 2048;

/// The longest `tag`, in bytes.
const TAG_MAX: usize = 256;

/// What a syslog device is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyslogOptions {
    /// The facility of every message; the severity is always INFO.
    pub facility: Facility,
    /// What stands before the process id; empty for the name that the server was started by.
    pub tag: String,
    /// What becomes of a line that is longer than the daemon's socket takes.
    pub oversize: Oversize,
    /// The longest message that the daemon is sent, in bytes, even if its socket takes a longer one: some daemons cut
    /// off in silence what is longer than they are configured for.
    pub max_bytes: usize,
}

/// A syslog facility (RFC 3164, section 4.1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facility(u8);

/// The names that Vault knows, each at the place of its code; the four places without a name are refused.
const NAMES: [&str; 24] = [
    "KERN", "USER", "MAIL", "DAEMON", "AUTH", "SYSLOG", "LPR", "NEWS", "UUCP", "CRON", "AUTHPRIV", "FTP", "",
    "", "", "", "LOCAL0", "LOCAL1", "LOCAL2", "LOCAL3", "LOCAL4", "LOCAL5", "LOCAL6", "LOCAL7",
];

impl Facility {
    /// `AUTH`, the default.
    pub const AUTH: Self = Self(4);

    /// The code, 0 to 23.
    pub const fn code(self) -> u8 {
        self.0
    }

    #[cfg(test)]
    pub(crate) const fn of(code: u8) -> Self {
        Self(code)
    }

    fn parse(text: &str) -> Result<Self, OptionError> {
        let name = text.to_uppercase();
        let code = NAMES.iter().position(|known| !known.is_empty() && *known == name);
        code.and_then(|code| u8::try_from(code).ok()).map(Self).ok_or(OptionError::UnknownFacility(name))
    }
}

pub(super) fn parse(given: Given<'_>) -> Result<Parsed, OptionError> {
    let form = given.form()?;
    given.mode()?;
    let facility = given.text("facility").map_or(Ok(Facility::AUTH), Facility::parse)?;
    let tag = given.text("tag").unwrap_or("vault").to_owned();
    if tag.len() > TAG_MAX || !is_printable(&tag) {
        return Err(OptionError::BadTag);
    }
    let oversize = given.oversize()?;
    let max_bytes = given.text("max_bytes").map_or(Ok(usize::MAX), most)?;
    Ok((Target::Syslog(SyslogOptions { facility, tag, oversize, max_bytes }), form, KNOWN))
}

fn most(text: &str) -> Result<usize, OptionError> {
    let size = size::parse(text).ok().filter(|size| *size >= MAX_BYTES_MIN);
    size.and_then(|size| usize::try_from(size).ok()).ok_or_else(|| OptionError::BadMaxBytes(text.to_owned()))
}
