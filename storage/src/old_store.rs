//! What a version stored that kept no digests, for tests of the first unsealing after an upgrade. Never in it: what this
//! version stores.

use onrecord_seal::{EnvelopeKey, KeyringError, OsEntropy, SealConfig, SecretBytes, keyring};

use crate::batch::Batch;

/// A store with these values, made by its first initialisation; and its only key share.
///
/// # Errors
/// The system gives no random bytes.
pub fn old_store(values: &[(&str, &[u8])]) -> Result<(Batch, SecretBytes), KeyringError> {
    let entropy = OsEntropy::new();
    let random = || keyring::random_key(&entropy);
    let (key, root, name, term) = (random()?, random()?, random()?, random()?);
    let mut batch = Batch::new();
    let mut put = |key: &SecretBytes, name: &str, plain: &[u8]| -> Result<(), KeyringError> {
        batch.put(name, EnvelopeKey::new(key)?.seal(1, name, plain, &entropy)?);
        Ok(())
    };
    let keyring = [
        &b"ORK1"[..],
        &1_u32.to_be_bytes(),
        name.expose(),
        &1_u32.to_be_bytes(),
        &1_u32.to_be_bytes(),
        &0_i64.to_be_bytes(),
        &0_u64.to_be_bytes(),
        term.expose(),
    ]
    .concat();
    put(&key, "barrier/root-key", root.expose())?;
    put(&root, "barrier/keyring", &keyring)?;
    for (name, value) in values {
        put(&term, name, value)?;
    }
    batch.put("barrier/seal-config", SealConfig::new(1, 1).map_err(|_| KeyringError::Form)?.encode());
    Ok((batch, key))
}
