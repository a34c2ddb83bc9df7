//! `sys/tools`: hashes and random bytes for clients, as the transit engine makes them.
//! Never in it: how they are made (`engine::tools`).

use crate::engine::sys::Sys;
use crate::engine::{Handled, Path, tools};

pub(super) const PATHS: &[Path<Sys>] = &[
    Path::new("tools/hash", "Hash bytes.")
        .description("Takes `input` in base64, `algorithm` and `format`.")
        .sensitive_fields(tools::HASH_SECRETS)
        .write(|_, _, call| Handled::ready(tools::hash(call.data, ""))),
    Path::new("tools/hash/{algorithm}", "Hash bytes with an algorithm.")
        .description("Takes `input` in base64 and `format`.")
        .sensitive_fields(tools::HASH_SECRETS)
        .write(|_, _, call| Handled::ready(tools::hash(call.data, call.captured))),
    Path::new("tools/random", "Make random bytes.")
        .description("Takes `bytes`, `source` and `format`.")
        .sensitive_fields(tools::RANDOM_SECRETS)
        .write(|_, unsealed, call| Handled::ready(tools::random(&*unsealed.host.entropy, call.data, ""))),
    Path::new("tools/random/{*source}", "Make random bytes, as many as the path says.")
        .description("BYTES, SOURCE or SOURCE/BYTES. Takes `format`.")
        .sensitive_fields(tools::RANDOM_SECRETS)
        .write(|_, unsealed, call| {
            Handled::ready(tools::random(&*unsealed.host.entropy, call.data, call.captured))
        }),
];
