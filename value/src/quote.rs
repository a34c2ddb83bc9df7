//! Texts in quotes as Go's `%q` writes them, for messages with a client's input.
//! Never in it: the messages.

use std::fmt::{self, Write as _};

/// Prints a text in double quotes with the escapes of Go's `strconv.Quote`.
///
/// ```
/// assert_eq!(onrecord_value::quote::Quoted("a\"b").to_string(), r#""a\"b""#);
/// ```
#[derive(Clone, Copy)]
pub struct Quoted<'a>(pub &'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        for character in self.0.chars() {
            match character {
                '"' => f.write_str("\\\"")?,
                '\\' => f.write_str("\\\\")?,
                '\u{7}' => f.write_str("\\a")?,
                '\u{8}' => f.write_str("\\b")?,
                '\u{c}' => f.write_str("\\f")?,
                '\n' => f.write_str("\\n")?,
                '\r' => f.write_str("\\r")?,
                '\t' => f.write_str("\\t")?,
                '\u{b}' => f.write_str("\\v")?,
                ' '..='~' => f.write_char(character)?,
                _ if is_printable(character) => f.write_char(character)?,
                _ => match u32::from(character) {
                    code @ 0..0x80 => write!(f, "\\x{code:02x}")?,
                    code @ 0x80..0x1_0000 => write!(f, "\\u{code:04x}")?,
                    code => write!(f, "\\U{code:08x}")?,
                },
            }
        }
        f.write_char('"')
    }
}

impl fmt::Debug for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Quoted({} bytes)", self.0.len())
    }
}

/// The text in double quotes; see [`Quoted`].
pub fn quote(text: &str) -> String {
    Quoted(text).to_string()
}

/// Whether a character outside of ASCII is written as it is. Rust's escaping has the same classes as Go's
/// `unicode.IsPrint`, except for spaces and combining marks.
fn is_printable(character: char) -> bool {
    character > '\u{7f}'
        && !character.is_whitespace()
        && (character.escape_debug().len() == 1 || character.is_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::quote;

    #[test]
    fn texts_are_quoted_as_go_quotes_them() {
        assert_eq!(quote("plain 'é' 😀"), "\"plain 'é' 😀\"");
        assert_eq!(quote("a\"b\\c\n\u{1b}\u{7f}"), r#""a\"b\\c\n\x1b\x7f""#);
        assert_eq!(quote("\u{a0}\u{200b}\u{e000}\u{10ffff}"), r#""\u00a0\u200b\ue000\U0010ffff""#);
    }
}
