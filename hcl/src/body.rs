//! The tree of a text, and the getters for its readers.
//! Never in it: the meaning of a key.

use crate::Position;
use crate::error::{Error, ErrorKind};

/// The items of a text or of an object, in their order. Keys may repeat.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Body {
    /// The items.
    pub items: Vec<Item>,
}

/// One item: `key = value`, `key { … }`, or `key "label" "label" { … }`.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    /// The key and its labels. There is always one.
    pub keys: Vec<Key>,
    /// The value.
    pub value: Value,
}

impl Item {
    /// The first key.
    pub fn name(&self) -> &str {
        self.keys.first().map_or("", |key| &key.text)
    }

    /// Where the item begins.
    pub fn position(&self) -> Position {
        self.keys.first().map_or(self.value.position, |key| key.position)
    }

    /// The elements, which must be a list; `null` counts as absent.
    pub fn list(&self) -> Result<Option<&[Value]>, Error> {
        match &self.value.data {
            Data::Null => Ok(None),
            Data::List(items) => Ok(Some(items)),
            _ => Err(self.value.wrong_kind(self.name(), "a list")),
        }
    }
}

/// A key or a label.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// Its text, without quotes.
    pub text: String,
    /// Where it stands.
    pub position: Position,
}

/// A value and where it begins.
#[derive(Clone, Debug, PartialEq)]
pub struct Value {
    /// Where it begins.
    pub position: Position,
    /// What it is.
    pub data: Data,
}

/// What a value is.
#[derive(Clone, Debug, PartialEq)]
pub enum Data {
    /// `true` or `false`.
    Bool(bool),
    /// `[ … ]`.
    List(Vec<Value>),
    /// JSON's `null`.
    Null,
    /// The text of a number. Hexadecimal integers have become decimal ones; octal ones (`0640`) keep their zero.
    Number(String),
    /// `{ … }`.
    Object(Body),
    /// A string or a heredoc, without quotes and escapes; `${…}` is text.
    String(String),
}

impl Value {
    /// The kind, for messages.
    pub fn kind(&self) -> &'static str {
        match self.data {
            Data::Bool(_) => "boolean",
            Data::List(_) => "list",
            Data::Null => "null",
            Data::Number(_) => "number",
            Data::Object(_) => "object",
            Data::String(_) => "string",
        }
    }

    /// The text, if this is a string.
    pub fn as_str(&self) -> Option<&str> {
        if let Data::String(text) = &self.data { Some(text) } else { None }
    }

    /// The truth value, if this is one.
    pub fn as_bool(&self) -> Option<bool> {
        if let Data::Bool(value) = &self.data { Some(*value) } else { None }
    }

    /// The number, if this is an integer that fits.
    pub fn as_i64(&self) -> Option<i64> {
        let Data::Number(text) = &self.data else { return None };
        let digits = text.strip_prefix('-').unwrap_or(text);
        let octal =
            digits.len() > 1 && digits.bytes().all(|byte| byte.is_ascii_digit()) && digits.starts_with('0');
        i64::from_str_radix(text, if octal { 8 } else { 10 }).ok()
    }

    /// The elements, if this is a list.
    pub fn as_list(&self) -> Option<&[Value]> {
        if let Data::List(items) = &self.data { Some(items) } else { None }
    }

    /// The text of a string, a number or a truth value: for settings that accept `5`, `"5"` and `"5s"`.
    pub fn scalar(&self) -> Option<&str> {
        match &self.data {
            Data::String(text) | Data::Number(text) => Some(text),
            Data::Bool(true) => Some("true"),
            Data::Bool(false) => Some("false"),
            Data::List(_) | Data::Null | Data::Object(_) => None,
        }
    }

    fn wrong_kind(&self, name: &str, expected: &'static str) -> Error {
        let kind = ErrorKind::WrongKind { name: name.to_owned(), expected, found: self.kind() };
        Error { position: self.position, kind }
    }
}

/// An object with its labels, from either form.
#[derive(Clone, Debug)]
pub struct Block<'a> {
    /// As many as the caller requested.
    pub labels: Vec<&'a str>,
    /// The position of the first key, in JSON of the last label.
    pub position: Position,
    /// The items of the block.
    pub body: &'a Body,
}

impl Body {
    /// The items with this first key.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Item> {
        self.items.iter().filter(move |item| item.name() == name)
    }

    /// The value of this key. If it repeats, the last wins; `null` counts as absent.
    pub fn get(&self, name: &str) -> Option<&Value> {
        let found = self.items.iter().rev().find(|item| item.name() == name && item.keys.len() == 1)?;
        Some(&found.value).filter(|value| value.data != Data::Null)
    }

    /// The text of this key.
    pub fn string(&self, name: &str) -> Result<Option<&str>, Error> {
        self.typed(name, "a string", Value::as_str)
    }

    /// The text of this key, which may also be a number or a truth value; see [`Value::scalar`].
    pub fn scalar(&self, name: &str) -> Result<Option<&str>, Error> {
        self.typed(name, "a string", Value::scalar)
    }

    /// The truth value of this key.
    pub fn boolean(&self, name: &str) -> Result<Option<bool>, Error> {
        self.typed(name, "a boolean", Value::as_bool)
    }

    /// The integer of this key.
    pub fn integer(&self, name: &str) -> Result<Option<i64>, Error> {
        self.typed(name, "a whole number", Value::as_i64)
    }

    fn typed<'a, T>(
        &'a self,
        name: &str,
        expected: &'static str,
        read: impl FnOnce(&'a Value) -> Option<T>,
    ) -> Result<Option<T>, Error> {
        let Some(value) = self.get(name) else { return Ok(None) };
        read(value).map(Some).ok_or_else(|| value.wrong_kind(name, expected))
    }

    /// The strings of this key, which must be a list of them.
    pub fn strings(&self, name: &str) -> Result<Option<Vec<&str>>, Error> {
        let Some(items) = self.typed(name, "a list of strings", Value::as_list)? else { return Ok(None) };
        let wrong = |item: &Value| item.wrong_kind(name, "a list of strings");
        items.iter().map(|item| item.as_str().ok_or_else(|| wrong(item))).collect::<Result<_, _>>().map(Some)
    }

    /// The objects of this key with their `labels` labels, in the order of the text. In JSON a label is a key
    /// of a nested map, and a list stands for all its elements.
    pub fn blocks<'a>(&'a self, name: &'a str, labels: usize) -> Result<Vec<Block<'a>>, Error> {
        let mut found = Vec::new();
        for item in self.all(name) {
            let keys = item.keys.iter().skip(1).map(|key| key.text.as_str()).collect();
            let block = Partial { name, expected: labels, labels: keys, position: item.position() };
            block.collect(&item.value, &mut found)?;
        }
        Ok(found)
    }
}

/// A block whose labels may not all be known yet.
struct Partial<'a> {
    name: &'a str,
    expected: usize,
    labels: Vec<&'a str>,
    position: Position,
}

impl<'a> Partial<'a> {
    fn error(&self, kind: ErrorKind) -> Error {
        Error { position: self.position, kind }
    }

    fn collect(self, value: &'a Value, found: &mut Vec<Block<'a>>) -> Result<(), Error> {
        let Self { name, expected, .. } = self;
        if self.labels.len() > expected {
            return Err(self.error(ErrorKind::LabelExtra { name: name.to_owned(), expected }));
        }
        let complete = self.labels.len() == expected;
        match &value.data {
            Data::List(items) => {
                for item in items {
                    let labels = self.labels.clone();
                    Self { name, expected, labels, position: item.position }.collect(item, found)?;
                }
            }
            Data::Object(body) if complete => {
                found.push(Block { labels: self.labels, position: self.position, body });
            }
            Data::Object(body) => {
                for item in &body.items {
                    let mut labels = self.labels.clone();
                    labels.extend(item.keys.iter().map(|key| key.text.as_str()));
                    Self { name, expected, labels, position: item.position() }.collect(&item.value, found)?;
                }
            }
            Data::Null => {}
            _ if complete => return Err(value.wrong_kind(name, "an object")),
            _ => return Err(self.error(ErrorKind::LabelMissing(name.to_owned()))),
        }
        Ok(())
    }
}
