//! Claims of a token: found by name or by JSON pointer (RFC 6901), compared with what is expected, and judged by time.
//! Never in it: signatures; which claims a role wants.

use std::borrow::Cow;

use onrecord_value::{Object, Value};

use crate::glob::glob_matches;

/// A claim by its name, or by a pointer where that begins with a slash.
pub(super) fn find<'a>(claims: &'a Object, name: &str) -> Option<&'a Value> {
    let Some(pointer) = name.strip_prefix('/') else { return claims.get(name) };
    let mut segments = pointer.split('/').map(|segment| segment.replace("~1", "/").replace("~0", "~"));
    let first = claims.get(&segments.next()?)?;
    segments.try_fold(first, |value, segment| match value {
        Value::Object(object) => object.get(&segment),
        Value::Array(items) => items.get(segment.parse::<usize>().ok()?),
        _ => None,
    })
}

/// The text of a text, a number or a truth value.
pub(super) fn text_of(value: &Value) -> Option<Cow<'_, str>> {
    match value {
        Value::String(text) => Some(Cow::Borrowed(text)),
        Value::Number(number) => Some(Cow::Borrowed(number.text())),
        Value::Bool(flag) => Some(Cow::Borrowed(if *flag { "true" } else { "false" })),
        _ => None,
    }
}

/// One value, or those of a list.
fn items(value: &Value) -> &[Value] {
    value.as_array().unwrap_or(std::slice::from_ref(value))
}

/// Whether a claim, or one of its values, is one of the expected ones: literally, or as a glob.
pub(super) fn matches(claim: &Value, expected: &Value, is_glob: bool) -> bool {
    let is_one = |actual: &Value, expected: &Value| match (text_of(actual), text_of(expected)) {
        (Some(actual), Some(pattern)) if is_glob => glob_matches(&pattern, &actual),
        (Some(actual), Some(expected)) => actual == expected,
        _ => false,
    };
    // A number is not the text of its digits.
    let fits =
        |actual: &Value, expected: &Value| actual.kind() == expected.kind() && is_one(actual, expected);
    items(claim).iter().any(|actual| items(expected).iter().any(|expected| fits(actual, expected)))
}

/// A list of texts, or one text.
pub(super) fn texts(value: &Value) -> Option<Vec<String>> {
    items(value).iter().map(|item| item.as_str().map(str::to_owned)).collect()
}

/// How far the times of a token may be off, in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Leeways {
    pub(super) clock_skew: i64,
    /// How long a token lives that does not say when it expires.
    pub(super) expiration: i64,
    /// How long before its end a token begins that does not say when it begins.
    pub(super) not_before: i64,
}

/// Whether a token is valid at `now`, in seconds. It must say at least one of when it was issued, begins and expires.
pub(super) fn is_in_time(claims: &Object, leeways: Leeways, now: i64) -> bool {
    let time = |name: &str| claims.get(name).map(seconds);
    let (issued, begins, expires) = match (time("iat"), time("nbf"), time("exp")) {
        (Some(None), _, _) | (_, Some(None), _) | (_, _, Some(None)) | (None, None, None) => return false,
        (issued, begins, expires) => (issued.flatten(), begins.flatten(), expires.flatten()),
    };
    let expires =
        expires.unwrap_or_else(|| issued.max(begins).unwrap_or_default().saturating_add(leeways.expiration));
    let begins = begins.or(issued).unwrap_or_else(|| expires.saturating_sub(leeways.not_before));
    let latest = now.saturating_add(leeways.clock_skew);
    now.saturating_sub(leeways.clock_skew) <= expires
        && begins <= latest
        && issued.is_none_or(|at| at <= latest)
}

/// Whole seconds since 1970; a fraction is cut off.
fn seconds(value: &Value) -> Option<i64> {
    let number = value.as_number()?;
    number.as_i64().or_else(|| {
        let double = number.as_f64().filter(|double| double.abs() < 1e15)?;
        #[expect(
            clippy::cast_possible_truncation,
            reason = "within the range of an i64; the fraction is not wanted"
        )]
        Some(double as i64)
    })
}

#[cfg(test)]
mod tests {
    use onrecord_value::{json, object};

    use super::*;

    fn claims(text: &str) -> Object {
        json::parse_object(text.as_bytes(), json::Limits::default()).unwrap()
    }

    #[test]
    fn a_claim_is_found_by_name_or_by_pointer() {
        let claims = claims(r#"{"a/b":"1","a":{"b":["x",{"c":"2"}],"~/":"3"},"n":7}"#);
        for (name, found) in [
            ("a/b", Some("1")),
            ("/a/b/0", Some("x")),
            ("/a/b/1/c", Some("2")),
            ("/a/~0~1", Some("3")),
            ("/a/b/7", None),
            ("/a/none", None),
            ("/n/0", None),
            ("none", None),
            ("/", None),
        ] {
            assert_eq!(find(&claims, name).and_then(Value::as_str), found, "{name}");
        }
    }

    #[test]
    fn a_claim_matches_one_of_the_expected_values_of_its_own_type() {
        let value = |text: &str| json::parse(text.as_bytes(), json::Limits::default()).unwrap();
        for (actual, expected, is_glob, fits) in [
            (r#""a""#, r#""a""#, false, true),
            (r#""a""#, r#"["b","a"]"#, false, true),
            (r#"["x","a"]"#, r#""a""#, false, true),
            (r#""ab""#, r#""a*""#, false, false),
            (r#""ab""#, r#""a*""#, true, true),
            ("7", "7", false, true),
            ("7", r#""7""#, false, false),
            ("true", "true", false, true),
            ("true", "false", false, false),
            ("{}", "{}", false, false),
            ("[]", r#""a""#, false, false),
        ] {
            assert_eq!(matches(&value(actual), &value(expected), is_glob), fits, "{actual} {expected}");
        }
    }

    #[test]
    fn a_token_is_valid_between_its_times_and_their_leeways() {
        let leeways = Leeways { clock_skew: 60, expiration: 150, not_before: 150 };
        let strict = Leeways { clock_skew: 0, ..leeways };
        for (claims, leeways, now, valid) in [
            (object! { "exp" => 1000 }, leeways, 1060, true),
            (object! { "exp" => 1000 }, leeways, 1061, false),
            (object! { "exp" => 1000 }, strict, 1001, false),
            (object! { "exp" => 1000 }, leeways, 790, true),
            (object! { "exp" => 1000 }, leeways, 789, false),
            (object! { "exp" => 1000, "nbf" => 900 }, leeways, 840, true),
            (object! { "exp" => 1000, "nbf" => 900 }, leeways, 839, false),
            (object! { "exp" => 1000, "iat" => 900 }, strict, 899, false),
            (object! { "iat" => 1000 }, strict, 1150, true),
            (object! { "iat" => 1000 }, strict, 1151, false),
            (object! { "sub" => "x" }, leeways, 0, false),
            (object! { "exp" => "1000" }, leeways, 900, false),
        ] {
            assert_eq!(is_in_time(&claims, leeways, now), valid, "{claims:?} {now}");
        }
    }
}
