//! The published JSON Schema of a line, docs/entry.schema.json, applied to every line that a test reads: the keywords that the
//! schema uses, and a panic at any other.
//! Never in it: the product's register, from which the schema is generated.

use std::collections::HashMap;
use std::sync::LazyLock;

use regex::Regex;
use serde_json::{Map, Value};

static SCHEMA: LazyLock<Value> = LazyLock::new(|| {
    serde_json::from_str(include_str!("../../docs/entry.schema.json")).expect("the schema is JSON")
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

    use super::violations;

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
}
