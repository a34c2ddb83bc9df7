//! Texts of clients, operators and peers on their way to a terminal or into a message: whatever they hold, they stay on
//! one line. Never in it: what a message says.

use std::fmt::{self, Write as _};

/// Writes on, and shows what could end the line, or drive a terminal, as an escape.
#[derive(Debug)]
pub struct Printable<'w, W>(pub &'w mut W);

impl<W: fmt::Write> fmt::Write for Printable<'_, W> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for part in text.split_inclusive(|character| !is_printable(character)) {
            match part.chars().next_back().filter(|last| !is_printable(*last)) {
                Some(last) => {
                    self.0.write_str(part.strip_suffix(last).unwrap_or_default())?;
                    write!(self.0, "{}", last.escape_default())?;
                }
                None => self.0.write_str(part)?,
            }
        }
        Ok(())
    }
}

/// The text as [`Printable`] writes it.
///
/// ```
/// assert_eq!(onrecord_value::printable::printable("a\u{1b}[2Jb\n"), "a\\u{1b}[2Jb\\n");
/// ```
pub fn printable(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    // A text takes everything.
    let _infallible = Printable(&mut line).write_str(text);
    line
}

/// Whether a character stays on its line.
pub fn is_printable(character: char) -> bool {
    !(character.is_control() || matches!(character, '\u{2028}' | '\u{2029}'))
}
