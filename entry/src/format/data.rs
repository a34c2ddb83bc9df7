//! The walk over `data`: every string hashed, unless the mount leaves its key in the clear or the device is raw.
//! Never in it: what is hashed elsewhere in a line.

use onrecord_value::{Object, Value};

use super::digest::digest;
use super::syntax::{Syntax, Tag};
use super::writer::Writer;
use crate::entry::{Data, Names};
use crate::limits::ExceededLimit;
use crate::register::{self, Field, kind};

impl<'e, S: Syntax> Writer<'_, 'e, S> {
    /// Writes `data`, or its digest where it exceeds a limit; returns which limit.
    ///
    /// With `elide`, `keys` and `key_info` become their lengths.
    pub(super) fn data(
        &mut self,
        field: &'static Field<kind::Data>,
        data: Data<'e>,
        elide: bool,
    ) -> Option<ExceededLimit> {
        let object = data.object.filter(|object| !object.is_empty())?;
        self.lead(field);
        let start = self.out.len();
        let before = self.budget;
        match self.map(object, data.plain_keys, elide) {
            Ok(()) => data.exceeded,
            Err(limit) => {
                self.out.truncate(start);
                self.budget = before;
                self.digest_of(object);
                Some(limit)
            }
        }
    }

    #[cold]
    fn digest_of(&mut self, object: &'e Object) {
        use register::digest as f;
        let summary = digest(object, (!self.redactor.is_raw()).then(|| self.redactor.salt()));
        let start = self.out.len();
        self.number(&f::BYTES, summary.bytes);
        self.lead(&f::DIGEST);
        self.bare_string(&summary.digest);
        self.number(&f::NODES, summary.nodes);
        S::end_object(start, self.out);
    }

    fn map(&mut self, object: &'e Object, plain_keys: Names<'_>, elide: bool) -> Result<(), ExceededLimit> {
        self.budget.node(self.out.len(), 2)?;
        self.budget.enter()?;
        let start = self.out.len();
        let hashed = |key| !self.redactor.is_raw() && self.redactor.key(key).is_some();
        if object.keys().any(|key| hashed(key) || S::altered(key).is_some()) {
            self.members_by_written_key(object, plain_keys, elide)?;
        } else {
            for (key, value) in object {
                self.map_member(key, (key, value), plain_keys, elide)?;
            }
        }
        S::end_object(start, self.out);
        self.budget.leave();
        Ok(())
    }

    /// Members in the order of their keys as they are written, where some are written differently.
    #[cold]
    fn members_by_written_key(
        &mut self,
        object: &'e Object,
        plain_keys: Names<'_>,
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
            self.map_member(written.as_deref().unwrap_or(key), (key, value), plain_keys, elide)?;
        }
        Ok(())
    }

    fn map_member(
        &mut self,
        written: &str,
        (key, value): (&'e str, &'e Value),
        plain_keys: Names<'_>,
        elide: bool,
    ) -> Result<(), ExceededLimit> {
        self.room_for(written.len())?;
        let count = match value {
            Value::Array(list) if elide && key == "keys" => Some(list.len()),
            Value::Object(map) if elide && key == "key_info" => Some(map.len()),
            _ => None,
        };
        S::member(written, if count.is_some() { Tag::Number } else { Tag::of(value) }, self.out);
        if let Some(count) = count {
            self.budget.node(self.out.len(), 1)?;
            self.digits(u64::try_from(count).unwrap_or(u64::MAX));
            return Ok(());
        }
        let plain = plain_keys.iter().any(|name| name == key);
        self.value(value, plain, plain_keys)
    }

    /// `plain`: whether the nearest map key is one that the mount leaves in the clear.
    fn value(&mut self, value: &'e Value, plain: bool, plain_keys: Names<'_>) -> Result<(), ExceededLimit> {
        match value {
            Value::Object(map) => return self.map(map, plain_keys, false),
            Value::Array(list) => return self.list(list, plain, plain_keys),
            _ => self.budget.node(self.out.len(), 1)?,
        }
        match value {
            Value::String(text) if self.redactor.is_raw() => {
                self.room_for(text.len())?;
                self.text(text);
                self.room_for(0)?;
            }
            Value::String(text) if plain => {
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

    fn list(&mut self, list: &'e [Value], plain: bool, plain_keys: Names<'_>) -> Result<(), ExceededLimit> {
        self.budget.node(self.out.len(), 2)?;
        self.budget.enter()?;
        S::begin(Tag::Array, self.out);
        for (at, item) in list.iter().enumerate() {
            S::item(at, Tag::of(item), self.out);
            self.value(item, plain, plain_keys)?;
        }
        S::end(Tag::Array, self.out);
        self.budget.leave();
        Ok(())
    }

    fn room_for(&self, more: usize) -> Result<(), ExceededLimit> {
        if self.out.len().saturating_add(more) > self.budget.end() {
            Err(ExceededLimit::LineBytes)
        } else {
            Ok(())
        }
    }
}
