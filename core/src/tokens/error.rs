//! Why the token store could not do what it was asked. Never in it: statuses and texts of the API (`engine::token`).

use onrecord_seal::EntropyError;
use onrecord_storage::{CommitError, StoreError};

use super::{MAX_DEPTH, batch};
use crate::policies::RESPONSE_WRAPPING;

/// Why the store could not do it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    /// The store could not be read, or the server was sealed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The store did not take a change.
    #[error(transparent)]
    Commit(CommitError),
    /// There is no randomness to make a token from.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
    /// What is stored of a token cannot be read.
    #[error(transparent)]
    Damaged(StoreError),
    /// The token, or its parent, ended in the meantime.
    #[error("the token is gone")]
    Gone,
    /// A token with this text exists already.
    #[error("cannot create a token with a duplicate ID")]
    Duplicate,
    /// There are as many leases as there may be at the path.
    #[error("request path {0:?}: lease count quota exceeded")]
    LeaseQuota(String),
    /// A batch token with so much in it would be too long, in bytes.
    #[error("the batch token would have {0} bytes; it may have {max}: give it fewer policies or less metadata", max = batch::BYTES_MAX)]
    TooLong(usize),
    /// The policy is that of wrapping tokens.
    #[error("the policy {RESPONSE_WRAPPING:?} is for wrapping tokens alone; leave it out")]
    ReservedPolicy,
    /// The family of tokens is as deep as it may be.
    #[error("tokens cannot be nested more than {MAX_DEPTH} deep")]
    TooDeep,
}
