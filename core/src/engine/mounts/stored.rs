//! The mount table as it is stored: one record. Never in it: engines.

use onrecord_seal::{Entropy, EntropyError};
use onrecord_value::{Object, Value, object};

use super::MountError;
use crate::engine::codec::{self, Broken, Reader, Writer};
use crate::engine::kind::{EngineKind, Kinds, Mounting};
use crate::engine::mount::{LOGINS, MountEntry, Tune};
use crate::stored::{Plain, Record as _, load, record};

/// The first byte of the record. Another one is from a newer release.
const FORMAT: u8 = 1;
/// The key of the mounts whose data is to be deleted: the name that stored tables have, from the first release on.
const DELETION_KEY: &str = "doomed";

/// The mounts of a server that was just initialised.
pub(super) fn first(kinds: &Kinds, entropy: &dyn Entropy) -> Result<Vec<MountEntry>, EntropyError> {
    missing(&[], kinds, entropy)
}

/// The built-in mounts that a table lacks.
pub(super) fn missing(
    table: &[MountEntry],
    kinds: &Kinds,
    entropy: &dyn Entropy,
) -> Result<Vec<MountEntry>, EntropyError> {
    let builtin = |kind: &'static EngineKind| match &kind.mounting {
        Mounting::Builtin(builtin) => Some(MountEntry {
            path: builtin.path.to_owned(),
            kind,
            uuid: String::new(),
            accessor: String::new(),
            description: builtin.description.to_owned(),
            local: builtin.local,
            seal_wrap: builtin.seal_wrap,
            external_entropy_access: false,
            options: None,
            tune: (builtin.tune)(),
        }),
        Mounting::Secrets | Mounting::Login => None,
    };
    let is_missing = |entry: &MountEntry| !table.iter().any(|mount| mount.path == entry.path);
    kinds.iter().filter_map(builtin).filter(is_missing).map(|entry| with_ids(entry, entropy)).collect()
}

/// A mount with its UUID and its accessor: `kv_1a2b3c4d`, `auth_token_1a2b3c4d`.
pub(super) fn with_ids(entry: MountEntry, entropy: &dyn Entropy) -> Result<MountEntry, EntropyError> {
    let uuid = entropy.uuid()?;
    let mut random = [0; 4];
    entropy.fill(&mut random)?;
    let class = if entry.path.starts_with(LOGINS) { "auth_" } else { "" };
    let accessor = format!("{class}{}_{:08x}", entry.kind.name, u32::from_be_bytes(random));
    Ok(MountEntry { accessor, uuid, ..entry })
}

pub(super) fn encode<'a>(
    mounts: impl IntoIterator<Item = &'a MountEntry>,
    pending_deletion: &[String],
) -> Vec<u8> {
    let row = |mount: &MountEntry| {
        let mut row = mount.to_object();
        row.extend(mount.tune.to_object());
        row.insert("kind", mount.kind.name);
        row
    };
    let mut writer = Writer::with_capacity(1024);
    writer.byte(FORMAT);
    writer.object(&object! {
        DELETION_KEY => pending_deletion,
        "mounts" => mounts.into_iter().map(row).collect::<Value>(),
    });
    writer.finish()
}

/// The mounts, and the ids of those whose data is to be deleted.
pub(super) fn decode(bytes: &[u8], kinds: &Kinds) -> Result<(Vec<MountEntry>, Vec<String>), MountError> {
    let record = codec::decode(bytes, FORMAT, Reader::object)?;
    let rows = record.get("mounts").and_then(Value::as_array).ok_or(Broken)?;
    let rows =
        rows.iter().map(|row| mount(row.as_object().ok_or(Broken)?, kinds)).collect::<Result<_, _>>()?;
    let pending_deletion: Option<Option<_>> = load::<Plain, _>(&record, DELETION_KEY);
    Ok((rows, pending_deletion.ok_or(Broken)?.unwrap_or_default()))
}

fn mount(row: &Object, kinds: &Kinds) -> Result<MountEntry, MountError> {
    let path = row.str("path").filter(|path| path.ends_with('/')).ok_or(Broken)?;
    let version = row.object("options").and_then(|options| options.str("version")).unwrap_or_default();
    let kind = kinds.stored(row.str("kind").ok_or(Broken)?, version);
    let kind = kind.ok_or_else(|| MountError::Engine(path.to_owned()))?;
    let tune = Tune::from_object(row, ()).ok_or(Broken)?;
    Ok(MountEntry::from_object(row, (kind, tune)).ok_or(Broken)?)
}

record! { MountEntry(kind: &'static EngineKind, tune: Tune) {
    "accessor" => accessor,
    "description" => description,
    "external_entropy_access" => external_entropy_access,
    "local" => local,
    "options" => options,
    "path" => path,
    "seal_wrap" => seal_wrap,
    "uuid" => uuid,
} }

record! { Tune() {
    "allowed_response_headers" => allowed_response_headers,
    "audit_non_hmac_request_keys" => audit_non_hmac_request_keys,
    "audit_non_hmac_response_keys" => audit_non_hmac_response_keys,
    "default_lease_ttl" => default_lease_ttl,
    "force_no_cache" => force_no_cache,
    "listing_visibility" => listing_visibility,
    "max_lease_ttl" => max_lease_ttl,
    "passthrough_request_headers" => passthrough_request_headers,
    "token_type" => token_type,
} optional {
    "user_lockout_counter_reset_duration" => user_lockout_counter_reset_duration,
    "user_lockout_disable" => user_lockout_disable,
    "user_lockout_duration" => user_lockout_duration,
    "user_lockout_threshold" => user_lockout_threshold,
} }

#[cfg(test)]
mod tests {
    use onrecord_seal::OsEntropy;
    use onrecord_value::object;
    use proptest::prelude::*;

    use super::{decode, encode, first, with_ids};
    use crate::engine::mount::{MountEntry, Tune};
    use crate::{engine, kinds};

    /// A table as the first release stored it.
    const GOLDEN: &str = "010206646f6f6d656406010404676f6e65066d6f756e747306010712086163636573736f7204046b765f3118616c6c6f\
         7765645f726573706f6e73655f68656164657273001b61756469745f6e6f6e5f686d61635f726571756573745f6b6579\
         73060204046f70656e04001c61756469745f6e6f6e5f686d61635f726573706f6e73655f6b6579730600116465666175\
         6c745f6c656173655f74746c0301310b6465736372697074696f6e04087768617420666f721765787465726e616c5f65\
         6e74726f70795f616363657373020e666f7263655f6e6f5f636163686502046b696e6404026b76126c697374696e675f\
         7669736962696c6974790406756e61757468056c6f63616c020d6d61785f6c656173655f74746c030132076f7074696f\
         6e730702056f746865720401780776657273696f6e0401321b706173737468726f7567685f726571756573745f686561\
         6465727306010403582d41047061746804036b762f097365616c5f77726170020a746f6b656e5f747970650400047575\
         6964040175";

    #[test]
    fn every_setting_comes_back() {
        let entropy = OsEntropy::new();
        let mut mounts = first(&kinds::builtin(), &entropy).unwrap();
        let draft = MountEntry {
            path: "kv/".to_owned(),
            uuid: String::new(),
            accessor: String::new(),
            kind: &engine::kv2::KIND,
            description: "what for".to_owned(),
            local: true,
            seal_wrap: true,
            external_entropy_access: true,
            options: Some(object! { "other" => "x", "version" => "2" }),
            tune: Tune {
                default_lease_ttl: 1,
                max_lease_ttl: 2,
                audit_non_hmac_request_keys: Some(vec!["open".to_owned(), String::new()]),
                audit_non_hmac_response_keys: Some(Vec::new()),
                force_no_cache: true,
                listing_visibility: "unauth".to_owned(),
                passthrough_request_headers: Some(vec!["X-A".to_owned()]),
                allowed_response_headers: None,
                token_type: String::new(),
                ..Tune::default()
            },
        };
        let golden = MountEntry { uuid: "u".to_owned(), accessor: "kv_1".to_owned(), ..draft.clone() };
        assert_eq!(const_hex::encode(encode([&golden], &["gone".to_owned()])), GOLDEN);
        mounts.push(with_ids(draft.clone(), &entropy).unwrap());
        let stored = encode(&mounts, &["gone".to_owned()]);
        let (back, pending_deletion) = decode(&stored, &kinds::builtin()).unwrap();
        assert_eq!(pending_deletion, ["gone"]);
        assert_eq!(encode(&back, &pending_deletion), stored);
        let kv = back.iter().find(|mount| mount.path == "kv/").unwrap();
        assert_eq!(kv.tune, draft.tune);
        assert_eq!(kv.kind.version, "2");
        assert_eq!(kv.options.as_ref().unwrap().str("other"), Some("x"));
    }

    #[test]
    fn accessors_begin_with_their_kind() {
        let mounts = first(&kinds::builtin(), &OsEntropy::new()).unwrap();
        for (row, class) in mounts.iter().zip(["system_", "cubbyhole_", "auth_token_"]) {
            let random = row.accessor.strip_prefix(class).unwrap();
            assert!(
                random.len() == 8 && random.bytes().all(|byte| byte.is_ascii_hexdigit()),
                "{}",
                row.accessor
            );
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_decoder_panic(mut bytes in prop::collection::vec(any::<u8>(), 1..300)) {
            drop(decode(&bytes, &kinds::builtin()));
            bytes[0] = 1;
            drop(decode(&bytes, &kinds::builtin()));
        }
    }
}
