//! Key-value, version 2, as the recordings have it and beyond.

use onrecord_value::Value;

use super::server::{Reply, Server, value};

async fn server() -> Server {
    let server = Server::new().await;
    server.mount("kv2", 2).await;
    server
}

fn version(said: &Reply) -> i64 {
    said.data().get("version").and_then(Value::as_i64).unwrap()
}

/// The data and metadata of an answer without what only a clock knows.
fn metadata<'a>(said: &'a Reply, field: &str) -> &'a Value {
    said.data().object("metadata").unwrap().get(field).unwrap()
}

#[tokio::test]
async fn the_recorded_life_of_a_secret() {
    let server = server().await;
    let at = "kv2/data/app/db";
    let said =
        server.expect(200, "POST", at, r#"{"data":{"password":"hunter2","port":5432},"options":{}}"#).await;
    assert!(said.text.contains(
        r#""data":{"created_time":"2023-11-14T22:13:20.123456789Z","custom_metadata":null,"deletion_time":"","destroyed":false,"version":1}"#
    ));
    let said = server.expect(200, "GET", at, "").await;
    assert_eq!(said.data().get("data").unwrap(), &value(r#"{"password":"hunter2","port":5432}"#));
    let said = server.expect(400, "POST", at, r#"{"data":{"a":1},"options":{"cas":0}}"#).await;
    assert_eq!(said.error(), "check-and-set parameter did not match the current version");
    let said = server.expect(200, "POST", at, r#"{"data":{"a":"2"},"options":{"cas":1}}"#).await;
    assert_eq!(version(&said), 2);
    let said = server.expect(200, "GET", "kv2/data/app/db?version=1", "").await;
    assert_eq!(metadata(&said, "version"), &Value::from(1));
    let said = server.expect(404, "GET", "kv2/data/app/db?version=9", "").await;
    assert_eq!(said.text, "{\"errors\":[]}\n");
    let said = server.expect(200, "GET", "kv2/metadata/app/db", "").await;
    let wanted = r#"{"cas_required":false,"created_time":"T","current_metadata_version":0,"current_version":2,"custom_metadata":null,"delete_version_after":"0s","max_versions":0,"metadata_cas_required":false,"oldest_version":0,"updated_time":"T","versions":{"1":{"created_time":"T","deletion_time":"","destroyed":false},"2":{"created_time":"T","deletion_time":"","destroyed":false}}}"#;
    let shown = said.text.replace("2023-11-14T22:13:20.123456789Z", "T");
    assert!(shown.contains(wanted), "{shown}");
    let body = r#"{"max_versions":3,"custom_metadata":{"owner":"blue"}}"#;
    server.expect(204, "POST", "kv2/metadata/app/db", body).await;
    let said = server.expect(200, "GET", "kv2/metadata/app/db", "").await;
    assert_eq!(said.data().get("current_metadata_version"), Some(&Value::from(1)));
    assert_eq!(said.data().get("custom_metadata").unwrap(), &value(r#"{"owner":"blue"}"#));
    assert_eq!(server.expect(200, "LIST", "kv2/metadata/app", "").await.keys(), ["db"]);
    assert_eq!(server.expect(200, "LIST", "kv2/metadata", "").await.keys(), ["app/"]);
    let said = server.expect(200, "PATCH", at, r#"{"data":{"user":"svc"}}"#).await;
    assert_eq!(version(&said), 3);
    let said = server.expect(200, "GET", at, "").await;
    assert_eq!(said.data().get("data").unwrap(), &value(r#"{"a":"2","user":"svc"}"#));
    server.expect(204, "DELETE", at, "").await;
    let said = server.expect(404, "GET", at, "").await;
    assert!(said.data().get("data").unwrap().is_null());
    assert_eq!(metadata(&said, "deletion_time"), &Value::from("2023-11-14T22:13:20.123456789Z"));
    server.expect(204, "POST", "kv2/undelete/app/db", r#"{"versions":[3]}"#).await;
    server.expect(200, "GET", at, "").await;
    server.expect(204, "POST", "kv2/destroy/app/db", r#"{"versions":["1"]}"#).await;
    let said = server.expect(404, "GET", "kv2/data/app/db?version=1", "").await;
    assert_eq!(metadata(&said, "destroyed"), &Value::from(true));
    assert_eq!(metadata(&said, "deletion_time"), &Value::from(""));
    server.expect(204, "POST", "kv2/undelete/app/db", r#"{"versions":[1]}"#).await;
    server.expect(404, "GET", "kv2/data/app/db?version=1", "").await;
    server.expect(204, "DELETE", "kv2/metadata/app/db", "").await;
    assert_eq!(server.expect(404, "GET", at, "").await.text, "{\"errors\":[]}\n");
    server.expect(404, "LIST", "kv2/metadata", "").await;
}

#[tokio::test]
async fn bad_requests_are_refused_with_the_fields_texts() {
    let server = server().await;
    for (path, body, text) in [
        ("kv2/data/x", r#"{"password":"top level"}"#, "no data provided"),
        ("kv2/delete/x", "{}", "No version number provided"),
        ("kv2/undelete/x", r#"{"versions":[]}"#, "No version number provided"),
        ("kv2/destroy/x", r#"{"versions":[]}"#, "No version number provided"),
    ] {
        assert_eq!(server.expect(400, "POST", path, body).await.error(), text);
    }
    for (path, body) in [
        ("kv2/data/x", r#"{"data":"text"}"#),
        ("kv2/data/x", r#"{"data":{},"options":{"cas":"one"}}"#),
        ("kv2/data/x", r#"{"data":{},"options":[]}"#),
        ("kv2/destroy/x", r#"{"versions":[{}]}"#),
        ("kv2/metadata/x", r#"{"max_versions":-1}"#),
        ("kv2/metadata/x", r#"{"delete_version_after":"soon"}"#),
        ("kv2/config", r#"{"cas_required":"maybe"}"#),
    ] {
        let said = server.expect(400, "POST", path, body).await;
        let text = said.error();
        assert!(text.starts_with("Field validation failed: error converting input for field "), "{text}");
    }
    server.expect(404, "GET", "kv2/metadata/x", "").await;
    server.expect(405, "LIST", "kv2/data/x", "").await;
    server.expect(405, "GET", "kv2/destroy/x", "").await;
    server.expect(405, "DELETE", "kv2/config", "").await;
}

#[tokio::test]
async fn a_path_without_its_prefix_warns_and_says_what_to_do() {
    let server = server().await;
    let said = server.expect(404, "GET", "kv2/app/db", "").await;
    let warning = said.body.get("warnings").and_then(Value::as_array).unwrap()[0].as_str().unwrap();
    assert!(warning.contains("onrecord kv get"), "{warning}");
    assert!(said.body.get("data").unwrap().is_null() && !said.body.contains("errors"));
    for (method, path) in [("GET", "kv2/data"), ("POST", "kv2/data"), ("GET", "kv2/metadata")] {
        let said = server.expect(404, method, path, r#"{"data":{}}"#).await;
        assert!(said.text.contains("Non-listing operations on the root of a K/V v2 mount"), "{}", said.text);
    }
}

#[tokio::test]
async fn a_patch_of_what_is_not_there_is_404_without_a_body() {
    let server = server().await;
    for path in ["kv2/data/none", "kv2/metadata/none"] {
        assert_eq!(server.expect(404, "PATCH", path, r#"{"data":{}}"#).await.text, "");
    }
    server.expect(200, "POST", "kv2/data/a", r#"{"data":{"a":1}}"#).await;
    server.expect(204, "DELETE", "kv2/data/a", "").await;
    let said = server.expect(404, "PATCH", "kv2/data/a", r#"{"data":{"b":1}}"#).await;
    assert_eq!(metadata(&said, "version"), &Value::from(1));
    assert_eq!(server.expect(400, "PATCH", "kv2/data/a", "{}").await.error(), "no data provided");
}

#[tokio::test]
async fn changes_of_absent_keys_and_versions_change_nothing() {
    let server = server().await;
    for (method, path) in [
        ("DELETE", "kv2/data/x"),
        ("DELETE", "kv2/metadata/x"),
        ("POST", "kv2/delete/x"),
        ("POST", "kv2/undelete/x"),
        ("POST", "kv2/destroy/x"),
    ] {
        server.expect(204, method, path, r#"{"versions":[1,99,-5]}"#).await;
    }
    server.expect(404, "GET", "kv2/metadata/x", "").await;
}

#[tokio::test]
async fn a_key_may_demand_that_writes_name_the_version() {
    let server = server().await;
    server.expect(204, "POST", "kv2/metadata/a", r#"{"cas_required":true}"#).await;
    let said = server.expect(400, "POST", "kv2/data/a", r#"{"data":{}}"#).await;
    assert_eq!(said.error(), "check-and-set parameter required for this call");
    server.expect(200, "POST", "kv2/data/a", r#"{"data":{},"options":{"cas":0}}"#).await;
    server.expect(400, "PATCH", "kv2/data/a", r#"{"data":{"a":1}}"#).await;
    server.expect(200, "PATCH", "kv2/data/a", r#"{"data":{"a":1},"options":{"cas":"1"}}"#).await;
    server.expect(204, "POST", "kv2/config", r#"{"cas_required":true,"metadata_cas_required":true}"#).await;
    server.expect(400, "POST", "kv2/data/b", r#"{"data":{}}"#).await;
    let said = server.expect(400, "POST", "kv2/metadata/b", r#"{"max_versions":1}"#).await;
    assert_eq!(said.error(), "metadata check-and-set parameter required for this call");
    server.expect(204, "POST", "kv2/metadata/b", r#"{"max_versions":1,"metadata_cas":0}"#).await;
    let said = server.expect(400, "PATCH", "kv2/metadata/b", r#"{"max_versions":2,"metadata_cas":0}"#).await;
    assert_eq!(said.error(), "metadata check-and-set parameter did not match the current version");
}

#[tokio::test]
async fn the_oldest_versions_go_when_there_are_too_many() {
    let server = server().await;
    for _ in 0..12 {
        server.expect(200, "POST", "kv2/data/a", r#"{"data":{"a":1}}"#).await;
    }
    let said = server.expect(200, "GET", "kv2/metadata/a", "").await;
    assert_eq!(said.data().get("oldest_version"), Some(&Value::from(3)));
    assert_eq!(said.data().object("versions").unwrap().len(), 10);
    server.expect(404, "GET", "kv2/data/a?version=2", "").await;
    server.expect(204, "POST", "kv2/config", r#"{"max_versions":2}"#).await;
    server.expect(200, "POST", "kv2/data/a", r#"{"data":{"a":1}}"#).await;
    let said = server.expect(200, "GET", "kv2/metadata/a", "").await;
    assert_eq!(said.data().object("versions").unwrap().keys().collect::<Vec<_>>(), ["12", "13"]);
}

#[tokio::test]
async fn versions_are_deleted_when_their_time_is_over() {
    let server = server().await;
    server.expect(204, "POST", "kv2/config", r#"{"delete_version_after":"1h"}"#).await;
    let said = server.expect(200, "POST", "kv2/data/a", r#"{"data":{"a":1}}"#).await;
    assert_eq!(said.data().str("deletion_time"), Some("2023-11-14T23:13:20.123456789Z"));
    server.advance(3599);
    server.expect(200, "GET", "kv2/data/a", "").await;
    server.advance(1);
    server.expect(404, "GET", "kv2/data/a", "").await;
    server.expect(204, "POST", "kv2/undelete/a", r#"{"versions":"1"}"#).await;
    server.expect(200, "GET", "kv2/data/a", "").await;
    let said = server.expect(200, "GET", "kv2/config", "").await;
    assert_eq!(said.data().str("delete_version_after"), Some("1h0m0s"));
}

#[tokio::test]
async fn large_versions_live_apart_and_go_with_their_key() {
    let server = server().await;
    let mount = server.stored("mounts/");
    let large = "x".repeat(3000);
    for version in 1..=4 {
        let body = format!(r#"{{"data":{{"n":{version},"large":"{large}"}}}}"#);
        server.expect(200, "POST", "kv2/data/a", &body).await;
    }
    for version in 1..=4 {
        let said = server.expect(200, "GET", &format!("kv2/data/a?version={version}"), "").await;
        assert_eq!(said.data().object("data").unwrap().get("n"), Some(&Value::from(version)));
    }
    let apart = server.stored("mounts/") - mount;
    assert!(apart > 1, "{apart}");
    server.expect(204, "POST", "kv2/delete/a", r#"{"versions":[2]}"#).await;
    server.expect(404, "GET", "kv2/data/a?version=2", "").await;
    server.expect(204, "POST", "kv2/undelete/a", r#"{"versions":[2]}"#).await;
    server.expect(200, "GET", "kv2/data/a?version=2", "").await;
    server.expect(204, "POST", "kv2/destroy/a", r#"{"versions":[1,2,3]}"#).await;
    assert_eq!(server.stored("mounts/") - mount, 1, "the data of destroyed versions is gone");
    let body = format!(r#"{{"data":{{"large":"{}"}}}}"#, "y".repeat(5000));
    server.expect(200, "POST", "kv2/data/a", &body).await;
    server.expect(200, "PATCH", "kv2/data/a", r#"{"data":{"more":true}}"#).await;
    let said = server.expect(200, "GET", "kv2/data/a", "").await;
    assert_eq!(said.data().object("data").unwrap().len(), 2);
    server.expect(204, "DELETE", "kv2/metadata/a", "").await;
    assert_eq!(server.stored("mounts/"), mount);
}

#[tokio::test]
async fn keys_named_like_versions_do_not_meet() {
    let server = server().await;
    let large = |n: u32| format!(r#"{{"data":{{"n":{n},"large":"{}"}}}}"#, "x".repeat(5000));
    server.expect(200, "POST", "kv2/data/a", &large(1)).await;
    server.expect(200, "POST", "kv2/data/a/1", &large(2)).await;
    server.expect(200, "POST", "kv2/data/a/1/1", &large(3)).await;
    server.expect(204, "DELETE", "kv2/metadata/a/1", "").await;
    for (path, n) in [("kv2/data/a", 1), ("kv2/data/a/1/1", 3)] {
        let said = server.expect(200, "GET", path, "").await;
        assert_eq!(said.data().object("data").unwrap().get("n"), Some(&Value::from(n)));
    }
}

#[tokio::test]
async fn custom_metadata_is_a_small_map_of_texts() {
    let server = server().await;
    let many: Vec<String> = (0..65).map(|n| format!("\"k{n}\":\"v\"")).collect();
    for custom in [
        format!("{{{}}}", many.join(",")),
        r#"{"a":1}"#.to_owned(),
        r#"{"":"v"}"#.to_owned(),
        r#"{"a":""}"#.to_owned(),
        format!(r#"{{"{}":"v"}}"#, "k".repeat(129)),
        format!(r#"{{"a":"{}"}}"#, "v".repeat(513)),
        r#"{"a":"bell\u0007"}"#.to_owned(),
    ] {
        let body = format!(r#"{{"custom_metadata":{custom}}}"#);
        let said = server.expect(400, "POST", "kv2/metadata/a", &body).await;
        assert!(said.error().starts_with("custom_metadata validation failed: "), "{}", said.error());
    }
    server.expect(204, "POST", "kv2/metadata/a", r#"{"custom_metadata":{"a":"1","b":"2"}}"#).await;
    let body = r#"{"custom_metadata":{"a":null,"c":"3"},"max_versions":7}"#;
    server.expect(204, "PATCH", "kv2/metadata/a", body).await;
    let said = server.expect(200, "GET", "kv2/metadata/a", "").await;
    assert_eq!(said.data().get("custom_metadata").unwrap(), &value(r#"{"b":"2","c":"3"}"#));
    server.expect(204, "PATCH", "kv2/metadata/a", r#"{"custom_metadata":null,"max_versions":null}"#).await;
    let said = server.expect(200, "GET", "kv2/metadata/a", "").await;
    assert!(said.data().get("custom_metadata").unwrap().is_null());
    assert_eq!(said.data().get("max_versions"), Some(&Value::from(0)));
}

#[tokio::test]
async fn subkeys_show_names_and_no_values() {
    let server = server().await;
    let body = r#"{"data":{"a":"secret","b":{"c":{"d":1},"e":[1]},"f":{}}}"#;
    server.expect(200, "POST", "kv2/data/a", body).await;
    let said = server.expect(200, "GET", "kv2/subkeys/a", "").await;
    let wanted = value(r#"{"a":null,"b":{"c":{"d":null},"e":null},"f":null}"#);
    assert_eq!(said.data().get("subkeys").unwrap(), &wanted);
    let said = server.expect(200, "GET", "kv2/subkeys/a?depth=2", "").await;
    assert_eq!(said.data().get("subkeys").unwrap(), &value(r#"{"a":null,"b":{"c":null,"e":null},"f":null}"#));
    server.expect(404, "GET", "kv2/subkeys/none", "").await;
}

#[tokio::test]
async fn numbers_keep_their_digits() {
    let server = server().await;
    let data = r#"{"big":12345678901234567890,"huge":1e400,"price":1.50}"#;
    server.expect(200, "POST", "kv2/data/a", &format!(r#"{{"data":{data}}}"#)).await;
    let said = server.expect(200, "GET", "kv2/data/a", "").await;
    assert!(said.text.contains(&format!(r#""data":{data}"#)), "{}", said.text);
}

#[tokio::test]
async fn unknown_fields_are_named_in_a_warning() {
    let server = server().await;
    let said = server.expect(200, "POST", "kv2/data/a", r#"{"data":{},"zz":1,"b":1}"#).await;
    assert_eq!(
        said.body.get("warnings").unwrap(),
        &value(r#"["Endpoint ignored these unrecognized parameters: [b zz]"]"#)
    );
}

#[tokio::test]
async fn all_is_there_after_a_restart() {
    let server = server().await;
    server.expect(204, "POST", "kv2/config", r#"{"max_versions":2}"#).await;
    server.expect(200, "POST", "kv2/data/a", r#"{"data":{"a":"kept"}}"#).await;
    let server = server.restarted().await;
    let said = server.expect(200, "GET", "kv2/data/a", "").await;
    assert_eq!(said.data().object("data").unwrap().str("a"), Some("kept"));
    let said = server.expect(200, "GET", "kv2/config", "").await;
    assert_eq!(said.data().get("max_versions"), Some(&Value::from(2)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_who_name_the_same_version_one_writes() {
    let server = server().await;
    for round in 0..20 {
        let body = format!(r#"{{"data":{{}},"options":{{"cas":{round}}}}}"#);
        let writers: Vec<_> = (0..8)
            .map(|_| {
                let (server, body) = (server.clone(), body.clone());
                tokio::spawn(async move { server.ask("POST", "kv2/data/a", &body).await.status })
            })
            .collect();
        let mut won = 0;
        for writer in writers {
            match writer.await.unwrap() {
                200 => won += 1,
                status => assert_eq!(status, 400),
            }
        }
        assert_eq!(won, 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_increment_is_lost_when_many_write_at_once() {
    const WRITERS: i64 = 8;
    const TIMES: i64 = 10;
    let server = server().await;
    server.expect(200, "POST", "kv2/data/count", r#"{"data":{"n":0}}"#).await;
    let writers: Vec<_> = (0..WRITERS)
        .map(|_| {
            let server = server.clone();
            tokio::spawn(async move {
                for _ in 0..TIMES {
                    loop {
                        let said = server.expect(200, "GET", "kv2/data/count", "").await;
                        let n = said.data().object("data").unwrap().get("n").and_then(Value::as_i64).unwrap();
                        let cas = metadata(&said, "version").as_i64().unwrap();
                        let body = format!(r#"{{"data":{{"n":{}}},"options":{{"cas":{cas}}}}}"#, n + 1);
                        match server.ask("POST", "kv2/data/count", &body).await.status {
                            200 => break,
                            status => assert_eq!(status, 400),
                        }
                    }
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    let said = server.expect(200, "GET", "kv2/data/count", "").await;
    assert_eq!(said.data().object("data").unwrap().get("n"), Some(&Value::from(WRITERS * TIMES)));
    assert_eq!(metadata(&said, "version"), &Value::from(WRITERS * TIMES + 1));
}
