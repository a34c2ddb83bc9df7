//! The redactor of a device: what becomes of each text before a line gets it.
//! Never in it: the syntax of a line.

use std::borrow::Cow;
use std::cell::Cell;
use std::ops::Range;

use crate::entry::{Entry, Path};
use crate::format::What;
use crate::formatter::FormatOptions;
use crate::salt::{HASH_LEN, Salt};

/// A map key longer than this many bytes is hashed.
const KEY_BYTES: usize = 256;

/// The shortest run of token characters after `hvs.` and its kin that looks like a token.
const RUN_OF_NEW_TOKEN: usize = 20;
/// The shortest run after `s.`, `b.` or `r.`: a service token has exactly so many letters and digits.
const RUN_OF_TOKEN: usize = 24;
/// No text shorter than this can hold what looks like a token.
const SHORTEST_LOOKALIKE: usize = 4 + RUN_OF_NEW_TOKEN;
/// After so many hashed parts the rest of a text is hashed as one, so that the work stays in proportion to its length.
const PARTS: usize = 64;
/// A chosen token shorter than this could be any word of a line, and is not looked for.
const SHORTEST_OWN: usize = 8;

/// Decides about the texts of one entry on one device.
pub(crate) struct Redactor<'f, 'e> {
    salt: &'f Salt,
    raw: bool,
    hash_accessors: bool,
    /// The tokens of the entry that cannot be known by their looks.
    own: [&'e str; 4],
    has_own: bool,
    /// The token and the accessor of who asks.
    asking: (&'e str, &'e str),
    /// The number of the form, where what it writes of one entry may be used for another.
    form: Option<u64>,
    /// Whether the salt was used for more than whole strings.
    mixed: Cell<bool>,
}

/// A hash that stands in a line as a string of its own.
pub(crate) struct Hashed<'e> {
    pub(crate) digest: [u8; 32],
    /// What it is the hash of.
    pub(crate) what: What<'e>,
}

impl<'f, 'e> Redactor<'f, 'e> {
    pub(crate) fn new(salt: &'f Salt, options: &FormatOptions, entry: &Entry<'e>) -> Self {
        let issued = entry.response.as_ref().and_then(|response| response.auth.as_ref());
        let wrapping = entry.response.as_ref().and_then(|response| response.wrap_info.as_ref());
        let (asking, sent) = (entry.auth.client_token.reveal(), entry.request.client_token.reveal());
        let own = [
            asking,
            if sent.is_empty() || sent == asking { "" } else { sent },
            issued.map_or("", |auth| auth.client_token.reveal()),
            wrapping.map_or("", |wrap| wrap.token.reveal()),
        ]
        .map(|token| if token.len() < SHORTEST_OWN || is_token(token) { "" } else { token });
        let has_own = own.iter().any(|token| !token.is_empty());
        Self {
            salt,
            raw: options.log_raw,
            hash_accessors: options.hmac_accessor,
            own,
            has_own,
            asking: (asking, entry.auth.accessor.reveal()),
            form: None,
            mixed: Cell::new(false),
        }
    }

    /// Lets what is written of one entry be used for others with the same facts, under the number of this form. Not
    /// where nothing is hashed, so that no token stays in memory, nor where the entry has a token that is looked for in
    /// its texts.
    pub(crate) fn remembering(self, form: u64) -> Self {
        Self { form: (!self.raw && !self.has_own).then_some(form), ..self }
    }

    /// The number of the form, where what is written of facts holds for other entries, too.
    pub(crate) const fn form(&self) -> Option<u64> {
        self.form
    }

    /// The token and the accessor of who asks.
    pub(crate) const fn asking(&self) -> (&'e str, &'e str) {
        self.asking
    }

    /// Whether data, tokens and accessors stay as they are.
    pub(crate) const fn is_raw(&self) -> bool {
        self.raw
    }

    /// The salt, for a hash of more than one text.
    pub(crate) fn salt(&self) -> &'f Salt {
        self.mixed.set(true);
        self.salt
    }

    /// Whether it made hashes that are no [`Hashed`]: within a text, or of more than one.
    pub(crate) const fn has_mixed(&self) -> bool {
        self.mixed.get()
    }

    /// The hash of a text.
    pub(crate) fn digest(&self, text: &'e [u8]) -> Hashed<'e> {
        Hashed { digest: self.salt.digest(text), what: What::Text(text) }
    }

    /// The hash of a token; none where it stays as it is.
    pub(crate) fn token(&self, token: &'e str) -> Option<Hashed<'e>> {
        if self.raw {
            return None;
        }
        let text = token.as_bytes();
        Some(Hashed { digest: self.salt.digest_of_token(text), what: What::Token(text) })
    }

    /// The hash of an accessor; none where it stays as it is.
    pub(crate) fn accessor(&self, accessor: &'e str) -> Option<Hashed<'e>> {
        if self.hash_accessors { self.token(accessor) } else { None }
    }

    /// A clear text, with each token in it, and each part that looks like one, hashed.
    pub(crate) fn clear<'t>(&self, text: &'t str) -> Cow<'t, str> {
        match self.secret_in(text) {
            Some(first) => Cow::Owned(self.without_secrets(text, first)),
            None => Cow::Borrowed(text),
        }
    }

    /// A path: as a clear text, and each sensitive part hashed.
    pub(crate) fn path<'t>(&self, path: Path<'t>) -> Cow<'t, str> {
        let text = path.text();
        if self.raw || path.sensitive().is_empty() {
            return self.clear(text);
        }
        let mut redacted = String::with_capacity(text.len() + path.sensitive().len() * HASH_LEN);
        let mut done = 0;
        for Range { start, end } in path.sensitive() {
            let (Some(before), Some(part)) = (text.get(done..*start), text.get(*start..*end)) else {
                return Cow::Owned(self.hashed(text));
            };
            redacted.push_str(&self.clear(before));
            redacted.push_str(&self.hashed(part));
            done = *end;
        }
        redacted.push_str(&self.clear(text.get(done..).unwrap_or_default()));
        Cow::Owned(redacted)
    }

    /// A map key that cannot be written as it is; none if it can.
    pub(crate) fn key(&self, key: &str) -> Option<String> {
        if self.raw {
            None
        } else if key.len() > KEY_BYTES {
            Some(self.hashed(key))
        } else {
            self.secret_in(key).map(|first| self.without_secrets(key, first))
        }
    }

    fn hashed(&self, text: &str) -> String {
        self.mixed.set(true);
        self.salt.hash(text.as_bytes())
    }

    /// Where the first token is.
    fn secret_in(&self, text: &str) -> Option<Range<usize>> {
        if self.raw || (text.len() < SHORTEST_LOOKALIKE && !self.has_own) {
            return None;
        }
        let lookalike = lookalike_in(text);
        if !self.has_own {
            return lookalike;
        }
        let own = self.own.iter().filter(|token| !token.is_empty());
        let own = own.filter_map(|token| text.find(token).map(|start| start..start + token.len()));
        own.chain(lookalike).min_by_key(|range| range.start)
    }

    #[cold]
    fn without_secrets(&self, text: &str, first: Range<usize>) -> String {
        let mut redacted = String::with_capacity(text.len() + HASH_LEN);
        let mut rest = text;
        let mut next = Some(first);
        for part in 0.. {
            let Some(Range { start, end }) = next else { break };
            redacted.push_str(rest.get(..start).unwrap_or_default());
            if part == PARTS {
                redacted.push_str(&self.hashed(rest.get(start..).unwrap_or_default()));
                return redacted;
            }
            redacted.push_str(&self.hashed(rest.get(start..end).unwrap_or_default()));
            rest = rest.get(end..).unwrap_or_default();
            next = self.secret_in(rest);
        }
        redacted.push_str(rest);
        redacted
    }
}

/// Whether a text is nothing but what looks like a token, and does so in the middle of a word, too.
fn is_token(text: &str) -> bool {
    let plain = text.bytes().skip(2).take_while(u8::is_ascii_alphanumeric).count();
    lookalike_in(text) == Some(0..text.len()) && (text.starts_with("hv") || plain >= RUN_OF_TOKEN)
}

/// Where the first part is that looks like a token: `s.`, `b.`, `r.`, `hvs.`, `hvb.` or `hvr.` before a run of
/// letters, digits, `-` and `_`.
fn lookalike_in(text: &str) -> Option<Range<usize>> {
    let mut from = 0;
    while let Some(at) = text.get(from..)?.find('.') {
        let dot = from + at;
        if let Some(range) = lookalike_at(text.as_bytes(), dot) {
            return Some(range);
        }
        from = dot + 1;
    }
    None
}

/// The lookalike around a dot, with those that follow it at once: the letter before the next dot belongs to its run.
/// Its ends are ASCII, so it can be cut out of the text.
fn lookalike_at(text: &[u8], dot: usize) -> Option<Range<usize>> {
    let Range { start, mut end } = one_lookalike_at(text, dot)?;
    while text.get(end) == Some(&b'.')
        && let Some(next) = one_lookalike_at(text, end)
    {
        end = next.end;
    }
    Some(start..end)
}

fn one_lookalike_at(text: &[u8], dot: usize) -> Option<Range<usize>> {
    let (before, after) = text.split_at_checked(dot)?;
    let (&letter, before_letter) = before.split_last()?;
    if !matches!(letter, b's' | b'b' | b'r') {
        return None;
    }
    let run = after.get(1..)?;
    let length = run.iter().take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_')).count();
    let end = dot + 1 + length;
    if before_letter.ends_with(b"hv") && length >= RUN_OF_NEW_TOKEN {
        return Some(dot - 3..end);
    }
    if length < RUN_OF_TOKEN {
        return None;
    }
    // `s.` in the middle of a word is a token only where the run is all letters and digits, as tokens are: otherwise
    // every name like `services.my-long-department-name` would be one.
    let starts_word = before_letter.last().is_none_or(|b| !b.is_ascii_alphanumeric());
    let plain = run.iter().take_while(|b| b.is_ascii_alphanumeric()).count();
    (starts_word || plain >= RUN_OF_TOKEN).then(|| dot - 1..end)
}

#[cfg(test)]
mod tests {
    use super::lookalike_in;

    #[test]
    fn what_looks_like_a_token_is_found_wherever_it_stands() {
        let token = "s.U7S4dyjHX5pobJO4JIQLdble";
        for (text, expected) in [
            (token.to_owned(), Some(token)),
            (format!("auth/token/lookup/{token}"), Some(token)),
            (format!("id={token}&x=y"), Some(token)),
            (format!("x{token}"), Some(token)),
            (format!("ü{token}ü"), Some(token)),
            (format!("a.b.{token}.c"), Some(token)),
            ("x/hvs.CAESIJlWh6MbpVhTLh3t".to_owned(), Some("hvs.CAESIJlWh6MbpVhTLh3t")),
            ("b.AAAAAQJ-_aaaaaaaaaaaaaaaaaaaa".to_owned(), Some("b.AAAAAQJ-_aaaaaaaaaaaaaaaaaaaa")),
            (format!("x/{token}{token}/y"), Some(&format!("{token}{token}"))),
            ("services.my-very-long-department-name".to_owned(), None),
            ("secret/data/apps.example.com".to_owned(), None),
            ("s.U7S4dyjHX5pobJO4JIQLdbl".to_owned(), None),
            ("hvs.short".to_owned(), None),
            (".aaaaaaaaaaaaaaaaaaaaaaaaaaaa".to_owned(), None),
        ] {
            assert_eq!(lookalike_in(&text).and_then(|range| text.get(range)), expected, "{text}");
        }
    }
}
