//! Login methods, identity, and the leases of logins.

use serde_json::{Value, json};
use vaultrs::api::AuthInfo;
use vaultrs::api::auth::approle::requests::SetAppRoleRequest;
use vaultrs::api::auth::oidc::requests::{SetConfigurationRequest, SetRoleRequest};
use vaultrs::api::auth::userpass::requests::CreateUserRequest;
use vaultrs::api::identity::entity::requests::CreateEntityRequest;
use vaultrs::api::identity::group::requests::CreateGroupByNameRequest;
use vaultrs::auth::{approle, oidc, userpass};
use vaultrs::identity::{entity, entity_alias, group};
use vaultrs::sys::auth;

use crate::secrets::use_open;
use crate::step;
use crate::walk::{Done, Walk, data, holds, same, text};

async fn uses(walk: &mut Walk, login: AuthInfo) -> Done {
    walk.act_as(&login.client_token);
    use_open(walk).await
}

async fn by_password(walk: &mut Walk, password: &str) -> Done {
    let password = walk.secret(password);
    let login = userpass::login(&walk.client, "userpass", "wanda", &password).await?;
    uses(walk, login).await
}

pub async fn userpass(walk: &mut Walk) {
    let mount = "userpass";
    step!(walk, "userpass/enable", { auth::enable(&walk.client, mount, "userpass", None).await? });
    step!(walk, "userpass/write", {
        let mut user = CreateUserRequest::builder();
        user.token_policies(vec!["reader".to_owned()]);
        let password = walk.secret("password");
        userpass::user::set(&walk.client, mount, "wanda", &password, Some(&mut user)).await?;
    });
    step!(walk, "userpass/login", { by_password(walk, "password").await? });
    step!(walk, "userpass/wrong-password", { by_password(walk, "wrong-password").await? });
    step!(walk, "userpass/list", { same(userpass::user::list(&walk.client, mount).await?.keys, ["wanda"])? });
    step!(walk, "userpass/change-password", {
        userpass::user::update_password(&walk.client, mount, "wanda", &walk.secret("new")).await?;
        by_password(walk, "new").await?;
    });
    step!(walk, "userpass/delete", { userpass::user::delete(&walk.client, mount, "wanda").await? });
}

async fn by_role(walk: &mut Walk, id: &str) -> Done {
    let login = approle::login(&walk.client, "approle", &walk.kept("role")?, id).await?;
    uses(walk, login).await
}

pub async fn approle(walk: &mut Walk) {
    let mount = "approle";
    step!(walk, "approle/enable", { auth::enable(&walk.client, mount, "approle", None).await? });
    step!(walk, "approle/write", {
        let mut role = SetAppRoleRequest::builder();
        role.token_policies(vec!["reader".to_owned()]).secret_id_ttl("1h").token_ttl("10m");
        approle::role::set(&walk.client, mount, "app", Some(&mut role)).await?;
    });
    step!(walk, "approle/role-id", {
        let found = approle::role::read_id(&walk.client, mount, "app").await?;
        walk.kept.insert("role", found.role_id);
    });
    step!(walk, "approle/secret-id", {
        let made = approle::role::secret::generate(&walk.client, mount, "app", None).await?;
        walk.kept.insert("id", made.secret_id);
    });
    step!(walk, "approle/custom-secret-id", {
        let custom = walk.secret("custom");
        let made = approle::role::secret::custom(&walk.client, mount, "app", &custom, None).await?;
        same(made.secret_id, custom)?;
    });
    step!(walk, "approle/login", {
        let id = walk.kept("id")?;
        by_role(walk, &id).await?;
        let custom = walk.secret("custom");
        by_role(walk, &custom).await?;
    });
    step!(walk, "approle/wrong-secret-id", {
        let wrong = walk.secret("wrong-id");
        by_role(walk, &wrong).await?;
    });
    step!(walk, "approle/look-up-secret-id", {
        let found = approle::role::secret::read(&walk.client, mount, "app", &walk.kept("id")?).await?;
        same(found.secret_id_ttl, 3600)?;
    });
    step!(walk, "approle/list", { same(approle::role::list(&walk.client, mount).await?.keys, ["app"])? });
    step!(walk, "approle/destroy-secret-id", {
        approle::role::secret::delete(&walk.client, mount, "app", &walk.kept("id")?).await?;
    });
    step!(walk, "approle/destroyed", {
        let id = walk.kept("id")?;
        by_role(walk, &id).await?;
    });
}

async fn by_document(walk: &mut Walk, name: &str) -> Done {
    let login = oidc::login(&walk.client, "jwt", &data(name), Some("walker".to_owned())).await?;
    uses(walk, login).await
}

pub async fn jwt(walk: &mut Walk) {
    step!(walk, "jwt/enable", { auth::enable(&walk.client, "jwt", "jwt", None).await? });
    step!(walk, "jwt/configure", {
        let mut config = SetConfigurationRequest::builder();
        config.jwt_validation_pubkeys(vec![data("jwt-key.pem")]);
        oidc::config::set(&walk.client, "jwt", Some(&mut config)).await?;
    });
    step!(walk, "jwt/role", {
        let mut role = SetRoleRequest::builder();
        role.role_type("jwt").bound_audiences(vec!["onrecord".to_owned()]).token_policies(vec!["reader".to_owned()]);
        oidc::role::set(&walk.client, "jwt", "walker", "sub", vec![], Some(&mut role)).await?;
    });
    step!(walk, "jwt/login", { by_document(walk, "login.jwt").await? });
    step!(walk, "jwt/wrong-signature", { by_document(walk, "foreign.jwt").await? });
}

pub async fn identity(walk: &mut Walk) {
    step!(walk, "identity/write-entity", {
        let mut request = CreateEntityRequest::builder();
        request.name("wanda").policies(vec!["reader".to_owned()]);
        let made = entity::create(&walk.client, Some(&mut request)).await?;
        walk.kept.insert("entity", made.id);
    });
    step!(walk, "identity/read-entity", {
        same(entity::read_by_id(&walk.client, &walk.kept("entity")?).await?.name, "wanda")?;
    });
    step!(walk, "identity/alias", {
        let methods = auth::list(&walk.client).await?;
        let accessor = methods.get("userpass/").map(|method| method.accessor.clone()).unwrap_or_default();
        entity_alias::create(&walk.client, "wanda", &walk.kept("entity")?, &accessor, None).await?;
    });
    step!(walk, "identity/group", {
        let mut request = CreateGroupByNameRequest::builder();
        request.member_entity_ids(vec![walk.kept("entity")?]);
        group::create_or_update_by_name(&walk.client, "walkers", Some(&mut request)).await?;
        walk.kept.insert("group", group::read_by_name(&walk.client, "walkers").await?.id);
    });
    step!(walk, "identity/look-up", {
        let found = walk.write("identity/lookup/entity", json!({"name": "wanda"})).await?;
        same(&found["data"]["id"], &json!(walk.kept("entity")?))?;
    });
    // Each login has made an entity, too.
    step!(walk, "identity/list", {
        let names = entity::list_by_name(&walk.client).await?.keys;
        holds(names.iter().any(|name| name == "wanda"), names)?;
    });
    step!(walk, "identity/delete", {
        group::delete_by_id(&walk.client, &walk.kept("group")?).await?;
        entity::delete_by_id(&walk.client, &walk.kept("entity")?).await?;
    });
}

const LOGINS: &str = "auth/lease-login/login/wanda";

async fn look(walk: &Walk) -> Result<Value, crate::walk::Failure> {
    walk.write("sys/leases/lookup", json!({"lease_id": walk.kept("lease")?})).await
}

pub async fn leases(walk: &mut Walk) {
    step!(walk, "lease/list", {
        let (mount, password) = ("lease-login", walk.secret("lease"));
        auth::enable(&walk.client, mount, "userpass", None).await?;
        userpass::user::set(&walk.client, mount, "wanda", &password, None).await?;
        userpass::login(&walk.client, mount, "wanda", &password).await?;
        userpass::login(&walk.client, mount, "wanda", &password).await?;
        let found = walk.list(&format!("sys/leases/lookup/{LOGINS}")).await?;
        walk.kept.insert("lease", format!("{LOGINS}/{}", text(&found["data"]["keys"][0])?));
    });
    step!(walk, "lease/look-up", { same(&look(walk).await?["data"]["id"], &json!(walk.kept("lease")?))? });
    step!(walk, "lease/renew", {
        let sent = json!({"lease_id": walk.kept("lease")?, "increment": 600});
        let renewed = walk.write("sys/leases/renew", sent).await?;
        holds(renewed["lease_id"] == json!(walk.kept("lease")?), renewed)?;
    });
    step!(walk, "lease/revoke", {
        walk.put("sys/leases/revoke", json!({"lease_id": walk.kept("lease")?})).await?;
    });
    step!(walk, "lease/unknown", {
        look(walk).await?;
    });
    step!(walk, "lease/revoke-prefix", {
        walk.put("sys/leases/revoke-prefix/auth/lease-login/login", json!({})).await?;
    });
}
