//! Makes texts of clients, operators and peers safe for a terminal or a message: they stay on one line.
//! Never in it: the messages.

use std::fmt::{self, Write as _};

/// Writes characters that could end the line, change its direction, or control a terminal as escapes.
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
    // Writing to a `String` cannot fail.
    let _infallible = Printable(&mut line).write_str(text);
    line
}

/// Whether a character is shown as it is: not a control character, not one that ends a line or a paragraph or sets the
/// direction of the text after it (Unicode's UAX 9), and not one without a width.
pub fn is_printable(character: char) -> bool {
    let formats = matches!(
        character,
        '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
    );
    !(formats || character.is_control())
}

#[cfg(test)]
mod tests {
    use super::printable;

    #[test]
    fn what_ends_a_line_or_turns_it_around_or_is_not_seen_is_an_escape() {
        // Listed here, independently of the function under test.
        let hostile = [
            "\0", "\u{7}", "\u{8}", "\t", "\n", "\u{b}", "\u{c}", "\r", "\u{1b}", "\u{7f}", "\u{80}",
            "\u{85}", "\u{9b}", "\u{9f}", "\u{61c}", "\u{200b}", "\u{200c}", "\u{200d}", "\u{200e}",
            "\u{200f}", "\u{2028}", "\u{2029}", "\u{202a}", "\u{202b}", "\u{202c}", "\u{202d}", "\u{202e}",
            "\u{2060}", "\u{2061}", "\u{2062}", "\u{2063}", "\u{2064}", "\u{2066}", "\u{2067}", "\u{2068}",
            "\u{2069}", "\u{206a}", "\u{206b}", "\u{206c}", "\u{206d}", "\u{206e}", "\u{206f}", "\u{feff}",
        ];
        for text in hostile {
            let shown = printable(&format!("a{text}b"));
            assert!(shown.is_ascii() && shown.starts_with("a\\") && shown.ends_with('b'), "{shown:?}");
            assert!(shown.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{shown:?}");
        }
        assert_eq!(printable("fdp.\u{202e}gol\u{2069}"), "fdp.\\u{202e}gol\\u{2069}");
        for text in ["plain \\ text", "grüße, 語, \u{1f600}", "\u{5d0}\u{627}", "e\u{301}", "\u{a0}\u{2014}"]
        {
            assert_eq!(printable(text), text);
        }
    }
}
