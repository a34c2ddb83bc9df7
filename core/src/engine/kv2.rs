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

use onrecord_entry::Template;
use onrecord_seal::SecretBytes;
use onrecord_value::Object;
use tokio::sync::Mutex;

use self::config::Config;
use self::record::Record;
use super::codec::{Broken, Reader, Writer};
use super::space::{ChangeBatch, Space};
use super::{Call, fields};
use crate::audit_errors::{WARN_AT_ROOT, WARN_WRONG_PATH};
use crate::operation::Operation;
use crate::outcome::{Outcome, Refusal, Reply, ReplyShape, Warning};

const CONFIG: &str = "config";
/// The first byte of the stored settings.
const CONFIG_FORMAT: u8 = 1;

/// A mount of the engine.
pub struct Kv2 {
    space: Arc<Space>,
    /// The engine's settings as stored.
    config: RwLock<Arc<Config>>,
    /// Held by whatever reads them again, until they are shown.
    refreshing: Mutex<()>,
}

/// What a path names.
enum KvPath<'a> {
    Config,
    Data(&'a str),
    Metadata(&'a str),
    Delete(&'a str),
    Undelete(&'a str),
    Destroy(&'a str),
    Subkeys(&'a str),
    Elsewhere,
}

impl<'a> KvPath<'a> {
    fn of(path: &'a str) -> Self {
        let (first, key) = path.split_once('/').unwrap_or((path, ""));
        match first {
            "config" if path == first => Self::Config,
            "data" => Self::Data(key),
            "metadata" => Self::Metadata(key),
            "delete" => Self::Delete(key),
            "undelete" => Self::Undelete(key),
            "destroy" => Self::Destroy(key),
            "subkeys" => Self::Subkeys(key),
            _ => Self::Elsewhere,
        }
    }

    const fn key(&self) -> Option<&'a str> {
        match self {
            Self::Data(key)
            | Self::Metadata(key)
            | Self::Delete(key)
            | Self::Undelete(key)
            | Self::Destroy(key)
            | Self::Subkeys(key) => Some(key),
            Self::Config | Self::Elsewhere => None,
        }
    }
}

impl Kv2 {
    /// The engine over its part of the store, with the settings stored there.
    pub async fn open(space: Arc<Space>) -> Result<Self, Refusal> {
        let config = stored_config(&space).await?;
        Ok(Self { space, config: RwLock::new(Arc::new(config)), refreshing: Mutex::default() })
    }

    /// Does what is asked.
    pub async fn handle(&self, call: &Call<'_>) -> Outcome {
        self.dispatch(call).await.unwrap_or_else(Outcome::from)
    }

    /// Whether the key of a write is there already.
    pub async fn exists(&self, call: &Call<'_>) -> Option<bool> {
        match KvPath::of(call.path) {
            KvPath::Data(key) | KvPath::Metadata(key) if !key.is_empty() => {
                self.space.get(&record_key(key)).await.ok().map(|stored| stored.is_some())
            }
            _ => None,
        }
    }

    async fn dispatch(&self, call: &Call<'_>) -> Result<Outcome, Refusal> {
        use Operation::{List, Read};
        let path = KvPath::of(call.path);
        let listing = matches!(path, KvPath::Metadata(_)) && call.operation == List;
        if path.key().is_some_and(|key| key.is_empty() || (call.operation.is_write() && key.ends_with('/')))
            && !listing
        {
            return Ok(at_root());
        }
        match (path, call.operation) {
            (KvPath::Elsewhere, operation) => Ok(wrong_prefix(operation)),
            (KvPath::Config, Read) => Ok(Outcome::data(self.config().show())),
            (KvPath::Data(key), Read) => self.read(call, key).await,
            (KvPath::Subkeys(key), Read) => self.subkeys(call, key).await,
            (KvPath::Metadata(key), List) => self.list(key).await,
            (KvPath::Metadata(key), Read) => self.read_metadata(call, key).await,
            // Changes are larger and wait longer: on the heap, so that a read need not carry their size.
            (path, operation) => Box::pin(self.change(call, path, operation)).await,
        }
    }

    async fn change(
        &self,
        call: &Call<'_>,
        path: KvPath<'_>,
        operation: Operation,
    ) -> Result<Outcome, Refusal> {
        use Operation::{Create, Delete, Patch, Update};
        match (path, operation) {
            (KvPath::Config, Create | Update) => self.configure(call).await,
            (KvPath::Data(key), Create | Update) => self.write(call, key).await,
            (KvPath::Data(key), Patch) => self.patch(call, key).await,
            (KvPath::Data(key), Delete) => self.delete_latest(call, key).await,
            (KvPath::Delete(key), Create | Update) => self.delete(call, key).await,
            (KvPath::Undelete(key), Create | Update) => self.undelete(call, key).await,
            (KvPath::Destroy(key), Create | Update) => self.destroy(call, key).await,
            (KvPath::Metadata(key), Create | Update) => self.write_metadata(call, key).await,
            (KvPath::Metadata(key), Patch) => self.patch_metadata(call, key).await,
            (KvPath::Metadata(key), Delete) => self.delete_metadata(key).await,
            _ => Err(Refusal::unsupported_operation()),
        }
    }

    fn config(&self) -> Arc<Config> {
        Arc::clone(&self.config.read().unwrap_or_else(PoisonError::into_inner))
    }

    async fn configure(&self, call: &Call<'_>) -> Result<Outcome, Refusal> {
        self.space
            .change(CONFIG, |stored, draft| {
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

    /// Reads again what is kept in memory of a stored value: the engine's settings.
    pub async fn invalidate(&self, key: &str) -> Result<(), Refusal> {
        if key == CONFIG { self.refresh().await } else { Ok(()) }
    }

    /// One at a time: the last to read shows what was stored last.
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
