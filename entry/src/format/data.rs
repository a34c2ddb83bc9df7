//! The walk over `data`: every string hashed, unless the mount leaves its key in the clear or the device is raw.
//! Never in it: what is hashed elsewhere in a line.

use onrecord_value::{Object, Value};

use super::digest::digest;
use super::syntax::{Syntax, Tag};
use super::writer::Writer;
use crate::entry::Data;
use crate::options::ExceededLimit;
use crate::register::{self, Field, kind};

impl<'e, S: Syntax> Writer<'_, 'e, S> {
    /// The data of a request. That of an unauthenticated one is never walked through: its size, its number of values and
    /// its digest are all that a stranger gets written.
    pub(super) fn request_data(&mut self, field: &'static Field<kind::Data>, data: Data<'e>) {
        match data.object.filter(|object| !object.is_empty()) {
            Some(object) if self.redactor.stranger.is_some() && !data.credentials => {
                self.lead(field);
                self.digest_of(object, self.redactor.stranger);
                self.exceeded = Some(ExceededLimit::Unauthenticated);
            }
            _ => self.data_of(field, data, false),
        }
    }

    pub(super) fn response_data(&mut self, field: &'static Field<kind::Data>, data: Data<'e>) {
        self.data_of(field, data, self.elide);
    }

    /// Writes `data`, or its digest where it exceeds a limit.
    ///
    /// With `elide`, `keys` and `key_info` become their lengths.
    fn data_of(&mut self, field: &'static Field<kind::Data>, data: Data<'e>, elide: bool) {
        let Some(object) = data.object.filter(|object| !object.is_empty()) else { return };
        self.lead(field);
        let start = self.out.len();
        let before = self.budget;
        // Where no key is secret, nothing asks whether one is.
        let written = if data.secret_keys.is_empty() {
            self.map::<false>(object, &data, elide)
        } else {
            self.map::<true>(object, &data, elide)
        };
        if let Err(limit) = written {
            self.out.truncate(start);
            self.budget = before;
            self.digest_of(object, None);
            self.exceeded = Some(limit);
        }
    }

    /// `bound_to`: the id of the request that the digest must not be compared beyond.
    #[cold]
    fn digest_of(&mut self, object: &'e Object, bound_to: Option<&str>) {
        use register::digest as f;
        let summary = digest(object, (!self.redactor.raw).then(|| self.redactor.salt()), bound_to);
        let start = self.out.len();
        self.number(&f::BYTES, summary.bytes);
        self.lead(&f::DIGEST);
        self.bare_string(&summary.digest);
        self.number(&f::NODES, summary.nodes);
        S::end_object(start, self.out);
    }

    /// `SECRET`: whether there are secret keys.
    fn map<const SECRET: bool>(
        &mut self,
        object: &'e Object,
        keys: &Data<'_>,
        elide: bool,
    ) -> Result<(), ExceededLimit> {
        self.budget.node(self.out.len(), 2)?;
        self.budget.enter()?;
        let start = self.out.len();
        let hashed = |key| !self.redactor.raw && self.redactor.key(key).is_some();
        if object.keys().any(|key| hashed(key) || S::altered(key).is_some()) {
            self.members_by_written_key::<SECRET>(object, keys, elide)?;
        } else {
            for (key, value) in object {
                self.map_member::<SECRET>(key, (key, value), keys, elide)?;
            }
        }
        S::end_object(start, self.out);
        self.budget.leave();
        Ok(())
    }

    /// Members in the order of their keys as they are written, where some are written differently.
    #[cold]
    fn members_by_written_key<const SECRET: bool>(
        &mut self,
        object: &'e Object,
        keys: &Data<'_>,
        elide: bool,
    ) -> Result<(), ExceededLimit> {
        let mut members = Vec::with_capacity(object.len());
        for (key, value) in object {
            let written = self.redactor.key(key);
            if written.is_some() {
                self.budget.hash()?;
            }
            let written = S::altered(written.as_deref().unwrap_or(key)).or(written);
            members.push((written, key, value));
        }
        members.sort_by(|(a, key_a, _), (b, key_b, _)| {
            a.as_deref().unwrap_or(key_a).cmp(b.as_deref().unwrap_or(key_b))
        });
        for (written, key, value) in members {
            self.map_member::<SECRET>(written.as_deref().unwrap_or(key), (key, value), keys, elide)?;
        }
        Ok(())
    }

    fn map_member<const SECRET: bool>(
        &mut self,
        written: &str,
        (key, value): (&'e str, &'e Value),
        keys: &Data<'_>,
        elide: bool,
    ) -> Result<(), ExceededLimit> {
        self.room_for(written.len())?;
        let count = match value {
            Value::Array(list) if elide && key == "keys" => Some(list.len()),
            Value::Object(map) if elide && key == "key_info" => Some(map.len()),
            _ => None,
        };
        let nearest = Nearest {
            secret: SECRET && !self.redactor.raw && keys.secret_keys.iter().any(|name| name == key),
            plain: keys.plain_keys.iter().any(|name| name == key),
        };
        let tag = if count.is_some() { Tag::Number } else { nearest.tag::<SECRET>(value) };
        S::member(written, tag, self.out);
        if let Some(count) = count {
            self.budget.node(self.out.len(), 1)?;
            self.digits(u64::try_from(count).unwrap_or(u64::MAX));
            return Ok(());
        }
        self.value::<SECRET>(value, nearest, keys)
    }

    fn value<const SECRET: bool>(
        &mut self,
        value: &'e Value,
        nearest: Nearest,
        keys: &Data<'_>,
    ) -> Result<(), ExceededLimit> {
        match value {
            Value::Object(map) => return self.map::<SECRET>(map, keys, false),
            Value::Array(list) => return self.list::<SECRET>(list, nearest, keys),
            _ if SECRET && nearest.secret => return self.secret(value),
            _ => self.budget.node(self.out.len(), 1)?,
        }
        match value {
            Value::String(text) if nearest.plain || self.redactor.raw => {
                self.room_for(text.len())?;
                self.clear_text(text);
                self.room_for(0)?;
            }
            Value::String(text) => {
                self.budget.hash()?;
                self.hash(&self.redactor.digest(text.as_bytes()));
            }
            // In the client's own digits.
            Value::Number(number) => {
                self.out.extend_from_slice(number.text().as_bytes());
                S::end(Tag::Number, self.out);
            }
            Value::Bool(flag) => self.truth(*flag),
            Value::Null => S::null(self.out),
            // An instant that the server made.
            Value::Time(instant) => self.time(*instant),
            Value::Object(_) | Value::Array(_) => {}
        }
        Ok(())
    }

    /// A value whose key is secret, and which holds no other values.
    #[cold]
    fn secret(&mut self, value: &'e Value) -> Result<(), ExceededLimit> {
        self.budget.node(self.out.len(), 1)?;
        let text = match value {
            Value::String(text) => text.as_str(),
            Value::Number(number) => number.text(),
            Value::Bool(true) => "true",
            Value::Bool(false) => "false",
            Value::Time(instant) => {
                self.budget.hash()?;
                let mut text = Vec::with_capacity(30);
                instant.rfc3339_nano(&mut text);
                S::hash(&self.redactor.salt().digest(&text), self.out);
                return Ok(());
            }
            Value::Null | Value::Object(_) | Value::Array(_) => {
                S::null(self.out);
                return Ok(());
            }
        };
        self.budget.hash()?;
        self.hash(&self.redactor.digest(text.as_bytes()));
        Ok(())
    }

    fn list<const SECRET: bool>(
        &mut self,
        list: &'e [Value],
        nearest: Nearest,
        keys: &Data<'_>,
    ) -> Result<(), ExceededLimit> {
        self.budget.node(self.out.len(), 2)?;
        self.budget.enter()?;
        S::begin(Tag::Array, self.out);
        for (at, item) in list.iter().enumerate() {
            S::item(at, nearest.tag::<SECRET>(item), self.out);
            self.value::<SECRET>(item, nearest, keys)?;
        }
        S::end(Tag::Array, self.out);
        self.budget.leave();
        Ok(())
    }

    fn room_for(&self, more: usize) -> Result<(), ExceededLimit> {
        if self.out.len().saturating_add(more) > self.budget.end {
            Err(ExceededLimit::LineBytes)
        } else {
            Ok(())
        }
    }
}

/// What the nearest enclosing map key says about a value.
#[derive(Clone, Copy)]
struct Nearest {
    /// Whether the value is hashed whatever it is.
    secret: bool,
    /// Whether a string stays clear.
    plain: bool,
}

impl Nearest {
    /// The kind of value that a line shows for this one.
    const fn tag<const SECRET: bool>(self, value: &Value) -> Tag {
        match value {
            Value::Number(_) | Value::Bool(_) if SECRET && self.secret => Tag::String,
            _ => Tag::of(value),
        }
    }
}
