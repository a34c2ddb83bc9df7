//! The kinds of text in an entry. The kind decides how a text is written to a line, so each kind is a type.
//! Never in it: a way to read a [`Private`], [`Token`] or [`Accessor`] outside this crate, or a `Debug` that shows text.

use std::fmt;
use std::ops::Range;

use onrecord_value::Value;

pub use super::list::Names;
use super::list::{Item, text_of};

/// A kind of text, with its constructors, and with the method by which its content is read.
macro_rules! text {
    ($(#[$doc:meta])* $name:ident($content:ty), $visibility:vis $read:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Default, PartialEq, Eq)]
        pub struct $name<'a>(&'a $content);

        opaque!($name<'_>);

        impl<'a> $name<'a> {
            /// Takes the text.
            pub const fn new(text: &'a $content) -> Self {
                Self(text)
            }

            /// The text back.
            $visibility const fn $read(self) -> &'a $content {
                self.0
            }
        }

        impl<'a> From<&'a $content> for $name<'a> {
            fn from(text: &'a $content) -> Self {
                Self(text)
            }
        }
    };
}

text! {
    /// Text of the server or its operator that the register calls clear: names, paths of mounts, addresses, ids.
    ///
    /// A token, or what looks like one, is hashed even here.
    Clear(str), pub as_str
}

text! {
    /// Text of a client or a backend. It reaches a line through the redactor only; it cannot be read back.
    ///
    /// Bytes that are not UTF-8 are hashed as they are and written as U+FFFD.
    Private([u8]), pub(crate) reveal
}

text! {
    /// A token as the client holds it.
    Token(str), pub(crate) reveal
}

text! {
    /// The accessor of a token.
    Accessor(str), pub(crate) reveal
}

impl Clear<'_> {
    /// Whether there is no text; the key is then left out of the line.
    pub const fn is_empty(self) -> bool {
        self.0.is_empty()
    }
}

impl<'a> From<&'a String> for Clear<'a> {
    fn from(text: &'a String) -> Self {
        Self(text)
    }
}

impl<'a> From<&'a str> for Private<'a> {
    fn from(text: &'a str) -> Self {
        Self(text.as_bytes())
    }
}

impl<'a> Item<'a> for Private<'a> {
    fn decoded(value: &'a Value) -> Option<Self> {
        Some(text_of(value).into())
    }
}

/// The path of a request, without `v1/`. Clear, except for the byte ranges which its route calls sensitive.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Path<'a> {
    text: &'a str,
    sensitive: &'a [Range<usize>],
}

opaque!(Path<'_>);

impl<'a> Path<'a> {
    /// A path without sensitive segments.
    pub const fn new(text: &'a str) -> Self {
        Self { text, sensitive: &[] }
    }

    /// A path of which some byte ranges are each hashed as one text, for instance an accessor in a path.
    ///
    /// The ranges are ascending and do not overlap. A path whose ranges do not fit it (beyond the end, out of order,
    /// within a character) is hashed as a whole.
    pub const fn with_sensitive(text: &'a str, sensitive: &'a [Range<usize>]) -> Self {
        Self { text, sensitive }
    }

    pub(crate) const fn text(self) -> &'a str {
        self.text
    }

    pub(crate) const fn sensitive(self) -> &'a [Range<usize>] {
        self.sensitive
    }
}

impl<'a> From<&'a str> for Path<'a> {
    fn from(text: &'a str) -> Self {
        Self::new(text)
    }
}

/// The text of an error or a warning as an entry shows it: written by a programmer, without any client's text.
///
/// The client gets its full text elsewhere; an entry holds the class of the error only.
pub type Template = TemplateText<'static>;

/// A [`Template`] of an entry that is made, or the text in its place in a line that was read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TemplateText<'a>(&'a str);

impl Template {
    /// A text that stands in the program itself.
    pub const fn new(text: &'static str) -> Self {
        Self(text)
    }
}

impl<'a> TemplateText<'a> {
    /// A text read from a line, where it already was a template.
    pub(crate) const fn decoded(text: &'a str) -> Self {
        Self(text)
    }

    /// The text back: nothing in it is private.
    pub const fn as_str(self) -> &'a str {
        self.0
    }

    /// Whether there is no text; the key is then left out of the line.
    pub const fn is_empty(self) -> bool {
        self.0.is_empty()
    }
}

impl From<&'static str> for Template {
    fn from(text: &'static str) -> Self {
        Self(text)
    }
}

impl From<Option<Self>> for TemplateText<'_> {
    fn from(template: Option<Self>) -> Self {
        template.unwrap_or_default()
    }
}

impl<'a> Item<'a> for TemplateText<'a> {
    fn decoded(value: &'a Value) -> Option<Self> {
        Some(Self(text_of(value)))
    }
}
