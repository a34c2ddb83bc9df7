//! The stored form of a key. A backup holds the same bytes.
//! Never in it: which key is stored where.

use std::sync::Arc;

use onrecord_seal::SecretBytes;

use super::key::{Key, Settings, Version};
use super::key_type::KeyType;
use super::material::{HMAC_BYTES, MOST_HMAC_BYTES, Material};
use crate::engine::codec::{self, Broken, Reader, Writer};

/// The first byte of a record. Another one is from a newer release.
const FORMAT: u8 = 1;
/// The largest number of a version that a backup may bring: many more can follow.
const LATEST_MAX: u64 = 1 << 32;

impl Key {
    pub(super) fn encode(&self) -> SecretBytes {
        // No buffer that holds secrets grows: each is as long as what it holds.
        let material = |version: &Version| {
            let private = version.material.private.as_ref().map_or(0, SecretBytes::len);
            private + version.material.public.len() + version.material.hmac.len() + 48
        };
        let mut writer = Writer::with_capacity(64 + self.versions.iter().map(material).sum::<usize>());
        writer.byte(FORMAT);
        writer.byte(self.key_type.number());
        let settings = self.settings;
        for flag in [
            settings.derived,
            settings.convergent,
            settings.exportable,
            settings.plaintext_backup,
            settings.deletion_allowed,
            settings.imported,
            settings.rotation_allowed,
            settings.import_allowed,
        ] {
            writer.flag(flag);
        }
        writer.count(settings.hmac_bytes);
        writer.count(self.min_available);
        writer.count(self.min_decryption);
        writer.count(self.min_encryption);
        writer.count(self.versions.first().map_or(1, |version| version.number));
        writer.count(self.versions.len() as u64);
        for version in &self.versions {
            writer.time(version.created);
            writer.flag(version.material.private.is_some());
            if let Some(private) = &version.material.private {
                writer.blob(private.expose());
            }
            writer.blob(&version.material.public);
            writer.blob(version.material.hmac.expose());
        }
        SecretBytes::new(writer.finish())
    }

    pub(super) fn decode(name: &str, stored: &[u8]) -> Result<Self, Broken> {
        let mut key = codec::decode(stored, FORMAT, |reader| Self::read(name, reader))?;
        key.stored_bytes = stored.len();
        Ok(key)
    }

    fn read(name: &str, reader: &mut Reader<'_>) -> Result<Self, Broken> {
        let key_type = KeyType::stored(reader.byte()?).ok_or(Broken)?;
        let settings = Settings {
            derived: reader.flag()?,
            convergent: reader.flag()?,
            exportable: reader.flag()?,
            plaintext_backup: reader.flag()?,
            deletion_allowed: reader.flag()?,
            imported: reader.flag()?,
            rotation_allowed: reader.flag()?,
            import_allowed: reader.flag()?,
            hmac_bytes: reader.count()?,
        };
        let (min_available, min_decryption, min_encryption) =
            (reader.count()?, reader.count()?, reader.count()?);
        let (first, count) = (reader.count()?, reader.count()?);
        let end = first.checked_add(count).filter(|_| first > 0 && count > 0).ok_or(Broken)?;
        let mut versions = Vec::new();
        for number in first..end {
            let created = reader.time()?;
            let private = if reader.flag()? { Some(SecretBytes::new(reader.blob()?.to_vec())) } else { None };
            let public = reader.blob()?.to_vec();
            let hmac = SecretBytes::new(reader.blob()?.to_vec());
            versions.push(Version::new(number, created, Arc::new(Material { private, public, hmac })));
        }
        let name = name.to_owned();
        Ok(Self {
            name,
            key_type,
            settings,
            min_available,
            min_decryption,
            min_encryption,
            versions,
            stored_bytes: 0,
        })
    }

    /// Whether what a backup says holds together.
    pub(super) fn is_sound(&self) -> bool {
        let latest = self.latest();
        let settings = self.settings;
        let is_possible = (!settings.derived || self.key_type.derives())
            && (!settings.convergent || (settings.derived && self.key_type.encrypts()));
        let hmac_bytes = usize::try_from(settings.hmac_bytes).unwrap_or(usize::MAX);
        is_possible
            && (HMAC_BYTES..=MOST_HMAC_BYTES).contains(&hmac_bytes)
            && latest <= LATEST_MAX
            && (1..=latest).contains(&self.min_decryption)
            && self.min_encryption <= latest
            && self.min_available <= self.min_decryption
            && self.versions.iter().all(|version| version.material.is_sound(self.key_type))
    }
}

#[cfg(test)]
mod tests {
    use onrecord_seal::OsEntropy;
    use onrecord_value::Time;
    use proptest::prelude::*;

    use super::super::cipher::Cipher;
    use super::super::ecdsa::Curve;
    use super::*;

    fn key(key_type: KeyType) -> Key {
        let material = || Arc::new(Material::generate(key_type, 32, &OsEntropy::new()).unwrap());
        let settings = Settings { exportable: true, hmac_bytes: 32, ..Settings::default() };
        let mut key = Key::new("k", key_type, settings, Time::from_unix(1_700_000_000, 5), material());
        key.push(Time::from_unix(1_700_000_001, 0), material());
        key.min_decryption = 2;
        key
    }

    #[test]
    fn a_key_of_each_type_comes_back_as_it_was_stored() {
        for key_type in [
            KeyType::Cipher(Cipher::Aes128Gcm96),
            KeyType::Ed25519,
            KeyType::Ecdsa(Curve::P521),
            KeyType::Hmac,
        ] {
            let key = key(key_type);
            let stored = key.encode();
            let back = Key::decode("k", stored.expose()).unwrap();
            assert!(back.is_sound());
            assert_eq!((back.encode(), back.settings, back.latest()), (stored, key.settings, 2));
            assert_eq!(back.show(&[]), key.show(&[]));
        }
    }

    #[test]
    fn a_backup_whose_parts_do_not_belong_together_is_not_sound() {
        for change in [
            |key: &mut Key| key.min_decryption = 3,
            |key: &mut Key| key.min_encryption = 3,
            |key: &mut Key| key.settings.derived = true,
            |key: &mut Key| key.key_type = KeyType::Ecdsa(Curve::P384),
            |key: &mut Key| {
                let mut other = Material::generate(key.key_type, 32, &OsEntropy::new()).unwrap();
                other.public = key.versions[0].material.public.clone();
                key.versions[0].material = Arc::new(other);
            },
        ] {
            let mut key = key(KeyType::Ecdsa(Curve::P256));
            change(&mut key);
            assert!(!Key::decode("k", key.encode().expose()).unwrap().is_sound());
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_decoder_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            drop(Key::decode("k", &bytes));
            bytes.insert(0, FORMAT);
            if let Ok(key) = Key::decode("k", &bytes) {
                key.is_sound();
            }
        }
    }
}
