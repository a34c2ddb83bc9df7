//! `unwrap`, and `path-help`.

use super::kit::cli;

const SECRET: &str = r#"{"request_id":"r","lease_id":"","renewable":false,"lease_duration":0,"data":{"password":"p"},"warnings":null}"#;
const TABLE: &str = "Key         Value\n---         -----\npassword    p\n";

#[test]
fn a_wrapping_token_is_taken_from_everywhere() {
    for (words, stdin, body) in [
        (&["unwrap", "wrapped"][..], "", r#"PUT /v1/sys/wrapping/unwrap {"token":"wrapped"}"#),
        (&["unwrap", "-"], "wrapped\n", r#"PUT /v1/sys/wrapping/unwrap {"token":"wrapped"}"#),
        (&["unwrap"], "", "PUT /v1/sys/wrapping/unwrap null"),
        (&["unwrap", "t0k"], "", "PUT /v1/sys/wrapping/unwrap null"),
    ] {
        let outcome = cli().stdin(stdin).reply(200, SECRET).run(words);
        outcome.is(0, TABLE, "").sent(&[body]);
        assert_eq!(outcome.sent[0].header("x-vault-token"), Some("t0k"), "{words:?}");
    }
    let home = tempfile::tempdir().unwrap();
    let test = cli().variable("VAULT_TOKEN", "").variable("HOME", home.path().to_str().unwrap());
    let outcome = test.reply(200, SECRET).run(&["unwrap", "-field=password", "wrapped"]);
    outcome.is(0, "p", "").sent(&["PUT /v1/sys/wrapping/unwrap null"]);
    assert_eq!(outcome.sent[0].header("x-vault-token"), Some("wrapped"), "it is the only token there is");
}

#[test]
fn a_spent_wrapping_token_is_an_error() {
    let text = "wrapping token is not valid or does not exist";
    let outcome = cli().reply(400, &format!(r#"{{"errors":["{text}"]}}"#)).run(&["unwrap", "w"]);
    let error = outcome.refusal("PUT", "/v1/sys/wrapping/unwrap", 400, text);
    outcome.is(2, "", &format!("Error unwrapping: {error}"));
    cli().run(&["unwrap", "a", "b"]).is(1, "", "Too many arguments (expected 0-1, got 2)\n");
}

#[test]
fn the_help_of_a_path_is_printed() {
    let help = r#"{"help":"sys/: about.\n\nPaths:\n","see_also":["sys/mounts"]}"#;
    let outcome = cli().reply(200, help).run(&["path-help", "/sys/"]);
    outcome.is(0, "sys/: about.\n\nPaths:\n", "").sent(&["GET /v1/sys?help=1"]);
    let outcome = cli().reply(200, help).run(&["path-help", "-format=json", "sys"]);
    assert!(outcome.stdout.contains("\"see_also\": [\n    \"sys/mounts\"\n  ]"), "{}", outcome.stdout);
    let outcome = cli().reply(404, r#"{"errors":["no handler for route \"x\""]}"#).run(&["path-help", "x"]);
    assert!(outcome.code == 2 && outcome.stderr.starts_with("Error retrieving help: "), "{}", outcome.stderr);
}
