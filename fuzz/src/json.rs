//! JSON documents: what is taken is written and read back the same, and what any JSON parser takes is taken.
//! Never in it: requests.

use onrecord_value::json::{self, Limits, ParseErrorKind};

/// Parses the bytes as a JSON document.
pub fn json(data: &[u8]) {
    let other: Option<serde_json::Value> = serde_json::from_slice(data).ok();
    match json::parse(data, Limits::default()) {
        Ok(value) => {
            let text = value.to_json();
            let again = json::parse(&text, Limits::default()).expect("what was written is read");
            assert!(again == value, "it comes back as another value");
            assert_eq!(again.to_json(), text, "it is written in one way");
            if let Some(other) = other {
                let written: serde_json::Value = serde_json::from_slice(&text).expect("any parser reads it");
                assert_eq!(written, other, "another parser reads the same in both");
            }
        }
        Err(error) => {
            assert!(error.offset() <= data.len(), "the place is inside of the document");
            assert!(error.to_string().len() < 200, "the message is short");
            let limit =
                matches!(error.kind(), ParseErrorKind::TooDeep { .. } | ParseErrorKind::TooManyValues { .. });
            assert!(other.is_none() || limit, "another parser takes it: {error}");
        }
    }
    let small = Limits { depth: 4, nodes: 16 };
    drop(json::parse_object(data, small));
}
