//! A walk over the text of a JSON value that allocates nothing: where values begin and end.
//! Never in it: the keys of an entry, or what a text means.

use memchr::memchr2;

/// A place in a line; without length where there is nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Span {
    start: u32,
    length: u32,
}

impl Span {
    pub(super) fn of(self, text: &[u8]) -> Option<&[u8]> {
        let (start, length) = (self.start as usize, self.length as usize);
        if length == 0 { None } else { text.get(start..start + length) }
    }

    pub(super) const fn is_empty(self) -> bool {
        self.length == 0
    }
}

/// What comes next in an object.
pub(super) enum Key<'t> {
    Name(&'t [u8]),
    End,
}

pub(super) struct Walker<'t> {
    text: &'t [u8],
    at: usize,
    /// Whether each open bracket is that of an object.
    open: Vec<bool>,
}

impl<'t> Walker<'t> {
    pub(super) fn new(text: &'t [u8]) -> Self {
        Self { text, at: 0, open: Vec::new() }
    }

    fn byte(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn blanks(&mut self) {
        while self.byte().is_some_and(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
    }

    /// Takes a sign after blanks.
    pub(super) fn sign(&mut self, sign: u8) -> bool {
        self.blanks();
        let found = self.byte() == Some(sign);
        self.at += usize::from(found);
        found
    }

    /// Whether nothing but blanks is left.
    pub(super) fn is_at_end(&mut self) -> bool {
        self.blanks();
        self.at == self.text.len()
    }

    /// The next key of an object, which was opened, and its colon. `first` before the first key.
    pub(super) fn key(&mut self, first: bool) -> Option<Key<'t>> {
        if self.sign(b'}') {
            return Some(Key::End);
        }
        if !first && !self.sign(b',') {
            return None;
        }
        self.blanks();
        let start = self.at + 1;
        self.string()?;
        let key = self.text.get(start..self.at - 1)?;
        self.sign(b':').then_some(Key::Name(key))
    }

    /// Passes a value, and says where it is.
    pub(super) fn value(&mut self) -> Option<Span> {
        self.blanks();
        let start = self.at;
        match self.byte()? {
            b'{' | b'[' => self.nested()?,
            _ => self.scalar()?,
        }
        self.span(start)
    }

    /// Whether the next value is an object, which is then opened.
    pub(super) fn opens_object(&mut self) -> bool {
        self.sign(b'{')
    }

    /// Where the next value begins.
    pub(super) fn start(&mut self) -> usize {
        self.blanks();
        self.at
    }

    /// What was passed since.
    pub(super) fn span(&self, start: usize) -> Option<Span> {
        Some(Span { start: u32::try_from(start).ok()?, length: u32::try_from(self.at - start).ok()? })
    }

    fn scalar(&mut self) -> Option<()> {
        match self.byte()? {
            b'"' => self.string(),
            b't' => self.word(b"true"),
            b'f' => self.word(b"false"),
            b'n' => self.word(b"null"),
            _ => self.number(),
        }
    }

    fn word(&mut self, word: &[u8]) -> Option<()> {
        let found = self.text.get(self.at..)?.starts_with(word);
        self.at += word.len();
        found.then_some(())
    }

    fn string(&mut self) -> Option<()> {
        if self.byte()? != b'"' {
            return None;
        }
        self.at += 1;
        loop {
            self.at += memchr2(b'"', b'\\', self.text.get(self.at..)?)? + 1;
            if self.text.get(self.at - 1) == Some(&b'"') {
                return Some(());
            }
            match self.byte()? {
                b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => self.at += 1,
                b'u' => {
                    let digits = self.text.get(self.at + 1..self.at + 5)?;
                    if !digits.iter().all(u8::is_ascii_hexdigit) {
                        return None;
                    }
                    self.at += 5;
                }
                _ => return None,
            }
        }
    }

    fn digits(&mut self) -> usize {
        let start = self.at;
        while self.byte().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        self.at - start
    }

    fn number(&mut self) -> Option<()> {
        self.at += usize::from(self.byte() == Some(b'-'));
        let leads_with_zero = self.byte() == Some(b'0');
        let digits = self.digits();
        if digits == 0 || leads_with_zero && digits > 1 {
            return None;
        }
        if self.byte() == Some(b'.') {
            self.at += 1;
            if self.digits() == 0 {
                return None;
            }
        }
        if matches!(self.byte(), Some(b'e' | b'E')) {
            self.at += 1;
            self.at += usize::from(matches!(self.byte(), Some(b'+' | b'-')));
            if self.digits() == 0 {
                return None;
            }
        }
        Some(())
    }

    /// Passes an object or a list. It does not recurse: the depth is bounded by the length of the line alone.
    fn nested(&mut self) -> Option<()> {
        self.open.clear();
        loop {
            match self.byte()? {
                open @ (b'{' | b'[') => {
                    let is_object = open == b'{';
                    self.at += 1;
                    if !self.sign(if is_object { b'}' } else { b']' }) {
                        self.open.push(is_object);
                        self.member(is_object)?;
                        continue;
                    }
                }
                _ => self.scalar()?,
            }
            // A value has ended; perhaps the objects and lists around it, too.
            loop {
                let Some(&is_object) = self.open.last() else { return Some(()) };
                self.blanks();
                let byte = self.byte()?;
                self.at += 1;
                match (byte, is_object) {
                    (b',', _) => {
                        self.member(is_object)?;
                        break;
                    }
                    (b'}', true) | (b']', false) => {
                        self.open.pop();
                    }
                    _ => return None,
                }
            }
        }
    }

    /// Passes what comes before the value of a member.
    fn member(&mut self, of_object: bool) -> Option<()> {
        self.blanks();
        if of_object {
            self.string()?;
            if !self.sign(b':') {
                return None;
            }
            self.blanks();
        }
        Some(())
    }
}

/// The text of the value at a path of keys below an object; of equal keys the last.
pub(super) fn find<'t>(text: &'t [u8], keys: &[impl AsRef<str>]) -> Option<&'t [u8]> {
    let mut text = text;
    for wanted in keys {
        let wanted = wanted.as_ref().as_bytes();
        let mut walker = Walker::new(text);
        let mut found = None;
        if !walker.opens_object() {
            return None;
        }
        let mut first = true;
        while let Key::Name(key) = walker.key(first)? {
            first = false;
            let value = walker.value()?;
            if key == wanted || key.contains(&b'\\') && unescaped_is(key, wanted) {
                found = value.of(text);
            }
        }
        text = found?;
    }
    Some(text)
}

fn unescaped_is(key: &[u8], wanted: &[u8]) -> bool {
    let quoted = [b"\"", key, b"\""].concat();
    let value = onrecord_value::json::parse(&quoted, onrecord_value::json::Limits::default());
    value.is_ok_and(|value| value.as_str().is_some_and(|text| text.as_bytes() == wanted))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn is_json(text: &str) -> bool {
        let mut walker = Walker::new(text.as_bytes());
        walker.value().is_some() && walker.is_at_end()
    }

    #[test]
    fn values_are_passed_and_others_refused() {
        for text in [
            "0",
            "-1.5e+3",
            "\"a\\u00e9\\\"\"",
            "{}",
            "[]",
            " [1, {\"a\":[{}]} ,null]",
            "{\"a\":{\"b\":true}}",
        ] {
            assert!(is_json(text), "{text}");
        }
        for text in [
            "",
            "01",
            "1.",
            "-",
            "\"a",
            "\"\\x\"",
            "\"\\u12g4\"",
            "{",
            "[1,]",
            "{\"a\"}",
            "{a:1}",
            "[1}",
            "tru",
            "1 2",
            "{\"a\":1,}",
        ] {
            assert!(!is_json(text), "{text}");
        }
        let deep = "[".repeat(1_000_000) + &"]".repeat(1_000_000);
        assert!(is_json(&deep) && !is_json(&deep[..deep.len() - 1]));
    }

    #[test]
    fn the_value_of_keys_is_found() {
        let text = br#"{"a":{"b":1,"c":[2],"b":3},"\u0064":"x"}"#;
        assert_eq!(find(text, &["a", "b"]), Some(&b"3"[..]));
        assert_eq!(find(text, &["a", "c"]), Some(&b"[2]"[..]));
        assert_eq!(find(text, &["d"]), Some(&b"\"x\""[..]));
        assert_eq!(find(text, &["a", "x"]), None);
        assert_eq!(find(text, &["d", "x"]), None);
    }

    proptest! {
        #[test]
        fn it_takes_what_a_parser_takes(text in "[\\[\\]{}:,\"a\\\\01.e\\-u ]{0,24}") {
            let parsed = serde_json::from_str::<serde_json::Value>(&text);
            // Beyond the walk: a number too large for a double, half of a surrogate pair.
            let is_value = !matches!(&parsed, Err(error) if !error.to_string().contains("out of range"));
            prop_assert_eq!(is_json(&text), is_value, "{}", text);
        }
    }
}
