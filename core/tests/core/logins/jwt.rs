//! Login with a signed JSON Web Token.

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256,
    RSA_PSS_SHA512,
};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::{accessor, assert_absent, last, log_in, look_up, root, with};
use crate::kit::{Reply, TestServer};

const LOGIN: &str = "auth/in/login";
const ROLE: &str = "auth/in/role/app";
const REFUSED: &str = "the JWT is not valid for this role";

/// A key of a test's issuer, and how it signs.
enum Issuer {
    Ed25519(Ed25519KeyPair),
    P256(EcdsaKeyPair),
    Rsa(rsa::KeyPair),
}

impl Issuer {
    fn ed25519() -> Self {
        Self::Ed25519(Ed25519KeyPair::generate().unwrap())
    }

    fn p256() -> Self {
        Self::P256(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap())
    }

    fn rsa() -> Self {
        Self::Rsa(rsa::KeyPair::generate(rsa::KeySize::Rsa2048).unwrap())
    }

    fn pem(&self) -> String {
        let der = match self {
            Self::Ed25519(key) => key.public_key().as_der().unwrap().as_ref().to_vec(),
            Self::P256(key) => key.public_key().as_der().unwrap().as_ref().to_vec(),
            Self::Rsa(key) => key.public_key().as_der().unwrap().as_ref().to_vec(),
        };
        format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", STANDARD.encode(der))
    }

    /// As a key of a key set.
    fn jwk(&self, id: &str) -> Value {
        let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        match self {
            Self::Ed25519(key) => {
                json!({"kty": "OKP", "crv": "Ed25519", "x": text(key.public_key().as_ref()), "kid": id})
            }
            Self::P256(key) => {
                let point = key.public_key().as_ref();
                json!({"kty": "EC", "crv": "P-256", "x": text(&point[1..33]), "y": text(&point[33..]), "kid": id, "use": "sig"})
            }
            Self::Rsa(key) => {
                // RFC 8017, A.1.1: a sequence of the modulus, with a zero before its 256 bytes, and the exponent.
                let modulus = &key.public_key().as_ref()[9..265];
                json!({"kty": "RSA", "n": text(modulus), "e": "AQAB", "kid": id})
            }
        }
    }

    fn sign(&self, header: &Value, claims: &Value) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let message = format!("{}.{}", part(header), part(claims));
        let random = SystemRandom::new();
        let signature = match self {
            Self::Ed25519(key) => key.sign(message.as_bytes()).as_ref().to_vec(),
            Self::P256(key) => key.sign(&random, message.as_bytes()).unwrap().as_ref().to_vec(),
            Self::Rsa(key) => {
                let padding: &dyn aws_lc_rs::signature::RsaEncoding =
                    if header["alg"] == "PS512" { &RSA_PSS_SHA512 } else { &RSA_PKCS1_SHA256 };
                let mut signature = vec![0; key.public_modulus_len()];
                key.sign(padding, &random, message.as_bytes(), &mut signature).unwrap();
                signature
            }
        };
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    fn token(&self, claims: &Value) -> String {
        let algorithm = match self {
            Self::Ed25519(_) => "EdDSA",
            Self::P256(_) => "ES256",
            Self::Rsa(_) => "RS256",
        };
        self.sign(&json!({"alg": algorithm, "typ": "JWT"}), claims)
    }
}

/// Claims that a role of these tests takes, from now on.
fn claims(more: &Value) -> Value {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let mut claims = json!({"sub": "bob", "aud": "vault", "iss": "issuer", "iat": now, "exp": now + 600});
    let object = claims.as_object_mut().unwrap();
    object.extend(more.as_object().unwrap().clone());
    object.retain(|_, value| !value.is_null());
    claims
}

/// A server that takes tokens of an issuer, and its role `app`.
async fn trusting(issuer: &Issuer, role: Value) -> TestServer {
    let world = with("jwt").await;
    root(
        &world,
        204,
        "POST",
        "auth/in/config",
        json!({"jwt_validation_pubkeys": issuer.pem(), "bound_issuer": "issuer"}),
    )
    .await;
    let mut whole = json!({"role_type": "jwt", "user_claim": "sub", "bound_audiences": "vault", "token_policies": "reader"});
    whole.as_object_mut().unwrap().extend(role.as_object().unwrap().clone());
    root(&world, 204, "POST", ROLE, whole).await;
    world
}

async fn with_token(world: &TestServer, token: &str) -> Reply {
    log_in(world, LOGIN, json!({"role": "app", "jwt": token})).await
}

#[tokio::test]
async fn a_client_logs_in_with_a_token_of_each_kind_of_key() {
    for issuer in [Issuer::ed25519(), Issuer::p256(), Issuer::rsa()] {
        let role = json!({"claim_mappings": {"team": "team", "absent": "x"}, "groups_claim": "groups"});
        let world = trusting(&issuer, role).await;
        let token = issuer.token(&claims(&json!({"team": "blue", "groups": ["a", "b"]})));
        let said = with_token(&world, &token).await;
        assert_eq!(said.status, 200, "{}", said.text);
        let auth = &said.body["auth"];
        assert_eq!(auth["policies"], json!(["default", "reader"]));
        assert_eq!(auth["metadata"], json!({"role": "app", "team": "blue"}));
        assert_eq!(look_up(&world, &said).await["display_name"], "in-bob");
        if let Issuer::Rsa(_) = issuer {
            let pss = issuer.sign(&json!({"alg": "PS512"}), &claims(&json!({"groups": "a"})));
            let no_groups = issuer.token(&claims(&json!({})));
            assert_eq!(with_token(&world, &no_groups).await.status, 400, "a claim that the role needs");
            assert_eq!(with_token(&world, &pss).await.status, 200);
        }
        let other = Issuer::ed25519().token(&claims(&json!({})));
        assert_eq!(with_token(&world, &other).await.status, 400, "another issuer's key");
    }
}

#[tokio::test]
async fn a_token_whose_signature_or_claims_do_not_fit_is_refused_alike() {
    let issuer = Issuer::p256();
    let role = json!({"bound_subject": "bob", "bound_claims": {"/deep/er": ["x", "y"], "admin": true}});
    let world = trusting(&issuer, role).await;
    let right = json!({"deep": {"er": "y"}, "admin": true});
    assert_eq!(with_token(&world, &issuer.token(&claims(&right))).await.status, 200);
    let now = claims(&json!({}))["iat"].as_u64().unwrap();
    for change in [
        json!({"sub": "eve"}),
        json!({"aud": "other"}),
        json!({"aud": ["other", 7]}),
        json!({"aud": null}),
        json!({"iss": "other"}),
        json!({"iss": null}),
        json!({"exp": now - 61, "iat": now - 1000}),
        json!({"nbf": now + 120}),
        json!({"iat": now + 120}),
        json!({"iat": null, "exp": null}),
        json!({"exp": "soon"}),
        json!({"admin": "true"}),
        json!({"admin": null}),
        json!({"deep": {"er": "z"}}),
        json!({"sub": 7}),
    ] {
        let mut wrong = right.clone();
        wrong.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let said = with_token(&world, &issuer.token(&claims(&wrong))).await;
        assert_eq!(said.status, 400, "{change}: {}", said.text);
        assert!(said.error().starts_with(REFUSED), "{change}: {}", said.text);
    }
    let token = issuer.token(&claims(&right));
    let (message, signature) = token.rsplit_once('.').unwrap();
    let unsigned =
        format!("{}.{}.", URL_SAFE_NO_PAD.encode(r#"{"alg":"none"}"#), message.split_once('.').unwrap().1);
    let altered = issuer.token(&claims(&json!({"sub": "eve"})));
    let mixed = format!("{}.{signature}", altered.rsplit_once('.').unwrap().0);
    let critical = issuer.sign(&json!({"alg": "ES256", "crit": ["b64"]}), &claims(&right));
    let shared = issuer.sign(&json!({"alg": "HS256"}), &claims(&right));
    for token in [&*unsigned, &mixed, &critical, &shared, message, "a.b.c", "....", "x", &"x.".repeat(40_000)]
    {
        let said = with_token(&world, token).await;
        assert_eq!(said.status, 400, "{}", said.text);
        assert!(said.error().starts_with(REFUSED), "{}", said.text);
    }
    assert!(
        log_in(&world, LOGIN, json!({"role": "unknown", "jwt": token})).await.error().starts_with(REFUSED)
    );
}

#[tokio::test]
async fn keys_of_a_set_are_told_apart_by_their_ids() {
    let (one, other) = (Issuer::rsa(), Issuer::p256());
    let world = trusting(&one, json!({})).await;
    let set = json!({"keys": [one.jwk("one"), other.jwk("other"), Issuer::ed25519().jwk("third"), {"kty": "oct", "k": "x"}]});
    root(&world, 204, "POST", "auth/in/config", json!({"jwks": set, "jwt_supported_algs": "ES256,RS256"}))
        .await;
    for (issuer, header, status) in [
        (&one, json!({"alg": "RS256", "kid": "one"}), 200),
        (&one, json!({"alg": "RS256"}), 200),
        (&other, json!({"alg": "ES256", "kid": "other"}), 200),
        (&one, json!({"alg": "RS256", "kid": "other"}), 400),
        (&one, json!({"alg": "PS512", "kid": "one"}), 400),
        (&other, json!({"alg": "RS256", "kid": "one"}), 400),
    ] {
        let said = with_token(&world, &issuer.sign(&header, &claims(&json!({})))).await;
        assert_eq!(said.status, status, "{header}: {}", said.text);
    }
    let read = root(&world, 200, "GET", "auth/in/config", Value::Null).await;
    assert!(read.body["data"]["jwks"].as_str().unwrap().contains("\"kid\":\"one\""), "{}", read.text);
    assert_eq!(read.body["data"]["jwt_supported_algs"], json!(["ES256", "RS256"]));
}

#[tokio::test]
async fn what_cannot_be_configured_is_refused_by_name() {
    let issuer = Issuer::ed25519();
    let world = trusting(&issuer, json!({})).await;
    let pem = issuer.pem();
    for (path, body, text) in [
        (
            "auth/in/config",
            json!({"jwks_url": "https://example.com/keys"}),
            "jwks_url: this server fetches no keys",
        ),
        (
            "auth/in/config",
            json!({"oidc_discovery_url": "https://example.com"}),
            "oidc_discovery_url: this server",
        ),
        ("auth/in/config", json!({}), "missing jwt_validation_pubkeys or jwks"),
        ("auth/in/config", json!({"jwt_validation_pubkeys": "x"}), "failed to parse a key"),
        (
            "auth/in/config",
            json!({"jwt_validation_pubkeys": &pem, "jwks": {"keys": []}}),
            "mutually exclusive",
        ),
        ("auth/in/config", json!({"jwks": {"keys": [{"kty": "oct", "k": "x"}]}}), "no key that can check"),
        (
            "auth/in/config",
            json!({"jwt_validation_pubkeys": &pem, "jwt_supported_algs": "HS256"}),
            "\"HS256\" is not one of",
        ),
        ("auth/in/role/x", json!({"role_type": "jwt", "user_claim": "sub"}), "at least one bound constraint"),
        ("auth/in/role/x", json!({"role_type": "jwt", "bound_subject": "x"}), "missing user_claim"),
        ("auth/in/role/x", json!({"role_type": "saml", "user_claim": "sub"}), "invalid \"role_type\""),
        ("auth/in/role/x", json!({"user_claim": "sub"}), "'allowed_redirect_uris' must be set"),
        (
            "auth/in/role/x",
            json!({"role_type": "jwt", "user_claim": "sub", "bound_claims": {"a": {"b": 1}}}),
            "the value of \"a\"",
        ),
        ("auth/in/oidc/auth_url", json!({"role": "app"}), "not supported by this server"),
    ] {
        let said = root(&world, 400, "POST", path, body).await;
        assert!(said.error().contains(text), "{text}: {}", said.text);
    }
    let browser = json!({"user_claim": "sub", "allowed_redirect_uris": ["https://example.com/callback"]});
    root(&world, 204, "POST", "auth/in/role/browser", browser).await;
    let said = log_in(&world, LOGIN, json!({"role": "browser", "jwt": "x"})).await;
    assert!(said.error().contains("oidc role_type is not allowed"), "{}", said.text);
    let listed = root(&world, 200, "LIST", "auth/in/role", Value::Null).await;
    assert_eq!(listed.body["data"]["keys"], json!(["app", "browser"]));
    let read = root(&world, 200, "GET", ROLE, Value::Null).await;
    assert_eq!(
        (&read.body["data"]["user_claim"], &read.body["data"]["bound_audiences"]),
        (&json!("sub"), &json!(["vault"]))
    );
    root(&world, 204, "DELETE", ROLE, Value::Null).await;
    root(&world, 404, "GET", ROLE, Value::Null).await;
}

#[tokio::test]
async fn a_token_is_in_no_line_and_a_failed_login_is_on_record() {
    let issuer = Issuer::ed25519();
    let world = trusting(&issuer, json!({})).await;
    let config =
        json!({"jwt_validation_pubkeys": issuer.pem(), "bound_issuer": "issuer", "default_role": "app"});
    root(&world, 204, "POST", "auth/in/config", config).await;
    let device = world.device("test/", false).await;
    let token = issuer.token(&claims(&json!({})));
    assert_eq!(log_in(&world, LOGIN, json!({"jwt": token})).await.status, 200, "by the default role");
    assert_eq!(last(&device)["response"]["auth"]["metadata"], json!({"role": "app"}));
    let wrong = issuer.token(&claims(&json!({"aud": "other"})));
    assert_eq!(log_in(&world, LOGIN, json!({"jwt": wrong, "role": "app"})).await.status, 400);
    let response = last(&device);
    assert_eq!(response["error"], "1 error occurred:\n\t* invalid credentials\n\n");
    for key in ["jwt", "role"] {
        assert!(response["request"]["data"][key].as_str().unwrap().starts_with("hmac-sha256:"), "{response}");
    }
    let parts: Vec<&str> =
        token.split('.').chain(wrong.split('.')).skip(1).filter(|part| part.len() > 40).collect();
    assert_absent(&device, &parts);
}

#[tokio::test]
async fn the_groups_of_a_token_are_external_groups_with_their_policies_for_as_long_as_it_names_them() {
    let issuer = Issuer::ed25519();
    let world = trusting(&issuer, json!({"groups_claim": "/team/groups"})).await;
    let accessor = accessor(&world).await;
    let mut ids = Vec::new();
    for name in ["ops", "dev"] {
        let group = json!({"name": name, "type": "external", "policies": [format!("{name}-policy")]});
        let made = root(&world, 200, "POST", "identity/group", group).await;
        let id = made.body["data"]["id"].as_str().unwrap().to_owned();
        let alias = json!({"name": name, "mount_accessor": accessor, "canonical_id": id});
        root(&world, 200, "POST", "identity/group-alias", alias).await;
        ids.push(id);
    }
    let log_in = async |groups: Value| {
        let token = issuer.token(&claims(&json!({"team": {"groups": groups}})));
        let said = with_token(&world, &token).await;
        assert_eq!(said.status, 200, "{}", said.text);
        said
    };
    let first = log_in(json!(["ops", "dev", "ops", "unknown"])).await;
    assert_eq!(
        first.body["auth"]["identity_policies"],
        json!(["dev-policy", "ops-policy"]),
        "{}",
        first.text
    );
    let second = log_in(json!(["dev"])).await;
    assert_eq!(second.body["auth"]["identity_policies"], json!(["dev-policy"]));
    // Membership is the entity's: the older token has lost it, too.
    assert_eq!(look_up(&world, &first).await["identity_policies"], json!(["dev-policy"]));
    let ops = root(&world, 200, "GET", &format!("identity/group/id/{}", ids[0]), Value::Null).await;
    assert_eq!(ops.body["data"]["member_entity_ids"], Value::Null);
    let none = log_in(json!([])).await;
    assert_eq!(none.body["auth"].get("identity_policies"), None, "{}", none.text);
}

#[tokio::test]
async fn what_a_token_says_of_its_client_is_bounded() {
    let issuer = Issuer::ed25519();
    let world = trusting(&issuer, json!({"claim_mappings": {"team": "team"}})).await;
    let of_team = async |team: &str| with_token(&world, &issuer.token(&claims(&json!({"team": team})))).await;
    assert_eq!(of_team(&"x".repeat(512)).await.status, 200);
    let said = of_team(&"x".repeat(40_000)).await;
    assert_eq!(said.status, 400, "each entry of the token would have it: {}", said.text);
    assert!(said.error().contains("team") && said.error().contains("512"), "{}", said.text);
}
