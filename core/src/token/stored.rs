//! The stored form of a token entry: `1 | length of the id (u32, big endian) | id | JSON object`.
//! The id stands outside of the JSON, so that no unwiped copy of it is made on the way.
//! Never in it: storage keys.

use std::sync::Arc;

use onrecord_entry::auth::CacheKey;
use onrecord_seal::{Secret, SecretBytes};

use super::Entry;
use crate::stored::{Record as _, record};

/// The first byte; a later form gets another.
const FORMAT: u8 = 1;

impl Entry {
    /// The bytes to store.
    pub(crate) fn to_stored(&self) -> SecretBytes {
        let text = self.encode();
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
    pub(crate) fn from_stored(name: &str, stored: &[u8]) -> Option<Self> {
        let (format, rest) = stored.split_first()?;
        let (length, rest) = rest.split_first_chunk::<4>()?;
        let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
        let (id, text) = (rest.get(..length)?, rest.get(length..)?);
        if *format != FORMAT {
            return None;
        }
        let id = Arc::new(Secret::new(std::str::from_utf8(id).ok()?.to_owned()));
        Self::decode(text, (id, name.to_owned(), CacheKey::new()))
    }
}

record! { Entry(id: Arc<Secret<String>>, name: String, cache_key: CacheKey) {
    "accessor" => accessor,
    "creation_ttl" => creation_ttl,
    "depth" => depth,
    "display_name" => display_name,
    "explicit_max_ttl" => explicit_max_ttl,
    "issued" => issued as Nanos,
    "num_uses" => num_uses,
    "path" => path,
    "period" => period,
    "policies" => policies,
    "renewable" => renewable,
} optional {
    "exhausted" => exhausted,
    "expires" => expires as Nanos,
    "meta" => meta,
    "parent" => parent,
    "renewed" => renewed as Nanos,
} }

#[cfg(test)]
mod tests {
    use onrecord_value::{Time, object};

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
        let stored = one.to_stored();
        assert_eq!(
            String::from_utf8_lossy(stored.expose()),
            "\u{1}\0\0\0\u{5}s.\"é{\"accessor\":\"a\",\"creation_ttl\":3600,\"depth\":3,\"display_name\":\"token-bob\",\
             \"exhausted\":true,\"expires\":1700003600123456789,\"explicit_max_ttl\":7200,\
             \"issued\":1700000000123456789,\"meta\":{\"team\":\"blue\"},\"num_uses\":6,\"parent\":\"p\",\
             \"path\":\"auth/token/create\",\"period\":60,\"policies\":[\"default\",\"reader\"],\"renewable\":true}"
        );
        let two = Entry::from_stored("n", stored.expose()).unwrap();
        assert_eq!(two.id.expose(), "s.\"é");
        assert_eq!(two.meta, one.meta);
        assert_eq!(two.issued, one.issued);
        assert_eq!(two.expires, one.expires);
        assert_eq!(two.renewed, None);
        assert_eq!(two.to_stored().expose(), stored.expose());
        let bare = Entry { parent: None, meta: None, exhausted: false, ..entry() };
        let again = Entry::from_stored("n", bare.to_stored().expose()).unwrap();
        assert!(again.parent.is_none() && again.meta.is_none() && !again.exhausted);
    }

    #[test]
    fn damaged_bytes_are_no_entry() {
        let stored = entry().to_stored();
        let bytes = stored.expose();
        for cut in 0..bytes.len() {
            assert!(Entry::from_stored("n", &bytes[..cut]).is_none(), "{cut}");
        }
        let mut other = bytes.to_vec();
        other[0] = 9;
        assert!(Entry::from_stored("n", &other).is_none());
    }
}
