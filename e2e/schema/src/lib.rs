//! The published JSON Schema of a line, docs/entry.schema.json, applied to every line that a test emits or reads: the keywords
//! that the schema uses, and a panic at any other; and how tests keep generated documents. Tests alone depend on this crate, on
//! every level.
//! Never in it: the product's register, from which the schema is generated, or any other crate of the product.

pub mod documents;

use std::collections::HashMap;
use std::io::Write as _;
use std::sync::LazyLock;

use regex::{Captures, Regex};
use serde_json::{Map, Value};

static SCHEMA: LazyLock<Value> = LazyLock::new(|| {
    serde_json::from_str(include_str!("../../../docs/entry.schema.json")).expect("the schema is JSON")
});

/// RFC 3339.
static DATE_TIME: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})$").expect("a pattern")
});

/// The patterns of the schema.
static PATTERNS: LazyLock<HashMap<String, Regex>> = LazyLock::new(|| {
    let mut found = HashMap::new();
    collect_patterns(&SCHEMA, &mut found);
    found
});

fn collect_patterns(schema: &Value, found: &mut HashMap<String, Regex>) {
    let Some(schema) = schema.as_object() else { return };
    if let Some(pattern) = schema.get("pattern").and_then(Value::as_str) {
        found.insert(pattern.to_owned(), Regex::new(pattern).expect("a pattern"));
    }
    schema.values().for_each(|below| collect_patterns(below, found));
}

/// The entry in a line of JSON without a prefix. Panics on a line that is not JSON or breaks the schema: a log never has one.
pub fn checked(line: &[u8]) -> Value {
    judged(line).unwrap_or_else(|why| panic!("{why}"))
}

/// A line of any device, with its prefix, in either format; the schema says nothing of JSONx, whose lines end with a tag. Where it is called, a panic is a
/// fault of a device, which a test may well expect: a line that breaks the schema ends the whole test program.
pub fn abort_unless_valid(line: &[u8]) {
    if line.trim_ascii_end().ends_with(b">") {
        return;
    }
    if let Err(why) = judged(without_prefix(line)) {
        // Past the test harness, which keeps what a test prints until it ends.
        drop(writeln!(std::io::stderr(), "{why}"));
        std::process::abort();
    }
}

/// From the first place on at which JSON begins that goes to the end of the line. A prefix may look like an entry's beginning.
fn without_prefix(line: &[u8]) -> &[u8] {
    let beginning = b"{\"time\":";
    let places = line.windows(beginning.len()).enumerate().filter(|(_, found)| found == beginning);
    let mut texts = places.filter_map(|(at, _)| line.get(at..));
    texts.find(|text| parsed(text).is_ok()).unwrap_or(line)
}

fn judged(line: &[u8]) -> Result<Value, String> {
    let entry = parsed(line)?;
    let violations = violations(&entry);
    let shown = || String::from_utf8_lossy(line);
    if violations.is_empty() {
        Ok(entry)
    } else {
        Err(format!("a line breaks the schema: {violations:?}: {}", shown()))
    }
}

/// Strings, and numbers with an exponent of three digits or more.
static HUGE_NUMBERS: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r#""(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?[eE][+-]?\d{3,}"#).expect("a pattern"));

/// The JSON of a line. A number that no double holds is JSON too, and becomes 0: the schema bounds no client's number.
fn parsed(line: &[u8]) -> Result<Value, String> {
    let text =
        std::str::from_utf8(line).map_err(|error| format!("a line is not UTF-8 ({error}): {line:?}"))?;
    serde_json::from_str(text).or_else(|error| {
        let within = HUGE_NUMBERS.replace_all(text, |found: &Captures<'_>| {
            let whole = found.get(0).map_or("", |found| found.as_str());
            if whole.starts_with('"') { whole.to_owned() } else { "0".to_owned() }
        });
        serde_json::from_str(&within).map_err(|_| format!("a line is not JSON ({error}): {text}"))
    })
}

/// Every place of an entry that the schema does not allow. A key that the schema does not name is one: other readers ignore
/// it, but our lines have none.
pub fn violations(entry: &Value) -> Vec<String> {
    let mut found = Vec::new();
    apply(&SCHEMA, entry, "", &mut found);
    found
}

fn apply(schema: &Value, value: &Value, place: &str, found: &mut Vec<String>) {
    let schema = match schema {
        Value::Bool(true) => return,
        Value::Bool(false) => return found.push(format!("{place} is not allowed")),
        other => other.as_object().expect("a schema"),
    };
    for (keyword, rule) in schema {
        match keyword.as_str() {
            "$ref" => apply(referenced(rule), value, place, found),
            "type" if !has_type(value, rule.as_str().expect("one type")) => {
                found.push(format!("{place} is not of type {rule}"));
            }
            "enum" if !rule.as_array().expect("a list").contains(value) => {
                found.push(format!("{place} is none of {rule}"));
            }
            "minimum" if value.as_f64() < rule.as_f64() => found.push(format!("{place} is below {rule}")),
            "pattern" if !matches(value, rule) => found.push(format!("{place} does not match {rule}")),
            "format" if !has_format(value, rule) => found.push(format!("{place} is not a {rule}")),
            "items" => {
                for (index, item) in value.as_array().into_iter().flatten().enumerate() {
                    apply(rule, item, &format!("{place}[{index}]"), found);
                }
            }
            "required" => {
                let missing =
                    rule.as_array().expect("a list").iter().filter(|key| value.get(text(key)).is_none());
                found.extend(missing.map(|key| format!("{place}.{} is missing", text(key))));
            }
            // Checked below or above, or says nothing of a value.
            "properties"
            | "additionalProperties"
            | "type"
            | "enum"
            | "minimum"
            | "pattern"
            | "format"
            | "$defs"
            | "$schema"
            | "title"
            | "description" => {}
            other => panic!("the schema has the keyword {other}, which this test does not know"),
        }
    }
    if let Some(members) = value.as_object() {
        apply_to_members(schema, members, place, found);
    }
}

fn apply_to_members(
    schema: &Map<String, Value>,
    members: &Map<String, Value>,
    place: &str,
    found: &mut Vec<String>,
) {
    for (key, member) in members {
        let named = schema.get("properties").and_then(|properties| properties.get(key));
        let place = format!("{place}.{key}");
        match named.or_else(|| schema.get("additionalProperties")) {
            Some(rule) => apply(rule, member, &place, found),
            None if schema.contains_key("properties") => found.push(format!("{place} is not in the schema")),
            None => {}
        }
    }
}

fn referenced(reference: &Value) -> &'static Value {
    let pointer = text(reference).strip_prefix('#').expect("a place in the schema");
    SCHEMA.pointer(pointer).expect("the place is there")
}

fn has_type(value: &Value, name: &str) -> bool {
    match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "null" => value.is_null(),
        other => panic!("the schema has the type {other}, which this test does not know"),
    }
}

fn matches(value: &Value, pattern: &Value) -> bool {
    value.as_str().is_none_or(|value| PATTERNS[text(pattern)].is_match(value))
}

fn has_format(value: &Value, format: &Value) -> bool {
    assert_eq!(text(format), "date-time", "the only format that this test knows");
    value.as_str().is_none_or(|value| DATE_TIME.is_match(value))
}

fn text(value: &Value) -> &str {
    value.as_str().expect("a text")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{judged, parsed, violations, without_prefix};

    #[test]
    fn a_line_that_breaks_the_schema_is_found_with_its_place() {
        let entry = json!({
            "time": "2026-11-29T10:00:00Z", "type": "request", "auth": {"num_uses": -1, "token_type": "other"},
            "request": {"operation": "read", "headers": {"a": "b"}}, "record": {"seq": 1, "boot": "x", "salt": "0123456789abcdef"}, "more": 1,
        });
        let mut found = violations(&entry);
        found.sort();
        let places: Vec<&str> = found.iter().filter_map(|line| line.split(' ').next()).collect();
        assert_eq!(
            places,
            [".auth.num_uses", ".auth.token_type", ".more", ".record.boot", ".request.headers.a"],
            "{found:?}"
        );
        assert_eq!(violations(&json!({"type": "request"})).len(), 3, "what every line has");
    }

    #[test]
    fn a_line_is_checked_behind_its_prefix() {
        let entry: &[u8] = br#"{"time":"2026-11-29T10:00:00Z"}"#;
        for prefix in ["", "> {", "{\"time\":"] {
            assert_eq!(without_prefix(&[prefix.as_bytes(), entry].concat()), entry);
        }
        assert!(
            parsed(br#"{"time":"1e400","n":[-1.5E+400,1e400]}"#).is_ok_and(|entry| entry["time"] == "1e400")
        );
        assert!(judged(entry).unwrap_err().contains(".type is missing"));
        assert!(judged(without_prefix(b"> x")).unwrap_err().contains("not JSON"));
    }
}
