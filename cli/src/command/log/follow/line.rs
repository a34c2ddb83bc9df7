//! A row of `log follow` as one line. On a terminal it fits the width: what matters least is left out, then the time is short, and
//! then the path is.
//! Never in it: which rows there are, and their colours.

use onrecord_trail::query::Field;

use crate::command::log::row_cells::{OF_TABLES, Shown};
use crate::printer::columns::cut;
use crate::printer::sheet::Cell;

const BETWEEN: &str = "  ";
/// What is left out where a line is too long, the least important first.
const LEFT_OUT: [Field; 2] = [Field::Id, Field::Token];
/// A path or a name keeps at least this number of characters.
const PATH_LEAST: usize = 16;
const NAME_LEAST: usize = 12;

/// How lines are laid out, as long as the terminal has its width.
pub(super) struct Layout<'c> {
    columns: &'c [Shown],
    width: Option<usize>,
    left_out: &'static [Field],
    is_narrow: bool,
    today: &'c str,
}

impl<'c> Layout<'c> {
    /// A layout for the width of a terminal, if it is one. `now` is the time as cells have it.
    pub(super) fn new(columns: &'c [Shown], width: Option<usize>, now: &'c str) -> Self {
        let today = now.get(..10).unwrap_or_default();
        let mut layout = Self { columns, width, left_out: &[], is_narrow: false, today };
        let Some(width) = width else { return layout };
        // Fields that a user named are not left out.
        let most = if columns.iter().eq(OF_TABLES.map(Shown::Field).iter()) { LEFT_OUT.len() } else { 0 };
        for count in 0..=most {
            layout.left_out = LEFT_OUT.get(..count).unwrap_or_default();
            if layout.usual_length(now.len()) <= width {
                return layout;
            }
        }
        layout.is_narrow = true;
        layout
    }

    fn usual_length(&self, time: usize) -> usize {
        let is_time = |column: &&Shown| **column == Shown::Field(Field::Time);
        let shown = || self.columns.iter().filter(|column| self.shows(column));
        let times = shown().filter(is_time).count() * time;
        let between = BETWEEN.len() * shown().count().saturating_sub(1);
        shown().map(|column| self.usual(column)).sum::<usize>() + times + between
    }

    fn shows(&self, column: &Shown) -> bool {
        !self.left_out.iter().any(|field| *column == Shown::Field(*field))
    }

    /// How wide a column is at least.
    fn usual(&self, column: &Shown) -> usize {
        match column {
            Shown::Field(Field::Path) => 28,
            Shown::Field(Field::Who) if self.is_narrow => NAME_LEAST,
            Shown::Field(Field::Who | Field::Address) => 15,
            Shown::Field(Field::Token) => 12,
            Shown::Field(Field::Id) => 8,
            Shown::Field(Field::Operation | Field::Status) => 6,
            _ => 0,
        }
    }

    /// The cells one after the other, each at least as wide as is usual for its field.
    pub(super) fn line(&self, cells: &[Cell]) -> String {
        let shown = self.columns.iter().zip(cells).filter(|(column, _)| self.shows(column));
        let mut parts: Vec<(&Shown, String)> =
            shown.map(|(column, cell)| (column, self.text(column, cell))).collect();
        let mut path = self.usual(&Shown::Field(Field::Path));
        if let Some(width) = self.width {
            let excess = (self.without_path(&parts) + PATH_LEAST).saturating_sub(width);
            if let Some(name) = part(&mut parts, Field::Who) {
                let length = name.chars().count();
                *name = cut(name, length.saturating_sub(excess).max(NAME_LEAST));
            }
            let most = width.saturating_sub(self.without_path(&parts)).max(PATH_LEAST);
            if let Some(path) = part(&mut parts, Field::Path) {
                *path = without_beginning(path, most);
            }
            path = path.min(most);
        }
        let padded = |(column, text): &(&Shown, String)| {
            let width = if **column == Shown::Field(Field::Path) { path } else { self.usual(column) };
            format!("{text:width$}")
        };
        let line = parts.iter().map(padded).collect::<Vec<_>>().join(BETWEEN);
        let line = line.trim_end();
        self.width.map_or_else(|| line.to_owned(), |width| cut(line, width))
    }

    fn text(&self, column: &Shown, cell: &Cell) -> String {
        match column {
            _ if cell.shown.is_empty() => "-".to_owned(),
            Shown::Field(Field::Time) if self.is_narrow => self.short_time(&cell.shown),
            _ => cell.shown.clone(),
        }
    }

    /// Without the year, the fraction and the zone; of today the clock time alone.
    fn short_time(&self, time: &str) -> String {
        match (time.get(..10), time.get(5..10), time.get(11..19)) {
            (Some(day), _, Some(clock)) if day == self.today => clock.to_owned(),
            (_, Some(day), Some(clock)) => format!("{day} {clock}"),
            _ => time.to_owned(),
        }
    }

    /// The length of a line without its path.
    fn without_path(&self, parts: &[(&Shown, String)]) -> usize {
        let others = parts.iter().filter(|(column, _)| **column != Shown::Field(Field::Path));
        let lengths = others.map(|(column, text)| text.chars().count().max(self.usual(column)));
        lengths.sum::<usize>() + BETWEEN.len() * parts.len().saturating_sub(1)
    }
}

/// The text of a field.
fn part<'p>(parts: &'p mut [(&Shown, String)], field: Field) -> Option<&'p mut String> {
    parts.iter_mut().find(|(column, _)| **column == Shown::Field(field)).map(|(_, text)| text)
}

/// The end of a path tells more than its beginning.
fn without_beginning(text: &str, most: usize) -> String {
    let length = text.chars().count();
    if length <= most {
        return text.to_owned();
    }
    std::iter::once('…').chain(text.chars().skip(length + 1 - most.max(1))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIME: &str = "2026-11-20 10:00:01.123Z";

    fn line(width: Option<usize>, now: &str, who: &str, path: &str) -> String {
        let cells = [TIME, who, "update", path, "denied", "203.0.113.109", "7a7a7a7a7a7a", "00000001"];
        let columns = OF_TABLES.map(Shown::Field);
        Layout::new(&columns, width, now).line(&cells.map(Cell::text))
    }

    #[test]
    fn what_matters_most_is_in_a_line_of_80_columns() {
        for (now, who, path, expected) in [
            (
                "2026-11-30 09:00:00.000Z",
                "userpass-bob",
                "secret/app",
                "11-20 10:00:01  userpass-bob  update  secret/app         denied  203.0.113.109",
            ),
            (
                "2026-11-20 11:00:00.000Z",
                "userpass-bob",
                "secret/data/department/app",
                "10:00:01  userpass-bob  update  …et/data/department/app  denied  203.0.113.109",
            ),
            (
                "2026-11-30 09:00:00.000Z",
                "ldap-someone.with.a.long@example.com",
                "secret/data/department/app",
                "11-20 10:00:01  ldap-someone…  update  …/department/app  denied  203.0.113.109",
            ),
        ] {
            let line = line(Some(80), now, who, path);
            assert!(line.chars().count() <= 80, "{line}");
            assert_eq!(line, expected);
        }
    }

    #[test]
    fn a_wider_line_has_more_and_without_a_terminal_nothing_is_left_out() {
        let now = "2026-11-20 11:00:00.000Z";
        let at = |width| line(width, now, "userpass-bob", "secret/app");
        assert!(at(Some(100)).starts_with("10:00:01  ") && !at(Some(100)).contains("7a7a7a7a7a7a"));
        assert!(at(Some(104)).starts_with(TIME) && !at(Some(104)).contains("7a7a7a7a7a7a"));
        assert!(at(Some(118)).ends_with("  7a7a7a7a7a7a"));
        assert!(at(Some(128)).ends_with("  7a7a7a7a7a7a  00000001"));
        assert_eq!(at(None), at(Some(128)));
        let long = "secret/".to_owned() + &"x".repeat(200);
        assert!(line(None, now, "userpass-bob", &long).contains(&long));
        for width in 1..130 {
            assert!(line(Some(width), now, "userpass-bob", &long).chars().count() <= width, "{width}");
        }
    }

    #[test]
    fn fields_that_a_user_named_are_not_left_out() {
        let columns = [Field::Time, Field::Id, Field::Token].map(Shown::Field);
        let cells = [TIME, "00000001", "7a7a7a7a7a7a"].map(Cell::text);
        let line = Layout::new(&columns, Some(40), TIME).line(&cells);
        assert_eq!(line, "10:00:01  00000001  7a7a7a7a7a7a");
    }
}
