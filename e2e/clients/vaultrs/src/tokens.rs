//! Policies and tokens.

use std::collections::HashMap;

use serde_json::json;
use vaultrs::api::AuthInfo;
use vaultrs::api::token::requests::{
    CreateOrphanTokenRequest, CreateRoleTokenRequest, CreateTokenRequest, SetTokenRoleRequest,
};
use vaultrs::{sys, token};

use crate::secrets::use_open;
use crate::step;
use crate::walk::{Failure, Walk, holds, same};

const READER: &str = "path \"kv1/open/*\" { capabilities = [\"create\", \"read\", \"update\"] }";

pub async fn policies(walk: &mut Walk) {
    step!(walk, "policy/write", { sys::policy::set(&walk.client, "reader", READER).await? });
    step!(walk, "policy/read", { same(sys::policy::read(&walk.client, "reader").await?.rules, READER)? });
    step!(walk, "policy/list", {
        let found = sys::policy::list(&walk.client).await?.policies;
        holds(found.contains(&"reader".to_owned()), found)?;
    });
    step!(walk, "policy/malformed", {
        sys::policy::set(&walk.client, "bad", "path \"a\" { capabilities = [\"fly\"] }").await?;
    });
    step!(walk, "policy/delete", {
        sys::policy::set(&walk.client, "spare", READER).await?;
        sys::policy::delete(&walk.client, "spare").await?;
    });
}

fn readers() -> Vec<String> {
    vec!["reader".to_owned()]
}

async fn spare(walk: &Walk) -> Result<AuthInfo, Failure> {
    Ok(token::new(&walk.client, Some(CreateTokenRequest::builder().ttl("1h"))).await?)
}

pub async fn tokens(walk: &mut Walk) {
    step!(walk, "token/create", {
        let mut request = CreateTokenRequest::builder();
        request.policies(readers()).ttl("1h").meta(HashMap::from([("who".to_owned(), "walk".to_owned())]));
        let made = token::new(&walk.client, Some(&mut request)).await?;
        same(&made.policies, &["default", "reader"])?;
        walk.kept.insert("made", made.client_token);
        walk.kept.insert("accessor", made.accessor);
    });
    step!(walk, "token/lookup", {
        let found = token::lookup(&walk.client, &walk.kept("made")?).await?;
        same(found.meta.and_then(|meta| meta.get("who").cloned()), Some("walk".to_owned()))?;
    });
    step!(walk, "token/lookup-accessor", {
        let found = token::lookup_accessor(&walk.client, &walk.kept("accessor")?).await?;
        same(found.policies, ["default", "reader"])?;
    });
    step!(walk, "token/lookup-self", {
        let made = walk.kept("made")?;
        walk.act_as(&made);
        same(token::lookup_self(&walk.client).await?.id, made)?;
    });
    step!(walk, "token/capabilities", {
        let asked = json!({"token": walk.kept("made")?, "paths": ["kv1/open/x"]});
        let found = walk.write("sys/capabilities", asked).await?;
        same(&found["data"]["kv1/open/x"], &json!(["create", "read", "update"]))?;
    });
    step!(walk, "token/allowed", {
        walk.act_as(&walk.kept("made")?);
        use_open(walk).await?;
    });
    step!(walk, "token/denied", {
        walk.act_as(&walk.kept("made")?);
        walk.read("kv1/closed").await?;
    });
    step!(walk, "token/unknown", {
        walk.act_as(&format!("hvs.{}", walk.secret("unknown-token-1234567890")));
        walk.read("kv1/open/x").await?;
    });
    step!(walk, "token/renew", {
        same(token::renew(&walk.client, &walk.kept("made")?, Some("30m")).await?.renewable, true)?;
    });
    step!(walk, "token/renew-self", {
        let made = walk.kept("made")?;
        walk.act_as(&made);
        same(token::renew_self(&walk.client, Some("30m")).await?.client_token, made)?;
    });
    step!(walk, "token/orphan", {
        let mut request = CreateOrphanTokenRequest::builder();
        request.policies(readers());
        same(token::new_orphan(&walk.client, Some(&mut request)).await?.orphan, true)?;
    });
    step!(walk, "token/list-accessors", {
        let found = walk.list("auth/token/accessors").await?;
        let accessor = json!(walk.kept("accessor")?);
        holds(found["data"]["keys"].as_array().is_some_and(|keys| keys.contains(&accessor)), "the accessor")?;
    });
    step!(walk, "token/revoke-accessor", {
        token::revoke_accessor(&walk.client, &spare(walk).await?.accessor).await?;
    });
    step!(walk, "token/revoke", { token::revoke(&walk.client, &walk.kept("made")?).await? });
    step!(walk, "token/revoked", {
        walk.act_as(&walk.kept("made")?);
        token::lookup_self(&walk.client).await?;
    });
    step!(walk, "token/revoke-self", {
        let spare = spare(walk).await?.client_token;
        walk.act_as(&spare);
        token::revoke_self(&walk.client).await?;
    });
}

pub async fn roles(walk: &mut Walk) {
    step!(walk, "token-role/write", {
        let mut role = SetTokenRoleRequest::builder();
        role.allowed_policies(readers()).orphan(true);
        token::role::set(&walk.client, "walkers", Some(&mut role)).await?;
    });
    step!(walk, "token-role/read", { same(token::role::read(&walk.client, "walkers").await?.orphan, true)? });
    step!(walk, "token-role/list", { same(token::role::list(&walk.client).await?.keys, ["walkers"])? });
    step!(walk, "token-role/create", {
        let mut request = CreateRoleTokenRequest::builder();
        request.policies(readers());
        let made = token::new_role(&walk.client, "walkers", Some(&mut request)).await?;
        holds(made.policies.contains(&"reader".to_owned()), made.policies)?;
    });
    step!(walk, "token-role/delete", { token::role::delete(&walk.client, "walkers").await? });
    step!(walk, "token-batch/create", {
        let mut request = CreateTokenRequest::builder();
        request.policies(readers()).token_type("batch").ttl("1h");
        let made = token::new(&walk.client, Some(&mut request)).await?;
        same(made.token_type, "batch")?;
        walk.kept.insert("batch", made.client_token);
    });
    step!(walk, "token-batch/use", {
        walk.act_as(&walk.kept("batch")?);
        use_open(walk).await?;
    });
}
