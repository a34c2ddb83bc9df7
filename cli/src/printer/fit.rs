//! Tables of texts that do not control a terminal, as wide as it is: the widest columns are cut, but those that must stay whole;
//! where that does not do, each row is a block of lines.
//! Never in it: what the cells mean.

use super::columns::{filled, head, length, lines, widths};

/// Blanks between columns.
const BETWEEN: &str = "  ";
/// A column is not cut below this many characters.
const LEAST: usize = 8;

/// Rows below their titles. Without a width nothing is cut; with one, no cell of the columns that `whole` says. An empty cell is
/// `-`.
pub(crate) fn fit(titles: &[&str], whole: &[bool], rows: &[Vec<String>], width: Option<usize>) -> String {
    let all = [head(titles).as_slice(), &filled(rows, "-")].concat();
    let natural = widths(&all);
    let widths = match width {
        None => Some(natural),
        Some(width) => shrink(titles, whole, natural, width),
    };
    match widths {
        // A title may be a blank.
        Some(widths) => {
            let lines = lines(&all, &widths, BETWEEN);
            lines.iter().map(|line| line.trim_end()).collect::<Vec<_>>().join("\n")
        }
        None => blocks(titles, rows),
    }
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
