//! What the rows lack, of all that was read so far: said at the first, and at the end how many there were.
//! Never in it: what a query says of each line.

use std::collections::HashMap;

use onrecord_trail::query::Summary;

use crate::command::log::question::Question;
use crate::command::{Failure, Session};

/// What is said of lines that could not be shown, or not wholly.
const REPORTED_KINDS: [&str; 6] =
    ["not_entries", "too_long", "torn", "incomplete_parts", "elided", "undecided"];

#[derive(Default)]
pub(super) struct Incompleteness {
    all: Summary,
    /// The last sentence of each kind.
    said: HashMap<String, String>,
}

impl Incompleteness {
    /// Counts the lines of a batch. Its requests are counted one by one: others of their copies may come in another batch.
    pub(super) fn add_lines(&mut self, summary: &Summary) {
        let all = &mut self.all;
        all.not_entries += summary.not_entries;
        all.too_long += summary.too_long;
        all.torn += summary.torn;
        all.incomplete_parts += summary.incomplete_parts;
    }

    pub(super) fn add_too_long(&mut self, lines: u64) {
        self.all.too_long += lines;
    }

    pub(super) fn add_elided(&mut self) {
        self.all.elided += 1;
    }

    pub(super) fn add_undecided(&mut self) {
        self.all.undecided += 1;
    }

    /// Says what was not said yet; at the end also how many there were.
    pub(super) fn say(
        &mut self,
        session: &mut Session<'_>,
        question: &Question,
        ends: bool,
    ) -> Result<(), Failure> {
        for warning in self.all.warnings(None, None, &question.context.zone) {
            let said = self.said.get(&warning.kind);
            let is_new = said.is_none_or(|said| ends && *said != warning.text);
            if is_new && REPORTED_KINDS.contains(&warning.kind.as_str()) {
                session.warn(&format!("! {}", warning.text))?;
                self.said.insert(warning.kind, warning.text);
            }
        }
        Ok(())
    }
}
