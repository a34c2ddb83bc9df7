//! The endpoints of secret ids: make, list, look up, destroy; and what a login uses of one.
//! Never in it: what a secret id allows (`secret_id`).

use std::borrow::Cow;

use onrecord_seal::SecretBytes;
use onrecord_value::object;

use super::role::Role;
use super::roles::{no_role, random_id};
use super::secret_id::{SecretId, SecretIdFacts};
use super::{AppRole, names};
use crate::admission::Permit;
use crate::engine::login_attempts::Failure;
use crate::engine::{Call, Unsealed, fields};
use crate::names::check_name;
use crate::outcome::{Outcome, Refusal, Reply};

/// The longest secret id that a client can choose, in bytes.
const SECRET_ID_BYTES_MAX: usize = 4096;
/// How many keys of a deleted role one batch removes.
const BATCH: usize = 512;
const KNOWN: &[&str] = &["cidr_list", "metadata", "num_uses", "secret_id", "token_bound_cidrs", "ttl"];

/// A credential that a request names in a field.
fn named<'a>(call: &Call<'a>, field: &str) -> Result<Cow<'a, str>, Refusal> {
    let named = fields::text(call.data, field)?.filter(|named| !named.is_empty());
    named.ok_or_else(|| Refusal::invalid(format!("missing {field}")))
}

fn no_accessor() -> Refusal {
    Refusal { status: 404, ..Refusal::invalid("no secret id of the role has this secret_id_accessor") }
}

impl AppRole {
    /// The role of the path; refused if there is none.
    async fn role_of(&self, call: &Call<'_>) -> Result<Role, Refusal> {
        self.role(&names::role_of(call)).await?.ok_or_else(no_role)
    }

    pub(super) async fn make_secret_id(
        &self,
        unsealed: &Unsealed,
        call: &Call<'_>,
        is_chosen: bool,
    ) -> Result<Reply, Refusal> {
        let role = self.role_of(call).await?;
        if !role.rules.bind_secret_id {
            return Err(Refusal::invalid("bind_secret_id is not set on the role: it takes no secret ids"));
        }
        let facts = SecretIdFacts::read(call, &role.rules)?;
        let text = if is_chosen { chosen(call)? } else { random_id(unsealed)? };
        let accessor = random_id(unsealed)?;
        let (uuid, role_key) = (&role.rules.uuid, names::role(&names::role_of(call)));
        let hashed = names::hashed_secret_id(unsealed, &text)?;
        let key = names::secret_ids(uuid) + &hashed;
        let accessor_key = names::accessor(unsealed, uuid, &accessor)?;
        let made = SecretId { accessor: SecretBytes::new(accessor.into_bytes()), facts };
        let change = self.space.change(&key, None, call.permit, |stored, batch| {
            if stored.is_some() {
                return Err(Refusal::invalid("the role has this secret_id already"));
            }
            let still = batch.latest(&role_key)?.as_ref().map(Role::decode).transpose()?;
            if still.is_none_or(|role| role.rules.uuid != *uuid) {
                return Err(no_role());
            }
            batch.put(&key, made.encode().expose())?;
            batch.put(&accessor_key, hashed.as_bytes())
        });
        change.await?;
        let data = object! {
            "secret_id" => text,
            "secret_id_accessor" => made.accessor(),
            "secret_id_num_uses" => made.facts.num_uses,
            "secret_id_ttl" => made.facts.ttl,
        };
        Ok(fields::answer(data, call.data, KNOWN))
    }

    pub(super) async fn list_accessors(&self, call: &Call<'_>) -> Result<Outcome, Refusal> {
        let folder = names::secret_ids(&self.role_of(call).await?.rules.uuid);
        let mut accessors = Vec::new();
        for name in self.space.list(&folder).await? {
            let stored = self.space.get(&[&*folder, &*name].concat()).await?;
            let Some(secret_id) = stored.as_ref().map(SecretId::decode).transpose()? else { continue };
            if !secret_id.facts.is_expired(call.now) {
                accessors.push(secret_id.accessor().to_owned());
            }
        }
        call.permit.hold_names(&accessors)?;
        accessors.sort_unstable();
        Ok(Outcome::keys(accessors))
    }

    pub(super) async fn lookup(&self, unsealed: &Unsealed, call: &Call<'_>) -> Result<Outcome, Refusal> {
        let named = named(call, "secret_id")?;
        let role = self.role_of(call).await?;
        let key = names::secret_ids(&role.rules.uuid) + &names::hashed_secret_id(unsealed, &named)?;
        Ok(self.known(&key, call).await?.map_or_else(Outcome::empty, |known| Outcome::data(known.show())))
    }

    pub(super) async fn lookup_by_accessor(
        &self,
        unsealed: &Unsealed,
        call: &Call<'_>,
    ) -> Result<Outcome, Refusal> {
        let (key, _) = self.accessed(unsealed, call).await?;
        let known = self.known(&key, call).await?.ok_or_else(no_accessor)?;
        Ok(Outcome::data(known.show()))
    }

    pub(super) async fn destroy(&self, unsealed: &Unsealed, call: &Call<'_>) -> Result<(), Refusal> {
        let named = named(call, "secret_id")?;
        let role = self.role_of(call).await?;
        let key = names::secret_ids(&role.rules.uuid) + &names::hashed_secret_id(unsealed, &named)?;
        self.remove(unsealed, &key, &role.rules.uuid, call.permit).await
    }

    pub(super) async fn destroy_by_accessor(
        &self,
        unsealed: &Unsealed,
        call: &Call<'_>,
    ) -> Result<(), Refusal> {
        let (key, uuid) = self.accessed(unsealed, call).await?;
        self.remove(unsealed, &key, &uuid, call.permit).await
    }

    /// Where the secret id of an accessor is stored, and the UUID of its role.
    async fn accessed(&self, unsealed: &Unsealed, call: &Call<'_>) -> Result<(String, String), Refusal> {
        let named = named(call, "secret_id_accessor")?;
        let uuid = self.role_of(call).await?.rules.uuid;
        let stored =
            self.space.get(&names::accessor(unsealed, &uuid, &named)?).await?.ok_or_else(no_accessor)?;
        let hashed = std::str::from_utf8(stored.expose()).unwrap_or_default();
        Ok((names::secret_ids(&uuid) + hashed, uuid))
    }

    /// A secret id that has not expired.
    async fn known(&self, key: &str, call: &Call<'_>) -> Result<Option<SecretId>, Refusal> {
        let stored = self.space.get(key).await?.as_ref().map(SecretId::decode).transpose()?;
        Ok(stored.filter(|secret_id| !secret_id.facts.is_expired(call.now)))
    }

    /// Removes a secret id, if it is there, with what leads to it from its accessor.
    pub(super) async fn remove(
        &self,
        unsealed: &Unsealed,
        key: &str,
        uuid: &str,
        permit: &Permit,
    ) -> Result<(), Refusal> {
        let change = self.space.change(key, None, permit, |stored, batch| {
            let Some(secret_id) = stored.map(SecretId::decode).transpose()? else { return Ok(()) };
            batch.delete(key)?;
            batch.delete(&names::accessor(unsealed, uuid, secret_id.accessor())?)
        });
        change.await
    }

    /// Uses a secret id for a login, once. Of several logins at once with one that has one use left, one succeeds.
    pub(super) async fn spend(
        &self,
        unsealed: &Unsealed,
        call: &Call<'_>,
        uuid: &str,
        text: &str,
    ) -> Result<Result<SecretIdFacts, Failure>, Refusal> {
        let key = names::secret_ids(uuid) + &names::hashed_secret_id(unsealed, text)?;
        let stored = self.space.get(&key).await?.as_ref().map(SecretId::decode).transpose()?;
        match stored {
            None => return Ok(Err(Failure::WrongCredentials)),
            // What has no count of uses needs no change.
            Some(SecretId { facts, .. }) if facts.num_uses == 0 => {
                return Ok(facts.check(call).map(|()| facts));
            }
            Some(_) => {}
        }
        let change = self.space.change(&key, None, call.permit, |stored, batch| {
            let Some(mut secret_id) = stored.map(SecretId::decode).transpose()? else {
                return Ok(Err(Failure::WrongCredentials));
            };
            if let Err(failure) = secret_id.facts.check(call) {
                return Ok(Err(failure));
            }
            secret_id.facts.num_uses = secret_id.facts.num_uses.saturating_sub(1);
            secret_id.facts.updated = call.now;
            if secret_id.facts.num_uses == 0 {
                batch.delete(&key)?;
                batch.delete(&names::accessor(unsealed, uuid, secret_id.accessor())?)?;
            } else {
                batch.put(&key, secret_id.encode().expose())?;
            }
            Ok(Ok(secret_id.facts))
        });
        change.await
    }

    /// Removes all secret ids of a role that is gone.
    pub(super) async fn remove_secret_ids(&self, uuid: &str, permit: &Permit) -> Result<(), Refusal> {
        for folder in [names::secret_ids(uuid), names::accessors(uuid)] {
            let names = self.space.list(&folder).await?;
            for some in names.chunks(BATCH) {
                let keys: Vec<String> = some.iter().map(|name| [&*folder, &**name].concat()).collect();
                let Some(first) = keys.first() else { continue };
                let change = self.space.change(first, None, permit, |_, batch| {
                    keys.iter().try_for_each(|key| batch.delete(key))
                });
                change.await?;
            }
        }
        Ok(())
    }
}

/// The secret id that a request chooses.
fn chosen(call: &Call<'_>) -> Result<String, Refusal> {
    let chosen = named(call, "secret_id")?;
    if chosen.len() > SECRET_ID_BYTES_MAX {
        return Err(Refusal::invalid(format!(
            "secret_id has {} bytes; it may have {SECRET_ID_BYTES_MAX}",
            chosen.len()
        )));
    }
    check_name("secret_id", &chosen)?;
    Ok(chosen.into_owned())
}
