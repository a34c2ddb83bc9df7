//! The stored form of a token entry: `1 | length of the id (u32, big endian) | id | JSON object`.
//! The id stands outside of the JSON, so that no unwiped copy of it is made on the way.
//! Never in it: storage keys.

use std::sync::Arc;

use onrecord_entry::CacheKey;
use onrecord_seal::{Secret, SecretBytes};
use onrecord_value::{Number, Object, Time, Value, json, object};

use super::Entry;

/// The first byte; a later form gets another.
const FORMAT: u8 = 1;

impl Entry {
    /// The bytes to store.
    pub(crate) fn encode(&self) -> SecretBytes {
        let mut facts = object! {
            "accessor" => self.accessor.as_str(),
            "creation_ttl" => self.creation_ttl,
            "depth" => i64::from(self.depth),
            "display_name" => self.display_name.as_str(),
            "explicit_max_ttl" => self.explicit_max_ttl,
            "issued" => nanos(self.issued),
            "num_uses" => self.num_uses,
            "path" => self.path.as_str(),
            "period" => self.period,
            "policies" => self.policies.as_slice(),
            "renewable" => self.renewable,
        };
        if self.exhausted {
            facts.insert("exhausted", true);
        }
        for (key, time) in [("expires", self.expires), ("renewed", self.renewed)] {
            if let Some(time) = time {
                facts.insert(key, nanos(time));
            }
        }
        if let Some(parent) = &self.parent {
            facts.insert("parent", parent.as_str());
        }
        if let Some(meta) = &self.meta {
            facts.insert("meta", meta.clone());
        }
        let text = Value::Object(facts).to_json();
        let id = self.id.expose().as_bytes();
        // Large enough never to grow: a buffer that moves leaves its old bytes behind.
        let mut whole = Vec::with_capacity(5 + id.len() + text.len());
        whole.push(FORMAT);
        whole.extend_from_slice(&u32::try_from(id.len()).unwrap_or(u32::MAX).to_be_bytes());
        whole.extend_from_slice(id);
        whole.extend_from_slice(&text);
        SecretBytes::new(whole)
    }

    /// The entry stored under `name`; `None` if the bytes are not of this form.
    pub(crate) fn decode(name: &str, stored: &[u8]) -> Option<Self> {
        let (format, rest) = stored.split_first()?;
        let (length, rest) = rest.split_first_chunk::<4>()?;
        let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
        let (id, text) = (rest.get(..length)?, rest.get(length..)?);
        if *format != FORMAT {
            return None;
        }
        let facts = json::parse_object(text, json::Limits::default()).ok()?;
        let number = |key: &str| facts.get(key).and_then(Value::as_number).and_then(Number::as_u64);
        let text = |key: &str| facts.str(key).map(str::to_owned);
        let flag = |key: &str| facts.get(key).and_then(Value::as_bool).unwrap_or(false);
        let time = |key: &str| facts.get(key).and_then(Value::as_i64).map(instant);
        Some(Self {
            id: Arc::new(Secret::new(std::str::from_utf8(id).ok()?.to_owned())),
            name: name.to_owned(),
            accessor: text("accessor")?,
            parent: text("parent"),
            depth: u32::try_from(number("depth")?).ok()?,
            policies: names(&facts)?,
            path: text("path")?,
            display_name: text("display_name")?,
            meta: facts.object("meta").cloned(),
            num_uses: number("num_uses")?,
            exhausted: flag("exhausted"),
            issued: time("issued")?,
            creation_ttl: number("creation_ttl")?,
            expires: time("expires"),
            renewed: time("renewed"),
            explicit_max_ttl: number("explicit_max_ttl")?,
            period: number("period")?,
            renewable: flag("renewable"),
            cache_key: CacheKey::new(),
        })
    }
}

fn names(facts: &Object) -> Option<Vec<String>> {
    facts.get("policies")?.as_array()?.iter().map(|name| name.as_str().map(str::to_owned)).collect()
}

fn nanos(time: Time) -> i64 {
    i64::try_from(time.unix_nanos()).unwrap_or(i64::MAX)
}

fn instant(nanos: i64) -> Time {
    Time::from_unix_nanos(i128::from(nanos))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry() -> Entry {
        Entry {
            id: Arc::new(Secret::new("s.\"é".to_owned())),
            name: "n".to_owned(),
            accessor: "a".to_owned(),
            parent: Some("p".to_owned()),
            depth: 3,
            policies: vec!["default".to_owned(), "reader".to_owned()],
            path: "auth/token/create".to_owned(),
            display_name: "token-bob".to_owned(),
            meta: Some(object! { "team" => "blue" }),
            num_uses: 6,
            exhausted: true,
            issued: Time::from_unix(1_700_000_000, 123_456_789),
            creation_ttl: 3600,
            expires: Some(Time::from_unix(1_700_003_600, 123_456_789)),
            renewed: None,
            explicit_max_ttl: 7200,
            period: 60,
            renewable: true,
            cache_key: CacheKey::new(),
        }
    }

    #[test]
    fn an_entry_survives_storage_with_all_its_facts() {
        let one = entry();
        let stored = one.encode();
        assert_eq!(
            String::from_utf8_lossy(stored.expose()),
            "\u{1}\0\0\0\u{5}s.\"é{\"accessor\":\"a\",\"creation_ttl\":3600,\"depth\":3,\"display_name\":\"token-bob\",\
             \"exhausted\":true,\"expires\":1700003600123456789,\"explicit_max_ttl\":7200,\
             \"issued\":1700000000123456789,\"meta\":{\"team\":\"blue\"},\"num_uses\":6,\"parent\":\"p\",\
             \"path\":\"auth/token/create\",\"period\":60,\"policies\":[\"default\",\"reader\"],\"renewable\":true}"
        );
        let two = Entry::decode("n", stored.expose()).unwrap();
        assert_eq!(two.id.expose(), "s.\"é");
        assert_eq!(two.meta, one.meta);
        assert_eq!(two.issued, one.issued);
        assert_eq!(two.expires, one.expires);
        assert_eq!(two.renewed, None);
        assert_eq!(two.encode().expose(), stored.expose());
        let bare = Entry { parent: None, meta: None, exhausted: false, ..entry() };
        let again = Entry::decode("n", bare.encode().expose()).unwrap();
        assert!(again.parent.is_none() && again.meta.is_none() && !again.exhausted);
    }

    #[test]
    fn damaged_bytes_are_no_entry() {
        let stored = entry().encode();
        let bytes = stored.expose();
        for cut in 0..bytes.len() {
            assert!(Entry::decode("n", &bytes[..cut]).is_none(), "{cut}");
        }
        let mut other = bytes.to_vec();
        other[0] = 9;
        assert!(Entry::decode("n", &other).is_none());
    }
}
