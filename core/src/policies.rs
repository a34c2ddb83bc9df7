//! The policy store: ACL policies by name, kept as their text and compiled when they are written; and the compiled ACLs
//! of the sets of policies that tokens carry. Never in it: endpoints (`engine::sys::policies`), or what a rule means
//! (`onrecord_policy`).
//!
//! All policies are in memory. A change is committed first; then the map is brought up to date from storage and the
//! generation counted up, before the answer leaves. Each keeper of a compiled ACL compares the generation (I11).

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard};

use onrecord_policy::{Acl, IdentityField, ParseError, Policy};
use onrecord_storage::{Barrier, Batch, Commit, CommitError, KeyError, REMEDY, StoreError, View};
use onrecord_value::Time;

use crate::place;
use crate::stored::{Record as _, record};

/// The policy that every token has unless it was made without; it can be changed but not deleted.
pub const DEFAULT: &str = "default";
/// The policy that allows everything; it has no text and cannot be changed.
pub const ROOT: &str = "root";

/// The policy of wrapping tokens: it is fixed, is not listed, and no other token can have it.
pub const RESPONSE_WRAPPING: &str = "response-wrapping";

const DEFAULT_TEXT: &str = include_str!("policies/default.hcl");
const RESPONSE_WRAPPING_TEXT: &str = include_str!("policies/response-wrapping.hcl");
const KEPT_SETS: usize = 4096;
/// The longest text of a policy, in bytes.
const TEXT_BYTES_MAX: usize = 1 << 20;
/// The longest name of a policy, in bytes. It is in every entry of a token that has the policy.
const NAME_BYTES_MAX: usize = 256;
/// How many policies there can be: all of them are in memory.
const POLICIES_MAX: usize = 10_000;
/// How long all texts together can be, in bytes. Compiled they take eight times as much.
const TEXTS_BYTES_MAX: usize = 16 << 20;

/// The policy store; clones are handles to one store.
#[derive(Clone)]
pub struct Policies(Arc<PolicyStore>);

struct PolicyStore {
    view: View,
    known: RwLock<BTreeMap<String, Known>>,
    /// Counted up under the lock of `known`, whenever that changes.
    generation: AtomicU64,
    compiled: Mutex<Compiled>,
    /// Held by a write from the check of the bounds until the policy is in force: each write counts those before it.
    writing: tokio::sync::Mutex<()>,
    /// Held by whatever reads a policy again, until it is in force.
    refreshing: tokio::sync::Mutex<()>,
}

type Compiled = HashMap<Vec<String>, (u64, Arc<Acl>)>;

struct Known {
    document: Arc<Document>,
    policy: Arc<Policy>,
}

/// A policy as it was written, and what is noted about it.
#[derive(Clone, PartialEq, Eq)]
pub struct Document {
    /// ACL rules, as they were sent.
    pub text: String,
    /// Counts the writes, from 1.
    pub version: u64,
    /// When it was written last.
    pub modified: Time,
    /// Whether a write must say which version it replaces.
    pub cas_required: bool,
}

impl Document {
    /// A policy that comes with the server, as it is before its first change.
    fn built_in(text: &str) -> Self {
        Self { text: text.to_owned(), version: 1, modified: Time::NEVER, cas_required: false }
    }
}

record! { Document() {
    "cas_required" => cas_required,
    "modified" => modified as Nanos,
    "text" => text,
    "version" => version,
} }

/// A policy to be written.
pub struct PolicyDraft<'a> {
    /// In lower case.
    pub name: &'a str,
    /// ACL rules.
    pub text: String,
    /// The version that must be there (0: none); `None` writes over whatever is there.
    pub cas: Option<u64>,
    /// Whether later writes must say the version they replace; `None` leaves it.
    pub cas_required: Option<bool>,
}

impl Policies {
    /// Reads and compiles all stored policies. One that does not compile fails it: leaving out a policy could grant
    /// what it denies.
    pub async fn load(barrier: &Barrier) -> Result<Self, PolicyError> {
        let view = barrier.view(place::POLICY)?;
        let mut known = BTreeMap::new();
        known.insert(DEFAULT.to_owned(), Known::built_in_default()?);
        for name in view.keys("", "", usize::MAX).await? {
            if let Some(stored) = read(&view, &name).await? {
                known.insert(name, stored);
            }
        }
        // In place of one that an older version let somebody write.
        known.insert(RESPONSE_WRAPPING.to_owned(), Known::response_wrapping()?);
        Ok(Self(Arc::new(PolicyStore {
            view,
            known: RwLock::new(known),
            generation: AtomicU64::new(1),
            compiled: Mutex::default(),
            writing: tokio::sync::Mutex::default(),
            refreshing: tokio::sync::Mutex::default(),
        })))
    }

    /// Counts the changes of any policy. An ACL of an older generation must not be used any more.
    pub fn generation(&self) -> u64 {
        self.0.generation.load(Ordering::Acquire)
    }

    /// The ACL of a set of policies, and its generation. A policy that does not exist grants nothing.
    /// Rules with facts of a caller in their paths count for nobody here.
    pub fn acl(&self, names: &[String]) -> (u64, Arc<Acl>) {
        self.compiled(&self.known(), names)
    }

    /// As [`Policies::acl`], for one caller: with its facts in the paths.
    pub(crate) fn acl_of(
        &self,
        names: &[String],
        value: &dyn Fn(&IdentityField) -> Option<String>,
    ) -> (u64, Arc<Acl>) {
        let known = self.known();
        let policies = || names.iter().filter_map(|name| known.get(name)).map(|known| &*known.policy);
        if names.iter().any(|name| name == ROOT) || !policies().any(Policy::is_templated) {
            return self.compiled(&known, names);
        }
        let resolved: Vec<Policy> = policies().map(|policy| policy.resolve(value)).collect();
        (self.generation(), Arc::new(Acl::new(&resolved)))
    }

    fn compiled(&self, known: &BTreeMap<String, Known>, names: &[String]) -> (u64, Arc<Acl>) {
        let generation = self.generation();
        let mut compiled = self.0.compiled.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((of, acl)) = compiled.get(names)
            && *of == generation
        {
            return (generation, Arc::clone(acl));
        }
        let acl = if names.iter().any(|name| name == ROOT) {
            Acl::new([&Policy::root()])
        } else {
            Acl::new(names.iter().filter_map(|name| known.get(name)).map(|known| &*known.policy))
        };
        let acl = Arc::new(acl);
        compiled.retain(|_, (of, _)| *of == generation);
        if compiled.len() >= KEPT_SETS {
            compiled.clear();
        }
        compiled.insert(names.to_vec(), (generation, Arc::clone(&acl)));
        (generation, acl)
    }

    fn known(&self) -> RwLockReadGuard<'_, BTreeMap<String, Known>> {
        self.0.known.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether there is a policy of this name.
    pub fn exists(&self, name: &str) -> bool {
        name == ROOT || self.known().contains_key(name)
    }

    /// The names of all policies, sorted.
    pub fn names(&self) -> Vec<String> {
        let mut names: Vec<String> =
            self.known().keys().filter(|name| *name != RESPONSE_WRAPPING).cloned().collect();
        names.push(ROOT.to_owned());
        names.sort_unstable();
        names
    }

    /// What is stored of a policy; `name` in lower case.
    pub fn get(&self, name: &str) -> Option<Arc<Document>> {
        if name == ROOT {
            return Some(Arc::new(Document::built_in("")));
        }
        let known = self.known();
        known.get(name).map(|known| Arc::clone(&known.document))
    }

    /// Compiles and stores a policy. One at a time.
    pub async fn write(&self, draft: PolicyDraft<'_>, now: Time) -> Result<(), PolicyError> {
        match draft.name {
            ROOT => return Err(PolicyError::Fixed("update \"root\" policy")),
            RESPONSE_WRAPPING => return Err(PolicyError::Fixed("update \"response-wrapping\" policy")),
            _ => {}
        }
        let _turn = self.0.writing.lock().await;
        self.check_size(&draft)?;
        Policy::parse(draft.name, &draft.text).map_err(PolicyError::Parse)?;
        let name = draft.name;
        let commit = self.put(draft, now).await?;
        self.settle(name, commit).await
    }

    /// Refuses a policy for which there is no room. What was stored before can always be written shorter.
    fn check_size(&self, draft: &PolicyDraft<'_>) -> Result<(), PolicyError> {
        let bytes = draft.text.len();
        let known = self.known();
        let old = known.get(draft.name).map(|known| known.document.text.len());
        if bytes > TEXT_BYTES_MAX.max(old.unwrap_or(0)) {
            return Err(PolicyError::LongText(bytes));
        }
        if old.is_none() && draft.name.len() > NAME_BYTES_MAX {
            return Err(PolicyError::LongName(draft.name.len()));
        }
        if old.is_none() && known.len() >= POLICIES_MAX {
            return Err(PolicyError::TooMany);
        }
        let all: usize = known.values().map(|known| known.document.text.len()).sum();
        let after = all + bytes - old.unwrap_or(0);
        if after > TEXTS_BYTES_MAX && after > all { Err(PolicyError::NoRoom(after)) } else { Ok(()) }
    }

    /// Puts a policy in line for storage, after the one that will be there before it.
    async fn put(&self, draft: PolicyDraft<'_>, now: Time) -> Result<Commit, PolicyError> {
        let view = &self.0.view;
        let _order = view.lock(draft.name).await?;
        let (stored, seen) = view.latest(draft.name).await?;
        let old = match stored {
            Some(stored) => Some(Document::decode(stored.expose(), ()).ok_or_else(|| damaged(draft.name))?),
            None if draft.name == DEFAULT => self.get(DEFAULT).map(|built_in| Document::clone(&built_in)),
            None => None,
        };
        let (version, must) = old.map_or((0, false), |old| (old.version, old.cas_required));
        match draft.cas {
            Some(cas) if cas != version => return Err(PolicyError::Version),
            None if must => return Err(PolicyError::VersionNeeded),
            _ => {}
        }
        let new = Document {
            text: draft.text,
            version: version + 1,
            modified: now,
            cas_required: draft.cas_required.unwrap_or(must),
        };
        let mut batch = Batch::new();
        batch.require(seen);
        view.put(&mut batch, draft.name, &new.encode())?;
        Ok(view.commit(batch))
    }

    /// Deletes a policy, if it exists.
    pub async fn delete(&self, name: &str) -> Result<(), PolicyError> {
        match name {
            ROOT => return Err(PolicyError::Fixed("delete \"root\" policy")),
            DEFAULT => return Err(PolicyError::Fixed("delete default policy")),
            RESPONSE_WRAPPING => return Err(PolicyError::Fixed("delete \"response-wrapping\" policy")),
            _ => {}
        }
        let mut batch = Batch::new();
        self.0.view.delete(&mut batch, name)?;
        self.settle(name, self.0.view.commit(batch)).await
    }

    async fn settle(&self, name: &str, commit: Commit) -> Result<(), PolicyError> {
        commit.await?;
        self.invalidate(name).await
    }

    /// Makes effective what is stored of a policy now. One at a time: the last to read shows what was stored last.
    pub async fn invalidate(&self, name: &str) -> Result<(), PolicyError> {
        if name == RESPONSE_WRAPPING {
            return Ok(());
        }
        let _turn = self.0.refreshing.lock().await;
        let stored = match read(&self.0.view, name).await? {
            None if name == DEFAULT => Some(Known::built_in_default()?),
            stored => stored,
        };
        let mut known = self.0.known.write().unwrap_or_else(PoisonError::into_inner);
        match stored {
            Some(stored) => known.insert(name.to_owned(), stored),
            None => known.remove(name),
        };
        self.0.generation.fetch_add(1, Ordering::AcqRel);
        Ok(())
    }
}

impl Known {
    fn built_in_default() -> Result<Self, PolicyError> {
        Self::new(DEFAULT, Document::built_in(DEFAULT_TEXT))
    }

    fn response_wrapping() -> Result<Self, PolicyError> {
        Self::new(RESPONSE_WRAPPING, Document::built_in(RESPONSE_WRAPPING_TEXT))
    }

    fn new(name: &str, document: Document) -> Result<Self, PolicyError> {
        let policy = Policy::parse(name, &document.text).map_err(PolicyError::Parse)?;
        Ok(Self { document: Arc::new(document), policy: Arc::new(policy) })
    }
}

async fn read(view: &View, name: &str) -> Result<Option<Known>, PolicyError> {
    let Some(stored) = view.get(name).await? else { return Ok(None) };
    let document = Document::decode(stored.expose(), ()).ok_or_else(|| damaged(name))?;
    // It compiled when it was written.
    Known::new(name, document).map(Some).map_err(|_| damaged(name))
}

fn damaged(name: &str) -> PolicyError {
    PolicyError::Damaged(name.to_owned())
}

/// Why a policy was not read, written or deleted. The texts are for clients.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyError {
    /// The text is no policy.
    #[error("failed to parse policy: {0}")]
    Parse(ParseError),
    /// The policy cannot be changed that way: `update "root" policy`, …
    #[error("cannot {0}")]
    Fixed(&'static str),
    /// The version to be replaced is not the one that is there.
    #[error("check-and-set parameter did not match the current version")]
    Version,
    /// The policy wants to be told which version is replaced.
    #[error("check-and-set parameter required for this call")]
    VersionNeeded,
    /// The text is too long.
    #[error(
        "the text of the policy has {0} bytes; it may have {TEXT_BYTES_MAX}: split it into several policies"
    )]
    LongText(usize),
    /// The name is too long.
    #[error("the name of the policy has {0} bytes; it may have {NAME_BYTES_MAX}")]
    LongName(usize),
    /// There are as many policies as there can be.
    #[error("there are {POLICIES_MAX} policies, and there can be no more: delete one first")]
    TooMany,
    /// All texts together would be too long.
    #[error(
        "the texts of all policies would have {0} bytes; they may have {TEXTS_BYTES_MAX}: delete or shorten one first"
    )]
    NoRoom(usize),
    /// The name is no storage key.
    #[error(transparent)]
    Name(#[from] KeyError),
    /// What is stored of a policy cannot be read.
    #[error("the stored policy {0:?} cannot be read; {REMEDY}")]
    Damaged(String),
    /// The store could not be read.
    #[error(transparent)]
    Store(StoreError),
    /// The store did not take the change.
    #[error(transparent)]
    Commit(#[from] CommitError),
}

impl PolicyError {
    /// Whether the client's request is at fault, and not the server.
    pub const fn is_client_error(&self) -> bool {
        match self {
            Self::Parse(_)
            | Self::Fixed(_)
            | Self::Version
            | Self::VersionNeeded
            | Self::LongText(_)
            | Self::LongName(_)
            | Self::TooMany
            | Self::NoRoom(_)
            | Self::Name(_) => true,
            Self::Damaged(_) | Self::Store(_) | Self::Commit(_) => false,
        }
    }
}

impl From<StoreError> for PolicyError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Key(error) => Self::Name(error),
            error => Self::Store(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use onrecord_storage::{Storage, memory::Memory};
    use tokio::task::JoinSet;

    use super::*;
    use crate::kit::unsealed_barrier;

    /// A policy without rules whose text has this many bytes.
    fn draft(name: &str, bytes: usize) -> PolicyDraft<'_> {
        PolicyDraft { name, text: "#".repeat(bytes), cas: None, cas_required: None }
    }

    #[tokio::test]
    async fn policies_that_are_written_at_once_do_not_exceed_the_bound_on_all_texts() {
        let barrier = unsealed_barrier(Storage::start(Memory::new()).unwrap()).await;
        let policies = Policies::load(&barrier).await.unwrap();
        let mut writes = JoinSet::new();
        for number in 0..32 {
            let policies = policies.clone();
            writes.spawn(async move {
                policies.write(draft(&format!("p{number}"), TEXT_BYTES_MAX), Time::UNIX_EPOCH).await
            });
        }
        let written = writes.join_all().await;
        // The text of the default policy takes the place of the sixteenth.
        assert_eq!(written.iter().filter(|written| written.is_ok()).count(), 15);
        let no_room = |written: &&Result<(), PolicyError>| matches!(written, Err(PolicyError::NoRoom(_)));
        assert_eq!(written.iter().filter(no_room).count(), 17);
    }

    #[tokio::test]
    async fn stored_policies_beyond_the_bounds_can_be_rewritten_but_not_lengthened() {
        let barrier = unsealed_barrier(Storage::start(Memory::new()).unwrap()).await;
        let view = barrier.view(place::POLICY).unwrap();
        let name = "n".repeat(NAME_BYTES_MAX + 1);
        let mut batch = Batch::new();
        // As a version without the bounds stored them.
        for (name, bytes) in [("long", 3 * TEXT_BYTES_MAX), (&name, 1)] {
            view.put(&mut batch, name, &Document::built_in(&"#".repeat(bytes)).encode()).unwrap();
        }
        view.commit(batch).await.unwrap();
        let policies = Policies::load(&barrier).await.unwrap();
        let write = async |name: &str, bytes| policies.write(draft(name, bytes), Time::UNIX_EPOCH).await;
        write(&name, 2).await.unwrap();
        write("long", 2 * TEXT_BYTES_MAX).await.unwrap();
        let longer = write("long", 2 * TEXT_BYTES_MAX + 1).await;
        assert!(matches!(longer, Err(PolicyError::LongText(_))), "{longer:?}");
        write("long", 1).await.unwrap();
        let longer = write("long", TEXT_BYTES_MAX + 1).await;
        assert!(matches!(longer, Err(PolicyError::LongText(_))), "{longer:?}");
        let new = write(&format!("{name}n"), 1).await;
        assert!(matches!(new, Err(PolicyError::LongName(_))), "{new:?}");
    }

    #[test]
    fn a_policy_survives_storage() {
        let one = Document {
            text: "path \"<a>\" {}\n# é".to_owned(),
            version: 7,
            modified: Time::from_unix(1_700_000_000, 5),
            cas_required: true,
        };
        assert_eq!(
            String::from_utf8_lossy(&one.encode()),
            r#"{"cas_required":true,"modified":1700000000000000005,"text":"path \"\u003ca\u003e\" {}\n# é","version":7}"#
        );
        assert!(Document::decode(&one.encode(), ()) == Some(one));
        assert!(Document::decode(b"{}", ()).is_none());
    }
}
