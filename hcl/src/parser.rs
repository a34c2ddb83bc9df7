//! The grammar of HCL 1: from tokens to a [`Body`]. Line ends are ignored, and commas between items are accepted.
//! Never in it: characters (`lexer.rs`).

use crate::DEPTH_MAX;
use crate::body::{Body, Data, Item, Key, Value};
use crate::error::{Error, ErrorKind};
use crate::lexer::{Lexer, Token, TokenKind};

pub(crate) fn parse(text: &str) -> Result<Body, Error> {
    let mut lexer = Lexer::new(text);
    let next = lexer.token()?;
    Parser { lexer, next, depth: 0 }.body(false)
}

struct Parser<'a> {
    lexer: Lexer<'a>,
    /// The token that has been read and not been used.
    next: Token,
    depth: usize,
}

impl Parser<'_> {
    fn advance(&mut self) -> Result<Token, Error> {
        let next = self.lexer.token()?;
        Ok(std::mem::replace(&mut self.next, next))
    }

    /// Items up to the closing brace, which is taken, or up to the end of the text.
    fn body(&mut self, closes: bool) -> Result<Body, Error> {
        let mut items = Vec::new();
        loop {
            match &self.next.kind {
                TokenKind::RightBrace if closes => {
                    self.advance()?;
                    return Ok(Body { items });
                }
                TokenKind::Eof if !closes => return Ok(Body { items }),
                found @ TokenKind::Eof => {
                    let kind = ErrorKind::ObjectNotClosed(found.name());
                    return Err(Error { position: self.next.position, kind });
                }
                _ => items.push(self.item()?),
            }
            if matches!(self.next.kind, TokenKind::Comma) {
                self.advance()?;
            }
        }
    }

    fn item(&mut self) -> Result<Item, Error> {
        let mut keys: Vec<Key> = Vec::new();
        while matches!(self.next.kind, TokenKind::Ident(_) | TokenKind::String(_)) {
            if let Token { position, kind: TokenKind::Ident(text) | TokenKind::String(text) } =
                self.advance()?
            {
                keys.push(Key { text, position });
            }
        }
        // The token behind the keys stays: what follows may begin with it.
        let position = self.next.position;
        let error = |kind| Err(Error { position, kind });
        match &self.next.kind {
            TokenKind::Assign if keys.is_empty() => return error(ErrorKind::NoKey),
            TokenKind::Assign if keys.len() > 1 => return error(ErrorKind::NestedAssignment),
            TokenKind::Assign => drop(self.advance()?),
            TokenKind::LeftBrace if !keys.is_empty() => {}
            TokenKind::Eof => {
                let keys: Vec<_> = keys.iter().map(|key| key.text.as_str()).collect();
                return error(ErrorKind::KeyAlone(keys.join(" ")));
            }
            other => return error(ErrorKind::KeyExpected(other.name())),
        }
        Ok(Item { keys, value: self.value()? })
    }

    fn value(&mut self) -> Result<Value, Error> {
        let Token { position, kind } = self.advance()?;
        let data = match kind {
            TokenKind::Bool(value) => Data::Bool(value),
            TokenKind::Number(text) => Data::Number(text),
            TokenKind::String(text) => Data::String(text),
            // Nothing may be nested without a bound: each level takes stack.
            TokenKind::LeftBrace | TokenKind::LeftBracket if self.depth >= DEPTH_MAX => {
                return Err(Error { position, kind: ErrorKind::TooDeep });
            }
            open @ (TokenKind::LeftBrace | TokenKind::LeftBracket) => {
                self.depth += 1;
                let is_object = matches!(open, TokenKind::LeftBrace);
                let data = if is_object { Data::Object(self.body(true)?) } else { Data::List(self.list()?) };
                self.depth -= 1;
                data
            }
            other => return Err(Error { position, kind: ErrorKind::ValueExpected(other.name()) }),
        };
        Ok(Value { position, data })
    }

    /// Values up to the closing bracket, which is taken. A comma may stand before it, too.
    fn list(&mut self) -> Result<Vec<Value>, Error> {
        let mut items = Vec::new();
        let mut needs_comma = false;
        loop {
            match &self.next.kind {
                TokenKind::RightBracket => {
                    self.advance()?;
                    return Ok(items);
                }
                TokenKind::Comma => {
                    self.advance()?;
                    needs_comma = false;
                }
                other if needs_comma => {
                    let kind = ErrorKind::ListEndExpected(other.name());
                    return Err(Error { position: self.next.position, kind });
                }
                _ => {
                    items.push(self.value()?);
                    needs_comma = true;
                }
            }
        }
    }
}
