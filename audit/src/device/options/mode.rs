//! The option `mode`: the permissions of a file. Every kind of device checks it; only files have one.
//! Never in it: setting them.

use onrecord_value::integer;

use super::OptionError;

/// The permissions of the file.
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
    /// The permissions from octal digits.
    pub(super) fn parse(text: &str) -> Result<Self, OptionError> {
        let bits = u32::try_from(integer::parse_unsigned(text, 8, 32)?).unwrap_or(u32::MAX);
        if bits & GO_TYPE_BITS != 0 {
            return Err(OptionError::NotARegularMode);
        }
        Ok(if bits == 0 { Self::Keep } else { Self::Exact(bits & 0o666) })
    }
}
