//! Writing, reading, listing and deleting roles.
//! Never in it: what a role says (`role`).

use onrecord_storage::Read;

use super::Pki;
use super::role::Role;
use crate::engine::Call;
use crate::engine::space::failed;
use crate::outcome::{Outcome, Refusal};
use crate::stored::Record as _;

const ROLES: &str = "role/";

fn key_of(name: &str) -> String {
    format!("{ROLES}{name}")
}

impl Pki {
    /// The role of a name.
    pub(super) async fn role(&self, name: &str) -> Result<Option<Role>, Refusal> {
        let Some(stored) = self.space.get(&key_of(name)).await? else { return Ok(None) };
        let role = Role::decode(stored.expose(), ());
        role.map(Some).ok_or_else(|| failed(&"a role of a PKI engine does not decode"))
    }

    /// `LIST roles`.
    pub(super) fn list_roles<'a>(&'a self, call: &'a Call<'a>) -> Read<'a, Result<Outcome, Refusal>> {
        self.space.list(ROLES).map(|names| {
            let names = names?;
            call.permit.hold_names(&names)?;
            Ok(Outcome::keys(names))
        })
    }

    /// `GET roles/NAME`.
    pub(super) async fn show_role(&self, call: &Call<'_>) -> Result<Outcome, Refusal> {
        Ok(self.role(call.captured).await?.map_or_else(Outcome::absent, |role| Outcome::data(role.show())))
    }

    /// `POST roles/NAME`.
    pub(super) async fn write_role(&self, call: &Call<'_>) -> Result<Outcome, Refusal> {
        let role = Role::of(call.data)?;
        let key = key_of(call.captured);
        self.space.change(&key, None, call.permit, |_, draft| draft.put(&key, &role.encode())).await?;
        Ok(Outcome::data(role.show()))
    }

    /// `DELETE roles/NAME`.
    pub(super) async fn delete_role(&self, call: &Call<'_>) -> Result<(), Refusal> {
        let key = key_of(call.captured);
        self.space.change(&key, None, call.permit, |_, draft| draft.delete(&key)).await
    }
}
