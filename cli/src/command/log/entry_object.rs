//! The object of a line: of one that our decoder reads, and of any other line of JSON with an entry, whose fields may have values
//! that no server writes.
//! Never in it: the meaning of its fields.

use onrecord_entry::decode;
use onrecord_value::{Object, Value, json};

/// How the object begins behind a prefix.
const BEGINNING: &[u8] = b"{\"time\":\"";

/// The object of a line, if it is one with a type and a request.
pub(super) fn entry_object(line: &[u8]) -> Option<Object> {
    if let Ok(decoded) = decode(line) {
        return Some(decoded.object().clone());
    }
    let start = line.windows(BEGINNING.len()).position(|window| window == BEGINNING).unwrap_or(0);
    match json::parse(line.get(start..)?, json::Limits::default()).ok()? {
        Value::Object(object) if object.str("type").is_some() && object.object("request").is_some() => {
            Some(object)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::entry_object;

    #[test]
    fn an_entry_with_values_that_no_server_writes_is_one_too() {
        let line = br#"prefix {"time":"2026-11-20T10:00:00Z","type":"request","request":{"operation":"\u001b","id":"1"}}"#;
        assert_eq!(entry_object(line).unwrap().object("request").unwrap().str("id"), Some("1"));
        for line in [&b""[..], b"{}", b"\xff\xfe", b"{\"time\":\"2026", br#"{"time":"x","type":"request"}"#] {
            assert!(entry_object(line).is_none());
        }
        let deep =
            [br#"{"time":"x","type":"request","request":{},"a":"#.as_slice(), &b"[".repeat(10_000)].concat();
        assert!(entry_object(&deep).is_none());
    }
}
