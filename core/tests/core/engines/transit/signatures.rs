//! Signatures and HMACs: those of other implementations are verified here, and those made here by OpenSSL.

use std::path::Path;
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use onrecord_value::Value;
use serde_json::json;

use super::{Server, base64, server, text};

/// Signatures of `signed elsewhere` by Python's `cryptography`: type, public key, what the request says, signature.
const ELSEWHERE: &str = include_str!("signatures.json");

async fn is_valid(
    server: &Server,
    name: &str,
    body: &serde_json::Value,
    input: &str,
    signature: &str,
) -> bool {
    let mut body = body.clone();
    body["input"] = base64(input).into();
    body["signature"] = signature.into();
    let said = server.post(200, &format!("verify/{name}"), body).await;
    said.data().get("valid").and_then(Value::as_bool).unwrap()
}

#[tokio::test]
async fn signatures_of_another_implementation_are_verified() {
    let server = server().await;
    let all: Vec<serde_json::Value> = serde_json::from_str(ELSEWHERE).unwrap();
    assert!(all.len() > 50);
    for (number, one) in all.iter().enumerate() {
        let name = format!("k{number}");
        let import = json!({"type": one["type"], "public_key": one["public_key"]});
        server.post(200, &format!("keys/{name}/import"), import).await;
        let (body, signature) = (&one["body"], one["signature"].as_str().unwrap());
        assert!(is_valid(&server, &name, body, "signed elsewhere", signature).await, "{one}");
        assert!(!is_valid(&server, &name, body, "signed otherwise", signature).await, "{one}");
        let said = server.post(400, &format!("sign/{name}"), json!({"input": ""})).await;
        assert!(said.error().contains("has no private part"), "{}", said.error());
    }
}

/// Asks OpenSSL whether a signature is valid.
fn verified_by_openssl(folder: &Path, args: &[&str]) -> bool {
    let run = Command::new("openssl").args(args).current_dir(folder).output().expect("openssl runs");
    run.status.success()
}

#[expect(clippy::too_many_lines, reason = "one table of key types, each verified by the same command")]
#[tokio::test]
async fn openssl_verifies_what_is_signed_here() {
    let server = server().await;
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    std::fs::write(at("input"), "signed here").unwrap();
    let pss = |salt: &'static str| vec!["-sigopt", "rsa_padding_mode:pss", "-sigopt", salt];
    for (key_type, body, digest, options) in [
        ("ecdsa-p256", json!({}), "-sha256", vec![]),
        ("ecdsa-p256", json!({"hash_algorithm": "sha2-512"}), "-sha512", vec![]),
        ("ecdsa-p256", json!({"hash_algorithm": "sha1"}), "-sha1", vec![]),
        ("ecdsa-p384", json!({"hash_algorithm": "sha2-384"}), "-sha384", vec![]),
        ("ecdsa-p384", json!({"hash_algorithm": "sha2-224"}), "-sha224", vec![]),
        ("ecdsa-p521", json!({"hash_algorithm": "sha2-512"}), "-sha512", vec![]),
        ("ecdsa-p521", json!({"hash_algorithm": "sha3-256"}), "-sha3-256", vec![]),
        ("rsa-2048", json!({}), "-sha256", pss("rsa_pss_saltlen:max")),
        ("rsa-2048", json!({"salt_length": "hash"}), "-sha256", pss("rsa_pss_saltlen:digest")),
        (
            "rsa-2048",
            json!({"salt_length": 17, "hash_algorithm": "sha3-512"}),
            "-sha3-512",
            pss("rsa_pss_saltlen:17"),
        ),
        ("rsa-2048", json!({"signature_algorithm": "pkcs1v15"}), "-sha256", vec![]),
        (
            "rsa-2048",
            json!({"signature_algorithm": "pkcs1v15", "hash_algorithm": "sha2-224"}),
            "-sha224",
            vec![],
        ),
        (
            "rsa-2048",
            json!({"signature_algorithm": "pkcs1v15", "hash_algorithm": "sha3-384"}),
            "-sha3-384",
            vec![],
        ),
        ("rsa-3072", json!({"hash_algorithm": "sha2-384"}), "-sha384", pss("rsa_pss_saltlen:max")),
    ] {
        let made = server.key(key_type, json!({"type": key_type})).await;
        let public =
            made.data().object("keys").unwrap().object("1").unwrap().str("public_key").unwrap().to_owned();
        std::fs::write(at("public.pem"), public).unwrap();
        let mut request = body.clone();
        request["input"] = base64("signed here").into();
        let said = server.post(200, &format!("sign/{key_type}"), request).await;
        let signature = text(&said, "signature").to_owned();
        assert!(is_valid(&server, key_type, &body, "signed here", &signature).await, "{key_type} {body}");
        let bytes = STANDARD.decode(signature.strip_prefix("vault:v1:").unwrap()).unwrap();
        std::fs::write(at("signature"), bytes).unwrap();
        let mut args = vec!["dgst", digest, "-verify", "public.pem", "-signature", "signature"];
        args.extend(&options);
        args.push("input");
        assert!(verified_by_openssl(folder.path(), &args), "{key_type} {body}");
    }
    let made = server.key("ed", json!({"type": "ed25519", "exportable": true})).await;
    assert!(made.text.contains("\"public_key\""), "{}", made.text);
    let said = server.expect(200, "GET", "transit/export/public-key/ed?format=pem", "").await;
    std::fs::write(at("public.pem"), said.data().object("keys").unwrap().str("1").unwrap()).unwrap();
    let said = server.post(200, "sign/ed", json!({"input": base64("signed here")})).await;
    let bytes = STANDARD.decode(text(&said, "signature").strip_prefix("vault:v1:").unwrap()).unwrap();
    std::fs::write(at("signature"), bytes).unwrap();
    let args = [
        "pkeyutl",
        "-verify",
        "-pubin",
        "-inkey",
        "public.pem",
        "-rawin",
        "-in",
        "input",
        "-sigfile",
        "signature",
    ];
    assert!(verified_by_openssl(folder.path(), &args));
}

#[tokio::test]
async fn the_hash_stands_in_the_path_or_the_body_and_may_be_made_by_the_client() {
    let server = server().await;
    server.key("ec", json!({"type": "ecdsa-p256"})).await;
    server.key("rsa", json!({"type": "rsa-2048"})).await;
    let said = server.post(200, "hash/sha2-512", json!({"input": base64("x"), "format": "base64"})).await;
    let hash = text(&said, "sum").to_owned();
    for name in ["ec", "rsa"] {
        let said = server.post(200, &format!("sign/{name}/sha2-512"), json!({"input": base64("x")})).await;
        let signature = text(&said, "signature");
        let body =
            json!({"input": hash, "prehashed": true, "hash_algorithm": "sha2-512", "signature": signature});
        let said = server.post(200, &format!("verify/{name}"), body).await;
        assert_eq!(said.data().get("valid"), Some(&true.into()), "{name}");
        let other = json!({"hash_algorithm": "sha2-256"});
        assert!(!is_valid(&server, name, &other, "x", signature).await, "{name}");
    }
    let bare = json!({
        "input": base64("any bytes"), "prehashed": true, "hash_algorithm": "none", "signature_algorithm": "pkcs1v15"
    });
    let said = server.post(200, "sign/rsa", bare.clone()).await;
    let mut verify = bare;
    verify["signature"] = text(&said, "signature").into();
    assert_eq!(server.post(200, "verify/rsa", verify).await.data().get("valid"), Some(&true.into()));
    let jws = json!({"marshaling_algorithm": "jws"});
    let said =
        server.post(200, "sign/ec", json!({"input": base64("x"), "marshaling_algorithm": "jws"})).await;
    let signature = text(&said, "signature");
    let bytes = URL_SAFE_NO_PAD.decode(signature.strip_prefix("vault:v1:").unwrap()).unwrap();
    assert_eq!(bytes.len(), 64);
    assert!(is_valid(&server, "ec", &jws, "x", signature).await);
}

#[tokio::test]
async fn versions_of_signatures_and_hmacs_follow_the_settings_of_the_key() {
    let server = server().await;
    server.key("ed", json!({"type": "ed25519"})).await;
    let sign = async || {
        let said = server.post(200, "sign/ed", json!({"input": base64("x")})).await;
        text(&said, "signature").to_owned()
    };
    let hmac =
        async |body: serde_json::Value| text(&server.post(200, "hmac/ed", body).await, "hmac").to_owned();
    let (first, first_hmac) = (sign().await, hmac(json!({"input": base64("x")})).await);
    server.post(200, "keys/ed/rotate", json!({})).await;
    assert!(sign().await.starts_with("vault:v2:"));
    assert!(is_valid(&server, "ed", &json!({}), "x", &first).await);
    assert_eq!(hmac(json!({"input": base64("x"), "key_version": 1})).await, first_hmac);
    let verify = json!({"input": base64("x"), "hmac": first_hmac});
    let valid =
        async |status: u16, body: &serde_json::Value| server.post(status, "verify/ed", body.clone()).await;
    assert_eq!(valid(200, &verify).await.data().get("valid"), Some(&true.into()));
    let other = json!({"input": base64("y"), "hmac": first_hmac});
    assert_eq!(valid(200, &other).await.data().get("valid"), Some(&false.into()));
    server.post(200, "keys/ed/config", json!({"min_decryption_version": 2})).await;
    let too_old = "ciphertext or signature version is disallowed by policy (too old)";
    assert_eq!(valid(400, &verify).await.error(), too_old);
    let body = json!({"input": base64("x"), "signature": first});
    assert_eq!(valid(400, &body).await.error(), too_old);
    // The same algorithm, in the path.
    let said = server.post(200, "hmac/ed/sha3-512", json!({"input": base64("x")})).await;
    let body = json!({"input": base64("x"), "hmac": text(&said, "hmac")});
    let said = server.post(200, "verify/ed/sha3-512", body).await;
    assert_eq!(said.data().get("valid"), Some(&true.into()));
}

#[tokio::test]
async fn wrong_signing_requests_are_refused_with_what_is_accepted() {
    let server = server().await;
    for key_type in ["ed25519", "rsa-2048", "ecdsa-p256", "aes256-gcm96"] {
        server.key(key_type, json!({"type": key_type})).await;
    }
    let hash = base64([1; 20]);
    for (path, body, expected) in [
        ("sign/ed25519", json!({}), "missing input"),
        ("sign/ed25519/md5", json!({"input": ""}), "invalid hash algorithm \"md5\"; must be sha1, sha2-224"),
        (
            "sign/ed25519",
            json!({"input": "", "signature_algorithm": "x"}),
            "invalid signature algorithm \"x\"",
        ),
        ("sign/ed25519", json!({"input": "", "marshaling_algorithm": "x"}), "invalid marshaling type \"x\""),
        (
            "sign/ed25519",
            json!({"input": "", "salt_length": "x"}),
            "salt_length is \"x\"; it must be \"auto\"",
        ),
        (
            "sign/ed25519",
            json!({"input": "", "prehashed": true}),
            "prehashed is not supported for keys of type ed",
        ),
        (
            "sign/aes256-gcm96",
            json!({"input": ""}),
            "message signing not supported for key type aes256-gcm96",
        ),
        (
            "sign/rsa-2048",
            json!({"input": hash, "prehashed": true}),
            "prehashed input has 20 bytes; a hash by hash_",
        ),
        (
            "sign/rsa-2048",
            json!({"input": "", "salt_length": 223}),
            "salt_length is 223; with this key and hash_algo",
        ),
        ("sign/rsa-2048/none", json!({"input": ""}), "hash_algorithm=none requires both prehashed=true and"),
        (
            "sign/ecdsa-p256/none",
            json!({"input": "", "prehashed": true}),
            "hash_algorithm=none requires both",
        ),
        (
            "sign/ecdsa-p256",
            json!({"input": base64([0; 65]), "prehashed": true}),
            "prehashed input has 65 bytes; a",
        ),
        ("sign/none", json!({"input": ""}), "encryption key not found"),
        ("verify/ed25519", json!({"input": ""}), "neither a 'signature' nor an 'hmac' was given"),
        (
            "verify/ed25519",
            json!({"input": "", "signature": "a", "hmac": "b"}),
            "provide one of 'signature' and",
        ),
        ("verify/ed25519", json!({"input": "", "signature": "a"}), "invalid signature: no prefix"),
        ("verify/ed25519", json!({"input": "", "signature": "vault:v1:?"}), "invalid base64 signature value"),
        ("hmac/ed25519/sha1", json!({"input": ""}), "unsupported algorithm \"sha1\"; must be sha2-224"),
        (
            "hmac/ed25519",
            json!({"input": "", "key_version": 2}),
            "requested version for encryption is higher than",
        ),
    ] {
        let said = server.post(400, path, body.clone()).await;
        assert!(said.error().starts_with(expected), "{path} {body}: {}", said.error());
    }
}
