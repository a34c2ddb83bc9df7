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

/// JSON in which every character that is not [printable](is_printable) is an escape of JSON. Outside of strings JSON has none of
/// them but line ends, which stay.
pub fn printable_json(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        if character == '\n' || is_printable(character) {
            safe.push(character);
        } else {
            let mut units = [0; 2];
            for unit in character.encode_utf16(&mut units) {
                // Writing to a `String` cannot fail.
                let _infallible = write!(safe, "\\u{unit:04x}");
            }
        }
    }
    safe
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

/// A character that a name must not have. Its text says what it is, and shows it as its code point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Invisible(char);

impl fmt::Display for Invisible {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if self.0.is_control() { "control" } else { "invisible" };
        write!(f, "{kind} characters (U+{:04X})", u32::from(self.0))
    }
}

/// The first character of a name that is not seen, or that changes how others are seen. Beside what is not
/// [printable](is_printable): what Unicode lets a program ignore where it cannot show it (`Default_Ignorable_Code_Point`), marks
/// around annotations, and code points that never are characters. White space of every width, and characters that Unicode has
/// yet to assign, are taken: a table of those would be out of date.
pub fn find_invisible(name: &str) -> Option<Invisible> {
    name.chars().find(|character| !is_printable(*character) || is_ignorable(*character)).map(Invisible)
}

fn is_ignorable(character: char) -> bool {
    matches!(
        character,
        '\u{ad}'
            | '\u{34f}'
            | '\u{115f}'..='\u{1160}'
            | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}'
            | '\u{3164}'
            | '\u{fdd0}'..='\u{fdef}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}'
            | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}'
    ) || u32::from(character) & 0xfffe == 0xfffe
}

#[cfg(test)]
mod tests {
    use super::{find_invisible, printable, printable_json};

    #[test]
    fn the_json_stays_the_same_and_shows_nothing_that_is_not_seen() {
        let text = serde_json::to_string("a\u{202e}b\u{9b}c\u{7f}\n\u{1f600}").unwrap();
        let safe = printable_json(&text);
        assert_eq!(safe, r#""a\u202eb\u009bc\u007f\n😀""#);
        assert_eq!(
            serde_json::from_str::<String>(&safe).unwrap(),
            serde_json::from_str::<String>(&text).unwrap()
        );
    }

    #[test]
    fn a_name_has_only_characters_that_are_seen() {
        for (name, code) in [
            ("a\0", "control characters (U+0000)"),
            ("\u{9f}", "control characters (U+009F)"),
            ("a\u{200b}b\0", "invisible characters (U+200B)"),
            ("a\u{202e}", "invisible characters (U+202E)"),
            ("a\u{2028}", "invisible characters (U+2028)"),
            ("\u{ad}", "invisible characters (U+00AD)"),
            ("\u{fe0f}", "invisible characters (U+FE0F)"),
            ("\u{ffff}", "invisible characters (U+FFFF)"),
            ("\u{e0001}", "invisible characters (U+E0001)"),
            ("\u{10fffe}", "invisible characters (U+10FFFE)"),
        ] {
            assert_eq!(
                find_invisible(name).map(|found| found.to_string()).as_deref(),
                Some(code),
                "{name:?}"
            );
        }
        for name in [
            "",
            "plain",
            "a b",
            "gr\u{fc}\u{df}e",
            "e\u{301}",
            "\u{5e9}\u{5dd}",
            "\u{1f600}",
            "\u{a0}",
            "\u{fffd}",
        ] {
            assert_eq!(find_invisible(name), None, "{name:?}");
        }
    }

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
