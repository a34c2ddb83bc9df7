//! `secrets`.

use super::kit::cli;

const MOUNTS: &str = r#"{"data":{"cubbyhole/":{"accessor":"cubbyhole_1","config":{"default_lease_ttl":0,"max_lease_ttl":0,"force_no_cache":false},"description":"per-token","external_entropy_access":false,"local":true,"options":null,"seal_wrap":false,"type":"cubbyhole","uuid":"u1"},"kv2/":{"accessor":"kv_2","config":{"default_lease_ttl":3600,"max_lease_ttl":0,"force_no_cache":false},"description":"","external_entropy_access":false,"local":false,"options":{"version":"2"},"seal_wrap":false,"type":"kv","uuid":"u2"}}}"#;

#[test]
fn engines_are_enabled_with_what_was_given() {
    let outcome = cli().reply(204, "").run(&[
        "secrets",
        "enable",
        "-path=kv1",
        "-version=1",
        "-max-lease-ttl=1h",
        "-audit-non-hmac-request-keys=a",
        "-audit-non-hmac-request-keys=b",
        "kv",
    ]);
    outcome.is(0, "Success! Enabled the kv secrets engine at: kv1/\n", "").sent(&[
        r#"POST /v1/sys/mounts/kv1 {"config":{"audit_non_hmac_request_keys":["a","b"],"default_lease_ttl":"0s","force_no_cache":false,"max_lease_ttl":"1h0m0s"},"description":"","external_entropy_access":false,"local":false,"options":{"version":"1"},"seal_wrap":false,"type":"kv"}"#,
    ]);
    let outcome = cli()
        .reply(400, r#"{"errors":["path is already in use at kv1/"]}"#)
        .run(&["secrets", "enable", "kv1"]);
    let error = outcome.refusal("POST", "/v1/sys/mounts/kv1", 400, "path is already in use at kv1/");
    outcome.is(2, "", &format!("Error enabling: {error}"));
    cli().run(&["secrets", "enable"]).is(1, "", "Not enough arguments (expected 1, got 0)\n");
}

#[test]
fn engines_are_disabled_and_tuned() {
    let outcome = cli().reply(204, "").run(&["secrets", "disable", "/x"]);
    outcome
        .is(0, "Success! Disabled the secrets engine (if it existed) at: x/\n", "")
        .sent(&["DELETE /v1/sys/mounts/x"]);
    let outcome =
        cli().reply(204, "").run(&["secrets", "tune", "-default-lease-ttl=1h", "-description=d", "x/"]);
    outcome.is(0, "Success! Tuned the secrets engine at: x/\n", "").sent(&[
        r#"POST /v1/sys/mounts/x/tune {"default_lease_ttl":"1h0m0s","description":"d","max_lease_ttl":""}"#,
    ]);
    let text = "tune of path \\\"x/\\\" failed: no mount entry found";
    let outcome = cli().reply(400, &format!(r#"{{"errors":["{text}"]}}"#)).run(&["secrets", "tune", "x"]);
    assert!(outcome.stderr.starts_with("Error tuning secrets engine x/: Error making"), "{}", outcome.stderr);
}

#[test]
fn engines_are_listed() {
    let table = "Path          Type         Accessor       Description\n----          ----         --------       -----------\ncubbyhole/    cubbyhole    cubbyhole_1    per-token\nkv2/          kv           kv_2           n/a\n";
    cli().reply(200, MOUNTS).run(&["secrets", "list"]).is(0, table, "").sent(&["GET /v1/sys/mounts"]);
    let outcome = cli().reply(200, MOUNTS).run(&["secrets", "list", "-detailed"]);
    let rows: Vec<Vec<&str>> = outcome
        .stdout
        .lines()
        .map(|line| line.split("    ").map(str::trim).filter(|cell| !cell.is_empty()).collect())
        .collect();
    assert_eq!(rows[0].len(), 16);
    assert_eq!(rows[2][..7], ["cubbyhole/", "cubbyhole", "cubbyhole_1", "n/a", "n/a", "false", "local"]);
    assert_eq!(
        rows[3][..10],
        ["kv2/", "kv", "kv_2", "3600", "system", "false", "replicated", "false", "false", "map[version:2]"]
    );
    let outcome = cli().reply(200, MOUNTS).run(&["secrets", "list", "-format=json"]);
    assert!(outcome.stdout.contains("\"kv2/\": {\n    \"accessor\": \"kv_2\""), "{}", outcome.stdout);
}
