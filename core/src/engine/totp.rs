//! One-time passwords by time (RFC 6238): keys that the server makes or is given, their codes, and their validation. A
//! code is valid once.
//! Never in it: how a code is made (`key`), or pictures of links.

mod base32;
mod key;
mod url;

use std::borrow::Cow;
use std::sync::Arc;

use onrecord_seal::SecretBytes;
use onrecord_storage::Read;
use onrecord_value::{Object, object};

use self::key::{CodeVerdict, KeyRules, TotpKey};
use crate::audit_errors::WARN_NO_BARCODE;
use crate::engine::{Call, Engine, EngineKind, Handled, Mounting, Path, Space, Unsealed, fields};
use crate::names::check_name;
use crate::outcome::{Outcome, Refusal, Reply, Warning};

pub(crate) struct Totp {
    space: Arc<Space>,
}

pub(crate) static KIND: EngineKind =
    EngineKind::new::<Totp>("totp", Mounting::Secrets, "Makes and validates one-time passwords");

const KEYS: &str = "key/";
const KNOWN: [&str; 13] = [
    "account_name",
    "algorithm",
    "digits",
    "exported",
    "generate",
    "issuer",
    "key",
    "key_size",
    "name",
    "period",
    "qr_size",
    "skew",
    "url",
];
/// How long a key that the server makes may be, in bytes: RFC 4226 wants 16 at least.
const MADE_BYTES: std::ops::RangeInclusive<u64> = 16..=512;
const MADE_BYTES_DEFAULT: u64 = 20;
/// The longest key that is taken, and the longest name of a key, an account or an issuer.
const GIVEN_BYTES_MAX: usize = 512;
const NAME_BYTES_MAX: usize = 512;

impl Engine for Totp {
    const PATHS: &'static [Path<Self>] = &[
        Path::<Self>::new("keys/?", "List the keys.").list(|totp, _, call| Handled::read(totp.list(call))),
        Path::<Self>::new("keys/{name}", "Make, read and delete a key.")
            .description(
                "A write takes `generate`, `issuer` and `account_name`, and answers with the link of the new key unless \
                 `exported` is false; or else `key` (base 32) or `url` (otpauth://totp/…). Further `algorithm` (SHA1, \
                 SHA256, SHA512), `digits` (6, 8), `period`, and of a key that is made `key_size` and `skew` (0, 1). \
                 No barcode is drawn: `qr_size` is ignored.",
            )
            .sensitive_fields(&["barcode", "key", "url"])
            .read(|totp, _, call| Handled::read(totp.read(call)))
            .write(|totp, unsealed, call| Handled::pending(totp.write(unsealed, call)))
            .delete(|totp, _, call| Handled::pending(totp.delete(call))),
        Path::<Self>::new("code/{name}", "Make the code of a key, or validate one.")
            .description("A write takes `code`. A code that was valid once is refused afterwards.")
            .sensitive_fields(&["code"])
            .read(|totp, unsealed, call| Handled::read(totp.code(unsealed, call)))
            .write(|totp, unsealed, call| Handled::pending(totp.validate(unsealed, call))),
    ];

    async fn open(space: Arc<Space>) -> Result<Self, Refusal> {
        Ok(Self { space })
    }
}

fn key_of(call: &Call<'_>) -> String {
    [KEYS, call.captured].concat()
}

fn unknown(call: &Call<'_>) -> Refusal {
    Refusal::invalid(format!("unknown key: {}", call.captured))
}

/// Codes go by the machine's time: the other clock of the server may be ahead of it.
fn seconds(unsealed: &Unsealed) -> u64 {
    u64::try_from(unsealed.machine_clock.now().unix_seconds()).unwrap_or(0)
}

impl Totp {
    fn list<'a>(&'a self, call: &'a Call<'a>) -> Read<'a, Result<Outcome, Refusal>> {
        self.space.list(KEYS).map(|names| {
            let names = names?;
            call.permit.hold_names(&names)?;
            Ok(Outcome::keys(names))
        })
    }

    fn read<'a>(&'a self, call: &'a Call<'a>) -> Read<'a, Result<Outcome, Refusal>> {
        self.space.read(&key_of(call), call.permit).map(|stored| {
            let Some(stored) = stored? else { return Ok(Outcome::absent()) };
            Ok(Outcome::data(TotpKey::decode(&stored)?.rules.show()))
        })
    }

    async fn write(&self, unsealed: &Unsealed, call: &Call<'_>) -> Result<Reply, Refusal> {
        check_name("the name of the key", call.captured)?;
        check_length("the name of the key", call.captured)?;
        let is_made = fields::flag(call.data, "generate")?.unwrap_or(false);
        let mut made = if is_made { generate(unsealed, call.data)? } else { import(call.data)? };
        let key = key_of(call);
        let change = self.space.change(&key, call.existing, call.permit, |before, batch| {
            // Codes of another secret that was there before are not codes of this one.
            if let Some(before) = before.and_then(|before| TotpKey::decode(before).ok()) {
                made.remember_used(&before);
            }
            batch.put(&key, made.encode().expose())
        });
        change.await?;
        let mut reply = fields::done(call.data, &KNOWN);
        if is_made && fields::flag(call.data, "exported")?.unwrap_or(true) {
            if fields::count(call.data, "qr_size")? != Some(0) {
                let text = "this server draws no barcode: make one of the url, which holds all of it";
                reply.warnings.push(Warning { text: text.to_owned(), template: WARN_NO_BARCODE });
            }
            reply.data = Some(object! { "barcode" => "", "url" => url::of(&made) });
        }
        Ok(reply)
    }

    async fn delete(&self, call: &Call<'_>) -> Result<(), Refusal> {
        let key = key_of(call);
        let change = |stored: Option<&SecretBytes>, batch: &mut crate::engine::ChangeBatch<'_>| {
            stored.map_or(Ok(()), |_| batch.delete(&key))
        };
        self.space.change(&key, None, call.permit, change).await
    }

    fn code<'a>(&'a self, unsealed: &'a Unsealed, call: &'a Call<'a>) -> Read<'a, Result<Outcome, Refusal>> {
        self.space.read(&key_of(call), call.permit).map(move |stored| {
            let key = TotpKey::decode(&stored?.ok_or_else(|| unknown(call))?)?;
            let code = key.code_at(seconds(unsealed)).ok_or_else(Refusal::internal)?;
            Ok(Outcome::data(object! { "code" => code }))
        })
    }

    async fn validate(&self, unsealed: &Unsealed, call: &Call<'_>) -> Result<Outcome, Refusal> {
        let code = fields::text(call.data, "code")?.filter(|code| !code.is_empty());
        let code = code.ok_or_else(|| Refusal::invalid("missing code"))?;
        let key = key_of(call);
        let now = seconds(unsealed);
        let change = self.space.change(&key, None, call.permit, |stored, batch| {
            let mut found = TotpKey::decode(stored.ok_or_else(|| unknown(call))?)?;
            let verdict = found.take(&code, now);
            if verdict == CodeVerdict::Valid {
                batch.put(&key, found.encode().expose())?;
            }
            Ok(verdict)
        });
        match change.await? {
            CodeVerdict::Used => Err(Refusal::invalid("code already used; wait until the next time period")),
            verdict => Ok(Outcome::data(object! { "valid" => verdict == CodeVerdict::Valid })),
        }
    }
}

/// A key that the server makes.
fn generate(unsealed: &Unsealed, data: &Object) -> Result<TotpKey, Refusal> {
    for field in ["key", "url"] {
        if fields::text(data, field)?.is_some_and(|text| !text.is_empty()) {
            return Err(Refusal::invalid(format!(
                "{field} is not taken with generate: the server makes the key"
            )));
        }
    }
    let mut rules = rules(data)?;
    for (field, text) in [("issuer", &rules.issuer), ("account_name", &rules.account_name)] {
        if text.is_empty() {
            return Err(Refusal::invalid(format!("the {field} value is required")));
        }
    }
    rules.skew = fields::count(data, "skew")?.unwrap_or(rules.skew);
    rules.check()?;
    let bytes = fields::count(data, "key_size")?.unwrap_or(MADE_BYTES_DEFAULT);
    if !MADE_BYTES.contains(&bytes) {
        let (from, to) = (MADE_BYTES.start(), MADE_BYTES.end());
        return Err(Refusal::invalid(format!("key_size is from {from} to {to} bytes")));
    }
    let length = usize::try_from(bytes).map_err(|_| Refusal::internal())?;
    let entropy = &unsealed.host.entropy;
    let secret = SecretBytes::with(length, |out| entropy.fill(out)).map_err(|_| Refusal::internal())?;
    Ok(TotpKey { secret, rules })
}

/// A key that the request has.
fn import(data: &Object) -> Result<TotpKey, Refusal> {
    let link = fields::text(data, "url")?.filter(|link| !link.is_empty());
    let data = match &link {
        Some(link) => {
            let found = url::parse(link);
            let found = found
                .ok_or_else(|| Refusal::invalid("url is not of the form otpauth://totp/NAME?secret=KEY"))?;
            let mut all = data.clone();
            all.extend(found);
            Cow::Owned(all)
        }
        None => Cow::Borrowed(data),
    };
    let text = fields::text(&data, "key")?.filter(|text| !text.is_empty());
    let text = text.ok_or_else(|| Refusal::invalid("the key value is required, or url, or generate"))?;
    if text.len() > GIVEN_BYTES_MAX * 2 {
        return Err(Refusal::invalid(format!("a key may have {GIVEN_BYTES_MAX} bytes")));
    }
    let secret = base32::decode(&text).filter(|secret| !secret.expose().is_empty());
    let secret = secret.ok_or_else(|| Refusal::invalid("the key value is not base 32 (RFC 4648)"))?;
    let rules = rules(&data)?;
    rules.check()?;
    Ok(TotpKey { secret, rules })
}

/// The rules that both kinds of key have.
fn rules(data: &Object) -> Result<KeyRules, Refusal> {
    let name = |field| {
        let text = fields::text(data, field)?.unwrap_or_default().into_owned();
        check_name(field, &text)?;
        check_length(field, &text)?;
        Ok::<_, Refusal>(text)
    };
    let mut rules = KeyRules::new(name("account_name")?, name("issuer")?);
    if let Some(algorithm) = fields::text(data, "algorithm")?.filter(|name| !name.is_empty()) {
        rules.algorithm = algorithm.to_uppercase();
    }
    rules.digits = fields::count(data, "digits")?.unwrap_or(rules.digits);
    if let Some(period) = fields::span(data, "period")? {
        rules.period = u64::try_from(period.secs()).unwrap_or(0);
    }
    Ok(rules)
}

fn check_length(what: &str, text: &str) -> Result<(), Refusal> {
    if text.len() <= NAME_BYTES_MAX {
        return Ok(());
    }
    Err(Refusal::invalid(format!("{what} has {} bytes; it may have {NAME_BYTES_MAX}", text.len())))
}
