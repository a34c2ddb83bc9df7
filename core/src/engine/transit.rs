//! Transit: cryptography as a service. Keys stay here; clients send what is to be encrypted, decrypted, signed, verified or
//! hashed, and nothing of it is stored.
//! Never in it: tokens, policies, entries.
//!
//! A key is one record with all its versions, so that each change of it is one batch. What is done with a key is pure
//! computation (`crypt`, `signature` and what they use): it knows nothing of requests and of the store.

mod batch;
mod cipher;
mod config;
mod crypt;
pub(in crate::engine) mod ecdsa;
mod encryption;
mod error;
mod export;
mod import;
mod key;
mod key_cache;
mod key_record;
mod key_type;
mod keys;
pub(in crate::engine) mod material;
pub(in crate::engine) mod offload;
pub(in crate::engine) mod pem;
pub(in crate::engine) mod rsa_key;
mod signature;
mod signing;

use std::sync::{Arc, PoisonError, RwLock};

use onrecord_storage::Read;
use tokio::sync::Mutex;

use self::config::{CONFIG, Config};
use self::export::Part;
use self::key::Key;
use self::key_cache::KeyCache;
use super::tools;
use crate::engine::{Call, Engine, EngineKind, Existing, Handled, Mounting, Path, Space};
use crate::outcome::Refusal;

/// Where keys are stored.
const KEYS: &str = "key/";
/// The largest record of a key: thousands of versions.
const MOST_BYTES: usize = 1 << 20;

pub(crate) struct Transit {
    space: Arc<Space>,
    keys: KeyCache,
    config: RwLock<Config>,
    /// Held by whatever reads the settings again, until they are shown.
    refreshing: Mutex<()>,
}

pub(crate) static KIND: EngineKind = EngineKind::new::<Transit>(
    "transit",
    Mounting::Secrets,
    "Encrypts, signs and hashes data without storing it",
);

/// What a change makes of a key.
enum Change {
    Keep,
    Put(Key),
    Delete,
}

impl Engine for Transit {
    const PATHS: &'static [Path<Self>] = &[
        Path::<Self>::new("keys/?", "List the names of the keys.")
            .list(|transit, _, call| Handled::read(transit.list(call))),
        Path::<Self>::new("keys/{name}", "Make, read and delete a key.")
            .description(
                "A write takes `type`, `derived`, `convergent_encryption`, `exportable`, `allow_plaintext_backup` and, \
                 for HMACs, `key_size`. A delete needs `deletion_allowed` (keys/NAME/config).",
            )
            .read(|transit, _, call| Handled::read(transit.show(call)))
            .write(|transit, unsealed, call| Handled::pending(transit.create(unsealed, call)))
            .delete(|transit, _, call| Handled::pending(transit.delete(call))),
        Path::<Self>::new("keys/{name}/config", "Configure a key.")
            .description(
                "Takes `min_decryption_version`, `min_encryption_version`, `deletion_allowed`, `exportable` and \
                 `allow_plaintext_backup`.",
            )
            .write(|transit, _, call| Handled::pending(transit.configure_key(call))),
        Path::<Self>::new("keys/{name}/rotate", "Add a version to a key.")
            .write(|transit, unsealed, call| Handled::pending(transit.rotate(unsealed, call))),
        Path::<Self>::new("keys/{name}/trim", "Remove old versions of a key for good.")
            .description("Takes `min_available_version`.")
            .write(|transit, _, call| Handled::pending(transit.trim(call))),
        Path::<Self>::new("keys/{name}/import", "Import a key.")
            .description(
                "Takes `type`, and `ciphertext` (the key, wrapped by that of `wrapping_key`) with `hash_function`, or \
                 `public_key`.",
            )
            .sensitive_fields(import::SECRETS)
            .write(|transit, unsealed, call| Handled::pending(transit.import(unsealed, call))),
        Path::<Self>::new("keys/{name}/import_version", "Import a further version of a key.")
            .description("Takes `ciphertext` with `hash_function`, or `public_key`; and `version`.")
            .sensitive_fields(import::SECRETS)
            .write(|transit, unsealed, call| Handled::pending(transit.import_version(unsealed, call))),
        Path::<Self>::new("wrapping_key", "Read the public key by which imported keys are wrapped.")
            .read(|transit, _, call| Handled::pending(transit.show_wrapping_key(call))),
        Path::<Self>::new("encrypt/{name}", "Encrypt data.")
            .description(
                "Takes `plaintext` (base64), `context`, `associated_data`, `key_version`, or `batch_input`. Without a \
                 key of the name a create makes one, of `type`.",
            )
            .sensitive_fields(encryption::SECRETS)
            .write(Transit::encrypt)
            .exists(Self::exists),
        Path::<Self>::new("decrypt/{name}", "Decrypt data.")
            .description("Takes `ciphertext`, `context`, `associated_data`, or `batch_input`.")
            .sensitive_fields(encryption::SECRETS)
            .write(|transit, _, call| transit.decrypt(call)),
        Path::<Self>::new("rewrap/{name}", "Encrypt data again, by the newest version of the key.")
            .description("Takes `ciphertext`, `context`, `associated_data`, `key_version`, or `batch_input`.")
            .sensitive_fields(encryption::SECRETS)
            .write(Transit::rewrap),
        Path::<Self>::new("datakey/plaintext/{name}", "Make a data key: encrypted, and in the clear.")
            .description("Takes `bits`, `context` and `associated_data`.")
            .sensitive_fields(encryption::SECRETS)
            .write(|transit, unsealed, call| transit.data_key(unsealed, call, true)),
        Path::<Self>::new("datakey/wrapped/{name}", "Make a data key, encrypted.")
            .description("Takes `bits`, `context` and `associated_data`.")
            .sensitive_fields(encryption::SECRETS)
            .write(|transit, unsealed, call| transit.data_key(unsealed, call, false)),
        Path::<Self>::new("sign/{*name}", "Sign data. The path may end in the hash algorithm.")
            .description(
                "Takes `input` (base64), `hash_algorithm`, `signature_algorithm`, `marshaling_algorithm`, `prehashed`, \
                 `salt_length`, `context`, `key_version`, or `batch_input`.",
            )
            .sensitive_fields(signing::SECRETS)
            .write(Transit::sign),
        Path::<Self>::new("verify/{*name}", "Verify a signature or an HMAC. The path may end in the hash algorithm.")
            .description("Takes `input`, `signature` or `hmac`, and what made it; or `batch_input`.")
            .sensitive_fields(signing::SECRETS)
            .write(|transit, _, call| transit.verify(call)),
        Path::<Self>::new("hmac/{*name}", "Make an HMAC. The path may end in the hash algorithm.")
            .description("Takes `input` (base64), `algorithm`, `key_version`, or `batch_input`.")
            .sensitive_fields(signing::SECRETS)
            .write(|transit, _, call| transit.hmac(call)),
        Path::<Self>::new("export/encryption-key/{*name}", "Export keys that encrypt. The path may end in a version.")
            .sensitive_fields(export::EXPORT_SECRETS)
            .read(|transit, _, call| Handled::read(transit.export(call, Part::Encryption))),
        Path::<Self>::new("export/signing-key/{*name}", "Export keys that sign. The path may end in a version.")
            .sensitive_fields(export::EXPORT_SECRETS)
            .read(|transit, _, call| Handled::read(transit.export(call, Part::Signing))),
        Path::<Self>::new("export/hmac-key/{*name}", "Export keys of HMACs. The path may end in a version.")
            .sensitive_fields(export::EXPORT_SECRETS)
            .read(|transit, _, call| Handled::read(transit.export(call, Part::Hmac))),
        Path::<Self>::new("export/public-key/{*name}", "Export public keys. The path may end in a version.")
            .read(|transit, _, call| Handled::read(transit.export(call, Part::Public))),
        Path::<Self>::new("backup/{name}", "Read a key with all its versions.")
            .sensitive_fields(export::BACKUP_SECRETS)
            .read(|transit, _, call| Handled::read(transit.backup(call))),
        Path::<Self>::new("restore", "Restore a key from a backup.")
            .description("Takes `backup`, `name` and `force`.")
            .sensitive_fields(export::BACKUP_SECRETS)
            .write(|transit, _, call| Handled::pending(transit.restore(call))),
        Path::<Self>::new("restore/{name}", "Restore a key from a backup, under this name.")
            .description("Takes `backup` and `force`.")
            .sensitive_fields(export::BACKUP_SECRETS)
            .write(|transit, _, call| Handled::pending(transit.restore(call))),
        Path::<Self>::new("cache-config", "Read and write how many keys are kept in memory.")
            .description("Takes `size`: 0 leaves it to the server.")
            .read(|transit, _, _| Handled::ready(transit.show_cache()))
            .write(|transit, _, call| Handled::pending(transit.configure_cache(call))),
        Path::<Self>::new("config/keys", "Read and write the settings of all keys.")
            .description("Takes `disable_upsert`: whether `encrypt` makes no keys.")
            .read(|transit, _, _| Handled::ready(transit.show_config()))
            .write(|transit, _, call| Handled::pending(transit.configure_keys(call))),
        Path::<Self>::new("hash", "Hash data.")
            .description("Takes `input` (base64), `algorithm` and `format` (hex or base64).")
            .sensitive_fields(tools::HASH_SECRETS)
            .write(|_, _, call| Handled::ready(tools::hash(call.data, ""))),
        Path::<Self>::new("hash/{algorithm}", "Hash data by this algorithm.")
            .description("Takes `input` (base64) and `format` (hex or base64).")
            .sensitive_fields(tools::HASH_SECRETS)
            .write(|_, _, call| Handled::ready(tools::hash(call.data, call.captured))),
        Path::<Self>::new("random", "Make random bytes.")
            .description("Takes `bytes` and `format` (hex or base64).")
            .sensitive_fields(tools::RANDOM_SECRETS)
            .write(|_, unsealed, call| Handled::ready(tools::random(&*unsealed.host.entropy, call.data, ""))),
        Path::<Self>::new("random/{*bytes}", "Make this many random bytes, or bytes of this source.")
            .description("Takes `bytes` and `format` (hex or base64).")
            .sensitive_fields(tools::RANDOM_SECRETS)
            .write(|_, unsealed, call| {
                Handled::ready(tools::random(&*unsealed.host.entropy, call.data, call.captured))
            }),
    ];

    async fn open(space: Arc<Space>) -> Result<Self, Refusal> {
        let config = Config::decode_stored(space.get(CONFIG).await?.as_ref())?;
        let keys = KeyCache::default();
        keys.limit(usize::try_from(config.cache_size).unwrap_or(0));
        Ok(Self { space, keys, config: RwLock::new(config), refreshing: Mutex::default() })
    }

    fn invalidate<'a>(&'a self, key: &'a str) -> Read<'a, Result<(), Refusal>> {
        if key == CONFIG {
            return Read::pending(self.refresh());
        }
        if let Some(name) = key.strip_prefix(KEYS) {
            self.keys.remove(name);
        }
        Read::Ready(Ok(()))
    }
}

impl Transit {
    fn config(&self) -> Config {
        *self.config.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Shows the settings that are stored now. One at a time: the last to read shows what was stored last.
    async fn refresh(&self) -> Result<(), Refusal> {
        let _turn = self.refreshing.lock().await;
        let config = Config::decode_stored(self.space.get(CONFIG).await?.as_ref())?;
        self.keys.limit(usize::try_from(config.cache_size).unwrap_or(0));
        *self.config.write().unwrap_or_else(PoisonError::into_inner) = config;
        Ok(())
    }

    /// Whether there is a key for an `encrypt`.
    fn exists(&self, call: &Call<'_>) -> Read<'_, Option<Box<Existing>>> {
        if self.config().disable_upsert {
            return Read::Ready(None);
        }
        match self.keys.look_up(call.captured) {
            Ok(key) => Read::Ready(Some(Box::new(Existing::known(key.stored_bytes)))),
            Err(_) => self.space.existing(&stored_at(call.captured)),
        }
    }

    /// The key of a name, from memory or the store.
    fn key(&self, name: &str) -> Read<'_, Result<Option<Arc<Key>>, Refusal>> {
        let ticket = match self.keys.look_up(name) {
            Ok(key) => return Read::Ready(Ok(Some(key))),
            Err(ticket) => ticket,
        };
        let owned = name.to_owned();
        self.space.get(&stored_at(name)).map(move |stored| {
            let Some(stored) = stored? else { return Ok(None) };
            let key = Arc::new(Key::decode(&owned, stored.expose())?);
            self.keys.insert(&key, ticket);
            Ok(Some(key))
        })
    }

    /// Changes a key, as one batch. `decide` is called with the key that is stored, perhaps more than once.
    async fn change_key<T>(
        &self,
        call: &Call<'_>,
        name: &str,
        mut decide: impl FnMut(Option<Key>) -> Result<(Change, T), Refusal>,
    ) -> Result<T, Refusal> {
        let at = stored_at(name);
        // However this ends, the key is read again afterwards.
        let _changed = Forget { keys: &self.keys, name };
        let change = self.space.change(&at, call.existing, call.permit, |stored, draft| {
            let stored = stored.map(|stored| Key::decode(name, stored.expose())).transpose()?;
            let (change, result) = decide(stored)?;
            match change {
                Change::Keep => {}
                Change::Delete => draft.delete(&at)?,
                Change::Put(key) => {
                    let record = key.encode();
                    if record.len() > MOST_BYTES {
                        let (length, count) = (record.len(), key.versions.len());
                        return Err(Refusal::invalid(format!(
                            "the key would have {count} versions and take {length} bytes; it may take {MOST_BYTES} at \
                             most: remove old versions with keys/NAME/trim"
                        )));
                    }
                    call.permit.hold_change(record.len())?;
                    draft.put(&at, record.expose())?;
                }
            }
            Ok(result)
        });
        change.await
    }
}

/// Takes a key out of memory when a change of it has ended.
struct Forget<'a> {
    keys: &'a KeyCache,
    name: &'a str,
}

impl Drop for Forget<'_> {
    fn drop(&mut self) {
        self.keys.remove(self.name);
    }
}

fn stored_at(name: &str) -> String {
    [KEYS, name].concat()
}
