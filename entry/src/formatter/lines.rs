//! The lines of one entry, a device after another: where a device's line differs from the one before in nothing but what
//! its salt makes of texts, that alone is written anew.
//! Never in it: a line of one device that has a hash of another.

use std::fmt;

use super::{FormatError, FormatOptions, Formatter};
use crate::entry::{Entry, Stamp};
use crate::format::Places;

/// Makes the lines of one entry for one device after another. Each is what [`Formatter::format`] makes, byte for byte.
///
/// Where the options of two devices that follow each other are equal, the line of the second takes little more than
/// its hashes.
pub struct Lines<'e> {
    entry: &'e Entry<'e>,
    stamp: Stamp,
    text: Vec<u8>,
    places: Places<'e>,
    /// Which forms have the line that was made last, but for what is in its places.
    alike: Alike,
}

/// What the forms of lines that differ in their places alone have in common.
#[derive(Clone, Default)]
struct Alike {
    options: FormatOptions,
    /// Whether the salt is named beside a first one.
    later: bool,
}

impl Alike {
    fn has(&self, form: &Formatter) -> bool {
        self.later == form.first.is_some() && self.options == form.options
    }
}

/// The memory of lines, for those of another entry.
#[derive(Default)]
pub struct Scratch {
    text: Vec<u8>,
    places: Places<'static>,
    alike: Alike,
}

impl fmt::Debug for Lines<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Lines(..)")
    }
}

/// A buffer that grew beyond this is not kept.
const TEXT_KEPT: usize = 256 * 1024;

impl<'e> Lines<'e> {
    /// Those of an entry with this stamp.
    pub fn new(entry: &'e Entry<'e>, stamp: Stamp) -> Self {
        Self::within(Scratch::default(), entry, stamp)
    }

    /// The same without allocating what others have allocated already.
    pub fn within(room: Scratch, entry: &'e Entry<'e>, stamp: Stamp) -> Self {
        let Scratch { text, places, alike } = room;
        Self { entry, stamp, text, places, alike }
    }

    /// Gives those that are made from now on another stamp.
    pub fn stamp(&mut self, stamp: Stamp) {
        self.stamp = stamp;
        self.restart();
    }

    /// What they leave to others.
    pub fn into_scratch(mut self) -> Scratch {
        if self.text.capacity() > TEXT_KEPT {
            self.text = Vec::new();
        }
        Scratch { text: self.text, places: self.places.recycled(), alike: self.alike }
    }

    /// Makes the line of a device.
    ///
    /// # Errors
    /// Those of [`Formatter::format`].
    pub fn make(&mut self, form: &Formatter) -> Result<&[u8], FormatError> {
        let alike = self.alike.has(form);
        if !(alike && self.places.rewrite(&mut self.text, &form.salt, form.first)) {
            self.restart();
            form.write(self.entry, &self.stamp, &mut self.text, Some(&mut self.places))?;
            if !alike {
                self.alike = Alike { options: form.options.clone(), later: form.first.is_some() };
            }
        }
        Ok(&self.text)
    }

    /// Makes the line of another entry in place of this one's, if there is another: see [`Entry::bare`].
    pub fn make_bare(&mut self, form: &Formatter) -> Option<Result<(), FormatError>> {
        let bare = self.entry.bare()?;
        self.restart();
        Some(form.format(&bare, &self.stamp, &mut self.text))
    }

    /// The line that was made last.
    pub fn last(&self) -> &[u8] {
        &self.text
    }

    fn restart(&mut self) {
        self.places.clear();
        self.text.clear();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use onrecord_value::Time;

    use super::Lines;
    use crate::{
        Accessor, Auth, Boot, CacheKey, Entry, FormatOptions, Formatter, Request, Response, Salt, Stamp,
        Token,
    };

    fn form(prefix: &str, salt: &str) -> Formatter {
        let options = FormatOptions { prefix: prefix.to_owned(), ..FormatOptions::default() };
        Formatter::new(options, Arc::new(Salt::new(salt)))
    }

    fn stamp() -> Stamp {
        Stamp { time: Time::UNIX_EPOCH, seq: 1, boot: Boot::new(1) }
    }

    /// Whether the line of the second is made of that of the first.
    fn is_used_again(entry: &Entry<'_>, [first, second]: [&Formatter; 2]) -> bool {
        let mut lines = Lines::new(entry, stamp());
        lines.make(first).unwrap();
        let end = lines.text.last_mut().unwrap();
        *end = b'!';
        lines.make(second).unwrap().ends_with(b"!")
    }

    #[test]
    fn a_line_is_made_of_the_one_before_where_nothing_but_hashes_differs() {
        let auth = Auth { client_token: Token::new("a token"), ..Auth::default() };
        let entry = Entry { auth, ..Entry::default() };
        let (one, other) = (form("", "one"), form("", "other"));
        assert!(is_used_again(&entry, [&one, &other]));
        assert!(!is_used_again(&entry, [&one, &form("@cee:", "other")]));
        let later = form("", "other").succeeding(Some(one.salt().id()));
        assert!(!is_used_again(&entry, [&one, &later]));
        assert!(is_used_again(
            &entry,
            [&later, &later.with_salt(Arc::clone(one.salt())).succeeding(Some(one.salt().id()))]
        ));
    }

    #[test]
    fn a_line_with_a_hash_within_a_text_is_made_of_no_other() {
        let request = Request { path: "x/hvs.CAESIJlWh6MbpVhTLh3t".into(), ..Request::default() };
        let entry = Entry { request, ..Entry::default() };
        assert!(!is_used_again(&entry, [&form("", "one"), &form("", "other")]));
    }

    #[test]
    fn a_token_that_is_issued_to_who_asks_with_it_is_hashed_with_the_salt_of_each_device() {
        let cache_key = CacheKey::new();
        let forms = [form("", "one"), form("", "other")];
        let entry = |cache_key| {
            let auth = Auth {
                client_token: Token::new("a token"),
                accessor: Accessor::new("an accessor"),
                ..Auth::default()
            };
            let response = Response { auth: Some(Auth { cache_key, ..auth }), ..Response::default() };
            Entry { auth, response: Some(response), ..Entry::default() }
        };
        let (named, nameless) = (entry(Some(&cache_key)), entry(None));
        // The first time it may be kept, and the second time used again.
        for _ in 0..2 {
            let mut lines = Lines::new(&named, stamp());
            for form in &forms {
                let mut expected = Vec::new();
                form.format(&nameless, &stamp(), &mut expected).unwrap();
                assert_eq!(lines.make(form).unwrap(), expected);
            }
        }
    }

    #[test]
    fn lines_show_nothing_of_what_they_are_made_of() {
        let auth = Auth { client_token: Token::new("a token"), ..Auth::default() };
        let entry = Entry { auth, ..Entry::default() };
        let mut lines = Lines::new(&entry, stamp());
        lines.make(&form("", "one")).unwrap();
        assert_eq!(format!("{lines:?}"), "Lines(..)");
    }
}
