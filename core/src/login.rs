//! What a login method lets in becomes a token. The response entry records it, and it is revoked if that entry cannot be
//! recorded, like any token that a request issues.
//! Never in it: how a client proves who it is (the login method's).

use crate::engine::Call;
use crate::engine::kind::Mounting;
use crate::engine::mount::LOGINS;
use crate::engine::token::lifetime::{self, Bounds, TtlRequest};
use crate::engine::token::{check_batch, sanitised};
use crate::engine::unsealed::Unsealed;
use crate::names::{check_alias, check_login, check_token};
use crate::outcome::{Outcome, Refusal, Reply, Warning};
use crate::policies::{DEFAULT, ROOT};
use crate::routes::{Captured, Route};
use crate::token::{Issued, TokenDraft, TokenKind};

pub(crate) async fn issue(
    unsealed: &Unsealed,
    call: &Call<'_>,
    row: Option<&Route>,
    mut reply: Box<Reply>,
) -> Outcome {
    let Some(mut login) = reply.login.take() else { return Outcome::Reply(reply) };
    // What the path of a login captures may be secret, and the paths of leases are in the clear in storage.
    if let Some(row) = row.filter(|row| row.captured != Captured::Name) {
        let path = [&*call.mount.path, row.prefix()].concat();
        path.trim_end_matches('/').clone_into(&mut login.lease_path);
    }
    let (issued, warning) = match token(unsealed, call, login, &mut reply.entity_created).await {
        Ok(issued) => issued,
        Err(refusal) => return refusal.into(),
    };
    reply.auth = Some(issued);
    reply.warnings.extend(warning);
    Outcome::Reply(reply)
}

async fn token(
    unsealed: &Unsealed,
    call: &Call<'_>,
    mut login: TokenDraft,
    entity_created: &mut bool,
) -> Result<(Issued, Option<Warning>), Refusal> {
    if !login.no_default_policy {
        login.policies.push(DEFAULT.to_owned());
    }
    let policies = sanitised(&login.policies);
    let is_login = matches!(call.mount.kind.mounting, Mounting::Login);
    if !is_login || policies.iter().any(|name| name == ROOT) {
        tracing::error!(mount = call.mount.path, "an engine asked for a token that it may not issue");
        return Err(Refusal::internal());
    }
    let request =
        TtlRequest { ttl: login.ttl, period: login.period, explicit_max_ttl: login.explicit_max_ttl, age: 0 };
    let granted = lifetime::grant_first(request, Bounds::of(unsealed, &call.mount.tune))?;
    check_login(&login)?;
    let alias = login.alias.take();
    let name = call.mount.path.strip_prefix(LOGINS).unwrap_or(&call.mount.path).trim_end_matches('/');
    let mut draft = TokenDraft {
        id: None,
        policies,
        path: call.full_path(),
        display_name: display_name(name, &login.display_name),
        ttl: granted.ttl,
        renewable: login.renewable && login.kind == TokenKind::Service,
        ..login
    };
    check_token(&draft)?;
    check_batch(&draft)?;
    if let Some(alias) = alias {
        check_alias(&alias)?;
        let logged_in = unsealed.identity.log_in(&call.mount.accessor, &alias, call.now).await?;
        (draft.entity_id, *entity_created) = (logged_in.entity_id, logged_in.created);
    }
    let entry = unsealed.tokens.create(draft, None, call.now).await?;
    let issued = Issued { entry, lease_seconds: granted.ttl, new: true, text_known: true };
    Ok((issued, granted.capped.map(|capped| lifetime::warning("TTL", capped))))
}

/// The name of the mount, and what the method calls the client.
fn display_name(mount: &str, client: &str) -> String {
    let mount = mount.replace('/', "-");
    if client.is_empty() { mount } else { format!("{mount}-{client}") }
}
