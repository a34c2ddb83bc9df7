//! A device's options: texts in, a typed device out, checked in the documented order with the documented texts.
//! Never in it: opening files, dialling; what only one kind of device knows (`options::file` and its neighbours).

mod error;
mod file;
mod socket;
mod syslog;

use std::collections::BTreeMap;
use std::sync::Arc;

use onrecord_value::boolean;

use super::discard::Discard;
use super::error::DeviceError;
use super::file::FileDevice;
use super::interface::Device;
use super::placement::Placement;
use super::socket::SocketDevice;
use super::stdout::Stdout;
use super::syslog::Syslog;
use crate::clock::Clock;
pub use error::OptionError;
pub use file::{FileMode, FileOptions};
use onrecord_entry::{Format, FormatOptions};
use onrecord_value::printable;
pub use socket::SocketOptions;
pub use syslog::{Facility, SyslogOptions};

/// The longest `prefix`, in bytes (decision 5).
const PREFIX_MAX: usize = 256;

/// What every device may be told. `mode` is among it because the documents list it so; only files have one.
const COMMON: &[&str] = &[
    "elide_list_responses",
    "format",
    "hmac_accessor",
    "log_raw",
    "mode",
    "prefix",
    "required",
    "skip_test",
];

/// Where lines go.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Target {
    /// The process's standard output.
    Stdout,
    /// Nowhere.
    Discard,
    /// A file.
    File(FileOptions),
    /// The machine's syslog daemon.
    Syslog(SyslogOptions),
    /// A peer over the network, or on the machine.
    Socket(SocketOptions),
}

/// The options of a device, understood.
#[derive(Clone, Debug)]
pub struct DeviceOptions {
    /// Where lines go.
    pub target: Target,
    /// What lines look like.
    pub form: FormatOptions,
    /// Whether the device is enabled without a probe entry.
    pub skip_test: bool,
    /// Whether no entry settles without this device.
    pub required: bool,
    /// Keys which mean nothing to this device. They are stored and listed, and the server's log should name them.
    pub unknown: Vec<String>,
}

/// Checks the `prefix` alone. An API does so before it looks at the type or the path; [`DeviceOptions::parse`]
/// does it again.
pub fn check_prefix(options: &BTreeMap<String, String>) -> Result<(), OptionError> {
    let Some(prefix) = options.get("prefix") else { return Ok(()) };
    if prefix.len() <= PREFIX_MAX && is_printable(prefix) { Ok(()) } else { Err(OptionError::BadPrefix) }
}

/// Whether a text stays on its line.
fn is_printable(text: &str) -> bool {
    text.chars().all(printable::is_printable)
}

impl DeviceOptions {
    /// Understands the options of a device of type `kind`. The order of the checks is the documented one:
    ///
    /// * file: path, *form*, `mode`, `durability`;
    /// * syslog: *form*, `mode`, `facility`, `tag`, `oversize`, `max_bytes`;
    /// * socket: `address`, `socket_type`, `write_timeout`, *form*, `mode`, `oversize`, `resend_buffer`;
    ///
    /// where *form* is `format`, `hmac_accessor`, `log_raw`, `elide_list_responses`; then `required`. The first
    /// failure wins.
    pub fn parse(kind: &str, options: &BTreeMap<String, String>) -> Result<Self, OptionError> {
        check_prefix(options)?;
        let given = Given(options);
        let (target, form, known) = match kind {
            "file" => file::parse(given)?,
            "syslog" => syslog::parse(given)?,
            "socket" => socket::parse(given)?,
            _ => return Err(OptionError::UnknownType(kind.to_owned())),
        };
        let required = given.truth("required", false)?;
        if required && target == Target::Discard {
            return Err(OptionError::RequiredDiscard);
        }
        let is_known = |key: &str| COMMON.contains(&key) || known.contains(&key);
        Ok(Self {
            target,
            form,
            skip_test: given.text("skip_test").is_some_and(|text| boolean::parse(text) == Ok(true)),
            required,
            unknown: options.keys().filter(|key| !is_known(key)).cloned().collect(),
        })
    }

    /// Opens the device inside the limits of `placement`. Blocking. A socket is dialled with its first line only.
    pub fn open(&self, placement: &Placement, clock: Arc<dyn Clock>) -> Result<Box<dyn Device>, OptionError> {
        let file = match &self.target {
            Target::File(file) => file,
            Target::Syslog(syslog) => {
                let device = Syslog::open(syslog.clone(), placement, clock).map_err(OptionError::Syslog)?;
                return Ok(Box::new(device));
            }
            Target::Stdout | Target::Discard | Target::Socket(_) => {
                return Ok(self.open_later(placement, clock));
            }
        };
        match FileDevice::open(file.clone(), placement.clone(), clock) {
            Ok(device) => Ok(Box::new(device)),
            Err(cause @ DeviceError::System { call: "stat", .. }) => Err(OptionError::Stat(cause)),
            Err(cause) => Err(OptionError::Open { path: file.path.display().to_string(), cause }),
        }
    }

    /// Looks whether the device could be opened now, and leaves nothing behind: a file that had to be made is removed
    /// again, a socket is dialled and left. Blocking.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn preflight(&self, placement: &Placement, clock: Arc<dyn Clock>) -> Result<(), OptionError> {
        match &self.target {
            Target::File(file) => FileDevice::preflight(file, placement).map_err(|cause| match cause {
                cause @ DeviceError::System { call: "stat", .. } => OptionError::Stat(cause),
                cause => OptionError::Open { path: file.path.display().to_string(), cause },
            }),
            Target::Socket(socket) => {
                let mut device = SocketDevice::new(socket.clone(), placement.clone(), clock);
                device.dial().map_err(OptionError::Dial)
            }
            Target::Syslog(_) | Target::Stdout | Target::Discard => self.open(placement, clock).map(drop),
        }
    }

    /// The device without opening it: it opens when it is first written to. For a device of the stored table
    /// that [`open`](Self::open) has refused at a start, so that it comes back by itself once its cause is gone.
    pub fn open_later(&self, placement: &Placement, clock: Arc<dyn Clock>) -> Box<dyn Device> {
        match &self.target {
            Target::Stdout => Box::new(Stdout::default()),
            Target::Discard => Box::new(Discard),
            Target::File(file) => Box::new(FileDevice::closed(file.clone(), placement.clone(), clock)),
            Target::Socket(socket) => Box::new(SocketDevice::new(socket.clone(), placement.clone(), clock)),
            Target::Syslog(syslog) => Box::new(Syslog::closed(syslog.clone(), placement, clock)),
        }
    }
}

/// What was understood of the options of one kind of device: where lines go, what they look like, and the keys
/// that mean something to this kind alone.
type Parsed = (Target, FormatOptions, &'static [&'static str]);

/// The options as they were given.
#[derive(Clone, Copy)]
struct Given<'a>(&'a BTreeMap<String, String>);

impl<'a> Given<'a> {
    fn text(self, key: &str) -> Option<&'a str> {
        self.0.get(key).map(String::as_str)
    }

    fn truth(self, key: &str, default: bool) -> Result<bool, OptionError> {
        Ok(self.text(key).map_or(Ok(default), boolean::parse)?)
    }

    /// What lines look like; checked as one, on every kind of device.
    fn form(self) -> Result<FormatOptions, OptionError> {
        let format = match self.text("format") {
            None | Some("json") => Format::Json,
            Some("jsonx") => Format::Jsonx,
            Some(format) => return Err(OptionError::UnknownFormat(format.to_owned())),
        };
        Ok(FormatOptions {
            hmac_accessor: self.truth("hmac_accessor", true)?,
            log_raw: self.truth("log_raw", false)?,
            elide_list_responses: self.truth("elide_list_responses", false)?,
            prefix: self.text("prefix").unwrap_or_default().to_owned(),
            format,
            ..FormatOptions::default()
        })
    }

    /// The permissions; a device that has none checks them all the same.
    fn mode(self) -> Result<FileMode, OptionError> {
        self.text("mode").map_or(Ok(FileMode::default()), FileMode::parse)
    }

    /// What becomes of a line that is longer than a message can be.
    fn oversize(self) -> Result<onrecord_entry::Oversize, OptionError> {
        use onrecord_entry::Oversize;
        match self.text("oversize") {
            None | Some("elide") => Ok(Oversize::Elide),
            Some("split") => Ok(Oversize::Split),
            Some("fail") => Ok(Oversize::Fail),
            Some(text) => Err(OptionError::UnknownOversize(text.to_owned())),
        }
    }
}
