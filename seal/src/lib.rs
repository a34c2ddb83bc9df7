//! Shamir shares, keyring and barrier envelope; pure crypto. Never in it: IO, storage keys, requests.
//!
//! What protects what:
//!
//! ```text
//! key shares ──combine──▶ unseal key ──opens──▶ root key ──opens──▶ keyring {term → AES-256 key, name key}
//!                                                                      └──opens──▶ every stored value
//! ```
//!
//! The shares ([`shamir`]) leave the server once, in the answer to `sys/init`. The root key is stored under
//! the unseal key, the keyring under the root key, and every value under the active term of the keyring,
//! each in the same [`envelope`] and bound to its storage key as associated data. Rotation adds a term
//! ([`keyring`]); older terms still open what they sealed.
//!
//! What leaves the server sealed for a person, such as exported salts, is a file in a published format ([`age`]).

pub mod age;
pub mod collect;
pub mod config;
pub mod entropy;
pub mod envelope;
pub mod keyring;
pub mod mac_key;
pub mod secret;
pub mod shamir;

pub use collect::{Collector, Progress};
pub use config::{SealConfig, SealConfigError};
pub use entropy::{Entropy, EntropyError, OsEntropy};
pub use envelope::{EnvelopeError, EnvelopeKey};
pub use keyring::{KeyStatus, Keyring, KeyringError, UnsealError};
pub use mac_key::MacKey;
pub use secret::{Secret, SecretBytes};
