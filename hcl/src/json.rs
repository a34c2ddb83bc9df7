//! The JSON form: from JSON text to the same [`Body`], with positions. Keys may repeat.
//! Never in it: HCL.

use crate::body::{Body, Data, Item, Key, Value};
use crate::cursor::Cursor;
use crate::error::{Error, ErrorKind};
use crate::{DEPTH_MAX, text};

pub(crate) fn parse(text: &str) -> Result<Body, Error> {
    let mut parser = Parser { cursor: Cursor::new(text), depth: 0 };
    parser.cursor.skip_blank();
    parser.cursor.eat('{');
    let body = parser.body()?;
    parser.cursor.skip_blank();
    if parser.cursor.rest().is_empty() { Ok(body) } else { Err(parser.error(ErrorKind::Trailing)) }
}

struct Parser<'a> {
    cursor: Cursor<'a>,
    depth: usize,
}

impl Parser<'_> {
    fn error(&self, kind: ErrorKind) -> Error {
        Error { position: self.cursor.position(), kind }
    }

    /// An error with the name of what stands here.
    fn unexpected(&self, kind: impl Fn(&'static str) -> ErrorKind) -> Error {
        let found = match self.cursor.peek() {
            None => "EOF",
            Some('"') => "STRING",
            Some('{') => "LBRACE",
            Some('}') => "RBRACE",
            Some('[') => "LBRACK",
            Some(']') => "RBRACK",
            Some(':') => "COLON",
            Some('=') => "ASSIGN",
            Some(',') => "COMMA",
            Some('-' | '0'..='9') => "NUMBER",
            Some(character) if character.is_alphabetic() || character == '_' => "IDENT",
            Some(_) => return self.error(ErrorKind::IllegalCharacter),
        };
        self.error(kind(found))
    }

    /// What is between the opening sign, which has been taken, and the closing one, with commas between.
    fn sequence<T>(
        &mut self,
        close: char,
        not_closed: fn(&'static str) -> ErrorKind,
        element: fn(&mut Self) -> Result<T, Error>,
    ) -> Result<Vec<T>, Error> {
        let mut elements = Vec::new();
        self.cursor.skip_blank();
        if self.cursor.eat(close) {
            return Ok(elements);
        }
        loop {
            self.cursor.skip_blank();
            elements.push(element(self)?);
            self.cursor.skip_blank();
            if self.cursor.eat(close) {
                return Ok(elements);
            }
            if !self.cursor.eat(',') {
                return Err(self.unexpected(not_closed));
            }
        }
    }

    fn body(&mut self) -> Result<Body, Error> {
        Ok(Body { items: self.sequence('}', ErrorKind::ObjectNotClosed, Self::item)? })
    }

    fn item(&mut self) -> Result<Item, Error> {
        let position = self.cursor.position();
        if !self.cursor.eat('"') {
            let at_end = self.cursor.peek().is_none();
            let kind = if at_end { ErrorKind::ObjectNotClosed } else { ErrorKind::KeyExpected };
            return Err(self.unexpected(kind));
        }
        let text = text::json_string(&mut self.cursor)?;
        self.cursor.skip_blank();
        if !self.cursor.eat(':') {
            return Err(Error { position, kind: ErrorKind::KeyAlone(text) });
        }
        self.cursor.skip_blank();
        Ok(Item { keys: vec![Key { text, position }], value: self.value()? })
    }

    fn value(&mut self) -> Result<Value, Error> {
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
                let data = if open == '{' {
                    Data::Object(self.body()?)
                } else {
                    Data::List(self.sequence(']', ErrorKind::ListEndExpected, Self::value)?)
                };
                self.depth -= 1;
                data
            }
            Some('-' | '0'..='9') => {
                let error = self.error(ErrorKind::IllegalNumber);
                Data::Number(number(&mut self.cursor).ok_or(error)?)
            }
            Some('a'..='z') => {
                let error = self.unexpected(ErrorKind::ValueExpected);
                match self.cursor.take_while(char::is_alphanumeric) {
                    "true" => Data::Bool(true),
                    "false" => Data::Bool(false),
                    "null" => Data::Null,
                    _ => return Err(error),
                }
            }
            _ => return Err(self.unexpected(ErrorKind::ValueExpected)),
        };
        Ok(Value { position, data })
    }
}

fn number(cursor: &mut Cursor<'_>) -> Option<String> {
    let start = cursor.rest();
    cursor.eat('-');
    let whole = cursor.digits();
    if whole.is_empty() || (whole.len() > 1 && whole.starts_with('0')) {
        return None;
    }
    if cursor.eat('.') && cursor.digits().is_empty() {
        return None;
    }
    cursor.exponent()?;
    Some(cursor.since(start).to_owned())
}
