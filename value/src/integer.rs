//! Integers from texts, with the messages of Go's `strconv`.
//! Never in it: the range that a setting accepts.

use std::fmt;

use crate::quote::Quoted;

/// A text that is not a number or a truth value as expected.
///
/// Its message names the text, so it goes to the client that sent it and nowhere else.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error("strconv.{function}: parsing {}: {reason}", Quoted(text))]
pub struct ConvertError {
    function: &'static str,
    text: String,
    reason: Reason,
}

/// Why a text could not be converted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// It is too large or too small.
    #[error("value out of range")]
    Range,
    /// It does not have the form.
    #[error("invalid syntax")]
    Syntax,
}

impl ConvertError {
    pub(crate) fn new(function: &'static str, text: &str, reason: Reason) -> Self {
        Self { function, text: text.to_owned(), reason }
    }
}

impl fmt::Debug for ConvertError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ConvertError({}, {:?})", self.function, self.reason)
    }
}

/// A signed decimal integer, with `+` or `-` before it or without.
pub fn parse_signed(text: &str) -> Result<i64, ConvertError> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(ConvertError::new("ParseInt", text, Reason::Syntax));
    }
    text.parse().map_err(|_| ConvertError::new("ParseInt", text, Reason::Range))
}

/// An unsigned integer of at most `bits` bits in base `base` (2 to 36), digits only.
pub fn parse_unsigned(text: &str, base: u32, bits: u32) -> Result<u64, ConvertError> {
    let fits = |value: &u64| bits >= u64::BITS || value >> bits == 0;
    let is_number = !text.is_empty() && text.chars().all(|digit| digit.is_digit(base.clamp(2, 36)));
    if !is_number {
        return Err(ConvertError::new("ParseUint", text, Reason::Syntax));
    }
    u64::from_str_radix(text, base.clamp(2, 36))
        .ok()
        .filter(fits)
        .ok_or_else(|| ConvertError::new("ParseUint", text, Reason::Range))
}

#[cfg(test)]
mod tests {
    use super::{parse_signed, parse_unsigned};

    #[test]
    fn integers_are_read_with_the_usual_messages() {
        assert_eq!(parse_signed("-12").unwrap(), -12);
        assert_eq!(parse_signed("+9223372036854775807").unwrap(), i64::MAX);
        assert_eq!(parse_unsigned("0600", 8, 32).unwrap(), 0o600);
        assert_eq!(parse_unsigned("37777777777", 8, 32).unwrap(), u64::from(u32::MAX));
        for (text, message) in [
            ("x", r#"strconv.ParseInt: parsing "x": invalid syntax"#),
            ("", r#"strconv.ParseInt: parsing "": invalid syntax"#),
            ("+-1", r#"strconv.ParseInt: parsing "+-1": invalid syntax"#),
            ("9223372036854775808", r#"strconv.ParseInt: parsing "9223372036854775808": value out of range"#),
        ] {
            assert_eq!(parse_signed(text).unwrap_err().to_string(), message);
        }
        for (text, message) in [
            ("abc", r#"strconv.ParseUint: parsing "abc": invalid syntax"#),
            ("", r#"strconv.ParseUint: parsing "": invalid syntax"#),
            ("0o600", r#"strconv.ParseUint: parsing "0o600": invalid syntax"#),
            ("-1", r#"strconv.ParseUint: parsing "-1": invalid syntax"#),
            ("+1", r#"strconv.ParseUint: parsing "+1": invalid syntax"#),
            ("9", r#"strconv.ParseUint: parsing "9": invalid syntax"#),
            ("777777777777", r#"strconv.ParseUint: parsing "777777777777": value out of range"#),
            (
                "7777777777777777777777777",
                r#"strconv.ParseUint: parsing "7777777777777777777777777": value out of range"#,
            ),
        ] {
            assert_eq!(parse_unsigned(text, 8, 32).unwrap_err().to_string(), message);
        }
    }
}
