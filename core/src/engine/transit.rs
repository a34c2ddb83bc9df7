//! Transit: cryptography as a service. Keys stay here; clients send what is to be encrypted, decrypted, signed, verified or
//! hashed, and nothing of it is stored.
//! Never in it: tokens, policies, entries.

use std::sync::Arc;

use super::tools;
use crate::engine::{Engine, EngineKind, Handled, Mounting, Path, Space};
use crate::outcome::Refusal;

pub(crate) struct Transit;

pub(crate) static KIND: EngineKind = EngineKind::new::<Transit>(
    "transit",
    Mounting::Secrets,
    "Encrypts, signs and hashes data without storing it",
);

impl Engine for Transit {
    const PATHS: &'static [Path<Self>] = &[
        Path::<Self>::new("hash", "Hash data.")
            .description("Takes `input` (base64), `algorithm` and `format` (hex or base64).")
            .sensitive_fields(tools::HASH_SECRETS)
            .write(|_, _, call| Handled::ready(tools::hash(call.data, ""))),
        Path::<Self>::new("hash/{algorithm}", "Hash data by this algorithm.")
            .description("Takes `input` (base64) and `format` (hex or base64).")
            .sensitive_fields(tools::HASH_SECRETS)
            .write(|_, _, call| Handled::ready(tools::hash(call.data, call.captured))),
        Path::<Self>::new("random", "Make random bytes.")
            .description("Takes `bytes` and `format` (hex or base64).")
            .write(|_, unsealed, call| Handled::ready(tools::random(&*unsealed.host.entropy, call.data, ""))),
        Path::<Self>::new("random/{*bytes}", "Make this many random bytes, or bytes of this source.")
            .description("Takes `bytes` and `format` (hex or base64).")
            .write(|_, unsealed, call| {
                Handled::ready(tools::random(&*unsealed.host.entropy, call.data, call.captured))
            }),
    ];

    async fn open(_: Arc<Space>) -> Result<Self, Refusal> {
        Ok(Self)
    }
}
