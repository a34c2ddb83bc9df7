//! [`Value`]: the tree, its constructors and getters.
//!
//! Its `Debug` shows shapes and sizes only: a value is a client's data, which diagnostics must not show.
//! Never in it: text of a client in a `Debug` output.

use std::fmt;

use crate::{Number, Object, Time};

/// A JSON value, and in addition an instant that the server itself made.
///
/// Equality of numbers is equality of their literal text: `1` and `1.0` differ.
#[derive(Clone, Default, PartialEq, Eq)]
pub enum Value {
    /// `null`.
    #[default]
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number, kept as its literal text.
    Number(Number),
    /// A text.
    String(String),
    /// An instant the *server* made. No parser produces it: a client's text that looks like a time is a
    /// [`Value::String`].
    Time(Time),
    /// A list.
    Array(Vec<Value>),
    /// A map with sorted, unique keys.
    Object(Object),
}

impl Value {
    /// The text, if this is one.
    pub fn as_str(&self) -> Option<&str> {
        if let Self::String(text) = self { Some(text) } else { None }
    }

    /// The truth value, if this is one (no conversion; see [`crate::boolean::from_value`]).
    pub fn as_bool(&self) -> Option<bool> {
        if let Self::Bool(value) = self { Some(*value) } else { None }
    }

    /// The number, if this is one.
    pub fn as_number(&self) -> Option<&Number> {
        if let Self::Number(number) = self { Some(number) } else { None }
    }

    /// The number as an integer, if this is a number and fits exactly.
    pub fn as_i64(&self) -> Option<i64> {
        self.as_number().and_then(Number::as_i64)
    }

    /// The elements, if this is a list.
    pub fn as_array(&self) -> Option<&[Value]> {
        if let Self::Array(items) = self { Some(items) } else { None }
    }

    /// The map, if this is one.
    pub fn as_object(&self) -> Option<&Object> {
        if let Self::Object(object) = self { Some(object) } else { None }
    }

    /// The map for changing, if this is one.
    pub fn as_object_mut(&mut self) -> Option<&mut Object> {
        if let Self::Object(object) = self { Some(object) } else { None }
    }

    /// Whether it is `null`.
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// The name Go's JSON decoder gives to this kind of value in its messages.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "bool",
            Self::Number(_) => "number",
            Self::String(_) | Self::Time(_) => "string",
            Self::Array(_) => "array",
            Self::Object(_) => "object",
        }
    }

    /// The JSON text of this value; see [`crate::json::write()`].
    pub fn to_json(&self) -> Vec<u8> {
        let mut out = Vec::new();
        crate::json::write(self, &mut out);
        out
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Bool(_) => f.write_str("bool"),
            Self::Number(_) => f.write_str("number"),
            Self::String(text) => write!(f, "string({})", text.len()),
            Self::Time(time) => write!(f, "time({time})"),
            Self::Array(items) => f.debug_list().entries(items).finish(),
            Self::Object(object) => object.fmt(f),
        }
    }
}

macro_rules! from_content {
    ($($content:ty => $kind:ident),*) => {$(
        impl From<$content> for Value {
            fn from(content: $content) -> Self {
                Self::$kind(content)
            }
        }
    )*};
}
from_content!(bool => Bool, Number => Number, String => String, Time => Time, Object => Object);

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::String(text.to_owned())
    }
}

impl From<&String> for Value {
    fn from(text: &String) -> Self {
        Self::String(text.clone())
    }
}

impl From<f64> for Value {
    /// The shortest text that reads back as this double, in Go's form; `null` where JSON has no text
    /// (not a number, infinite).
    fn from(value: f64) -> Self {
        Number::from_f64(value).map_or(Self::Null, Self::Number)
    }
}

impl<T: Into<Value>> From<Vec<T>> for Value {
    fn from(items: Vec<T>) -> Self {
        items.into_iter().collect()
    }
}

impl<T: Into<Value> + Clone> From<&[T]> for Value {
    fn from(items: &[T]) -> Self {
        items.iter().cloned().collect()
    }
}

impl<T: Into<Value>> FromIterator<T> for Value {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
        Self::Array(items.into_iter().map(Into::into).collect())
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    /// `None` is `null`.
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

macro_rules! from_integer {
    ($($kind:ty),*) => {$(
        impl From<$kind> for Value {
            fn from(value: $kind) -> Self {
                Self::Number(Number::from(value))
            }
        }
    )*};
}
from_integer!(i32, i64, u8, u16, u32, u64, usize);
