//! `sys/policies/acl` and its older form `sys/policy`. Never in it: what a policy means, or where it is stored.

use onrecord_value::{Object, Value, object};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use crate::engine::{Call, fields};
use crate::operation::Operation;
use crate::outcome::{Outcome, Refusal, Reply};
use crate::policies::{PolicyDraft, PolicyError};
use crate::routes::Endpoint;
use crate::unsealed::Unsealed;

/// Answers a request to one of the policy routes.
pub async fn handle(open: &Unsealed, call: &Call<'_>) -> Outcome {
    let legacy = matches!(
        call.route.map(|route| route.endpoint),
        Some(Endpoint::LegacyPolicies | Endpoint::LegacyPolicy)
    );
    if call.captured.is_empty() {
        return names(open, legacy);
    }
    // Names are without case.
    let name = call.captured.to_lowercase();
    match call.operation {
        Operation::Read => read(open, &name, legacy),
        Operation::Create | Operation::Update => write(open, call, &name).await.into(),
        Operation::Delete => match open.policies.delete(&name).await {
            Ok(()) => Outcome::empty(),
            Err(error) => Refusal::from(error).into(),
        },
        _ => Refusal::unsupported_operation().into(),
    }
}

fn names(open: &Unsealed, legacy: bool) -> Outcome {
    let names = Value::from(open.policies.names());
    let mut data = object! { "keys" => names.clone() };
    if legacy {
        data.insert("policies", names);
    }
    Outcome::data(data)
}

fn read(open: &Unsealed, name: &str, legacy: bool) -> Outcome {
    let Some(policy) = open.policies.get(name) else { return Outcome::absent() };
    Outcome::data(object! {
        // Identity is not there, so nothing in a policy is ever filled in.
        "allow_slashes_in_identity_templates" => false,
        "allow_wildcards_in_identity_templates" => false,
        "cas_required" => policy.cas_required,
        "modified" => policy.modified,
        "name" => name,
        if legacy { "rules" } else { "policy" } => policy.text.as_str(),
        "version" => policy.version,
    })
}

async fn write(open: &Unsealed, call: &Call<'_>, name: &str) -> Result<Reply, Refusal> {
    let text = match text(call.data, "policy")? {
        None => text(call.data, "rules")?,
        some => some,
    };
    let text = text.ok_or_else(|| Refusal::bad_request("'policy' parameter not supplied or empty"))?;
    let draft = PolicyDraft {
        name,
        text,
        cas: fields::count(call.data, "cas")?,
        cas_required: fields::flag(call.data, "cas_required")?,
    };
    open.policies.write(draft, call.now).await?;
    Ok(Reply::default())
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
