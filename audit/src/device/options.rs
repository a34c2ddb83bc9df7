//! Options as texts: what was given, the options that every device has, and why options are refused.
//! Never in it: what only one kind of device knows (`options.rs` in the kind's folder), opening devices.

mod error;
mod mode;

use std::collections::BTreeMap;
use std::time::Duration;

use onrecord_entry::FormatOptions;
use onrecord_entry::format::Format;
use onrecord_entry::oversize::Oversize;
use onrecord_value::quote::quote;
use onrecord_value::{boolean, duration, printable};

pub use error::OptionError;
pub use mode::FileMode;

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
pub struct GivenOptions<'a> {
    texts: &'a BTreeMap<String, String>,
    common: Result<CommonOptions, OptionError>,
}

/// What the common options say, as far as a kind may need it.
#[derive(Clone, Debug)]
pub struct CommonOptions {
    /// What lines look like.
    pub format: FormatOptions,
    /// The permissions of a file.
    pub mode: FileMode,
}

impl<'a> GivenOptions<'a> {
    pub(super) fn new(texts: &'a BTreeMap<String, String>) -> Self {
        Self { texts, common: common(texts) }
    }

    /// The text of an option.
    pub fn text(&self, key: &str) -> Option<&'a str> {
        text(self.texts, key)
    }

    /// A truth value.
    pub fn boolean(&self, key: &str, default: bool) -> Result<bool, OptionError> {
        truth(self.texts, key, default)
    }

    /// A time-out; `None` for as long as it takes. An empty text or zero is no time-out (decision 4).
    pub fn timeout(&self, key: &str, default: Duration) -> Result<Option<Duration>, OptionError> {
        let Some(text) = self.text(key) else { return Ok(Some(default)) };
        match duration::parse(text)?.to_std() {
            Some(timeout) => Ok(Some(timeout).filter(|timeout| !timeout.is_zero())),
            None => {
                let text = quote(text);
                Err(OptionError::BadValue(format!("{key} {text} is negative; \"0\" is no time-out")))
            }
        }
    }

    /// What becomes of a line that is longer than a message can be ([`DeviceOption::OVERSIZE`]).
    pub fn oversize(&self) -> Result<Oversize, OptionError> {
        match self.text("oversize") {
            None | Some("elide") => Ok(Oversize::Elide),
            Some("split") => Ok(Oversize::Split),
            Some("fail") => Ok(Oversize::Fail),
            Some(text) => Err(OptionError::UnknownOversize(text.to_owned())),
        }
    }

    /// The common options, checked in the documented order: `format`, `hmac_accessor`, `log_raw`,
    /// `elide_list_responses`, `mode`.
    pub fn common(&self) -> Result<&CommonOptions, OptionError> {
        self.common.as_ref().map_err(Clone::clone)
    }
}

fn text<'a>(texts: &'a BTreeMap<String, String>, key: &str) -> Option<&'a str> {
    texts.get(key).map(String::as_str)
}

fn truth(texts: &BTreeMap<String, String>, key: &str, default: bool) -> Result<bool, OptionError> {
    Ok(text(texts, key).map_or(Ok(default), boolean::parse)?)
}

fn common(texts: &BTreeMap<String, String>) -> Result<CommonOptions, OptionError> {
    let format = match text(texts, "format") {
        None | Some("json") => Format::Json,
        Some("jsonx") => Format::Jsonx,
        Some(format) => return Err(OptionError::UnknownFormat(format.to_owned())),
    };
    let format = FormatOptions {
        hmac_accessor: truth(texts, "hmac_accessor", true)?,
        log_raw: truth(texts, "log_raw", false)?,
        elide_list_responses: truth(texts, "elide_list_responses", false)?,
        prefix: text(texts, "prefix").unwrap_or_default().to_owned(),
        format,
        ..FormatOptions::default()
    };
    let mode = text(texts, "mode").map_or(Ok(FileMode::default()), FileMode::parse)?;
    Ok(CommonOptions { format, mode })
}
