//! The ceremonies of an unsealed server: new key shares, and a new root token, for those who hold enough shares. One attempt
//! of each at a time.
//! Never in it: endpoints and their texts (`engine::sys`), or unsealing (`lifecycle`).

pub(crate) mod attempt;
pub(crate) mod guesses;
pub(crate) mod journal;
pub(crate) mod otp;

use onrecord_seal::{Collector, Secret};
use onrecord_storage::Rekey;
use tokio::sync::Mutex;

use self::attempt::Attempt;
use self::guesses::Guesses;

/// What is under way. It ends with the seal.
#[derive(Default)]
pub(crate) struct Ceremonies {
    pub(crate) rekey: Turn<RekeyAttempt>,
    pub(crate) root: Turn<RootAttempt>,
}

/// At most one attempt, and who gave wrong shares to those before it. The lock is held while a share is looked at, so that
/// of several last ones exactly one ends the attempt.
pub(crate) struct Turn<T> {
    pub(crate) attempt: Mutex<Option<T>>,
    pub(crate) guesses: Guesses,
}

impl<T> Default for Turn<T> {
    fn default() -> Self {
        Self { attempt: Mutex::new(None), guesses: Guesses::default() }
    }
}

/// New key shares are wanted.
pub(crate) struct RekeyAttempt {
    pub(crate) attempt: Attempt,
    pub(crate) config: onrecord_seal::SealConfig,
    /// Whether the new shares must be given back before they are in force.
    pub(crate) require_verification: bool,
    /// The new shares that were handed out and are not in force yet.
    pub(crate) verification: Option<Verification>,
}

/// New shares that their holders give back, so that they are known to have them.
pub(crate) struct Verification {
    pub(crate) nonce: String,
    pub(crate) shares: Collector,
    pub(crate) rekey: Rekey,
}

/// A new root token is wanted.
pub(crate) struct RootAttempt {
    pub(crate) attempt: Attempt,
    /// What its text will be hidden with.
    pub(crate) otp: Secret<String>,
}
