//! A device's options: texts in, a typed device out, checked in the documented order with the documented texts.
//! Never in it: opening files.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use onrecord_value::integer::ConvertError;
use onrecord_value::quote::quote;
use onrecord_value::{boolean, integer};

use super::discard::Discard;
use super::file::{FileDevice, FileMode, FileOptions};
use super::stdout::Stdout;
use super::{Device, DeviceError, Placement};
use crate::clock::Clock;
use crate::form::{Format, Options};

/// The longest `prefix`, in bytes (decision 5).
const PREFIX_MAX: usize = 256;

/// What a file device may be told. `mode` is known on every device because the documents list it so.
const KNOWN: &[&str] = &[
    "durability",
    "elide_list_responses",
    "file_path",
    "format",
    "hmac_accessor",
    "log_raw",
    "mode",
    "path",
    "prefix",
    "skip_test",
];

/// Where lines go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// The process's standard output.
    Stdout,
    /// Nowhere.
    Discard,
    /// A file.
    File(FileOptions),
}

/// The options of a device, understood.
#[derive(Clone, Debug)]
pub struct DeviceOptions {
    /// Where lines go.
    pub target: Target,
    /// What lines look like.
    pub form: Options,
    /// Whether the device is enabled without a probe entry.
    pub skip_test: bool,
    /// Keys which mean nothing to this device. They are stored and listed, and the server's log should name them.
    pub unknown: Vec<String>,
}

/// Why options are refused. The text is the documented one.
///
/// It names what was given, so it goes to the client that sent it and nowhere else; `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum OptionError {
    /// No such type of device.
    UnknownType(String),
    /// A type of the documents which this version does not have.
    UnavailableType(String),
    /// Neither `file_path` nor `path`.
    NoFilePath,
    /// Not a format.
    UnknownFormat(String),
    /// Not a truth value, or not an octal number.
    Convert(ConvertError),
    /// The mode has bits of a file type.
    NotARegularMode,
    /// The prefix is too long, or not printable.
    BadPrefix,
    /// Not `write` or `fsync`.
    UnknownDurability(String),
    /// `mode=0000` and nothing there.
    Stat(DeviceError),
    /// The file cannot be used.
    Open {
        /// As it was given.
        path: String,
        /// Why.
        cause: DeviceError,
    },
}

impl fmt::Display for OptionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownType(kind) => write!(f, "unknown backend type: {}", quote(kind)),
            Self::UnavailableType(kind) => {
                write!(f, "unknown backend type: {} (this version has \"file\" only)", quote(kind))
            }
            Self::NoFilePath => f.write_str("file_path is required"),
            Self::UnknownFormat(format) => write!(f, "unknown format type {}", quote(format)),
            Self::Convert(error) => error.fmt(f),
            Self::NotARegularMode => f.write_str("file mode does not represent a regular file"),
            Self::BadPrefix => {
                write!(f, "prefix must be printable, without a newline, and at most {PREFIX_MAX} bytes")
            }
            Self::UnknownDurability(text) => {
                write!(f, "unknown durability {}; it is \"os\" or \"fsync\"", quote(text))
            }
            Self::Stat(cause) => cause.fmt(f),
            Self::Open { path, cause } => {
                write!(f, "sanity check failed; unable to open {} for writing: {cause}", quote(path))
            }
        }
    }
}

impl fmt::Debug for OptionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Convert(error) => error.fmt(f),
            Self::Stat(cause) => write!(f, "Stat({cause:?})"),
            Self::Open { cause, .. } => write!(f, "Open({cause:?})"),
            other => f.write_str(match other {
                Self::UnknownType(_) => "UnknownType",
                Self::UnavailableType(_) => "UnavailableType",
                Self::NoFilePath => "NoFilePath",
                Self::UnknownFormat(_) => "UnknownFormat",
                Self::NotARegularMode => "NotARegularMode",
                Self::BadPrefix => "BadPrefix",
                _ => "UnknownDurability",
            }),
        }
    }
}

impl std::error::Error for OptionError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Convert(error) => Some(error),
            Self::Stat(cause) | Self::Open { cause, .. } => Some(cause),
            _ => None,
        }
    }
}

impl From<ConvertError> for OptionError {
    fn from(error: ConvertError) -> Self {
        Self::Convert(error)
    }
}

/// Checks the `prefix` alone. An API does so before it looks at the type or the path; [`DeviceOptions::parse`]
/// does it again.
pub fn check_prefix(options: &BTreeMap<String, String>) -> Result<(), OptionError> {
    let Some(prefix) = options.get("prefix") else { return Ok(()) };
    let printable =
        |character: char| !character.is_control() && !matches!(character, '\u{2028}' | '\u{2029}');
    if prefix.len() <= PREFIX_MAX && prefix.chars().all(printable) {
        Ok(())
    } else {
        Err(OptionError::BadPrefix)
    }
}

impl DeviceOptions {
    /// Understands the options of a device of type `kind`. The order of the checks is the documented one
    /// (path, format, `hmac_accessor`, `log_raw`, `elide_list_responses`, `mode`); the first failure wins.
    pub fn parse(kind: &str, options: &BTreeMap<String, String>) -> Result<Self, OptionError> {
        check_prefix(options)?;
        match kind {
            "file" => {}
            "socket" | "syslog" => return Err(OptionError::UnavailableType(kind.to_owned())),
            _ => return Err(OptionError::UnknownType(kind.to_owned())),
        }
        let path = options.get("file_path").or_else(|| options.get("path")).ok_or(OptionError::NoFilePath)?;
        let format = match options.get("format").map(String::as_str) {
            None | Some("json") => Format::Json,
            Some("jsonx") => Format::Jsonx,
            Some(format) => return Err(OptionError::UnknownFormat(format.to_owned())),
        };
        let truth =
            |key: &str, default: bool| options.get(key).map_or(Ok(default), |text| boolean::parse(text));
        let form = Options {
            hmac_accessor: truth("hmac_accessor", true)?,
            log_raw: truth("log_raw", false)?,
            elide_list_responses: truth("elide_list_responses", false)?,
            prefix: options.get("prefix").cloned().unwrap_or_default(),
            format,
            ..Options::default()
        };
        let mode = options.get("mode").map_or(Ok(FileMode::default()), |text| parse_mode(text))?;
        let fsync = match options.get("durability").map(String::as_str) {
            None | Some("os") => false,
            Some("fsync") => true,
            Some(text) => return Err(OptionError::UnknownDurability(text.to_owned())),
        };
        Ok(Self {
            target: target(path, mode, fsync),
            form,
            skip_test: options.get("skip_test").is_some_and(|text| boolean::parse(text) == Ok(true)),
            unknown: options.keys().filter(|key| !KNOWN.contains(&key.as_str())).cloned().collect(),
        })
    }

    /// Opens the device inside the limits of `placement`. Blocking.
    pub fn open(&self, placement: &Placement, clock: Arc<dyn Clock>) -> Result<Box<dyn Device>, OptionError> {
        let Target::File(file) = &self.target else { return Ok(self.open_later(placement, clock)) };
        match FileDevice::open(file.clone(), placement.clone(), clock) {
            Ok(device) => Ok(Box::new(device)),
            Err(cause @ DeviceError::System { call: "stat", .. }) => Err(OptionError::Stat(cause)),
            Err(cause) => Err(OptionError::Open { path: file.path.display().to_string(), cause }),
        }
    }

    /// The device without opening it: it opens when it is first written to. For a device of the stored table
    /// that [`open`](Self::open) has refused at a start, so that it comes back by itself once its cause is gone.
    pub fn open_later(&self, placement: &Placement, clock: Arc<dyn Clock>) -> Box<dyn Device> {
        match &self.target {
            Target::Stdout => Box::new(Stdout::default()),
            Target::Discard => Box::new(Discard),
            Target::File(file) => Box::new(FileDevice::closed(file.clone(), placement.clone(), clock)),
        }
    }
}

fn target(path: &str, mode: FileMode, fsync: bool) -> Target {
    // The two device nodes mean the same as the words: what is written to /dev/null is on no record.
    if path.eq_ignore_ascii_case("stdout") || path == "/dev/stdout" {
        Target::Stdout
    } else if path.eq_ignore_ascii_case("discard") || path == "/dev/null" {
        Target::Discard
    } else {
        Target::File(FileOptions { path: PathBuf::from(path), mode, fsync })
    }
}

/// Go's `os.FileMode` bits of a type: directory, link, device, pipe, socket, character device, irregular.
const GO_TYPE_BITS: u32 = 1 << 31 | 1 << 27 | 1 << 26 | 1 << 25 | 1 << 24 | 1 << 21 | 1 << 19;

fn parse_mode(text: &str) -> Result<FileMode, OptionError> {
    let bits = u32::try_from(integer::parse_unsigned(text, 8, 32)?).unwrap_or(u32::MAX);
    if bits & GO_TYPE_BITS != 0 {
        return Err(OptionError::NotARegularMode);
    }
    Ok(if bits == 0 { FileMode::Keep } else { FileMode::Exact(bits & 0o666) })
}
