//! `lease`.

use super::kit::cli;

const LEASE: &str = r#"{"request_id":"r","lease_id":"","renewable":false,"lease_duration":0,"data":{"expire_time":"2026-11-22T11:00:00Z","id":"pki/issue/a/1","issue_time":"2026-11-22T10:00:00Z","last_renewal":null,"path":"pki/issue/a","renewable":true,"ttl":3600},"warnings":null}"#;
const RENEWED: &str = r#"{"request_id":"r","lease_id":"pki/issue/a/1","renewable":true,"lease_duration":3600,"data":null,"warnings":null}"#;

#[test]
fn a_lease_is_looked_up() {
    let table = "Key             Value\n---             -----\nexpire_time     2026-11-22T11:00:00Z\nid              pki/issue/a/1\nissue_time      2026-11-22T10:00:00Z\nlast_renewal    <nil>\npath            pki/issue/a\nrenewable       true\nttl             1h\n";
    cli()
        .reply(200, LEASE)
        .run(&["lease", "lookup", "pki/issue/a/1"])
        .is(0, table, "")
        .sent(&[r#"PUT /v1/sys/leases/lookup {"lease_id":"pki/issue/a/1"}"#]);
    cli().reply(200, LEASE).run(&["lease", "lookup", "-field=ttl", "x"]).is(0, "3600", "");
    let outcome = cli().reply(400, r#"{"errors":["invalid lease"]}"#).run(&["lease", "lookup", "x"]);
    let error = outcome.refusal("PUT", "/v1/sys/leases/lookup", 400, "invalid lease");
    outcome.is(2, "", &format!("error looking up lease id x: {error}"));
}

#[test]
fn a_lease_is_renewed() {
    let table = "Key                Value\n---                -----\nlease_id           pki/issue/a/1\nlease_duration     1h\nlease_renewable    true\n";
    for (flag, increment) in [("-increment=1h", 3600), ("-i=90", 90)] {
        cli().reply(200, RENEWED).run(&["lease", "renew", flag, "pki/issue/a/1"]).is(0, table, "").sent(&[
            &format!(r#"PUT /v1/sys/leases/renew {{"increment":{increment},"lease_id":"pki/issue/a/1"}}"#),
        ]);
    }
}

#[test]
fn leases_are_revoked_by_id_and_by_prefix() {
    let queued = "All revocation operations queued successfully!\n";
    let warning = "WARNING! -force removes leases even where what was leased cannot be taken back: it may stay valid.\n\n";
    for (flags, request, stdout, stderr) in [
        (&[][..], r#"PUT /v1/sys/leases/revoke/a/1 {"sync":false}"#, queued, ""),
        (&["-sync"], r#"PUT /v1/sys/leases/revoke/a/1 {"sync":true}"#, "Success! Revoked lease: a/1\n", ""),
        (&["-prefix"], r#"PUT /v1/sys/leases/revoke-prefix/a/1 {"sync":false}"#, queued, ""),
        (
            &["-prefix", "-sync"],
            r#"PUT /v1/sys/leases/revoke-prefix/a/1 {"sync":true}"#,
            "Success! Revoked any leases with prefix: a/1\n",
            "",
        ),
        (
            &["-force", "-prefix"],
            "PUT /v1/sys/leases/revoke-force/a/1",
            "Success! Force revoked any leases with prefix: a/1\n",
            warning,
        ),
    ] {
        let words = [&["lease", "revoke"], flags, &["a/1/"]].concat();
        cli().reply(204, "").run(&words).is(0, stdout, stderr).sent(&[request]);
    }
    let text = "Specifying -force requires also specifying -prefix\n";
    cli().run(&["lease", "revoke", "-f", "x"]).is(1, "", text).sent(&[]);
}

#[test]
fn a_lease_without_its_id_is_a_usage_error() {
    for command in ["lookup", "renew", "revoke"] {
        cli().run(&["lease", command]).is(1, "", "Missing ID!\n");
        cli().run(&["lease", command, "a", "b"]).is(1, "", "Too many arguments (expected 1, got 2)\n");
    }
}
