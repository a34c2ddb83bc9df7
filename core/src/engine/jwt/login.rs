//! The login with a signed token.
//! Never in it: what a role wants of its claims.

use onrecord_value::Object;

use super::Jwt;
use super::signature::SignedToken;
use crate::engine::login_attempts::{self, Failure};
use crate::engine::{Call, Unsealed, fields};
use crate::names::check_name;
use crate::outcome::{Refusal, Reply};
use crate::token::{LoginAlias, TokenDraft};

/// What a refused login is told, whatever was wrong with the token or the role.
const REFUSED: &str =
    "the JWT is not valid for this role: its signature, times, issuer, audience or claims do not fit";
/// The longest name of a user that a token can state, in bytes. It is in all entries of the client.
const USER_BYTES_MAX: usize = 512;
/// How many groups a token can state.
const GROUPS_MAX: usize = 1024;

impl Jwt {
    pub(super) async fn login(&self, unsealed: &Unsealed, call: &Call<'_>) -> Result<Reply, Refusal> {
        let refused = |failure| login_attempts::failed(failure, REFUSED);
        let token = fields::text(call.data, "jwt")?.filter(|token| !token.is_empty());
        let token = token.ok_or_else(|| Refusal::invalid("missing token: send it as jwt"))?;
        let config = self.config().await?;
        let named = fields::text(call.data, "role")?.filter(|name| !name.is_empty());
        let name = named.map_or_else(|| config.default_role.clone(), |name| name.into_owned());
        if name.is_empty() {
            return Err(Refusal::invalid("missing role"));
        }
        let role = self.role(&name).await?.ok_or_else(|| refused(Failure::NoAccount))?;
        if role.role_type != "jwt" {
            return Err(Refusal::invalid(
                "role with oidc role_type is not allowed: logins through a browser are not supported",
            ));
        }
        let signed = SignedToken::parse(&token).filter(|signed| config.takes(signed.algorithm));
        let signed = signed.ok_or_else(|| refused(Failure::WrongCredentials))?;
        // Off the threads that serve connections: with many keys, signatures take a while.
        let verified = unsealed.cpu_work.run(move || {
            let keys = config.keys().ok()?;
            signed.verify(&keys).map(|claims| (claims, config.bound_issuer))
        });
        let (claims, issuer) = verified.await?.ok_or_else(|| refused(Failure::WrongCredentials))?;
        let client = role.client(&claims, &issuer, call.now.unix_seconds());
        let client = client.ok_or_else(|| refused(Failure::WrongCredentials))?;
        if !role.parameters.bound_cidrs.allow(call.client_address()) {
            return Err(refused(Failure::Elsewhere));
        }
        if client.user.len() > USER_BYTES_MAX || client.groups.len() > GROUPS_MAX {
            return Err(Refusal::invalid(format!(
                "the user claim may have {USER_BYTES_MAX} bytes, and the groups claim {GROUPS_MAX} groups"
            )));
        }
        check_name("the user claim", &client.user)?;
        let mut meta: Object = client.metadata.clone();
        meta.insert("role", name);
        let alias =
            LoginAlias { name: client.user.clone(), metadata: client.metadata, groups: client.groups };
        let login = TokenDraft {
            display_name: client.user,
            meta: Some(meta),
            alias: Some(alias),
            ..role.parameters.draft(call)?
        };
        Ok(Reply { login: Some(login), ..Reply::default() })
    }
}
