//! CSV (RFC 4180) for spreadsheets: a line is a row, whatever the texts of the log are.
//! Never in it: which columns there are.

use std::borrow::Cow;

use onrecord_value::printable::printable;

use super::columns::{COLUMNS, Cell};
use crate::query::Row;

/// What a spreadsheet takes for the beginning of a formula, in full width, too.
const FORMULA: [char; 8] = ['=', '+', '-', '@', '＝', '＋', '－', '＠'];
/// What ends a cell for a spreadsheet that is set up for another separator: there the quotes around the cell do not count.
const SEPARATORS: [char; 2] = [';', '|'];

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
        let text = match column.cell(row) {
            Cell::Text(text) => csv_cell(&text.unwrap_or_default()),
            Cell::List(list) => csv_cell(&list.join(" ")),
            Cell::Number(number) => plain(number),
            Cell::Flag(flag) => plain(flag),
            Cell::Time(time) => plain(time),
        };
        out.extend_from_slice(text.as_bytes());
    }
    out.extend_from_slice(b"\r\n");
}

fn plain(value: Option<impl ToString>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

/// A text of a log as a cell of CSV. Control characters are written as escapes. Where a spreadsheet would begin a formula, an
/// apostrophe comes before it: at the beginning of the text, and after separators of other kinds of CSV.
pub fn csv_cell(text: &str) -> String {
    let printable = printable(text);
    let text = without_formulas(&printable);
    if text.contains(['"', ',', '\'']) || text.contains(SEPARATORS) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.into_owned()
    }
}

fn without_formulas(text: &str) -> Cow<'_, str> {
    let mut begins_cell = true;
    let mut safe = String::new();
    let mut copied = 0;
    for (at, letter) in text.char_indices() {
        if begins_cell && FORMULA.contains(&letter) {
            safe.push_str(text.get(copied..at).unwrap_or_default());
            safe.push('\'');
            copied = at;
        }
        // Some skip white space, and quotes.
        let is_skipped = letter.is_whitespace() || letter == '"';
        begins_cell = SEPARATORS.contains(&letter) || begins_cell && is_skipped;
    }
    if copied == 0 && safe.is_empty() {
        return text.into();
    }
    safe.push_str(text.get(copied..).unwrap_or_default());
    safe.into()
}

#[cfg(test)]
mod tests {
    use super::csv_cell;

    #[test]
    fn a_text_is_one_cell_and_no_formula_whatever_separates_cells() {
        for (text, cell) in [
            ("plain", "plain"),
            ("two words", "two words"),
            ("a,b", "\"a,b\""),
            ("a \"b\"", "\"a \"\"b\"\"\""),
            ("a\r\nb", "a\\r\\nb"),
            ("=cmd|' /C calc'!A0", "\"'=cmd|' /C calc'!A0\""),
            ("@SUM(A1)", "\"'@SUM(A1)\""),
            ("  -1+1", "\"  '-1+1\""),
            ("＝1", "\"'＝1\""),
            ("\tx", "\\tx"),
            ("\t=1", "\\t=1"),
            ("\r+1", "\\r+1"),
            ("a;=1;b; \"@c|-2", "\"a;'=1;b; \"\"'@c|'-2\""),
            ("a=b-c@d", "a=b-c@d"),
            ("", ""),
        ] {
            assert_eq!(csv_cell(text), cell, "{text:?}");
        }
    }
}
