//! Lists and maps of an entry, borrowed in the form in which their owner keeps them, or from a decoded line.
//! Never in it: how an item is written.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use onrecord_value::{Object, Value};

/// A list; an empty one is left out of the line.
#[derive(Clone, Copy)]
pub struct List<'a, T>(Items<'a, T>);

#[derive(Clone, Copy)]
enum Items<'a, T> {
    Given(&'a [T]),
    /// Items that are made of their names.
    Strs(&'a [&'a str]),
    Strings(&'a [String]),
    Shared(&'a [Arc<str>]),
    Decoded(&'a [Value]),
}

/// What a [`List`] can hold.
pub trait Item<'a>: Copy {
    /// The item of a name, where its name is all of it.
    fn named(_name: &'a str) -> Option<Self> {
        None
    }

    /// The item of a value of a decoded line; of another value than the register says, an empty one or none.
    fn decoded(value: &'a Value) -> Option<Self>;
}

impl<'a, T: Item<'a>> List<'a, T> {
    pub(crate) const fn decoded(values: &'a [Value]) -> Self {
        Self(Items::Decoded(values))
    }

    /// How many there are.
    pub const fn len(self) -> usize {
        match self.0 {
            Items::Given(list) => list.len(),
            Items::Strs(list) => list.len(),
            Items::Strings(list) => list.len(),
            Items::Shared(list) => list.len(),
            Items::Decoded(list) => list.len(),
        }
    }

    /// Whether there are none.
    pub const fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// The item at an index.
    pub fn get(self, at: usize) -> Option<T> {
        match self.0 {
            Items::Given(list) => list.get(at).copied(),
            Items::Strs(list) => T::named(list.get(at)?),
            Items::Strings(list) => T::named(list.get(at)?),
            Items::Shared(list) => T::named(list.get(at)?),
            Items::Decoded(list) => T::decoded(list.get(at)?),
        }
    }

    /// The items in order.
    pub fn iter(self) -> impl Iterator<Item = T> {
        (0..self.len()).filter_map(move |at| self.get(at))
    }
}

impl<T> Default for List<'_, T> {
    fn default() -> Self {
        Self(Items::Given(&[]))
    }
}

impl<T> fmt::Debug for List<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("List(..)")
    }
}

impl<'a, T> From<&'a [T]> for List<'a, T> {
    fn from(list: &'a [T]) -> Self {
        Self(Items::Given(list))
    }
}

impl<'a, T> From<&'a Vec<T>> for List<'a, T> {
    fn from(list: &'a Vec<T>) -> Self {
        Self(Items::Given(list))
    }
}

/// Clear names (policies, for instance).
pub type Names<'a> = List<'a, &'a str>;

impl<'a> Item<'a> for &'a str {
    fn named(name: &'a str) -> Option<Self> {
        Some(name)
    }

    fn decoded(value: &'a Value) -> Option<Self> {
        Some(text_of(value))
    }
}

impl<'a> Names<'a> {
    /// A list of what has only these names.
    pub(crate) const fn as_items<T>(self) -> List<'a, T> {
        List(match self.0 {
            Items::Given(list) | Items::Strs(list) => Items::Strs(list),
            Items::Strings(list) => Items::Strings(list),
            Items::Shared(list) => Items::Shared(list),
            Items::Decoded(list) => Items::Decoded(list),
        })
    }
}

impl<'a, const N: usize> From<&'a [&'a str; N]> for Names<'a> {
    fn from(list: &'a [&'a str; N]) -> Self {
        Self(Items::Given(list))
    }
}

impl<'a> From<&'a [String]> for Names<'a> {
    fn from(list: &'a [String]) -> Self {
        Self(Items::Strings(list))
    }
}

impl<'a> From<&'a Vec<String>> for Names<'a> {
    fn from(list: &'a Vec<String>) -> Self {
        Self(Items::Strings(list))
    }
}

impl<'a> From<&'a [Arc<str>]> for Names<'a> {
    fn from(list: &'a [Arc<str>]) -> Self {
        Self(Items::Shared(list))
    }
}

/// Clear texts, or lists of them, by name, in the order of the names; an empty map is left out of the line.
pub struct Map<'a, T> {
    given: Option<&'a BTreeMap<String, T>>,
    decoded: Option<&'a Object>,
}

/// What a [`Map`] can hold.
pub trait MapItem {
    /// How it is read.
    type View<'a>
    where
        Self: 'a;

    /// It, to be read.
    fn view(&self) -> Self::View<'_>;

    /// The same from a value of a decoded line, unless that is another value than the register says.
    fn decoded(value: &Value) -> Option<Self::View<'_>>;
}

impl MapItem for String {
    type View<'a> = &'a str;

    fn view(&self) -> &str {
        self
    }

    fn decoded(value: &Value) -> Option<&str> {
        Some(text_of(value))
    }
}

impl MapItem for Vec<String> {
    type View<'a> = Names<'a>;

    fn view(&self) -> Names<'_> {
        self.into()
    }

    fn decoded(value: &Value) -> Option<Names<'_>> {
        value.as_array().map(List::decoded)
    }
}

impl<'a, T: MapItem> Map<'a, T> {
    /// Calls back for each name and what it names, in order.
    pub fn for_each(self, mut visit: impl FnMut(&'a str, T::View<'a>)) {
        self.given.into_iter().flatten().for_each(|(key, item)| visit(key, item.view()));
        for (key, value) in self.decoded.into_iter().flatten() {
            if let Some(item) = T::decoded(value) {
                visit(key, item);
            }
        }
    }

    /// Whether it is empty.
    pub fn is_empty(self) -> bool {
        self.given.is_none_or(BTreeMap::is_empty) && self.decoded.is_none_or(Object::is_empty)
    }
}

impl<T> Clone for Map<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Map<'_, T> {}

impl<T> Default for Map<'_, T> {
    fn default() -> Self {
        Self { given: None, decoded: None }
    }
}

impl<T> fmt::Debug for Map<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Map(..)")
    }
}

impl<'a, T> From<&'a BTreeMap<String, T>> for Map<'a, T> {
    fn from(map: &'a BTreeMap<String, T>) -> Self {
        Self { given: Some(map), decoded: None }
    }
}

impl<'a, T> From<&'a Object> for Map<'a, T> {
    /// What the object has of the right kind; in place of another value than a text there is an empty one.
    fn from(object: &'a Object) -> Self {
        Self { given: None, decoded: Some(object) }
    }
}

/// The text of a value of a decoded line.
pub(crate) fn text_of(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
