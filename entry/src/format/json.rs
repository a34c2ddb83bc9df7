//! The syntax of a line in JSON.
//! Never in it: fields, or what is hashed.

#![expect(clippy::inline_always, reason = "where a tag is a constant, nothing is left of the choice")]

use onrecord_value::json;

use super::syntax::{Syntax, Tag};
use crate::register::Field;
use crate::salt::quoted;

/// One JSON object, its fields in the order of the register.
pub(super) struct Json;

impl Syntax for Json {
    const SORTED: bool = false;
    const QUOTE: usize = 1;

    #[inline(always)]
    fn field<K>(field: &'static Field<K>) -> &'static str {
        field.json
    }

    #[inline(always)]
    fn member(key: &str, _tag: Tag, out: &mut Vec<u8>) {
        out.push(b',');
        json::write_str(key, out);
        out.push(b':');
    }

    #[inline(always)]
    fn item(at: usize, _tag: Tag, out: &mut Vec<u8>) {
        if at > 0 {
            out.push(b',');
        }
    }

    #[inline(always)]
    fn begin(tag: Tag, out: &mut Vec<u8>) {
        match tag {
            Tag::String => out.push(b'"'),
            Tag::Array => out.push(b'['),
            Tag::Number | Tag::Boolean | Tag::Null | Tag::Object => {}
        }
    }

    #[inline(always)]
    fn end(tag: Tag, out: &mut Vec<u8>) {
        match tag {
            Tag::String => out.push(b'"'),
            Tag::Array => out.push(b']'),
            Tag::Number | Tag::Boolean | Tag::Null | Tag::Object => {}
        }
    }

    /// Each member begins with a comma: the first comma becomes the brace, so that a member need not know whether
    /// it is the first.
    #[inline(always)]
    fn end_object(start: usize, out: &mut Vec<u8>) {
        match out.get_mut(start) {
            Some(comma) => *comma = b'{',
            None => out.push(b'{'),
        }
        out.push(b'}');
    }

    #[inline(always)]
    fn end_line(start: usize, out: &mut Vec<u8>) {
        Self::end_object(start, out);
    }

    #[inline(always)]
    fn text(text: &str, out: &mut Vec<u8>) {
        json::escape(text, out);
    }

    #[inline(always)]
    fn hash(digest: &[u8; 32], out: &mut Vec<u8>) {
        out.extend_from_slice(&quoted(digest));
    }

    #[inline(always)]
    fn null(out: &mut Vec<u8>) {
        out.extend_from_slice(b"null");
    }

    #[inline(always)]
    fn altered(_key: &str) -> Option<String> {
        None
    }
}
