//! Batch tokens: the facts of a token in its text, encrypted and authenticated under the keyring of the barrier. Nothing of
//! them is stored. A text that was changed, cut or made elsewhere does not open.
//! Never in it: whether such a token is still alive (`cached_token`).

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use onrecord_entry::auth::CacheKey;
use onrecord_seal::Secret;
use zeroize::Zeroizing;

use super::{TokenError, TokenStore};
use crate::stored::Record as _;
use crate::token::{Entry, TokenKind};

/// How long a text can be, in bytes: it is in a header of every request.
pub(super) const BYTES_MAX: usize = 4096;
const PREFIX: &str = "b.";
/// What is encrypted for this purpose opens for no other.
const PURPOSE: &str = "batch-token";

/// Whether a text may be that of a batch token. One of a stored token can be chosen to begin so.
pub(super) fn may_be(text: &str) -> bool {
    text.starts_with(PREFIX) && text.len() <= BYTES_MAX
}

impl TokenStore {
    /// The token with its facts in its text.
    pub(super) fn issue_batch(&self, entry: &Entry) -> Result<Entry, TokenError> {
        let facts = Zeroizing::new(entry.encode());
        let record = self.storage.seal_outside(PURPOSE, &facts)?;
        let bytes = PREFIX.len() + base64::encoded_len(record.len(), false).unwrap_or(usize::MAX);
        if bytes > BYTES_MAX {
            return Err(TokenError::TooLong(bytes));
        }
        // Of the right size from the start: a text that moves leaves its old bytes behind.
        let mut text = Secret::new(String::with_capacity(bytes));
        text.expose_mut().push_str(PREFIX);
        BASE64.encode_string(record, text.expose_mut());
        Ok(Entry { name: self.storage.name(text.expose())?, id: Arc::new(text), ..entry.clone() })
    }

    /// The token in a text; `None` if it is not a batch token of this server.
    pub(super) fn open_batch(&self, name: &str, text: &str) -> Result<Option<Entry>, TokenError> {
        let record = text.strip_prefix(PREFIX).and_then(|text| BASE64.decode(text).ok());
        let Some(record) = record else { return Ok(None) };
        let Some(facts) = self.storage.open_outside(PURPOSE, record)? else { return Ok(None) };
        let id = Arc::new(Secret::new(text.to_owned()));
        let entry = Entry::decode(facts.expose(), (id, name.to_owned(), CacheKey::new()));
        Ok(entry.filter(|entry| entry.kind == TokenKind::Batch && entry.expires.is_some()))
    }
}
