//! The JSON form: from JSON text to the same [`Body`], with positions. Keys may repeat.
//! Never in it: HCL.

use crate::body::{Body, Data, Item, Key, Value};
use crate::cursor::Cursor;
use crate::error::{Error, ErrorKind, Found};
use crate::{DEPTH_MAX, text};

pub(crate) fn parse(text: &str) -> Result<Body, Error> {
    let mut parser = Parser { cursor: Cursor::new(text), depth: 0 };
    parser.skip_blank();
    parser.cursor.eat('{');
    let body = parser.body()?;
    parser.skip_blank();
    match parser.cursor.peek() {
        None => Ok(body),
        Some(_) => Err(parser.error(ErrorKind::Trailing)),
    }
}

struct Parser<'a> {
    cursor: Cursor<'a>,
    depth: usize,
}

impl Parser<'_> {
    fn error(&self, kind: ErrorKind) -> Error {
        Error { position: self.cursor.position(), kind }
    }

    fn skip_blank(&mut self) {
        self.cursor.take_while(|character| matches!(character, ' ' | '\t' | '\r' | '\n'));
    }

    /// What stands here, for messages.
    fn found(&self) -> Result<Found, Error> {
        Ok(match self.cursor.peek() {
            None => Found::Eof,
            Some('"') => Found::String,
            Some('{') => Found::LeftBrace,
            Some('}') => Found::RightBrace,
            Some('[') => Found::LeftBracket,
            Some(']') => Found::RightBracket,
            Some(':') => Found::Colon,
            Some('=') => Found::Assign,
            Some(',') => Found::Comma,
            Some('-' | '0'..='9') => Found::Number,
            Some(character) if character.is_alphabetic() || character == '_' => Found::Ident,
            Some(_) => return Err(self.error(ErrorKind::IllegalCharacter)),
        })
    }

    fn unexpected(&self, kind: impl Fn(Found) -> ErrorKind) -> Error {
        match self.found() {
            Ok(found) => self.error(kind(found)),
            Err(error) => error,
        }
    }

    /// The items of an object whose opening brace has been taken, with the closing one.
    fn body(&mut self) -> Result<Body, Error> {
        let mut items = Vec::new();
        self.skip_blank();
        if self.cursor.eat('}') {
            return Ok(Body { items });
        }
        loop {
            self.skip_blank();
            let position = self.cursor.position();
            if !self.cursor.eat('"') {
                return Err(self.unexpected(|found| match found {
                    Found::Eof => ErrorKind::ObjectNotClosed { found },
                    _ => ErrorKind::KeyExpected { found },
                }));
            }
            let text = text::json_string(&mut self.cursor)?;
            self.skip_blank();
            if !self.cursor.eat(':') {
                return Err(Error { position, kind: ErrorKind::KeyAlone { keys: text } });
            }
            let value = self.value()?;
            items.push(Item { keys: vec![Key { text, position }], value });
            self.skip_blank();
            if self.cursor.eat('}') {
                return Ok(Body { items });
            }
            if !self.cursor.eat(',') {
                return Err(self.unexpected(|found| ErrorKind::ObjectNotClosed { found }));
            }
        }
    }

    fn list(&mut self) -> Result<Vec<Value>, Error> {
        let mut items = Vec::new();
        self.skip_blank();
        if self.cursor.eat(']') {
            return Ok(items);
        }
        loop {
            items.push(self.value()?);
            self.skip_blank();
            if self.cursor.eat(']') {
                return Ok(items);
            }
            if !self.cursor.eat(',') {
                return Err(self.unexpected(|found| ErrorKind::ListEndExpected { found }));
            }
        }
    }

    fn value(&mut self) -> Result<Value, Error> {
        self.skip_blank();
        let position = self.cursor.position();
        let data = match self.cursor.peek() {
            Some('"') => {
                self.cursor.next();
                Data::String(text::json_string(&mut self.cursor)?)
            }
            Some(open @ ('{' | '[')) => {
                if self.depth >= DEPTH_MAX {
                    return Err(self.error(ErrorKind::TooDeep));
                }
                self.cursor.next();
                self.depth += 1;
                let data = if open == '{' { Data::Object(self.body()?) } else { Data::List(self.list()?) };
                self.depth -= 1;
                data
            }
            Some('-' | '0'..='9') => {
                let error = self.error(ErrorKind::IllegalNumber);
                Data::Number(number(&mut self.cursor).ok_or(error)?)
            }
            Some('a'..='z') => {
                let error = self.unexpected(|found| ErrorKind::ValueExpected { found });
                match self.cursor.take_while(char::is_alphanumeric) {
                    "true" => Data::Bool(true),
                    "false" => Data::Bool(false),
                    "null" => Data::Null,
                    _ => return Err(error),
                }
            }
            _ => return Err(self.unexpected(|found| ErrorKind::ValueExpected { found })),
        };
        Ok(Value { position, data })
    }
}

/// A number by JSON's grammar.
fn number(cursor: &mut Cursor<'_>) -> Option<String> {
    let is_digit = |character: char| character.is_ascii_digit();
    let mut text = String::new();
    if cursor.eat('-') {
        text.push('-');
    }
    let whole = cursor.take_while(is_digit);
    if whole.is_empty() || (whole.len() > 1 && whole.starts_with('0')) {
        return None;
    }
    text.push_str(whole);
    if cursor.eat('.') {
        let fraction = cursor.take_while(is_digit);
        if fraction.is_empty() {
            return None;
        }
        text.push('.');
        text.push_str(fraction);
    }
    if matches!(cursor.peek(), Some('e' | 'E')) {
        text.extend(cursor.next());
        if matches!(cursor.peek(), Some('+' | '-')) {
            text.extend(cursor.next());
        }
        let exponent = cursor.take_while(is_digit);
        if exponent.is_empty() {
            return None;
        }
        text.push_str(exponent);
    }
    Some(text)
}
