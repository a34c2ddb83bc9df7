//! Tables: columns as wide as their widest cell, four blanks between, headers underlined.
//! Never in it: colours, and streams.

use super::columns::{filled, head, lines, widths};
use super::{human_duration, plain};
use onrecord_value::{Object, Value};

/// Rows below headers (`Key | Value`); an empty cell is `n/a`, the last cell of a row is not padded.
pub(crate) fn table(headers: &str, rows: &[Vec<String>]) -> String {
    let headers: Vec<&str> = headers.split(" | ").collect();
    columns(&[head(&headers).as_slice(), rows].concat())
}

pub(crate) fn columns(rows: &[Vec<String>]) -> String {
    let rows = filled(rows, "n/a");
    lines(&rows, &widths(&rows), "    ").join("\n")
}

pub(crate) fn key_value(rows: &[(String, String)]) -> String {
    let rows: Vec<Vec<String>> = rows.iter().map(|(key, value)| vec![key.clone(), value.clone()]).collect();
    table("Key | Value", &rows)
}

/// The rows of an object; whole seconds of the keys `ttl`, `duration`, `period` and of those that end so are durations.
pub(crate) fn object_rows(object: &Object) -> Vec<(String, String)> {
    object.iter().map(|(key, value)| (key.to_owned(), cell(key, value))).collect()
}

fn cell(key: &str, value: &Value) -> String {
    let timed = matches!(key, "ttl" | "duration" | "period")
        || ["_ttl", "_duration", "_period"].iter().any(|end| key.ends_with(end));
    match value.as_i64() {
        Some(seconds) if timed => human_duration(seconds),
        _ => plain(value),
    }
}

/// A title between signs, as wide as the text below it.
pub(crate) fn banner(title: &str, width: usize) -> String {
    let signs = match width.checked_sub(title.chars().count() + 2) {
        None | Some(0) => 4,
        Some(signs) => signs + signs % 2,
    };
    let side = "=".repeat(signs / 2);
    format!("{side} {title} {side}")
}

/// A banner over the table of an object: its longest key, and what the column of values adds.
pub(crate) fn object_banner(title: &str, object: &Object) -> String {
    let longest = object.keys().map(|key| key.chars().count()).max().unwrap_or(0);
    banner(title, longest + 9)
}

#[cfg(test)]
mod tests {
    use super::*;
    use onrecord_value::object;

    #[test]
    fn a_table_is_padded_and_underlined() {
        let rows = vec![vec!["file/".into(), "file".into(), String::new()]];
        assert_eq!(
            table("Path | Type | Description", &rows),
            "Path     Type    Description\n----     ----    -----------\nfile/    file    n/a"
        );
    }

    #[test]
    fn whole_seconds_of_timed_keys_are_durations() {
        let object = object! {
            "ttl" => 3600, "x_period" => 61, "xttl" => 60, "ttl_x" => 60, "lease_duration" => "60", "a" => "", "n" => Value::Null,
        };
        let rows = object_rows(&object);
        let expected = [
            ("a", ""),
            ("lease_duration", "60"),
            ("n", "<nil>"),
            ("ttl", "1h"),
            ("ttl_x", "60"),
            ("x_period", "1m1s"),
            ("xttl", "60"),
        ];
        let rows: Vec<(&str, &str)> =
            rows.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        assert_eq!(rows, expected);
    }

    #[test]
    fn banners_have_the_measured_widths() {
        for (title, width, expected) in [
            ("Secret Path", 12, "== Secret Path =="),
            ("Metadata", 24, "======= Metadata ======="),
            ("Data", 12, "=== Data ==="),
            ("Data", 13, "==== Data ===="),
            ("Secret Path", 13, "== Secret Path =="),
            ("Secret Path", 14, "= Secret Path ="),
        ] {
            assert_eq!(banner(title, width), expected, "{title} {width}");
        }
        assert_eq!(object_banner("Data", &object! { "foo" => "bar" }), "=== Data ===");
    }
}
