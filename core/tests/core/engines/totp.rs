//! One-time passwords, asked through the whole pipeline.

use std::sync::Arc;
use std::time::Duration;

use onrecord_audit::ManualClock;
use onrecord_core::Settings;
use onrecord_value::Time;
use serde_json::{Value, json};

use crate::kit::{Reply, TestServer, ask, entries, said};

/// The SHA-1 key of RFC 6238, `12345678901234567890`.
const KEY: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

async fn server() -> (TestServer, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::at(Time::from_unix(1_111_111_109, 0)));
    let world = TestServer::by(Arc::clone(&clock) as _, Settings::default()).await;
    assert_eq!(world.root("POST", "sys/mounts/totp", Some(json!({"type": "totp"}))).await.status, 204);
    (world, clock)
}

async fn post(world: &TestServer, status: u16, path: &str, body: Value) -> Reply {
    let said = world.root("POST", &format!("totp/{path}"), Some(body)).await;
    assert_eq!(said.status, status, "{path}: {}", said.text);
    said
}

async fn get(world: &TestServer, path: &str) -> Value {
    let said = world.root("GET", &format!("totp/{path}"), None).await;
    assert_eq!(said.status, 200, "{path}: {}", said.text);
    said.body["data"].clone()
}

#[tokio::test]
async fn a_key_that_is_given_makes_the_codes_of_the_standard() {
    let (world, clock) = server().await;
    let body = json!({"key": KEY, "digits": 8, "issuer": "bank", "account_name": "bob"});
    post(&world, 204, "keys/given", body).await;
    let link = format!("otpauth://totp/bank:bob?secret={KEY}&digits=8&issuer=bank");
    post(&world, 204, "keys/linked", json!({"url": link})).await;
    let shown =
        json!({"account_name": "bob", "algorithm": "SHA1", "digits": 8, "issuer": "bank", "period": 30});
    for name in ["given", "linked"] {
        assert_eq!(get(&world, &format!("keys/{name}")).await, shown);
        assert_eq!(get(&world, &format!("code/{name}")).await, json!({"code": "07081804"}));
    }
    clock.advance(Duration::from_secs(2));
    assert_eq!(get(&world, "code/given").await, json!({"code": "14050471"}));
    let listed = world.root("LIST", "totp/keys", None).await;
    assert_eq!(listed.body["data"]["keys"], json!(["given", "linked"]));
    assert_eq!(world.root("DELETE", "totp/keys/given", None).await.status, 204);
    assert_eq!(world.root("GET", "totp/keys/given", None).await.status, 404);
    let gone = world.root("GET", "totp/code/given", None).await;
    assert_eq!((gone.status, gone.error()), (400, "unknown key: given"));
}

#[tokio::test]
async fn a_key_that_is_made_is_handed_out_as_a_link_once_and_another_server_makes_its_codes() {
    let (world, _) = server().await;
    let body =
        json!({"generate": true, "issuer": "My Bank", "account_name": "bob@example.com", "qr_size": 0});
    let made = post(&world, 200, "keys/made", body).await;
    let link = made.body["data"]["url"].as_str().unwrap().to_owned();
    let begins =
        "otpauth://totp/My%20Bank:bob@example.com?algorithm=SHA1&digits=6&issuer=My%20Bank&period=30&secret=";
    assert!(link.starts_with(begins) && link.len() == begins.len() + 32, "{link}");
    assert_eq!((&made.body["data"]["barcode"], &made.body["warnings"]), (&json!(""), &Value::Null));
    post(&world, 204, "keys/other", json!({"url": link})).await;
    assert_eq!(get(&world, "code/made").await, get(&world, "code/other").await);
    let hidden = json!({"generate": true, "issuer": "a", "account_name": "b", "exported": false});
    post(&world, 204, "keys/hidden", hidden).await;
    let drawn = json!({"generate": true, "issuer": "a", "account_name": "b", "algoritm": "SHA256"});
    let warned = post(&world, 200, "keys/drawn", drawn).await;
    assert!(warned.text.contains("unrecognized parameters: [algoritm]"), "{}", warned.text);
    assert!(warned.text.contains("draws no barcode"), "{}", warned.text);
}

#[tokio::test]
async fn a_code_is_valid_once_also_after_a_restart() {
    let (world, clock) = server().await;
    post(&world, 204, "keys/k", json!({"key": KEY, "digits": 8})).await;
    let check = async |code: &str| {
        let said = world.root("POST", "totp/code/k", Some(json!({"code": code}))).await;
        if said.status == 200 { said.body["data"]["valid"] == true } else { panic!("{}", said.text) }
    };
    assert!(!check("12345678").await);
    assert!(check("07081804").await);
    let again = post(&world, 400, "code/k", json!({"code": "07081804"})).await;
    assert_eq!(again.error(), "code already used; wait until the next time period");
    world.core.seal(Duration::from_secs(5)).await;
    world.core.unseal(&world.key).await.unwrap();
    post(&world, 400, "code/k", json!({"code": "07081804"})).await;
    assert!(check("14050471").await, "the next one is valid already");
    clock.advance(Duration::from_secs(62));
    assert!(!check("07081804").await, "it is too old");
    post(&world, 400, "code/k", json!({})).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_fifty_that_send_one_code_at_once_one_is_right() {
    let (world, _) = server().await;
    post(&world, 204, "keys/k", json!({"key": KEY, "digits": 8})).await;
    let request = || ask("POST", "totp/code/k").token(&world.root).json(&json!({"code": "07081804"}));
    let clients: Vec<_> = (0..50).map(|_| tokio::spawn(world.start(request()))).collect();
    let mut valid = 0;
    for client in clients {
        let said = said(client.await.unwrap());
        valid += usize::from(said.status == 200);
        assert!(said.status == 400 || said.body["data"]["valid"] == true, "{}", said.text);
    }
    assert_eq!(valid, 1);
}

#[tokio::test]
async fn no_key_no_link_and_no_code_is_on_record() {
    let (world, _) = server().await;
    let device = world.device("test/", false).await;
    let keys =
        json!({"audit_non_hmac_request_keys": "key,url,code", "audit_non_hmac_response_keys": "url,code"});
    assert_eq!(world.root("POST", "sys/mounts/totp/tune", Some(keys)).await.status, 204);
    post(&world, 204, "keys/k", json!({"key": KEY, "digits": 8})).await;
    post(&world, 204, "keys/l", json!({"url": format!("otpauth://totp/a?secret={KEY}")})).await;
    let body = json!({"generate": true, "issuer": "a", "account_name": "b"});
    let made = post(&world, 200, "keys/m", body).await;
    let (_, secret) = made.body["data"]["url"].as_str().unwrap().split_once("secret=").unwrap();
    let code = get(&world, "code/k").await["code"].as_str().unwrap().to_owned();
    post(&world, 200, "code/k", json!({"code": code})).await;
    let recorded: Vec<String> = entries(&device).iter().map(Value::to_string).collect();
    assert!(recorded.iter().any(|entry| entry.contains("totp/code/k")));
    for canary in [KEY, secret, &code] {
        assert!(!recorded.iter().any(|entry| entry.contains(canary)), "{canary}");
    }
}

#[tokio::test]
async fn what_a_key_cannot_be_is_refused_by_its_name() {
    let (world, _) = server().await;
    let long = "a".repeat(600);
    for (body, why) in [
        (json!({}), "the key value is required"),
        (json!({"key": "1"}), "the key value is not base 32"),
        (json!({"key": KEY, "digits": 7}), "digits is 6 or 8"),
        (json!({"key": KEY, "algorithm": "MD5"}), "algorithm is SHA1, SHA256 or SHA512"),
        (json!({"key": KEY, "period": 0}), "period is from 1 second"),
        (json!({"key": KEY, "issuer": long}), "issuer has 600 bytes"),
        (json!({"url": "otpauth://hotp/a?secret=MY"}), "url is not of the form"),
        (json!({"generate": true, "account_name": "a"}), "the issuer value is required"),
        (json!({"generate": true, "issuer": "a"}), "the account_name value is required"),
        (
            json!({"generate": true, "issuer": "a", "account_name": "b", "key": KEY}),
            "key is not taken with generate",
        ),
        (
            json!({"generate": true, "issuer": "a", "account_name": "b", "key_size": 8}),
            "key_size is from 16 to 512",
        ),
        (json!({"generate": true, "issuer": "a", "account_name": "b", "skew": 2}), "skew is 0 or 1"),
    ] {
        let said = post(&world, 400, "keys/k", body.clone()).await;
        assert!(said.error().contains(why), "{body}: {}", said.text);
    }
    assert_eq!(world.root("LIST", "totp/keys", None).await.status, 404);
}
