//! `sys/capabilities`, `-self` and `-accessor`: what a token may do at a path.
//! Never in it: how policies are merged.

use std::sync::Arc;

use onrecord_policy::Acl;
use onrecord_value::{Object, Value};

use crate::engine::{Call, fields};
use crate::outcome::{Outcome, Refusal, Reply};
use crate::routes::Endpoint;
use crate::unsealed::Unsealed;

/// Answers a request to one of the three routes.
pub async fn handle(open: &Unsealed, call: &Call<'_>) -> Outcome {
    answer(open, call).await.into()
}

async fn answer(open: &Unsealed, call: &Call<'_>) -> Result<Reply, Refusal> {
    let endpoint = call.route.map(|route| route.endpoint);
    let mut paths = fields::texts(call.data, "paths")?.unwrap_or_default();
    if paths.is_empty() {
        paths = fields::texts(call.data, "path")?.unwrap_or_default();
    }
    if paths.is_empty() {
        return Err(Refusal::bad_request("paths must be supplied"));
    }
    let acl = match endpoint {
        Some(Endpoint::CapabilitiesSelf) => own(call)?,
        Some(Endpoint::CapabilitiesAccessor) => of_accessor(open, call).await?,
        _ => of_token(open, call).await?,
    };
    let mut data: Object =
        paths.iter().map(|path| (path.as_str(), Value::from(acl.capabilities(path)))).collect();
    if let [path] = paths.as_slice() {
        data.insert("capabilities", Value::from(acl.capabilities(path)));
    }
    let known = ["accessor", "path", "paths", "token"];
    let warnings = fields::unrecognized(call.data, &known).into_iter().collect();
    Ok(Reply { data: Some(data), warnings, ..Reply::default() })
}

fn own(call: &Call<'_>) -> Result<Arc<Acl>, Refusal> {
    call.caller.map(|caller| Arc::clone(&caller.acl)).ok_or_else(Refusal::denied)
}

async fn of_token(open: &Unsealed, call: &Call<'_>) -> Result<Arc<Acl>, Refusal> {
    let token = fields::text(call.data, "token")?.unwrap_or_default();
    let found = open.tokens.find(&token, call.now).await?;
    let found = found.ok_or_else(|| Refusal::invalid("invalid token"))?;
    Ok(open.policies.acl(&found.entry().policies).1)
}

async fn of_accessor(open: &Unsealed, call: &Call<'_>) -> Result<Arc<Acl>, Refusal> {
    let accessor = fields::text(call.data, "accessor")?.unwrap_or_default();
    let found = open.tokens.find_accessor(&accessor, call.now).await?;
    let found = found.ok_or_else(|| Refusal::invalid("invalid accessor"))?;
    Ok(open.policies.acl(&found.entry().policies).1)
}
