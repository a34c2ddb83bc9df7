//! `status` and `operator`.

use super::kit::cli;

const SEALED: &str = r#"{"type":"shamir","initialized":true,"sealed":true,"t":2,"n":3,"progress":1,"nonce":"n0","version":"0.1.0","build_date":"","migration":false,"recovery_seal":false,"storage_type":"inmem"}"#;
const OPEN: &str = r#"{"type":"shamir","initialized":true,"sealed":false,"t":1,"n":1,"progress":0,"nonce":"","version":"0.1.0","build_date":"2026-11-22","migration":false,"cluster_name":"c","cluster_id":"i","recovery_seal":false,"storage_type":"inmem"}"#;
const FRESH: &str = r#"{"type":"shamir","initialized":false,"sealed":true,"t":0,"n":0,"progress":0,"nonce":"","version":"0.1.0"}"#;
const LEADER: &str = r#"{"ha_enabled":false,"is_self":false}"#;

#[test]
fn status_tells_by_table_and_exit_code() {
    let table = "Key             Value\n---             -----\nSeal Type       shamir\nInitialized     true\nSealed          false\nTotal Shares    1\nThreshold       1\nVersion         0.1.0\nBuild Date      2026-11-22\nStorage Type    inmem\nCluster Name    c\nCluster ID      i\nHA Enabled      false\n";
    let outcome = cli().reply(200, OPEN).reply(200, LEADER).run(&["status"]);
    outcome.is(0, table, "").sent(&["GET /v1/sys/seal-status", "GET /v1/sys/leader"]);
    assert_eq!(outcome.sent[0].header("x-vault-token"), None, "no token is needed");
    let outcome = cli().reply(200, SEALED).reply(200, LEADER).run(&["status"]);
    assert_eq!(outcome.code, 2);
    assert!(outcome.stdout.contains("Unseal Progress    1/2\nUnseal Nonce       n0\n"), "{}", outcome.stdout);
    let outcome = cli().reply(200, OPEN).reply(200, LEADER).run(&["status", "-format=json"]);
    let keys: Vec<&str> = outcome.stdout.lines().filter_map(|line| line.trim().split('"').nth(1)).collect();
    assert_eq!(
        keys,
        [
            "type",
            "initialized",
            "sealed",
            "t",
            "n",
            "progress",
            "nonce",
            "version",
            "commit_date",
            "migration",
            "cluster_name",
            "cluster_id",
            "recovery_seal",
            "storage_type",
            "build_date",
            "ha_enabled"
        ]
    );
}

#[test]
fn status_shows_what_a_server_adds() {
    let body = OPEN.replace("\"type\"", "\"audit_devices\":0,\"type\"");
    let outcome = cli().reply(200, &body).reply(200, LEADER).run(&["status"]);
    assert!(outcome.stdout.ends_with("Audit Devices    0\n"), "{}", outcome.stdout);
    assert_eq!(outcome.stderr, "");
}

#[test]
fn status_warns_if_the_server_is_not_audited() {
    for (devices, why) in [(0, "no audit device is enabled"), (1, "no audit device keeps its entries")] {
        let body =
            OPEN.replace("\"type\"", &format!("\"audit_devices\":{devices},\"audited\":false,\"type\""));
        let outcome = cli().reply(200, &body).reply(200, LEADER).run(&["status", "-format=json"]);
        assert!(outcome.stdout.contains("\"audited\": false"), "{}", outcome.stdout);
        let warning = format!("WARNING! This server is not audited: {why}. No request leaves a record. ");
        assert!(outcome.code == 0 && outcome.stderr.starts_with(&warning), "{}", outcome.stderr);
    }
}

#[test]
fn init_prints_keys_and_token_once() {
    let keys = r#"{"keys":["aa","bb"],"keys_base64":["qg==","uw=="],"root_token":"s.root"}"#;
    let words = ["operator", "init", "-n", "2", "-key-threshold=2"];
    let outcome = cli().reply(200, FRESH).reply(200, keys).run(&words);
    assert_eq!((outcome.code, outcome.stderr.as_str()), (0, ""));
    assert!(
        outcome
            .stdout
            .starts_with("Unseal Key 1: qg==\nUnseal Key 2: uw==\n\nInitial Root Token: s.root\n\n")
    );
    assert!(outcome.stdout.lines().all(|line| line.chars().count() <= 78));
    outcome
        .sent(&["GET /v1/sys/seal-status", r#"PUT /v1/sys/init {"secret_shares":2,"secret_threshold":2}"#]);
    let outcome = cli().reply(200, FRESH).reply(200, keys).run(&["operator", "init", "-format=json"]);
    let json = "{\n  \"unseal_keys_b64\": [\n    \"qg==\",\n    \"uw==\"\n  ],\n  \"unseal_keys_hex\": [";
    assert!(outcome.stdout.starts_with(json), "{}", outcome.stdout);
    let refused = cli().reply(200, OPEN).reply(400, r#"{"errors":["Vault is already initialized"]}"#);
    let outcome = refused.run(&["operator", "init"]);
    let error = outcome.refusal("PUT", "/v1/sys/init", 400, "Vault is already initialized");
    outcome.is(2, "", &format!("Error initializing: {error}"));
    cli().reply(200, OPEN).run(&["operator", "init", "-status"]).is(0, "Vault is initialized\n", "");
    cli().reply(200, FRESH).run(&["operator", "init", "-status"]).is(2, "Vault is not initialized\n", "");
}

#[test]
fn unseal_takes_a_word_or_standard_input_and_prints_the_status() {
    let outcome = cli().reply(200, SEALED).reply(200, LEADER).run(&["operator", "unseal", "key"]);
    assert_eq!((outcome.code, outcome.stderr.as_str()), (0, ""));
    assert!(outcome.stdout.contains("Unseal Progress    1/2"));
    outcome
        .sent(&[r#"PUT /v1/sys/unseal {"key":"key","migrate":false,"reset":false}"#, "GET /v1/sys/leader"]);
    let outcome =
        cli().stdin("key\n").reply(200, SEALED).reply(200, LEADER).run(&["operator", "unseal", "-"]);
    assert_eq!(outcome.requests()[0], r#"PUT /v1/sys/unseal {"key":"key","migrate":false,"reset":false}"#);
    let outcome = cli().reply(200, SEALED).reply(200, LEADER).run(&["operator", "unseal", "-reset"]);
    assert_eq!(outcome.requests()[0], r#"PUT /v1/sys/unseal {"reset":true}"#);
    let outcome = cli().run(&["operator", "unseal"]);
    assert_eq!(outcome.code, 1);
    assert!(outcome.stdout.starts_with("Unseal Key (will be hidden): "), "{}", outcome.stdout);
    assert!(outcome.stderr.contains("file descriptor 0 is not a terminal"), "{}", outcome.stderr);
}

#[test]
fn seal_says_so() {
    cli()
        .reply(204, "")
        .run(&["operator", "seal"])
        .is(0, "Success! Vault is sealed.\n", "")
        .sent(&["PUT /v1/sys/seal"]);
}

const TERM: &str = r#"{"data":{"encryptions":47,"install_time":"2026-11-22T10:16:31.9Z","term":2}}"#;

#[test]
fn the_key_is_rotated_and_its_status_shown() {
    let rows = "Key Term            2\nInstall Time        22 Nov 26 10:16 UTC\nEncryption Count    47\n";
    let outcome = cli().reply(200, TERM).run(&["operator", "key-status"]);
    outcome.is(0, rows, "").sent(&["GET /v1/sys/key-status"]);
    let outcome = cli().reply(204, "").reply(200, TERM).run(&["operator", "rotate"]);
    outcome.is(0, &format!("Success! Rotated key\n\n{rows}"), "");
    outcome.sent(&["POST /v1/sys/rotate/keyring {}", "GET /v1/sys/key-status"]);
    let outcome = cli().reply(204, "").reply(200, TERM).run(&["operator", "rotate", "-format=json"]);
    let json =
        "{\n  \"term\": 2,\n  \"install_time\": \"2026-11-22T10:16:31.9Z\",\n  \"encryptions\": 47\n}\n";
    outcome.is(0, json, "");
}
