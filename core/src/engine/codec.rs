//! The bytes of what engines store: compact, every read checked against what is there.
//! Never in it: what a record means, encryption, JSON.
//!
//! Integers are LEB128 (signed ones zigzag), texts and blobs carry their length, numbers keep their literal text.

use onrecord_value::{Number, Object, Time, Value};

/// How deep a stored value may be. Above what the API takes, so that all that was written can be read.
const DEPTH: u32 = 256;
/// No count in a record reserves more than this many elements before they are seen.
const RESERVE: usize = 256;

mod tag {
    pub(super) const NULL: u8 = 0;
    pub(super) const FALSE: u8 = 1;
    pub(super) const TRUE: u8 = 2;
    pub(super) const NUMBER: u8 = 3;
    pub(super) const STRING: u8 = 4;
    pub(super) const TIME: u8 = 5;
    pub(super) const ARRAY: u8 = 6;
    pub(super) const OBJECT: u8 = 7;
}

/// A stored record that is cut off, damaged, or of an unknown format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a stored record does not decode")]
pub struct Broken;

/// Appends the parts of a record.
pub(crate) struct Writer {
    out: Vec<u8>,
}

impl Writer {
    pub(crate) fn with_capacity(capacity: usize) -> Self {
        Self { out: Vec::with_capacity(capacity) }
    }

    pub(crate) fn len(&self) -> usize {
        self.out.len()
    }

    pub(crate) fn finish(self) -> Vec<u8> {
        self.out
    }

    pub(crate) fn byte(&mut self, byte: u8) {
        self.out.push(byte);
    }

    pub(crate) fn flag(&mut self, flag: bool) {
        self.out.push(u8::from(flag));
    }

    pub(crate) fn count(&mut self, mut count: u64) {
        while count >= 0x80 {
            self.out.push((count & 0x7f) as u8 | 0x80);
            count >>= 7;
        }
        self.out.push((count & 0x7f) as u8);
    }

    pub(crate) fn signed(&mut self, number: i64) {
        self.count(((number << 1) ^ (number >> 63)).cast_unsigned());
    }

    /// Bytes with their length.
    pub(crate) fn blob(&mut self, bytes: &[u8]) {
        self.count(bytes.len() as u64);
        self.out.extend_from_slice(bytes);
    }

    pub(crate) fn time(&mut self, time: Time) {
        self.signed(time.unix_seconds());
        self.count(u64::from(time.subsec_nanos()));
    }

    pub(crate) fn maybe_time(&mut self, time: Option<Time>) {
        self.flag(time.is_some());
        if let Some(time) = time {
            self.time(time);
        }
    }

    pub(crate) fn value(&mut self, value: &Value) {
        match value {
            Value::Null => self.byte(tag::NULL),
            Value::Bool(false) => self.byte(tag::FALSE),
            Value::Bool(true) => self.byte(tag::TRUE),
            Value::Number(number) => {
                self.byte(tag::NUMBER);
                self.blob(number.text().as_bytes());
            }
            Value::String(text) => {
                self.byte(tag::STRING);
                self.blob(text.as_bytes());
            }
            Value::Time(time) => {
                self.byte(tag::TIME);
                self.time(*time);
            }
            Value::Array(items) => {
                self.byte(tag::ARRAY);
                self.count(items.len() as u64);
                for item in items {
                    self.value(item);
                }
            }
            Value::Object(object) => {
                self.byte(tag::OBJECT);
                self.object(object);
            }
        }
    }

    /// A map, without a tag.
    pub(crate) fn object(&mut self, object: &Object) {
        self.count(object.len() as u64);
        for (key, value) in object {
            self.blob(key.as_bytes());
            self.value(value);
        }
    }
}

/// Takes a record apart, front to back.
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) const fn new(record: &'a [u8]) -> Self {
        Self { rest: record }
    }

    /// Refuses a record that has something after its end.
    pub(crate) const fn end(&self) -> Result<(), Broken> {
        if self.rest.is_empty() { Ok(()) } else { Err(Broken) }
    }

    pub(crate) fn byte(&mut self) -> Result<u8, Broken> {
        let (first, rest) = self.rest.split_first().ok_or(Broken)?;
        self.rest = rest;
        Ok(*first)
    }

    pub(crate) fn flag(&mut self) -> Result<bool, Broken> {
        match self.byte()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(Broken),
        }
    }

    pub(crate) fn count(&mut self) -> Result<u64, Broken> {
        let mut count = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let part = u64::from(byte & 0x7f);
            if shift == 63 && part > 1 {
                return Err(Broken);
            }
            count |= part << shift;
            if byte & 0x80 == 0 {
                return Ok(count);
            }
        }
        Err(Broken)
    }

    pub(crate) fn signed(&mut self) -> Result<i64, Broken> {
        let raw = self.count()?;
        Ok((raw >> 1).cast_signed() ^ -((raw & 1).cast_signed()))
    }

    pub(crate) fn blob(&mut self) -> Result<&'a [u8], Broken> {
        let len = usize::try_from(self.count()?).map_err(|_| Broken)?;
        let (blob, rest) = self.rest.split_at_checked(len).ok_or(Broken)?;
        self.rest = rest;
        Ok(blob)
    }

    pub(crate) fn text(&mut self) -> Result<&'a str, Broken> {
        std::str::from_utf8(self.blob()?).map_err(|_| Broken)
    }

    pub(crate) fn time(&mut self) -> Result<Time, Broken> {
        let seconds = self.signed()?;
        let nanos = u32::try_from(self.count()?).map_err(|_| Broken)?;
        Ok(Time::from_unix(seconds, nanos))
    }

    pub(crate) fn maybe_time(&mut self) -> Result<Option<Time>, Broken> {
        if self.flag()? { self.time().map(Some) } else { Ok(None) }
    }

    /// A map, without a tag.
    pub(crate) fn object(&mut self) -> Result<Object, Broken> {
        self.object_at(0)
    }

    fn value_at(&mut self, depth: u32) -> Result<Value, Broken> {
        if depth > DEPTH {
            return Err(Broken);
        }
        Ok(match self.byte()? {
            tag::NULL => Value::Null,
            tag::FALSE => Value::Bool(false),
            tag::TRUE => Value::Bool(true),
            tag::NUMBER => Value::Number(Number::from_literal(self.text()?).ok_or(Broken)?),
            tag::STRING => Value::String(self.text()?.to_owned()),
            tag::TIME => Value::Time(self.time()?),
            tag::ARRAY => {
                let count = self.count()?;
                let mut items = Vec::with_capacity(reserve(count));
                for _ in 0..count {
                    items.push(self.value_at(depth + 1)?);
                }
                Value::Array(items)
            }
            tag::OBJECT => Value::Object(self.object_at(depth + 1)?),
            _ => return Err(Broken),
        })
    }

    fn object_at(&mut self, depth: u32) -> Result<Object, Broken> {
        let count = self.count()?;
        let mut pairs = Vec::with_capacity(reserve(count));
        for _ in 0..count {
            let key = self.text()?.to_owned();
            pairs.push((key, self.value_at(depth + 1)?));
        }
        Ok(pairs.into_iter().collect())
    }
}

fn reserve(count: u64) -> usize {
    usize::try_from(count).unwrap_or(RESERVE).min(RESERVE)
}

/// The bytes of a map on its own.
pub fn encode_object(object: &Object) -> Vec<u8> {
    let mut writer = Writer::with_capacity(256);
    writer.object(object);
    writer.finish()
}

/// A map on its own.
pub fn decode_object(bytes: &[u8]) -> Result<Object, Broken> {
    let mut reader = Reader::new(bytes);
    let object = reader.object()?;
    reader.end()?;
    Ok(object)
}

/// What `read` takes of a record that begins with the number of its format, to its end.
pub(crate) fn decode<'a, T>(
    bytes: &'a [u8],
    format: u8,
    read: impl FnOnce(&mut Reader<'a>) -> Result<T, Broken>,
) -> Result<T, Broken> {
    let mut reader = Reader::new(bytes);
    if reader.byte()? != format {
        return Err(Broken);
    }
    let read = read(&mut reader)?;
    reader.end()?;
    Ok(read)
}

#[cfg(test)]
mod tests {
    use onrecord_value::{Number, Object, Time, Value};
    use proptest::prelude::*;

    use super::{Reader, Writer, decode_object, encode_object};

    fn values() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(|number| Number::from_f64(number).map_or(Value::Null, Value::Number)),
            ".{0,20}".prop_map(Value::from),
            (any::<i64>(), 0..1_000_000_000_u32).prop_map(|(s, n)| Value::from(Time::from_unix(s, n))),
        ];
        leaf.prop_recursive(6, 60, 8, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::vec((".{0,8}", inner), 0..6)
                    .prop_map(|pairs| Value::Object(pairs.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn every_value_comes_back_as_it_was(value in values()) {
            let mut writer = Writer::with_capacity(0);
            writer.value(&value);
            let bytes = writer.finish();
            let mut reader = Reader::new(&bytes);
            prop_assert!(reader.value_at(0).is_ok_and(|back| back == value));
            prop_assert!(reader.end().is_ok());
        }

        #[test]
        fn no_bytes_make_the_decoder_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            drop(decode_object(&bytes));
            drop(Reader::new(&bytes).value_at(0));
        }

        #[test]
        fn integers_come_back_at_every_size(count in any::<u64>(), signed in any::<i64>()) {
            let mut writer = Writer::with_capacity(0);
            writer.count(count);
            writer.signed(signed);
            let bytes = writer.finish();
            let mut reader = Reader::new(&bytes);
            prop_assert_eq!(reader.count(), Ok(count));
            prop_assert_eq!(reader.signed(), Ok(signed));
        }
    }

    #[test]
    fn a_number_keeps_its_literal_text() {
        let object: Object =
            [("n", Value::Number(Number::from_literal("1.50e+400").unwrap()))].into_iter().collect();
        let back = decode_object(&encode_object(&object)).unwrap();
        assert_eq!(back.get("n").unwrap().as_number().unwrap().text(), "1.50e+400");
    }

    #[test]
    fn a_record_with_a_tail_or_cut_short_is_broken() {
        let mut bytes = encode_object(&[("a", "b")].into_iter().collect());
        assert!(decode_object(&bytes[..bytes.len() - 1]).is_err());
        bytes.push(0);
        assert!(decode_object(&bytes).is_err());
    }

    #[test]
    fn a_pit_of_lists_is_refused_and_not_fallen_into() {
        let mut bytes = Vec::new();
        for _ in 0..100_000 {
            bytes.extend_from_slice(&[6, 1]);
        }
        assert!(Reader::new(&bytes).value_at(0).is_err());
    }
}
