//! docs/FORMAT.md and docs/entry.schema.json say what the register says; `ONRECORD_REGENERATE=1` writes them again.
//! Never in it: prose of the documents.

use std::fmt::Write as _;

use onrecord_entry::register::{REGISTER, Row, Treatment};
use onrecord_schema::documents;
use onrecord_value::{Object, Value, json, object};

const BEGIN: &str = "<!-- generated: ONRECORD_REGENERATE=1 cargo test -p onrecord-entry --test entry -->\n";
const END: &str = "<!-- end -->\n";

/// The objects of the register in its order.
fn objects() -> Vec<&'static str> {
    let mut names: Vec<_> = REGISTER.iter().map(|row| row.object).collect();
    names.dedup();
    names
}

fn treatment(row: &Row) -> String {
    match row.treatment {
        Treatment::Word => "a word".to_owned(),
        Treatment::Instant => "a time".to_owned(),
        Treatment::Number => "a number".to_owned(),
        Treatment::Flag => "true or false".to_owned(),
        Treatment::Mark => "16 hex digits".to_owned(),
        Treatment::Clear => "clear".to_owned(),
        Treatment::ClearList => "list, clear".to_owned(),
        Treatment::ClearMap => "map of texts, clear".to_owned(),
        Treatment::ClearListMap => "map of lists, clear".to_owned(),
        Treatment::Path => "clear, but sensitive parts".to_owned(),
        Treatment::Template => "template".to_owned(),
        Treatment::TemplateList => "list of templates".to_owned(),
        Treatment::Token => "**hashed**".to_owned(),
        Treatment::TokenAlways => "**hashed**, even empty".to_owned(),
        Treatment::Accessor => "**hashed** if `hmac_accessor`".to_owned(),
        Treatment::AccessorAlways => "**hashed** if `hmac_accessor`, even empty".to_owned(),
        Treatment::Data => "**hashed** string by string".to_owned(),
        Treatment::Headers => "**hashed** or clear, as configured".to_owned(),
        Treatment::Digest => "digest".to_owned(),
        Treatment::Object => format!("object `{}`", row.inner.unwrap()),
        Treatment::ObjectList => format!("list of `{}`", row.inner.unwrap()),
    }
}

fn table() -> String {
    let mut text = String::new();
    for name in objects() {
        writeln!(text, "\n### {name}\n\n| key | content | written | reason |\n|---|---|---|---|").unwrap();
        for row in REGISTER.iter().filter(|row| row.object == name) {
            let written = if row.always { "always" } else { "set" };
            writeln!(text, "| `{}` | {} | {written} | {} |", row.key, treatment(row), row.reason).unwrap();
        }
    }
    text
}

fn list_of(items: Object) -> Object {
    object! { "type" => "array", "items" => items }
}

fn map_of(items: Object) -> Object {
    object! { "type" => "object", "additionalProperties" => items }
}

fn schema_of(row: &Row) -> Object {
    let text = || object! { "type" => "string" };
    let reference = || object! { "$ref" => format!("#/$defs/{}", row.inner.unwrap()) };
    let mut schema = match row.treatment {
        Treatment::Word => object! { "enum" => row.words },
        Treatment::Instant => object! { "type" => "string", "format" => "date-time" },
        Treatment::Number => object! { "type" => "integer", "minimum" => 0 },
        Treatment::Flag => object! { "type" => "boolean" },
        Treatment::Mark => object! { "type" => "string", "pattern" => "^[0-9a-f]{16}$" },
        Treatment::Digest => object! { "type" => "string", "pattern" => "^(hmac-)?sha256:[0-9a-f]{64}$" },
        Treatment::Clear
        | Treatment::Path
        | Treatment::Template
        | Treatment::Token
        | Treatment::TokenAlways
        | Treatment::Accessor
        | Treatment::AccessorAlways => text(),
        Treatment::ClearList | Treatment::TemplateList => list_of(text()),
        Treatment::ClearMap => map_of(text()),
        Treatment::ClearListMap | Treatment::Headers => map_of(list_of(text())),
        Treatment::Data => object! { "type" => "object" },
        Treatment::Object => reference(),
        Treatment::ObjectList => list_of(reference()),
    };
    schema.insert("description", format!("{}: {}", treatment(row).replace("**", ""), row.reason));
    schema
}

fn schema() -> Object {
    let definition = |name: &str| {
        let rows = || REGISTER.iter().filter(|row| row.object == name);
        let properties: Object = rows().map(|row| (row.key, schema_of(row))).collect();
        let required: Vec<_> = rows().filter(|row| row.always).map(|row| row.key).collect();
        object! { "type" => "object", "properties" => properties, "required" => required }
    };
    let definitions: Object = objects().into_iter().map(|name| (name, definition(name))).collect();
    object! {
        "$schema" => "https://json-schema.org/draft/2020-12/schema",
        "title" => "A line of an OnRecord audit device, without its prefix",
        "$ref" => "#/$defs/entry",
        "$defs" => definitions,
    }
}

/// JSON that people can read, too.
fn pretty(value: &Value, indent: usize, out: &mut String) {
    let inner = " ".repeat(indent + 2);
    let outer = " ".repeat(indent);
    match value {
        Value::Object(map) if !map.is_empty() => {
            out.push_str("{\n");
            for (at, (key, value)) in map.iter().enumerate() {
                let comma = if at + 1 < map.len() { "," } else { "" };
                write!(out, "{inner}{}: ", String::from_utf8(Value::from(key).to_json()).unwrap()).unwrap();
                pretty(value, indent + 2, out);
                writeln!(out, "{comma}").unwrap();
            }
            write!(out, "{outer}}}").unwrap();
        }
        _ => out.push_str(&String::from_utf8(value.to_json()).unwrap()),
    }
}

#[test]
fn the_format_document_shows_the_register_as_it_is() {
    documents::check_part("FORMAT.md", BEGIN, END, &format!("{}\n", table()));
}

#[test]
fn the_schema_is_that_of_the_register() {
    let mut text = String::new();
    pretty(&Value::from(schema()), 0, &mut text);
    text.push('\n');
    documents::check("entry.schema.json", &text);
    let parsed = json::parse(text.as_bytes(), json::Limits::default()).unwrap();
    assert_eq!(parsed, Value::from(schema()), "what is printed is what is meant");
}
