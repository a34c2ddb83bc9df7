//! The row of the syslog device in the table of kinds, and its options. Never in it: dialling the daemon.

use std::sync::Arc;

use onrecord_entry::oversize::Oversize;

use super::Syslog;
use crate::clock::Clock;
use crate::device::interface::Device;
use crate::device::kind::{BuiltInKind, DeviceTarget};
use crate::device::options::{DeviceOption, GivenOptions, OptionError, RejectedValue, is_printable};
use crate::device::placement::Placement;

pub(in crate::device) const SYSLOG: BuiltInKind = BuiltInKind {
    name: "syslog",
    about: "sends every entry to the syslog daemon of this machine",
    options: OPTIONS,
    parse: |given| Ok(Arc::new(parse(given)?)),
};

const OPTIONS: &[DeviceOption] = &[
    DeviceOption::new("facility", "Facility of every message: KERN, USER, MAIL, …, LOCAL7, in any case.")
        .default("AUTH"),
    DeviceOption::new(
        "tag",
        "What stands before the process id; empty for the name that the server was started by. Printable, at most \
         256 bytes.",
    )
    .default("vault"),
    DeviceOption::OVERSIZE,
    DeviceOption::new(
        "max_bytes",
        "The longest message, for a daemon that cuts longer ones off; at least 2KiB.",
    )
    .default("what the daemon's socket takes"),
];

/// The least that `max_bytes` can be: the shortest line that stands for another must fit.
const MAX_BYTES_MIN: u64 = 2048;

/// The longest `tag`, in bytes.
const TAG_MAX: usize = 256;

/// The options of a syslog device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyslogOptions {
    /// The facility of every message; the severity is always INFO.
    pub facility: Facility,
    /// What stands before the process id; empty for the name that the server was started by.
    pub tag: String,
    /// What becomes of a line that is longer than the daemon's socket takes.
    pub oversize: Oversize,
    /// The longest message, in bytes, even if the socket takes a longer one: some daemons cut off in silence.
    pub max_bytes: usize,
}

/// A syslog facility (RFC 3164, section 4.1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facility(pub(super) u8);

/// The names that Vault knows, each at the place of its code; the four places without a name are refused.
const NAMES: [&str; 24] = [
    "KERN", "USER", "MAIL", "DAEMON", "AUTH", "SYSLOG", "LPR", "NEWS", "UUCP", "CRON", "AUTHPRIV", "FTP", "",
    "", "", "", "LOCAL0", "LOCAL1", "LOCAL2", "LOCAL3", "LOCAL4", "LOCAL5", "LOCAL6", "LOCAL7",
];

/// The same names, for people.
const ACCEPTED: &str = "one of KERN, USER, MAIL, DAEMON, AUTH, SYSLOG, LPR, NEWS, UUCP, CRON, AUTHPRIV, FTP, LOCAL0, \
     LOCAL1, LOCAL2, LOCAL3, LOCAL4, LOCAL5, LOCAL6 or LOCAL7, in any case";

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
        code.and_then(|code| u8::try_from(code).ok()).map(Self).ok_or_else(|| {
            let known = format!("invalid syslog facility: {name}");
            RejectedValue::error("facility", text, ACCEPTED, known)
        })
    }
}

/// The order of the checks is the documented one: common options, `facility`, `tag`, `oversize`, `max_bytes`.
fn parse(given: &GivenOptions<'_>) -> Result<SyslogOptions, OptionError> {
    given.common()?;
    let facility = given.text("facility").map_or(Ok(Facility::AUTH), Facility::parse)?;
    let tag = given.text("tag").unwrap_or("vault").to_owned();
    if tag.len() > TAG_MAX || !is_printable(&tag) {
        let refused = "tag must be printable, without a newline, and at most 256 bytes";
        return Err(RejectedValue::complete("tag", refused));
    }
    let oversize = given.oversize()?;
    let accepted = "\"8KiB\", at least \"2KiB\"";
    let max_bytes = given.size("max_bytes", usize::MAX, MAX_BYTES_MIN..=u64::MAX, accepted)?;
    Ok(SyslogOptions { facility, tag, oversize, max_bytes })
}

impl DeviceTarget for SyslogOptions {
    fn open(&self, placement: &Placement, clock: Arc<dyn Clock>) -> Result<Box<dyn Device>, OptionError> {
        Ok(Box::new(Syslog::open(self.clone(), placement, clock)?))
    }

    fn open_later(&self, placement: &Placement, clock: Arc<dyn Clock>) -> Box<dyn Device> {
        Box::new(Syslog::closed(self.clone(), placement, clock))
    }

    /// A syslog daemon may come up after the server.
    fn may_start_later(&self) -> bool {
        true
    }
}
