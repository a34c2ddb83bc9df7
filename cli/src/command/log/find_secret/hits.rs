//! The rows in which the text occurs, and those in which it could be without being found.
//! Never in it: the text, where a cell would show it.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::io::Write;
use std::ops::ControlFlow;

use onrecord_entry::HASH_PREFIX;
use onrecord_trail::query::{Field, Place, Position, Row, Zone, places};

use super::super::question::Rows;
use super::super::row_cells::{HASH_SHOWN, short};
use super::cut_requests::{self, CutRequests};
use super::forms::{Form, escaped};
use super::hashes::Hashes;
use crate::printer::sheet::{Cell, Sheet};

/// A shorter text is in most lines by chance.
const CLEAR_MIN: usize = 5;
/// Shown in place of the text,
const MASK: &str = "[the text]";
/// and of a word that has a short text in it.
const HIDDEN: &str = "[hidden]";

/// What was found, and what could not be.
pub(super) struct Hits<'f> {
    forms: &'f [Form],
    hashes: &'f Hashes,
    zone: Zone,
    /// How many rows are kept; all are counted.
    most: u64,
    sheet: Sheet,
    found: u64,
    in_clear: u64,
    /// Where the text is in the row that was taken last.
    places: BTreeSet<Place>,
    cut: CutRequests,
}

impl<'f> Hits<'f> {
    pub(super) fn new(forms: &'f [Form], hashes: &'f Hashes, zone: Zone, most: u64) -> Self {
        let sheet = Sheet::new([
            ("time", "Time"),
            ("who", "Who"),
            ("op", "Operation"),
            ("path", "Path"),
            ("fields", "In field"),
            ("form", "Form"),
            ("status", "Status"),
            ("ip", "Address"),
            ("token", "Token"),
            ("entity", ""),
            ("device", "Device"),
            ("id", ""),
            ("at", "Line"),
        ]);
        let (places, cut) = (BTreeSet::new(), CutRequests::default());
        Self { forms, hashes, zone, most, sheet, found: 0, in_clear: 0, places, cut }
    }

    /// The bytes of which a line must have some.
    pub(super) fn needles(&self) -> Vec<Vec<u8>> {
        let hashes = self.hashes.list.iter().map(|hash| hash.text.clone().into_bytes());
        hashes.chain(cut_requests::marks()).chain(self.clear().into_iter().flat_map(escaped)).collect()
    }

    /// The text itself, if it is long enough to mean something.
    fn clear(&self) -> Option<&'f str> {
        self.forms.first().map(|form| form.text.as_str()).filter(|text| text.len() >= CLEAR_MIN)
    }

    pub(super) fn searches_clear(&self) -> bool {
        self.clear().is_some()
    }

    pub(super) fn found(&self) -> u64 {
        self.found
    }

    pub(super) fn in_clear(&self) -> u64 {
        self.in_clear
    }

    /// Requests in which the text may be without being found.
    pub(super) fn cut(&self) -> &CutRequests {
        &self.cut
    }

    pub(super) fn is_cut(&self) -> bool {
        self.found > self.sheet.rows.len() as u64
    }

    pub(super) fn sheet(self) -> Sheet {
        let mut sheet = self.sheet;
        sheet
            .rows
            .sort_by_cached_key(|row| row.first().and_then(|cell| cell.value.as_str().map(str::to_owned)));
        sheet
    }

    /// Where the text is in the lines of a row.
    fn places_in(&self, row: &Row) -> BTreeSet<Place> {
        let mut texts: Vec<&str> = self.hashes.list.iter().map(|hash| hash.text.as_str()).collect();
        texts.extend(self.clear());
        lines(row).flat_map(|line| places(line, &texts)).collect()
    }

    fn cells(&self, row: &Row, found: &BTreeSet<Place>) -> Vec<Cell> {
        let mut fields: Vec<String> = Vec::new();
        let mut forms: Vec<&str> = Vec::new();
        let mut devices: Vec<String> = Vec::new();
        for place in found {
            let name = if place.in_key { format!("{} (its name)", place.path) } else { place.path.clone() };
            let hash = self.hashes.list.get(place.text);
            let form =
                hash.map_or("in the clear", |hash| self.forms.get(hash.form).map_or("", |form| form.name));
            push_new(&mut fields, name);
            push_new(&mut forms, form);
            if let Some(device) = hash.map(|hash| hash.device.clone()).filter(|device| !device.is_empty()) {
                push_new(&mut devices, device);
            }
        }
        devices.extend(row.text(Field::Device).filter(|_| devices.is_empty()).map(Cow::into_owned));
        let at = [&row.at().request, &row.at().response];
        let at: Vec<String> = at.into_iter().flatten().map(position).collect();
        let text = |field: Field| self.masked(row.text(field).unwrap_or_default().as_ref());
        let token = row.text(Field::Token).unwrap_or_default();
        // Digits of a hash, or of an id, are a short text by chance.
        let token =
            if token.starts_with(HASH_PREFIX) { self.masked_long(&token) } else { self.masked(&token) };
        let id = self.masked_long(row.text(Field::Id).unwrap_or_default().as_ref());
        let shown_token = if token.starts_with(HASH_PREFIX) {
            short(&token)
        } else {
            token.chars().take(HASH_SHOWN).collect()
        };
        vec![
            Cell::new(&self.zone.show(row.time(), 3), row.time().to_string()),
            Cell::text(&text(Field::Who)),
            Cell::text(&text(Field::Operation)),
            Cell::text(&text(Field::Path)),
            list(fields.iter().map(|field| self.masked(field))),
            list(forms),
            Cell::new(&row.text(Field::Status).unwrap_or_default(), row.number(Field::Status)),
            Cell::text(&text(Field::Address)),
            Cell::new(&shown_token, token.as_str()),
            Cell::maybe(row.text(Field::Entity).map(|entity| self.masked_long(&entity)).as_deref()),
            list(devices.iter().map(|device| self.masked(device))),
            Cell::text(&id),
            list(at.iter().map(|at| self.masked_long(at))),
        ]
    }

    /// A text of the log without the one that is searched for, which a clear field may hold, in any form.
    fn masked(&self, text: &str) -> String {
        let short: Vec<&str> = self.texts().filter(|form| !is_long(form)).collect();
        let text = self.masked_long(text);
        text.split(MASK).map(|part| without_words(part, &short)).collect::<Vec<_>>().join(MASK)
    }

    /// A text without the forms that are long enough to mean something.
    fn masked_long(&self, text: &str) -> String {
        let mut long: Vec<&str> = self.texts().filter(|form| is_long(form)).collect();
        // One may be a part of another.
        long.sort_by_key(|form| std::cmp::Reverse(form.len()));
        long.into_iter().fold(text.to_owned(), |text, form| text.replace(form, MASK))
    }

    /// The text in all its forms.
    fn texts(&self) -> impl Iterator<Item = &str> {
        self.forms.iter().map(|form| form.text.as_str())
    }
}

impl Rows for Hits<'_> {
    /// A row that only has a mark is noted and not taken: another device may have the whole entry.
    fn takes(&mut self, row: &Row) -> bool {
        self.places = self.places_in(row);
        let is_hit = !self.places.is_empty();
        if is_hit {
            self.cut.remove(row);
        } else {
            self.cut.insert(row, &lines(row).collect::<Vec<_>>());
        }
        is_hit
    }

    fn row(&mut self, _: &mut dyn Write, row: &Row) -> ControlFlow<()> {
        let found = std::mem::take(&mut self.places);
        self.found += 1;
        self.in_clear += u64::from(found.iter().any(|place| self.hashes.list.get(place.text).is_none()));
        if (self.sheet.rows.len() as u64) < self.most {
            let cells = self.cells(row, &found);
            self.sheet.rows.push(cells);
        }
        ControlFlow::Continue(())
    }
}

fn lines(row: &Row) -> impl Iterator<Item = &[u8]> {
    [row.request_line(), row.response_line()].into_iter().flatten()
}

/// Whether a text is in other ones not only by chance.
fn is_long(text: &str) -> bool {
    text.len() >= CLEAR_MIN
}

/// A text without the words that have one of some short texts in them: the rest of such a word would tell the short text.
fn without_words(text: &str, short: &[&str]) -> String {
    let has_short = |word: &str| short.iter().any(|short| word.contains(short));
    let masked = |word: &str| {
        let stem = word.trim_end_matches(|letter: char| !letter.is_alphanumeric());
        let hidden = if has_short(stem) { HIDDEN } else { stem };
        [hidden, word.strip_prefix(stem).unwrap_or_default()].concat()
    };
    let masked: String = text.split_inclusive(|letter: char| !letter.is_alphanumeric()).map(masked).collect();
    // It may span words.
    if has_short(&masked.replace(HIDDEN, "")) { HIDDEN.to_owned() } else { masked }
}

fn list<T: AsRef<str>>(items: impl IntoIterator<Item = T>) -> Cell {
    let items: Vec<T> = items.into_iter().collect();
    let texts: Vec<&str> = items.iter().map(AsRef::as_ref).collect();
    Cell::new(&texts.join(", "), texts.into_iter().collect::<onrecord_value::Value>())
}

fn push_new<T: PartialEq>(list: &mut Vec<T>, item: T) {
    if !list.contains(&item) {
        list.push(item);
    }
}

fn position(position: &Position) -> String {
    format!("{}:{}", position.source, position.line)
}

#[cfg(test)]
mod tests {
    use super::without_words;

    #[test]
    fn a_word_with_a_short_text_is_hidden_and_a_text_that_spans_words_with_all_of_it() {
        let cases = [
            ("secret/data/4711", "4711", "secret/data/[hidden]"),
            ("secret/data/x4711y/z", "4711", "secret/data/[hidden]/z"),
            ("request.data.password", "pass", "request.data.[hidden]"),
            ("a-b/c", "-b", "[hidden]"),
            ("secret/app", "4711", "secret/app"),
            ("", "4711", ""),
        ];
        for (text, short, shown) in cases {
            assert_eq!(without_words(text, &[short]), shown, "{text} {short}");
        }
    }
}
