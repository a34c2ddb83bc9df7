//! Markup under construction: only literal text of the program is taken as markup, everything else is escaped.
//! Never in it: what the page says.

use std::fmt::{Display, Write as _};

use onrecord_value::printable::is_printable;

/// A piece of HTML.
#[derive(Debug, Default)]
pub(super) struct Html {
    out: String,
}

impl Html {
    /// Appends markup.
    pub(super) fn raw(&mut self, markup: &'static str) -> &mut Self {
        self.out.push_str(markup);
        self
    }

    /// Appends a text, in an element or in an attribute in double quotes. Characters that control a terminal or the direction of
    /// text, or are not seen, become escapes.
    pub(super) fn text(&mut self, text: &str) -> &mut Self {
        text.chars().for_each(|character| self.character(character));
        self
    }

    /// Appends a path, which may be broken after each slash.
    pub(super) fn path(&mut self, path: &str) -> &mut Self {
        let mut in_segment = 0;
        for character in path.chars() {
            self.character(character);
            in_segment += 1;
            // A hash, or a segment that somebody made long, may be broken anywhere.
            if matches!(character, '/' | ':') || in_segment >= 24 {
                self.out.push_str("<wbr>");
                in_segment = 0;
            }
        }
        self
    }

    fn character(&mut self, character: char) {
        match character {
            '<' => self.out.push_str("&lt;"),
            '>' => self.out.push_str("&gt;"),
            '&' => self.out.push_str("&amp;"),
            '"' => self.out.push_str("&quot;"),
            '\'' => self.out.push_str("&#39;"),
            // A space between the digits of a long number, made by the program or harmless in a log.
            shown if is_printable(shown) && !is_noncharacter(shown) => self.out.push(shown),
            // Writing to a `String` cannot fail.
            other => {
                let _infallible = write!(self.out, "{}", other.escape_default());
            }
        }
    }

    /// Appends a number or another thing whose text is the program's own.
    pub(super) fn show(&mut self, thing: impl Display) -> &mut Self {
        let text = thing.to_string();
        self.text(&text)
    }

    pub(super) fn into_string(self) -> String {
        self.out
    }
}

fn is_noncharacter(character: char) -> bool {
    matches!(character, '\u{fdd0}'..='\u{fdef}') || u32::from(character) & 0xfffe == 0xfffe
}

#[cfg(test)]
mod tests {
    use super::Html;

    #[test]
    fn a_text_is_never_markup() {
        let mut html = Html::default();
        html.raw("<p title=\"").text("\"><script>alert('1')</script>&amp;\u{202e}\u{1b}[2J\0\n").raw("\">");
        assert_eq!(
            html.into_string(),
            "<p title=\"&quot;&gt;&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;&amp;amp;\\u{202e}\\u{1b}[2J\\u{0}\\n\">"
        );
    }

    #[test]
    fn a_path_may_be_broken_after_slashes_and_within_long_segments() {
        let mut html = Html::default();
        html.path("a/b").path(&"x".repeat(30));
        assert_eq!(html.into_string(), format!("a/<wbr>b{}<wbr>{}", "x".repeat(24), "x".repeat(6)));
    }
}
