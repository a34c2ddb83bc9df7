//! The login with a role id and a secret id.
//! Never in it: how often and how long a secret id can be used (`secret_id`).

use onrecord_value::Object;

use super::role::Role;
use super::{AppRole, names};
use crate::engine::login_attempts::{self, Failure};
use crate::engine::{Call, Unsealed, fields};
use crate::outcome::{Refusal, Reply};
use crate::token::{LoginAlias, TokenDraft};

/// What a refused login is told, whatever was wrong.
const REFUSED: &str = "invalid role or secret ID";

impl AppRole {
    pub(super) async fn login(&self, unsealed: &Unsealed, call: &Call<'_>) -> Result<Reply, Refusal> {
        let role_id = fields::text(call.data, "role_id")?.unwrap_or_default();
        if role_id.is_empty() {
            return Err(Refusal::invalid("missing role_id"));
        }
        let secret_id = fields::text(call.data, "secret_id")?.unwrap_or_default();
        let attempt = login_attempts::begin(unsealed, call, &role_id).await?;
        let Some((name, role)) = self.of_role_id(unsealed, &role_id).await? else {
            return Err(login_attempts::refuse(attempt, Failure::NoAccount, REFUSED));
        };
        let (metadata, parameters) = match self.check(unsealed, call, role, &secret_id).await? {
            Ok(proven) => proven,
            Err(failure) => return Err(login_attempts::refuse(attempt, failure, REFUSED)),
        };
        attempt.succeeded();
        let mut meta = metadata;
        meta.insert("role_name", name);
        let alias = LoginAlias { name: role_id.into_owned(), metadata: meta.clone(), groups: Vec::new() };
        let login = TokenDraft { meta: Some(meta), alias: Some(alias), ..parameters };
        Ok(Reply { login: Some(login), ..Reply::default() })
    }

    /// The role of a role id, with its name.
    async fn of_role_id(
        &self,
        unsealed: &Unsealed,
        role_id: &str,
    ) -> Result<Option<(String, Role)>, Refusal> {
        let Some(name) = self.space.get(&names::role_id(unsealed, role_id)?).await? else { return Ok(None) };
        let name = std::str::from_utf8(name.expose()).unwrap_or_default().to_owned();
        let role = self.role(&name).await?;
        // It may have been given another role id, or been made again, since.
        Ok(role.filter(|role| role.role_id() == role_id).map(|role| (name, role)))
    }

    /// What proves the login is checked, and the secret id used, last: it is not used up where something else is wrong.
    async fn check(
        &self,
        unsealed: &Unsealed,
        call: &Call<'_>,
        role: Role,
        secret_id: &str,
    ) -> Result<Result<(Object, TokenDraft), Failure>, Refusal> {
        let mut rules = role.rules;
        let address = call.client_address();
        if !rules.secret_id_bound_cidrs.allow(address) || !rules.parameters.bound_cidrs.allow(address) {
            return Ok(Err(Failure::Elsewhere));
        }
        if !rules.bind_secret_id {
            return Ok(Ok((Object::new(), rules.parameters.draft(call)?)));
        }
        let used = match self.spend(unsealed, call, &rules.uuid, secret_id).await? {
            Ok(used) => used,
            Err(failure) => return Ok(Err(failure)),
        };
        if !used.token_bound_cidrs.is_empty() {
            rules.parameters.bound_cidrs = used.token_bound_cidrs;
        }
        Ok(Ok((used.metadata, rules.parameters.draft(call)?)))
    }
}
