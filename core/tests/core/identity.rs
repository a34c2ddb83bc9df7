//! Identity: entities, groups and their aliases; what they add to tokens, at once; and what entries say of them.

use onrecord_audit::device::faulty::FaultControl;
use onrecord_core::{Settings, kinds};
use onrecord_storage::memory::Memory;
use onrecord_storage::{Batch, Storage};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::extending::login_pin;
use crate::kit::{Reply, TestServer, ask, entries};

/// A server with a login method, a card that it knows, and a secret.
async fn with_login() -> (TestServer, FaultControl) {
    let kinds = kinds::builtin().with(&login_pin::KIND);
    let world = TestServer::with_kinds(Settings::default(), kinds).await;
    for (path, body) in [
        ("sys/auth/cards", json!({"type": "pin"})),
        ("auth/cards/cards/4711", json!({"pin": "1234"})),
        ("sys/mounts/kv", json!({"type": "kv"})),
        ("kv/a", json!({"a": "b"})),
        ("sys/policies/acl/reader", json!({"policy": "path \"kv/a\" { capabilities = [\"read\"] }"})),
    ] {
        let said = world.root("POST", path, Some(body)).await;
        assert_eq!(said.status, 204, "{path}: {}", said.text);
    }
    let device = world.device("test/", false).await;
    (world, device)
}

impl TestServer {
    async fn log_in(&self) -> Reply {
        let said = self.send(ask("POST", "auth/cards/login/4711").json(&json!({"pin": "1234"}))).await;
        assert_eq!(said.status, 200, "{}", said.text);
        said
    }

    async fn reads(&self, token: &str, path: &str) -> u16 {
        self.send(ask("GET", path).token(token)).await.status
    }

    async fn set(&self, path: &str, body: Value) -> Value {
        let said = self.root("POST", path, Some(body)).await;
        assert!([200, 204].contains(&said.status), "{path}: {}", said.text);
        said.body["data"].clone()
    }

    async fn refused(&self, path: &str, body: Value) -> String {
        let said = self.root("POST", path, Some(body)).await;
        assert_eq!(said.status, 400, "{path}: {}", said.text);
        said.error().to_owned()
    }

    async fn get(&self, path: &str) -> Value {
        let said = self.root("GET", path, None).await;
        assert_eq!(said.status, 200, "{path}: {}", said.text);
        said.body["data"].clone()
    }

    async fn accessor(&self) -> String {
        self.get("sys/auth").await["cards/"]["accessor"].as_str().unwrap().to_owned()
    }
}

fn auth<'a>(said: &'a Reply, key: &str) -> &'a str {
    said.body["auth"][key].as_str().unwrap_or_else(|| panic!("{}", said.text))
}

#[tokio::test]
async fn a_login_makes_an_entity_once_and_its_tokens_have_it() {
    let (world, device) = with_login().await;
    let first = world.log_in().await;
    let entity = auth(&first, "entity_id").to_owned();
    let login = entries(&device).pop().unwrap();
    assert_eq!(
        (&login["auth"]["entity_id"], &login["auth"]["entity_created"]),
        (&json!(entity), &json!(true))
    );
    assert_eq!(login["response"]["auth"]["entity_id"], json!(entity));
    assert_eq!(login["response"]["auth"].get("entity_created"), None);
    let second = world.log_in().await;
    assert_eq!(auth(&second, "entity_id"), entity);
    assert_eq!(entries(&device).pop().unwrap()["auth"].get("entity_created"), None);
    let data = world.get(&format!("identity/entity/id/{entity}")).await;
    assert_eq!(data["aliases"][0]["name"], "4711");
    assert_eq!(data["aliases"][0]["mount_path"], "auth/cards/");
    assert_eq!(data["aliases"][0]["mount_type"], "pin");
    let token = auth(&second, "client_token");
    let said = world.send(ask("GET", "auth/token/lookup-self").token(token)).await;
    assert_eq!(
        (&said.body["data"]["entity_id"], &said.body["data"]["identity_policies"]),
        (&json!(entity), &json!([]))
    );
    let asked = entries(&device).pop().unwrap();
    assert_eq!(
        (&asked["auth"]["entity_id"], &asked["request"]["client_id"]),
        (&json!(entity), &json!(entity))
    );
    let child = world.send(ask("POST", "auth/token/create").json(&json!({})).token(token)).await;
    assert_eq!(child.status, 403, "the default policy does not allow it");
    assert_eq!(world.root("LIST", "identity/entity/id", None).await.body["data"]["keys"], json!([entity]));
}

#[tokio::test]
async fn policies_of_an_entity_and_of_its_groups_count_at_once_and_no_longer_than_they_are_there() {
    let (world, device) = with_login().await;
    let said = world.log_in().await;
    let (token, entity) = (auth(&said, "client_token"), auth(&said, "entity_id"));
    let by_id = format!("identity/entity/id/{entity}");
    assert_eq!(world.reads(token, "kv/a").await, 403);
    world.set(&by_id, json!({"policies": ["Reader"]})).await;
    assert_eq!(world.reads(token, "kv/a").await, 200);
    let entry = entries(&device).pop().unwrap();
    assert_eq!(entry["auth"]["identity_policies"], json!(["reader"]));
    assert_eq!(entry["auth"]["token_policies"], json!(["default"]));
    assert_eq!(entry["auth"]["policies"], json!(["default", "reader"]));
    assert_eq!(entry["auth"]["policy_results"]["granting_policies"][0]["name"], "reader");
    let again = world.log_in().await;
    assert_eq!(again.body["auth"]["identity_policies"], json!(["reader"]));
    assert_eq!(again.body["auth"]["policies"], json!(["default", "reader"]));
    let paths = json!({"token": token, "paths": ["kv/a"]});
    assert_eq!(world.root("POST", "sys/capabilities", Some(paths)).await.body["kv/a"], json!(["read"]));
    world.set(&by_id, json!({"policies": []})).await;
    assert_eq!(world.reads(token, "kv/a").await, 403);
    // Through a group of a group.
    let inner = world.set("identity/group", json!({"name": "inner", "member_entity_ids": [entity]})).await;
    let outer = json!({"name": "outer", "member_group_ids": [inner["id"]], "policies": ["reader"]});
    let outer = world.set("identity/group", outer).await;
    assert_eq!(world.reads(token, "kv/a").await, 200);
    let data = world.get(&by_id).await;
    assert_eq!(
        (&data["direct_group_ids"], &data["inherited_group_ids"]),
        (&json!([inner["id"]]), &json!([outer["id"]]))
    );
    world.set("identity/group/name/inner", json!({"member_entity_ids": []})).await;
    assert_eq!(world.reads(token, "kv/a").await, 403);
    world
        .set("identity/group/name/outer", json!({"member_group_ids": [], "member_entity_ids": entity}))
        .await;
    assert_eq!(world.reads(token, "kv/a").await, 200);
    world.root("PUT", "sys/policies/acl/reader", Some(json!({"policy": "path \"kv/b\" {}"}))).await;
    assert_eq!(world.reads(token, "kv/a").await, 403, "nor does a changed policy count longer");
    assert_eq!(world.root("DELETE", "identity/group/name/outer", None).await.status, 204);
    assert_eq!(world.get(&by_id).await["group_ids"], json!([]));
}

#[tokio::test]
async fn tokens_of_a_disabled_entity_are_refused_until_it_is_not() {
    let (world, _) = with_login().await;
    let said = world.log_in().await;
    let (token, entity) = (auth(&said, "client_token"), auth(&said, "entity_id"));
    let by_id = format!("identity/entity/id/{entity}");
    assert_eq!(world.reads(token, "auth/token/lookup-self").await, 200);
    world.set(&by_id, json!({"disabled": true})).await;
    assert_eq!(world.reads(token, "auth/token/lookup-self").await, 403);
    let login = world.send(ask("POST", "auth/cards/login/4711").json(&json!({"pin": "1234"}))).await;
    assert_eq!((login.status, login.error()), (403, "permission denied"));
    world.set(&by_id, json!({"disabled": false})).await;
    assert_eq!(world.reads(token, "auth/token/lookup-self").await, 200);
    assert_eq!(world.root("DELETE", &by_id, None).await.status, 204);
    assert_eq!(world.reads(token, "auth/token/lookup-self").await, 403, "nor of one that is gone");
    assert_ne!(auth(&world.log_in().await, "entity_id"), entity);
}

#[tokio::test]
async fn a_templated_policy_is_each_callers_own() {
    let (world, _) = with_login().await;
    let accessor = world.accessor().await;
    let text = format!(
        "path \"kv/{{{{identity.entity.name}}}}/x\" {{ capabilities = [\"read\"] }}
         path \"kv/alias/{{{{identity.entity.aliases.{accessor}.name}}}}\" {{ capabilities = [\"read\"] }}
         path \"kv/team/{{{{identity.entity.metadata.team}}}}\" {{ capabilities = [\"read\"] }}
         path \"kv/group/{{{{identity.groups.names.ops.id}}}}\" {{ capabilities = [\"read\"] }}"
    );
    world.root("PUT", "sys/policies/acl/own", Some(json!({"policy": text}))).await;
    let said = world.log_in().await;
    let (token, entity) = (auth(&said, "client_token"), auth(&said, "entity_id"));
    let group = world.set("identity/group", json!({"name": "ops", "member_entity_ids": [entity]})).await;
    let by_group = format!("kv/group/{}", group["id"].as_str().unwrap());
    let by_id = format!("identity/entity/id/{entity}");
    world.set(&by_id, json!({"name": "bob", "policies": ["own"], "metadata": {"team": "blue"}})).await;
    let read = async |path: &str| world.reads(token, path).await;
    for path in ["kv/bob/x", "kv/alias/4711", "kv/team/blue", &by_group] {
        assert_eq!(read(path).await, 404, "{path}: allowed, and nothing is there");
    }
    for path in ["kv/eve/x", "kv/alias/4712", "kv/team/red", "kv/team/", "kv/group/x"] {
        assert_eq!(read(path).await, 403, "{path}");
    }
    for name in ["+", "*", "bob/x/..", "a/b"] {
        world.set(&by_id, json!({"name": name, "metadata": {"team": "blu*"}})).await;
        for path in ["kv/bob/x", "kv/eve/x", "kv/a/b/x", "kv/team/blue"] {
            assert_eq!(read(path).await, 403, "{name} {path}");
        }
    }
    world.set(&by_id, json!({"name": "eve"})).await;
    assert_eq!((read("kv/bob/x").await, read("kv/eve/x").await), (403, 404), "a new name counts at once");
    let read = world.get("sys/policies/acl/own").await;
    assert!(read["policy"].as_str().unwrap().contains("{{identity.entity.name}}"));
}

#[tokio::test]
async fn external_groups_follow_what_the_login_method_says() {
    let (world, _) = with_login().await;
    let accessor = world.accessor().await;
    let group = world
        .set("identity/group", json!({"name": "staff", "type": "external", "policies": ["reader"]}))
        .await;
    let alias = json!({"name": "ops", "mount_accessor": accessor, "canonical_id": group["id"]});
    let alias = world.set("identity/group-alias", alias).await;
    assert_eq!(alias["canonical_id"], group["id"]);
    let refused = world.refused("identity/group/name/staff", json!({"member_entity_ids": ["x"]})).await;
    assert!(refused.contains("external groups"), "{refused}");
    // The cards name no groups: what the entity was a member of by hand of nobody, it is not.
    let entity = auth(&world.log_in().await, "entity_id").to_owned();
    assert_eq!(world.get("identity/group/name/staff").await["member_entity_ids"], Value::Null);
    assert_eq!(world.get(&format!("identity/entity/id/{entity}")).await["group_ids"], json!([]));
    let internal = world.set("identity/group", json!({"name": "inside"})).await;
    let wrong = json!({"name": "x", "mount_accessor": accessor, "canonical_id": internal["id"]});
    assert_eq!(world.refused("identity/group-alias", wrong).await, "alias can't be set on an internal group");
    let made = world.set("identity/group-alias", json!({"name": "new", "mount_accessor": accessor})).await;
    let found = world
        .set("identity/lookup/group", json!({"alias_name": "new", "alias_mount_accessor": accessor}))
        .await;
    assert_eq!((&found["id"], &found["type"]), (&made["canonical_id"], &json!("external")));
    let id = made["id"].as_str().unwrap();
    assert_eq!(world.get(&format!("identity/group-alias/id/{id}")).await["name"], "new");
    assert_eq!(world.root("DELETE", &format!("identity/group-alias/id/{id}"), None).await.status, 204);
    assert_eq!(world.root("GET", &format!("identity/group-alias/id/{id}"), None).await.status, 404);
}

#[tokio::test]
async fn entities_are_created_read_updated_listed_and_deleted_by_id_and_by_name() {
    let world = TestServer::new().await;
    let made = world
        .set("identity/entity", json!({"name": "Bob", "metadata": {"team": "blue"}, "policies": "b,a"}))
        .await;
    let id = made["id"].as_str().unwrap();
    assert_eq!((&made["name"], &made["aliases"]), (&json!("Bob"), &Value::Null));
    for path in [format!("identity/entity/id/{id}"), "identity/entity/name/bob".to_owned()] {
        let data = world.get(&path).await;
        assert_eq!((&data["id"], &data["name"]), (&json!(id), &json!("Bob")), "{path}");
        assert_eq!((&data["metadata"]["team"], &data["policies"]), (&json!("blue"), &json!(["a", "b"])));
    }
    assert_eq!(
        world.root("POST", "identity/entity", Some(json!({"id": id, "name": "Bobby"}))).await.status,
        204
    );
    assert_eq!(
        world.root("POST", "identity/entity/name/BOBBY", Some(json!({"metadata": ["k=v"]}))).await.status,
        204
    );
    let data = world.get("identity/entity/name/bobby").await;
    assert_eq!((&data["name"], &data["metadata"]), (&json!("Bobby"), &json!({"k": "v"})));
    assert_eq!(world.root("GET", "identity/entity/name/bob", None).await.status, 404);
    let unnamed = world.set("identity/entity", json!({})).await;
    assert!(unnamed["name"].as_str().unwrap().starts_with("entity_"));
    let names = world.root("LIST", "identity/entity/name", None).await.body["data"]["keys"].clone();
    assert_eq!(names, json!(["Bobby", unnamed["name"]]));
    let lookup = world.set("identity/lookup/entity", json!({"name": "bobby"})).await;
    assert_eq!(lookup["id"], id);
    assert_eq!(world.root("POST", "identity/lookup/entity", Some(json!({"id": "x"}))).await.status, 204);
    for (path, body, why) in [
        ("identity/entity", json!({"id": "x"}), "entity \"x\" not found"),
        (
            "identity/entity",
            json!({"id": id, "name": unnamed["name"]}),
            "entity name is already in use by another entity",
        ),
        (
            "identity/entity",
            json!({"policies": ["root"]}),
            "policies cannot contain root or response-wrapping",
        ),
        (
            "identity/lookup/entity",
            json!({}),
            "query parameter not supplied: give id, name, alias_id, or alias_name with alias_mount_accessor",
        ),
        (
            "identity/entity/batch-delete",
            json!({}),
            "missing entity ids to delete: entity_ids is a list of them",
        ),
    ] {
        assert_eq!(world.refused(path, body).await, why);
    }
    let all = json!({"entity_ids": [id, unnamed["id"], "x"]});
    assert_eq!(world.root("POST", "identity/entity/batch-delete", Some(all)).await.status, 204);
    assert_eq!(world.root("LIST", "identity/entity/id", None).await.status, 404);
    assert_eq!(world.root("DELETE", &format!("identity/entity/id/{id}"), None).await.status, 204);
    for path in ["identity/oidc/provider/x", "identity/mfa/method/totp"] {
        let said = world.root("GET", path, None).await;
        assert_eq!(said.status, 400);
        assert!(said.error().contains("is not supported by OnRecord"), "{}", said.text);
    }
}

#[tokio::test]
async fn merged_entities_keep_their_tokens_aliases_and_groups() {
    let (world, _) = with_login().await;
    let said = world.log_in().await;
    let (token, from) = (auth(&said, "client_token"), auth(&said, "entity_id"));
    let to = world.set("identity/entity", json!({"name": "one", "policies": ["reader"]})).await;
    let group = world.set("identity/group", json!({"name": "g", "member_entity_ids": [from]})).await;
    let merge = json!({"from_entity_ids": [from], "to_entity_id": to["id"]});
    assert_eq!(world.root("POST", "identity/entity/merge", Some(merge)).await.status, 204);
    assert_eq!(world.reads(token, "kv/a").await, 200, "its token is the other's");
    let looked = world.send(ask("GET", "auth/token/lookup-self").token(token)).await;
    assert_eq!(looked.body["data"]["entity_id"], to["id"]);
    let data = world.get("identity/entity/name/one").await;
    assert_eq!(data["merged_entity_ids"], json!([from]));
    assert_eq!(data["group_ids"], json!([group["id"]]));
    assert_eq!(data["aliases"][0]["merged_from_canonical_ids"], json!([from]));
    assert_eq!(auth(&world.log_in().await, "entity_id"), to["id"]);
    assert_eq!(world.root("LIST", "identity/entity/id", None).await.body["data"]["keys"], json!([to["id"]]));
    let accessor = world.accessor().await;
    let other = world.set("identity/entity-alias", json!({"name": "4712", "mount_accessor": accessor})).await;
    let merge = json!({"from_entity_ids": [other["canonical_id"]], "to_entity_id": to["id"]});
    assert!(world.refused("identity/entity/merge", merge.clone()).await.contains("are at one mount"));
    let mut merge = merge;
    merge["conflicting_alias_ids_to_keep"] = json!([other["id"]]);
    assert_eq!(world.root("POST", "identity/entity/merge", Some(merge)).await.status, 204);
    assert_eq!(world.get("identity/entity/name/one").await["aliases"][0]["name"], "4712");
}

#[tokio::test]
async fn an_alias_belongs_to_one_entity_and_an_entity_has_one_at_each_mount() {
    let (world, _) = with_login().await;
    let accessor = world.accessor().await;
    let one = world.set("identity/entity", json!({"name": "one"})).await;
    let two = world.set("identity/entity", json!({"name": "two"})).await;
    let alias = json!({"name": "4711", "mount_accessor": accessor, "canonical_id": one["id"], "custom_metadata": {"a": "b"}});
    let made = world.set("identity/entity-alias", alias.clone()).await;
    assert_eq!(made["canonical_id"], one["id"]);
    assert_eq!(world.set("identity/entity-alias", alias).await["id"], made["id"], "again: the same");
    let by_id = format!("identity/entity-alias/id/{}", made["id"].as_str().unwrap());
    assert_eq!(world.get(&by_id).await["custom_metadata"], json!({"a": "b"}));
    assert_eq!(auth(&world.log_in().await, "entity_id"), one["id"], "the login finds it");
    world.set(&by_id, json!({"canonical_id": two["id"]})).await;
    assert_eq!(auth(&world.log_in().await, "entity_id"), two["id"], "moved");
    assert_eq!(world.get("identity/entity/name/one").await["aliases"], json!([]));
    let second = json!({"name": "4712", "mount_accessor": accessor, "canonical_id": two["id"]});
    assert!(world.refused("identity/entity-alias", second).await.contains("an entity has one at each"));
    let wrong = json!({"name": "x", "mount_accessor": "auth_no_1", "canonical_id": two["id"]});
    assert!(world.refused("identity/entity-alias", wrong).await.starts_with("invalid mount accessor"));
    assert_eq!(
        world.root("LIST", "identity/entity-alias/id", None).await.body["data"]["keys"],
        json!([made["id"]])
    );
    assert_eq!(world.root("DELETE", &by_id, None).await.status, 204);
    assert_eq!(world.root("GET", &by_id, None).await.status, 404);
}

#[tokio::test]
async fn r_id_each_request_about_identity_and_wrapping_has_one_pair_of_entries_with_its_id() {
    let (world, device) = with_login().await;
    let wrapped = ask("GET", "kv/a").token(&world.root).header("X-Vault-Wrap-TTL", "60");
    let wrapped = world.send(wrapped).await.body["wrap_info"]["token"].as_str().unwrap().to_owned();
    world.log_in().await;
    let mut asked = 2;
    for (method, path) in [
        ("POST", "identity/entity"),
        ("POST", "identity/entity/id/x"),
        ("GET", "identity/entity/id/x"),
        ("LIST", "identity/group/id"),
        ("POST", "identity/lookup/entity"),
        ("GET", "identity/oidc/x"),
        ("GET", "identity/nothing"),
        ("POST", "sys/wrapping/unwrap"),
        ("POST", "sys/wrapping/unwrap"),
        ("POST", "sys/wrapping/lookup"),
        ("POST", "sys/wrapping/rewrap"),
        ("POST", "sys/wrapping/wrap"),
    ] {
        for token in [None, Some(&world.root)] {
            let mut request = ask(method, path).json(&json!({"token": wrapped}));
            request.token = token.cloned();
            world.send(request).await;
            let mut help = ask("GET", path).query("help=1");
            help.token = token.cloned();
            world.send(help).await;
            asked += 2;
        }
    }
    let entries = entries(&device);
    assert_eq!(entries.len(), 2 * asked);
    for pair in entries.chunks(2) {
        assert_eq!((&pair[0]["type"], &pair[1]["type"]), (&json!("request"), &json!("response")));
        assert_eq!(pair[0]["request"]["id"].as_str().unwrap().len(), 36);
        assert_eq!(pair[0]["request"]["id"], pair[1]["request"]["id"]);
    }
}

#[tokio::test]
async fn no_group_is_a_member_of_itself() {
    let world = TestServer::new().await;
    let inner = world.set("identity/group", json!({"name": "inner"})).await;
    let outer =
        world.set("identity/group", json!({"name": "outer", "member_group_ids": [inner["id"]]})).await;
    assert_eq!(world.get("identity/group/name/inner").await["parent_group_ids"], json!([outer["id"]]));
    for ids in [json!([outer["id"]]), json!([inner["id"]])] {
        let why = world.refused("identity/group/name/inner", json!({"member_group_ids": ids})).await;
        assert!(why.contains("a member of itself"), "{why}");
    }
    assert_eq!(
        world.refused("identity/group/name/inner", json!({"type": "external"})).await,
        "group type cannot be changed"
    );
    assert!(
        world.refused("identity/group", json!({"type": "cosmic"})).await.contains("internal or external")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_first_logins_at_once_one_makes_the_entity() {
    let (world, device) = with_login().await;
    let mut logins = JoinSet::new();
    for _ in 0..50 {
        let world = world.clone();
        logins.spawn(async move { auth(&world.log_in().await, "entity_id").to_owned() });
    }
    let mut ids = logins.join_all().await;
    ids.dedup();
    assert_eq!(ids.len(), 1);
    let created = entries(&device).iter().filter(|entry| entry["auth"]["entity_created"] == true).count();
    assert_eq!(created, 1);
}

#[tokio::test]
async fn entities_outlive_a_seal_and_another_process_is_heard() {
    let storage = Storage::start(Memory::new()).unwrap();
    let world = TestServer::on(storage.clone(), Settings::default()).await;
    let made = world.set("identity/entity", json!({"name": "bob"})).await;
    let group = world.set("identity/group", json!({"name": "ops", "member_entity_ids": [made["id"]]})).await;
    world.core.seal(std::time::Duration::from_secs(5)).await;
    world.core.unseal(&world.key).await.unwrap();
    assert_eq!(world.get("identity/entity/name/bob").await["group_ids"], json!([group["id"]]));
    let key = format!("identity/entity/{}", made["id"].as_str().unwrap());
    let mut batch = Batch::new();
    batch.delete(key.clone());
    storage.commit(batch).await.unwrap();
    world.core.unsealed().unwrap().invalidate(&key).await.unwrap();
    assert_eq!(world.root("GET", "identity/entity/name/bob", None).await.status, 404);
}
