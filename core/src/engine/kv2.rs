//! Key-value, version 2: every write makes a version, old ones can be read, deleted, undeleted and destroyed.
//! Never in it: tokens, policies, entries.
//!
//! A key is one record that holds its metadata and, as long as it is small, all versions (docs/adr/0005-kv-layout.md).

mod config;
mod data;
mod merge;
mod metadata;
mod record;

use std::sync::{Arc, PoisonError, RwLock};

use onrecord_entry::text::Template;
use onrecord_seal::SecretBytes;
use onrecord_storage::Read;
use onrecord_value::Object;
use tokio::sync::Mutex;

use self::config::Config;
use self::record::Record;
use super::codec::{Broken, Reader, Writer};
use super::space::{ChangeBatch, Existing, Space};
use super::{Call, Engine, Handled, Path, fields};
use crate::audit_errors::{WARN_AT_ROOT, WARN_WRONG_PATH};
use crate::engine::kind::{EngineKind, Mounting};
use crate::operation::Operation;
use crate::outcome::{Outcome, Refusal, Reply, ReplyShape, Warning};

const CONFIG: &str = "config";
/// The first byte of the stored settings.
const CONFIG_FORMAT: u8 = 1;

/// A mount of the engine.
pub(crate) struct Kv2 {
    space: Arc<Space>,
    /// The engine's settings as stored.
    config: RwLock<Arc<Config>>,
    /// Held by whatever reads them again, until they are shown.
    refreshing: Mutex<()>,
}

/// Key-value, version 2.
pub(crate) static KIND: EngineKind =
    EngineKind::new::<Kv2>("kv", Mounting::Secrets, "Key-value store that keeps versions").version("2");

impl Engine for Kv2 {
    const PATHS: &'static [Path<Self>] = &[
        Path::<Self>::new("data/{*path}", "Read, write, patch and delete the newest version of a secret.")
            .description(
                "A read takes `version`. A write takes `data` and `options.cas`: the number of the version that it \
                 replaces, 0 for a new key.",
            )
            .read(|kv, _, call| Handled::read(kv.read(call, call.captured)))
            .write(|kv, _, call| Handled::pending(kv.write(call, call.captured)))
            .patch(|kv, _, call| Handled::pending(kv.patch(call, call.captured)))
            .delete(|kv, _, call| Handled::pending(kv.delete_latest(call, call.captured)))
            .exists(Self::exists),
        Path::<Self>::new("metadata/?", "List the keys of the store.")
            .list(|kv, _, _| Handled::read(kv.list(""))),
        Path::<Self>::new("metadata/{*path}", "List keys; read, write, patch and delete all that is known of one.")
            .description("A delete removes all versions for good.")
            .read(|kv, _, call| Handled::read(kv.read_metadata(call, call.captured)))
            .list(|kv, _, call| Handled::read(kv.list(call.captured)))
            .write(|kv, _, call| Handled::pending(kv.write_metadata(call, call.captured)))
            .patch(|kv, _, call| Handled::pending(kv.patch_metadata(call, call.captured)))
            .delete(|kv, _, call| Handled::pending(kv.delete_metadata(call.captured)))
            .exists(Self::exists),
        Path::<Self>::new("delete/{*path}", "Delete versions of a secret so that they can be undeleted.")
            .description("Takes `versions`.")
            .write(|kv, _, call| Handled::pending(kv.delete(call, call.captured))),
        Path::<Self>::new("undelete/{*path}", "Undelete versions of a secret.")
            .description("Takes `versions`.")
            .write(|kv, _, call| Handled::pending(kv.undelete(call, call.captured))),
        Path::<Self>::new("destroy/{*path}", "Remove the data of versions of a secret for good.")
            .description("Takes `versions`.")
            .write(|kv, _, call| Handled::pending(kv.destroy(call, call.captured))),
        Path::<Self>::new("subkeys/{*path}", "Read the names of the fields of a secret, without their values.")
            .description("Takes `version` and `depth`.")
            .read(|kv, _, call| Handled::read(kv.subkeys(call, call.captured))),
        Path::<Self>::new("config", "Read and write the settings of the store.")
            .description("Takes `max_versions`, `cas_required` and `delete_version_after`.")
            .read(|kv, _, _| Handled::ready(Outcome::data(kv.config().show())))
            .write(|kv, _, call| Handled::pending(kv.configure(call))),
    ];

    async fn open(space: Arc<Space>) -> Result<Self, Refusal> {
        let config = stored_config(&space).await?;
        Ok(Self { space, config: RwLock::new(Arc::new(config)), refreshing: Mutex::default() })
    }

    fn invalidate<'a>(&'a self, key: &'a str) -> Read<'a, Result<(), Refusal>> {
        if key == CONFIG { Read::pending(self.refresh()) } else { Read::Ready(Ok(())) }
    }

    fn unrouted(&self, call: &Call<'_>, _: Refusal) -> Outcome {
        let (first, key) = call.path.split_once('/').unwrap_or((call.path, ""));
        let keyed = |path: &Path<Self>| path.route.prefix().strip_suffix('/') == Some(first);
        if key.is_empty() && Self::PATHS.iter().any(keyed) {
            return at_root();
        }
        if Self::PATHS.iter().any(|path| path.route.matches(call.path).is_some()) {
            Refusal::unsupported_operation().into()
        } else {
            wrong_prefix(call.operation)
        }
    }
}

impl Kv2 {
    /// What is stored of the key of a write.
    fn exists(&self, call: &Call<'_>) -> Read<'_, Option<Box<Existing>>> {
        self.space.existing(&record_key(call.captured))
    }

    fn config(&self) -> Arc<Config> {
        Arc::clone(&self.config.read().unwrap_or_else(PoisonError::into_inner))
    }

    async fn configure(&self, call: &Call<'_>) -> Result<Outcome, Refusal> {
        self.space
            .change(CONFIG, None, |stored, draft| {
                let mut config = stored.map_or_else(|| Ok(Config::default()), decode_config)?;
                config.apply(call.data)?;
                let mut writer = Writer::with_capacity(16);
                writer.byte(CONFIG_FORMAT);
                config.write(&mut writer);
                draft.put(CONFIG, &writer.finish())
            })
            .await?;
        self.refresh().await?;
        Ok(Outcome::empty())
    }

    /// Shows the settings that are stored now. One at a time: the last to read shows what was stored last.
    async fn refresh(&self) -> Result<(), Refusal> {
        let _turn = self.refreshing.lock().await;
        let config = Arc::new(stored_config(&self.space).await?);
        *self.config.write().unwrap_or_else(PoisonError::into_inner) = config;
        Ok(())
    }
}

async fn stored_config(space: &Space) -> Result<Config, Refusal> {
    space.get(CONFIG).await?.as_ref().map_or_else(|| Ok(Config::default()), decode_config)
}

fn decode_config(stored: &SecretBytes) -> Result<Config, Refusal> {
    let mut reader = Reader::new(stored.expose());
    if reader.byte()? != CONFIG_FORMAT {
        return Err(Broken.into());
    }
    let config = Config::read(&mut reader)?;
    reader.end()?;
    Ok(config)
}

/// Stores a changed key, with the group of versions that moved out of its record, and removes the groups of which no
/// version is left. `before` are the groups it had.
fn store(draft: &mut ChangeBatch<'_>, key: &str, record: Record<'_>, before: &[u64]) -> Result<(), Refusal> {
    let left = record.groups();
    for group in before.iter().filter(|group| !left.contains(group)) {
        draft.delete(&group_key(key, *group))?;
    }
    let settled = record.settle();
    if let Some((group, bytes)) = settled.group {
        draft.put(&group_key(key, group), &bytes)?;
    }
    draft.put(&record_key(key), &settled.bytes)
}

/// Where the record of a key is stored.
fn record_key(key: &str) -> String {
    ["key/", key].concat()
}

/// Where a group of versions is stored. The last part is the number, so that no two keys can share a name.
fn group_key(key: &str, group: u64) -> String {
    format!("versions/{key}/{group}")
}

/// 404 with an envelope in which `data` says what is left.
fn gone(data: Object) -> Outcome {
    Outcome::Reply(Box::new(Reply { data: Some(data), shape: ReplyShape::NotFound, ..Reply::default() }))
}

/// 404 with nothing in it at all, as a patch of an absent key is answered.
fn nothing() -> Outcome {
    Outcome::Reply(Box::new(Reply { shape: ReplyShape::NotFound, ..Reply::default() }))
}

fn warned(text: String, template: Template) -> Outcome {
    let warnings = vec![Warning { text, template }];
    Outcome::Reply(Box::new(Reply { warnings, shape: ReplyShape::NotFound, ..Reply::default() }))
}

fn at_root() -> Outcome {
    warned("Non-listing operations on the root of a K/V v2 mount are not supported.".to_owned(), WARN_AT_ROOT)
}

fn wrong_prefix(operation: Operation) -> Outcome {
    let command = match operation {
        Operation::Create | Operation::Update => "put",
        Operation::Patch => "patch",
        Operation::Delete => "delete",
        Operation::List => "list",
        Operation::Read | Operation::Header | Operation::Help => "get",
    };
    let text = format!(
        "This K/V secrets engine keeps versions: its paths begin with data/, metadata/, delete/, undelete/, \
         destroy/ or subkeys/. On the command line, use 'onrecord kv {command}'."
    );
    warned(text, WARN_WRONG_PATH)
}

/// A reply with data, and a warning about fields that the endpoint does not know.
fn answer(data: Object, call: &Call<'_>, known: &[&str]) -> Outcome {
    let warnings = fields::unrecognized(call.data, known).into_iter().collect();
    Outcome::Reply(Box::new(Reply { data: Some(data), warnings, ..Reply::default() }))
}
