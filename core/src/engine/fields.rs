//! Reading the fields of a request: a field has a type, a client's value is converted to it as Vault converts, and a
//! value that cannot be is refused by the field's name. Never in it: what a field means.
//!
//! The refusal's text names the client's value, so it goes to the client alone (`response.data.error` carries it
//! hashed). A field with `null` counts as not sent.

use std::borrow::Cow;
use std::fmt::Display;

use onrecord_value::{GoDuration, Object, Value, boolean, duration, integer};

use crate::audit_errors::WARN_IGNORED;
use crate::outcome::{Refusal, Reply, Warning};

/// A value of another type than its field's.
pub(crate) fn refused(field: &str, why: impl Display) -> Refusal {
    Refusal::invalid(format!("Field validation failed: error converting input for field {field:?}: {why}"))
}

/// The field, if it was sent.
pub fn sent<'a>(data: &'a Object, field: &str) -> Option<&'a Value> {
    data.get(field).filter(|value| !value.is_null())
}

/// The field as `convert` reads it, if it was sent; refused with the text of its error.
fn converted<'a, T, E: Display>(
    data: &'a Object,
    field: &str,
    convert: impl FnOnce(&'a Value) -> Result<T, E>,
) -> Result<Option<T>, Refusal> {
    sent(data, field).map(|value| convert(value).map_err(|error| refused(field, error))).transpose()
}

/// A text; numbers and truth values are taken as their texts.
pub fn text<'a>(data: &'a Object, field: &str) -> Result<Option<Cow<'a, str>>, Refusal> {
    converted(data, field, |value| scalar(value).ok_or_else(|| expected("string", value)))
}

/// A truth value.
pub fn flag(data: &Object, field: &str) -> Result<Option<bool>, Refusal> {
    converted(data, field, boolean::from_value)
}

/// An integer, as a number or in a text.
pub fn whole(data: &Object, field: &str) -> Result<Option<i64>, Refusal> {
    converted(data, field, integer_of)
}

/// An integer of 0 or more.
pub fn count(data: &Object, field: &str) -> Result<Option<u64>, Refusal> {
    converted(data, field, |value| {
        integer_of(value)?.try_into().map_err(|_| "it must not be negative".to_owned())
    })
}

/// A duration: seconds as a number, or a text such as `90m`.
pub fn span(data: &Object, field: &str) -> Result<Option<GoDuration>, Refusal> {
    converted(data, field, duration::from_value)
}

/// A map.
pub fn map<'a>(data: &'a Object, field: &str) -> Result<Option<&'a Object>, Refusal> {
    converted(data, field, |value| value.as_object().ok_or_else(|| expected("map", value)))
}

/// A map of texts; numbers and truth values are taken as their texts.
pub fn texts_by_name(data: &Object, field: &str) -> Result<Option<Vec<(String, String)>>, Refusal> {
    let Some(map) = map(data, field)? else { return Ok(None) };
    let pair = |(name, value): (&str, _)| match scalar(value) {
        Some(text) => Ok((name.to_owned(), text.into_owned())),
        None => Err(refused(field, expected("map of strings", value))),
    };
    map.iter().map(pair).collect::<Result<_, _>>().map(Some)
}

/// A list of texts: a list, or one text whose parts are separated by commas.
pub fn texts(data: &Object, field: &str) -> Result<Option<Vec<String>>, Refusal> {
    let text = |item: &Value| scalar(item).map(Cow::into_owned).ok_or_else(|| expected("string", item));
    converted(data, field, |value| elements(value)?.iter().map(text).collect())
}

/// A list of integers: a list of numbers or texts, one number, or one text whose parts are separated by commas.
pub fn wholes(data: &Object, field: &str) -> Result<Option<Vec<i64>>, Refusal> {
    converted(data, field, |value| elements(value)?.iter().map(integer_of).collect())
}

/// The warning about fields that the endpoint does not know, if there are any. Only an answer with a body carries it.
pub fn unrecognized(data: &Object, known: &[&str]) -> Option<Warning> {
    let unknown: Vec<&str> = data.keys().filter(|key| !known.contains(key)).collect();
    if unknown.is_empty() {
        return None;
    }
    let text = format!("Endpoint ignored these unrecognized parameters: [{}]", unknown.join(" "));
    Some(Warning { text, template: WARN_IGNORED })
}

/// A reply without data, but with the warning about fields of the request that are not known, if there are any.
pub(crate) fn done(request: &Object, known: &[&str]) -> Reply {
    Reply { warnings: unrecognized(request, known).into_iter().collect(), ..Reply::default() }
}

/// A reply with data, and with the warning about fields of the request that are not known.
pub(crate) fn answer(data: Object, request: &Object, known: &[&str]) -> Reply {
    let warnings = unrecognized(request, known).into_iter().collect();
    Reply { data: Some(data), warnings, ..Reply::default() }
}

fn expected(wanted: &str, value: &Value) -> String {
    format!("expected a {wanted}, got {}", value.kind())
}

/// The text of a text, a number or a truth value.
pub(crate) fn scalar(value: &Value) -> Option<Cow<'_, str>> {
    match value {
        Value::String(text) => Some(Cow::Borrowed(text)),
        Value::Number(number) => Some(Cow::Borrowed(number.text())),
        Value::Bool(flag) => Some(Cow::Borrowed(if *flag { "1" } else { "0" })),
        _ => None,
    }
}

fn elements(value: &Value) -> Result<Cow<'_, [Value]>, String> {
    match value {
        Value::Array(items) => Ok(Cow::Borrowed(items)),
        Value::String(text) => {
            Ok(text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(Value::from).collect())
        }
        Value::Number(_) => Ok(Cow::Borrowed(std::slice::from_ref(value))),
        other => Err(expected("list", other)),
    }
}

fn integer_of(value: &Value) -> Result<i64, String> {
    match value {
        Value::String(text) if text.is_empty() => Ok(0),
        Value::String(text) => integer::parse_signed(text).map_err(|error| error.to_string()),
        // `5.0` and `1e2` are whole numbers too.
        Value::Number(number) => number
            .as_i64()
            .or_else(|| whole_double(number.as_f64()?))
            .ok_or_else(|| format!("{} is not an integer", number.text())),
        other => Err(expected("number", other)),
    }
}

fn whole_double(number: f64) -> Option<i64> {
    /// Up to here every integer is a double of its own.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    #[expect(clippy::cast_possible_truncation, reason = "whole and within the range of an i64")]
    (number.fract() == 0.0 && number.abs() <= EXACT).then_some(number as i64)
}

#[cfg(test)]
mod tests {
    use onrecord_value::{Object, Value, object};

    use super::{count, flag, span, text, texts, texts_by_name, unrecognized, whole, wholes};
    use crate::outcome::Refusal;

    fn text_of(refusal: Option<Refusal>) -> String {
        refusal.unwrap().text.unwrap()
    }

    #[test]
    fn a_list_of_integers_may_come_as_numbers_texts_or_with_commas() {
        let data = object! {
            "numbers" => vec![1, 2], "texts" => vec!["1", "2"], "commas" => "1, 2,", "one" => 7, "no" => vec!["x"],
        };
        for field in ["numbers", "texts", "commas"] {
            assert_eq!(wholes(&data, field).ok().flatten(), Some(vec![1, 2]), "{field}");
        }
        assert_eq!(wholes(&data, "one").ok().flatten(), Some(vec![7]));
        assert_eq!(
            text_of(wholes(&data, "no").err()),
            "Field validation failed: error converting input for field \"no\": strconv.ParseInt: parsing \"x\": invalid syntax"
        );
    }

    #[test]
    fn null_counts_as_not_sent() {
        let data = object! { "f" => Value::Null };
        assert!(matches!(flag(&data, "f"), Ok(None)));
        assert!(matches!(text(&data, "f"), Ok(None)));
        assert!(matches!(texts(&data, "f"), Ok(None)));
    }

    #[test]
    fn a_value_of_a_wrong_kind_is_refused_by_the_fields_name() {
        let data = object! { "f" => object! { "a" => "canary" } };
        for text in [
            text_of(flag(&data, "f").err()),
            text_of(whole(&data, "f").err()),
            text_of(texts(&data, "f").err()),
            text_of(span(&data, "f").err()),
            text_of(text(&data, "f").err()),
        ] {
            assert!(
                text.starts_with("Field validation failed: error converting input for field \"f\": "),
                "{text}"
            );
            assert!(!text.contains("canary"), "{text}");
        }
    }

    #[test]
    fn counts_are_not_negative_and_doubles_only_if_whole() {
        let data = object! { "a" => -1, "b" => 5.0, "c" => 1.5, "d" => "6" };
        assert!(count(&data, "a").is_err());
        assert!(matches!(count(&data, "b"), Ok(Some(5))));
        assert!(count(&data, "c").is_err());
        assert!(matches!(count(&data, "d"), Ok(Some(6))));
    }

    #[test]
    fn names_of_texts_keep_their_texts() {
        let data = object! { "options" => object! { "version" => 2, "b" => "x" } };
        let pairs = texts_by_name(&data, "options").ok().flatten().unwrap();
        assert_eq!(pairs, [("b".to_owned(), "x".to_owned()), ("version".to_owned(), "2".to_owned())]);
    }

    #[test]
    fn unknown_fields_are_named_in_order() {
        let data: Object = object! { "b" => 1, "known" => 1, "a" => 1 };
        let warning = unrecognized(&data, &["known"]).unwrap();
        assert_eq!(warning.text, "Endpoint ignored these unrecognized parameters: [a b]");
        assert!(unrecognized(&data, &["a", "b", "known"]).is_none());
    }
}
