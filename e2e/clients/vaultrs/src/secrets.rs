//! Secrets engines: KV 1 and 2, the cubbyhole, transit, PKI; and wrapping.

use std::collections::HashMap;

use rustify::enums::RequestMethod::PATCH;
use serde_json::{Value, json};
use vaultrs::api::kv1::requests::GetSecretRequest;
use vaultrs::api::kv2::requests::{SetConfigurationRequest, SetSecretMetadataRequest, SetSecretRequestOptions};
use vaultrs::api::pki::requests::{GenerateCertificateRequest, GenerateRootRequest, SetRoleRequest};
use vaultrs::api::transit::KeyType;
use vaultrs::api::transit::requests::{
    CreateKeyRequest, DataKeyType, UpdateKeyConfigurationRequest, VerifySignedDataRequest,
};
use vaultrs::api::ResponseWrapper;
use vaultrs::{kv1, kv2, pki, sys, transit};

use crate::step;
use crate::walk::{Done, Failure, Walk, holds, same, text};

type Pairs = HashMap<String, Value>;

pub async fn values(walk: &mut Walk) {
    step!(walk, "kv1/write", {
        let data = HashMap::from([("value", json!(walk.secret("kv1"))), ("n", json!(17))]);
        kv1::set(&walk.client, "kv1", "a/b", &data).await?;
    });
    step!(walk, "kv1/read", {
        let got: Pairs = kv1::get(&walk.client, "kv1", "a/b").await?;
        same((&got["value"], &got["n"]), (&json!(walk.secret("kv1")), &json!(17)))?;
    });
    step!(walk, "kv1/list", { same(kv1::list(&walk.client, "kv1", "a").await?.data.keys, ["b"])? });
    step!(walk, "kv1/delete", { kv1::delete(&walk.client, "kv1", "a/b").await? });
    step!(walk, "kv1/missing", {
        let _: Pairs = kv1::get(&walk.client, "kv1", "a/b").await?;
    });
}

async fn put(walk: &Walk, value: &str, cas: Option<u32>, version: u64) -> Done {
    let data = HashMap::from([("password", walk.secret(value))]);
    let made = match cas {
        None => kv2::set(&walk.client, "kv2", "app/db", &data).await?,
        Some(cas) => {
            let options = SetSecretRequestOptions { cas };
            kv2::set_with_options(&walk.client, "kv2", "app/db", &data, options).await?
        }
    };
    same(made.version, version)
}

async fn get(walk: &Walk, wanted: &str) -> Done {
    let got: Pairs = kv2::read(&walk.client, "kv2", "app/db").await?;
    same(&got["password"], &json!(walk.secret(wanted)))
}

pub async fn versions(walk: &mut Walk) {
    step!(walk, "kv2/configure", {
        kv2::config::set(&walk.client, "kv2", Some(SetConfigurationRequest::builder().max_versions(5_u64))).await?;
    });
    step!(walk, "kv2/write", { put(walk, "kv2-1", None, 1).await? });
    step!(walk, "kv2/write-with-cas", { put(walk, "kv2-2", Some(1), 2).await? });
    step!(walk, "kv2/wrong-cas", { put(walk, "kv2-3", Some(1), 3).await? });
    step!(walk, "kv2/read", { get(walk, "kv2-2").await? });
    step!(walk, "kv2/read-version", {
        let got: Pairs = kv2::read_version(&walk.client, "kv2", "app/db", 1).await?;
        same(&got["password"], &json!(walk.secret("kv2-1")))?;
    });
    step!(walk, "kv2/patch", {
        // vaultrs has no call for it, and its endpoints send no content type of their own: the server takes JSON as a merge patch.
        let sent = json!({"data": {"more": walk.secret("kv2-patch")}});
        same(&walk.ask(PATCH, "kv2/data/app/db", Some(sent)).await?["data"]["version"], &json!(3))?;
    });
    step!(walk, "kv2/write-metadata", {
        let mut metadata = SetSecretMetadataRequest::builder();
        metadata.custom_metadata(HashMap::from([("owner".to_owned(), walk.secret("metadata"))]));
        kv2::set_metadata(&walk.client, "kv2", "app/db", Some(&mut metadata)).await?;
    });
    step!(walk, "kv2/read-metadata", {
        let found = kv2::read_metadata(&walk.client, "kv2", "app/db").await?;
        same(found.custom_metadata.and_then(|owner| owner.get("owner").cloned()), Some(walk.secret("metadata")))?;
    });
    step!(walk, "kv2/list", { same(kv2::list(&walk.client, "kv2", "app").await?, ["db"])? });
    step!(walk, "kv2/delete", { kv2::delete_latest(&walk.client, "kv2", "app/db").await? });
    step!(walk, "kv2/deleted", { get(walk, "kv2-2").await? });
    step!(walk, "kv2/undelete", {
        kv2::undelete_versions(&walk.client, "kv2", "app/db", vec![3]).await?;
        get(walk, "kv2-2").await?;
    });
    step!(walk, "kv2/delete-versions", { kv2::delete_versions(&walk.client, "kv2", "app/db", vec![1]).await? });
    step!(walk, "kv2/destroy", { kv2::destroy_versions(&walk.client, "kv2", "app/db", vec![1, 2]).await? });
    step!(walk, "kv2/delete-metadata", { kv2::delete_metadata(&walk.client, "kv2", "app/db").await? });
    step!(walk, "kv2/missing", { get(walk, "kv2-2").await? });
    step!(walk, "cubbyhole/write", {
        let data = HashMap::from([("value", walk.secret("cubbyhole"))]);
        vaultrs::cubbyhole::set(&walk.client, "cubbyhole", "mine", &data).await?;
    });
    step!(walk, "cubbyhole/read", {
        let got: Pairs = vaultrs::cubbyhole::get(&walk.client, "cubbyhole", "mine").await?;
        same(&got["value"], &json!(walk.secret("cubbyhole")))?;
    });
}

/// What the policy reader allows.
pub async fn use_open(walk: &Walk) -> Done {
    let data = HashMap::from([("value", walk.secret("allowed"))]);
    kv1::set(&walk.client, "kv1", "open/x", &data).await?;
    let got: Pairs = kv1::get(&walk.client, "kv1", "open/x").await?;
    same(&got["value"], &json!(walk.secret("allowed")))
}

async fn unwrap(walk: &Walk) -> Done {
    let got: Pairs = sys::wrapping::unwrap(&walk.client, Some(&walk.kept("rewrapped")?)).await?;
    same(&got["value"], &json!(walk.secret("allowed")))
}

pub async fn wrapping(walk: &mut Walk) {
    step!(walk, "wrapping/wrap", {
        use_open(walk).await?;
        let read = GetSecretRequest::builder().mount("kv1").path("open/x").build();
        let wrapped = read.map_err(|error| Failure::Wrong(error.to_string()))?.wrap(&walk.client).await?;
        walk.kept.insert("wrapped", wrapped.info.token);
    });
    step!(walk, "wrapping/look-up", {
        let found = sys::wrapping::lookup(&walk.client, &walk.kept("wrapped")?).await?;
        same(found.creation_path, "kv1/open/x")?;
    });
    step!(walk, "wrapping/rewrap", {
        let made = walk.write("sys/wrapping/rewrap", json!({"token": walk.kept("wrapped")?})).await?;
        walk.kept.insert("rewrapped", text(&made["wrap_info"]["token"])?);
    });
    step!(walk, "wrapping/unwrap", { unwrap(walk).await? });
    step!(walk, "wrapping/again", { unwrap(walk).await? });
}

async fn decrypts(walk: &Walk, ciphertext: &str) -> Done {
    let got = transit::data::decrypt(&walk.client, "transit", "walk", ciphertext, None).await?;
    same(got.plaintext, walk.encoded("transit"))
}

pub async fn transit(walk: &mut Walk) {
    let mount = "transit";
    step!(walk, "transit/enable", { sys::mount::enable(&walk.client, mount, "transit", None).await? });
    step!(walk, "transit/create-key", {
        transit::key::create(&walk.client, mount, "walk", None).await?;
        let mut signing = CreateKeyRequest::builder();
        signing.key_type(KeyType::Ed25519);
        transit::key::create(&walk.client, mount, "sign", Some(&mut signing)).await?;
    });
    step!(walk, "transit/read-key", {
        let found = transit::key::read(&walk.client, mount, "walk").await?;
        holds(matches!(found.key_type, KeyType::Aes256Gcm96), found)?;
    });
    step!(walk, "transit/list", { same(transit::key::list(&walk.client, mount).await?.keys, ["sign", "walk"])? });
    step!(walk, "transit/encrypt", {
        let plaintext = walk.encoded("transit");
        let made = transit::data::encrypt(&walk.client, mount, "walk", &plaintext, None).await?;
        walk.kept.insert("ciphertext", made.ciphertext);
    });
    step!(walk, "transit/decrypt", { decrypts(walk, &walk.kept("ciphertext")?).await? });
    step!(walk, "transit/rotate", { transit::key::rotate(&walk.client, mount, "walk").await? });
    step!(walk, "transit/rewrap", {
        let made = transit::data::rewrap(&walk.client, mount, "walk", &walk.kept("ciphertext")?, None).await?;
        holds(made.ciphertext.starts_with("vault:v2:"), &made)?;
        decrypts(walk, &made.ciphertext).await?;
    });
    step!(walk, "transit/datakey", {
        let made = transit::generate::data_key(&walk.client, mount, "walk", DataKeyType::Plaintext, None).await?;
        same(made.plaintext.map(|key| key.len()), Some(44))?;
    });
    step!(walk, "transit/sign", {
        let made = transit::data::sign(&walk.client, mount, "sign", &walk.encoded("signed"), None).await?;
        walk.kept.insert("signature", made.signature);
    });
    step!(walk, "transit/verify", {
        let mut signature = VerifySignedDataRequest::builder();
        signature.signature(walk.kept("signature")?);
        let input = walk.encoded("signed");
        let found = transit::data::verify(&walk.client, mount, "sign", &input, Some(&mut signature)).await?;
        same(found.valid, true)?;
    });
    step!(walk, "transit/hmac", {
        let input = walk.encoded("mac");
        let made = transit::generate::hmac(&walk.client, mount, "walk", &input, None).await?;
        let mut hmac = VerifySignedDataRequest::builder();
        hmac.hmac(made.hmac);
        let found = transit::data::verify(&walk.client, mount, "walk", &input, Some(&mut hmac)).await?;
        same(found.valid, true)?;
    });
    step!(walk, "transit/malformed-ciphertext", {
        transit::data::decrypt(&walk.client, mount, "walk", &walk.secret("ciphertext"), None).await?;
    });
    step!(walk, "transit/delete-refused", { transit::key::delete(&walk.client, mount, "walk").await? });
    step!(walk, "transit/delete", {
        let mut allowed = UpdateKeyConfigurationRequest::builder();
        allowed.deletion_allowed(true);
        transit::key::update(&walk.client, mount, "walk", Some(&mut allowed)).await?;
        transit::key::delete(&walk.client, mount, "walk").await?;
    });
}

async fn issue(walk: &mut Walk, name: &str) -> Done {
    let mut request = GenerateCertificateRequest::builder();
    request.common_name(name);
    let issued = pki::cert::generate(&walk.client, "pki", "hosts", Some(&mut request)).await?;
    holds(issued.private_key.contains("PRIVATE KEY"), "a key")?;
    walk.kept.insert("serial", issued.serial_number);
    Ok(())
}

pub async fn pki(walk: &mut Walk) {
    step!(walk, "pki/enable", {
        sys::mount::enable(&walk.client, "pki", "pki", None).await?;
        walk.put("sys/mounts/pki/tune", json!({"max_lease_ttl": "8760h"})).await?;
    });
    step!(walk, "pki/root", {
        let mut root = GenerateRootRequest::builder();
        root.common_name("walk.example");
        let made = pki::cert::ca::generate(&walk.client, "pki", "internal", Some(&mut root)).await?;
        holds(made.is_some_and(|made| made.certificate.contains("BEGIN")), "a certificate")?;
    });
    step!(walk, "pki/role", {
        let mut role = SetRoleRequest::builder();
        role.allowed_domains(vec!["walk.example".to_owned()]).allow_subdomains(true).max_ttl("72h");
        pki::role::set(&walk.client, "pki", "hosts", Some(&mut role)).await?;
    });
    step!(walk, "pki/issue", { issue(walk, "a.walk.example").await? });
    step!(walk, "pki/refused-name", { issue(walk, "a.other.example").await? });
    step!(walk, "pki/read", {
        let found = pki::cert::read(&walk.client, "pki", &walk.kept("serial")?).await?;
        holds(found.certificate.contains("BEGIN"), "it")?;
    });
    step!(walk, "pki/list", {
        let found = pki::cert::list(&walk.client, "pki").await?;
        holds(found.contains(&walk.kept("serial")?), found)?;
    });
    step!(walk, "pki/revoke", {
        let revoked = pki::cert::revoke(&walk.client, "pki", &walk.kept("serial")?).await?;
        holds(revoked.revocation_time > 0, "a time")?;
    });
    step!(walk, "pki/crl", {
        let found = walk.read("pki/cert/crl").await?;
        holds(text(&found["data"]["certificate"])?.contains("X509 CRL"), "it")?;
    });
}
