//! Truth values in the spellings that Vault accepts.
//! Never in it: a text of another meaning than true or false.

use crate::Value;
use crate::integer::{ConvertError, Reason};

/// A truth value from a text: `1 t T true True TRUE` and `0 f F false False FALSE`, nothing else.
/// The message of the error is Go's: `strconv.ParseBool: parsing "maybe": invalid syntax`.
pub fn parse(text: &str) -> Result<bool, ConvertError> {
    match text {
        "1" | "t" | "T" | "true" | "True" | "TRUE" => Ok(true),
        "0" | "f" | "F" | "false" | "False" | "FALSE" => Ok(false),
        _ => Err(ConvertError::new("ParseBool", text, Reason::Syntax)),
    }
}

/// A truth value from a client's field: a boolean, a text that [`parse`] takes, an empty text or `null` (no),
/// or a number (no if it is zero).
pub fn from_value(value: &Value) -> Result<bool, BoolError> {
    match value {
        Value::Bool(value) => Ok(*value),
        Value::Null => Ok(false),
        Value::String(text) if text.is_empty() => Ok(false),
        Value::String(text) => parse(text).map_err(BoolError::Text),
        Value::Number(number) => Ok(number.as_f64().is_none_or(|value| value != 0.0)),
        other => Err(BoolError::Kind(other.kind())),
    }
}

/// A field that is not a truth value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BoolError {
    /// It has a kind that is never one.
    #[error("expected a boolean, got {0}")]
    Kind(&'static str),
    /// It is a text with another content.
    #[error("{0}")]
    Text(#[source] ConvertError),
}

#[cfg(test)]
mod tests {
    use super::{from_value, parse};
    use crate::Value;

    #[test]
    fn only_go_spellings_are_truth_values() {
        for text in ["1", "t", "T", "true", "True", "TRUE"] {
            assert!(parse(text).unwrap());
        }
        for text in ["0", "f", "F", "false", "False", "FALSE"] {
            assert!(!parse(text).unwrap());
        }
        for (text, message) in [
            ("maybe", r#"strconv.ParseBool: parsing "maybe": invalid syntax"#),
            ("2", r#"strconv.ParseBool: parsing "2": invalid syntax"#),
            ("", r#"strconv.ParseBool: parsing "": invalid syntax"#),
            ("tRUE", r#"strconv.ParseBool: parsing "tRUE": invalid syntax"#),
        ] {
            assert_eq!(parse(text).unwrap_err().to_string(), message);
        }
    }

    #[test]
    fn a_field_may_be_of_several_kinds() {
        assert!(from_value(&Value::Bool(true)).unwrap());
        assert!(from_value(&Value::from(7)).unwrap());
        assert!(!from_value(&Value::from(0.0)).unwrap());
        assert!(!from_value(&Value::from("")).unwrap());
        assert!(from_value(&Value::from("yes")).is_err());
        assert!(from_value(&Value::Array(Vec::new())).is_err());
    }
}
