//! JSON text from outside: the properties of parsing and writing, and the messages clients see.
//! Never in it: JSON of an entry.

use onrecord_value::json::{self, Limits, ParseErrorKind};
use onrecord_value::{Number, Value, object};
use proptest::prelude::*;

fn parse(text: &[u8]) -> Result<Value, json::ParseError> {
    json::parse(text, Limits::default())
}

#[test]
fn documents_that_go_refuses_are_refused_with_its_messages() {
    for (text, message) in [
        ("", "EOF"),
        (" \n\t\r", "EOF"),
        ("{not json", "invalid character 'n'"),
        ("{\"a\":", "unexpected EOF"),
        ("{", "unexpected EOF"),
        ("[1,", "unexpected EOF"),
        ("\"abc", "unexpected EOF"),
        ("tru", "unexpected EOF"),
        ("-", "unexpected EOF"),
        ("1.", "unexpected EOF"),
        ("1e+", "unexpected EOF"),
        ("\"\\u12", "unexpected EOF"),
        ("[1,2", "unexpected EOF"),
        ("file", "invalid character 'i' in literal false (expecting 'a')"),
        ("nul1", "invalid character '1' in literal null (expecting 'l')"),
        ("x", "invalid character 'x' looking for beginning of value"),
        ("'a'", r"invalid character '\'' looking for beginning of value"),
        ("{\"a\":1,}", "invalid character '}' looking for beginning of object key string"),
        ("{\"a\":1,b", "invalid character 'b' looking for beginning of object key string"),
        ("{\"a\" 1}", "invalid character '1' after object key"),
        ("{\"a\":1 \"b\"", "invalid character '\"' after object key:value pair"),
        ("{\"a\":}", "invalid character '}' looking for beginning of value"),
        ("[1 2]", "invalid character '2' after array element"),
        ("[1,]", "invalid character ']' looking for beginning of value"),
        ("[01]", "invalid character '1' after array element"),
        ("[-x]", "invalid character 'x' in numeric literal"),
        ("[1.x]", "invalid character 'x' after decimal point in numeric literal"),
        ("[1ex]", "invalid character 'x' in exponent of numeric literal"),
        ("\"a\nb\"", r"invalid character '\n' in string literal"),
        ("\"\\x\"", "invalid character 'x' in string escape code"),
        ("\"\\u12g4\"", r"invalid character 'g' in \u hexadecimal character escape"),
        ("{} x", "invalid character 'x' after top-level value"),
        ("\u{0}", r"invalid character '\x00' looking for beginning of value"),
        ("é", "invalid character 'Ã' looking for beginning of value"),
    ] {
        assert_eq!(parse(text.as_bytes()).unwrap_err().to_string(), message, "{text}");
    }
}

#[test]
fn a_body_must_be_a_map_or_null() {
    for (text, found) in
        [("[1,2]", "array"), ("\"x\"", "string"), ("1", "number"), ("true", "bool"), ("false", "bool")]
    {
        assert_eq!(
            json::parse_object(text.as_bytes(), Limits::default()).unwrap_err().to_string(),
            format!("json: cannot unmarshal {found} into Go value of type map[string]interface {{}}")
        );
    }
    assert!(json::parse_object(b"null", Limits::default()).unwrap().is_empty());
    assert_eq!(json::parse_object(b" {\"a\":1} ", Limits::default()).unwrap(), object! { "a" => 1 });
}

#[test]
fn numbers_keep_their_literal_text() {
    let text = r"[0,-0,1.0,1.50,1e3,1E+3,1e400,12345678901234567890123,0.1000000000000000055511151231257827]";
    assert_eq!(parse(text.as_bytes()).unwrap().to_json(), text.as_bytes());
}

#[test]
fn the_last_of_equal_keys_wins_at_any_depth() {
    let value = parse(br#"{"a":{"x":1},"b":1,"a":{"y":1,"y":2}}"#).unwrap();
    assert_eq!(value.to_json(), br#"{"a":{"y":2},"b":1}"#);
}

#[test]
fn escapes_and_broken_characters_are_read_as_go_reads_them() {
    for (text, expected) in [
        (&br#""\"\\\/\b\f\n\r\t\u0041\u00e9""#[..], "\"\\/\u{8}\u{c}\n\r\tAé"),
        (br#""\ud83d\ude00""#, "😀"),
        (br#""\ud83d""#, "\u{fffd}"),
        (br#""\ud83d\u0041""#, "\u{fffd}A"),
        (br#""\ud83dx\ude00""#, "\u{fffd}x\u{fffd}"),
        (br#""\ud83d\ud83d\ude00""#, "\u{fffd}😀"),
        (b"\"a\xffb\"", "a\u{fffd}b"),
        (b"\"\xe2\x82\"", "\u{fffd}\u{fffd}"),
        ("\"é\u{2028}\"".as_bytes(), "é\u{2028}"),
    ] {
        assert_eq!(parse(text).unwrap().as_str(), Some(expected));
    }
}

#[test]
fn deep_and_large_documents_meet_their_limits() {
    let limits = Limits { depth: 2, nodes: 4 };
    assert!(json::parse(b"[[1,2]]", limits).is_ok());
    let deep = json::parse(b"[[[]]]", limits).unwrap_err();
    assert_eq!(deep.kind(), ParseErrorKind::TooDeep { limit: 2 });
    assert_eq!(deep.offset(), 2);
    let large = json::parse(b"[1,2,3,4]", limits).unwrap_err();
    assert_eq!(large.kind(), ParseErrorKind::TooManyValues { limit: 4 });

    let boundless = Limits { depth: usize::MAX, nodes: usize::MAX };
    for open in ["[", "{\"a\":"] {
        let kind = json::parse(open.repeat(200_000).as_bytes(), boundless).unwrap_err().kind();
        assert_eq!(kind, ParseErrorKind::TooDeep { limit: Limits::DEPTH_MAX });
    }
}

/// Any value that a parser can produce.
fn values() -> impl Strategy<Value = Value> {
    let number = prop_oneof![
        any::<i64>().prop_map(Number::from),
        any::<f64>().prop_filter_map("finite", Number::from_f64),
        "-?(0|[1-9][0-9]{0,40})(\\.[0-9]{1,30})?([eE][+-]?[0-9]{1,4})?"
            .prop_map(|text| Number::from_literal(&text).expect("a number")),
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        number.prop_map(Value::Number),
        any::<String>().prop_map(Value::String),
        "[ -~]{0,40}".prop_map(Value::String),
        "[<>&\"\\\\\u{2028}\u{2029}\u{7f}a-c]{0,20}".prop_map(Value::String),
    ];
    leaf.prop_recursive(5, 80, 8, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..8).prop_map(Value::Array),
            prop::collection::vec((any::<String>(), inner), 0..8)
                .prop_map(|entries| Value::Object(entries.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(value in values()) {
        let text = value.to_json();
        let read = parse(&text).unwrap();
        prop_assert!(read == value);
        prop_assert_eq!(read.to_json(), text);
    }

    #[test]
    fn what_is_written_another_reader_understands_alike(value in values()) {
        let text = value.to_json();
        // The other reader does not accept a number that is not a finite double.
        if let Ok(theirs) = serde_json::from_slice::<serde_json::Value>(&text) {
            prop_assert!(same(&value, &theirs));
        }
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        drop(parse(&bytes).map(|value| value.to_json()));
    }

    #[test]
    fn both_readers_accept_the_same_documents(text in "[\\[\\]{}:,\" \\\\truefalsn0-9.eE+-]{0,24}") {
        let theirs = serde_json::from_str::<serde_json::Value>(&text);
        match (parse(text.as_bytes()), theirs) {
            (Ok(ours), Ok(theirs)) => prop_assert!(same(&ours, &theirs)),
            (Err(_), Err(_)) => {}
            // They refuse a number that is not a finite double, and half a surrogate pair.
            (Ok(_), Err(error)) => {
                let error = error.to_string();
                prop_assert!(error.contains("out of range") || error.contains("surrogate") || error.contains("hex escape"), "{}", error);
            }
            (Err(error), Ok(_)) => prop_assert!(false, "only we refuse: {error}"),
        }
    }
}

/// Is our value what theirs is, numbers compared as doubles?
fn same(ours: &Value, theirs: &serde_json::Value) -> bool {
    match (ours, theirs) {
        (Value::Null, serde_json::Value::Null) => true,
        (Value::Bool(ours), serde_json::Value::Bool(theirs)) => ours == theirs,
        (Value::Number(ours), serde_json::Value::Number(theirs)) => {
            let (ours, theirs) = (ours.as_f64().unwrap(), theirs.as_f64().unwrap());
            (ours - theirs).abs() <= ours.abs() * f64::EPSILON
        }
        (Value::String(ours), serde_json::Value::String(theirs)) => ours == theirs,
        (Value::Array(ours), serde_json::Value::Array(theirs)) => {
            ours.len() == theirs.len() && ours.iter().zip(theirs).all(|(ours, theirs)| same(ours, theirs))
        }
        (Value::Object(ours), serde_json::Value::Object(theirs)) => {
            ours.len() == theirs.len()
                && ours
                    .iter()
                    .zip(theirs)
                    .all(|((key, ours), (name, theirs))| key == name && same(ours, theirs))
        }
        _ => false,
    }
}
