//! Keys that were made elsewhere.

use aws_lc_rs::key_wrap::{AES_256, AesKek, KeyWrapPadded as _};
use aws_lc_rs::rsa::{
    OAEP_SHA1_MGF1SHA1, OAEP_SHA256_MGF1SHA256, OaepAlgorithm, OaepPublicEncryptingKey, PublicEncryptingKey,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::{Server, base64, number, server, text};

/// The public key by which a client wraps its keys.
async fn wrapping_key(server: &Server) -> Vec<u8> {
    let said = server.expect(200, "GET", "transit/wrapping_key", "").await;
    let pem = text(&said, "public_key");
    let encoded: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    STANDARD.decode(encoded).unwrap()
}

/// What a client sends of a key.
fn wrap(wrapping_key: &[u8], key: &[u8], algorithm: &'static OaepAlgorithm) -> String {
    let ephemeral = [7; 32];
    let public = OaepPublicEncryptingKey::new(PublicEncryptingKey::from_der(wrapping_key).unwrap()).unwrap();
    let mut wrapped = vec![0; public.ciphertext_size()];
    public.encrypt(algorithm, &ephemeral, &mut wrapped, None).unwrap();
    let mut inner = vec![0; key.len() + 16];
    let kek = AesKek::new(&AES_256, &ephemeral).unwrap();
    let length = kek.wrap_with_padding(key, &mut inner).unwrap().len();
    wrapped.extend_from_slice(&inner[..length]);
    base64(wrapped)
}

/// A private key of the server as PKCS#8, to import it elsewhere.
async fn exported(server: &Server, name: &str) -> Vec<u8> {
    let said = server.expect(200, "GET", &format!("transit/export/signing-key/{name}?format=der"), "").await;
    STANDARD.decode(said.data().object("keys").unwrap().str("1").unwrap()).unwrap()
}

#[tokio::test]
async fn a_wrapped_key_of_each_kind_is_imported() {
    let server = server().await;
    let wrapping = wrapping_key(&server).await;
    assert_eq!(wrapping, wrapping_key(&server).await, "it stays");
    let oaep = &OAEP_SHA256_MGF1SHA256;
    for (key_type, bytes) in
        [("aes128-gcm96", 16), ("aes256-gcm96", 32), ("xchacha20-poly1305", 32), ("hmac", 100)]
    {
        let name = format!("i-{key_type}");
        let key: Vec<u8> = (0..bytes).collect();
        let body = json!({"type": key_type, "ciphertext": wrap(&wrapping, &key, oaep), "exportable": true});
        let said = server.post(200, &format!("keys/{name}/import"), body).await;
        assert_eq!(said.data().get("imported_key"), Some(&true.into()));
        let part = if key_type == "hmac" { "hmac-key" } else { "encryption-key" };
        let said = server.expect(200, "GET", &format!("transit/export/{part}/{name}"), "").await;
        assert_eq!(said.data().object("keys").unwrap().str("1").unwrap(), base64(&key));
    }
    for key_type in ["ed25519", "ecdsa-p256", "ecdsa-p521", "rsa-2048"] {
        server.key(key_type, json!({"type": key_type, "exportable": true})).await;
        let pkcs8 = exported(&server, key_type).await;
        let body = json!({"type": key_type, "ciphertext": wrap(&wrapping, &pkcs8, oaep)});
        server.post(200, &format!("keys/i-{key_type}/import"), body).await;
        let said = server.post(200, &format!("sign/i-{key_type}"), json!({"input": base64("x")})).await;
        let verify = json!({"input": base64("x"), "signature": text(&said, "signature")});
        let said = server.post(200, &format!("verify/{key_type}"), verify).await;
        assert_eq!(said.data().get("valid"), Some(&true.into()), "{key_type}");
    }
    let body = json!({"ciphertext": wrap(&wrapping, &[1; 32], &OAEP_SHA1_MGF1SHA1), "hash_function": "SHA1"});
    server.post(200, "keys/by-sha1/import", body).await;
}

#[tokio::test]
async fn further_versions_are_imported_until_the_key_is_rotated_here() {
    let server = server().await;
    let wrapping = wrapping_key(&server).await;
    let wrapped = |key: &[u8]| wrap(&wrapping, key, &OAEP_SHA256_MGF1SHA256);
    server.post(200, "keys/k/import", json!({"ciphertext": wrapped(&[1; 32]), "allow_rotation": true})).await;
    let said = server.post(400, "keys/k/import", json!({"ciphertext": wrapped(&[1; 32])})).await;
    assert!(
        said.error().starts_with("the import path cannot be used with an existing key"),
        "{}",
        said.error()
    );
    let said = server.post(200, "keys/k/import_version", json!({"ciphertext": wrapped(&[2; 32])})).await;
    assert_eq!(number(&said, "latest_version"), 2);
    server.post(200, "keys/k/rotate", json!({})).await;
    let said = server.post(400, "keys/k/import_version", json!({"ciphertext": wrapped(&[3; 32])})).await;
    assert!(said.error().contains("was rotated within this server"), "{}", said.error());
    server.post(200, "keys/fixed/import", json!({"ciphertext": wrapped(&[1; 32])})).await;
    let said = server.post(400, "keys/fixed/rotate", json!({})).await;
    assert!(said.error().starts_with("imported key fixed does not allow rotation"), "{}", said.error());
    server.key("own", json!({})).await;
    let said = server.post(400, "keys/own/import_version", json!({"ciphertext": wrapped(&[3; 32])})).await;
    assert!(said.error().contains("was made by this server"), "{}", said.error());
}

#[tokio::test]
async fn the_private_part_of_an_imported_public_key_comes_later() {
    let server = server().await;
    let wrapping = wrapping_key(&server).await;
    server.key("origin", json!({"type": "ecdsa-p256", "exportable": true})).await;
    server.key("other", json!({"type": "ecdsa-p256", "exportable": true})).await;
    let read = server.expect(200, "GET", "transit/keys/origin", "").await;
    let public = read.data().object("keys").unwrap().object("1").unwrap().str("public_key").unwrap();
    server.post(200, "keys/p/import", json!({"type": "ecdsa-p256", "public_key": public})).await;
    server.post(400, "sign/p", json!({"input": ""})).await;
    let import = async |name: &str| {
        let pkcs8 = exported(&server, name).await;
        json!({"ciphertext": wrap(&wrapping, &pkcs8, &OAEP_SHA256_MGF1SHA256)})
    };
    let said = server.post(400, "keys/p/import_version", import("other").await).await;
    assert_eq!(said.error(), "the private key does not belong to the public key of version 1");
    let said = server.post(200, "keys/p/import_version", import("origin").await).await;
    assert_eq!(number(&said, "latest_version"), 1);
    let said = server.post(200, "sign/p", json!({"input": base64("x")})).await;
    let body = json!({"input": base64("x"), "signature": text(&said, "signature")});
    assert_eq!(server.post(200, "verify/origin", body).await.data().get("valid"), Some(&true.into()));
}

#[tokio::test]
async fn wrong_imports_are_refused_with_what_is_accepted() {
    let server = server().await;
    let wrapping = wrapping_key(&server).await;
    let wrapped = |key: &[u8]| wrap(&wrapping, key, &OAEP_SHA256_MGF1SHA256);
    let damaged = {
        let mut bytes = STANDARD.decode(wrapped(&[1; 32])).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        base64(bytes)
    };
    for (body, expected) in [
        (json!({}), "one of the fields 'ciphertext' and 'public_key' must be sent"),
        (
            json!({"ciphertext": "a", "public_key": "b"}),
            "only one of the fields 'ciphertext' and 'public_key'",
        ),
        (
            json!({"ciphertext": base64([0; 512])}),
            "ciphertext has 512 bytes; it has 512 for the wrapped ephemeral",
        ),
        (json!({"ciphertext": base64([0; 552])}), "the ephemeral key could not be decrypted"),
        (json!({"ciphertext": wrapped(&[1; 32]), "hash_function": "SHA1"}), "the ephemeral key could not be"),
        (
            json!({"ciphertext": wrapped(&[1; 32]), "hash_function": "SHA224"}),
            "unsupported hash_function \"SHA224\"",
        ),
        (json!({"ciphertext": damaged}), "the key could not be unwrapped"),
        (json!({"ciphertext": wrapped(&[1; 31])}), "the imported key is not one of type aes256-gcm96"),
        (
            json!({"ciphertext": wrapped(&[1; 32]), "type": "rsa-2048"}),
            "the imported key is not one of type rsa-2048",
        ),
        (json!({"public_key": "x"}), "a public key cannot be imported for a key of type aes256-gcm96"),
        (json!({"public_key": "x", "type": "ed25519"}), "public_key is not a PEM public key of type ed25519"),
        (
            json!({"ciphertext": wrapped(&[1; 32]), "derived": true, "convergent_encryption": true}),
            "import cannot be used on keys with convergent encryption enabled",
        ),
    ] {
        let said = server.post(400, "keys/n/import", body.clone()).await;
        assert!(said.error().starts_with(expected), "{body}: {}", said.error());
    }
}
