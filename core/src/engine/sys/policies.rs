//! `sys/policies/acl` and its older form `sys/policy`. Never in it: what a policy means, or where it is stored.

use onrecord_value::{Object, Value, object};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use crate::engine::{Call, Unsealed, fields};
use crate::outcome::{Outcome, Refusal};
use crate::policies::{PolicyDraft, PolicyError};

pub(super) fn names(open: &Unsealed) -> Outcome {
    Outcome::data(object! { "keys" => Value::from(open.policies.names()) })
}

/// The same in the older form.
pub(super) fn legacy_names(open: &Unsealed) -> Outcome {
    let names = Value::from(open.policies.names());
    Outcome::data(object! { "keys" => names.clone(), "policies" => names })
}

/// A policy, with its text in a field of this name.
pub(super) fn read(open: &Unsealed, call: &Call<'_>, text_field: &str) -> Outcome {
    let name = name(call);
    let Some(policy) = open.policies.get(&name) else { return Outcome::absent() };
    Outcome::data(object! {
        // Identity is not there, so nothing in a policy is ever filled in.
        "allow_slashes_in_identity_templates" => false,
        "allow_wildcards_in_identity_templates" => false,
        "cas_required" => policy.cas_required,
        "modified" => policy.modified,
        "name" => name.as_str(),
        text_field => policy.text.as_str(),
        "version" => policy.version,
    })
}

pub(super) async fn write(open: &Unsealed, call: &Call<'_>) -> Result<(), Refusal> {
    let rules = || text(call.data, "rules");
    let text = text(call.data, "policy")?.map_or_else(rules, |text| Ok(Some(text)))?;
    let text = text.ok_or_else(|| Refusal::bad_request("'policy' parameter not supplied or empty"))?;
    let name = name(call);
    let draft = PolicyDraft {
        name: &name,
        text,
        cas: fields::count(call.data, "cas")?,
        cas_required: fields::flag(call.data, "cas_required")?,
    };
    Ok(open.policies.write(draft, call.now).await?)
}

pub(super) async fn delete(open: &Unsealed, call: &Call<'_>) -> Result<(), Refusal> {
    Ok(open.policies.delete(&name(call)).await?)
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

impl From<PolicyError> for Refusal {
    fn from(error: PolicyError) -> Self {
        if error.is_client_error() {
            return Self::invalid(error.to_string());
        }
        tracing::error!(%error, "the policy store failed");
        Self::internal()
    }
}
