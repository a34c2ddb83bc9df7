//! What a hit means, what none means, and what could not be searched.
//! Never in it: rows.

use onrecord_trail::query::Summary;
use onrecord_value::Object;
use onrecord_value::printable::printable;

use super::super::answer::count;
use super::counts;
use super::forms::is_clear_in_data;
use super::hashes::Hashes;
use super::hits::Hits;

/// A search that has ended.
pub(super) struct Searched<'s> {
    pub(super) text: &'s str,
    pub(super) hashes: &'s Hashes,
    pub(super) summary: &'s Summary,
    pub(super) hits: &'s Hits<'s>,
}

impl Searched<'_> {
    /// The devices of lines whose salts were not there.
    fn unknown(&self) -> Vec<String> {
        if self.hashes.salts.is_empty() {
            return Vec::new();
        }
        let known = |id: &&String| !self.hashes.salts.contains(*id);
        self.summary.devices.iter().filter(known).map(|id| printable(id)).collect()
    }

    /// Whether every line that hashes texts could be searched.
    pub(super) fn is_whole(&self) -> bool {
        let summary = &self.summary;
        let unread = summary.too_long + summary.torn + summary.incomplete_parts;
        let in_part = self.hits.cut().digests() + self.hits.cut().shortened();
        self.unknown().is_empty()
            && self.hashes.warnings.is_empty()
            && summary.entries > 0
            && summary.damaged.is_empty()
            && unread + in_part == 0
            && !summary.join_is_partial
    }

    /// What may hold the text without being found, as counts.
    pub(super) fn not_searched(&self) -> Object {
        counts([
            ("data_as_digest", self.hits.cut().digests()),
            ("shortened_entries", self.hits.cut().shortened()),
            ("damaged_files", self.summary.damaged.len() as u64),
            ("incomplete_parts", self.summary.incomplete_parts),
            ("torn_entries", self.summary.torn),
            ("lines_too_long", self.summary.too_long),
            ("devices_with_unknown_salts", self.unknown().len() as u64),
            ("missed_entries", self.summary.gaps.iter().map(|gap| gap.missed).sum()),
            ("refused_requests_without_entry", self.summary.refused_requests),
        ])
    }

    /// Said above the result.
    pub(super) fn warnings(&self) -> Vec<String> {
        let mut list = self.hashes.warnings.clone();
        let unknown = self.unknown();
        if !unknown.is_empty() {
            list.push(format!(
                "Not searched: the lines of {} ({}), whose salts are not among the {}.",
                count(unknown.len() as u64, "device", "devices"),
                unknown.join(", "),
                self.hashes.source
            ));
        }
        let newer = self.summary.covered.zip(self.hashes.exported).filter(|((_, last), at)| last > at);
        if let Some((_, exported)) = newer {
            list.push(format!(
                "The logs have entries after the salts were exported ({exported}): salts that were made since are not searched."
            ));
        }
        let cut = self.hits.cut();
        if cut.digests() > 0 {
            list.push(format!(
                "{} only a digest of the data, which has more than the limits allow or came without a valid token: the text is not found in it.",
                count(cut.digests(), "request has", "requests have")
            ));
        }
        if cut.shortened() > 0 {
            list.push(format!(
                "{} shortened by the device: what was left out cannot be searched.",
                count(cut.shortened(), "request was", "requests were")
            ));
        }
        if self.hits.is_cut() {
            list.push("There are more: these are the first ones. -limit=0 shows more.".to_owned());
        }
        if is_clear_in_data(self.text) {
            list.push(
                "The text is also a number, a truth value or null. As such it is never hashed: it stands in the log as it is. Only its \
                 use as a text is searched for. `log search 'request.data.NAME=VALUE'` finds it in a field."
                    .to_owned(),
            );
        }
        if !self.hits.searches_clear() {
            list.push(
                "The text is short: it is searched for as a hash alone, not as it would stand in the lines of raw devices. Words that have \
                 it in them are shown as [hidden]."
                    .to_owned(),
            );
        }
        list
    }

    /// Said below the result.
    pub(super) fn meaning(&self) -> Vec<String> {
        let mut list = vec![format!("Searched with {}.", self.hashes.source)];
        if self.hits.found() > self.hits.in_clear() {
            list.push(
                "A hit is certain: another text has another hash. In request.data a client sent it, in response.data the server gave it \
                 out, in auth or client_token it was used as a token. Replace what the text gives access to, and ask those who had it."
                    .to_owned(),
            );
        }
        if self.hits.in_clear() > 0 {
            list.push(format!(
                "{} the text in the clear: a raw device (log_raw), a field that a mount leaves clear, a path or a name. Who can read the log \
                 knows it.",
                count(self.hits.in_clear(), "request has", "requests have")
            ));
        }
        if self.hits.found() == 0 {
            list.push(
                "That it was not found means: in these files, no field that these devices hash is this text or one of the forms searched \
                 for. It may still be a part of a longer text (a URL, a file, a JSON document in a string), have another encoding, or \
                 have been used where no entry was made: see what is said above."
                    .to_owned(),
            );
        }
        list
    }
}
