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
use super::codec::{self, Writer};
use crate::audit_errors::{WARN_AT_ROOT, WARN_WRONG_PATH};
use crate::engine::{Call, ChangeBatch, Engine, EngineKind, Existing, Handled, Mounting, Path, Space};
use crate::operation::Operation;
use crate::outcome::{Outcome, Refusal, Reply, ReplyShape, Warning};

const CONFIG: &str = "config";
const CONFIG_FORMAT: u8 = 1;

pub(crate) struct Kv2 {
    space: Arc<Space>,
    config: RwLock<Config>,
    /// Held by whatever reads them again, until they are shown.
    refreshing: Mutex<()>,
}

pub(crate) static KIND: EngineKind =
    EngineKind::new::<Kv2>("kv", Mounting::Secrets, "Key-value store that keeps versions").version("2");

impl Engine for Kv2 {
    const PATHS: &'static [Path<Self>] = &[
        Path::<Self>::new("data/{*path}", "Read, write, patch and delete the newest version of a secret.")
            .description(
                "A read takes `version`. A write takes `data` and `options.cas`: the number of the version that it \
                 replaces, 0 for a new key.",
            )
            .read(|kv, _, call| Handled::read(kv.read(call, false)))
            .write(|kv, _, call| Handled::pending(kv.write(call)))
            .patch(|kv, _, call| Handled::pending(kv.patch(call)))
            .delete(|kv, _, call| Handled::pending(kv.delete_latest(call)))
            .exists(Self::exists),
        Path::<Self>::new("metadata/?", "List the keys of the store.")
            .list(|kv, _, call| Handled::read(kv.list("", call.permit))),
        Path::<Self>::new("metadata/{*path}", "List keys; read, write, patch and delete all that is known of one.")
            .description("A delete removes all versions for good.")
            .read(|kv, _, call| Handled::read(kv.read_metadata(call)))
            .list(|kv, _, call| Handled::read(kv.list(call.captured, call.permit)))
            .write(|kv, _, call| Handled::pending(kv.write_metadata(call)))
            .patch(|kv, _, call| Handled::pending(kv.patch_metadata(call)))
            .delete(|kv, _, call| Handled::pending(kv.delete_metadata(call)))
            .exists(Self::exists),
        Path::<Self>::new("delete/{*path}", "Delete versions of a secret so that they can be undeleted.")
            .description("Takes `versions`.")
            .write(|kv, _, call| Handled::pending(kv.delete(call))),
        Path::<Self>::new("undelete/{*path}", "Undelete versions of a secret.")
            .description("Takes `versions`.")
            .write(|kv, _, call| Handled::pending(kv.undelete(call))),
        Path::<Self>::new("destroy/{*path}", "Remove the data of versions of a secret for good.")
            .description("Takes `versions`.")
            .write(|kv, _, call| Handled::pending(kv.destroy(call))),
        Path::<Self>::new("subkeys/{*path}", "Read the names of the fields of a secret, without their values.")
            .description("Takes `version` and `depth`.")
            .read(|kv, _, call| Handled::read(kv.read(call, true))),
        Path::<Self>::new("config", "Read and write the settings of the store.")
            .description("Takes `max_versions`, `cas_required` and `delete_version_after`.")
            .read(|kv, _, _| Handled::ready(Outcome::data(kv.config().show())))
            .write(|kv, _, call| Handled::pending(kv.configure(call))),
    ];

    async fn open(space: Arc<Space>) -> Result<Self, Refusal> {
        let config = decode_config(space.get(CONFIG).await?.as_ref())?;
        Ok(Self { space, config: RwLock::new(config), refreshing: Mutex::default() })
    }

    fn invalidate<'a>(&'a self, key: &'a str) -> Read<'a, Result<(), Refusal>> {
        if key == CONFIG { Read::pending(self.refresh()) } else { Read::Ready(Ok(())) }
    }

    fn unrouted(&self, call: &Call<'_>, _: Refusal) -> Outcome {
        let (first, key) = call.path.split_once('/').unwrap_or((call.path, ""));
        let mut routes = Self::PATHS.iter().map(|path| &path.route);
        if key.is_empty() && routes.clone().any(|route| route.prefix().strip_suffix('/') == Some(first)) {
            let text = "Non-listing operations on the root of a K/V v2 mount are not supported.";
            return warned(text.to_owned(), WARN_AT_ROOT);
        }
        if routes.any(|route| route.matches(call.path).is_some()) {
            return Refusal::unsupported_operation().into();
        }
        let command = match call.operation {
            Operation::Create | Operation::Update => "put",
            Operation::Patch => "patch",
            Operation::Delete => "delete",
            Operation::List => "list",
            _ => "get",
        };
        let text = format!(
            "This K/V secrets engine keeps versions: its paths begin with data/, metadata/, delete/, undelete/, \
             destroy/ or subkeys/. On the command line, use 'onrecord kv {command}'."
        );
        warned(text, WARN_WRONG_PATH)
    }
}

impl Kv2 {
    fn exists(&self, call: &Call<'_>) -> Read<'_, Option<Box<Existing>>> {
        self.space.existing(&record_key(call.captured))
    }

    fn config(&self) -> Config {
        *self.config.read().unwrap_or_else(PoisonError::into_inner)
    }

    async fn configure(&self, call: &Call<'_>) -> Result<(), Refusal> {
        let change = self.space.change(CONFIG, None, call.permit, |stored, draft| {
            let mut config = decode_config(stored)?;
            config.apply(call.data, false)?;
            let mut writer = Writer::with_capacity(16);
            writer.byte(CONFIG_FORMAT);
            config.write(&mut writer);
            draft.put(CONFIG, &writer.finish())
        });
        change.await?;
        self.refresh().await
    }

    /// Shows the settings that are stored now. One at a time: the last to read shows what was stored last.
    async fn refresh(&self) -> Result<(), Refusal> {
        let _turn = self.refreshing.lock().await;
        let config = decode_config(self.space.get(CONFIG).await?.as_ref())?;
        *self.config.write().unwrap_or_else(PoisonError::into_inner) = config;
        Ok(())
    }
}

fn decode_config(stored: Option<&SecretBytes>) -> Result<Config, Refusal> {
    let Some(stored) = stored else { return Ok(Config::default()) };
    Ok(codec::decode(stored.expose(), CONFIG_FORMAT, Config::read)?)
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

fn record_key(key: &str) -> String {
    ["key/", key].concat()
}

/// Where a group of versions is stored. The last part is the number, so that no two keys can share a name.
fn group_key(key: &str, group: u64) -> String {
    format!("versions/{key}/{group}")
}

/// Refuses a write that does not name the version which it replaces, as far as it must. `of` begins the text.
fn check_cas(of: &str, required: bool, cas: Option<i64>, current: u64) -> Result<(), Refusal> {
    let why = match cas {
        None if required => "parameter required for this call",
        Some(cas) if u64::try_from(cas) != Ok(current) => "parameter did not match the current version",
        Some(_) | None => return Ok(()),
    };
    Err(Refusal::invalid(format!("{of}check-and-set {why}")))
}

/// 404 with an envelope in which `data` says what is left.
fn gone(data: Object) -> Outcome {
    Reply { data: Some(data), shape: ReplyShape::NotFound, ..Reply::default() }.into()
}

/// 404 with nothing in it at all, as a patch of an absent key is answered.
fn nothing() -> Outcome {
    Reply { shape: ReplyShape::NotFound, ..Reply::default() }.into()
}

fn warned(text: String, template: Template) -> Outcome {
    let warnings = vec![Warning { text, template }];
    Reply { warnings, shape: ReplyShape::NotFound, ..Reply::default() }.into()
}
