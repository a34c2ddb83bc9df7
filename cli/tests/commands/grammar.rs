//! The grammar: flags, late flags, formats, unknown words, environment, colours, requests shown instead of sent.

use super::kit::cli;

#[test]
fn an_invalid_flag_is_refused_with_what_is_accepted() {
    for (words, text) in [
        (&["audit", "list", "-nope"][..], "flag provided but not defined: -nope\n"),
        (&["audit", "list", "--nope"], "flag provided but not defined: -nope\n"),
        (&["audit", "enable", "-format=json", "file"], "flag provided but not defined: -format\n"),
        (
            &["audit", "enable", "-pth=x", "file"],
            "flag provided but not defined: -pth\nDid you mean -path?\n",
        ),
        (&["audit", "enable", "-path"], "flag needs an argument: -path\n"),
        (
            &["audit", "enable", "-local=maybe", "file"],
            "invalid boolean value \"maybe\" for -local: strconv.ParseBool: parsing \"maybe\": invalid syntax\nAccepted: true or false, as in -local=true.\n",
        ),
        (
            &["token", "create", "-ttl=abc"],
            "invalid value \"abc\" for flag -ttl: time: invalid duration \"abc\"\nAccepted: seconds, or a number with a unit, such as 90s, 1h30m or 7d.\n",
        ),
        (
            &["kv", "get", "-version=x", "a"],
            "invalid value \"x\" for flag -version: strconv.ParseInt: parsing \"x\": invalid syntax\nAccepted: a whole number.\n",
        ),
        (
            &["token", "create", "-metadata=x"],
            "invalid value \"x\" for flag -metadata: missing = in KV pair: \"x\"\nAccepted: KEY=VALUE.\n",
        ),
        (&["audit", "list", "---x"], "bad flag syntax: ---x\n"),
        (&["audit", "list", "-=x"], "bad flag syntax: -=x\n"),
        (&["audit", "list", "-h=false"], "flag: help requested\n"),
        (
            &["audit", "list", "-Detailed"],
            "flag provided but not defined: -Detailed\nDid you mean -detailed?\n",
        ),
        (&["audit", "list", "-format=foo"], "Invalid output format: foo\nAccepted: table, json or yaml.\n"),
        (
            &["audit", "list", "-format=jsn"],
            "Invalid output format: jsn (did you mean json?)\nAccepted: table, json or yaml.\n",
        ),
        (&["read", "-format=foo", "a"], "Invalid output format: foo\nAccepted: table, json, yaml or raw.\n"),
        (&["audit", "list", "-format=raw"], "This command does not support the -format=raw option.\n"),
        (&["audit", "list", "x"], "Too many arguments (expected 0, got 1)\n"),
    ] {
        cli().run(words).is(1, "", text).sent(&[]);
    }
}

#[test]
fn late_flags_are_refused_with_the_known_warning() {
    let start = "Command flags must be provided before positional arguments. The following arguments will not be parsed as flags: ";
    for (words, list) in [
        (&["audit", "enable", "file", "-path=late", "-local"][..], "[-path=late,-local]"),
        (&["list", "gen", "-format=json"], "[-format=json]"),
        (&["read", "gen", "-output-curl-string"], "[-output-curl-string]"),
    ] {
        cli().run(words).is(1, "", &format!("{start}{list}\n")).sent(&[]);
    }
}

#[test]
fn two_dashes_end_flags_and_one_dash_is_an_argument() {
    let outcome = cli().reply(204, "").stdin(r#"{"a":1}"#).run(&["write", "p", "-", "--", "-b=2"]);
    outcome.sent(&[r#"PUT /v1/p {"-b":"2","a":1}"#]);
    assert!(outcome.stderr.ends_with("will not be parsed as flags: [-b=2]\n"), "{}", outcome.stderr);
    assert_eq!(outcome.code, 0);
}

#[test]
fn the_last_of_equal_flags_is_used_and_both_forms_of_values_work() {
    let words = ["audit", "enable", "-path", "a", "--path=b", "-local=0", "file", "file_path=/x"];
    cli().reply(204, "").run(&words).is(0, "Success! Enabled the file audit device at: b/\n", "").sent(&[
        r#"PUT /v1/sys/audit/b {"description":"","local":false,"options":{"file_path":"/x"},"type":"file"}"#,
    ]);
}

#[test]
fn an_unknown_word_is_answered_with_the_nearest() {
    for (words, code, near) in [
        (&["adit"][..], 127, "onrecord has no command \"adit\". The nearest is \"audit\"."),
        (&["agnet"], 127, "onrecord has no command \"agnet\". The nearest is "),
        (&["unseal"], 127, "onrecord has no command \"unseal\". The nearest is \"operator unseal\"."),
        (&["-nosuch"], 127, "The first word must be a command, not the flag -nosuch"),
        (&["help"], 127, "For help, use onrecord -help"),
        (&["audit", "lst"], 1, "onrecord has no command \"audit lst\". The nearest is \"audit list\"."),
        (&["kv", "nosuch"], 1, "onrecord has no command \"kv nosuch\""),
        (&["kv", "metadata", "gt"], 1, "The nearest is \"kv metadata get\"."),
    ] {
        let outcome = cli().run(words);
        assert_eq!((outcome.code, outcome.stdout.as_str()), (code, ""), "{words:?}");
        assert!(outcome.stderr.contains(near), "{}", outcome.stderr);
        assert!(outcome.stderr.contains("Usage: onrecord"), "{}", outcome.stderr);
    }
    let outcome = cli().run(&[]);
    assert_eq!((outcome.code, outcome.stdout.as_str()), (127, ""));
    assert!(outcome.stderr.contains("Common commands:"));
}

#[test]
fn an_invalid_variable_is_refused_by_name() {
    for (name, value, text) in [
        (
            "VAULT_CLIENT_TIMEOUT",
            "abc",
            "failed to read environment: could not parse \"VAULT_CLIENT_TIMEOUT\"\nAccepted: seconds, or a number with a unit, such as 90s, 1h30m or 7d.\n",
        ),
        (
            "ONRECORD_MAX_RETRIES",
            "abc",
            "failed to read environment: could not parse \"ONRECORD_MAX_RETRIES\": strconv.ParseInt: parsing \"abc\": invalid syntax\nAccepted: a whole number, 0 or more.\n",
        ),
        (
            "VAULT_SKIP_VERIFY",
            "maybe",
            "failed to read environment: could not parse \"VAULT_SKIP_VERIFY\": strconv.ParseBool: parsing \"maybe\": invalid syntax\nAccepted: true or false (also 1, 0, t, f).\n",
        ),
        (
            "VAULT_WRAP_TTL",
            "soon",
            "failed to read environment: could not parse \"VAULT_WRAP_TTL\": time: invalid duration \"soon\"\nAccepted: seconds, or a number with a unit, such as 90s, 1h30m or 7d.\n",
        ),
        (
            "VAULT_CACERT",
            "/nonexistent/f",
            "failed to read environment: Error loading CA File: open /nonexistent/f: no such file or directory\n",
        ),
        (
            "ONRECORD_ADDR",
            "://nowhere",
            "failed to create client: parse \"://nowhere\": missing protocol scheme\n",
        ),
        (
            "VAULT_TOKEN",
            "a\nb",
            "Error listing audits: configured Vault token contains non-printable characters and cannot be used\n",
        ),
    ] {
        cli().variable(name, value).run(&["audit", "list"]).is(2, "", text).sent(&[]);
    }
    cli().variable("VAULT_FORMAT", "foo").run(&["audit", "list"]).is(
        1,
        "",
        "Invalid output format: foo\nAccepted: table, json or yaml.\n",
    );
}

#[test]
fn a_misspelt_variable_of_this_program_is_named_with_the_near_one() {
    let warning = |name: &str, near: &str| {
        format!("WARNING! The environment variable {name} has no effect: did you mean {near}?\n\n")
    };
    for (name, near) in [
        ("ONRECORD_ADR", Some("ONRECORD_ADDR")),
        ("ONRECORD_TOKNE", Some("ONRECORD_TOKEN")),
        ("ONRECORD_LOG_LEVLE", Some("ONRECORD_LOG_LEVEL")),
        ("ONRECORD_HOME_OF_SOMETHING", None),
        ("ONRECORD_NAMESPACE", None),
        ("VAULT_ADR", None),
    ] {
        let stderr = near.map(|near| warning(name, near)).unwrap_or_default();
        cli()
            .variable(name, "")
            .reply(200, r#"{"data":{}}"#)
            .run(&["audit", "list", "-format=json"])
            .is(0, "{}\n", &stderr);
    }
}

#[test]
fn another_seal_that_the_environment_asks_for_refuses_the_start() {
    for name in ["VAULT_SEAL_TYPE", "ONRECORD_SEAL_TYPE"] {
        let text = format!(
            "{name}=\"awskms\": there is \"shamir\" only (key shares, see \"operator init\"). Unset {name}.\n"
        );
        cli().variable(name, "awskms").run(&["server", "-config=/nonexistent.hcl"]).is(1, "", &text);
    }
}

#[test]
fn headers_flags_and_variables_reach_the_server() {
    let outcome = cli()
        .variable("VAULT_NAMESPACE", "ns1")
        .variable("VAULT_TOKEN", "old")
        .variable("ONRECORD_TOKEN", "new")
        .reply(200, r#"{"data":{}}"#)
        .run(&["audit", "list", "-wrap-ttl=5m", "-header=X-A=b", "-format=json", "-mfa=totp:1"]);
    outcome.is(0, "{}\n", "");
    for (name, value) in [
        ("x-vault-request", "true"),
        ("x-vault-token", "new"),
        ("x-vault-namespace", "ns1/"),
        ("x-vault-wrap-ttl", "5m0s"),
        ("x-vault-mfa", "totp:1"),
        ("x-a", "b"),
    ] {
        assert_eq!(outcome.sent[0].header(name), Some(value), "{name}");
    }
    let reserved =
        "failed to setup Headers[X-Vault-Token]: Header starting by 'X-Vault-' are for internal usage only\n";
    cli().run(&["audit", "list", "-header=X-Vault-Token=x"]).is(2, "", reserved);
}

#[test]
fn a_closed_port_is_a_dial_error() {
    let free = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap();
    let address = format!("-address=http://{free}");
    let dial = format!("Get \"http://{free}/v1/sys/audit\": dial tcp {free}: connect: connection refused\n");
    cli().run(&["audit", "list", &address]).is(2, "", &format!("Error listing audits: {dial}"));
    let outcome = cli().run(&["status", &address]);
    assert_eq!(outcome.code, 1);
    assert!(outcome.stderr.starts_with("Error checking seal status: Get "), "{}", outcome.stderr);
    let outcome = cli().run(&["kv", "get", &address, "a/b"]);
    assert!(outcome.stderr.starts_with("Get \"http"), "kv has no prefix: {}", outcome.stderr);
}

#[test]
fn colours_are_for_terminals_only() {
    let wrong = |test: super::kit::CommandTest| test.run(&["audit", "list", "x"]).stderr;
    assert_eq!(wrong(cli().on_terminal()), "\u{1b}[91mToo many arguments (expected 0, got 1)\u{1b}[0m\n");
    for (name, value) in
        [("NO_COLOR", "1"), ("TERM", "dumb"), ("VAULT_CLI_NO_COLOR", "1"), ("VAULT_FORMAT", "json")]
    {
        let text = wrong(cli().on_terminal().variable(name, value));
        assert_eq!(text, "Too many arguments (expected 0, got 1)\n", "{name}");
    }
    let outcome = cli().on_terminal().reply(200, r#"{"data":{}}"#).run(&["audit", "list"]);
    assert_eq!(outcome.stdout, "\u{1b}[0mNo audit devices are enabled.\u{1b}[0m\n");
}

#[test]
fn a_request_is_shown_as_curl() {
    let outcome =
        cli().run(&["audit", "enable", "-output-curl-string", "-description=it's", "file", "file_path=/x"]);
    let expected = format!(
        "curl -X PUT -H \"X-Vault-Request: true\" -H \"X-Vault-Token: $(onrecord print token)\" -d '{{\"description\":\"it'\"'\"'s\",\"local\":false,\"options\":{{\"file_path\":\"/x\"}},\"type\":\"file\"}}' \"{}/v1/sys/audit/file\"\n",
        outcome.url
    );
    outcome.is(0, &expected, "").sent(&[]);
    let outcome = cli().kv_mount("kv/", 2).run(&["kv", "get", "-output-curl-string", "kv/a"]);
    assert!(outcome.stdout.ends_with(&format!("\"{}/v1/kv/data/a\"\n", outcome.url)), "{}", outcome.stdout);
    assert!(!outcome.stdout.contains("-X"), "a GET has no verb");
    outcome.sent(&["GET /v1/sys/internal/ui/mounts/kv/a"]);
}

#[test]
fn a_request_is_shown_as_policy() {
    for (words, expected) in [
        (
            &["audit", "enable", "-output-policy", "file"][..],
            "path \"sys/audit/file\" {\n  capabilities = [\"create\", \"update\", \"sudo\"]\n}\n",
        ),
        (&["read", "-output-policy", "a/b"], "path \"a/b\" {\n  capabilities = [\"read\"]\n}\n"),
        (&["list", "-output-policy", "a/b"], "path \"a/b\" {\n  capabilities = [\"list\"]\n}\n"),
        (&["delete", "-output-policy", "a"], "path \"a\" {\n  capabilities = [\"delete\"]\n}\n"),
    ] {
        cli().run(words).is(0, expected, "").sent(&[]);
    }
}

#[test]
fn version_ignores_everything() {
    let expected = format!("OnRecord v{}\n", env!("CARGO_PKG_VERSION"));
    for words in [&["version"][..], &["version", "-x", "y"], &["-v"], &["--version"]] {
        cli().no_server().run(words).is(0, &expected, "");
    }
}
