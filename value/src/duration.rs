//! Durations in the syntax that Vault accepts and writes: Go's, bare seconds, and days.
//! Never in it: a clock.

use std::fmt;
use std::time::Duration;

use crate::Value;
use crate::integer::{self, ConvertError};

const SECOND: i64 = 1_000_000_000;
/// The size of the smallest duration; the largest is one less.
const LIMIT: u64 = 1 << 63;

/// A signed length of time in nanoseconds, at most about 292 years. Prints as Go prints it: `1h0m0s`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GoDuration(i64);

impl GoDuration {
    /// Zero.
    pub const ZERO: Self = Self(0);

    /// The duration of this number of nanoseconds.
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    /// The duration of this number of seconds; the nearest possible one if it is out of range.
    pub const fn from_secs(seconds: i64) -> Self {
        Self(seconds.saturating_mul(SECOND))
    }

    /// Nanoseconds.
    pub const fn nanos(self) -> i64 {
        self.0
    }

    /// Whole seconds, rounded towards zero.
    pub const fn secs(self) -> i64 {
        self.0 / SECOND
    }

    /// Whether it is less than zero.
    pub const fn is_negative(self) -> bool {
        self.0 < 0
    }

    /// Whether it is zero.
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// The same length, if it is not negative.
    pub fn to_std(self) -> Option<Duration> {
        u64::try_from(self.0).ok().map(Duration::from_nanos)
    }
}

impl From<Duration> for GoDuration {
    /// The largest possible one if it is out of range.
    fn from(duration: Duration) -> Self {
        Self(i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX))
    }
}

/// A text or a field that is not a duration.
///
/// Its message names the text, so it goes to the client that sent it and nowhere else.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DurationError {
    /// The count of days is not an integer.
    #[error("{0}")]
    Days(#[source] ConvertError),
    /// It does not have the form, or is out of range.
    #[error("time: invalid duration {}", Quoted(.0))]
    Invalid(String),
    /// A field of a kind that is never a duration.
    #[error("could not parse duration from input")]
    Kind(&'static str),
    /// A number without a unit.
    #[error("time: missing unit in duration {}", Quoted(.0))]
    MissingUnit(String),
    /// An unknown unit.
    #[error("time: unknown unit {} in duration {}", Quoted(unit), Quoted(text))]
    UnknownUnit {
        /// The unit.
        unit: String,
        /// The whole text.
        text: String,
    },
}

impl fmt::Debug for DurationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Days(_) => "Days",
            Self::Invalid(_) => "Invalid",
            Self::Kind(_) => "Kind",
            Self::MissingUnit(_) => "MissingUnit",
            Self::UnknownUnit { .. } => "UnknownUnit",
        })
    }
}

/// Quotes as Go's `time` does: everything but printable ASCII as `\x` and two digits a byte.
struct Quoted<'a>(&'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\"")?;
        for byte in self.0.bytes() {
            match byte {
                b'"' | b'\\' => write!(f, "\\{}", char::from(byte))?,
                b' '..0x80 => write!(f, "{}", char::from(byte))?,
                _ => write!(f, "\\x{byte:02x}")?,
            }
        }
        f.write_str("\"")
    }
}

/// A duration from a text: nothing (zero), an integer of seconds (`90`), an integer of days (`2d`), or Go's
/// syntax (`1h30m`, `-1.5h`, `.5s`, `250ms`).
pub fn parse(text: &str) -> Result<GoDuration, DurationError> {
    if text.is_empty() {
        return Ok(GoDuration::ZERO);
    }
    let invalid = || DurationError::Invalid(text.to_owned());
    if let Ok(seconds) = integer::parse_signed(text) {
        return seconds.checked_mul(SECOND).map(GoDuration).ok_or_else(invalid);
    }
    if let Some(days) = text.strip_suffix('d') {
        let days = integer::parse_signed(days).map_err(DurationError::Days)?;
        return days.checked_mul(24 * 3600 * SECOND).map(GoDuration).ok_or_else(invalid);
    }
    parse_go(text)
}

/// A duration from a client's field: a number (seconds), a text that [`parse`] takes, or `null` (zero).
pub fn from_value(value: &Value) -> Result<GoDuration, DurationError> {
    match value {
        Value::Null => Ok(GoDuration::ZERO),
        Value::Number(number) => parse(number.text()),
        Value::String(text) => parse(text),
        other => Err(DurationError::Kind(other.kind())),
    }
}

/// Go's syntax alone: a sign, then numbers with units; only zero needs no unit.
pub fn parse_go(text: &str) -> Result<GoDuration, DurationError> {
    let invalid = || DurationError::Invalid(text.to_owned());
    let negative = text.starts_with('-');
    let mut rest = text.strip_prefix(['-', '+']).unwrap_or(text);
    if rest == "0" {
        return Ok(GoDuration::ZERO);
    }
    if rest.is_empty() {
        return Err(invalid());
    }
    let mut total: u64 = 0;
    while !rest.is_empty() {
        let (part, after) = parse_part(rest, text)?;
        total = total.checked_add(part).filter(|total| *total <= LIMIT).ok_or_else(invalid)?;
        rest = after;
    }
    if negative {
        // The smallest duration has no positive counterpart.
        return Ok(GoDuration(i64::try_from(total).map_or(i64::MIN, |total| -total)));
    }
    i64::try_from(total).map(GoDuration).map_err(|_| invalid())
}

/// One number with its unit, in nanoseconds, and what comes after.
fn parse_part<'a>(rest: &'a str, text: &str) -> Result<(u64, &'a str), DurationError> {
    let invalid = || DurationError::Invalid(text.to_owned());
    let (whole, after) = split(rest, |byte| byte.is_ascii_digit());
    let (fraction, after) = match after.strip_prefix('.') {
        Some(after) => split(after, |byte| byte.is_ascii_digit()),
        None => ("", after),
    };
    if whole.is_empty() && fraction.is_empty() {
        return Err(invalid());
    }
    let (unit, after) = split(after, |byte| byte != b'.' && !byte.is_ascii_digit());
    let nanos: u64 = match unit {
        "" => return Err(DurationError::MissingUnit(text.to_owned())),
        "ns" => 1,
        "us" | "µs" | "μs" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        _ => return Err(DurationError::UnknownUnit { unit: unit.to_owned(), text: text.to_owned() }),
    };
    let whole: u64 = if whole.is_empty() { 0 } else { whole.parse().map_err(|_| invalid())? };
    let value = whole.checked_mul(nanos).and_then(|value| value.checked_add(part_of(fraction, nanos)));
    let value = value.filter(|value| *value <= LIMIT).ok_or_else(invalid)?;
    Ok((value, after))
}

/// The digits after a point as a part of `unit`, rounded down; digits that can add nothing are dropped.
fn part_of(digits: &str, unit: u64) -> u64 {
    let (mut value, mut scale) = (0_u128, 1_u128);
    for digit in digits.bytes().take(18) {
        value = value * 10 + u128::from(digit - b'0');
        scale *= 10;
    }
    u64::try_from(value * u128::from(unit) / scale).unwrap_or(unit)
}

fn split(text: &str, belongs: impl Fn(u8) -> bool) -> (&str, &str) {
    let end = text.bytes().position(|byte| !belongs(byte)).unwrap_or(text.len());
    text.split_at_checked(end).unwrap_or((text, ""))
}

/// The text Go gives a duration: `1h0m0s`, `1.5s`, `250ms`, `0s`.
pub fn format(duration: GoDuration) -> String {
    duration.to_string()
}

impl fmt::Display for GoDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanos = self.0.unsigned_abs();
        if nanos == 0 {
            return f.write_str("0s");
        }
        if self.0 < 0 {
            f.write_str("-")?;
        }
        match nanos {
            0..1_000 => write!(f, "{nanos}ns"),
            1_000..1_000_000 => write_decimal(f, nanos, 1_000, "µs"),
            1_000_000..1_000_000_000 => write_decimal(f, nanos, 1_000_000, "ms"),
            _ => {
                let seconds = nanos / 1_000_000_000;
                let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
                if hours > 0 {
                    write!(f, "{hours}h")?;
                }
                if hours > 0 || minutes > 0 {
                    write!(f, "{minutes}m")?;
                }
                write_decimal(f, nanos % 60_000_000_000, 1_000_000_000, "s")
            }
        }
    }
}

/// Writes `nanos / unit` with as many decimals as it has.
fn write_decimal(f: &mut fmt::Formatter<'_>, nanos: u64, unit: u64, name: &str) -> fmt::Result {
    write!(f, "{}", nanos / unit)?;
    let rest = nanos % unit;
    if rest > 0 {
        let digits = unit.ilog10() as usize;
        let text = format!("{rest:0digits$}");
        write!(f, ".{}", text.trim_end_matches('0'))?;
    }
    f.write_str(name)
}
