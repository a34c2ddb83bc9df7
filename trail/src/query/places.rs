//! Where texts stand in a line: the paths of the fields that hold them.
//! Never in it: which lines are looked at.

use onrecord_value::Value;

use super::entry::entry_object;

/// More places of one line are not listed.
const PLACES_MAX: usize = 100;

/// A field that holds a text.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Its keys: `request.data.password`, `response.data.keys[2]`.
    pub path: String,
    /// Which text, by its position in the list.
    pub text: usize,
    /// Whether it is in the key of the field, not in its value.
    pub in_key: bool,
}

/// The fields of a line that hold one of some texts, wholly or as a part; none if the line is not an entry.
pub fn places(line: &[u8], texts: &[&str]) -> Vec<Place> {
    let mut found = Vec::new();
    for (key, value) in &entry_object(line).unwrap_or_default() {
        walk(value, key, texts, &mut found);
    }
    found
}

fn walk(value: &Value, path: &str, texts: &[&str], found: &mut Vec<Place>) {
    let mut note = |holder: &str, path: &str, in_key| {
        for (text, _) in texts.iter().enumerate().filter(|(_, text)| holder.contains(**text)) {
            if found.len() < PLACES_MAX {
                found.push(Place { path: path.to_owned(), text, in_key });
            }
        }
    };
    match value {
        Value::String(holder) => note(holder, path, false),
        Value::Array(items) => {
            for (at, item) in items.iter().enumerate() {
                walk(item, &format!("{path}[{at}]"), texts, found);
            }
        }
        Value::Object(object) => {
            for key in object.keys() {
                note(key, &format!("{path}.{key}"), true);
            }
            for (key, value) in object {
                walk(value, &format!("{path}.{key}"), texts, found);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Time(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_field_that_holds_a_text_is_named_once() {
        let line = br#"{"time":"2026-01-01T00:00:00Z","type":"response","auth":{},"request":{"id":"1","path":"a/h1/b","data":{"k":{"h2":"h1"}}},"response":{"data":{"keys":["x","h1"]}}}"#;
        let found = places(line, &["h1", "h2", "none"]);
        let found: Vec<_> =
            found.iter().map(|place| (place.path.as_str(), place.text, place.in_key)).collect();
        assert_eq!(
            found,
            [
                ("request.data.k.h2", 1, true),
                ("request.data.k.h2", 0, false),
                ("request.path", 0, false),
                ("response.data.keys[1]", 0, false),
            ]
        );
        assert!(places(b"h1", &["h1"]).is_empty());
        // Behind a torn entry, and with a time as no server writes it.
        let torn = br#"{"time":"2026-01-01T00:00:00Z","type":"requ{"time":"2026-01-01T01:00:00+01:00","type":"request","auth":{},"request":{"id":"1","data":{"k":"h1"}}}"#;
        let found = places(torn, &["h1"]);
        assert_eq!(found.iter().map(|place| place.path.as_str()).collect::<Vec<_>>(), ["request.data.k"]);
    }
}
