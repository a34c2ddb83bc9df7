//! The lines of one entry, for one device after another: where a device's line differs from the previous one in its
//! hashes alone, only the hashes are replaced.
//! Never in it: a line of one device that has a hash of another.

use std::fmt;

use super::Formatter;
use crate::entry::{Entry, Stamp};
use crate::options::{FormatError, FormatOptions};
use crate::patch::PatchList;

/// Makes the lines of one entry for one device after another. Each is what [`Formatter::format`] makes, byte for byte.
/// Where the options of two devices that follow each other are equal, that of the second takes little more than its hashes.
pub struct Lines<'e> {
    entry: &'e Entry<'e>,
    stamp: Stamp,
    text: Vec<u8>,
    patches: PatchList<'e>,
    /// The shape of the line that was written last.
    shape: Shape,
}

opaque!(Lines<'_>);

/// Lines of one shape differ only in the bytes that depend on the salt.
#[derive(Clone, Default)]
struct Shape {
    options: FormatOptions,
    /// Whether the line names a first salt, too.
    names_first_salt: bool,
}

impl Shape {
    fn is_of(&self, formatter: &Formatter) -> bool {
        self.names_first_salt == formatter.first.is_some() && self.options == formatter.options
    }
}

/// Memory of [`Lines`], to be reused for another entry.
#[derive(Default)]
pub struct Scratch {
    text: Vec<u8>,
    patches: PatchList<'static>,
    shape: Shape,
}

/// A larger buffer is not reused.
const REUSED_TEXT_MAX: usize = 256 * 1024;

impl<'e> Lines<'e> {
    /// The lines of an entry with this stamp.
    pub fn new(entry: &'e Entry<'e>, stamp: Stamp) -> Self {
        Self::within(Scratch::default(), entry, stamp)
    }

    /// The same in memory that was allocated before.
    pub fn within(scratch: Scratch, entry: &'e Entry<'e>, stamp: Stamp) -> Self {
        let Scratch { text, patches, shape } = scratch;
        Self { entry, stamp, text, patches, shape }
    }

    /// Sets the stamp of the lines that are made from now on.
    pub fn stamp(&mut self, stamp: Stamp) {
        self.stamp = stamp;
        self.restart();
    }

    /// Gives the memory back, to be reused for another entry.
    pub fn into_scratch(mut self) -> Scratch {
        if self.text.capacity() > REUSED_TEXT_MAX {
            self.text = Vec::new();
        }
        Scratch { text: self.text, patches: self.patches.recycled(), shape: self.shape }
    }

    /// Makes the line of a device, as [`Formatter::format`] does.
    pub fn make(&mut self, formatter: &Formatter) -> Result<&[u8], FormatError> {
        let same_shape = self.shape.is_of(formatter);
        if !(same_shape && self.patches.apply(&mut self.text, &formatter.salt, formatter.first)) {
            self.restart();
            formatter.write(self.entry, &self.stamp, &mut self.text, Some(&mut self.patches))?;
            if !same_shape {
                let names_first_salt = formatter.first.is_some();
                self.shape = Shape { options: formatter.options.clone(), names_first_salt };
            }
        }
        Ok(&self.text)
    }

    /// Makes the line of [`Entry::bare`] in place of the whole line; `None` where an entry has none.
    pub fn make_bare(&mut self, formatter: &Formatter) -> Option<Result<(), FormatError>> {
        let bare = self.entry.bare()?;
        self.restart();
        Some(formatter.format(&bare, &self.stamp, &mut self.text))
    }

    /// The line that was made last.
    pub fn last(&self) -> &[u8] {
        &self.text
    }

    fn restart(&mut self) {
        self.patches.clear();
        self.text.clear();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use onrecord_value::Time;

    use super::Lines;
    use crate::auth::CacheKey;
    use crate::text::{Accessor, Token};
    use crate::{Auth, Boot, Entry, FormatOptions, Formatter, Request, Response, Salt, Stamp};

    fn formatter(prefix: &str, salt: &str) -> Formatter {
        let options = FormatOptions { prefix: prefix.to_owned(), ..FormatOptions::default() };
        Formatter::new(options, Arc::new(Salt::new(salt)))
    }

    fn stamp() -> Stamp {
        Stamp { time: Time::UNIX_EPOCH, seq: 1, boot: Boot::new(1) }
    }

    /// Whether the line of the second formatter is made by patching that of the first.
    fn is_patched(entry: &Entry<'_>, [first, second]: [&Formatter; 2]) -> bool {
        let mut lines = Lines::new(entry, stamp());
        lines.make(first).unwrap();
        let end = lines.text.last_mut().unwrap();
        *end = b'!';
        lines.make(second).unwrap().ends_with(b"!")
    }

    #[test]
    fn a_line_that_differs_in_its_hashes_alone_is_patched() {
        let auth = Auth { client_token: Token::new("a token"), ..Auth::default() };
        let entry = Entry { auth, ..Entry::default() };
        let (one, other) = (formatter("", "one"), formatter("", "other"));
        assert!(is_patched(&entry, [&one, &other]));
        assert!(!is_patched(&entry, [&one, &formatter("@cee:", "other")]));
        let later = formatter("", "other").with_first_salt(Some(one.salt().id()));
        assert!(!is_patched(&entry, [&one, &later]));
        assert!(is_patched(
            &entry,
            [&later, &later.with_salt(Arc::clone(one.salt())).with_first_salt(Some(one.salt().id()))]
        ));
    }

    #[test]
    fn a_line_with_a_hash_within_a_text_is_written_from_the_beginning() {
        let request = Request { path: "x/hvs.CAESIJlWh6MbpVhTLh3t".into(), ..Request::default() };
        let entry = Entry { request, ..Entry::default() };
        assert!(!is_patched(&entry, [&formatter("", "one"), &formatter("", "other")]));
    }

    #[test]
    fn a_token_that_is_issued_to_its_own_caller_is_hashed_with_the_salt_of_each_device() {
        let cache_key = CacheKey::new();
        let formatters = [formatter("", "one"), formatter("", "other")];
        let entry = |cache_key| {
            let auth = Auth {
                client_token: Token::new("a token"),
                accessor: Accessor::new("an accessor"),
                ..Auth::default()
            };
            let response = Response { auth: Some(Auth { cache_key, ..auth }), ..Response::default() };
            Entry { auth, response: Some(response), ..Entry::default() }
        };
        let (cached, uncached) = (entry(Some(&cache_key)), entry(None));
        // The first time it may be put in the cache, and the second time taken from it.
        for _ in 0..2 {
            let mut lines = Lines::new(&cached, stamp());
            for formatter in &formatters {
                let mut expected = Vec::new();
                formatter.format(&uncached, &stamp(), &mut expected).unwrap();
                assert_eq!(lines.make(formatter).unwrap(), expected);
            }
        }
    }

    #[test]
    fn the_debug_output_of_lines_shows_no_text() {
        let auth = Auth { client_token: Token::new("a token"), ..Auth::default() };
        let entry = Entry { auth, ..Entry::default() };
        let mut lines = Lines::new(&entry, stamp());
        lines.make(&formatter("", "one")).unwrap();
        assert_eq!(format!("{lines:?}"), "Lines(..)");
    }
}
