//! The endpoints of roles: list, read, write, delete, the role id, and each field on its own.
//! Never in it: secret ids.

use onrecord_seal::SecretBytes;
use onrecord_storage::Read;
use onrecord_value::{Object, object};

use super::role::{NAME_BYTES_MAX, OLDER_CIDRS, Role, RoleRules};
use super::{AppRole, names};
use crate::engine::{Call, ChangeBatch, Unsealed, fields};
use crate::names::check_name;
use crate::outcome::{Outcome, Refusal, Reply};

/// There is no such role.
pub(super) fn no_role() -> Refusal {
    Refusal { status: 404, ..Refusal::invalid("role does not exist") }
}

/// Refuses a name that a new role cannot have.
fn check_new(name: &str) -> Result<(), Refusal> {
    let is_taken = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-' | '.' | ' ');
    if name.len() <= NAME_BYTES_MAX && name.chars().all(is_taken) {
        return Ok(());
    }
    Err(Refusal::invalid(format!(
        "the name of a role has at most {NAME_BYTES_MAX} letters, digits, blanks and \"_\", \"-\", \".\""
    )))
}

/// The field of a role that a path is about (`…/secret-id-ttl`), and its names in requests and answers.
fn field_of(call: &Call<'_>) -> (String, Vec<&'static str>) {
    let segment = call.path.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    match segment {
        "policies" => ("token_policies".to_owned(), vec!["token_policies", "policies"]),
        "period" => ("token_period".to_owned(), vec!["token_period", "period"]),
        "bound-cidr-list" => ("secret_id_bound_cidrs".to_owned(), vec!["secret_id_bound_cidrs", OLDER_CIDRS]),
        other => (other.replace('-', "_"), Vec::new()),
    }
}

impl AppRole {
    pub(super) fn list<'a>(&'a self, call: &'a Call<'a>) -> Read<'a, Result<Outcome, Refusal>> {
        self.space.list(names::ROLES).map(|names| {
            let names = names?;
            call.permit.hold_names(&names)?;
            Ok(Outcome::keys(names))
        })
    }

    pub(super) fn read<'a>(&'a self, call: &'a Call<'a>) -> Read<'a, Result<Outcome, Refusal>> {
        self.space.read(&names::role(&names::role_of(call)), call.permit).map(|stored| {
            let Some(stored) = stored? else { return Ok(Outcome::absent()) };
            Ok(Outcome::data(Role::decode(&stored)?.rules.show()))
        })
    }

    /// The role of a name.
    pub(super) async fn role(&self, name: &str) -> Result<Option<Role>, Refusal> {
        self.space.get(&names::role(name)).await?.as_ref().map(Role::decode).transpose()
    }

    pub(super) async fn write(&self, unsealed: &Unsealed, call: &Call<'_>) -> Result<Reply, Refusal> {
        let name = names::role_of(call);
        let chosen = chosen_role_id(call)?;
        let (uuid, random) = (random_id(unsealed)?, random_id(unsealed)?);
        let key = names::role(&name);
        let _turn = self.roles.lock().await;
        let change = self.space.change(&key, call.existing, call.permit, |stored, batch| {
            call.recheck_operation(stored.is_some())?;
            let old = stored.map(Role::decode).transpose()?;
            let is_new = old.is_none();
            if is_new {
                check_new(&name)?;
            }
            let (mut rules, old_id) = match old {
                Some(role) => (role.rules, Some(role.role_id)),
                None => (RoleRules::new(uuid.clone()), None),
            };
            rules.apply(call.data, is_new)?;
            let role_id = match (&chosen, &old_id) {
                (Some(chosen), _) => chosen.duplicate(),
                (None, Some(old)) => old.duplicate(),
                (None, None) => SecretBytes::new(random.clone().into_bytes()),
            };
            put(unsealed, batch, &name, &Role { role_id, rules }, old_id.as_ref())
        });
        change.await?;
        let warnings = fields::unrecognized(call.data, &RoleRules::known_fields()).into_iter().collect();
        Ok(Reply { warnings, ..Reply::default() })
    }

    pub(super) async fn delete(&self, unsealed: &Unsealed, call: &Call<'_>) -> Result<(), Refusal> {
        let key = names::role(&names::role_of(call));
        let deleted = {
            let _turn = self.roles.lock().await;
            let change = self.space.change(&key, None, call.permit, |stored, batch| {
                let Some(role) = stored.map(Role::decode).transpose()? else { return Ok(None) };
                batch.delete(&key)?;
                batch.delete(&names::role_id(unsealed, role.role_id())?)?;
                Ok(Some(role.rules.uuid))
            });
            change.await?
        };
        // The role is gone, and nothing leads to its secret ids any more. What is not removed now, tidying removes.
        match deleted {
            Some(uuid) => self.remove_secret_ids(&uuid, call.permit).await,
            None => Ok(()),
        }
    }

    pub(super) async fn read_role_id(&self, call: &Call<'_>) -> Result<Outcome, Refusal> {
        let Some(role) = self.role(&names::role_of(call)).await? else { return Ok(Outcome::absent()) };
        Ok(Outcome::data(object! { "role_id" => role.role_id() }))
    }

    pub(super) async fn write_role_id(&self, unsealed: &Unsealed, call: &Call<'_>) -> Result<(), Refusal> {
        let chosen = chosen_role_id(call)?.ok_or_else(|| Refusal::invalid("missing role_id"))?;
        self.update(call, |name, role, batch| {
            let old_id = std::mem::replace(&mut role.role_id, chosen.duplicate());
            put(unsealed, batch, name, role, Some(&old_id))
        })
        .await
    }

    pub(super) async fn read_field(&self, call: &Call<'_>) -> Result<Outcome, Refusal> {
        let Some(role) = self.role(&names::role_of(call)).await? else { return Ok(Outcome::absent()) };
        let (field, names) = field_of(call);
        let value = role.rules.show().remove(&field).unwrap_or_default();
        let mut shown: Object = names.into_iter().map(|name| (name, value.clone())).collect();
        shown.insert(field, value);
        Ok(Outcome::data(shown))
    }

    pub(super) async fn write_field(&self, call: &Call<'_>) -> Result<(), Refusal> {
        let (field, names) = field_of(call);
        let is_of_it = |name: &str| name == field || names.contains(&name);
        let sent = call.data.iter().filter(|(name, value)| is_of_it(name) && !value.is_null());
        let sent: Object = sent.map(|(name, value)| (name, value.clone())).collect();
        if sent.is_empty() {
            return Err(Refusal::invalid(format!("missing {field}")));
        }
        self.update(call, |name, role, batch| {
            role.rules.apply(&sent, false)?;
            batch.put(&names::role(name), role.encode().expose())
        })
        .await
    }

    pub(super) async fn reset_field(&self, call: &Call<'_>) -> Result<(), Refusal> {
        let (field, _) = field_of(call);
        self.update(call, |name, role, batch| {
            role.rules.reset(&field)?;
            batch.put(&names::role(name), role.encode().expose())
        })
        .await
    }

    /// Changes a role that exists.
    async fn update(
        &self,
        call: &Call<'_>,
        mut change: impl FnMut(&str, &mut Role, &mut ChangeBatch<'_>) -> Result<(), Refusal>,
    ) -> Result<(), Refusal> {
        let name = names::role_of(call);
        let key = names::role(&name);
        let _turn = self.roles.lock().await;
        let changed = self.space.change(&key, None, call.permit, |stored, batch| {
            let mut role = Role::decode(stored.ok_or_else(no_role)?)?;
            change(&name, &mut role, batch)
        });
        changed.await
    }
}

/// The role id that a request chooses.
fn chosen_role_id(call: &Call<'_>) -> Result<Option<SecretBytes>, Refusal> {
    let Some(chosen) = fields::text(call.data, "role_id")?.filter(|chosen| !chosen.is_empty()) else {
        return Ok(None);
    };
    if chosen.len() > NAME_BYTES_MAX {
        return Err(Refusal::invalid(format!(
            "role_id has {} bytes; it may have {NAME_BYTES_MAX}",
            chosen.len()
        )));
    }
    check_name("role_id", &chosen)?;
    Ok(Some(SecretBytes::new(chosen.into_owned().into_bytes())))
}

/// Stores a role, with what leads to it from its role id. That must not be another role's. Called while all roles are held.
fn put(
    unsealed: &Unsealed,
    batch: &mut ChangeBatch<'_>,
    name: &str,
    role: &Role,
    old_id: Option<&SecretBytes>,
) -> Result<(), Refusal> {
    let index = names::role_id(unsealed, role.role_id())?;
    if let Some(other) = batch.latest(&index)?
        && other.expose() != name.as_bytes()
    {
        return Err(Refusal::invalid("role_id is that of another role: choose another one"));
    }
    if let Some(old) = old_id.filter(|old| **old != role.role_id) {
        let old = std::str::from_utf8(old.expose()).unwrap_or_default();
        batch.delete(&names::role_id(unsealed, old)?)?;
    }
    batch.put(&index, name.as_bytes())?;
    batch.put(&names::role(name), role.encode().expose())
}

/// A random UUID.
pub(super) fn random_id(unsealed: &Unsealed) -> Result<String, Refusal> {
    unsealed.host.entropy.uuid().map_err(|error| {
        tracing::error!(%error, "no random id for an AppRole");
        Refusal::internal()
    })
}
