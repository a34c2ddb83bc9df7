//! Durations as clients write them and as the server answers them.
//! Never in it: clocks.

use onrecord_value::duration::{format, from_value, parse};
use onrecord_value::{GoDuration, Value};
use proptest::prelude::*;

const MS: i64 = 1_000_000;
const S: i64 = 1_000 * MS;

#[test]
fn seconds_days_and_go_syntax_are_accepted() {
    for (text, nanos) in [
        ("", 0),
        ("0", 0),
        ("90", 90 * S),
        ("-5", -5 * S),
        ("+5", 5 * S),
        ("1d", 86_400 * S),
        ("-2d", -172_800 * S),
        ("5400", 5_400 * S),
        ("1h", 3_600 * S),
        ("1h30m", 5_400 * S),
        ("1m30s", 90 * S),
        ("-1.5h", -5_400 * S),
        ("+5s", 5 * S),
        (".5s", 500 * MS),
        ("1.s", S),
        ("0s", 0),
        ("-0", 0),
        ("500ms", 500 * MS),
        ("1us", 1_000),
        ("1µs", 1_000),
        ("1μs", 1_000),
        ("3ns", 3),
        ("0.000000001s", 1),
        ("0.3333333333333333333h", 1_199_999_999_999),
        ("1h1h", 7_200 * S),
        ("9223372036854775807ns", i64::MAX),
        ("-9223372036854775808ns", i64::MIN),
    ] {
        assert_eq!(parse(text).unwrap().nanos(), nanos, "{text}");
    }
}

#[test]
fn other_texts_are_refused_with_the_messages_of_go() {
    for (text, message) in [
        ("abc", r#"time: invalid duration "abc""#),
        ("2.5", r#"time: missing unit in duration "2.5""#),
        ("5x", r#"time: unknown unit "x" in duration "5x""#),
        ("xd", r#"strconv.ParseInt: parsing "x": invalid syntax"#),
        ("1.5d", r#"strconv.ParseInt: parsing "1.5": invalid syntax"#),
        ("d", r#"strconv.ParseInt: parsing "": invalid syntax"#),
        ("-", r#"time: invalid duration "-""#),
        (".s", r#"time: invalid duration ".s""#),
        ("1h 30m", r#"time: unknown unit "h " in duration "1h 30m""#),
        ("1s\"\\é", r#"time: unknown unit "s\"\\\xc3\xa9" in duration "1s\"\\\xc3\xa9""#),
        ("9223372036854775808ns", r#"time: invalid duration "9223372036854775808ns""#),
        ("9999999999999999999", r#"time: missing unit in duration "9999999999999999999""#),
        ("9223372036854775807", r#"time: invalid duration "9223372036854775807""#),
        ("99999999999999999999s", r#"time: invalid duration "99999999999999999999s""#),
    ] {
        assert_eq!(parse(text).unwrap_err().to_string(), message);
    }
}

#[test]
fn durations_are_printed_as_go_prints_them() {
    for (nanos, text) in [
        (0, "0s"),
        (1, "1ns"),
        (1_100, "1.1µs"),
        (2_200_000, "2.2ms"),
        (2_500 * MS, "2.5s"),
        (3_600 * S, "1h0m0s"),
        (5_400 * S, "1h30m0s"),
        (61 * S, "1m1s"),
        (-90 * S, "-1m30s"),
        (2_764_800 * S, "768h0m0s"),
        (3_661 * S + 1, "1h1m1.000000001s"),
        (i64::MIN, "-2562047h47m16.854775808s"),
    ] {
        assert_eq!(format(GoDuration::from_nanos(nanos)), text);
    }
}

#[test]
fn a_field_is_seconds_or_a_text() {
    assert_eq!(from_value(&Value::from(60)).unwrap(), GoDuration::from_secs(60));
    assert_eq!(from_value(&Value::from("1m")).unwrap(), GoDuration::from_secs(60));
    assert_eq!(from_value(&Value::Null).unwrap(), GoDuration::ZERO);
    assert!(from_value(&Value::Bool(true)).is_err());
    let error = from_value(&Value::from(2.5)).unwrap_err();
    assert_eq!(error.to_string(), r#"time: missing unit in duration "2.5""#);
}

proptest! {
    #[test]
    fn what_is_printed_is_read_back(nanos in any::<i64>()) {
        let duration = GoDuration::from_nanos(nanos);
        prop_assert_eq!(parse(&format(duration)).unwrap(), duration);
    }

    #[test]
    fn arbitrary_texts_never_panic(text in any::<String>()) {
        drop(parse(&text));
    }
}
