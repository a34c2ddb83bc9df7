//! A sheet: named columns and rows of cells, in each output format. No text of a cell controls a terminal: in JSON such
//! characters are escapes of JSON, in the other formats they are written as `\u{1b}`.
//! Never in it: streams, and where the cells come from.

use onrecord_trail::export::csv_cell;
use onrecord_value::printable::{printable, printable_json};
use onrecord_value::{Object, Value, json};

use super::fit::fit;
use super::plain;

/// A cell: its text for people, and its value for programs.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Cell {
    pub(crate) shown: String,
    pub(crate) value: Value,
}

impl Cell {
    pub(crate) fn new(shown: &str, value: impl Into<Value>) -> Self {
        Self { shown: printable(shown), value: value.into() }
    }

    /// A text that is the same for both.
    pub(crate) fn text(text: &str) -> Self {
        Self::new(text, text)
    }

    /// A text, or nothing.
    pub(crate) fn maybe(text: Option<&str>) -> Self {
        text.map_or_else(Self::empty, Self::text)
    }

    pub(crate) fn count(count: u64) -> Self {
        Self::new(&count.to_string(), count)
    }

    pub(crate) fn empty() -> Self {
        Self { shown: String::new(), value: Value::Null }
    }
}

/// Columns whose cells are not cut in tables.
const WHOLE: [&str; 15] = [
    "time", "first", "last", "hour", "issued", "revoked", "times", "requests", "refused", "count", "status",
    "token", "accessor", "id", "ip",
];

/// A column: its name for programs and its title for people. A column without a title is not in the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Column {
    pub(crate) name: String,
    pub(crate) title: String,
}

impl Column {
    /// Whether a part of its cells says nothing: times, numbers, hashes, ids.
    fn is_whole(&self) -> bool {
        WHOLE.contains(&self.name.as_str())
    }
}

/// Columns and rows.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sheet {
    pub(crate) columns: Vec<Column>,
    pub(crate) rows: Vec<Vec<Cell>>,
}

impl Sheet {
    /// A sheet of columns with these names and titles.
    pub(crate) fn new<'a>(columns: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let column = |(name, title): (&str, &str)| Column { name: name.to_owned(), title: title.to_owned() };
        Self { columns: columns.into_iter().map(column).collect(), rows: Vec::new() }
    }

    /// As a table that fits a width.
    pub(crate) fn table(&self, width: Option<usize>) -> String {
        let shown: Vec<usize> = (0..self.columns.len())
            .filter(|at| self.columns.get(*at).is_some_and(|column| !column.title.is_empty()))
            .collect();
        let titles: Vec<&str> =
            shown.iter().filter_map(|at| Some(self.columns.get(*at)?.title.as_str())).collect();
        let cells =
            |row: &Vec<Cell>| shown.iter().filter_map(|at| Some(row.get(*at)?.shown.clone())).collect();
        let rows: Vec<Vec<String>> = self.rows.iter().map(cells).collect();
        let whole: Vec<bool> =
            shown.iter().filter_map(|at| Some(self.columns.get(*at)?.is_whole())).collect();
        fit(&titles, &whole, &rows, width)
    }

    /// The rows as objects; a cell without a value is left out.
    pub(crate) fn value(&self) -> Value {
        self.rows.iter().map(|row| self.object(row)).collect()
    }

    /// A row as an object.
    pub(crate) fn object(&self, row: &[Cell]) -> Value {
        let named = self.columns.iter().zip(row).filter(|(_, cell)| cell.value != Value::Null);
        Value::Object(
            named.map(|(column, cell)| (column.name.clone(), cell.value.clone())).collect::<Object>(),
        )
    }

    /// A row as a line of JSON.
    pub(crate) fn json_line(&self, row: &[Cell]) -> String {
        let mut out = Vec::new();
        json::write(&self.object(row), &mut out);
        format!("{}\n", printable_json(&String::from_utf8_lossy(&out)))
    }

    /// The first line of CSV.
    pub(crate) fn csv_head(&self) -> String {
        let names = self.columns.iter().map(|column| csv_cell(&column.name));
        format!("{}\n", names.collect::<Vec<_>>().join(","))
    }

    /// A row as a line of CSV.
    pub(crate) fn csv_line(row: &[Cell]) -> String {
        let cell = |cell: &Cell| match &cell.value {
            Value::Null => String::new(),
            Value::Array(items) => csv_cell(&items.iter().map(plain).collect::<Vec<_>>().join(", ")),
            // A number cannot begin a formula.
            Value::Number(number) => number.text().to_owned(),
            value => csv_cell(&plain(value)),
        };
        format!("{}\n", row.iter().map(cell).collect::<Vec<_>>().join(","))
    }
}

/// A value whose texts have no character that could control a terminal: those are written as escapes.
pub(crate) fn safe_value(value: &Value) -> Value {
    match value {
        Value::String(text) => Value::from(printable(text)),
        Value::Array(items) => items.iter().map(safe_value).collect(),
        Value::Object(object) => Value::Object(
            object.iter().map(|(key, value)| (printable(key), safe_value(value))).collect::<Object>(),
        ),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sheet() -> Sheet {
        let mut sheet = Sheet::new([("who", "Who"), ("times", "Times"), ("hidden", "")]);
        sheet.rows.push(vec![
            Cell::text("=\u{1b}[2J\u{202e}a,\"b"),
            Cell::count(3),
            Cell::maybe(Some("only for programs")),
        ]);
        sheet
    }

    #[test]
    fn no_format_passes_a_character_that_controls_a_terminal() {
        let sheet = sheet();
        let row = &sheet.rows[0];
        assert_eq!(
            sheet.table(None),
            "Who                     Times\n---                     -----\n=\\u{1b}[2J\\u{202e}a,\"b  3"
        );
        let line = sheet.json_line(row);
        assert_eq!(
            line,
            "{\"hidden\":\"only for programs\",\"times\":3,\"who\":\"=\\u001b[2J\\u202ea,\\\"b\"}\n"
        );
        assert_eq!(sheet.csv_head(), "who,times,hidden\n");
        assert_eq!(Sheet::csv_line(row), "\"'=\\u{1b}[2J\\u{202e}a,\"\"b\",3,only for programs\n");
    }
}
