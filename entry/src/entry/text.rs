//! The kinds of text in an entry. The kind decides how a text is written to a line, so each kind is a type.
//! Never in it: a way to read a [`Private`], [`Token`] or [`Accessor`] outside this crate, or a `Debug` that shows text.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use onrecord_value::Value;

/// Gives a text type its constructors and a `Debug` that never shows the text.
macro_rules! opaque {
    ($name:ident) => {
        impl fmt::Debug for $name<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(..)"))
            }
        }
    };
}

/// Text of the server or its operator that the register calls clear: names, paths of mounts, addresses, ids.
///
/// A token, or what looks like one, is hashed even here.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Clear<'a>(&'a str);

opaque!(Clear);

impl<'a> Clear<'a> {
    /// The text as it is.
    pub const fn new(text: &'a str) -> Self {
        Self(text)
    }

    /// The text back.
    pub const fn as_str(self) -> &'a str {
        self.0
    }

    /// Whether there is no text; the key is then left out of the line.
    pub const fn is_empty(self) -> bool {
        self.0.is_empty()
    }
}

impl<'a> From<&'a str> for Clear<'a> {
    fn from(text: &'a str) -> Self {
        Self(text)
    }
}

impl<'a> From<&'a String> for Clear<'a> {
    fn from(text: &'a String) -> Self {
        Self(text)
    }
}

/// Text of a client or a backend. It reaches a line through the redactor only; it cannot be read back.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Private<'a>(&'a [u8]);

opaque!(Private);

impl<'a> Private<'a> {
    /// Takes the text; bytes that are not UTF-8 are hashed as they are and written as U+FFFD.
    pub const fn new(text: &'a [u8]) -> Self {
        Self(text)
    }

    pub(crate) const fn reveal(self) -> &'a [u8] {
        self.0
    }
}

impl<'a> From<&'a str> for Private<'a> {
    fn from(text: &'a str) -> Self {
        Self(text.as_bytes())
    }
}

impl<'a> From<&'a [u8]> for Private<'a> {
    fn from(text: &'a [u8]) -> Self {
        Self(text)
    }
}

/// A token as the client holds it.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Token<'a>(&'a str);

opaque!(Token);

impl<'a> Token<'a> {
    /// Takes the token.
    pub const fn new(text: &'a str) -> Self {
        Self(text)
    }

    pub(crate) const fn reveal(self) -> &'a str {
        self.0
    }
}

impl<'a> From<&'a str> for Token<'a> {
    fn from(text: &'a str) -> Self {
        Self(text)
    }
}

/// The accessor of a token.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Accessor<'a>(&'a str);

opaque!(Accessor);

impl<'a> Accessor<'a> {
    /// Takes the accessor.
    pub const fn new(text: &'a str) -> Self {
        Self(text)
    }

    pub(crate) const fn reveal(self) -> &'a str {
        self.0
    }
}

impl<'a> From<&'a str> for Accessor<'a> {
    fn from(text: &'a str) -> Self {
        Self(text)
    }
}

/// The path of a request, without `v1/`. Clear, except for the byte ranges which its route calls sensitive.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Path<'a> {
    text: &'a str,
    sensitive: &'a [Range<usize>],
}

opaque!(Path);

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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Template(&'static str);

impl Template {
    /// A text that stands in the program itself.
    pub const fn new(text: &'static str) -> Self {
        Self(text)
    }

    /// The text back: nothing in it is private.
    pub const fn as_str(self) -> &'static str {
        self.0
    }
}

impl From<&'static str> for Template {
    fn from(text: &'static str) -> Self {
        Self(text)
    }
}

/// A [`Template`] of an entry that is made, or the text in its place in a line that was read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TemplateText<'a>(&'a str);

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

impl From<Template> for TemplateText<'_> {
    fn from(template: Template) -> Self {
        Self(template.0)
    }
}

impl From<Option<Template>> for TemplateText<'_> {
    fn from(template: Option<Template>) -> Self {
        template.map_or(Self(""), Self::from)
    }
}

/// A list of clear names (policies, for instance), borrowed in the form in which its owner keeps it.
#[derive(Clone, Copy)]
pub struct Names<'a>(NamesIn<'a>);

#[derive(Clone, Copy)]
enum NamesIn<'a> {
    Strs(&'a [&'a str]),
    Strings(&'a [String]),
    Shared(&'a [Arc<str>]),
    Values(&'a [Value]),
}

opaque!(Names);

impl<'a> Names<'a> {
    /// Strings of a decoded line; other values in it count as empty.
    pub(crate) const fn decoded(values: &'a [Value]) -> Self {
        Self(NamesIn::Values(values))
    }

    /// How many there are.
    pub const fn len(self) -> usize {
        match self.0 {
            NamesIn::Strs(list) => list.len(),
            NamesIn::Strings(list) => list.len(),
            NamesIn::Shared(list) => list.len(),
            NamesIn::Values(list) => list.len(),
        }
    }

    /// Whether there are none; the key is then left out of the line.
    pub const fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// The name at a place.
    pub fn get(self, at: usize) -> Option<&'a str> {
        match self.0 {
            NamesIn::Strs(list) => list.get(at).copied(),
            NamesIn::Strings(list) => list.get(at).map(String::as_str),
            NamesIn::Shared(list) => list.get(at).map(AsRef::as_ref),
            NamesIn::Values(list) => list.get(at).map(text_of),
        }
    }

    /// The names in order.
    pub fn iter(self) -> impl Iterator<Item = &'a str> {
        (0..self.len()).filter_map(move |at| self.get(at))
    }
}

/// The text of a value of a decoded line.
pub(crate) fn text_of(value: &Value) -> &str {
    match value {
        Value::String(text) => text,
        _ => "",
    }
}

impl Default for Names<'_> {
    fn default() -> Self {
        Self(NamesIn::Strs(&[]))
    }
}

impl<'a> From<&'a [&'a str]> for Names<'a> {
    fn from(list: &'a [&'a str]) -> Self {
        Self(NamesIn::Strs(list))
    }
}

impl<'a, const N: usize> From<&'a [&'a str; N]> for Names<'a> {
    fn from(list: &'a [&'a str; N]) -> Self {
        Self(NamesIn::Strs(list))
    }
}

impl<'a> From<&'a [String]> for Names<'a> {
    fn from(list: &'a [String]) -> Self {
        Self(NamesIn::Strings(list))
    }
}

impl<'a> From<&'a Vec<String>> for Names<'a> {
    fn from(list: &'a Vec<String>) -> Self {
        Self(NamesIn::Strings(list))
    }
}

impl<'a> From<&'a [Arc<str>]> for Names<'a> {
    fn from(list: &'a [Arc<str>]) -> Self {
        Self(NamesIn::Shared(list))
    }
}
