//! The options of the syslog device. Never in it: dialling the daemon.

use super::{Given, OptionError, Parsed, Target};
use crate::device::Oversize;

const KNOWN: &[&str] = &["facility", "oversize", "tag"];

/// What a syslog device is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyslogOptions {
    /// The facility of every message; the severity is always INFO.
    pub facility: Facility,
    /// What stands before the process id; empty for the name that the server was started by.
    pub tag: String,
    /// What becomes of a line that is longer than the daemon's socket takes.
    pub oversize: Oversize,
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
    let oversize = given.oversize()?;
    Ok((Target::Syslog(SyslogOptions { facility, tag, oversize }), form, KNOWN))
}
