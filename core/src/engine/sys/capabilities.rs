//! `sys/capabilities`, `-self` and `-accessor`: what a token may do at a path.
//! Never in it: how policies are merged.

use std::sync::Arc;

use onrecord_policy::Acl;
use onrecord_value::{Object, Value};

use crate::engine::{Call, Unsealed, fields};
use crate::outcome::{Refusal, Reply};

/// Of the token that a field names by its text (`token`) or by its accessor (`accessor`).
pub(super) async fn of_named(open: &Unsealed, call: &Call<'_>, field: &str) -> Result<Reply, Refusal> {
    answer(call, async {
        let named = fields::text(call.data, field)?.unwrap_or_default();
        let found = if field == "accessor" {
            open.tokens.find_accessor(&named, call.now).await?
        } else {
            open.tokens.find(&named, call.now).await?
        };
        let found = found.ok_or_else(|| Refusal::invalid(format!("invalid {field}")))?;
        Ok(open.policies.acl(&found.entry().policies).1)
    })
    .await
}

pub(super) async fn of_caller(call: &Call<'_>) -> Result<Reply, Refusal> {
    let acl = call.caller.map(|caller| Arc::clone(&caller.acl)).ok_or_else(Refusal::denied);
    answer(call, std::future::ready(acl)).await
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
