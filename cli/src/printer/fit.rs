//! Tables of texts that do not control a terminal, as wide as it is: the widest columns are cut, but those that must stay whole;
//! where that does not do, each row is a block of lines.
//! Never in it: what the cells mean.

/// Blanks between columns.
const BETWEEN: &str = "  ";
/// A column is not cut below this many characters.
const LEAST: usize = 8;

/// Rows below their titles. Without a width nothing is cut; with one, no cell of the columns that `whole` says. An empty cell is
/// `-`.
pub(crate) fn fit(titles: &[&str], whole: &[bool], rows: &[Vec<String>], width: Option<usize>) -> String {
    let natural = widths(titles, rows);
    match width {
        None => lines(titles, rows, &natural),
        Some(width) => match shrink(titles, whole, natural, width) {
            Some(widths) => lines(titles, rows, &widths),
            None => blocks(titles, rows),
        },
    }
}

fn length(text: &str) -> usize {
    text.chars().count()
}

fn widths(titles: &[&str], rows: &[Vec<String>]) -> Vec<usize> {
    let widest = |(column, title): (usize, &&str)| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| length(cell)).max().unwrap_or(0).max(length(title))
    };
    titles.iter().enumerate().map(widest).collect()
}

/// Takes from the widest columns until a line fits, if it can.
fn shrink(titles: &[&str], whole: &[bool], mut widths: Vec<usize>, width: usize) -> Option<Vec<usize>> {
    let between = BETWEEN.len() * widths.len().saturating_sub(1);
    loop {
        let total = widths.iter().sum::<usize>() + between;
        if total <= width {
            return Some(widths);
        }
        let least = |column: usize| titles.get(column).map_or(0, |title| length(title)).max(LEAST);
        let is_whole = |column: usize| whole.get(column).copied().unwrap_or(false);
        let shrinkable = widths.iter_mut().enumerate();
        let shrinkable = shrinkable.filter(|(column, width)| !is_whole(*column) && **width > least(*column));
        let (_, widest) = shrinkable.max_by_key(|(_, width)| **width)?;
        *widest -= 1;
    }
}

fn lines(titles: &[&str], rows: &[Vec<String>], widths: &[usize]) -> String {
    let head: Vec<String> = titles.iter().map(|title| (*title).to_owned()).collect();
    let rule: Vec<String> = titles.iter().map(|title| "-".repeat(length(title))).collect();
    let line = |row: &Vec<String>| {
        let cells: Vec<String> =
            row.iter().zip(widths).map(|(cell, width)| padded(&shown(cell), *width)).collect();
        cells.join(BETWEEN).trim_end().to_owned()
    };
    [&head, &rule].into_iter().chain(rows).map(line).collect::<Vec<_>>().join("\n")
}

fn shown(cell: &str) -> String {
    if cell.is_empty() { "-".to_owned() } else { cell.to_owned() }
}

fn padded(cell: &str, width: usize) -> String {
    let cut = if length(cell) > width {
        cell.chars().take(width.saturating_sub(1)).chain(['…']).collect()
    } else {
        cell.to_owned()
    };
    format!("{cut:width$}")
}

/// For each row its cells below each other, whole.
fn blocks(titles: &[&str], rows: &[Vec<String>]) -> String {
    let widest = titles.iter().map(|title| length(title)).max().unwrap_or(0);
    let block = |row: &Vec<String>| {
        let cells = titles.iter().zip(row).filter(|(_, cell)| !cell.is_empty());
        cells.map(|(title, cell)| format!("{title:widest$}  {cell}")).collect::<Vec<_>>().join("\n")
    };
    rows.iter().map(block).collect::<Vec<_>>().join("\n\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows() -> Vec<Vec<String>> {
        let row = |cells: [&str; 3]| cells.iter().map(|cell| (*cell).to_owned()).collect();
        vec![row(["1", "secret/data/a/very/long/path", "x"]), row(["22", "", "y"])]
    }

    #[test]
    fn without_a_width_nothing_is_cut() {
        let text = fit(&["N", "Path", "Who"], &[], &rows(), None);
        let expected = "N   Path                          Who\n-   ----                          ---\n\
                        1   secret/data/a/very/long/path  x\n22  -                             y";
        assert_eq!(text, expected);
    }

    #[test]
    fn the_widest_column_is_cut_to_the_width() {
        let text = fit(&["N", "Path", "Who"], &[], &rows(), Some(24));
        assert!(text.lines().all(|line| line.chars().count() <= 24), "{text}");
        assert!(text.contains("1   secret/data/a/…  x"), "{text}");
    }

    #[test]
    fn a_column_that_must_stay_whole_is_not_cut() {
        let text = fit(&["N", "Path", "Who"], &[false, true], &rows(), Some(24));
        assert!(text.contains("Path  secret/data/a/very/long/path\n"), "{text}");
    }

    #[test]
    fn a_width_that_is_too_small_makes_blocks_with_whole_cells() {
        let text = fit(&["N", "Path", "Who"], &[], &rows(), Some(12));
        assert_eq!(text, "N     1\nPath  secret/data/a/very/long/path\nWho   x\n\nN     22\nWho   y");
    }
}
