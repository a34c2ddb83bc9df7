//! Whether the texts of an entry are known to be hashed, and not in the clear, as a raw device writes them.
//! Never in it: of which salts lines may be in the clear.

use onrecord_entry::is_hash;
use onrecord_value::{Value, json};

use super::json::find;

/// What each device that hashes has hashed.
const TOKENS: [&[&str]; 4] = [
    &["auth", "client_token"],
    &["request", "client_token"],
    &["response", "auth", "client_token"],
    &["response", "wrap_info", "token"],
];
/// What such a device has hashed but for exceptions, which operators make. Headers show nothing: raw devices hash them, too.
const DATA: [&[&str]; 2] = [&["request", "data"], &["response", "data"]];

/// Whether the tokens of an entry in JSON are hashed; where it has none, whether its data has a hash and no other text. What shows
/// neither is not known to be hashed.
pub(super) fn is_hashed(entry: &[u8]) -> bool {
    let tokens = Texts::at(entry, &TOKENS);
    let deciding = if tokens.hashed || tokens.clear { tokens } else { Texts::at(entry, &DATA) };
    deciding.hashed && !deciding.clear
}

/// Which kinds of texts there are.
#[derive(Default)]
struct Texts {
    hashed: bool,
    clear: bool,
}

impl Texts {
    fn at(entry: &[u8], paths: &[&[&str]]) -> Self {
        let mut texts = Self::default();
        for value in paths.iter().filter_map(|keys| find(entry, keys)) {
            // A value that is too deep for the parser counts as one in the clear.
            match json::parse(value, LIMITS) {
                Ok(value) => texts.add(&value),
                Err(_) => texts.clear = true,
            }
        }
        texts
    }

    /// It recurses as deep as a value of the parser may be.
    fn add(&mut self, value: &Value) {
        match value {
            Value::String(text) if is_hash(text.as_bytes()) => self.hashed = true,
            Value::String(text) => self.clear |= !text.is_empty(),
            Value::Array(values) => values.iter().for_each(|value| self.add(value)),
            Value::Object(object) => object.iter().for_each(|(_, value)| self.add(value)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Time(_) => {}
        }
    }
}

const LIMITS: json::Limits = json::Limits { depth: usize::MAX, nodes: usize::MAX };

#[cfg(test)]
mod tests {
    use super::is_hashed;

    #[test]
    fn tokens_decide_and_the_data_where_there_is_no_token() {
        let cases = [
            (r#"{"auth":{"client_token":"HASH"},"request":{"data":{"a":"an exception"}}}"#, true),
            (r#"{"auth":{"client_token":"s.1"},"request":{"data":{"a":"HASH"}}}"#, false),
            (r#"{"auth":{"client_token":"hmac-sha256:1"},"request":{"data":{"a":"HASH"}}}"#, false),
            (r#"{"response":{"auth":{"client_token":"s.1"}}}"#, false),
            (r#"{"request":{"data":{"a":"HASH"}},"response":{"wrap_info":{"token":"s.1"}}}"#, false),
            (r#"{"auth":{"client_token":null},"request":{"data":{"a":["HASH",{"b":"x"}]}}}"#, false),
            (r#"{"request":{"data":{"a":["HASH",7,""]}},"response":{"data":null}}"#, true),
            (r#"{"request":{"data":{"a":"hmac-sha256:s3cret"}}}"#, false),
            (r#"{"request":{"data":{"a":"HASH"},"headers":{"x-a":["clear"]}}}"#, true),
            (r#"{"request":{"headers":{"x-a":["HASH"]}}}"#, false),
            (r#"{"request":{"id":"1","path":"a"}}"#, false),
        ];
        let hash = format!("hmac-sha256:{}", "0a".repeat(32));
        for (entry, expected) in cases {
            assert_eq!(is_hashed(entry.replace("HASH", &hash).as_bytes()), expected, "{entry}");
        }
        let deep = ["[".repeat(100_000), "]".repeat(100_000)].concat();
        assert!(!is_hashed(format!("{{\"request\":{{\"data\":{deep}}}}}").as_bytes()));
    }
}
