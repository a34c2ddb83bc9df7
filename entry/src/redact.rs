//! The redactor of a device: it decides how each text is written to a line.
//! Never in it: the syntax of a line.

use std::borrow::Cow;
use std::cell::Cell;
use std::ops::Range;

use crate::entry::{Entry, Path};
use crate::options::FormatOptions;
use crate::patch::Patch;
use crate::salt::{HASH_LEN, Salt, written};

/// A map key longer than this many bytes is hashed.
const KEY_BYTES: usize = 256;

/// The shortest run of token characters after `hvs.`, `hvb.` or `hvr.` that looks like a token.
const NEW_TOKEN_RUN: usize = 20;
/// The shortest run after `s.`, `b.` or `r.`: a service token has 28 letters and digits, or 24 if an older version made it.
const TOKEN_RUN: usize = 24;
/// A shorter text cannot hold anything that looks like a token.
const LOOKALIKE_MIN: usize = 4 + NEW_TOKEN_RUN;
/// After this number of hashed parts the rest of a text is hashed as one, so that the work stays linear in its length.
const PARTS_MAX: usize = 64;
/// A token of a chosen id that is shorter could be any word of a line: it is not looked for in texts.
const CHOSEN_TOKEN_MIN: usize = 8;

/// A longer path of an unauthenticated request is cut after this many bytes, and the rest hashed as one.
const STRANGERS_PATH: usize = 1024;

/// What stands before a text that is hashed together with the id of its request.
pub(crate) fn bound(id: &str) -> String {
    format!("{id}\n")
}

/// Decides about the texts of one entry on one device.
pub(crate) struct Redactor<'f, 'e> {
    salt: &'f Salt,
    /// Whether data, tokens and accessors stay as they are.
    pub(crate) raw: bool,
    hash_accessors: bool,
    /// The tokens of the entry that do not look like tokens: they are looked for in its texts.
    chosen_tokens: [&'e str; 4],
    has_chosen_tokens: bool,
    /// The id of an unauthenticated request: its texts are hashed together with it.
    pub(crate) stranger: Option<&'e str>,
    /// The token and the accessor of the caller.
    pub(crate) caller: (&'e str, &'e str),
    /// The number of the formatter, where what it writes for one entry may be cached for another.
    pub(crate) formatter: Option<u64>,
    /// Whether it made hashes other than [`Hashed`].
    unlisted_hashes: Cell<bool>,
}

/// A hash that is a whole string of a line.
pub(crate) struct Hashed<'e> {
    pub(crate) digest: [u8; 32],
    /// How to write it with another salt.
    pub(crate) patch: Patch<'e>,
}

impl<'f, 'e> Redactor<'f, 'e> {
    pub(crate) fn new(salt: &'f Salt, options: &FormatOptions, entry: &Entry<'e>) -> Self {
        let issued = entry.response.as_ref().and_then(|response| response.auth.as_ref());
        let wrapping = entry.response.as_ref().and_then(|response| response.wrap_info.as_ref());
        let (callers, sent) = (entry.auth.client_token.reveal(), entry.request.client_token.reveal());
        let chosen_tokens = [
            callers,
            if sent.is_empty() || sent == callers { "" } else { sent },
            issued.map_or("", |auth| auth.client_token.reveal()),
            wrapping.map_or("", |wrap| wrap.token.reveal()),
        ]
        .map(|token| if token.len() < CHOSEN_TOKEN_MIN || is_token(token) { "" } else { token });
        let has_chosen_tokens = chosen_tokens.iter().any(|token| !token.is_empty());
        Self {
            salt,
            raw: options.log_raw,
            hash_accessors: options.hmac_accessor,
            chosen_tokens,
            has_chosen_tokens,
            stranger: entry.request.unauthenticated.then(|| entry.request.id.as_str()),
            caller: (callers, entry.auth.accessor.reveal()),
            formatter: None,
            unlisted_hashes: Cell::new(false),
        }
    }

    /// Lets the caller's `auth` be cached for other entries, under the number of this formatter. Not where nothing is
    /// hashed, so that no token stays in memory, and not where the entry has a token that is looked for in its texts.
    pub(crate) fn with_cache_of(self, formatter: u64) -> Self {
        Self { formatter: (!self.raw && !self.has_chosen_tokens).then_some(formatter), ..self }
    }

    /// The salt, for a hash of more than one text.
    pub(crate) fn salt(&self) -> &'f Salt {
        self.unlisted_hashes.set(true);
        self.salt
    }

    /// Whether it made hashes other than [`Hashed`]: within a text, or of more than one text.
    pub(crate) const fn has_unlisted_hashes(&self) -> bool {
        self.unlisted_hashes.get()
    }

    /// The hash of a text.
    pub(crate) fn digest(&self, text: &'e [u8]) -> Hashed<'e> {
        Hashed { digest: self.salt.digest(text), patch: Patch::Text(text) }
    }

    /// The hash of a text that a client sent outside of its data.
    pub(crate) fn sent(&self, text: &'e [u8]) -> Hashed<'e> {
        match self.stranger {
            Some(id) => Hashed { digest: self.bound_digest(id, text), patch: Patch::Text(text) },
            None => self.digest(text),
        }
    }

    /// The hash of a token; none where it stays as it is.
    pub(crate) fn token(&self, token: &'e str) -> Option<Hashed<'e>> {
        match self.stranger {
            _ if self.raw => None,
            Some(_) if !is_lookalike(token) => Some(self.sent(token.as_bytes())),
            _ => Some(self.credential(token)),
        }
    }

    /// The hash of an accessor; none where it stays as it is.
    pub(crate) fn accessor(&self, accessor: &'e str) -> Option<Hashed<'e>> {
        (self.hash_accessors && !self.raw).then(|| self.credential(accessor))
    }

    fn credential(&self, text: &'e str) -> Hashed<'e> {
        let text = text.as_bytes();
        Hashed { digest: self.salt.token_digest(text), patch: Patch::Token(text) }
    }

    /// The hash of a text together with the id of its request: no other request has the same, so that nobody finds out by
    /// asking what another hash stands for.
    #[cold]
    fn bound_digest(&self, id: &str, text: &[u8]) -> [u8; 32] {
        self.unlisted_hashes.set(true);
        self.salt.digest(&[bound(id).as_bytes(), text].concat())
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
        let redacted = self.whole_path(path);
        if self.raw || self.stranger.is_none() || redacted.len() <= STRANGERS_PATH {
            return redacted;
        }
        let (kept, rest) = redacted.split_at(redacted.floor_char_boundary(STRANGERS_PATH));
        Cow::Owned([kept, &self.hashed(rest)].concat())
    }

    fn whole_path<'t>(&self, path: Path<'t>) -> Cow<'t, str> {
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
        self.unlisted_hashes.set(true);
        match self.stranger {
            Some(id) if !is_lookalike(text) => written(&self.bound_digest(id, text.as_bytes())),
            _ => self.salt.hash(text.as_bytes()),
        }
    }

    /// Where the first token is.
    fn secret_in(&self, text: &str) -> Option<Range<usize>> {
        if self.raw || (text.len() < LOOKALIKE_MIN && !self.has_chosen_tokens) {
            return None;
        }
        let lookalike = lookalike_in(text);
        if !self.has_chosen_tokens {
            return lookalike;
        }
        let chosen = self.chosen_tokens.iter().filter(|token| !token.is_empty());
        let chosen = chosen.filter_map(|token| text.find(token).map(|start| start..start + token.len()));
        chosen.chain(lookalike).min_by_key(|range| range.start)
    }

    #[cold]
    fn without_secrets(&self, text: &str, first: Range<usize>) -> String {
        let mut redacted = String::with_capacity(text.len() + HASH_LEN);
        let mut rest = text;
        let mut next = Some(first);
        for part in 0.. {
            let Some(Range { start, end }) = next else { break };
            redacted.push_str(rest.get(..start).unwrap_or_default());
            if part == PARTS_MAX {
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

/// Whether the whole text looks like a token where it stands alone: nobody guesses it.
fn is_lookalike(text: &str) -> bool {
    lookalike_in(text) == Some(0..text.len())
}

/// Whether the whole text looks like a token, even in the middle of a word.
fn is_token(text: &str) -> bool {
    let plain = text.bytes().skip(2).take_while(u8::is_ascii_alphanumeric).count();
    is_lookalike(text) && (text.starts_with("hv") || plain >= TOKEN_RUN)
}

/// The first part that looks like a token: `s.`, `b.`, `r.`, `hvs.`, `hvb.` or `hvr.` before a run of
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
    if before_letter.ends_with(b"hv") && length >= NEW_TOKEN_RUN {
        return Some(dot - 3..end);
    }
    if length < TOKEN_RUN {
        return None;
    }
    // `s.` in the middle of a word is a token only where the run is all letters and digits, as tokens are: otherwise
    // every name like `services.my-long-department-name` would be one.
    let starts_word = before_letter.last().is_none_or(|b| !b.is_ascii_alphanumeric());
    let plain = run.iter().take_while(|b| b.is_ascii_alphanumeric()).count();
    (starts_word || plain >= TOKEN_RUN).then(|| dot - 1..end)
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
