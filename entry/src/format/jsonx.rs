//! The syntax of a line in JSONx: XML elements without a root, sorted at every level, all texts escaped (decision 3).
//! Never in it: fields, or what is hashed.

#![expect(clippy::inline_always, reason = "where a tag is a constant, nothing is left of the choice")]

use super::syntax::{Syntax, Tag};
use crate::register::Field;
use crate::salt::quoted;

/// The children of the entry's object, one element each.
pub(super) struct Jsonx;

/// Written in place of a character that XML cannot have.
const REPLACEMENT: &str = "\u{fffd}";

impl Syntax for Jsonx {
    const SORTED: bool = true;
    const QUOTE: usize = 0;

    #[inline(always)]
    fn field<K>(field: &'static Field<K>) -> &'static str {
        field.jsonx
    }

    fn member(key: &str, tag: Tag, out: &mut Vec<u8>) {
        open(tag, out);
        if !key.is_empty() {
            out.extend_from_slice(b" name=\"");
            escape(key, out);
            out.push(b'"');
        }
        out.extend_from_slice(if tag == Tag::Null { b" />" } else { b">" });
    }

    fn item(_at: usize, tag: Tag, out: &mut Vec<u8>) {
        open(tag, out);
        out.extend_from_slice(if tag == Tag::Null { b" />" } else { b">" });
    }

    #[inline(always)]
    fn begin(_tag: Tag, _out: &mut Vec<u8>) {}

    #[inline(always)]
    fn end(tag: Tag, out: &mut Vec<u8>) {
        let close: &[u8] = match tag {
            Tag::String => b"</json:string>",
            Tag::Number => b"</json:number>",
            Tag::Boolean => b"</json:boolean>",
            Tag::Null => b"",
            Tag::Array => b"</json:array>",
            Tag::Object => b"</json:object>",
        };
        out.extend_from_slice(close);
    }

    #[inline(always)]
    fn end_object(_start: usize, out: &mut Vec<u8>) {
        Self::end(Tag::Object, out);
    }

    #[inline(always)]
    fn end_line(_start: usize, _out: &mut Vec<u8>) {}

    #[inline(always)]
    fn text(text: &str, out: &mut Vec<u8>) {
        escape(text, out);
    }

    #[inline(always)]
    fn hash(digest: &[u8; 32], out: &mut Vec<u8>) {
        let [_, bare @ .., _] = &quoted(digest);
        out.extend_from_slice(bare);
        Self::end(Tag::String, out);
    }

    /// Nothing: the lead is the whole element.
    #[inline(always)]
    fn null(_out: &mut Vec<u8>) {}

    fn altered(key: &str) -> Option<String> {
        let forbidden =
            |c: char| (c < ' ' && !matches!(c, '\t' | '\n' | '\r')) || matches!(c, '\u{fffe}' | '\u{ffff}');
        key.contains(forbidden).then(|| key.replace(forbidden, REPLACEMENT))
    }
}

#[inline(always)]
fn open(tag: Tag, out: &mut Vec<u8>) {
    out.extend_from_slice(b"<json:");
    out.extend_from_slice(tag.name().as_bytes());
}

/// Whether a byte is written as it is: it is not markup or white space, and not the start of a character that XML
/// cannot have.
const CLEAN: [bool; 256] = {
    let mut clean = [true; 256];
    let mut byte = 0_u8;
    loop {
        if byte < b' ' || matches!(byte, b'"' | b'\'' | b'&' | b'<' | b'>' | 0xef) {
            #[expect(clippy::indexing_slicing, reason = "a byte is below 256")]
            {
                clean[byte as usize] = false;
            }
        }
        if byte == u8::MAX {
            break clean;
        }
        byte += 1;
    }
};

/// A text as it may stand in an element or an attribute.
fn escape(text: &str, out: &mut Vec<u8>) {
    let mut rest = text.as_bytes();
    let dirty = |byte: &u8| !CLEAN.get(usize::from(*byte)).copied().unwrap_or(false);
    while let Some((clean, from)) = rest.iter().position(dirty).and_then(|at| rest.split_at_checked(at)) {
        out.extend_from_slice(clean);
        let (escaped, length): (&[u8], usize) = match from {
            [b'"', ..] => (b"&#34;", 1),
            [b'\'', ..] => (b"&#39;", 1),
            [b'&', ..] => (b"&amp;", 1),
            [b'<', ..] => (b"&lt;", 1),
            [b'>', ..] => (b"&gt;", 1),
            [b'\t', ..] => (b"&#x9;", 1),
            [b'\n', ..] => (b"&#xA;", 1),
            [b'\r', ..] => (b"&#xD;", 1),
            // U+FFFE and U+FFFF.
            [0xef, 0xbf, 0xbe | 0xbf, ..] => (REPLACEMENT.as_bytes(), 3),
            [0xef, ..] => (b"\xef", 1),
            _ => (REPLACEMENT.as_bytes(), 1),
        };
        out.extend_from_slice(escaped);
        rest = from.get(length..).unwrap_or_default();
    }
    out.extend_from_slice(rest);
}

#[cfg(test)]
mod tests {
    use super::{Jsonx, Syntax as _, escape};

    #[test]
    fn markup_and_white_space_are_escaped_and_what_xml_cannot_have_is_replaced() {
        for (text, expected) in [
            ("", ""),
            (
                "plain \u{7f}\u{85}\u{2028}\u{fffd}\u{10ffff}\u{feff}",
                "plain \u{7f}\u{85}\u{2028}\u{fffd}\u{10ffff}\u{feff}",
            ),
            ("<a b='c' d=\"e\">&amp;</a>", "&lt;a b=&#39;c&#39; d=&#34;e&#34;&gt;&amp;amp;&lt;/a&gt;"),
            ("\t\n\r", "&#x9;&#xA;&#xD;"),
            ("\0\u{1}\u{b}\u{1f}\u{fffe}x\u{ffff}", "\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd}x\u{fffd}"),
            ("]]>", "]]&gt;"),
        ] {
            let mut out = Vec::new();
            escape(text, &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        }
        assert_eq!(Jsonx::altered("a\tb"), None);
        assert_eq!(Jsonx::altered("a\u{1}\u{ffff}"), Some("a\u{fffd}\u{fffd}".to_owned()));
    }
}
