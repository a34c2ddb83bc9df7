//! New key shares and new root tokens for those who hold enough shares: who may begin and end them, and that all of it is on
//! record.
//! Never in it: what no device could record (`ceremony_journal`).

mod races;
mod unstored;

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use onrecord_core::{InitOptions, Settings};
use onrecord_storage::Storage;
use onrecord_storage::memory::Memory;
use serde_json::{Value, json};

use crate::kit::{Reply, TestServer, ask, core_on, entries, outline};

/// An unsealed server with several key shares.
struct Shared {
    world: TestServer,
    keys: Vec<String>,
}

async fn shared_on(storage: Storage, shares: i64, threshold: i64) -> Shared {
    // Racers without a token are no flood here.
    let core = core_on(storage, Settings { unauthenticated_rate_limit: 0, ..Settings::default() });
    let made = core.init(InitOptions { shares, threshold, root_token: None }).await.unwrap();
    let keys: Vec<String> = made.keys.iter().map(|key| const_hex::encode(key.expose())).collect();
    for key in keys.iter().take(usize::try_from(threshold).unwrap()) {
        core.unseal(key).await.unwrap();
    }
    let root = made.root_token.id.expose().clone();
    Shared { world: TestServer { core, root, key: String::new() }, keys }
}

async fn shared(shares: i64, threshold: i64) -> Shared {
    shared_on(Storage::start(Memory::new()).unwrap(), shares, threshold).await
}

impl Shared {
    async fn anybody(&self, method: &str, path: &str, body: Value) -> Reply {
        self.world.send(ask(method, path).json(&body)).await
    }

    async fn get(&self, path: &str) -> Value {
        let said = self.world.send(ask("GET", path)).await;
        assert_eq!(said.status, 200, "{}", said.text);
        said.body
    }

    async fn begin_rekey(&self, body: Value) -> String {
        let said = self.world.root("POST", "sys/rekey/init", Some(body)).await;
        assert_eq!(said.status, 200, "{}", said.text);
        said.body["nonce"].as_str().unwrap().to_owned()
    }

    async fn share(&self, path: &str, key: &str, nonce: &str) -> Reply {
        self.anybody("PUT", path, json!({"key": key, "nonce": nonce})).await
    }

    /// Seals, and opens with these shares; whether that worked.
    async fn opens_with(&self, keys: &[String]) -> bool {
        let core = &self.world.core;
        core.seal(Duration::from_secs(10)).await;
        for key in keys {
            if core.unseal(key).await.is_err() {
                return false;
            }
        }
        core.unsealed().is_some()
    }
}

pub(super) fn texts(value: &Value) -> Vec<String> {
    value.as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn new_key_shares_take_the_place_of_the_old_ones() {
    let server = shared(3, 2).await;
    let idle = server.get("sys/rekey/init").await;
    assert_eq!((&idle["started"], &idle["required"], &idle["nonce"]), (&json!(false), &json!(2), &json!("")));
    let nonce = server.begin_rekey(json!({"secret_shares": 4, "secret_threshold": 3})).await;
    let status = server.get("sys/rekey/init").await;
    for (key, value) in [
        ("started", json!(true)),
        ("nonce", json!(nonce)),
        ("t", json!(3)),
        ("n", json!(4)),
        ("progress", json!(0)),
        ("required", json!(2)),
        ("pgp_fingerprints", Value::Null),
        ("backup", json!(false)),
        ("verification_required", json!(false)),
    ] {
        assert_eq!(status[key], value, "{key}");
    }
    let first = server.share("sys/rekey/update", &server.keys[0], &nonce).await;
    assert_eq!((first.status, &first.body["progress"]), (200, &json!(1)), "{}", first.text);
    let same = server.share("sys/rekey/update", &server.keys[0], &nonce).await;
    assert_eq!(same.body["progress"], json!(1), "a share that is given twice counts once");
    let last = server.share("sys/rekey/update", &server.keys[2], &nonce).await;
    assert_eq!((last.status, &last.body["complete"]), (200, &json!(true)), "{}", last.text);
    let new = texts(&last.body["keys"]);
    assert_eq!(
        (new.len(), texts(&last.body["keys_base64"]).len(), &last.body["nonce"]),
        (4, 4, &json!(nonce))
    );
    assert_eq!(server.get("sys/rekey/init").await["started"], json!(false));
    assert_eq!(server.get("sys/seal-status").await["t"], json!(3));
    assert!(!server.opens_with(&server.keys[..2]).await, "the old shares");
    server.world.core.reset_unseal().unwrap();
    assert!(server.opens_with(&new[1..]).await, "three of the new ones");
    assert_eq!(server.world.root("GET", "sys/mounts", None).await.status, 200);
}

#[tokio::test]
async fn shares_that_are_to_be_verified_are_in_force_once_they_were_given_back() {
    let server = shared(1, 1).await;
    let wanted = json!({"secret_shares": 3, "secret_threshold": 2, "require_verification": true});
    let nonce = server.begin_rekey(wanted).await;
    assert_eq!(server.world.send(ask("GET", "sys/rekey/verify")).await.status, 400);
    let handed = server.share("sys/rekey/update", &server.keys[0], &nonce).await;
    let verification = handed.body["verification_nonce"].as_str().unwrap().to_owned();
    let new = texts(&handed.body["keys"]);
    assert_eq!((&handed.body["verification_required"], new.len()), (&json!(true), 3));
    assert_eq!(server.get("sys/rekey/init").await["verification_nonce"], json!(verification));
    assert_eq!(server.share("sys/rekey/update", &server.keys[0], &nonce).await.status, 400);
    let first = server.share("sys/rekey/verify", &new[0], &verification).await;
    assert_eq!(
        (&first.body["progress"], &first.body["t"], &first.body["n"]),
        (&json!(1), &json!(2), &json!(3))
    );
    let restarted = server.world.root("DELETE", "sys/rekey/verify", None).await;
    let again = restarted.body["nonce"].as_str().unwrap().to_owned();
    assert_eq!((restarted.status, &restarted.body["progress"]), (200, &json!(0)), "{}", restarted.text);
    assert_ne!(again, verification);
    assert_eq!(
        server.share("sys/rekey/verify", &new[0], &verification).await.status,
        400,
        "the nonce before"
    );
    server.share("sys/rekey/verify", &new[0], &again).await;
    let wrong = server.share("sys/rekey/verify", &"ab".repeat(33), &again).await;
    assert_eq!(wrong.status, 400, "{}", wrong.text);
    assert_eq!(server.get("sys/seal-status").await["n"], json!(1), "the old ones are in force");
    for key in &new[1..] {
        assert_eq!(server.share("sys/rekey/verify", key, &again).await.status, 200);
    }
    assert_eq!(server.get("sys/rekey/init").await["started"], json!(false));
    assert!(!server.opens_with(&server.keys).await);
    server.world.core.reset_unseal().unwrap();
    assert!(server.opens_with(&new[..2]).await);
}

#[tokio::test]
async fn what_cannot_be_asked_of_a_rekey_is_refused() {
    let server = shared(1, 1).await;
    for (body, text) in [
        (json!({}), "invalid seal configuration: shares must be at least one"),
        (
            json!({"secret_shares": 2, "secret_threshold": 3}),
            "invalid seal configuration: threshold cannot be larger than shares",
        ),
        (
            json!({"secret_shares": 1, "secret_threshold": 1, "pgp_keys": ["x"]}),
            "encrypting keys or tokens to PGP keys is not supported by this server",
        ),
    ] {
        let said = server.anybody("POST", "sys/rekey/init", body).await;
        assert_eq!((said.status, said.error()), (400, text));
    }
    let backup = json!({"secret_shares": 1, "secret_threshold": 1, "backup": true});
    assert_eq!(server.anybody("POST", "sys/rekey/init", backup).await.status, 400);
    assert_eq!(server.share("sys/rekey/update", &server.keys[0], "x").await.error(), "no rekey in progress");
    let nonce = server.begin_rekey(json!({"secret_shares": 1, "secret_threshold": 1})).await;
    let again =
        server.world.root("POST", "sys/rekey/init", Some(json!({"secret_shares": 1, "secret_threshold": 1})));
    assert_eq!(again.await.error(), "rekey already in progress");
    let wrong = server.share("sys/rekey/update", &server.keys[0], "another").await;
    assert_eq!(
        wrong.error(),
        format!("incorrect nonce supplied; nonce for this rekey operation is \"{nonce}\"")
    );
    assert!(server.share("sys/rekey/update", &server.keys[0], "").await.error().starts_with("missing nonce"));
    assert_eq!(
        server.share("sys/rekey/update", "00", &nonce).await.error(),
        "'key' must be a valid hex or base64 string"
    );
    let none = server.world.root("GET", "sys/rekey/backup", None).await;
    assert!(none.status == 400 && none.error().starts_with("no backed-up keys found"), "{}", none.text);
}

#[tokio::test]
async fn an_attempt_that_was_begun_with_a_token_is_not_ended_without_one() {
    let server = shared(2, 2).await;
    let wanted = json!({"secret_shares": 2, "secret_threshold": 2});
    for (init, wanted) in [("sys/rekey/init", wanted), ("sys/generate-root/attempt", json!({}))] {
        // Strangers may begin, and end what strangers have begun; an operator's attempt takes its place.
        assert_eq!(server.anybody("POST", init, wanted.clone()).await.status, 200);
        assert_eq!(server.world.send(ask("DELETE", init)).await.status, 204);
        assert_eq!(server.anybody("POST", init, wanted.clone()).await.status, 200);
        let own = server.world.root("POST", init, Some(wanted.clone())).await;
        assert_eq!(own.status, 200, "{}", own.text);
        assert_eq!(server.anybody("POST", init, wanted).await.status, 400);
        let denied = server.world.send(ask("DELETE", init)).await;
        assert!(denied.status == 403 && denied.error().contains("with sudo"), "{}", denied.text);
        assert_eq!(server.get(init).await["nonce"], own.body["nonce"]);
        let wrong = ask("DELETE", init).query("nonce=x").token(&server.world.root);
        assert_eq!(server.world.send(wrong).await.status, 400);
        assert_eq!(server.world.root("DELETE", init, None).await.status, 204);
        assert_eq!(server.get(init).await["started"], json!(false));
        assert_eq!(server.world.root("DELETE", init, None).await.status, 204, "also if there is none");
    }
}

fn decoded(said: &Reply, otp: &str) -> String {
    revealed(&said.body, otp)
}

/// The root token in an answer.
pub(super) fn revealed(body: &Value, otp: &str) -> String {
    let hidden = body["encoded_root_token"].as_str().unwrap();
    let hidden = STANDARD_NO_PAD.decode(hidden).unwrap();
    String::from_utf8(hidden.iter().zip(otp.bytes()).map(|(one, other)| one ^ other).collect()).unwrap()
}

#[tokio::test]
async fn a_root_token_is_made_for_enough_shares_and_hidden_with_the_password() {
    let server = shared(3, 2).await;
    let device = server.world.device("test/", false).await;
    for given in [None, Some("ygs0vL8GIxu0AjRVEmJ5jLCVq8"), Some("BMjzW3wAsEzINXCM05Wbas3u9zSl")] {
        let begun = server.anybody("PUT", "sys/generate-root/attempt", json!({"otp": given})).await;
        assert_eq!((begun.status, &begun.body["required"]), (200, &json!(2)), "{}", begun.text);
        let otp = given.unwrap_or_else(|| begun.body["otp"].as_str().unwrap()).to_owned();
        assert_eq!(begun.body["otp_length"], json!(otp.len()));
        let status = server.get("sys/generate-root/attempt").await;
        assert_eq!((&status["started"], &status["otp"]), (&json!(true), &json!("")), "it is shown once");
        let nonce = begun.body["nonce"].as_str().unwrap();
        let first = server.share("sys/generate-root/update", &server.keys[1], nonce).await;
        assert_eq!((&first.body["progress"], &first.body["complete"]), (&json!(1), &json!(false)));
        let last = server.share("sys/generate-root/update", &server.keys[2], nonce).await;
        assert_eq!((last.status, &last.body["complete"]), (200, &json!(true)), "{}", last.text);
        assert_eq!(last.body["encoded_token"], last.body["encoded_root_token"]);
        let token = decoded(&last, &otp);
        let own = server.world.send(ask("GET", "auth/token/lookup-self").token(&token)).await;
        assert_eq!((own.status, &own.body["data"]["policies"]), (200, &json!(["root"])), "{}", own.text);
        assert_eq!(server.get("sys/generate-root/attempt").await["started"], json!(false));
        let lines = String::from_utf8(device.lines().concat()).unwrap();
        for secret in [&token, &otp, &server.keys[1], last.body["encoded_root_token"].as_str().unwrap()] {
            assert!(!lines.contains(secret), "{secret}");
        }
        let all = entries(&device);
        let issuing = all.iter().rfind(|entry| entry["response"]["auth"].is_object()).unwrap();
        assert_eq!(issuing["request"]["path"], "sys/generate-root/update");
        assert_eq!(issuing["response"]["auth"]["policies"], json!(["root"]));
    }
    let bad =
        server.anybody("PUT", "sys/generate-root/attempt", json!({"otp": "RSMGkAqBH5WnVLrDTbZ+UQ=="})).await;
    assert!(bad.status == 400 && bad.error().starts_with("OTP string is wrong length"), "{}", bad.text);
}

#[tokio::test]
async fn the_newer_spelling_makes_a_root_token_for_callers_with_sudo_and_answers_in_data() {
    let server = shared(1, 1).await;
    let device = server.world.device("test/", false).await;
    let (attempt, update) = ("sys/generate-root-token/attempt", "sys/generate-root-token/update");
    assert_eq!(server.anybody("PUT", attempt, json!({})).await.status, 403);
    let begun = server.world.root("PUT", attempt, Some(json!({}))).await.body["data"].clone();
    let share = json!({"key": server.keys[0], "nonce": begun["nonce"]});
    let done = server.world.root("PUT", update, Some(share)).await;
    let token = revealed(&done.body["data"], begun["otp"].as_str().unwrap());
    assert!(!done.text.contains(&token), "it is hidden: {}", done.text);
    let own = server.world.send(ask("GET", "auth/token/lookup-self").token(&token)).await;
    assert_eq!(own.body["data"]["policies"], json!(["root"]), "{}", own.text);
    let lines = entries(&device);
    let made = lines.iter().find(|line| line["response"]["data"]["complete"] == true).expect("a response");
    let data = &made["response"]["data"];
    // Hashes of nothing.
    assert_eq!((&data["encoded_token"], data["data"].is_null()), (&data["otp"], true), "{data}");
    assert!(made["response"]["auth"]["client_token"].as_str().unwrap().starts_with("hmac-"), "{made}");
}

#[tokio::test]
async fn a_root_token_or_key_shares_whose_answer_is_not_on_record_do_not_exist() {
    let server = shared(1, 1).await;
    let nonce = server.get_nonce("sys/generate-root/attempt", json!({})).await;
    let tokens = async || {
        let unsealed = server.world.core.unsealed().unwrap();
        unsealed.tokens.accessors(unsealed.host.clock.now()).await.unwrap().len()
    };
    let before = tokens().await;
    let rekey = server.begin_rekey(json!({"secret_shares": 1, "secret_threshold": 1})).await;
    let is_request = |line: &[u8]| serde_json::from_slice::<Value>(line).unwrap()["type"] == "request";
    server.world.device_that("test/", is_request).await;
    for (path, nonce) in [("sys/generate-root/update", nonce), ("sys/rekey/update", rekey)] {
        let said = server.share(path, &server.keys[0], &nonce).await;
        assert_eq!(said.status, 500, "{}", said.text);
        assert!(said.error().contains("is withheld"), "{}", said.text);
    }
    assert_eq!(tokens().await, before);
    assert!(server.opens_with(&server.keys).await, "the old shares are in force");
}

impl Shared {
    async fn get_nonce(&self, path: &str, body: Value) -> String {
        let said = self.anybody("PUT", path, body).await;
        assert_eq!(said.status, 200, "{}", said.text);
        said.body["nonce"].as_str().unwrap().to_owned()
    }
}

#[tokio::test]
async fn wrong_shares_make_their_address_wait_and_end_nothing() {
    let server = shared(2, 2).await;
    let nonce = server.get_nonce("sys/generate-root/attempt", json!({})).await;
    let wrong = |number: u8| format!("{number:02x}").repeat(33);
    let mut statuses = Vec::new();
    for round in 0..6_u8 {
        server.share("sys/generate-root/update", &wrong(2 * round + 1), &nonce).await;
        statuses.push(server.share("sys/generate-root/update", &wrong(2 * round + 2), &nonce).await.status);
    }
    assert_eq!(statuses, [400, 400, 400, 400, 400, 429]);
    let waits = server.share("sys/generate-root/update", &server.keys[0], &nonce).await;
    assert!(waits.status == 429 && waits.error().contains("is looked at in"), "{}", waits.text);
    let status = server.get("sys/generate-root/attempt").await;
    assert_eq!((&status["started"], &status["progress"]), (&json!(true), &json!(0)));
}

#[tokio::test]
async fn every_step_of_a_ceremony_is_on_record_and_no_share_is() {
    let server = shared(2, 2).await;
    let (hashing, raw) =
        (server.world.device("hashing/", false).await, server.world.device("raw/", true).await);
    let wanted = json!({"secret_shares": 2, "secret_threshold": 2, "require_verification": true});
    let nonce = server.begin_rekey(wanted).await;
    server.share("sys/rekey/update", &server.keys[0], &nonce).await;
    let handed = server.share("sys/rekey/update", &server.keys[1], &nonce).await;
    let new = texts(&handed.body["keys"]);
    let verification = handed.body["verification_nonce"].as_str().unwrap();
    for key in &new {
        assert_eq!(server.share("sys/rekey/verify", key, verification).await.status, 200);
    }
    let step = |path: &str| [format!("request update {path}"), format!("response update {path}")];
    let steps =
        ["sys/rekey/init", "sys/rekey/update", "sys/rekey/update", "sys/rekey/verify", "sys/rekey/verify"];
    raw.wait_for_lines(10);
    assert_eq!(outline(&hashing), steps.into_iter().flat_map(step).collect::<Vec<_>>());
    let lines = String::from_utf8(hashing.lines().concat()).unwrap();
    for key in server.keys.iter().chain(&new) {
        assert!(!lines.contains(key), "a share");
    }
    // A share that is handed out is on record nowhere, on a raw device either.
    let handed: Vec<Value> =
        entries(&raw).into_iter().filter(|entry| entry["response"]["data"]["complete"] == true).collect();
    assert_eq!((handed.len(), &handed[0]["response"]["data"]["keys"]), (2, &json!(2)), "{handed:?}");
}
