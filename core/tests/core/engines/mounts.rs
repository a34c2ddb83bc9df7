//! The mount endpoints, as the recordings have them and beyond.

use onrecord_value::{Object, Value};

use super::server::{Server, value};

/// A listed mount without its random ids, which are checked.
fn plain(mount: &Object, class: &str) -> Value {
    let accessor = mount.str("accessor").unwrap();
    let random = accessor.strip_prefix(class).and_then(|rest| rest.strip_prefix('_')).unwrap();
    assert!(random.len() == 8 && random.bytes().all(|byte| byte.is_ascii_hexdigit()), "{accessor}");
    assert_eq!(mount.str("uuid").unwrap().len(), 36);
    let version = concat!("v", env!("CARGO_PKG_VERSION"), "+builtin.onrecord");
    assert_eq!(mount.str("running_plugin_version"), Some(version));
    let mut mount = mount.clone();
    for field in ["accessor", "uuid", "running_plugin_version"] {
        mount.remove(field);
    }
    Value::Object(mount)
}

const CONFIG: &str = r#"{"default_lease_ttl":0,"force_no_cache":false,"max_lease_ttl":0}"#;

#[tokio::test]
async fn a_new_server_lists_its_own_mounts() {
    let server = Server::new().await;
    let said = server.expect(200, "GET", "sys/mounts", "").await;
    assert_eq!(said.data().keys().collect::<Vec<_>>(), ["cubbyhole/", "identity/", "sys/"]);
    let wanted = format!(
        r#"{{"config":{CONFIG},"description":"per-token private secret storage","external_entropy_access":false,"local":true,"options":null,"plugin_version":"","running_sha256":"","seal_wrap":false,"type":"cubbyhole"}}"#
    );
    assert_eq!(plain(said.data().object("cubbyhole/").unwrap(), "cubbyhole"), value(&wanted));
    let wanted = r#"{"config":{"default_lease_ttl":0,"force_no_cache":false,"max_lease_ttl":0,"passthrough_request_headers":["Accept"]},"description":"system endpoints used for control, policy and debugging","external_entropy_access":false,"local":false,"options":null,"plugin_version":"","running_sha256":"","seal_wrap":true,"type":"system"}"#;
    assert_eq!(plain(said.data().object("sys/").unwrap(), "system"), value(wanted));
    assert_eq!(said.body.get("sys/"), said.data().get("sys/"), "repeated at the top level");
    let said = server.expect(200, "GET", "sys/auth", "").await;
    assert_eq!(said.data().len(), 1);
    let wanted = r#"{"config":{"default_lease_ttl":0,"force_no_cache":false,"max_lease_ttl":0,"token_type":"default-service"},"description":"token based credentials","external_entropy_access":false,"local":false,"options":null,"plugin_version":"","running_sha256":"","seal_wrap":false,"type":"token"}"#;
    assert_eq!(plain(said.data().object("token/").unwrap(), "auth_token"), value(wanted));
}

#[tokio::test]
async fn mounted_engines_are_listed_with_what_they_were_given() {
    let server = Server::new().await;
    server.expect(204, "POST", "sys/mounts/kv1", r#"{"type":"kv","description":"first"}"#).await;
    server
        .expect(204, "POST", "sys/mounts/deep/kv2", r#"{"type":"kv-v2","config":{"max_lease_ttl":"2h"}}"#)
        .await;
    let said = server.expect(200, "GET", "sys/mounts", "").await;
    let wanted = format!(
        r#"{{"config":{CONFIG},"deprecation_status":"supported","description":"first","external_entropy_access":false,"local":false,"options":{{}},"plugin_version":"","running_sha256":"","seal_wrap":false,"type":"kv"}}"#
    );
    assert_eq!(plain(said.data().object("kv1/").unwrap(), "kv"), value(&wanted));
    let deep = said.data().object("deep/kv2/").unwrap();
    assert_eq!(deep.get("options").unwrap(), &value(r#"{"version":"2"}"#));
    assert_eq!(deep.object("config").unwrap().get("max_lease_ttl"), Some(&Value::from(7200)));
    let one = server.expect(200, "GET", "sys/mounts/deep/kv2", "").await;
    assert_eq!(one.data(), deep);
    let said = server.expect(400, "GET", "sys/mounts/none", "").await;
    assert_eq!(said.error(), "no matching mount at \"none/\"");
}

#[tokio::test]
async fn a_path_is_used_once_and_not_above_or_below_another() {
    let server = Server::new().await;
    server.expect(204, "POST", "sys/mounts/a/b", r#"{"type":"kv"}"#).await;
    for path in ["a/b", "a", "a/b/c"] {
        let said = server.expect(400, "POST", &format!("sys/mounts/{path}"), r#"{"type":"kv"}"#).await;
        assert_eq!(said.error(), "path is already in use at a/b/");
    }
    server.expect(204, "POST", "sys/mounts/a/bc", r#"{"type":"kv"}"#).await;
}

#[tokio::test]
async fn what_cannot_be_mounted_is_refused_clearly() {
    let server = Server::new().await;
    for (path, body, text) in [
        ("x", r#"{"type":"ghost"}"#, "plugin not found in the catalog: ghost"),
        ("x", "{}", "the type of the engine is missing"),
        ("x", r#"{"type":"kv","options":{"version":"3"}}"#, "there is no version \"3\" of the kv engine"),
        ("sys", r#"{"type":"kv"}"#, "cannot mount \"sys/\""),
        ("sys/below", r#"{"type":"kv"}"#, "cannot mount \"sys/below/\""),
        ("auth/kv", r#"{"type":"kv"}"#, "cannot mount \"auth/kv/\""),
        ("cubbyhole", r#"{"type":"kv"}"#, "cannot mount \"cubbyhole/\""),
        ("a//b", r#"{"type":"kv"}"#, "\"a//b/\" is not a path that can be mounted at"),
        (
            "x",
            r#"{"type":"kv","config":{"default_lease_ttl":"3h","max_lease_ttl":"1h"}}"#,
            "backend max lease TTL of 3600 would be less than backend default lease TTL of 10800",
        ),
        (
            "x",
            r#"{"type":"kv","config":{"default_lease_ttl":"soon"}}"#,
            "default_lease_ttl: time: invalid duration \"soon\"",
        ),
    ] {
        assert_eq!(server.expect(400, "POST", &format!("sys/mounts/{path}"), body).await.error(), text);
    }
    assert_eq!(server.expect(200, "GET", "sys/mounts", "").await.data().len(), 3);
}

#[tokio::test]
async fn the_servers_own_mounts_stay() {
    let server = Server::new().await;
    for path in ["sys", "cubbyhole", "auth/token"] {
        let said = server.expect(400, "DELETE", &format!("sys/mounts/{path}"), "").await;
        assert_eq!(said.error(), format!("cannot unmount \"{path}/\""));
    }
    let said = server.expect(400, "DELETE", "sys/auth/token", "").await;
    assert_eq!(said.error(), "token credential backend cannot be disabled");
    server.expect(204, "DELETE", "sys/mounts/ghost", "").await;
    server.expect(204, "DELETE", "sys/auth/ghost", "").await;
}

#[tokio::test]
async fn other_logins_and_moves_of_nothing_are_refused_clearly() {
    let server = Server::new().await;
    let said = server.expect(400, "POST", "sys/auth/ldap", r#"{"type":"ldap"}"#).await;
    assert_eq!(said.error(), "plugin not found in the catalog: ldap");
    let said = server.expect(400, "POST", "sys/auth/token", r#"{"type":"token"}"#).await;
    assert_eq!(said.error(), "path is already in use at token/");
    let said = server.expect(400, "POST", "sys/remount", r#"{"from":"a","to":"b"}"#).await;
    assert_eq!(said.error(), "no matching mount at \"a/\"");
}

#[tokio::test]
async fn tuned_settings_are_shown_and_kept() {
    let server = Server::new().await;
    server.expect(204, "POST", "sys/mounts/kv1", r#"{"type":"kv","description":"first"}"#).await;
    let body = r#"{"audit_non_hmac_request_keys":["open"],"audit_non_hmac_response_keys":"open,shut"}"#;
    server.expect(204, "POST", "sys/mounts/kv1/tune", body).await;
    let wanted = r#"{"audit_non_hmac_request_keys":["open"],"audit_non_hmac_response_keys":["open","shut"],"default_lease_ttl":2764800,"description":"first","force_no_cache":false,"max_lease_ttl":2764800}"#;
    let said = server.expect(200, "GET", "sys/mounts/kv1/tune", "").await;
    assert_eq!(Value::Object(said.data().clone()), value(wanted));
    let said = server.restarted().await.expect(200, "GET", "sys/mounts/kv1/tune", "").await;
    assert_eq!(Value::Object(said.data().clone()), value(wanted));
}

#[tokio::test]
async fn tuning_is_checked() {
    let server = Server::new().await;
    server.mount("kv2", 2).await;
    let body = r#"{"audit_non_hmac_request_keys":[""],"default_lease_ttl":"","description":"new","max_lease_ttl":"1h0m0s","default_lease_ttl":60}"#;
    server.expect(204, "POST", "sys/mounts/kv2/tune", body).await;
    let said = server.expect(200, "GET", "sys/mounts/kv2/tune", "").await;
    assert_eq!(said.data().get("max_lease_ttl"), Some(&Value::from(3600)));
    assert_eq!(said.data().get("options").unwrap(), &value(r#"{"version":"2"}"#));
    assert_eq!(said.data().get("audit_non_hmac_request_keys").unwrap(), &value(r#"[""]"#));
    let said = server.expect(400, "POST", "sys/mounts/kv2/tune", r#"{"default_lease_ttl":"3h"}"#).await;
    let text = "backend max lease TTL of 3600 would be less than backend default lease TTL of 10800";
    assert_eq!(said.error(), text);
    server.expect(400, "POST", "sys/mounts/kv2/tune", r#"{"options":{"version":"1"}}"#).await;
    server.expect(204, "POST", "sys/mounts/kv2/tune", r#"{"options":{"version":"2"}}"#).await;
    for method in ["GET", "POST"] {
        let said = server.expect(400, method, "sys/mounts/none/tune", "").await;
        assert_eq!(said.error(), "tune of path \"none/\" failed: no mount entry found");
    }
    let body = r#"{"audit_non_hmac_request_keys":["x"]}"#;
    server.expect(204, "POST", "sys/mounts/sys/tune", body).await;
    server.expect(400, "POST", "sys/mounts/cubbyhole/tune", r#"{"description":"mine"}"#).await;
    server.expect(204, "POST", "sys/auth/token/tune", r#"{"description":"logins"}"#).await;
    let said = server.expect(200, "GET", "sys/mounts/auth/token/tune", "").await;
    assert_eq!(said.data().str("description"), Some("logins"));
    assert_eq!(said.data().str("token_type"), Some("default-service"));
}

#[tokio::test]
async fn the_preflight_shows_the_mount_to_those_who_have_to_do_there() {
    let server = Server::new().await;
    server.mount("kv2", 2).await;
    let said = server.expect(200, "GET", "sys/internal/ui/mounts/kv2/app/db", "").await;
    assert_eq!(said.data().str("path"), Some("kv2/"));
    assert_eq!(said.data().get("options").unwrap(), &value(r#"{"version":"2"}"#));
    let reader = server.token(r#"path "kv2/data/app/*" { capabilities = ["read"] }"#).await;
    let stranger = server.token(r#"path "other/*" { capabilities = ["read"] }"#).await;
    let denied = server.token(r#"path "kv2/*" { capabilities = ["deny"] }  "#).await;
    let look = async |token: Option<&str>, path: &str| {
        server.ask_as(token, "GET", &format!("sys/internal/ui/mounts/{path}"), "").await
    };
    assert_eq!(look(Some(&reader), "kv2/app").await.status, 200);
    for (token, path) in [
        (Some(stranger.as_str()), "kv2/app"),
        (Some(denied.as_str()), "kv2/app"),
        (Some(reader.as_str()), "nosuch/app"),
        (Some("s.wrong"), "kv2/app"),
        (None, "kv2/app"),
    ] {
        let said = look(token, path).await;
        assert_eq!(said.status, 403);
        let text = format!(
            "preflight capability check returned 403, please ensure client's policies grant access to path \"{path}/\""
        );
        assert_eq!(said.error(), text);
    }
}

#[tokio::test]
async fn the_listing_shows_each_caller_what_is_his() {
    let server = Server::new().await;
    server.mount("kv1", 1).await;
    server.mount("kv2", 2).await;
    let names = |said: &super::server::Reply, class: &str| -> Vec<String> {
        said.data().object(class).unwrap().keys().map(str::to_owned).collect()
    };
    let said = server.expect(200, "GET", "sys/internal/ui/mounts", "").await;
    assert_eq!(names(&said, "secret"), ["cubbyhole/", "identity/", "kv1/", "kv2/", "sys/"]);
    assert_eq!(names(&said, "auth"), ["token/"]);
    assert!(!said.body.contains("auth/") && !said.body.contains("secret"), "not repeated");
    let reader = server.token(r#"path "kv2/data/app/*" { capabilities = ["read"] }"#).await;
    let said = server.ask_as(Some(&reader), "GET", "sys/internal/ui/mounts", "").await;
    assert_eq!(names(&said, "secret"), ["kv2/"]);
    let said = server.ask_as(None, "GET", "sys/internal/ui/mounts", "").await;
    assert_eq!((said.status, names(&said, "secret").len()), (200, 0));
    server.expect(204, "POST", "sys/mounts/kv1/tune", r#"{"listing_visibility":"unauth"}"#).await;
    let said = server.ask_as(None, "GET", "sys/internal/ui/mounts", "").await;
    assert_eq!(
        said.data().get("secret").unwrap(),
        &value(r#"{"kv1/":{"description":"","options":{"version":"1"},"type":"kv"}}"#)
    );
}

#[tokio::test]
async fn all_mounts_are_there_after_a_restart() {
    let server = Server::new().await;
    server.mount("kv1", 1).await;
    server.mount("kv2", 2).await;
    let before = server.expect(200, "GET", "sys/mounts", "").await;
    let server = server.restarted().await;
    let after = server.expect(200, "GET", "sys/mounts", "").await;
    assert_eq!(before.data(), after.data(), "ids and accessors too");
}

#[tokio::test]
async fn a_parameter_that_is_not_known_is_named_in_a_warning_and_the_rest_is_done() {
    let server = Server::new().await;
    server.expect(204, "POST", "sys/auth/cert", r#"{"type":"cert","description":"","local":false}"#).await;
    for (path, body) in [
        ("sys/mounts/kv", r#"{"type":"kv","discription":"x"}"#),
        ("sys/mounts/kv/tune", r#"{"description":"a","default_lease":"1h"}"#),
        ("sys/auth/jwt", r#"{"type":"jwt","defaults":{}}"#),
        ("sys/policies/acl/p", r#"{"policy":"","polcy":"x"}"#),
        ("identity/entity", r#"{"name":"bob","policy":"x"}"#),
        ("identity/entity/name/bob", r#"{"metdata":{}}"#),
        ("identity/group", r#"{"name":"team","members":[]}"#),
        ("auth/cert/config", r#"{"disable_bindings":true}"#),
    ] {
        let path_and_body = format!("{path} {body}");
        let body = body.replace(r#""policy":"","#, r#""policy":"path \"a\" {}","#);
        let said = server.expect(200, "POST", path, &body).await;
        assert!(
            said.text.contains("Endpoint ignored these unrecognized parameters: ["),
            "{path_and_body}: {}",
            said.text
        );
    }
    let tuned = server.expect(200, "GET", "sys/mounts/kv/tune", "").await;
    assert_eq!(tuned.data().str("description"), Some("a"), "the rest is done");
}
