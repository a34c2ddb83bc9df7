//! The writer of a line in any format. Every method takes a field of the register, and only what its kind allows.
//! Never in it: an order of fields, text that did not pass the redactor, or how a format spells it.

#![expect(clippy::inline_always, reason = "where a field is a constant, so is the length of its key")]

use std::marker::PhantomData;
use std::ops::Range;

use onrecord_value::Time;

use super::auth_cache::{self, Key, TokenOffsets};
use super::syntax::{Syntax, Tag};
use crate::entry::{
    Accessor, Boot, Clear, Headers, IssueTime, IssuedAt, Item, List, Metadata, Names, NamesByName, Path,
    Private, TemplateText, Token, Warnings, Word,
};
use crate::options::{Budget, ExceededLimit};
use crate::patch::{Patch, PatchList};
use crate::redact::{Hashed, Redactor};
use crate::register::{Field, kind};
use crate::salt::{HASH_PREFIX, SaltId, hex_digits};

/// Facts that are an object of a line.
pub(super) trait Write<'e> {
    fn write<S: Syntax>(&self, w: &mut Writer<'_, 'e, S>);
}

/// Writes one line.
pub(super) struct Writer<'o, 'e, S> {
    pub(super) out: &'o mut Vec<u8>,
    pub(super) redactor: Redactor<'o, 'e>,
    pub(super) budget: Budget,
    /// The list of the positions that depend on the salt, if it is wanted.
    patches: Option<&'o mut PatchList<'e>>,
    /// Where the caller's token and accessor were hashed: the next time the hash is copied.
    offsets: TokenOffsets,
    /// Where the `policy_results` of the last `auth` are.
    results: Range<usize>,
    /// The limit that the last `data` exceeded.
    pub(super) exceeded: Option<ExceededLimit>,
    /// Whether in the data of the response `keys` and `key_info` become their lengths.
    pub(super) elide: bool,
    syntax: PhantomData<S>,
}

impl<'o, 'e, S: Syntax> Writer<'o, 'e, S> {
    pub(super) const fn new(
        out: &'o mut Vec<u8>,
        redactor: Redactor<'o, 'e>,
        budget: Budget,
        patches: Option<&'o mut PatchList<'e>>,
        elide: bool,
    ) -> Self {
        Self {
            out,
            redactor,
            budget,
            patches,
            offsets: TokenOffsets { token: None, accessor: None },
            results: 0..0,
            exceeded: None,
            elide,
            syntax: PhantomData,
        }
    }

    /// Begins again at `start` of the buffer.
    pub(super) fn restart(&mut self, start: usize, budget: Budget) {
        self.out.truncate(start);
        self.budget = budget;
        self.offsets = TokenOffsets::default();
        if let Some(patches) = &mut self.patches {
            patches.clear();
        }
    }

    /// Ends the line: says whether the list of patches is complete.
    pub(super) fn finish(&mut self) {
        if let Some(patches) = &mut self.patches {
            patches.set_complete(!self.redactor.has_unlisted_hashes());
        }
    }

    /// Lists a position, counted from the start of the buffer, whose bytes depend on the salt.
    #[inline(always)]
    fn list_patch(&mut self, at: usize, patch: Patch<'e>) {
        if let Some(patches) = &mut self.patches {
            patches.push(at, patch);
        }
    }

    /// Lists the hash of the string that begins at `start`.
    #[inline(always)]
    fn list_hash(&mut self, start: usize, patch: Patch<'e>) {
        self.list_patch(start + Self::DIGITS, patch);
    }

    /// Where the digits of a hash begin in its string.
    const DIGITS: usize = S::QUOTE + HASH_PREFIX.len();

    /// Writes the object that is cached under a key, and between its two parts what `between` writes; false if none is.
    pub(super) fn write_cached(&mut self, key: Key, between: impl FnOnce(&mut Self)) -> bool {
        auth_cache::find(key, |cached| {
            let start = self.out.len();
            self.out.extend_from_slice(cached.head());
            self.offsets = cached.offsets.moved(0, start, usize::MAX);
            let (token, accessor) = self.redactor.caller;
            // The facts have a token and an accessor: two numbers for each number of facts.
            let numbers = [key.facts.wrapping_mul(2), key.facts.wrapping_mul(2).wrapping_add(1)];
            let starts = [&self.offsets.token, &self.offsets.accessor]
                .map(|range| range.as_ref().map(|range| range.start));
            for ((start, text), number) in starts.into_iter().zip([token, accessor]).zip(numbers) {
                if let Some(start) = start {
                    self.list_hash(start, Patch::NumberedToken(text.as_bytes(), number));
                }
            }
            between(self);
            self.out.extend_from_slice(cached.tail());
        })
        .is_some()
    }

    /// Caches the `auth` that was written since `start`, without its results.
    #[cold]
    pub(super) fn cache(&mut self, key: Key, start: usize) {
        if self.redactor.has_unlisted_hashes() {
            // A cached object may only hold hashes whose positions are listed.
            return;
        }
        let head = self.out.get(start..self.results.start).unwrap_or_default();
        let tail = self.out.get(self.results.end..).unwrap_or_default();
        auth_cache::insert(key, head, tail, self.offsets.moved(start, 0, self.results.start));
    }

    pub(super) fn prefix(&mut self, prefix: &str) {
        self.out.extend_from_slice(prefix.as_bytes());
    }

    /// Writes the object of the line and its newline; returns the length of the buffer.
    pub(super) fn line(&mut self, fill: impl FnOnce(&mut Self)) -> usize {
        let start = self.out.len();
        fill(self);
        S::end_line(start, self.out);
        self.out.push(b'\n');
        self.out.len()
    }

    #[inline(always)]
    fn braces(&mut self, fill: impl FnOnce(&mut Self)) {
        let start = self.out.len();
        fill(self);
        S::end_object(start, self.out);
    }

    #[inline(always)]
    fn brackets(&mut self, fill: impl FnOnce(&mut Self)) {
        S::begin(Tag::Array, self.out);
        fill(self);
        S::end(Tag::Array, self.out);
    }

    /// The lead of a field.
    #[inline(always)]
    pub(super) fn lead<K>(&mut self, field: &'static Field<K>) {
        self.out.extend_from_slice(S::field(field).as_bytes());
    }

    #[inline(always)]
    pub(super) fn braced(&mut self, field: &'static Field<kind::Object>, fill: impl FnOnce(&mut Self)) {
        self.lead(field);
        self.braces(fill);
    }

    #[inline(always)]
    pub(super) fn object<T: Write<'e>>(&mut self, field: &'static Field<kind::Object>, object: Option<&T>) {
        if let Some(object) = object {
            self.braced(field, |w| object.write(w));
        }
    }

    #[inline(always)]
    pub(super) fn results<T: Write<'e>>(&mut self, field: &'static Field<kind::Object>, results: Option<&T>) {
        let start = self.out.len();
        self.object(field, results);
        self.results = start..self.out.len();
    }

    pub(super) fn objects<T: Write<'e> + Item<'e>>(
        &mut self,
        field: &'static Field<kind::ObjectList>,
        list: List<'e, T>,
    ) {
        if list.is_empty() {
            return;
        }
        self.lead(field);
        self.brackets(|w| {
            for (at, item) in list.iter().enumerate() {
                S::item(at, Tag::Object, w.out);
                w.braces(|w| item.write(w));
            }
        });
    }

    #[inline(always)]
    pub(super) fn word(&mut self, field: &'static Field<kind::Word>, word: impl Word) {
        let word = word.text();
        if !word.is_empty() {
            self.lead(field);
            self.bare_string(word.as_bytes());
        }
    }

    /// Written after its `data`, in the order of either format.
    #[inline(always)]
    pub(super) fn over_limit(&mut self, field: &'static Field<kind::Word>, earlier: Option<ExceededLimit>) {
        let exceeded = self.exceeded.take().or(earlier);
        self.word(field, exceeded);
    }

    #[inline(always)]
    pub(super) fn instant(&mut self, field: &'static Field<kind::Instant>, instant: Option<Time>) {
        if let Some(instant) = instant {
            self.instant_always(field, instant);
        }
    }

    #[inline(always)]
    pub(super) fn instant_always(&mut self, field: &'static Field<kind::Instant>, instant: Time) {
        self.lead(field);
        self.time(instant);
    }

    #[inline(always)]
    pub(super) fn issue_time(&mut self, field: &'static Field<kind::Instant>, issued: Option<IssueTime<'_>>) {
        let Some(issued) = issued else { return };
        self.lead(field);
        S::begin(Tag::String, self.out);
        match issued.0 {
            IssuedAt::Instant(instant) => instant.rfc3339_seconds(self.out),
            // Checked when it was read: digits and the signs of a time.
            IssuedAt::Text(text) => self.out.extend_from_slice(text.as_bytes()),
        }
        S::end(Tag::String, self.out);
    }

    #[inline(always)]
    pub(super) fn number(&mut self, field: &'static Field<kind::Number>, number: impl Into<u64>) {
        let number = number.into();
        if number != 0 || field.always() {
            self.lead(field);
            self.digits(number);
        }
    }

    #[inline(always)]
    pub(super) fn flag(&mut self, field: &'static Field<kind::Flag>, flag: bool) {
        if flag || field.always() {
            self.lead(field);
            self.truth(flag);
        }
    }

    fn mark(&mut self, field: &'static Field<kind::Mark>, mark: u64) {
        self.lead(field);
        self.bare_string(&hex_digits(mark));
    }

    pub(super) fn boot(&mut self, field: &'static Field<kind::Mark>, boot: Option<Boot>) {
        if let Some(boot) = boot {
            self.mark(field, boot.number());
        }
    }

    /// A mark that is the id of a salt.
    pub(super) fn salt_mark(&mut self, field: &'static Field<kind::Mark>, id: SaltId, patch: Patch<'e>) {
        self.list_patch(self.out.len() + S::field(field).len() + S::QUOTE, patch);
        self.mark(field, id.number());
    }

    #[inline(always)]
    pub(super) fn clear(&mut self, field: &'static Field<kind::Clear>, text: Clear<'_>) {
        if !text.is_empty() || field.always() {
            self.lead(field);
            self.clear_text(text.as_str());
        }
    }

    #[inline(always)]
    pub(super) fn clear_list(&mut self, field: &'static Field<kind::ClearList>, names: Names<'_>) {
        if !names.is_empty() {
            self.lead(field);
            self.names(names);
        }
    }

    pub(super) fn clear_map(&mut self, field: &'static Field<kind::ClearMap>, texts: Metadata<'_>) {
        if texts.is_empty() {
            return;
        }
        self.lead(field);
        self.braces(|w| {
            texts.for_each(|key, text| {
                w.member(key, Tag::String);
                w.clear_text(text);
            });
        });
    }

    pub(super) fn clear_list_map(
        &mut self,
        field: &'static Field<kind::ClearListMap>,
        lists: NamesByName<'_>,
    ) {
        if lists.is_empty() {
            return;
        }
        self.lead(field);
        self.braces(|w| {
            lists.for_each(|key, names| {
                w.member(key, Tag::Array);
                w.names(names);
            });
        });
    }

    #[inline(always)]
    pub(super) fn path(&mut self, field: &'static Field<kind::Path>, path: Path<'_>) {
        if !path.text().is_empty() {
            self.lead(field);
            self.text(&self.redactor.path(path));
        }
    }

    #[inline(always)]
    pub(super) fn template(&mut self, field: &'static Field<kind::Template>, text: TemplateText<'_>) {
        if !text.is_empty() {
            self.lead(field);
            self.text(text.as_str());
        }
    }

    pub(super) fn template_list(
        &mut self,
        field: &'static Field<kind::TemplateList>,
        warnings: Warnings<'_>,
    ) {
        if warnings.is_empty() {
            return;
        }
        self.lead(field);
        self.brackets(|w| {
            for (at, text) in warnings.iter().enumerate() {
                S::item(at, Tag::String, w.out);
                w.text(text.as_str());
            }
        });
    }

    #[inline(always)]
    pub(super) fn token(&mut self, field: &'static Field<kind::Token>, token: Token<'e>) {
        let (text, is_callers) = (token.reveal(), token.reveal() == self.redactor.caller.0);
        self.hash_once(field, text, |w| is_callers.then_some(&mut w.offsets.token), Redactor::token);
    }

    pub(super) fn token_always(&mut self, field: &'static Field<kind::TokenAlways>, token: Token<'e>) {
        self.lead(field);
        self.hash_or_text(self.redactor.token(token.reveal()), token.reveal());
    }

    #[inline(always)]
    pub(super) fn accessor(&mut self, field: &'static Field<kind::Accessor>, accessor: Accessor<'e>) {
        let (text, is_callers) = (accessor.reveal(), accessor.reveal() == self.redactor.caller.1);
        self.hash_once(field, text, |w| is_callers.then_some(&mut w.offsets.accessor), Redactor::accessor);
    }

    /// The hash of a token or an accessor. `earlier`: of the caller's, where it was written the first time.
    #[inline(always)]
    fn hash_once<K>(
        &mut self,
        field: &'static Field<K>,
        text: &'e str,
        earlier: impl Fn(&mut Self) -> Option<&mut Option<Range<usize>>>,
        hash: impl FnOnce(&Redactor<'o, 'e>, &'e str) -> Option<Hashed<'e>>,
    ) {
        if text.is_empty() {
            return;
        }
        self.lead(field);
        if let Some(range) = earlier(self).and_then(|offset| offset.clone()) {
            return self.copy_hash(range);
        }
        let range = self.hash_or_text(hash(&self.redactor, text), text);
        if let Some(offset) = earlier(self) {
            *offset = range;
        }
    }

    pub(super) fn accessor_always(
        &mut self,
        field: &'static Field<kind::AccessorAlways>,
        accessor: Accessor<'e>,
    ) {
        self.lead(field);
        self.hash_or_text(self.redactor.accessor(accessor.reveal()), accessor.reveal());
    }

    pub(super) fn headers(&mut self, field: &'static Field<kind::Headers>, headers: Headers<'e>) {
        if headers.is_empty() {
            return;
        }
        self.lead(field);
        self.braces(|w| {
            headers.for_each(|name, values, hmac| {
                w.member(name, Tag::Array);
                w.brackets(|w| {
                    for (at, value) in values.iter().map(Private::reveal).enumerate() {
                        S::item(at, Tag::String, w.out);
                        if hmac {
                            w.hash(&w.redactor.sent(value));
                        } else {
                            // Each byte that is not UTF-8 is written as one replacement character.
                            w.clear_text(&replaced(value));
                        }
                    }
                });
            });
        });
    }

    /// The key of a map of clear texts.
    fn member(&mut self, key: &str, tag: Tag) {
        S::member(&self.redactor.clear(key), tag, self.out);
    }

    fn names(&mut self, names: Names<'_>) {
        self.brackets(|w| {
            for (at, name) in names.iter().enumerate() {
                S::item(at, Tag::String, w.out);
                w.clear_text(name);
            }
        });
    }

    pub(super) fn clear_text(&mut self, text: &str) {
        self.text(&self.redactor.clear(text));
    }

    /// A hash as a whole string.
    #[inline]
    pub(super) fn hash(&mut self, hash: &Hashed<'e>) {
        self.list_hash(self.out.len(), hash.patch);
        S::hash(&hash.digest, self.out);
    }

    /// A hash that was written earlier in the line, at this range.
    #[inline(always)]
    fn copy_hash(&mut self, earlier: Range<usize>) {
        self.list_hash(self.out.len(), Patch::CopyOf(earlier.start + Self::DIGITS));
        self.out.extend_from_within(earlier);
    }

    /// A hash, or the text where it stays as it is. Returns the range of the hash.
    fn hash_or_text(&mut self, hash: Option<Hashed<'e>>, text: &str) -> Option<Range<usize>> {
        let start = self.out.len();
        match hash {
            Some(hash) => {
                self.hash(&hash);
                Some(start..self.out.len())
            }
            None => {
                self.text(text);
                None
            }
        }
    }

    /// A string that has passed the redactor.
    #[inline]
    pub(super) fn text(&mut self, text: &str) {
        S::begin(Tag::String, self.out);
        S::text(text, self.out);
        S::end(Tag::String, self.out);
    }

    /// A string that needs no escapes in any format.
    pub(super) fn bare_string(&mut self, text: &[u8]) {
        S::begin(Tag::String, self.out);
        self.out.extend_from_slice(text);
        S::end(Tag::String, self.out);
    }

    pub(super) fn time(&mut self, instant: Time) {
        S::begin(Tag::String, self.out);
        instant.rfc3339_nano(self.out);
        S::end(Tag::String, self.out);
    }

    #[inline(always)]
    pub(super) fn truth(&mut self, flag: bool) {
        self.out.extend_from_slice(if flag { b"true" } else { b"false" });
        S::end(Tag::Boolean, self.out);
    }

    pub(super) fn digits(&mut self, mut number: u64) {
        let mut digits = [b'0'; 20];
        let mut from = digits.len();
        for digit in digits.iter_mut().rev() {
            // A remainder of ten fits a byte.
            *digit = b'0' + u8::try_from(number % 10).unwrap_or(0);
            from -= 1;
            number /= 10;
            if number == 0 {
                break;
            }
        }
        self.out.extend_from_slice(digits.get(from..).unwrap_or_default());
        S::end(Tag::Number, self.out);
    }
}

/// Bytes as text, each byte that is not UTF-8 replaced.
fn replaced(bytes: &[u8]) -> std::borrow::Cow<'_, str> {
    if let Ok(text) = std::str::from_utf8(bytes) {
        return text.into();
    }
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|_| char::REPLACEMENT_CHARACTER));
    }
    text.into()
}
