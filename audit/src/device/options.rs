//! Options as texts: what was given, the options that every device has, and why options are refused.
//! Never in it: what only one kind of device knows (`options.rs` in the kind's folder), opening devices.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::RangeInclusive;
use std::time::Duration;

use onrecord_entry::FormatOptions;
use onrecord_entry::format::Format;
use onrecord_entry::oversize::Oversize;
use onrecord_value::quote::quote;
use onrecord_value::{boolean, duration, integer, printable, size};

use super::error::DeviceError;

/// The longest `prefix`, in bytes (decision 5).
const PREFIX_MAX: usize = 256;

/// An option that a kind of device knows, for the parser and for help.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeviceOption {
    /// Its key.
    pub key: &'static str,
    /// What it is: sentences.
    pub about: &'static str,
    /// Its value where it is not given, as text; empty for none.
    pub default: &'static str,
}

impl DeviceOption {
    /// What becomes of lines that are longer than a message can be, on kinds that send messages
    /// ([`GivenOptions::oversize`]).
    pub const OVERSIZE: Self = Self::new(
        "oversize",
        "What becomes of a line that is longer than a message can be: \"elide\", \"split\" or \"fail\".",
    )
    .default("elide");

    /// An option without a default.
    pub const fn new(key: &'static str, about: &'static str) -> Self {
        Self { key, about, default: "" }
    }

    /// With a default.
    #[must_use]
    pub const fn default(self, default: &'static str) -> Self {
        Self { default, ..self }
    }
}

/// The options that every device has. `mode` is among them because the documents list it so; only files have one.
pub const COMMON_OPTIONS: &[DeviceOption] = &[
    DeviceOption::new("format", "Format of a line: \"json\" or \"jsonx\".").default("json"),
    DeviceOption::new("log_raw", "Write secrets as they are, not hashed.").default("false"),
    DeviceOption::new("hmac_accessor", "Hash the accessors of tokens.").default("true"),
    DeviceOption::new("elide_list_responses", "Record the answer to a list by its length only.")
        .default("false"),
    DeviceOption::new("prefix", "Text before every line; printable, at most 256 bytes."),
    DeviceOption::new(
        "mode",
        "Permissions of the file, in octal; \"0000\" leaves those of a file that exists.",
    )
    .default("0600"),
    DeviceOption::new("required", "Refuse requests that are not on record on this device.").default("false"),
    DeviceOption::new("skip_test", "Enable the device without writing a test entry to it.").default("false"),
];

/// Checks the `prefix` alone. An API does so before it looks at the type or the path; parsing the options does it again.
pub fn check_prefix(options: &BTreeMap<String, String>) -> Result<(), OptionError> {
    let Some(prefix) = options.get("prefix") else { return Ok(()) };
    if prefix.len() <= PREFIX_MAX && is_printable(prefix) { Ok(()) } else { Err(OptionError::BadPrefix) }
}

/// Whether a text stays on its line.
pub(super) fn is_printable(text: &str) -> bool {
    text.chars().all(printable::is_printable)
}

/// The options of a device as they were given.
pub struct GivenOptions<'a>(pub(super) &'a BTreeMap<String, String>);

/// What the common options say, as far as a kind may need it.
#[derive(Clone, Debug)]
pub struct CommonOptions {
    /// What lines look like.
    pub format: FormatOptions,
    /// The permissions of a file.
    pub mode: FileMode,
}

impl<'a> GivenOptions<'a> {
    /// The text of an option.
    pub fn text(&self, key: &str) -> Option<&'a str> {
        self.0.get(key).map(String::as_str)
    }

    /// A truth value.
    pub fn boolean(&self, key: &str, default: bool) -> Result<bool, OptionError> {
        let Some(text) = self.text(key) else { return Ok(default) };
        boolean::parse(text).map_err(|error| RejectedValue::error(key, text, "true or false", error))
    }

    /// A time-out; `None` for as long as it takes. An empty text or zero is no time-out (decision 4).
    pub fn timeout(&self, key: &str, default: Duration) -> Result<Option<Duration>, OptionError> {
        let Some(text) = self.text(key) else { return Ok(Some(default)) };
        let accepted =
            "a duration such as 500ms, 2s or 1m30s, or a number of seconds; 0 or nothing is no time-out";
        let parsed =
            duration::parse(text).map_err(|error| RejectedValue::error(key, text, accepted, error))?;
        match parsed.to_std() {
            Some(timeout) => Ok(Some(timeout).filter(|timeout| !timeout.is_zero())),
            None => {
                let text = quote(text);
                let known = format!("{key} {text} is negative; \"0\" is no time-out");
                Err(RejectedValue::complete(key, known))
            }
        }
    }

    /// A size in bytes within a range; `accepted` is an example, and names the range, for people.
    pub(super) fn size(
        &self,
        key: &str,
        default: usize,
        range: RangeInclusive<u64>,
        accepted: &str,
    ) -> Result<usize, OptionError> {
        let Some(text) = self.text(key) else { return Ok(default) };
        let size = size::parse(text).ok().filter(|size| range.contains(size));
        size.and_then(|size| usize::try_from(size).ok()).ok_or_else(|| {
            let text = quote(text);
            let known = format!("bad {key} {text}; it is a size such as {accepted}");
            RejectedValue::complete(key, known)
        })
    }

    /// What becomes of a line that is longer than a message can be ([`DeviceOption::OVERSIZE`]).
    pub fn oversize(&self) -> Result<Oversize, OptionError> {
        match self.text("oversize") {
            None | Some("elide") => Ok(Oversize::Elide),
            Some("split") => Ok(Oversize::Split),
            Some("fail") => Ok(Oversize::Fail),
            Some(text) => {
                let text = quote(text);
                let known = format!("unknown oversize {text}; it is \"elide\", \"split\" or \"fail\"");
                Err(RejectedValue::complete("oversize", known))
            }
        }
    }

    /// The common options, checked in the documented order: `format`, `hmac_accessor`, `log_raw`,
    /// `elide_list_responses`, `mode`.
    pub fn common(&self) -> Result<CommonOptions, OptionError> {
        let format = match self.text("format") {
            None | Some("json") => Format::Json,
            Some("jsonx") => Format::Jsonx,
            Some(text) => {
                let known = format!("unknown format type {}", quote(text));
                return Err(RejectedValue::error("format", text, "json or jsonx", known));
            }
        };
        let format = FormatOptions {
            hmac_accessor: self.boolean("hmac_accessor", true)?,
            log_raw: self.boolean("log_raw", false)?,
            elide_list_responses: self.boolean("elide_list_responses", false)?,
            prefix: self.text("prefix").unwrap_or_default().to_owned(),
            format,
            ..FormatOptions::default()
        };
        let mode = self.text("mode").map_or(Ok(FileMode::default()), FileMode::parse)?;
        Ok(CommonOptions { format, mode })
    }
}

/// The permissions of the file. Every kind of device checks the option; only files have them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileMode {
    /// Leave them; the file must exist.
    Keep,
    /// Exactly these; never execute bits.
    Exact(u32),
}

impl Default for FileMode {
    fn default() -> Self {
        Self::Exact(0o600)
    }
}

/// Go's `os.FileMode` bits of a type: directory, link, device, pipe, socket, character device, irregular.
const GO_TYPE_BITS: u32 = 1 << 31 | 1 << 27 | 1 << 26 | 1 << 25 | 1 << 24 | 1 << 21 | 1 << 19;

impl FileMode {
    fn parse(text: &str) -> Result<Self, OptionError> {
        let rejected = |known: &dyn fmt::Display| {
            RejectedValue::error("mode", text, "permissions in octal, such as 0640", known)
        };
        let bits = integer::parse_unsigned(text, 8, 32).map_err(|error| rejected(&error))?;
        let bits = u32::try_from(bits).unwrap_or(u32::MAX);
        if bits & GO_TYPE_BITS != 0 {
            return Err(rejected(&"file mode does not represent a regular file"));
        }
        Ok(if bits == 0 { Self::Keep } else { Self::Exact(bits & 0o666) })
    }
}

/// Why options are refused. The documented text names what was given, so it goes to the client that sent it and nowhere
/// else; `Debug` does not show it.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OptionError {
    /// No such kind of device.
    #[error("unknown backend type: {}", quote(.0))]
    UnknownType(String),
    /// An option that the kind of device needs is not given.
    #[error("{0} is required")]
    Missing(&'static str),
    /// A value that the kind of device does not accept, in its own words: the option, the value, what is accepted.
    #[error("{0}")]
    BadValue(String),
    /// A value that is refused. The text is the one that clients of compatible servers know, which may leave out the
    /// option and what is accepted; [`OptionError::explain`] has them.
    #[error(transparent)]
    Rejected(RejectedValue),
    /// The prefix is too long, or not printable.
    #[error("prefix must be printable, without a newline, and at most {} bytes", PREFIX_MAX)]
    BadPrefix,
    /// `required` with a device that throws everything away.
    #[error("a device that discards everything cannot be required")]
    RequiredDiscard,
    /// What is behind the device cannot be used: no daemon, no peer, no file.
    #[error("{0}")]
    Unavailable(#[from] DeviceError),
    /// The file cannot be used.
    #[error("sanity check failed; unable to open {} for writing: {cause}", quote(path))]
    Open {
        /// As it was given.
        path: String,
        /// Why.
        #[source]
        cause: DeviceError,
    },
}

impl fmt::Debug for OptionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownType(_) => f.write_str("UnknownType"),
            Self::Missing(key) => write!(f, "Missing({key})"),
            Self::BadValue(_) => f.write_str("BadValue"),
            Self::Rejected(rejected) => write!(f, "Rejected({})", rejected.option),
            Self::BadPrefix => f.write_str("BadPrefix"),
            Self::RequiredDiscard => f.write_str("RequiredDiscard"),
            Self::Unavailable(cause) => write!(f, "Unavailable({cause:?})"),
            Self::Open { cause, .. } => write!(f, "Open({cause:?})"),
        }
    }
}

/// A refused value of an option: the text that clients know, and what it may leave out.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error("{known}")]
pub struct RejectedValue {
    /// The key of the option.
    pub option: String,
    known: String,
    explained: Option<String>,
}

impl RejectedValue {
    /// The value of an option. `accepted` follows "it must be"; `known` is the text that clients know.
    pub fn new(option: &str, value: &str, accepted: &'static str, known: impl fmt::Display) -> Self {
        let explained = Some(format!("{option}={}: it must be {accepted}", quote(value)));
        Self { option: option.to_owned(), known: known.to_string(), explained }
    }

    /// An option whose text names the value and what is accepted.
    pub(super) fn complete(option: &str, known: impl fmt::Display) -> OptionError {
        OptionError::Rejected(Self { option: option.to_owned(), known: known.to_string(), explained: None })
    }

    pub(super) fn error(
        option: &str,
        value: &str,
        accepted: &'static str,
        known: impl fmt::Display,
    ) -> OptionError {
        OptionError::Rejected(Self::new(option, value, accepted, known))
    }

    /// The option, its value and what is accepted.
    pub fn explain(&self) -> &str {
        self.explained.as_deref().unwrap_or(&self.known)
    }
}

impl fmt::Debug for RejectedValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RejectedValue").field("option", &self.option).finish_non_exhaustive()
    }
}

impl OptionError {
    /// The option, its value and what is accepted, which the text that clients know may leave out.
    pub fn explain(&self) -> String {
        if let Self::Rejected(rejected) = self { rejected.explain().to_owned() } else { self.to_string() }
    }

    /// The option that is wrong, if it is one.
    pub fn option(&self) -> Option<&str> {
        match self {
            Self::Rejected(rejected) => Some(&rejected.option),
            Self::BadPrefix => Some("prefix"),
            Self::RequiredDiscard => Some("required"),
            _ => None,
        }
    }

    /// What is wrong with the device, if nothing is wrong with its options: it may come back by itself.
    pub const fn cause(&self) -> Option<&DeviceError> {
        match self {
            Self::Unavailable(cause) | Self::Open { cause, .. } => Some(cause),
            _ => None,
        }
    }

    /// The error as the server's log has it: without any text of an option.
    pub fn without_options(&self) -> String {
        self.cause().map_or_else(
            || "its options are not accepted".to_owned(),
            |cause| cause.without_options().to_string(),
        )
    }
}
