//! CSV (RFC 4180) for spreadsheets: a line is a row, whatever the texts of the log are.
//! Never in it: which columns there are.

use onrecord_value::printable::printable;

use super::columns::{COLUMNS, Cell};
use crate::query::Row;

/// The line with the names of the columns.
pub(super) fn head() -> String {
    let names: Vec<&str> = COLUMNS.iter().map(|column| column.name).collect();
    names.join(",") + "\r\n"
}

/// Appends a row.
pub(super) fn append(row: &Row, out: &mut Vec<u8>) {
    for (number, column) in COLUMNS.iter().enumerate() {
        if number > 0 {
            out.push(b',');
        }
        match column.cell(row) {
            Cell::Text(text) => quote(&text.unwrap_or_default(), out),
            Cell::List(list) => quote(&list.join(" "), out),
            Cell::Number(number) => plain(number, out),
            Cell::Flag(flag) => plain(flag, out),
            Cell::Time(time) => plain(time, out),
        }
    }
    out.extend_from_slice(b"\r\n");
}

fn plain(value: Option<impl ToString>, out: &mut Vec<u8>) {
    out.extend_from_slice(value.map(|value| value.to_string()).unwrap_or_default().as_bytes());
}

/// A text of the log. One that a spreadsheet would take for a formula begins with an apostrophe, which it does not show.
fn quote(text: &str, out: &mut Vec<u8>) {
    let text = printable(text);
    let formula = text.starts_with(['=', '+', '-', '@']);
    if !formula && !text.contains(['"', ',', ' ', '\'']) {
        out.extend_from_slice(text.as_bytes());
        return;
    }
    out.push(b'"');
    if formula {
        out.push(b'\'');
    }
    for byte in text.bytes() {
        if byte == b'"' {
            out.push(b'"');
        }
        out.push(byte);
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::quote;

    #[test]
    fn a_text_is_one_cell_and_no_formula() {
        for (text, cell) in [
            ("plain", "plain"),
            ("a,b", "\"a,b\""),
            ("a \"b\"", "\"a \"\"b\"\"\""),
            ("a\r\nb", "a\\r\\nb"),
            ("=cmd|' /C calc'!A0", "\"'=cmd|' /C calc'!A0\""),
            ("@SUM(A1)", "\"'@SUM(A1)\""),
            ("\tx", "\\tx"),
            ("", ""),
        ] {
            let mut out = Vec::new();
            quote(text, &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), cell);
        }
    }
}
