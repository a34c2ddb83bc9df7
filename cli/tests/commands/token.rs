//! `token`.

use super::kit::cli;

const AUTH: &str = r#"{"request_id":"r","data":null,"warnings":["Policy \"absent\" does not exist"],"auth":{"client_token":"tok","accessor":"acc","policies":["app","default"],"token_policies":["app","default"],"metadata":{"k":"v"},"lease_duration":3600,"renewable":true,"entity_id":"","orphan":false}}"#;
const TABLE: &str = "Key                  Value\n---                  -----\ntoken                tok\ntoken_accessor       acc\ntoken_duration       1h\ntoken_renewable      true\ntoken_policies       [\"app\" \"default\"]\nidentity_policies    []\npolicies             [\"app\" \"default\"]\ntoken_meta_k         v\n";
const WARNING: &str =
    "WARNING! The following warnings were returned from Vault:\n\n  * Policy \"absent\" does not exist\n\n";

#[test]
fn tokens_are_made() {
    let words = [
        "token",
        "create",
        "-policy=app",
        "-policy=a,b",
        "-ttl=1d",
        "-metadata=k=v",
        "-use-limit=3",
        "-renewable=false",
        "-display-name=ci",
    ];
    let outcome = cli().reply(200, AUTH).run(&words);
    outcome.is(0, TABLE, WARNING).sent(&[
        r#"POST /v1/auth/token/create {"display_name":"ci","entity_alias":"","explicit_max_ttl":"0s","meta":{"k":"v"},"num_uses":3,"period":"0s","policies":["app","a,b"],"renewable":false,"ttl":"24h0m0s","type":"service"}"#,
    ]);
    for (words, path) in [
        (&["token", "create", "-role=r"][..], "/v1/auth/token/create/r"),
        (&["token", "create", "-orphan"], "/v1/auth/token/create-orphan"),
    ] {
        assert_eq!(cli().reply(200, AUTH).run(words).sent[0].target, path);
    }
    for (field, expected) in [("token", "tok"), ("token_duration", "3600"), ("policies", "[app default]")] {
        let flag = format!("-field={field}");
        cli().reply(200, AUTH).run(&["token", "create", &flag]).is(0, expected, "");
    }
    cli().reply(200, AUTH).run(&["token", "create", "-field=token_meta_k"]).is(
        1,
        "",
        "Field \"token_meta_k\" not present in secret\n",
    );
}

#[test]
fn the_json_of_a_token_has_its_keys_in_order() {
    let outcome = cli().reply(200, AUTH).run(&["token", "create", "-format=json"]);
    let keys: Vec<&str> = outcome
        .stdout
        .lines()
        .filter(|line| line.contains("\": "))
        .filter_map(|line| line.trim().split('"').nth(1))
        .collect();
    assert_eq!(
        keys,
        [
            "request_id",
            "lease_id",
            "lease_duration",
            "renewable",
            "data",
            "warnings",
            "auth",
            "client_token",
            "accessor",
            "policies",
            "token_policies",
            "identity_policies",
            "metadata",
            "k",
            "orphan",
            "entity_id",
            "lease_duration",
            "renewable",
            "mfa_requirement"
        ]
    );
    assert_eq!(outcome.stderr, "");
}

#[test]
fn tokens_are_looked_up() {
    let body = r#"{"data":{"id":"tok","policies":["root"],"ttl":0,"creation_ttl":3600,"expire_time":null}}"#;
    let table = "Key             Value\n---             -----\ncreation_ttl    1h\nexpire_time     <nil>\nid              tok\npolicies        [root]\nttl             0s\n";
    for (words, sent) in [
        (&["token", "lookup"][..], "GET /v1/auth/token/lookup-self"),
        (&["token", "lookup", "x"], r#"POST /v1/auth/token/lookup {"token":"x"}"#),
        (&["token", "lookup", "-accessor", "x"], r#"POST /v1/auth/token/lookup-accessor {"accessor":"x"}"#),
    ] {
        cli().reply(200, body).run(words).is(0, table, "").sent(&[sent]);
    }
    cli().run(&["token", "lookup", "a", "b"]).is(1, "", "Too many arguments (expected 0-1, got 2)\n");
    cli().run(&["token", "lookup", "-accessor"]).is(
        1,
        "",
        "Not enough arguments with -accessor (expected 1, got 0)\n",
    );
    let outcome = cli().reply(403, r#"{"errors":["bad token"]}"#).run(&["token", "lookup", "x"]);
    let error = outcome.refusal("POST", "/v1/auth/token/lookup", 403, "bad token");
    outcome.is(2, "", &format!("Error looking up token: {error}"));
}

#[test]
fn tokens_are_renewed() {
    for (words, sent) in [
        (&["token", "renew"][..], r#"PUT /v1/auth/token/renew-self {"increment":0}"#),
        (
            &["token", "renew", "-increment=1h", "x"],
            r#"PUT /v1/auth/token/renew {"increment":3600,"token":"x"}"#,
        ),
        (
            &["token", "renew", "-accessor", "x"],
            r#"POST /v1/auth/token/renew-accessor {"accessor":"x","increment":0}"#,
        ),
    ] {
        cli().reply(200, AUTH).run(words).is(0, TABLE, WARNING).sent(&[sent]);
    }
}

#[test]
fn tokens_are_revoked() {
    let done = "Success! Revoked token (if it existed)\n";
    for (words, sent) in [
        (&["token", "revoke", "x"][..], r#"PUT /v1/auth/token/revoke {"token":"x"}"#),
        (&["token", "revoke", "-self"], "PUT /v1/auth/token/revoke-self"),
        (&["token", "revoke", "-mode=orphan", "x"], r#"PUT /v1/auth/token/revoke-orphan {"token":"x"}"#),
        (&["token", "revoke", "-accessor", "x"], r#"POST /v1/auth/token/revoke-accessor {"accessor":"x"}"#),
    ] {
        cli().reply(204, "").run(words).is(0, done, "").sent(&[sent]);
    }
    for (words, text) in [
        (&["token", "revoke"][..], "Not enough arguments (expected 1 or -self, got 0)\n"),
        (&["token", "revoke", "-self", "x"], "Too many arguments with -self (expected 0, got 1)\n"),
        (&["token", "revoke", "a", "b"], "Too many arguments (expected 1 or -self, got 2)\n"),
        (&["token", "revoke", "-mode=zz", "x"], "Invalid mode: zz\nAccepted: orphan or path.\n"),
    ] {
        cli().run(words).is(1, "", text).sent(&[]);
    }
}

#[test]
fn capabilities_are_one_sorted_line() {
    let body =
        r#"{"capabilities":["read","list"],"data":{"a":["read","list"],"capabilities":["read","list"]}}"#;
    let own = r#"POST /v1/sys/capabilities-self {"path":"a","token":"t0k"}"#;
    cli().reply(200, body).run(&["token", "capabilities", "a"]).is(0, "list, read\n", "").sent(&[own]);
    let other = r#"POST /v1/sys/capabilities {"path":"a","token":"x"}"#;
    cli().reply(200, body).run(&["token", "capabilities", "x", "a"]).sent(&[other]);
    let json = "[\n  \"list\",\n  \"read\"\n]\n";
    cli().reply(200, body).run(&["token", "capabilities", "-format=json", "a"]).is(0, json, "");
    cli().run(&["token", "capabilities"]).is(1, "", "Not enough arguments (expected 1-2, got 0)\n");
}
