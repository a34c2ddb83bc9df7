//! Auto-unseal by the transit engine of another server: its calls, the renewal of the token for them, and a start that waits
//! for the other server.
//! Never in it: what is encrypted (the core's).

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use onrecord_client::{Client, Method, Request};
use onrecord_core::{AutoSeal, AutoSealError, AutoSealFuture, Core};
use onrecord_seal::SecretBytes;
use onrecord_value::{Object, Value, object};
use zeroize::Zeroizing;

use crate::config::TransitConfig;
use crate::error::StartError;

/// The first pause of a start that waits for the other server; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// The pause before a server is looked at again that is not initialised.
const UNINITIALISED_PAUSE: Duration = Duration::from_secs(5);
/// The shortest and the longest pause between two renewals of the token.
const RENEWALS: (Duration, Duration) = (Duration::from_secs(30), Duration::from_hours(24));

/// The transit engine of another server.
pub(crate) struct TransitSeal {
    client: Client,
    address: String,
    mount: String,
    key: String,
}

impl TransitSeal {
    /// Named certificate files are read now. Nothing is sent.
    pub(crate) fn new(config: &TransitConfig) -> Result<Self, StartError> {
        let client =
            Client::new(config.client.clone()).map_err(|error| format!("seal \"transit\": {error}"))?;
        let address = config.address.clone();
        Ok(Self { client, address, mount: config.mount.clone(), key: config.key.clone() })
    }

    /// A text of the answer to a call of the engine.
    async fn call(&self, action: &str, body: Value, field: &str) -> Result<Zeroizing<String>, AutoSealError> {
        let path = format!("{}{action}/{}", self.mount, self.key);
        let failed = |error: &dyn std::fmt::Display| {
            AutoSealError(format!("{action} with {:?} at {}: {error}", self.key, self.address))
        };
        let request = Request::new(Method::PUT, path).body(&body);
        let answer = self.client.send(request).await.map_err(|error| failed(&error))?;
        let data = answer.data().map_err(|error| failed(&error))?;
        let text = data.str(field).ok_or_else(|| failed(&format!("the answer has no {field}")))?;
        Ok(Zeroizing::new(text.to_owned()))
    }
}

impl AutoSeal for TransitSeal {
    fn kind(&self) -> &'static str {
        "transit"
    }

    fn encrypt<'a>(&'a self, key: &'a SecretBytes) -> AutoSealFuture<'a, String> {
        Box::pin(async move {
            let plaintext = Zeroizing::new(STANDARD.encode(key.expose()));
            let body = object! { "plaintext" => plaintext.as_str() };
            Ok(self.call("encrypt", body.into(), "ciphertext").await?.to_string())
        })
    }

    fn decrypt<'a>(&'a self, ciphertext: &'a str) -> AutoSealFuture<'a, SecretBytes> {
        Box::pin(async move {
            let plaintext =
                self.call("decrypt", object! { "ciphertext" => ciphertext }.into(), "plaintext").await?;
            let decoded = STANDARD.decode(plaintext.as_bytes()).map(SecretBytes::new);
            decoded.map_err(|_| AutoSealError("decrypt: the answer's plaintext is not base64".to_owned()))
        })
    }
}

/// Unseals a server that starts, as soon as the other server answers, and says in the log what it waits for. A server that is
/// sealed later stays sealed.
pub(crate) async fn unseal_at_start(core: Core) {
    let mut pause = FIRST_PAUSE;
    loop {
        let wait = match core.auto_unseal().await {
            Ok(true) => return,
            // It is unsealed when it is initialised.
            Ok(false) => UNINITIALISED_PAUSE,
            Err(error) => {
                let seconds = pause.as_secs();
                tracing::warn!(%error, seconds, "the server is sealed: its seal could not unseal it, and is tried again");
                let now = pause;
                pause = (pause * 2).min(LONGEST_PAUSE);
                now
            }
        };
        tokio::time::sleep(wait).await;
    }
}

/// Whether the token for the other server has no end (a root token, for instance), and so nothing to renew.
async fn never_ends(client: &Client) -> bool {
    let request = Request::new(Method::GET, "auth/token/lookup-self");
    let Ok(answer) = client.send(request).await else { return false };
    answer.data().is_ok_and(|data| data.get("ttl").and_then(Value::as_i64) == Some(0))
}

/// Renews the token of the other server before it ends. Without that the server could not be unsealed at a later start.
pub(crate) async fn renew_token(config: TransitConfig) {
    let Ok(client) = Client::new(config.client) else { return };
    if never_ends(&client).await {
        return;
    }
    loop {
        let request = Request::new(Method::PUT, "auth/token/renew-self").body(&Object::new().into());
        let answer = client.send(request).await.map_err(|error| error.to_string());
        let renewed = answer.and_then(|answer| answer.secret().map_err(|error| error.to_string()));
        let wait = match renewed.map(|secret| secret.and_then(|secret| secret.auth)) {
            Ok(Some(auth)) if auth.lease_duration > 0 => {
                let lease = Duration::from_secs(auth.lease_duration.unsigned_abs());
                (lease / 2).clamp(RENEWALS.0, RENEWALS.1)
            }
            // It does not end.
            Ok(_) => return,
            Err(error) => {
                tracing::warn!(%error, "the token of the seal could not be renewed: the server cannot be unsealed once it has ended");
                RENEWALS.0 * 10
            }
        };
        tokio::time::sleep(wait).await;
    }
}
