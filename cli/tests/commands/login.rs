//! `login` and `print token`.

use super::kit::{CommandTest, cli};
use std::os::unix::fs::PermissionsExt;

const SELF: &str = r#"{"request_id":"r","data":{"accessor":"acc","id":"tok","meta":null,"policies":["root"],"ttl":0,"orphan":true}}"#;
const TABLE: &str = "Key                  Value\n---                  -----\ntoken                tok\ntoken_accessor       acc\ntoken_duration       ∞\ntoken_renewable      false\ntoken_policies       [\"root\"]\nidentity_policies    []\npolicies             [\"root\"]\n";

fn home(test: CommandTest) -> (tempfile::TempDir, CommandTest) {
    let home = tempfile::tempdir().unwrap();
    let test = test.variable("HOME", home.path().to_str().unwrap()).variable("VAULT_TOKEN", "");
    (home, test)
}

#[test]
fn a_login_is_stored_for_its_owner_alone() {
    let (home, test) = home(cli().reply(200, SELF));
    let outcome = test.run(&["login", "tok"]);
    assert_eq!((outcome.code, outcome.stderr.as_str()), (0, ""));
    let lines: Vec<&str> = outcome.stdout.lines().collect();
    assert_eq!(lines[0], "Success! You are now authenticated. The token information displayed below is");
    assert_eq!(lines[3], "", "three lines, an empty one, the table");
    assert!(outcome.stdout.ends_with(TABLE), "{}", outcome.stdout);
    assert_eq!(outcome.sent[0].line(), "GET /v1/auth/token/lookup-self");
    assert_eq!(outcome.sent[0].header("x-vault-token"), Some("tok"));
    let file = home.path().join(".vault-token");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "tok");
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn what_is_not_to_be_stored_is_not() {
    for (words, stored, stdout) in [
        (&["login", "-token-only", "tok"][..], false, Some("tok")),
        (&["login", "-field=token", "tok"], true, Some("tok")),
        (&["login", "-no-print", "tok"], true, Some("")),
        (&["login", "-no-store", "tok"], false, None),
        (&["login", "token=tok"], true, None),
    ] {
        let (home, test) = home(cli().reply(200, SELF));
        let outcome = test.run(words);
        assert_eq!(outcome.code, 0, "{words:?}");
        assert_eq!(home.path().join(".vault-token").exists(), stored, "{words:?}");
        if let Some(stdout) = stdout {
            assert_eq!(outcome.stdout, stdout, "{words:?}");
        }
        assert_eq!(outcome.stderr.contains("not stored"), words[1] == "-no-store", "{words:?}");
    }
}

#[test]
fn the_json_of_a_login_has_an_empty_request_id() {
    let (_home, test) = home(cli().reply(200, SELF));
    let outcome = test.run(&["login", "-format=json", "tok"]);
    assert!(outcome.stdout.starts_with("{\n  \"request_id\": \"\",\n"), "{}", outcome.stdout);
    assert!(outcome.stdout.contains("\"client_token\": \"tok\""));
}

#[test]
fn a_token_in_the_environment_is_warned_about() {
    let (_home, test) = home(cli().reply(200, SELF));
    let outcome = test.variable("ONRECORD_TOKEN", "other").run(&["login", "tok"]);
    assert!(
        outcome.stderr.starts_with("WARNING! The ONRECORD_TOKEN environment variable is set!"),
        "{}",
        outcome.stderr
    );
}

#[test]
fn wrong_logins_are_told() {
    let (_home, one) = home(cli());
    one.run(&["login", "-"]).is(
        2,
        "",
        "Error authenticating: a token must be passed to auth, please view the help for more information\n",
    );
    let outcome = cli().run(&["login"]);
    assert_eq!(outcome.code, 2);
    assert!(outcome.stderr.contains("file descriptor 0 is not a terminal"), "{}", outcome.stderr);
    let outcome = cli().run(&["login", "-method=nosuch"]);
    assert_eq!(outcome.code, 1);
    assert!(outcome.stderr.starts_with("Unknown auth method: nosuch."), "{}", outcome.stderr);
    cli().run(&["login", "a=x", "b"]).is(
        1,
        "",
        "Error parsing configuration: invalid key/value pair \"b\": format must be key=value\n",
    );
    let outcome = cli().reply(403, r#"{"errors":["permission denied"]}"#).run(&["login", "bad"]);
    assert_eq!(outcome.code, 2);
    assert!(
        outcome.stderr.starts_with("Error authenticating: Error making API request."),
        "{}",
        outcome.stderr
    );
}

#[test]
fn the_token_in_use_is_printed() {
    cli().run(&["print", "token"]).is(0, "t0k\n", "");
    let (home, one) = home(cli());
    std::fs::write(home.path().join(".vault-token"), " stored\n").unwrap();
    one.run(&["print", "token"]).is(0, "stored\n", "");
    let (_home, one) = self::home(cli());
    one.run(&["print", "token"]).is(0, "\n", "");
}
