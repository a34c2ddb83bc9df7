//! Output formats: the choice of format, the tree that JSON and YAML share, and line breaking.
//! Never in it: streams.

pub(crate) mod columns;
pub(crate) mod fit;
pub(crate) mod json;
pub(crate) mod sheet;
pub(crate) mod table;
pub(crate) mod yaml;

use onrecord_value::{Object, Value};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Table,
    Json,
    Yaml,
    Raw,
    /// One object a line.
    Jsonl,
    Csv,
}

impl Format {
    /// Parses a format in any case; an empty text is a table.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        match text.to_ascii_lowercase().as_str() {
            "" | "table" => Some(Self::Table),
            "json" => Some(Self::Json),
            "yaml" | "yml" => Some(Self::Yaml),
            "raw" => Some(Self::Raw),
            "jsonl" | "ndjson" => Some(Self::Jsonl),
            "csv" => Some(Self::Csv),
            _ => None,
        }
    }
}

/// A tree to print as JSON or YAML: values, and records whose fields keep their order in JSON.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Node {
    /// A value; its objects are sorted by key.
    Value(Value),
    /// Fields in the order of JSON; YAML sorts them.
    Record(Vec<(String, Node)>),
}

impl Node {
    pub(crate) fn record<const COUNT: usize>(fields: [(&str, Node); COUNT]) -> Self {
        Self::Record(fields.into_iter().map(|(name, node)| (name.to_owned(), node)).collect())
    }

    /// Adds a field at the end, if this is a record.
    pub(crate) fn push(&mut self, name: &str, node: impl Into<Node>) {
        if let Self::Record(fields) = self {
            fields.push((name.to_owned(), node.into()));
        }
    }

    pub(crate) fn texts(list: &[String]) -> Self {
        Self::Value(list.iter().collect())
    }
}

impl<T: Into<Value>> From<T> for Node {
    fn from(value: T) -> Self {
        Self::Value(value.into())
    }
}

/// A value as Go prints it with `%v`: `<nil>`, `[a b]`, `map[a:1 b:2]`.
pub(crate) fn plain(value: &Value) -> String {
    match value {
        Value::Null => "<nil>".to_owned(),
        Value::String(text) => text.clone(),
        Value::Bool(truth) => truth.to_string(),
        Value::Number(number) => number.text().to_owned(),
        Value::Time(time) => time.to_string(),
        Value::Array(list) => format!("[{}]", list.iter().map(plain).collect::<Vec<_>>().join(" ")),
        Value::Object(object) => plain_object(object),
    }
}

fn plain_object(object: &Object) -> String {
    let parts: Vec<String> = object.iter().map(|(key, value)| format!("{key}:{}", plain(value))).collect();
    format!("map[{}]", parts.join(" "))
}

/// Seconds for people: `768h`, `1h30m`, `1m1s`; trailing zero units are omitted.
pub(crate) fn human_duration(seconds: i64) -> String {
    let text = onrecord_value::duration::format(onrecord_value::GoDuration::from_secs(seconds));
    let text = text.strip_suffix("m0s").map_or_else(|| text.clone(), |rest| format!("{rest}m"));
    text.strip_suffix("h0m").map_or_else(|| text.clone(), |rest| format!("{rest}h"))
}

/// Breaks a text at blanks into lines of at most `width` characters.
pub(crate) fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for paragraph in text.split('\n') {
        let mut line = String::new();
        for word in paragraph.split_whitespace() {
            if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > width {
                lines.push(std::mem::take(&mut line));
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
        lines.push(line);
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use onrecord_value::object;

    #[test]
    fn values_are_printed_plainly() {
        let value = Value::from(object! {
            "list" => vec!["a", "b"], "map" => object! { "b" => 2, "a" => 1 }, "none" => Value::Null,
        });
        assert_eq!(plain(&value), "map[list:[a b] map:map[a:1 b:2] none:<nil>]");
    }

    #[test]
    fn durations_leave_out_zero_units_at_the_end() {
        for (seconds, expected) in [
            (2_764_800, "768h"),
            (5400, "1h30m"),
            (61, "1m1s"),
            (90061, "25h1m1s"),
            (0, "0s"),
            (3601, "1h0m1s"),
        ] {
            assert_eq!(human_duration(seconds), expected);
        }
    }

    #[test]
    fn formats_have_any_case() {
        for (text, expected) in [
            ("", Some(Format::Table)),
            ("JSON", Some(Format::Json)),
            ("yml", Some(Format::Yaml)),
            ("foo", None),
        ] {
            assert_eq!(Format::parse(text), expected);
        }
    }
}
