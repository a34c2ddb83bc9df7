//! The tokens of an HCL text: with their meaning for the parser, and as they are written for the formatter.
//! Never in it: grammar.

use crate::Position;
use crate::cursor::Cursor;
use crate::error::{Error, ErrorKind};
use crate::text;

#[derive(Debug)]
pub(crate) struct Token {
    pub(crate) position: Position,
    pub(crate) kind: TokenKind,
}

#[derive(Debug)]
pub(crate) enum TokenKind {
    Assign,
    Bool(bool),
    Comma,
    Eof,
    Ident(String),
    LeftBrace,
    LeftBracket,
    Number(String),
    RightBrace,
    RightBracket,
    String(String),
}

impl TokenKind {
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Assign => "ASSIGN",
            Self::Bool(_) => "BOOL",
            Self::Comma => "COMMA",
            Self::Eof => "EOF",
            Self::Ident(_) => "IDENT",
            Self::LeftBrace => "LBRACE",
            Self::LeftBracket => "LBRACK",
            Self::Number(_) => "NUMBER",
            Self::RightBrace => "RBRACE",
            Self::RightBracket => "RBRACK",
            Self::String(_) => "STRING",
        }
    }
}

/// A token as it is written, for a formatter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum LayoutToken<'a> {
    /// A word, a number, or a string with its quotes.
    Text(&'a str),
    /// `# …`, `// …`, `/* … */`.
    Comment(&'a str),
    /// A heredoc from `<<` to its end mark.
    Heredoc(&'a str),
    /// `{` or `[`.
    Open(char),
    /// `}` or `]`.
    Close(char),
    Equals,
    Comma,
    NewLine,
}

pub(crate) struct Lexer<'a> {
    cursor: Cursor<'a>,
}

impl<'a> Lexer<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self { cursor: Cursor::new(text) }
    }

    pub(crate) fn token(&mut self) -> Result<Token, Error> {
        self.skip_blank()?;
        let position = self.cursor.position();
        let illegal = Error { position, kind: ErrorKind::IllegalCharacter };
        let kind = match self.cursor.peek() {
            None => TokenKind::Eof,
            Some(first) if is_letter(first) => {
                let word = self
                    .cursor
                    .take_while(|next| is_letter(next) || next.is_numeric() || matches!(next, '-' | '.'));
                match word {
                    "true" => TokenKind::Bool(true),
                    "false" => TokenKind::Bool(false),
                    _ => TokenKind::Ident(word.to_owned()),
                }
            }
            Some('0'..='9' | '-' | '.') => {
                let error = Error { position, kind: ErrorKind::IllegalNumber };
                TokenKind::Number(number(&mut self.cursor).ok_or(error)?)
            }
            Some(punctuation) => {
                self.cursor.next();
                match punctuation {
                    '"' => TokenKind::String(text::string(&mut self.cursor)?),
                    '<' if self.cursor.eat('<') => TokenKind::String(text::heredoc(&mut self.cursor)?),
                    '=' => TokenKind::Assign,
                    ',' => TokenKind::Comma,
                    '{' => TokenKind::LeftBrace,
                    '}' => TokenKind::RightBrace,
                    '[' => TokenKind::LeftBracket,
                    ']' => TokenKind::RightBracket,
                    _ => return Err(illegal),
                }
            }
        };
        Ok(Token { position, kind })
    }

    fn skip_blank(&mut self) -> Result<(), Error> {
        loop {
            self.cursor.skip_blank();
            if !self.skip_comment()? {
                return Ok(());
            }
        }
    }

    /// Skips a comment without the end of its line; false if there is none. `/* … */` does not nest.
    fn skip_comment(&mut self) -> Result<bool, Error> {
        let rest = self.cursor.rest();
        if rest.starts_with('#') || rest.starts_with("//") {
            self.cursor.take_while(|character| character != '\n');
            return Ok(true);
        }
        if !self.cursor.eat_text("/*") {
            return Ok(false);
        }
        while !self.cursor.eat_text("*/") {
            let position = self.cursor.position();
            if self.cursor.next().is_none() {
                return Err(Error { position, kind: ErrorKind::CommentNotTerminated });
            }
        }
        Ok(true)
    }

    /// The next token as it is written; `None` at the end of the text.
    fn layout_token(&mut self) -> Result<Option<LayoutToken<'a>>, Error> {
        self.cursor.take_while(|character| matches!(character, ' ' | '\t' | '\r'));
        if self.cursor.eat('\n') {
            return Ok(Some(LayoutToken::NewLine));
        }
        let start = self.cursor.rest();
        if self.skip_comment()? {
            return Ok(Some(LayoutToken::Comment(self.cursor.since(start).trim_end())));
        }
        Ok(Some(match self.token()?.kind {
            TokenKind::Eof => return Ok(None),
            TokenKind::Assign => LayoutToken::Equals,
            TokenKind::Comma => LayoutToken::Comma,
            TokenKind::LeftBrace => LayoutToken::Open('{'),
            TokenKind::LeftBracket => LayoutToken::Open('['),
            TokenKind::RightBrace => LayoutToken::Close('}'),
            TokenKind::RightBracket => LayoutToken::Close(']'),
            TokenKind::String(_) if start.starts_with('<') => LayoutToken::Heredoc(self.cursor.since(start)),
            TokenKind::Bool(_) | TokenKind::Ident(_) | TokenKind::Number(_) | TokenKind::String(_) => {
                LayoutToken::Text(self.cursor.since(start))
            }
        }))
    }
}

/// All tokens of a text as they are written, with its comments and line ends.
pub(crate) fn layout_tokens(text: &str) -> Result<Vec<LayoutToken<'_>>, Error> {
    let mut lexer = Lexer::new(crate::without_mark(text));
    let mut tokens = Vec::new();
    while let Some(token) = lexer.layout_token()? {
        match token {
            // The lexer takes the line end after a heredoc as its end.
            LayoutToken::Heredoc(heredoc) => {
                let line = heredoc.strip_suffix('\n');
                tokens.push(LayoutToken::Heredoc(line.unwrap_or(heredoc)));
                tokens.extend(line.map(|_| LayoutToken::NewLine));
            }
            token => tokens.push(token),
        }
    }
    Ok(tokens)
}

fn is_letter(character: char) -> bool {
    character == '_' || character.is_alphabetic()
}

/// A number: its text, or in decimal if it is hexadecimal (`0x1f`).
fn number(cursor: &mut Cursor<'_>) -> Option<String> {
    let start = cursor.rest();
    let sign = if cursor.eat('-') { "-" } else { "" };
    let whole = cursor.digits();
    if whole == "0" && (cursor.eat('x') || cursor.eat('X')) {
        let digits = cursor.take_while(|character| character.is_ascii_hexdigit());
        return i64::from_str_radix(digits, 16).ok().map(|number| format!("{sign}{number}"));
    }
    let has_point = cursor.eat('.');
    if cursor.digits().is_empty() && whole.is_empty() {
        return None;
    }
    let is_integer = !cursor.exponent()? && !has_point;
    if is_integer && whole.len() > 1 && whole.starts_with('0') {
        // Octal: its text is kept, because a file mode is written so and means its digits.
        i64::from_str_radix(whole, 8).ok()?;
    }
    Some(cursor.since(start).to_owned())
}
