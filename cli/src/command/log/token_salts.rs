//! Whether an answer has hashes of tokens under several salts: one token then looks like several.
//! Never in it: salts themselves, and which tokens are the same.

use std::collections::BTreeSet;

use onrecord_entry::HASH_PREFIX;
use onrecord_trail::query::{Field, Row};
use onrecord_value::printable::printable;

/// At most this many salts are counted.
const SALTS_MAX: usize = 1000;
/// At most this many are named.
const NAMED: usize = 4;

/// The salts of the hashes that an answer shows or counts.
#[derive(Debug, Default)]
pub(super) struct TokenSalts(BTreeSet<String>);

impl TokenSalts {
    /// Takes what is shown of a row. What is not a hash is the same text under each salt.
    pub(super) fn note<'t>(&mut self, row: &Row, shown: impl IntoIterator<Item = &'t str>) {
        let mut shown = shown.into_iter();
        if self.0.len() < SALTS_MAX
            && shown.any(|text| text.starts_with(HASH_PREFIX))
            && let Some(salt) = row.text(Field::Device)
            && !self.0.contains(salt.as_ref())
        {
            self.0.insert(salt.into_owned());
        }
    }

    /// Said above the answer if there are several.
    pub(super) fn warning(&self) -> Option<String> {
        let count = self.0.len();
        let named: Vec<&str> = self.0.iter().take(NAMED).map(String::as_str).collect();
        let more = if count > NAMED { ", …" } else { "" };
        let least = if count < SALTS_MAX { "" } else { "at least " };
        (count > 1).then(|| {
            printable(&format!(
                "These logs have hashes under {least}{count} salts ({}{more}), and a token has another hash under each: one token may be shown as several. \
                 device=ID in a filter takes the rows of one salt.",
                named.join(", ")
            ))
        })
    }
}
