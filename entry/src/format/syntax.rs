//! What the formats of a line differ in: how members, items and texts are written, and in which order members come.
//! Never in it: fields, or what is hashed. What gets here has passed the register and the redactor.

use onrecord_value::Value;

use crate::register::Field;

/// The kinds of value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tag {
    String,
    Number,
    Boolean,
    Null,
    Array,
    Object,
}

impl Tag {
    /// The name of its element in JSONx, after `json:`.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Number => "number",
            Self::Boolean => "boolean",
            Self::Null => "null",
            Self::Array => "array",
            Self::Object => "object",
        }
    }

    pub(super) const fn of(value: &Value) -> Self {
        match value {
            Value::String(_) | Value::Time(_) => Self::String,
            Value::Number(_) => Self::Number,
            Value::Bool(_) => Self::Boolean,
            Value::Null => Self::Null,
            Value::Array(_) => Self::Array,
            Value::Object(_) => Self::Object,
        }
    }
}

/// A format. A value is its lead ([`field`](Self::field), [`member`](Self::member) or [`item`](Self::item)), then
/// [`begin`](Self::begin), its content, and [`end`](Self::end); an object ends with [`end_object`](Self::end_object).
pub(super) trait Syntax {
    /// Whether the fields of an object come in the order of their keys' bytes, and not in that of the register.
    const SORTED: bool;

    /// The length of what begins a string.
    const QUOTE: usize;

    /// What leads a field of the register.
    fn field<K>(field: &'static Field<K>) -> &'static str;

    /// What leads a member of a map.
    fn member(key: &str, tag: Tag, out: &mut Vec<u8>);

    /// What leads an item of a list.
    fn item(at: usize, tag: Tag, out: &mut Vec<u8>);

    fn begin(tag: Tag, out: &mut Vec<u8>);

    fn end(tag: Tag, out: &mut Vec<u8>);

    /// Ends an object whose members were written since `start`.
    fn end_object(start: usize, out: &mut Vec<u8>);

    /// Ends the outermost object, whose members were written since `start`.
    fn end_line(start: usize, out: &mut Vec<u8>);

    /// The content of a string.
    fn text(text: &str, out: &mut Vec<u8>);

    /// A hash as a whole string.
    fn hash(digest: &[u8; 32], out: &mut Vec<u8>);

    /// A null after its lead.
    fn null(out: &mut Vec<u8>);

    /// The key as it is read back, if that is another one.
    fn altered(key: &str) -> Option<String>;
}
