//! Texts of operators and peers on their way into a message: whatever they hold, the message stays one line.
//! Never in it: what a message says.

use std::fmt;

/// Writes on, and shows what could end the line, or drive a terminal, as an escape.
pub(super) struct Printable<'f, 'b>(pub(super) &'f mut fmt::Formatter<'b>);

impl fmt::Write for Printable<'_, '_> {
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

/// Whether a character stays on its line.
pub(super) fn is_printable(character: char) -> bool {
    !(character.is_control() || matches!(character, '\u{2028}' | '\u{2029}'))
}
