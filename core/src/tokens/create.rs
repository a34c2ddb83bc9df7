//! Making tokens: the one batch that puts a token into the store.
//! Never in it: who may make which token; their texts and names (`names`).

use std::sync::Arc;

use onrecord_entry::auth::CacheKey;
use onrecord_seal::Secret;
use onrecord_storage::Batch;
use onrecord_value::Time;

use super::names::Names;
use super::{MAX_DEPTH, TokenError, Tokens};
use crate::policies::RESPONSE_WRAPPING;
use crate::token::{Entry, ROOT_PATH, TokenDraft, TokenKind};
use crate::tokens::Caller;

impl Tokens {
    /// Makes a token and stores it with its accessor and its link to the parent, in one batch. Without a parent it
    /// is an orphan.
    pub async fn create(
        &self,
        draft: TokenDraft,
        parent: Option<&Caller>,
        now: Time,
    ) -> Result<Arc<Entry>, TokenError> {
        // Only the server itself makes wrapping tokens.
        if draft.policies.iter().any(|name| name == RESPONSE_WRAPPING) {
            return Err(TokenError::ReservedPolicy);
        }
        let entry = self.make(draft, parent, now)?;
        match entry.kind {
            TokenKind::Service => {
                let place = self.0.storage.reserve(&entry)?;
                self.0.storage.insert(&entry, None).await?;
                place.keep();
            }
            TokenKind::Batch => return self.0.issue_batch(&entry).map(Arc::new),
        }
        Ok(entry)
    }

    /// Makes a wrapping token with what is wrapped in it: both are stored in one batch. It lives for `ttl` seconds, can be
    /// used once and not be renewed. `path` is that of the request whose answer is wrapped.
    pub(crate) async fn create_wrapping(
        &self,
        path: &str,
        ttl: u64,
        (key, value): (&str, &[u8]),
        now: Time,
    ) -> Result<Arc<Entry>, TokenError> {
        let draft = TokenDraft {
            policies: vec![RESPONSE_WRAPPING.to_owned()],
            path: path.to_owned(),
            num_uses: 1,
            ttl,
            explicit_max_ttl: ttl,
            ..TokenDraft::default()
        };
        let entry = self.make(draft, None, now)?;
        self.0.storage.insert(&entry, Some((key, value))).await?;
        Ok(entry)
    }

    fn make(&self, draft: TokenDraft, parent: Option<&Caller>, now: Time) -> Result<Arc<Entry>, TokenError> {
        let depth = parent.map_or(0, |parent| parent.entry.depth + 1);
        if depth > MAX_DEPTH {
            return Err(TokenError::TooDeep);
        }
        let (barrier, entropy) = (self.0.storage.barrier(), &*self.0.host.entropy);
        let Names { text, accessor, name } = match draft.id {
            Some(text) => Names::chosen(barrier, text, entropy)?,
            None => Names::made(barrier, now, entropy)?,
        };
        let expires = (draft.ttl > 0).then(|| later(now, draft.ttl));
        Ok(Arc::new(Entry {
            name,
            id: Arc::new(text),
            accessor: if draft.kind == TokenKind::Service { accessor } else { String::new() },
            parent: parent.map(|parent| parent.entry.name.clone()),
            depth,
            policies: draft.policies,
            path: draft.path,
            display_name: draft.display_name,
            meta: draft.meta,
            num_uses: draft.num_uses,
            exhausted: false,
            issued: now,
            creation_ttl: draft.ttl,
            expires,
            renewed: None,
            explicit_max_ttl: draft.explicit_max_ttl,
            period: draft.period,
            renewable: draft.renewable,
            kind: draft.kind,
            bound_cidrs: draft.bound_cidrs,
            no_default_policy: draft.no_default_policy,
            entity_id: draft.entity_id,
            role: draft.role,
            lease_path: draft.lease_path,
            cache_key: CacheKey::new(),
        }))
    }

    /// Makes a token that may do everything and never expires, and adds it to the batch that initialises the server:
    /// keys without a root token would be of use to nobody. `id` is its text if it is not to be random.
    pub fn add_root(
        &self,
        batch: &mut Batch,
        id: Option<Secret<String>>,
        now: Time,
    ) -> Result<Arc<Entry>, TokenError> {
        let draft = TokenDraft {
            id,
            policies: vec!["root".to_owned()],
            path: ROOT_PATH.to_owned(),
            display_name: "root".to_owned(),
            ..TokenDraft::default()
        };
        let entry = self.make(draft, None, now)?;
        self.0.storage.lay(batch, &entry)?;
        self.0.storage.mark_indexed(batch)?;
        Ok(entry)
    }
}

pub(super) fn later(time: Time, seconds: u64) -> Time {
    Time::from_unix_nanos(time.unix_nanos() + i128::from(seconds) * 1_000_000_000)
}
