//! The mount table as it is stored: one record. Never in it: engines.

use std::sync::Arc;

use onrecord_seal::{Entropy, EntropyError};
use onrecord_value::{Object, Value, object};

use super::{MountDraft, Table};
use crate::engine::AnyEngine;
use crate::engine::codec::{Broken, Reader, Writer};
use crate::engine::kind::{Builtin, EngineKind, Kinds, Mounting};
use crate::engine::mount::{LOGINS, Mount, Tune};
use crate::engine::space::Space;
use crate::stored::{Plain, Record as _, load, record};

/// The first byte of the record. Another one is from a newer release.
const FORMAT: u8 = 1;
/// The key of the mounts whose data is to be deleted: the name that stored tables have, from the first release on.
const DELETION_KEY: &str = "doomed";

/// The table's record.
pub(super) struct Stored {
    pub(super) rows: Vec<Row>,
    pub(super) pending_deletion: Vec<String>,
}

/// A mount without its engine.
#[derive(Clone)]
pub(super) struct Row {
    pub(super) path: String,
    pub(super) kind: String,
    pub(super) uuid: String,
    accessor: String,
    description: String,
    local: bool,
    seal_wrap: bool,
    external_entropy_access: bool,
    options: Option<Object>,
    tune: Tune,
}

impl Stored {
    /// The table of a server that was just initialised.
    pub(super) fn first(kinds: &Kinds, entropy: &dyn Entropy) -> Result<Self, EntropyError> {
        let builtin = |kind: &'static EngineKind| match &kind.mounting {
            Mounting::Builtin(builtin) => Some(Row::builtin(kind, builtin, entropy)),
            Mounting::Secrets | Mounting::Login => None,
        };
        let rows = kinds.iter().filter_map(builtin).collect::<Result<_, _>>()?;
        Ok(Self { rows, pending_deletion: Vec::new() })
    }

    pub(super) fn of(table: &Table) -> Self {
        Self {
            rows: table.iter().map(|mount| Row::of(mount)).collect(),
            pending_deletion: table.pending_deletion.clone(),
        }
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::with_capacity(1024);
        writer.byte(FORMAT);
        writer.object(&object! {
            DELETION_KEY => self.pending_deletion.clone(),
            "mounts" => self.rows.iter().map(Row::to_value).collect::<Value>(),
        });
        writer.finish()
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, Broken> {
        let mut reader = Reader::new(bytes);
        if reader.byte()? != FORMAT {
            return Err(Broken);
        }
        let record = reader.object()?;
        reader.end()?;
        let rows = record.get("mounts").and_then(Value::as_array).ok_or(Broken)?;
        let rows = rows.iter().map(Row::from_value).collect::<Option<_>>().ok_or(Broken)?;
        let pending_deletion: Option<Option<_>> = load::<Plain, _>(&record, DELETION_KEY);
        Ok(Self { rows, pending_deletion: pending_deletion.ok_or(Broken)?.unwrap_or_default() })
    }
}

impl Row {
    /// A mount to be made.
    pub(super) fn new(
        kinds: &Kinds,
        path: &str,
        draft: MountDraft,
        entropy: &dyn Entropy,
    ) -> Result<Self, EntropyError> {
        let (kind, mut options) = (draft.kind, draft.options);
        if !kinds.is_version(kind, "") {
            options.insert("version", kind.version);
        }
        Ok(Self {
            path: path.to_owned(),
            kind: kind.name.to_owned(),
            uuid: entropy.uuid()?,
            accessor: accessor(path, kind, entropy)?,
            description: draft.description,
            local: draft.local,
            seal_wrap: draft.seal_wrap,
            external_entropy_access: draft.external_entropy_access,
            options: Some(options),
            tune: draft.tune,
        })
    }

    fn builtin(kind: &EngineKind, builtin: &Builtin, entropy: &dyn Entropy) -> Result<Self, EntropyError> {
        Ok(Self {
            path: builtin.path.to_owned(),
            kind: kind.name.to_owned(),
            uuid: entropy.uuid()?,
            accessor: accessor(builtin.path, kind, entropy)?,
            description: builtin.description.to_owned(),
            local: builtin.local,
            seal_wrap: builtin.seal_wrap,
            external_entropy_access: false,
            options: None,
            tune: (builtin.tune)(),
        })
    }

    fn of(mount: &Mount) -> Self {
        Self {
            path: mount.path.clone(),
            kind: mount.kind.name.to_owned(),
            uuid: mount.uuid.clone(),
            accessor: mount.accessor.clone(),
            description: mount.description.clone(),
            local: mount.local,
            seal_wrap: mount.seal_wrap,
            external_entropy_access: mount.external_entropy_access,
            options: mount.options.clone(),
            tune: mount.tune.clone(),
        }
    }

    /// With its engine.
    pub(super) fn mount(
        self,
        kind: &'static EngineKind,
        engine: Arc<dyn AnyEngine>,
        space: Arc<Space>,
    ) -> Mount {
        Mount {
            path: self.path,
            kind,
            accessor: self.accessor,
            uuid: self.uuid,
            description: self.description,
            local: self.local,
            seal_wrap: self.seal_wrap,
            external_entropy_access: self.external_entropy_access,
            options: self.options,
            tune: self.tune,
            engine,
            space,
        }
    }

    /// The option `version`; empty without.
    pub(super) fn version(&self) -> &str {
        self.options.as_ref().and_then(|options| options.str("version")).unwrap_or_default()
    }

    fn to_value(&self) -> Value {
        Value::Object(self.to_object().into_iter().chain(self.tune.to_object()).collect())
    }

    fn from_value(row: &Value) -> Option<Self> {
        let row = row.as_object()?;
        Self::from_object(row, (Tune::from_object(row, ())?,)).filter(|row| row.path.ends_with('/'))
    }
}

record! { Row(tune: Tune) {
    "accessor" => accessor,
    "description" => description,
    "external_entropy_access" => external_entropy_access,
    "kind" => kind,
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
} }

/// `kv_1a2b3c4d`, `auth_token_1a2b3c4d`.
fn accessor(path: &str, kind: &EngineKind, entropy: &dyn Entropy) -> Result<String, EntropyError> {
    let mut random = [0; 4];
    entropy.fill(&mut random)?;
    let class = if path.starts_with(LOGINS) { "auth_" } else { "" };
    Ok(format!("{class}{}_{:08x}", kind.name, u32::from_be_bytes(random)))
}

#[cfg(test)]
mod tests {
    use onrecord_seal::OsEntropy;
    use onrecord_value::object;
    use proptest::prelude::*;

    use super::{Row, Stored};
    use crate::engine::mount::Tune;
    use crate::engine::mounts::MountDraft;
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
        let mut stored = Stored::first(&kinds::builtin(), &entropy).unwrap();
        let draft = MountDraft {
            kind: &engine::kv2::KIND,
            description: "what for".to_owned(),
            local: true,
            seal_wrap: true,
            external_entropy_access: true,
            options: object! { "other" => "x" },
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
            },
        };
        stored.rows.push(Row::new(&kinds::builtin(), "kv/", draft.clone(), &entropy).unwrap());
        stored.pending_deletion.push("gone".to_owned());
        let only = |row: Row| Row { uuid: "u".to_owned(), accessor: "kv_1".to_owned(), ..row };
        let golden = Stored {
            rows: stored.rows.iter().filter(|row| row.path == "kv/").cloned().map(only).collect(),
            pending_deletion: vec!["gone".to_owned()],
        };
        assert_eq!(const_hex::encode(golden.encode()), GOLDEN);
        let back = Stored::decode(&stored.encode()).unwrap();
        assert_eq!(back.pending_deletion, ["gone"]);
        assert_eq!(back.encode(), stored.encode());
        let kv = back.rows.iter().find(|row| row.path == "kv/").unwrap();
        assert_eq!(kv.tune, draft.tune);
        assert_eq!(kv.version(), "2");
        assert_eq!(kv.options.as_ref().unwrap().str("other"), Some("x"));
    }

    #[test]
    fn accessors_begin_with_their_kind() {
        let stored = Stored::first(&kinds::builtin(), &OsEntropy::new()).unwrap();
        for (row, class) in stored.rows.iter().zip(["system_", "cubbyhole_", "auth_token_"]) {
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
            drop(Stored::decode(&bytes));
            bytes[0] = 1;
            drop(Stored::decode(&bytes));
        }
    }
}
