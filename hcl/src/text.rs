//! String literals of HCL and JSON, and heredocs: from their text to their value.
//! Never in it: tokens.

use crate::cursor::Cursor;
use crate::error::{Error, ErrorKind};

/// Reads the string of an HCL text after its opening quote.
///
/// Inside `${…}` every character stands for itself, quotes and line ends too.
pub(crate) fn string(cursor: &mut Cursor<'_>) -> Result<String, Error> {
    let mut out = String::new();
    let mut braces = 0_usize;
    loop {
        let position = cursor.position();
        let not_terminated = Error { position, kind: ErrorKind::LiteralNotTerminated };
        let Some(mut character) = cursor.next() else { return Err(not_terminated) };
        match character {
            '{' if braces > 0 => braces += 1,
            '}' if braces > 0 => braces -= 1,
            _ if braces > 0 => {}
            '\n' => return Err(not_terminated),
            '"' => return Ok(out),
            '$' if cursor.eat('{') => {
                braces = 1;
                out.push('$');
                character = '{';
            }
            '\\' => character = hcl_escape(cursor)?,
            _ => {}
        }
        out.push(character);
    }
}

fn hcl_escape(cursor: &mut Cursor<'_>) -> Result<char, Error> {
    let error = Error { position: cursor.position(), kind: ErrorKind::IllegalEscape };
    let found = match cursor.peek() {
        Some('0'..='7') => code(cursor, 8, 3),
        _ => match cursor.next() {
            Some('a') => Some('\u{7}'),
            Some('v') => Some('\u{b}'),
            Some('x') => code(cursor, 16, 2),
            Some('u') => code(cursor, 16, 4),
            Some('U') => code(cursor, 16, 8),
            other => other.and_then(simple_escape),
        },
    };
    found.ok_or(error)
}

/// The escapes of one letter that HCL and JSON share.
fn simple_escape(letter: char) -> Option<char> {
    match letter {
        '"' | '\\' => Some(letter),
        'b' => Some('\u{8}'),
        'f' => Some('\u{c}'),
        'n' => Some('\n'),
        'r' => Some('\r'),
        't' => Some('\t'),
        _ => None,
    }
}

fn digits(cursor: &mut Cursor<'_>, base: u32, count: usize) -> Option<u32> {
    (0..count).try_fold(0_u32, |code, _| {
        let digit = cursor.peek()?.to_digit(base)?;
        cursor.next();
        code.checked_mul(base)?.checked_add(digit)
    })
}

fn code(cursor: &mut Cursor<'_>, base: u32, count: usize) -> Option<char> {
    digits(cursor, base, count).and_then(char::from_u32)
}

/// Reads the string of a JSON text after its opening quote.
pub(crate) fn json_string(cursor: &mut Cursor<'_>) -> Result<String, Error> {
    let mut out = String::new();
    loop {
        let position = cursor.position();
        match cursor.next() {
            None | Some('\n') => return Err(Error { position, kind: ErrorKind::LiteralNotTerminated }),
            Some('"') => return Ok(out),
            Some('\\') => out.push(json_escape(cursor)?),
            Some(character) if character < ' ' => {
                return Err(Error { position, kind: ErrorKind::IllegalCharacter });
            }
            Some(character) => out.push(character),
        }
    }
}

fn json_escape(cursor: &mut Cursor<'_>) -> Result<char, Error> {
    let error = Error { position: cursor.position(), kind: ErrorKind::IllegalEscape };
    let found = match cursor.next() {
        Some('/') => Some('/'),
        Some('u') => json_code(cursor),
        other => other.and_then(simple_escape),
    };
    found.ok_or(error)
}

/// A character by its code, or by the two codes of a surrogate pair.
fn json_code(cursor: &mut Cursor<'_>) -> Option<char> {
    let first = digits(cursor, 16, 4)?;
    if !(0xd800..0xdc00).contains(&first) || !cursor.eat_text("\\u") {
        return char::from_u32(first);
    }
    let pair = [first, digits(cursor, 16, 4)?].map(|unit| u16::try_from(unit).unwrap_or_default());
    char::decode_utf16(pair).next()?.ok()
}

/// Reads the text of a heredoc after its `<<`.
///
/// It ends at a line that holds only its name, which may be indented. After `<<-` that indentation is taken
/// off each line, if every line has it.
pub(crate) fn heredoc(cursor: &mut Cursor<'_>) -> Result<String, Error> {
    let begin = cursor.position();
    let strip = cursor.eat('-');
    let name = cursor.take_while(|character| character.is_alphanumeric() || character == '_');
    let after = cursor.line().unwrap_or_default();
    if name.is_empty() || !matches!(after, "" | "\r") {
        return Err(Error { position: begin, kind: ErrorKind::HeredocAnchor });
    }
    let mut lines = Vec::new();
    loop {
        let position = cursor.position();
        let Some(line) = cursor.line() else {
            return Err(Error { position, kind: ErrorKind::HeredocNotTerminated });
        };
        let end = line.trim_end_matches('\r');
        let indent = end.strip_suffix(name).filter(|indent| indent.trim().is_empty());
        let Some(indent) = indent else {
            lines.push(line);
            continue;
        };
        let stripped: Option<Vec<_>> = lines.iter().map(|line| line.strip_prefix(indent)).collect();
        let lines = if strip { stripped.unwrap_or(lines) } else { lines };
        return Ok(lines.into_iter().flat_map(|line| [line, "\n"]).collect());
    }
}
