//! A login method: a card number and a PIN. An operator writes which policies a card has; its holder logs in without a
//! token. Never in it: making the token, which the core does with what a handler returns.

use std::sync::Arc;

use onrecord_core::engine::codec::{decode_object, encode_object};
use onrecord_core::engine::{Call, Engine, EngineKind, Handled, Mounting, Path, Space, fields};
use onrecord_core::outcome::{Outcome, Refusal, Reply};
use onrecord_core::token::{LoginAlias, TokenDraft};
use onrecord_value::{Value, object};
use sha2::{Digest as _, Sha256};

/// A mount of the login method.
pub struct Pin {
    space: Arc<Space>,
}

/// The row. `Mounting::Login`: enabled through `sys/auth`, mounted below `auth/`.
pub static KIND: EngineKind = EngineKind::new::<Pin>("pin", Mounting::Login, "Login with a card and a PIN");

impl Engine for Pin {
    const PATHS: &'static [Path<Self>] = &[
        Path::<Self>::new("cards/{card}", "Write the PIN and the policies of a card, and delete it.")
            .description("A write takes `pin` and `policies`.")
            .sensitive()
            .sensitive_fields(&["pin"])
            .write(|pin, _, call| Handled::pending(pin.write(call)))
            .delete(|pin, _, call| Handled::pending(pin.delete(call))),
        Path::<Self>::new("login/{card}", "Log in.")
            .description("A write takes `pin`.")
            .needs_no_token()
            // The card number in the path and the PIN in the body are hashed on record, whatever the mount's settings say.
            .sensitive()
            .sensitive_fields(&["pin"])
            .write(|pin, _, call| Handled::pending(pin.login(call))),
    ];

    async fn open(space: Arc<Space>) -> Result<Self, Refusal> {
        Ok(Self { space })
    }
}

/// A real login method takes a slow hash.
fn digest(card: &str, pin: &str) -> String {
    const_hex::encode(Sha256::digest(format!("{card}:{pin}")))
}

impl Pin {
    async fn write(&self, call: &Call<'_>) -> Result<Outcome, Refusal> {
        let pin = fields::text(call.data, "pin")?.unwrap_or_default();
        if pin.len() < 4 {
            return Err(Refusal::bad_request("\"pin\" must have at least 4 characters"));
        }
        let card = object! {
            "digest" => digest(call.captured, &pin),
            "policies" => fields::texts(call.data, "policies")?.unwrap_or_default(),
        };
        self.space
            .change(call.captured, None, call.permit, |_, batch| {
                batch.put(call.captured, &encode_object(&card))
            })
            .await?;
        Ok(Outcome::empty())
    }

    async fn delete(&self, call: &Call<'_>) -> Result<Outcome, Refusal> {
        self.space.change(call.captured, None, call.permit, |_, batch| batch.delete(call.captured)).await?;
        Ok(Outcome::empty())
    }

    async fn login(&self, call: &Call<'_>) -> Result<Reply, Refusal> {
        let wrong = || Refusal::bad_request("unknown card, or wrong PIN");
        let stored = self.space.get(call.captured).await?.ok_or_else(wrong)?;
        let card = decode_object(stored.expose())?;
        let pin = fields::text(call.data, "pin")?.unwrap_or_default();
        if card.str("digest") != Some(&digest(call.captured, &pin)) {
            return Err(wrong());
        }
        let policies = card.get("policies").and_then(Value::as_array).unwrap_or_default();
        // The core issues the token, records it in the response entry, and revokes it if that cannot be recorded.
        let login = TokenDraft {
            display_name: "card".to_owned(),
            policies: policies.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
            renewable: true,
            alias: Some(LoginAlias { name: call.captured.to_owned(), ..LoginAlias::default() }),
            ..TokenDraft::default()
        };
        Ok(Reply { login: Some(login), ..Reply::default() })
    }
}
