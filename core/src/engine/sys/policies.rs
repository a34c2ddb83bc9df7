//! `sys/policies/acl`, its older form `sys/policy`, and `sys/capabilities`: what a token may do at a path.
//! Never in it: what a policy means, how policies are merged, or where they are stored.

use std::ops::Range;
use std::sync::Arc;

use onrecord_policy::Acl;
use onrecord_value::{Object, Value, object};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use crate::engine::{Call, Unsealed, fields};
use crate::names::check_name;
use crate::outcome::{Outcome, Refusal, Reply};
use crate::policies::{PolicyDraft, PolicyError};
use crate::route;

/// What a request to write a policy may have.
const FIELDS: &[&str] = &["cas", "cas_required", "name", "policy", "rules"];

pub(super) fn names(unsealed: &Unsealed) -> Outcome {
    Outcome::data(object! { "keys" => Value::from(unsealed.policies.names()) })
}

/// The same in the older form.
pub(super) fn legacy_names(unsealed: &Unsealed) -> Outcome {
    let names = Value::from(unsealed.policies.names());
    Outcome::data(object! { "keys" => names.clone(), "policies" => names })
}

/// A policy, with its text in a field of this name.
pub(super) fn read(unsealed: &Unsealed, call: &Call<'_>, text_field: &str) -> Outcome {
    let name = name(call);
    let Some(policy) = unsealed.policies.get(&name) else { return Outcome::absent() };
    Outcome::data(object! {
        // A value with a slash or a wildcard never counts.
        "allow_slashes_in_identity_templates" => false,
        "allow_wildcards_in_identity_templates" => false,
        "cas_required" => policy.cas_required,
        "modified" => policy.modified,
        "name" => name.as_str(),
        text_field => policy.text.as_str(),
        "version" => policy.version,
    })
}

pub(super) async fn write(unsealed: &Unsealed, call: &Call<'_>) -> Result<Reply, Refusal> {
    let rules = || text(call.data, "rules");
    let text = text(call.data, "policy")?.map_or_else(rules, |text| Ok(Some(text)))?;
    let text = text.ok_or_else(|| Refusal::bad_request("'policy' parameter not supplied or empty"))?;
    let name = name(call);
    check_name("the name of a policy", &name)?;
    let draft = PolicyDraft {
        name: &name,
        text,
        cas: fields::count(call.data, "cas")?,
        cas_required: fields::flag(call.data, "cas_required")?,
    };
    unsealed.policies.write(draft, call.now).await?;
    Ok(fields::done(call.data, FIELDS))
}

pub(super) async fn delete(unsealed: &Unsealed, call: &Call<'_>) -> Result<(), Refusal> {
    Ok(unsealed.policies.delete(&name(call)).await?)
}

/// Names are without case.
fn name(call: &Call<'_>) -> String {
    call.captured.to_lowercase()
}

/// A policy's text, which may be sent in base64; `None` if it is empty.
fn text(data: &Object, field: &str) -> Result<Option<String>, Refusal> {
    let Some(text) = fields::text(data, field)? else { return Ok(None) };
    let plain = BASE64.decode(&*text).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    Ok(Some(plain.unwrap_or_else(|| text.into_owned())).filter(|text| !text.is_empty()))
}

/// What may be done by the token that a field names by its text (`token`) or by its accessor (`accessor`).
pub(super) async fn capabilities_of_named(
    unsealed: &Unsealed,
    call: &Call<'_>,
    field: &str,
) -> Result<Reply, Refusal> {
    capabilities(unsealed, call, async {
        let named = fields::text(call.data, field)?.unwrap_or_default();
        let found = if field == "accessor" {
            unsealed.tokens.find_accessor(&named, call.now).await?
        } else {
            unsealed.tokens.find(&named, call.now).await?
        };
        let found = found.ok_or_else(|| Refusal::invalid(format!("invalid {field}")))?;
        Ok(unsealed.tokens.acl(&found))
    })
    .await
}

pub(super) async fn capabilities_of_caller(unsealed: &Unsealed, call: &Call<'_>) -> Result<Reply, Refusal> {
    let acl = call.caller.map(|caller| Arc::clone(&caller.acl)).ok_or_else(Refusal::denied);
    capabilities(unsealed, call, std::future::ready(acl)).await
}

async fn capabilities(
    unsealed: &Unsealed,
    call: &Call<'_>,
    acl: impl Future<Output = Result<Arc<Acl>, Refusal>>,
) -> Result<Reply, Refusal> {
    let mut paths = fields::texts(call.data, "paths")?.unwrap_or_default();
    if paths.is_empty() {
        paths = fields::texts(call.data, "path")?.unwrap_or_default();
    }
    if paths.is_empty() {
        return Err(Refusal::bad_request("paths must be supplied"));
    }
    let acl = acl.await?;
    let allowed = |path: &str| Value::from(acl.capabilities(path));
    let mut data: Object = paths.iter().map(|path| (path.as_str(), allowed(path))).collect();
    if let [path] = paths.as_slice() {
        data.insert("capabilities", allowed(path));
    }
    let recorded = without_secrets(unsealed, &data);
    Ok(Reply { recorded, ..fields::answer(data, call.data, &["accessor", "path", "paths", "token"]) })
}

/// The data with `{secret}` in the place of each token and accessor in its keys, which are paths; `None` if none has any.
fn without_secrets(unsealed: &Unsealed, data: &Object) -> Option<Object> {
    let secrets: Vec<Range<usize>> = data.keys().map(|path| route::secret_of(unsealed, path)).collect();
    secrets.iter().any(|secret| !secret.is_empty()).then(|| {
        let pairs = data.iter().zip(secrets).map(|((path, value), secret)| {
            let mut path = path.to_owned();
            if !secret.is_empty() {
                path.replace_range(secret, "{secret}");
            }
            (path, value.clone())
        });
        pairs.collect()
    })
}

impl From<PolicyError> for Refusal {
    fn from(error: PolicyError) -> Self {
        if error.is_client_error() {
            return Self::invalid(error.to_string());
        }
        tracing::error!(%error, "the policy store failed");
        Self::internal()
    }
}
