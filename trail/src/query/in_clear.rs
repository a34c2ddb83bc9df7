//! Whether an entry has texts in the clear, as a raw device writes it.
//! Never in it: of which salts lines may be in the clear.

use onrecord_entry::HASH_PREFIX;
use onrecord_value::{Value, json};

use super::json::find;

const TOKENS: [&[&str]; 3] =
    [&["auth", "client_token"], &["request", "client_token"], &["response", "auth", "client_token"]];
const DATA: [&[&str]; 2] = [&["request", "data"], &["response", "data"]];

/// Whether the tokens of an entry in JSON are in the clear, or its data where it has no token.
pub(super) fn is_in_clear(entry: &[u8]) -> bool {
    let values = |paths: &[&[&str]]| -> Vec<Value> {
        // A value that is too deep for the parser counts as one in the clear.
        let value = |raw| json::parse(raw, LIMITS).unwrap_or_else(|_| Value::from("?"));
        let found = paths.iter().filter_map(|keys| find(entry, keys)).map(value);
        found.filter(|value| !matches!(value, Value::Null)).collect()
    };
    let tokens = values(&TOKENS);
    let deciding = if tokens.is_empty() { values(&DATA) } else { tokens };
    deciding.iter().any(has_clear_text)
}

const LIMITS: json::Limits = json::Limits { depth: usize::MAX, nodes: usize::MAX };

/// It recurses as deep as a value of the parser may be.
fn has_clear_text(value: &Value) -> bool {
    match value {
        Value::String(text) => !text.is_empty() && !text.starts_with(HASH_PREFIX),
        Value::Array(values) => values.iter().any(has_clear_text),
        Value::Object(object) => object.iter().any(|(_, value)| has_clear_text(value)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Time(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::is_in_clear;

    #[test]
    fn tokens_decide_and_the_data_where_there_is_no_token() {
        let cases = [
            (r#"{"auth":{"client_token":"hmac-sha256:1"},"request":{"data":{"a":"hmac-sha256:2"}}}"#, false),
            (r#"{"auth":{"client_token":"s.1"},"request":{"data":{"a":"hmac-sha256:2"}}}"#, true),
            (r#"{"response":{"auth":{"client_token":"s.1"}}}"#, true),
            (r#"{"auth":{"client_token":null},"request":{"data":{"a":["hmac-sha256:2",{"b":"x"}]}}}"#, true),
            (r#"{"request":{"data":{"a":["hmac-sha256:2",7,""]}},"response":{"data":null}}"#, false),
            (r#"{"request":{"id":"1","path":"a"}}"#, false),
        ];
        for (entry, expected) in cases {
            assert_eq!(is_in_clear(entry.as_bytes()), expected, "{entry}");
        }
        let deep = ["[".repeat(100_000), "]".repeat(100_000)].concat();
        assert!(is_in_clear(format!("{{\"request\":{{\"data\":{deep}}}}}").as_bytes()));
    }
}
