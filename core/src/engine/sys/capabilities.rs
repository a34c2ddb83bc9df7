//! `sys/capabilities`, `-self` and `-accessor`: what a token may do at a path.
//! Never in it: how policies are merged.

use std::sync::Arc;

use onrecord_policy::Acl;
use onrecord_value::{Object, Value};

use crate::engine::unsealed::Unsealed;
use crate::engine::{Call, fields};
use crate::outcome::{Refusal, Reply};
use crate::tokens::ActiveToken;

/// Of a token that the request names.
pub(super) async fn of_token(unsealed: &Unsealed, call: &Call<'_>) -> Result<Reply, Refusal> {
    answer(call, async {
        let token = fields::text(call.data, "token")?.unwrap_or_default();
        acl(unsealed, unsealed.tokens.find(&token, call.now).await?, "invalid token")
    })
    .await
}

/// Of the caller's own token.
pub(super) async fn of_caller(call: &Call<'_>) -> Result<Reply, Refusal> {
    let acl = call.caller.map(|caller| Arc::clone(&caller.acl)).ok_or_else(Refusal::denied);
    answer(call, std::future::ready(acl)).await
}

/// Of the token with an accessor.
pub(super) async fn of_accessor(unsealed: &Unsealed, call: &Call<'_>) -> Result<Reply, Refusal> {
    answer(call, async {
        let accessor = fields::text(call.data, "accessor")?.unwrap_or_default();
        acl(unsealed, unsealed.tokens.find_accessor(&accessor, call.now).await?, "invalid accessor")
    })
    .await
}

fn acl(unsealed: &Unsealed, token: Option<ActiveToken>, absent: &str) -> Result<Arc<Acl>, Refusal> {
    let token = token.ok_or_else(|| Refusal::invalid(absent))?;
    Ok(unsealed.policies.acl(&token.entry().policies).1)
}

async fn answer(
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
    let capabilities = |path: &str| Value::from(acl.capabilities(path));
    let mut data: Object = paths.iter().map(|path| (path.as_str(), capabilities(path))).collect();
    if let [path] = paths.as_slice() {
        data.insert("capabilities", capabilities(path));
    }
    Ok(fields::answer(data, call.data, &["accessor", "path", "paths", "token"]))
}
