//! How much memory the work on a request takes beside its body, and an answer beside what is stored: upper bounds, found
//! without parsing and measured in docs/PERFORMANCE.md.
//! Never in it: budgets.

use onrecord_value::{Object, Value};

/// A body, a value or an answer of more bytes is a large one: it takes long to parse, hash and format.
pub(crate) const LARGE: usize = 64 * 1024;
/// What takes no more than this is not counted: a request slot's worth of it is small.
pub(super) const FREE: usize = 4096;
/// A body up to this size takes no more than [`FREE`], whatever is in it.
const TINY: usize = 24;
/// The work on a body that is not large itself takes its turn among the large ones if it needs more than this.
const MUCH: usize = 8 * LARGE;
/// How many times its own size a body needs beside it while it is parsed, hashed, encrypted and stored.
const WORK_FACTOR: usize = 4;
/// What one parsed value takes beside its text: its place, its name, and what the allocator adds to both.
const VALUE: usize = size_of::<(String, Value)>() + 80;
/// By how much one byte grows at most when it is written as JSON: `<` becomes `\u003c`.
const GROWTH: usize = 5;

/// What the work on a body needs beside its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Need {
    /// So little that it is not counted.
    Free,
    /// It is taken at once, or refused.
    Small(usize),
    /// It is waited for.
    Large,
}

impl Need {
    /// What a body needs of which no more than `most` values are parsed.
    pub(super) fn of_body(body: &[u8], most: usize) -> Self {
        if body.len() <= TINY {
            return Self::Free;
        }
        // To look at a large body takes long, too.
        if body.len() > LARGE {
            return Self::Large;
        }
        match work([body], most) {
            MUCH.. => Self::Large,
            bytes if bytes > FREE => Self::Small(bytes),
            _ => Self::Free,
        }
    }
}

/// How many bytes the work on a body needs that came in these pieces, and of which no more than `most` values are parsed.
pub(super) fn work<'a>(pieces: impl IntoIterator<Item = &'a [u8]>, most: usize) -> usize {
    let (bytes, signs) =
        pieces.into_iter().fold((0, 0), |(bytes, found), piece| (bytes + piece.len(), found + signs(piece)));
    WORK_FACTOR.saturating_mul(bytes).saturating_add(values_of(signs, most))
}

/// How many bytes what is parsed of a text may take beside its characters: a text of nothing but small values becomes many
/// times as large. `most` values are parsed, and no more.
pub(super) fn parsed(text: &[u8], most: usize) -> usize {
    values_of(signs(text), most)
}

/// No value is without one of these signs before it, but for the first.
fn signs(text: &[u8]) -> usize {
    text.iter().filter(|byte| matches!(byte, b',' | b'[' | b'{' | b'&')).count()
}

fn values_of(signs: usize, most: usize) -> usize {
    (signs + 1).min(most).saturating_mul(VALUE)
}

/// What reading a stored value and answering with it takes, without what [`decoded`] counts: the stored bytes, which end
/// when they are decoded, or the answer, and the texts in the value.
pub(super) fn read(stored: &[u8]) -> usize {
    2 * stored.len() + stored.iter().map(|byte| growth(*byte)).sum::<usize>()
}

const fn growth(byte: u8) -> usize {
    match byte {
        b'"' | b'\\' => 1,
        // The first byte of U+2028 and U+2029, which become `\u2028` and `\u2029`.
        0xe2 => 3,
        b'<' | b'>' | b'&' | 0..=0x1f => GROWTH,
        _ => 0,
    }
}

/// What the values of a decoded map take beside their texts.
pub(super) fn decoded(object: &Object) -> usize {
    object.iter().map(|(_, value)| values(value)).sum::<usize>() * VALUE
}

fn values(value: &Value) -> usize {
    1 + match value {
        Value::Array(items) => items.iter().map(values).sum(),
        Value::Object(object) => object.iter().map(|(_, value)| values(value)).sum(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Time(_) => 0,
    }
}

/// What a list of names takes, and the answer made of it.
pub(super) fn names(names: &[String]) -> usize {
    names.iter().map(|name| 2 * name.len() + VALUE).sum()
}

/// What the most demanding request takes whose body has `largest` bytes of which `values` values are parsed: reading a
/// value of that size all of whose characters are written as six.
pub(super) const fn most(largest: usize, values: usize) -> usize {
    let values = if values < largest { values } else { largest };
    largest.saturating_mul(2 + GROWTH).saturating_add(values.saturating_mul(VALUE))
}

#[cfg(test)]
mod tests {
    use onrecord_value::object;

    use super::*;

    #[test]
    fn a_body_of_many_small_values_is_charged_for_what_they_become() {
        let many = format!("{{\"a\":[{}1]}}", "1,".repeat(5000));
        assert_eq!(parsed(many.as_bytes(), usize::MAX), 5003 * VALUE);
        assert_eq!(parsed(many.as_bytes(), 100), 100 * VALUE, "the rest is refused");
        let one = format!("{{\"a\":\"{}\"}}", "x".repeat(100_000));
        assert_eq!(parsed(one.as_bytes(), usize::MAX), 2 * VALUE);
        assert_eq!(Need::of_body(many.as_bytes(), usize::MAX), Need::Large, "though it is short");
        assert_eq!(Need::of_body(one.as_bytes(), usize::MAX), Need::Large);
        let (first, second) = many.as_bytes().split_at(77);
        assert_eq!(work([first, second], usize::MAX), work([many.as_bytes()], usize::MAX));
    }

    #[test]
    fn a_small_body_is_a_small_one_up_to_its_whole_size() {
        assert_eq!(Need::of_body(br#"{"password":"correct horse","port":5432}"#, 100), Need::Free);
        let body = format!("{{\"a\":\"{}\"}}", "x".repeat(60_000));
        assert!(matches!(Need::of_body(body.as_bytes(), 100), Need::Small(240_000..)));
        let least = "[".repeat(TINY);
        assert!(TINY * WORK_FACTOR + parsed(least.as_bytes(), usize::MAX) <= FREE);
    }

    #[test]
    fn an_answer_is_charged_for_what_its_characters_become() {
        let text = "<>&\n\u{1}\"\\\u{2028}plain";
        let written = Value::from(text).to_json().len();
        assert!(read(text.as_bytes()) >= text.len() + written, "{written}");
        assert_eq!(read(b"plain"), 10);
    }

    #[test]
    fn each_value_of_a_map_is_charged() {
        let object = object! { "a" => vec!["x", "y"], "b" => object! { "c" => 1 } };
        assert_eq!(decoded(&object), 5 * VALUE);
    }
}
