//! JSON text that may be shown on a terminal: characters that control it, or the direction of text, are escaped.
//! Never in it: what the text says.

use std::fmt::Write as _;

use onrecord_value::printable::is_printable;

/// The same JSON with such characters as `\\uXXXX`. They can stand only within its texts, but for line breaks.
pub(crate) fn safe_json(text: &str) -> String {
    let mut safe = String::with_capacity(text.len() + 1);
    for character in text.chars() {
        if character == '\n' || is_printable(character) {
            safe.push(character);
        } else {
            // All of them have one unit in UTF-16. Writing to a `String` cannot fail.
            let _infallible = write!(safe, "\\u{:04x}", u32::from(character));
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::safe_json;

    #[test]
    fn the_json_stays_the_same_and_shows_nothing_that_is_not_seen() {
        let text = serde_json::to_string("a\u{202e}b\u{9b}c\u{7f}\n\u{1f600}").unwrap();
        let safe = safe_json(&text);
        assert_eq!(safe, r#""a\u202eb\u009bc\u007f\n😀""#);
        assert_eq!(
            serde_json::from_str::<String>(&safe).unwrap(),
            serde_json::from_str::<String>(&text).unwrap()
        );
    }
}
