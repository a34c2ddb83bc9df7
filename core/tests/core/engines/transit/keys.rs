//! The life of keys.

use ::base64::Engine as _;
use ::base64::engine::general_purpose::STANDARD;
use onrecord_value::Value;
use serde_json::json;

use super::{base64, number, server, text};

#[tokio::test]
async fn the_whole_life_of_a_key() {
    let server = server().await;
    let said = server.key("k", json!({})).await;
    assert_eq!(
        (text(&said, "type"), text(&said, "name"), number(&said, "latest_version")),
        ("aes256-gcm96", "k", 1)
    );
    let again = server.key("k", json!({"type": "ed25519"})).await;
    assert!(
        again.text.contains("key k already existed") && text(&again, "type") == "aes256-gcm96",
        "{}",
        again.text
    );
    let first = server.encrypt("k", "one").await;
    assert!(first.starts_with("vault:v1:"), "{first}");
    assert_ne!(first, server.encrypt("k", "one").await, "each has a nonce of its own");
    assert_eq!(server.decrypt("k", &first).await, "one");
    for version in 2..=4 {
        assert_eq!(number(&server.post(200, "keys/k/rotate", json!({})).await, "latest_version"), version);
    }
    assert_eq!(server.decrypt("k", &first).await, "one");
    let said = server.post(200, "rewrap/k", json!({"ciphertext": first})).await;
    assert!(text(&said, "ciphertext").starts_with("vault:v4:"), "{}", said.text);
    assert_eq!(number(&said, "key_version"), 4);
    assert_eq!(server.decrypt("k", text(&said, "ciphertext")).await, "one");
    let said = server.post(200, "encrypt/k", json!({"plaintext": base64("x"), "key_version": 2})).await;
    assert!(text(&said, "ciphertext").starts_with("vault:v2:"));

    let config = json!({"min_decryption_version": 2, "min_encryption_version": 3, "deletion_allowed": true});
    server.post(200, "keys/k/config", config).await;
    let said = server.post(400, "decrypt/k", json!({"ciphertext": first})).await;
    assert_eq!(said.error(), "ciphertext or signature version is disallowed by policy (too old)");
    let said = server.post(400, "encrypt/k", json!({"plaintext": base64("x"), "key_version": 2})).await;
    assert_eq!(
        said.error(),
        "requested version for encryption is less than the minimum encryption key version"
    );
    let said = server.expect(200, "GET", "transit/keys/k", "").await;
    let keys = said.data().object("keys").unwrap();
    assert_eq!(keys.keys().collect::<Vec<_>>(), ["2", "3", "4"]);
    assert_eq!(keys.get("2"), Some(&Value::from(1_700_000_000)));
    let said = server.post(400, "keys/k/trim", json!({"min_available_version": 3})).await;
    assert!(said.error().contains("min_decryption_version (2)"), "{}", said.error());
    server.post(200, "keys/k/trim", json!({"min_available_version": 2})).await;
    let said = server.post(400, "keys/k/config", json!({"min_decryption_version": 1})).await;
    assert!(said.error().contains("the versions before 2 were trimmed"), "{}", said.error());
    assert_eq!(server.expect(200, "LIST", "transit/keys", "").await.keys(), ["k"]);

    server.post(200, "keys/k/config", json!({"exportable": true, "allow_plaintext_backup": true})).await;
    let said = server.expect(200, "GET", "transit/backup/k", "").await;
    let backup = text(&said, "backup").to_owned();
    let sealed = server.encrypt("k", "kept").await;
    server.expect(204, "DELETE", "transit/keys/k", "").await;
    assert_eq!(server.expect(404, "GET", "transit/keys/k", "").await.text, "{\"errors\":[]}\n");
    let said = server.post(400, "decrypt/k", json!({"ciphertext": sealed})).await;
    assert_eq!(said.error(), "encryption key not found");
    server.post(204, "restore/other", json!({"backup": backup})).await;
    assert_eq!(server.decrypt("other", &sealed).await, "kept");
    let said = server.post(500, "restore/other", json!({"backup": backup})).await;
    assert!(said.error().contains("key \"other\" already exists"), "{}", said.error());
    server.post(204, "restore/other", json!({"backup": backup, "force": true})).await;
    server.post(204, "restore", json!({"backup": backup})).await;
    assert_eq!(server.decrypt("k", &sealed).await, "kept");

    let server = server.restarted().await;
    assert_eq!(server.decrypt("k", &sealed).await, "kept");
}

#[tokio::test]
async fn keys_are_deleted_exported_and_backed_up_only_if_they_may_be() {
    let server = server().await;
    server.key("k", json!({})).await;
    let said = server.expect(400, "DELETE", "transit/keys/k", "").await;
    assert!(said.error().starts_with("deletion is not allowed for this key"), "{}", said.error());
    let said = server.expect(400, "GET", "transit/export/encryption-key/k", "").await;
    assert_eq!(said.error(), "private key material is not exportable");
    let said = server.expect(500, "GET", "transit/backup/k", "").await;
    assert!(said.error().contains("exporting is disallowed on the policy"), "{}", said.error());
    server.post(200, "keys/k/config", json!({"exportable": true})).await;
    let said = server.expect(500, "GET", "transit/backup/k", "").await;
    assert!(said.error().contains("plaintext backup is disallowed on the policy"), "{}", said.error());
    server.post(200, "keys/k/config", json!({"exportable": false})).await;
    let said = server.expect(200, "GET", "transit/export/encryption-key/k/latest", "").await;
    assert_eq!(said.data().object("keys").unwrap().str("1").unwrap().len(), 44);
    assert_eq!(text(&said, "name"), "k");
    server.expect(200, "GET", "transit/export/hmac-key/k/1", "").await;
    server.expect(400, "GET", "transit/export/hmac-key/k/2", "").await;
    server.expect(400, "GET", "transit/export/signing-key/k", "").await;
    server.expect(404, "GET", "transit/export/signing-key/none", "").await;
    server.expect(404, "GET", "transit/export/other-key/k", "").await;
}

#[tokio::test]
async fn exported_keys_are_written_as_is_usual_for_their_type_or_as_is_asked_for() {
    let server = server().await;
    for (name, part, usual, pkcs8) in [
        ("ecdsa-p256", "signing-key", "EC PRIVATE KEY", true),
        ("ecdsa-p521", "signing-key", "EC PRIVATE KEY", true),
        ("rsa-2048", "signing-key", "RSA PRIVATE KEY", true),
        ("rsa-2048", "encryption-key", "RSA PRIVATE KEY", true),
        ("ecdsa-p384", "public-key", "PUBLIC KEY", false),
        ("rsa-2048", "public-key", "PUBLIC KEY", false),
    ] {
        server.key(name, json!({"type": name, "exportable": true})).await;
        let of = async |format: &str| {
            let said =
                server.expect(200, "GET", &format!("transit/export/{part}/{name}?format={format}"), "").await;
            said.data().object("keys").unwrap().str("1").unwrap().to_owned()
        };
        let text = of("").await;
        assert!(text.starts_with(&format!("-----BEGIN {usual}-----\n")), "{text}");
        let label = if pkcs8 { "PRIVATE KEY" } else { "PUBLIC KEY" };
        assert!(of("pem").await.starts_with(&format!("-----BEGIN {label}-----\n")));
        assert!(of("der").await.starts_with("MI") || of("der").await.starts_with("MH"));
        server.expect(400, "GET", &format!("transit/export/{part}/{name}?format=raw"), "").await;
    }
    server.key("ed25519", json!({"type": "ed25519", "exportable": true})).await;
    let said = server.expect(200, "GET", "transit/export/signing-key/ed25519", "").await;
    assert_eq!(said.data().object("keys").unwrap().str("1").unwrap().len(), 88);
    let said = server.expect(200, "GET", "transit/export/public-key/ed25519", "").await;
    assert_eq!(said.data().object("keys").unwrap().str("1").unwrap().len(), 44);
}

#[tokio::test]
async fn a_key_of_each_cipher_encrypts_and_authenticates_associated_data() {
    let server = server().await;
    for name in ["aes128-gcm96", "aes256-gcm96", "chacha20-poly1305", "xchacha20-poly1305"] {
        server.key(name, json!({"type": name})).await;
        let aad = base64("with");
        let body = json!({"plaintext": base64("x"), "associated_data": aad});
        let said = server.post(200, &format!("encrypt/{name}"), body).await;
        let ciphertext = text(&said, "ciphertext");
        let at = format!("decrypt/{name}");
        let said = server.post(200, &at, json!({"ciphertext": ciphertext, "associated_data": aad})).await;
        assert_eq!(text(&said, "plaintext"), base64("x"));
        let said = server.post(400, &at, json!({"ciphertext": ciphertext})).await;
        assert_eq!(said.error(), "invalid ciphertext: unable to decrypt");
    }
    server.key("rsa", json!({"type": "rsa-2048"})).await;
    let sealed = server.encrypt("rsa", "by OAEP").await;
    assert_eq!(server.decrypt("rsa", &sealed).await, "by OAEP");
    let said = server.post(400, "encrypt/rsa", json!({"plaintext": base64("x".repeat(191))})).await;
    assert_eq!(said.error(), "the plaintext is too long: this key encrypts 190 bytes at most");
    let said =
        server.post(400, "encrypt/rsa", json!({"plaintext": "", "associated_data": base64("x")})).await;
    assert!(said.error().starts_with("associated_data is not supported for keys of type rsa-2048"));
    server.key("ed", json!({"type": "ed25519"})).await;
    let said = server.post(400, "encrypt/ed", json!({"plaintext": ""})).await;
    assert_eq!(said.error(), "message encryption not supported for key type ed25519");
}

#[tokio::test]
async fn a_derived_key_requires_a_context_and_a_convergent_one_encrypts_alike() {
    let server = server().await;
    server.key("derived", json!({"derived": true})).await;
    server.key("same", json!({"derived": true, "convergent_encryption": true})).await;
    let encrypt = async |name: &str, context: &str, plaintext: &str, status: u16| {
        let body = json!({"plaintext": base64(plaintext), "context": base64(context)});
        let said = server.post(status, &format!("encrypt/{name}"), body).await;
        if status == 200 { text(&said, "ciphertext").to_owned() } else { said.error().to_owned() }
    };
    assert!(encrypt("derived", "", "x", 400).await.starts_with("missing 'context' for key derivation"));
    assert_ne!(encrypt("derived", "c", "x", 200).await, encrypt("derived", "c", "x", 200).await);
    let one = encrypt("same", "c", "x", 200).await;
    assert_eq!(one, encrypt("same", "c", "x", 200).await);
    assert_ne!(one, encrypt("same", "d", "x", 200).await);
    assert_ne!(one, encrypt("same", "c", "y", 200).await);
    let said = server.post(200, "decrypt/same", json!({"ciphertext": one, "context": base64("c")})).await;
    assert_eq!(text(&said, "plaintext"), base64("x"));
    server.post(400, "decrypt/same", json!({"ciphertext": one, "context": base64("d")})).await;
    server.post(400, "decrypt/same", json!({"ciphertext": one})).await;
    server.post(200, "keys/same/rotate", json!({})).await;
    let rotated = encrypt("same", "c", "x", 200).await;
    assert!(rotated.starts_with("vault:v2:") && rotated == encrypt("same", "c", "x", 200).await);
    let read = server.expect(200, "GET", "transit/keys/same", "").await;
    assert_eq!(
        (text(&read, "kdf"), read.data().get("convergent_encryption")),
        ("hkdf_sha256", Some(&true.into()))
    );
}

#[tokio::test]
async fn an_encryption_makes_the_key_where_the_policy_allows_a_create() {
    let server = server().await;
    let encrypt = async |token: &str, name: &str, body: serde_json::Value| {
        server.ask_as(Some(token), "POST", &format!("transit/encrypt/{name}"), &body.to_string()).await
    };
    let may_create =
        server.token("path \"transit/encrypt/*\" { capabilities = [\"create\", \"update\"] }").await;
    let may_update = server.token("path \"transit/encrypt/*\" { capabilities = [\"update\"] }").await;
    let plaintext = json!({"plaintext": base64("x")});
    assert_eq!(encrypt(&may_update, "new", plaintext.clone()).await.status, 403);
    assert_eq!(encrypt(&may_create, "new", plaintext.clone()).await.status, 200);
    assert_eq!(encrypt(&may_update, "new", plaintext.clone()).await.status, 200);
    let context = json!({"plaintext": base64("x"), "context": base64("c"), "convergent_encryption": true});
    assert_eq!(encrypt(&may_create, "derived", context).await.status, 200);
    let read = server.expect(200, "GET", "transit/keys/derived", "").await;
    assert_eq!(read.data().get("convergent_encryption"), Some(&true.into()));
    let said = encrypt(&may_create, "hmac", json!({"plaintext": "", "type": "hmac"})).await;
    assert!(said.status == 400 && said.error().starts_with("key type hmac not supported"), "{}", said.text);
    let mixed = json!({"batch_input": [{"plaintext": "", "context": base64("c")}, {"plaintext": ""}]});
    let said = encrypt(&may_create, "mixed", mixed).await;
    assert_eq!(said.error(), "context should be set either in all the request blocks or in none");
    let said = encrypt(&may_create, "-bad", plaintext.clone()).await;
    assert!(said.error().starts_with("invalid name of a key \"-bad\""), "{}", said.text);
    server.post(200, "config/keys", json!({"disable_upsert": true})).await;
    let said = encrypt(&may_create, "none", plaintext).await;
    assert_eq!((said.status, said.error()), (400, "encryption key not found"));
}

#[tokio::test]
async fn wrong_settings_of_keys_are_refused_with_what_is_accepted() {
    let server = server().await;
    server.key("k", json!({})).await;
    server.key("h", json!({"type": "hmac", "key_size": 512})).await;
    for (path, body, expected) in [
        (
            "keys/n",
            json!({"type": "ml-dsa"}),
            "unknown key type \"ml-dsa\"; it must be one of aes128-gcm96, ",
        ),
        (
            "keys/n",
            json!({"convergent_encryption": true}),
            "convergent encryption requires derivation to be enabled",
        ),
        (
            "keys/n",
            json!({"type": "rsa-2048", "derived": true}),
            "key derivation and convergent encryption not",
        ),
        ("keys/n", json!({"type": "hmac", "key_size": 31}), "key_size is 31; it must be from 32 to 512"),
        ("keys/n", json!({"key_size": 32}), "key_size is only for keys of type hmac"),
        ("keys/n", json!({"auto_rotate_period": "1h"}), "auto_rotate_period must be 0"),
        ("keys/k/config", json!({"auto_rotate_period": 3600}), "auto_rotate_period must be 0"),
        (
            "keys/k/config",
            json!({"min_decryption_version": 2}),
            "cannot set min decryption version of 2, latest",
        ),
        ("keys/k/config", json!({"min_encryption_version": -1}), "min encryption version cannot be negative"),
        ("keys/none/config", json!({}), "encryption key not found"),
        ("keys/none/rotate", json!({}), "encryption key not found"),
        ("keys/k/trim", json!({}), "cannot trim to min_available_version 0"),
        (
            "keys/k/trim",
            json!({"min_available_version": 1}),
            "cannot trim to min_available_version 1: min_encryption",
        ),
        ("encrypt/k", json!({}), "missing plaintext to encrypt"),
        ("encrypt/k", json!({"plaintext": "?"}), "failed to base64-decode plaintext"),
        ("encrypt/k", json!({"plaintext": "", "nonce": "AAAA"}), "provided nonce not allowed for this key"),
        (
            "encrypt/k",
            json!({"plaintext": "", "key_version": 2}),
            "requested version for encryption is higher than",
        ),
        (
            "encrypt/k",
            json!({"plaintext": "", "padding_scheme": "pkcs1v15"}),
            "padding_scheme \"pkcs1v15\" is not",
        ),
        ("decrypt/k", json!({}), "missing ciphertext to decrypt"),
        ("decrypt/k", json!({"ciphertext": "x"}), "invalid ciphertext: no prefix"),
        ("decrypt/k", json!({"ciphertext": "vault:v1"}), "invalid ciphertext: wrong number of fields"),
        (
            "decrypt/k",
            json!({"ciphertext": "vault:v+1:AA=="}),
            "invalid ciphertext: version number could not be",
        ),
        ("decrypt/k", json!({"ciphertext": "vault:v9:AA=="}), "invalid ciphertext: version is too new"),
        ("decrypt/k", json!({"ciphertext": "vault:v1:?"}), "invalid ciphertext: could not decode base64"),
        ("decrypt/k", json!({"ciphertext": "vault:v1:AA=="}), "invalid ciphertext: unable to decrypt"),
        ("datakey/plaintext/k", json!({"bits": 100}), "invalid bits 100; it must be 128, 256 or 512"),
        ("restore", json!({}), "'backup' must be supplied"),
        ("restore", json!({"backup": "AAAA"}), "invalid backup: it is not one that this server has made"),
        ("cache-config", json!({"size": 9}), "size is 9; it must be 0 or 10 at least"),
    ] {
        let said = server.post(400, path, body.clone()).await;
        assert!(said.error().starts_with(expected), "{path} {body}: {}", said.error());
    }
    assert_eq!(server.expect(200, "LIST", "transit/keys", "").await.keys(), ["h", "k"]);
}

#[tokio::test]
async fn data_keys_random_bytes_and_hashes_are_made() {
    let server = server().await;
    server.key("k", json!({})).await;
    for (bits, length) in [(128, 24), (256, 44), (512, 88)] {
        let said = server.post(200, "datakey/plaintext/k", json!({"bits": bits})).await;
        let plaintext = text(&said, "plaintext").to_owned();
        assert_eq!(plaintext.len(), length);
        let said = server.post(200, "decrypt/k", json!({"ciphertext": text(&said, "ciphertext")})).await;
        assert_eq!(text(&said, "plaintext"), plaintext);
    }
    let said = server.post(200, "datakey/wrapped/k", json!({})).await;
    assert!(said.data().get("plaintext").is_none(), "{}", said.text);
    let said = server.post(200, "random/16", json!({"format": "hex"})).await;
    assert_eq!(text(&said, "random_bytes").len(), 32);
    let said = server.post(200, "random/platform/4", json!({})).await;
    assert_eq!(text(&said, "random_bytes").len(), 8);
    let said = server.post(200, "hash/sha2-512", json!({"input": base64("abc"), "format": "hex"})).await;
    assert!(text(&said, "sum").starts_with("ddaf35a193617aba"), "{}", said.text);
}

#[tokio::test]
async fn the_size_of_the_cache_and_the_settings_of_keys_survive_a_restart() {
    let server = server().await;
    server.post(200, "cache-config", json!({"size": 20})).await;
    server.post(200, "config/keys", json!({"disable_upsert": true})).await;
    let server = server.restarted().await;
    assert_eq!(number(&server.expect(200, "GET", "transit/cache-config", "").await, "size"), 20);
    let said = server.expect(200, "GET", "transit/config/keys", "").await;
    assert_eq!(said.data().get("disable_upsert"), Some(&true.into()));
}

#[tokio::test]
async fn a_backup_that_asks_for_keys_of_a_size_that_no_key_has_is_refused() {
    let server = server().await;
    server.key("h", json!({"type": "hmac", "exportable": true, "allow_plaintext_backup": true})).await;
    let said = server.expect(200, "GET", "transit/backup/h", "").await;
    let whole = STANDARD.decode(text(&said, "backup")).unwrap();
    // The record begins with two bytes and eight flags; the size of the key of HMACs follows.
    let head = whole.iter().position(|byte| *byte == b'\n').unwrap() + 1;
    let size = head + whole[head..].iter().position(|byte| *byte == b'\n').unwrap() + 1 + 10;
    assert_eq!(whole[size], 32);
    for wrong in [&[0x80, 0x80, 0x80, 0x80, 0x80, 0x20][..], &[31], &[0]] {
        let backup = STANDARD.encode([&whole[..size], wrong, &whole[size + 1..]].concat());
        let said = server.post(400, "restore/other", json!({"backup": backup})).await;
        assert!(said.error().starts_with("invalid backup: the parts of its key"), "{}", said.error());
    }
}
