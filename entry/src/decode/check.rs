//! Checks a line against the register: the value of every key is what the table says, or the key is reported as unknown.
//! Never in it: a key's name or kind that is not from the table.

use onrecord_value::{Number, Object, Time, Value};

use super::DecodeError;
use crate::entry::{Boot, EntryType};
use crate::register::{REGISTER, Row, Treatment, entry, request, response};

/// Checks a line and returns the paths of its unknown keys.
pub(super) fn line(object: &Object) -> Result<Vec<String>, DecodeError> {
    let mut check = Check { unknown: Vec::new() };
    for key in [entry::TIME.key(), entry::TYPE.key(), entry::AUTH.key(), entry::REQUEST.key()] {
        if object.get(key).is_none_or(Value::is_null) {
            return Err(DecodeError::Field { at: key.to_owned(), expected: "the key that every entry has" });
        }
    }
    let answered = object.get(entry::RESPONSE.key()).is_some_and(|value| !value.is_null());
    if answered != (object.str(entry::TYPE.key()) == Some(EntryType::Response.as_str())) {
        let at = entry::RESPONSE.key().to_owned();
        return Err(DecodeError::Field { at, expected: "it in response entries and in no other" });
    }
    check.object("entry", object, "")?;
    Ok(check.unknown)
}

struct Check {
    unknown: Vec<String>,
}

impl Check {
    fn object(&mut self, name: &str, object: &Object, at: &str) -> Result<(), DecodeError> {
        for (key, value) in object {
            let path = || if at.is_empty() { key.to_owned() } else { format!("{at}.{key}") };
            let wrong = |expected| DecodeError::Field { at: path(), expected };
            match REGISTER.iter().find(|row| row.object == name && row.key == key) {
                None => self.unknown.push(path()),
                Some(_) if value.is_null() => {}
                Some(row) => match (row.inner, value) {
                    (Some(inner), Value::Object(object)) if row.treatment == Treatment::Object => {
                        self.object(inner, object, &path())?;
                    }
                    (Some(inner), Value::Array(list)) if row.treatment == Treatment::ObjectList => {
                        for item in list {
                            let Value::Object(object) = item else { return Err(wrong("a list of objects")) };
                            self.object(inner, object, &path())?;
                        }
                    }
                    _ => match expected(row, value) {
                        (true, _) => {}
                        (false, expected) => return Err(wrong(expected)),
                    },
                },
            }
        }
        Ok(())
    }
}

/// Whether a value is what its row says, and what it says.
fn expected(row: &Row, value: &Value) -> (bool, &'static str) {
    let (text, map) = (value.as_str(), value.as_object());
    match row.treatment {
        Treatment::Word => {
            (text.is_some_and(|text| row.words.contains(&text)), "one of the words of the register")
        }
        Treatment::Instant => (text.is_some_and(|text| Time::parse(text).is_ok()), "a time in RFC 3339"),
        Treatment::Number => {
            let small = [request::REMOTE_PORT.key(), response::STATUS_CODE.key()].contains(&row.key);
            let most = if small { u64::from(u16::MAX) } else { u64::MAX };
            let number = value.as_number().and_then(Number::as_u64);
            (number.is_some_and(|number| number <= most), "a whole number that fits")
        }
        Treatment::Flag => (value.as_bool().is_some(), "true or false"),
        Treatment::Mark => (text.is_some_and(|text| Boot::parse(text).is_some()), "16 hex digits"),
        Treatment::ClearList | Treatment::TemplateList => (is_texts(value), "a list of texts"),
        Treatment::ClearMap => {
            (map.is_some_and(|map| map.values().all(|text| text.as_str().is_some())), "texts by name")
        }
        Treatment::ClearListMap | Treatment::Headers => {
            (map.is_some_and(|map| map.values().all(is_texts)), "lists of texts by name")
        }
        Treatment::Data | Treatment::Object => (map.is_some(), "an object"),
        Treatment::ObjectList => (false, "a list of objects"),
        Treatment::Clear
        | Treatment::Path
        | Treatment::Template
        | Treatment::Token
        | Treatment::TokenAlways
        | Treatment::Accessor
        | Treatment::AccessorAlways
        | Treatment::Digest => (text.is_some(), "a text"),
    }
}

fn is_texts(value: &Value) -> bool {
    value.as_array().is_some_and(|list| list.iter().all(|text| text.as_str().is_some()))
}
