//! Rules about a request's parameters: names with the values that are listed; an empty list means all values.
//! Never in it: which parameters a request must have.

use std::borrow::Cow;
use std::collections::BTreeMap;

use onrecord_value::Value;

/// Names of parameters, in lower case, to values. `*` is every name; no values are all values.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Parameters(BTreeMap<String, Vec<Value>>);

impl Parameters {
    pub(crate) fn insert(&mut self, name: &str, values: Vec<Value>) {
        self.0.insert(name.to_lowercase(), values);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn has_all(&self) -> bool {
        self.0.contains_key("*")
    }

    /// The listed values of a parameter, whose name may be in any case.
    pub(crate) fn get(&self, name: &str) -> Option<&[Value]> {
        self.0.get(lower(name).as_ref()).map(Vec::as_slice)
    }

    /// Merges those of another rule for the same path: values add up, and an empty list stays empty.
    pub(crate) fn merge(&mut self, other: &Self) {
        for (name, values) in &other.0 {
            match self.0.get_mut(name) {
                None => {
                    self.0.insert(name.clone(), values.clone());
                }
                Some(own) if own.is_empty() || values.is_empty() => own.clear(),
                Some(own) => own.extend(values.iter().cloned()),
            }
        }
    }
}

fn lower(name: &str) -> Cow<'_, str> {
    let is_lower = name.bytes().all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase());
    if is_lower { Cow::Borrowed(name) } else { Cow::Owned(name.to_lowercase()) }
}

/// Whether a list allows a value of a request. It allows an array that is listed as a whole, or whose elements all are allowed,
/// arrays among them; no elements are not enough.
pub(crate) fn allows(listed: &[Value], value: &Value) -> bool {
    let all_allowed = |items: &[Value]| !items.is_empty() && items.iter().all(|item| allows(listed, item));
    listed.is_empty() || is_listed(listed, value) || value.as_array().is_some_and(all_allowed)
}

/// Whether a list denies a value of a request. It denies an array that is listed as a whole, or one of whose elements is denied,
/// arrays among them.
pub(crate) fn denies(listed: &[Value], value: &Value) -> bool {
    let one_denied = |items: &[Value]| items.iter().any(|item| denies(listed, item));
    listed.is_empty() || is_listed(listed, value) || value.as_array().is_some_and(one_denied)
}

fn is_listed(listed: &[Value], value: &Value) -> bool {
    listed.iter().any(|listed| is_same(listed, value))
}

fn is_same(listed: &Value, value: &Value) -> bool {
    match (listed, value) {
        (Value::String(glob), Value::String(text)) => glob_matches(glob, text),
        (Value::Number(listed), Value::Number(number)) => {
            listed == number || Decimal::new(listed.text()) == Decimal::new(number.text())
        }
        (Value::Array(listed), Value::Array(items)) => {
            listed.len() == items.len() && listed.iter().zip(items).all(|(one, other)| is_same(one, other))
        }
        (listed, value) => listed == value,
    }
}

/// Whether a text matches a listed one, which may begin or end with `*`.
fn glob_matches(glob: &str, text: &str) -> bool {
    // A single star is not a wildcard.
    if glob.len() < 2 {
        return glob == text;
    }
    match (glob.strip_prefix('*'), glob.strip_suffix('*')) {
        (Some(rest), Some(_)) => text.contains(rest.strip_suffix('*').unwrap_or(rest)),
        (Some(end), None) => text.ends_with(end),
        (None, Some(start)) => text.starts_with(start),
        (None, None) => glob == text,
    }
}

/// A number's value without rounding, so that `5`, `5.0` and `50e-1` are one.
#[derive(PartialEq, Eq)]
struct Decimal {
    negative: bool,
    /// The digits without zeros at either end; none is zero.
    digits: Vec<u8>,
    /// The place of the last digit, as a power of ten. Beyond 64 bits exponents count as equal.
    exponent: i64,
}

impl Decimal {
    fn new(text: &str) -> Self {
        let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let negative = whole.starts_with('-');
        let whole = whole.trim_start_matches('-');
        let mut digits: Vec<u8> =
            whole.bytes().chain(fraction.bytes()).skip_while(|digit| *digit == b'0').collect();
        let clamped = if exponent.starts_with('-') { i64::MIN } else { i64::MAX };
        let mut exponent: i64 = exponent.parse().unwrap_or(clamped);
        exponent = exponent.saturating_sub(i64::try_from(fraction.len()).unwrap_or(i64::MAX));
        while digits.last() == Some(&b'0') {
            digits.pop();
            exponent = exponent.saturating_add(1);
        }
        if digits.is_empty() {
            return Self { negative: false, digits, exponent: 0 };
        }
        Self { negative, digits, exponent }
    }
}

#[cfg(test)]
mod tests {
    use onrecord_value::json::Limits;
    use onrecord_value::{Number, Value};

    use super::{allows, denies, glob_matches, is_same};

    #[test]
    fn listed_texts_may_have_stars_at_both_ends() {
        for (glob, text, expected) in [
            ("foo", "foo", true),
            ("foo", "foobar", false),
            ("foo*", "foobar", true),
            ("foo*", "fo", false),
            ("*bar", "foobar", true),
            ("*bar", "barfoo", false),
            ("*o*", "foobar", true),
            ("*x*", "foobar", false),
            ("**", "anything", true),
            ("*", "anything", false),
            ("*", "*", true),
            ("f*o", "fo", false),
            ("f*o", "f*o", true),
            ("", "", true),
            ("", "x", false),
        ] {
            assert_eq!(glob_matches(glob, text), expected, "{glob} {text}");
        }
    }

    #[test]
    fn numbers_are_compared_by_value_and_never_rounded() {
        let number = |text: &str| Value::Number(Number::from_literal(text).unwrap());
        for (one, other, expected) in [
            ("5", "5.0", true),
            ("5", "50e-1", true),
            ("5", "0.5E1", true),
            ("0", "-0.00e7", true),
            ("-5", "5", false),
            ("9007199254740993", "9007199254740992", false),
            ("1e400", "10e399", true),
            ("1e400", "1e401", false),
        ] {
            assert_eq!(is_same(&number(one), &number(other)), expected, "{one} {other}");
        }
        assert!(!is_same(&number("5"), &Value::from("5")));
        assert!(is_same(&Value::Bool(true), &Value::Bool(true)));
    }

    #[test]
    fn a_list_is_denied_by_one_element_and_allowed_by_all() {
        let value = |json: &str| onrecord_value::json::parse(json.as_bytes(), Limits::default()).unwrap();
        for (listed, sent, denied, allowed) in [
            (r#"["a", "b*"]"#, r#""a""#, true, true),
            (r#"["a", "b*"]"#, r#""x""#, false, false),
            (r#"["a", "b*"]"#, r#"["x", "b1"]"#, true, false),
            (r#"["a", "b*"]"#, r#"["x", "y"]"#, false, false),
            (r#"["a", "b*"]"#, r#"["a", "b1"]"#, true, true),
            (r#"["a", "b*"]"#, r#"["a", "x"]"#, true, false),
            (r#"["a", "b*"]"#, "[]", false, false),
            (r#"["a", "b*"]"#, r#"[["a"]]"#, true, true),
            (r#"["a", "b*"]"#, r#"["x", ["y", ["b1"]]]"#, true, false),
            (r#"["a", "b*"]"#, r#"["a", ["b1", []]]"#, true, false),
            (r#"["a", "b*"]"#, r#""x,a""#, false, false),
            (r#"["a", "b*"]"#, r#"{"k": "a"}"#, false, false),
            (r#"[["a", "b"]]"#, r#"["a", "b"]"#, true, true),
            (r#"[["a", "b"]]"#, r#"["b", "a"]"#, false, false),
            (r#"[["a", "b"]]"#, r#""a""#, false, false),
            (r#"[["a", "b"]]"#, r#"[["a", "b"], ["a", "b"]]"#, true, true),
            ("[5, true]", "[5.0]", true, true),
            ("[5, true]", "[[true], 6]", true, false),
            ("[]", "[[]]", true, true),
        ] {
            let listed = value(listed);
            let listed = listed.as_array().unwrap();
            assert_eq!(denies(listed, &value(sent)), denied, "{listed:?} denies {sent}");
            assert_eq!(allows(listed, &value(sent)), allowed, "{listed:?} allows {sent}");
        }
        assert!(allows(&[], &Value::Null) && denies(&[], &Value::Null));
        assert!(allows(&[Value::from(vec!["x"])], &Value::from(vec!["x"])));
    }
}
