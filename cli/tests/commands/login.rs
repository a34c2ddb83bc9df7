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

const LOGGED_IN: &str = r#"{"request_id":"r","data":null,"warnings":null,"auth":{"client_token":"new","accessor":"acc","policies":["default"],"token_policies":["default"],"metadata":{"username":"ann"},"lease_duration":3600,"renewable":true,"entity_id":"","orphan":true}}"#;

#[test]
fn every_method_sends_its_proof_without_a_token_and_stores_what_it_gets() {
    for (words, stdin, request) in [
        (
            &["-method=userpass", "username=ann", "password=pw"][..],
            "",
            r#"PUT /v1/auth/userpass/login/ann {"password":"pw"}"#,
        ),
        (
            &["-method=userpass", "-path=people/", "username=ann", "password=-"],
            "pw\n",
            r#"PUT /v1/auth/people/login/ann {"password":"pw"}"#,
        ),
        (
            &["-method=userpass", "mount=auth/people", "username=ann", "password=pw"],
            "",
            r#"PUT /v1/auth/people/login/ann {"password":"pw"}"#,
        ),
        (
            &["-method=approle", "role_id=r", "secret_id=-"],
            "s\n",
            r#"PUT /v1/auth/approle/login {"role_id":"r","secret_id":"s"}"#,
        ),
        (
            &["-method=approle", "role_id=r", "secret_id="],
            "",
            r#"PUT /v1/auth/approle/login {"role_id":"r"}"#,
        ),
        (&["-method=cert"], "", "PUT /v1/auth/cert/login {}"),
        (&["-method=cert", "name=web"], "", r#"PUT /v1/auth/cert/login {"name":"web"}"#),
        (
            &["-method=jwt", "role=ci", "jwt=a.b.c"],
            "",
            r#"PUT /v1/auth/jwt/login {"jwt":"a.b.c","role":"ci"}"#,
        ),
    ] {
        let (home, test) = home(cli().stdin(stdin).reply(200, LOGGED_IN));
        let outcome = test.run(&[&["login"], words].concat());
        assert_eq!((outcome.code, outcome.stderr.as_str()), (0, ""), "{words:?}");
        outcome.sent(&[request]);
        assert_eq!(outcome.sent[0].header("x-vault-token"), None, "{words:?}");
        assert!(outcome.stdout.contains("\ntoken                  new\n"), "{}", outcome.stdout);
        assert!(outcome.stdout.contains("\ntoken_meta_username    ann\n"), "{}", outcome.stdout);
        assert_eq!(std::fs::read_to_string(home.path().join(".vault-token")).unwrap(), "new");
    }
    let (home, test) = home(cli().reply(200, LOGGED_IN));
    let words = ["login", "-method=userpass", "-token-only", "username=ann", "password=pw"];
    test.run(&words).is(0, "new", "");
    assert!(!home.path().join(".vault-token").exists());
}

#[test]
fn a_wrapped_login_is_printed_and_not_stored() {
    let wrapped = r#"{"request_id":"","data":null,"auth":null,"wrap_info":{"token":"w","accessor":"a","ttl":60,"creation_time":"2026-11-22T10:31:45Z","creation_path":"auth/approle/login"}}"#;
    let (home, test) = home(cli().reply(200, wrapped));
    let outcome = test.run(&["login", "-method=approle", "-wrap-ttl=60s", "role_id=r", "secret_id=s"]);
    assert!(outcome.stdout.contains("wrapping_token:                  w\n"), "{}", outcome.stdout);
    assert_eq!(outcome.sent[0].header("x-vault-wrap-ttl"), Some("1m0s"));
    assert!(outcome.stderr.contains("not stored"), "{}", outcome.stderr);
    assert!(!home.path().join(".vault-token").exists());
}

#[test]
fn a_login_without_what_its_method_takes_is_refused() {
    for (words, code, text) in [
        (&["-method=userpass", "password=x"][..], 2, "Error authenticating: 'username' must be specified\n"),
        (&["-method=approle", "secret_id=x"], 2, "Error authenticating: 'role_id' must be specified\n"),
        (
            &["-method=userpass", "username=a", "password=x", "role=r"],
            1,
            "Error parsing configuration: the method userpass has no field \"role\". Its fields are username, password.\n",
        ),
        (
            &["-method=userpass", "b"],
            1,
            "Error parsing configuration: invalid key/value pair \"b\": format must be key=value\n",
        ),
        (
            &["-method=ldap", "username=a"],
            1,
            "-method=ldap is not supported by OnRecord: the login methods are approle, cert, jwt, token, userpass.\n",
        ),
    ] {
        cli().run(&[&["login"], words].concat()).is(code, "", text).sent(&[]);
    }
    let outcome = cli().run(&["login", "-method=userpass", "username=a"]);
    assert_eq!(outcome.code, 2);
    let prompt = "Password (will be hidden): \nError authenticating: failed to read password: file descriptor 0 is not a terminal";
    assert!(outcome.stderr.starts_with(prompt), "{}", outcome.stderr);
    let outcome = cli().run(&["login", "-method=oidc"]);
    assert!(outcome.code == 1 && outcome.stderr.contains("use -method=jwt"), "{}", outcome.stderr);
    let denied = cli().reply(400, r#"{"errors":["invalid username or password"]}"#);
    let outcome = denied.run(&["login", "-method=userpass", "username=a", "password=secret"]);
    let error = outcome.refusal("PUT", "/v1/auth/userpass/login/a", 400, "invalid username or password");
    outcome.is(2, "", &format!("Error authenticating: {error}"));
}
