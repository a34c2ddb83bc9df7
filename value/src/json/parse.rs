//! The parser: one pass from bytes to a [`Value`], bounded in depth and in values.
//!
//! Bytes that are not UTF-8 become U+FFFD each, as do halves of surrogate pairs; of equal keys the last wins.
//! Never in it: the meaning of a document.

use std::borrow::Cow;

use super::error::{Context, ParseError, ParseErrorKind};
use super::scan;
use crate::{Number, Object, Value};

/// The limits of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Levels of nesting; a lone number has none. Above [`Limits::DEPTH_MAX`] that one holds.
    pub depth: usize,
    /// Values, counting maps and lists themselves, but not keys.
    pub nodes: usize,
}

impl Limits {
    /// The deepest nesting under any limits: code that walks a value may recurse to this depth.
    pub const DEPTH_MAX: usize = 256;
}

impl Default for Limits {
    /// 128 levels, a million values.
    fn default() -> Self {
        Self { depth: 128, nodes: 1_000_000 }
    }
}

/// Parses a document: one value with white space around it.
pub fn parse(document: &[u8], limits: Limits) -> Result<Value, ParseError> {
    let mut parser = Parser::new(document, std::str::from_utf8(document).ok(), limits);
    match parser.next_token() {
        None => Err(parser.error(ParseErrorKind::Empty)),
        Some(byte) => {
            let value = parser.value(byte)?;
            match parser.next_token() {
                None => Ok(value),
                Some(byte) => Err(parser.invalid(byte, Context::AfterTopLevel)),
            }
        }
    }
}

/// Parses a document that must be a map. `null` is an empty one, as for Go.
pub fn parse_object(document: &[u8], limits: Limits) -> Result<Object, ParseError> {
    match parse(document, limits)? {
        Value::Object(object) => Ok(object),
        Value::Null => Ok(Object::new()),
        other => Err(ParseError { kind: ParseErrorKind::NotAnObject { found: other.kind() }, offset: 0 }),
    }
}

/// Whether a text is a number by JSON's grammar.
pub(crate) fn is_number(text: &str) -> bool {
    let mut parser = Parser::new(text.as_bytes(), Some(text), Limits::default());
    parser.number().is_ok() && parser.at == text.len()
}

struct Parser<'a> {
    bytes: &'a [u8],
    /// The same bytes, if all of them are UTF-8.
    text: Option<&'a str>,
    /// How many bytes were read.
    at: usize,
    depth: usize,
    nodes: usize,
    limits: Limits,
}

impl<'a> Parser<'a> {
    fn new(bytes: &'a [u8], text: Option<&'a str>, limits: Limits) -> Self {
        let limits = Limits { depth: limits.depth.min(Limits::DEPTH_MAX), nodes: limits.nodes };
        Self { bytes, text, at: 0, depth: 0, nodes: 0, limits }
    }

    fn error(&self, kind: ParseErrorKind) -> ParseError {
        ParseError { kind, offset: self.at }
    }

    fn invalid(&self, byte: u8, context: Context) -> ParseError {
        self.error(ParseErrorKind::InvalidCharacter { byte, context })
    }

    /// The error for the next byte, or for the end of the document.
    fn unfitting(&self, context: Context) -> ParseError {
        match self.peek() {
            Some(byte) => self.invalid(byte, context),
            None => self.error(ParseErrorKind::UnexpectedEof),
        }
    }

    #[inline]
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn rest(&self) -> &[u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    /// Skips white space and returns the next byte.
    #[inline]
    fn next_token(&mut self) -> Option<u8> {
        loop {
            match self.peek() {
                Some(b' ' | b'\t' | b'\n' | b'\r') => self.at += 1,
                other => return other,
            }
        }
    }

    /// As `next_token`, but the document may not end here.
    #[inline]
    fn need_token(&mut self) -> Result<u8, ParseError> {
        self.next_token().ok_or_else(|| self.error(ParseErrorKind::UnexpectedEof))
    }

    /// The value that begins with `first`, at which the parser stands.
    fn value(&mut self, first: u8) -> Result<Value, ParseError> {
        if self.nodes >= self.limits.nodes {
            return Err(self.error(ParseErrorKind::TooManyValues { limit: self.limits.nodes }));
        }
        self.nodes += 1;
        match first {
            b'"' => {
                self.at += 1;
                self.string().map(Value::String)
            }
            b'{' => self.nested(Self::object),
            b'[' => self.nested(Self::array),
            b'-' | b'0'..=b'9' => self.number().map(Value::Number),
            b't' => self.literal("true", Value::Bool(true)),
            b'f' => self.literal("false", Value::Bool(false)),
            b'n' => self.literal("null", Value::Null),
            _ => Err(self.invalid(first, Context::BeforeValue)),
        }
    }

    fn nested(&mut self, parse: fn(&mut Self) -> Result<Value, ParseError>) -> Result<Value, ParseError> {
        if self.depth >= self.limits.depth {
            return Err(self.error(ParseErrorKind::TooDeep { limit: self.limits.depth }));
        }
        self.depth += 1;
        self.at += 1;
        let value = parse(self);
        self.depth -= 1;
        value
    }

    fn array(&mut self) -> Result<Value, ParseError> {
        let mut items = Vec::new();
        let mut next = self.need_token()?;
        if next == b']' {
            self.at += 1;
            return Ok(Value::Array(items));
        }
        loop {
            items.push(self.value(next)?);
            match self.need_token()? {
                b',' => self.at += 1,
                b']' => {
                    self.at += 1;
                    return Ok(Value::Array(items));
                }
                byte => return Err(self.invalid(byte, Context::AfterElement)),
            }
            next = self.need_token()?;
        }
    }

    fn object(&mut self) -> Result<Value, ParseError> {
        let mut entries = Vec::new();
        let mut next = self.need_token()?;
        if next == b'}' {
            self.at += 1;
            return Ok(Value::Object(Object::new()));
        }
        let mut context = Context::ObjectStart;
        loop {
            if next != b'"' {
                return Err(self.invalid(next, context));
            }
            self.at += 1;
            let key = self.string()?;
            match self.need_token()? {
                b':' => self.at += 1,
                byte => return Err(self.invalid(byte, Context::AfterKey)),
            }
            let first = self.need_token()?;
            entries.push((key, self.value(first)?));
            match self.need_token()? {
                b',' => self.at += 1,
                b'}' => {
                    self.at += 1;
                    return Ok(Value::Object(Object::from_entries(entries)));
                }
                byte => return Err(self.invalid(byte, Context::AfterPair)),
            }
            next = self.need_token()?;
            context = Context::Key;
        }
    }

    fn literal(&mut self, word: &'static str, value: Value) -> Result<Value, ParseError> {
        for expecting in word.bytes() {
            if self.peek() != Some(expecting) {
                return Err(self.unfitting(Context::Literal { word, expecting }));
            }
            self.at += 1;
        }
        Ok(value)
    }

    fn digits(&mut self, context: Context) -> Result<(), ParseError> {
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        if self.at == start { Err(self.unfitting(context)) } else { Ok(()) }
    }

    fn take(&mut self, bytes: &[u8]) -> bool {
        let found = self.peek().is_some_and(|byte| bytes.contains(&byte));
        self.at += usize::from(found);
        found
    }

    fn number(&mut self) -> Result<Number, ParseError> {
        let start = self.at;
        self.take(b"-");
        if !self.take(b"0") {
            self.digits(Context::Number)?;
        }
        if self.take(b".") {
            self.digits(Context::Fraction)?;
        }
        if self.take(b"eE") {
            self.take(b"+-");
            self.digits(Context::Exponent)?;
        }
        let literal = self.bytes.get(start..self.at).unwrap_or_default();
        Ok(Number::from_checked(std::str::from_utf8(literal).unwrap_or("0")))
    }

    /// Reads a string after its opening quote, up to its closing one.
    fn string(&mut self) -> Result<String, ParseError> {
        let start = self.at;
        self.at += scan::literal_len(self.rest());
        if self.peek() == Some(b'"') {
            let text = self.text_from(start).into_owned();
            self.at += 1;
            return Ok(text);
        }
        self.string_with_escapes(start)
    }

    /// Reads the rest of a string that is plain from `start` to here.
    #[cold]
    fn string_with_escapes(&mut self, mut start: usize) -> Result<String, ParseError> {
        let mut out = String::with_capacity(2 * (self.at - start) + 16);
        loop {
            out.push_str(&self.text_from(start));
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(out);
                }
                Some(b'\\') => {
                    self.at += 1;
                    out.push(self.escape()?);
                }
                _ => return Err(self.unfitting(Context::String)),
            }
            start = self.at;
            self.at += scan::literal_len(self.rest());
        }
    }

    /// The text from `start` to here.
    #[inline]
    fn text_from(&self, start: usize) -> Cow<'_, str> {
        match self.text {
            // Both ends are next to ASCII characters, so they are between characters.
            Some(text) => Cow::Borrowed(text.get(start..self.at).unwrap_or_default()),
            None => Cow::Owned(repaired(self.bytes.get(start..self.at).unwrap_or_default())),
        }
    }

    fn escape(&mut self) -> Result<char, ParseError> {
        let found = match self.peek() {
            Some(byte @ (b'"' | b'\\' | b'/')) => char::from(byte),
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => {
                self.at += 1;
                let unit = self.code_unit()?;
                return Ok(self.character(unit));
            }
            _ => return Err(self.unfitting(Context::StringEscape)),
        };
        self.at += 1;
        Ok(found)
    }

    /// The four hexadecimal digits of a `\u`.
    fn code_unit(&mut self) -> Result<u16, ParseError> {
        let mut unit = 0;
        for _ in 0..4 {
            let digit = self.peek().and_then(|byte| char::from(byte).to_digit(16));
            let Some(digit) = digit.and_then(|digit| u16::try_from(digit).ok()) else {
                return Err(self.unfitting(Context::UnicodeEscape));
            };
            unit = unit << 4 | digit;
            self.at += 1;
        }
        Ok(unit)
    }

    /// The character of a code unit; the second half of a pair is taken if it follows.
    fn character(&mut self, unit: u16) -> char {
        if let Some(character) = char::from_u32(u32::from(unit)) {
            return character;
        }
        let before = self.at;
        if self.rest().starts_with(b"\\u") {
            self.at += 2;
            if let Ok(second) = self.code_unit()
                && let Some(Ok(character)) = char::decode_utf16([unit, second]).next()
            {
                return character;
            }
            self.at = before;
        }
        char::REPLACEMENT_CHARACTER
    }
}

/// A text in which each byte that is not UTF-8 is replaced by U+FFFD.
#[cold]
fn repaired(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len() + 16);
    for chunk in bytes.utf8_chunks() {
        out.push_str(chunk.valid());
        out.extend(chunk.invalid().iter().map(|_| char::REPLACEMENT_CHARACTER));
    }
    out
}
