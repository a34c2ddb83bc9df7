//! `auth`.

use super::kit::cli;

const METHODS: &str = r#"{"data":{"people/":{"accessor":"auth_userpass_1","config":{"default_lease_ttl":3600,"max_lease_ttl":0,"token_type":"default-service"},"description":"People","external_entropy_access":false,"local":false,"options":{},"plugin_version":"","running_plugin_version":"v1+builtin","running_sha256":"","seal_wrap":false,"type":"userpass","uuid":"u1","deprecation_status":"supported"},"token/":{"accessor":"auth_token_1","config":{"default_lease_ttl":0,"max_lease_ttl":0},"description":"tokens","external_entropy_access":false,"local":false,"options":null,"seal_wrap":false,"type":"token","uuid":"u2"}}}"#;

#[test]
fn methods_are_enabled_with_what_was_given() {
    let outcome = cli().reply(204, "").run(&["auth", "enable", "userpass"]);
    outcome.is(0, "Success! Enabled userpass auth method at: userpass/\n", "").sent(&[
        r#"POST /v1/sys/auth/userpass {"config":{"default_lease_ttl":"0s","force_no_cache":false,"max_lease_ttl":"0s"},"description":"","external_entropy_access":false,"local":false,"options":{},"seal_wrap":false,"type":"userpass"}"#,
    ]);
    let words =
        ["auth", "enable", "-path=people/", "-description=d", "-token-type=batch", "-max-lease-ttl=1h"];
    let outcome =
        cli().reply(204, "").run(&[&words[..], &["-listing-visibility=unauth", "userpass"]].concat());
    outcome.is(0, "Success! Enabled userpass auth method at: people/\n", "").sent(&[
        r#"POST /v1/sys/auth/people {"config":{"default_lease_ttl":"0s","force_no_cache":false,"listing_visibility":"unauth","max_lease_ttl":"1h0m0s","token_type":"batch"},"description":"d","external_entropy_access":false,"local":false,"options":{},"seal_wrap":false,"type":"userpass"}"#,
    ]);
    let text = "path is already in use at userpass/";
    let outcome =
        cli().reply(400, &format!(r#"{{"errors":["{text}"]}}"#)).run(&["auth", "enable", "userpass"]);
    let error = outcome.refusal("POST", "/v1/sys/auth/userpass", 400, text);
    outcome.is(2, "", &format!("Error enabling userpass auth: {error}"));
    let text = "plugin not found in the catalog: ldap";
    let outcome = cli().reply(400, &format!(r#"{{"errors":["{text}"]}}"#)).run(&["auth", "enable", "ldap"]);
    assert!(outcome.stderr.contains("\"plugin list\" lists"), "{}", outcome.stderr);
    cli().run(&["auth", "enable"]).is(1, "", "Not enough arguments (expected 1, got 0)\n");
    cli().run(&["auth", "enable", "a", "b"]).is(1, "", "Too many arguments (expected 1, got 2)\n");
    let outcome = cli().run(&["auth", "enable", "-plugin-name=x", "plugin"]);
    let refused = "-plugin-name of \"onrecord auth enable\" is not supported by OnRecord: engines and login methods are part of the server.\n";
    outcome.is(1, "", refused).sent(&[]);
}

#[test]
fn methods_are_disabled_tuned_and_moved() {
    cli()
        .reply(204, "")
        .run(&["auth", "disable", "/people"])
        .is(0, "Success! Disabled the auth method (if it existed) at: people/\n", "")
        .sent(&["DELETE /v1/sys/auth/people"]);
    let outcome = cli().reply(400, r#"{"errors":["x"]}"#).run(&["auth", "disable", "token"]);
    assert!(
        outcome.stderr.starts_with("Error disabling auth method at token/: Error making"),
        "{}",
        outcome.stderr
    );
    let words = [
        "auth",
        "tune",
        "-default-lease-ttl=1h",
        "-token-type=service",
        "-user-lockout-threshold=3",
        "-user-lockout-duration=10m",
        "-user-lockout-counter-reset-duration=5m",
        "-user-lockout-disable=false",
        "people",
    ];
    let outcome = cli().reply(204, "").run(&words);
    outcome.is(0, "Success! Tuned the auth method at: people/\n", "").sent(&[
        r#"POST /v1/sys/mounts/auth/people/tune {"default_lease_ttl":"1h0m0s","max_lease_ttl":"","token_type":"service","user_lockout_config":{"lockout_counter_reset_duration":"5m0s","lockout_disable":false,"lockout_duration":"10m0s","lockout_threshold":"3"}}"#,
    ]);
    let outcome = cli().reply(400, r#"{"errors":["x"]}"#).run(&["auth", "tune", "x"]);
    assert!(outcome.stderr.starts_with("Error tuning auth method x/: Error making"), "{}", outcome.stderr);
}

const MOVED: &str = r#"{"data":{"migration_id":"m1"}}"#;

fn state(status: &str) -> String {
    format!(r#"{{"data":{{"migration_id":"m1","migration_info":{{"status":"{status}"}}}}}}"#)
}

#[test]
fn a_move_is_waited_for() {
    for (words, body, what) in [
        (&["auth", "move", "auth/a/", "b"][..], r#"{"from":"auth/a","to":"auth/b"}"#, "auth method a/ to b/"),
        (&["secrets", "move", "a/", "b/"], r#"{"from":"a","to":"b"}"#, "secrets engine a/ to b/"),
    ] {
        let test = cli().reply(200, MOVED).reply(200, &state("in-progress")).reply(200, &state("success"));
        let id = "with migration ID m1";
        let text = format!(
            "Started moving {what}, {id}\nWaiting for terminal status in migration of {what}, {id}\nSuccess! Finished moving {what}, {id}\n"
        );
        test.run(words).is(0, &text, "").sent(&[
            &format!("POST /v1/sys/remount {body}"),
            "GET /v1/sys/remount/status/m1",
            "GET /v1/sys/remount/status/m1",
        ]);
        let outcome = cli().reply(200, MOVED).reply(200, &state("failure")).run(words);
        let failed =
            format!("Error moving {what}: the server reports that the move with migration ID m1 failed");
        assert!(outcome.code == 2 && outcome.stderr.starts_with(&failed), "{}", outcome.stderr);
    }
    let text = "path already in use at \\\"kv1/\\\"";
    let outcome =
        cli().reply(400, &format!(r#"{{"errors":["{text}"]}}"#)).run(&["secrets", "move", "a", "kv1"]);
    assert!(
        outcome.stderr.starts_with("Error moving secrets engine a/ to kv1/: Error"),
        "{}",
        outcome.stderr
    );
    cli().run(&["auth", "move", "a"]).is(1, "", "Not enough arguments (expected 2, got 1)\n");
    let outcome = cli().run(&["auth", "move", "../a", "b"]);
    assert!(outcome.code == 1 && outcome.stderr.contains("segments are not allowed"), "{}", outcome.stderr);
}

#[test]
fn methods_are_listed() {
    let table = "Path       Type        Accessor           Description    Version\n----       ----        --------           -----------    -------\npeople/    userpass    auth_userpass_1    People         n/a\ntoken/     token       auth_token_1       tokens         n/a\n";
    cli().reply(200, METHODS).run(&["auth", "list"]).is(0, table, "").sent(&["GET /v1/sys/auth"]);
    let outcome = cli().reply(200, METHODS).run(&["auth", "list", "-detailed"]);
    let rows: Vec<Vec<&str>> = outcome
        .stdout
        .lines()
        .map(|line| line.split("    ").map(str::trim).filter(|cell| !cell.is_empty()).collect())
        .collect();
    assert_eq!((rows[0].len(), rows[0][5]), (16, "Token Type"));
    assert_eq!(rows[2][3..7], ["3600", "system", "default-service", "replicated"]);
    assert_eq!(rows[3][5], "n/a");
    let outcome = cli().reply(200, METHODS).run(&["auth", "list", "-format=json"]);
    assert!(
        outcome.stdout.contains("\"people/\": {\n    \"accessor\": \"auth_userpass_1\""),
        "{}",
        outcome.stdout
    );
}

#[test]
fn help_is_for_a_type_or_for_the_type_at_a_path() {
    let by_type = cli().run(&["auth", "help", "userpass"]);
    assert_eq!((by_type.code, by_type.stderr.as_str()), (0, ""));
    assert!(by_type.stdout.starts_with("Usage: onrecord login -method=userpass "), "{}", by_type.stdout);
    assert!(by_type.stdout.contains("  password=<string>\n      The password."), "{}", by_type.stdout);
    assert!(by_type.stdout.lines().all(|line| line.chars().count() <= 78), "{}", by_type.stdout);
    by_type.sent(&[]);
    for path in ["people/", "auth/people"] {
        let by_path = cli().reply(200, METHODS).run(&["auth", "help", path]);
        by_path.is(0, &by_type.stdout, "").sent(&["GET /v1/sys/auth"]);
    }
    let outcome = cli().reply(200, METHODS).run(&["auth", "help", "nosuch"]);
    assert_eq!((outcome.code, outcome.stdout.as_str()), (1, ""));
    assert!(outcome.stderr.contains("\"nosuch\" or enabled at auth/nosuch/"), "{}", outcome.stderr);
}
