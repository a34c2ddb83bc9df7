//! [`Object`]: a map whose keys are unique and sorted by their bytes, as Go's JSON writer sorts them.
//!
//! A sorted vector: the maps of requests are small, and iterating them in order is what every entry does.
//! Never in it: the meaning of a key.

use std::fmt;

use crate::Value;

/// A map from texts to values, sorted by the bytes of the keys. A later value replaces an earlier one.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Object {
    entries: Vec<(String, Value)>,
}

impl Object {
    /// An empty map.
    pub const fn new() -> Self {
        Self { entries: Vec::new() }
    }

    /// Sorts collected members; of equal keys the last wins.
    pub(crate) fn from_entries(mut entries: Vec<(String, Value)>) -> Self {
        if !entries.is_sorted_by(|(one, _), (next, _)| one < next) {
            // Stable, so that equal keys keep their order.
            entries.sort_by(|(one, _), (other, _)| one.cmp(other));
            entries.dedup_by(|later, kept| {
                let same = later.0 == kept.0;
                if same {
                    std::mem::swap(&mut later.1, &mut kept.1);
                }
                same
            });
        }
        Self { entries }
    }

    fn find(&self, key: &str) -> Result<usize, usize> {
        self.entries.binary_search_by(|(other, _)| other.as_str().cmp(key))
    }

    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&Value> {
        let at = self.find(key).ok()?;
        self.entries.get(at).map(|(_, value)| value)
    }

    /// The value of a key, for changing.
    pub fn get_mut(&mut self, key: &str) -> Option<&mut Value> {
        let at = self.find(key).ok()?;
        self.entries.get_mut(at).map(|(_, value)| value)
    }

    /// The value of a key, if it is a text.
    pub fn str(&self, key: &str) -> Option<&str> {
        self.get(key).and_then(Value::as_str)
    }

    /// The value of a key, if it is a map.
    pub fn object(&self, key: &str) -> Option<&Object> {
        self.get(key).and_then(Value::as_object)
    }

    /// Sets the value of a key and returns the one it replaces. Takes time linear in the size; collect into
    /// an `Object` to make a large one.
    pub fn insert(&mut self, key: impl Into<String>, value: impl Into<Value>) -> Option<Value> {
        let (key, value) = (key.into(), value.into());
        match self.find(&key) {
            Ok(at) => self.entries.get_mut(at).map(|(_, old)| std::mem::replace(old, value)),
            Err(at) => {
                self.entries.insert(at, (key, value));
                None
            }
        }
    }

    /// Removes a key and returns its value.
    pub fn remove(&mut self, key: &str) -> Option<Value> {
        self.find(key).ok().map(|at| self.entries.remove(at).1)
    }

    /// Whether it has a key.
    pub fn contains(&self, key: &str) -> bool {
        self.find(key).is_ok()
    }

    /// Keeps only what the test says yes to.
    pub fn retain(&mut self, mut keep: impl FnMut(&str, &mut Value) -> bool) {
        self.entries.retain_mut(|(key, value)| keep(key, value));
    }

    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether it has no keys.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Keys and values in the order of the keys' bytes.
    pub fn iter(&self) -> Iter<'_> {
        Iter { inner: self.entries.iter() }
    }

    /// The keys in the order of their bytes.
    pub fn keys(&self) -> impl ExactSizeIterator<Item = &str> {
        self.entries.iter().map(|(key, _)| key.as_str())
    }

    /// The values in the order of the keys' bytes.
    pub fn values(&self) -> impl ExactSizeIterator<Item = &Value> {
        self.entries.iter().map(|(_, value)| value)
    }
}

/// The keys and values of an [`Object`] in order.
#[derive(Clone)]
pub struct Iter<'a> {
    inner: std::slice::Iter<'a, (String, Value)>,
}

impl fmt::Debug for Iter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "iter({})", self.inner.len())
    }
}

impl<'a> Iterator for Iter<'a> {
    type Item = (&'a str, &'a Value);

    fn next(&mut self) -> Option<Self::Item> {
        self.inner.next().map(|(key, value)| (key.as_str(), value))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.inner.size_hint()
    }
}

impl ExactSizeIterator for Iter<'_> {}

impl<'a> IntoIterator for &'a Object {
    type Item = (&'a str, &'a Value);
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

impl IntoIterator for Object {
    type Item = (String, Value);
    type IntoIter = std::vec::IntoIter<(String, Value)>;

    fn into_iter(self) -> Self::IntoIter {
        self.entries.into_iter()
    }
}

impl<K: Into<String>, V: Into<Value>> FromIterator<(K, V)> for Object {
    /// Of equal keys the last wins.
    fn from_iter<I: IntoIterator<Item = (K, V)>>(entries: I) -> Self {
        Self::from_entries(entries.into_iter().map(|(key, value)| (key.into(), value.into())).collect())
    }
}

impl<K: Into<String>, V: Into<Value>> Extend<(K, V)> for Object {
    fn extend<I: IntoIterator<Item = (K, V)>>(&mut self, entries: I) {
        let mut all = std::mem::take(&mut self.entries);
        all.extend(entries.into_iter().map(|(key, value)| (key.into(), value.into())));
        *self = Self::from_entries(all);
    }
}

impl fmt::Debug for Object {
    /// The shapes of the values, without the keys: those are a client's text too.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.values()).finish()
    }
}

/// An [`Object`] from its keys and values: `object! { "a" => 1, "b" => "text" }`.
/// Keys are anything that becomes a `String`, values anything that becomes a [`Value`].
#[macro_export]
macro_rules! object {
    () => { $crate::Object::new() };
    ($($key:expr => $value:expr),+ $(,)?) => {
        [$((::std::string::String::from($key), $crate::Value::from($value))),+]
            .into_iter()
            .collect::<$crate::Object>()
    };
}

#[cfg(test)]
mod tests {
    use crate::{Object, Value};

    #[test]
    fn keys_are_sorted_by_bytes_and_the_last_of_equal_keys_wins() {
        let object: Object =
            [("b", 1), ("a", 2), ("é", 3), ("b", 4), ("B", 5), ("b", 6)].into_iter().collect();
        assert_eq!(object.keys().collect::<Vec<_>>(), ["B", "a", "b", "é"]);
        assert_eq!(object.get("b"), Some(&Value::from(6)));
    }

    #[test]
    fn inserting_replaces_and_removing_gives_back() {
        let mut object = object! { "a" => true };
        assert_eq!(object.insert("a", "x"), Some(Value::Bool(true)));
        assert_eq!(object.insert("0", Value::Null), None);
        assert_eq!(object.str("a"), Some("x"));
        assert_eq!(object.remove("a"), Some(Value::from("x")));
        assert_eq!(object.len(), 1);
        object.extend([("c", 1), ("0", 2)]);
        assert_eq!(object.get("0"), Some(&Value::from(2)));
    }

    #[test]
    fn debug_shows_no_text_of_a_client() {
        let value = Value::from(object! { "canary-key" => vec!["canary"], "n" => 4711 });
        let shown = format!("{value:?}");
        assert!(!shown.contains("canary") && !shown.contains("4711"), "{shown}");
    }
}
