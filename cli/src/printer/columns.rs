//! Cells in columns: what both kinds of tables have in common.
//! Never in it: which cells there are, and how wide a terminal is.

/// The titles, and the line below them.
pub(super) fn head(titles: &[&str]) -> [Vec<String>; 2] {
    [
        titles.iter().map(|title| (*title).to_owned()).collect(),
        titles.iter().map(|title| "-".repeat(length(title))).collect(),
    ]
}

/// The rows, with a text in place of empty cells.
pub(super) fn filled(rows: &[Vec<String>], empty: &str) -> Vec<Vec<String>> {
    let shown = |cell: &String| if cell.is_empty() { empty.to_owned() } else { cell.clone() };
    rows.iter().map(|row| row.iter().map(shown).collect()).collect()
}

/// How many characters the longest cell of each column has.
pub(super) fn widths(rows: &[Vec<String>]) -> Vec<usize> {
    let count = rows.iter().map(Vec::len).max().unwrap_or_default();
    let longest =
        |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| length(cell)).max();
    (0..count).map(|column| longest(column).unwrap_or_default()).collect()
}

/// A line for each row, with blanks between the columns. A cell that is longer than its column is cut; the last one of a row is not
/// padded.
pub(super) fn lines(rows: &[Vec<String>], widths: &[usize], between: &str) -> Vec<String> {
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(widths).enumerate().map(|(column, (cell, width))| {
            let cell = cut(cell, *width);
            if column + 1 == row.len() { cell } else { format!("{cell:width$}") }
        });
        cells.collect::<Vec<_>>().join(between)
    };
    rows.iter().map(line).collect()
}

pub(super) fn length(text: &str) -> usize {
    text.chars().count()
}

/// A text in this width at most, which ends with a mark if it was longer.
pub(crate) fn cut(cell: &str, width: usize) -> String {
    if length(cell) <= width {
        return cell.to_owned();
    }
    cell.chars().take(width.saturating_sub(1)).chain(['…']).collect()
}
