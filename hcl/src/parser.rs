//! The grammar of HCL 1: from tokens to a [`Body`]. Line ends are ignored, and commas between items are accepted.
//! Never in it: characters (`lexer.rs`).

use crate::body::{Body, Data, Item, Key, Value};
use crate::error::{Error, ErrorKind};
use crate::lexer::{Lexer, Token, TokenKind};
use crate::{DEPTH_MAX, Position};

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
                    let kind = ErrorKind::ObjectNotClosed { found: found.found() };
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
        loop {
            // The token that is not part of a key stays: what follows may begin with it.
            let position = self.next.position;
            let error = |kind| Err(Error { position, kind });
            let value = match &self.next.kind {
                TokenKind::Ident(_) | TokenKind::String(_) => {
                    if let Token { position, kind: TokenKind::Ident(text) | TokenKind::String(text) } =
                        self.advance()?
                    {
                        keys.push(Key { text, position });
                    }
                    continue;
                }
                TokenKind::Assign if keys.is_empty() => return error(ErrorKind::NoKey),
                TokenKind::Assign if keys.len() > 1 => return error(ErrorKind::NestedAssignment),
                TokenKind::Assign => {
                    self.advance()?;
                    self.value()?
                }
                TokenKind::LeftBrace if !keys.is_empty() => self.value()?,
                TokenKind::Eof => {
                    let keys: Vec<_> = keys.iter().map(|key| key.text.as_str()).collect();
                    return error(ErrorKind::KeyAlone { keys: keys.join(" ") });
                }
                other => return error(ErrorKind::KeyExpected { found: other.found() }),
            };
            return Ok(Item { keys, value });
        }
    }

    fn value(&mut self) -> Result<Value, Error> {
        let Token { position, kind } = self.advance()?;
        let data = match kind {
            TokenKind::Bool(value) => Data::Bool(value),
            TokenKind::Number(text) => Data::Number(text),
            TokenKind::String(text) => Data::String(text),
            TokenKind::LeftBrace => {
                self.descend(position)?;
                let body = self.body(true)?;
                self.depth -= 1;
                Data::Object(body)
            }
            TokenKind::LeftBracket => {
                self.descend(position)?;
                let items = self.list()?;
                self.depth -= 1;
                Data::List(items)
            }
            other => return Err(Error { position, kind: ErrorKind::ValueExpected { found: other.found() } }),
        };
        Ok(Value { position, data })
    }

    /// Nothing may be nested without a bound: each level takes stack.
    fn descend(&mut self, position: Position) -> Result<(), Error> {
        if self.depth >= DEPTH_MAX {
            return Err(Error { position, kind: ErrorKind::TooDeep });
        }
        self.depth += 1;
        Ok(())
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
                    let kind = ErrorKind::ListEndExpected { found: other.found() };
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
