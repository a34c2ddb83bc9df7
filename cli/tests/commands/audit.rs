//! `audit` and its old spellings.

use super::kit::cli;

const FILE: &str = r#"{"data":{"file/":{"description":"","local":false,"options":{"file_path":"/var/log/audit.log"},"path":"file/","type":"file"}}}"#;

fn enabled(path: &str) -> String {
    format!("Success! Enabled the file audit device at: {path}\n")
}

#[test]
fn enabling_sends_to_the_cleaned_path_and_shows_what_was_typed() {
    for (flag, sent, shown) in [
        ("-path=", "/v1/sys/audit/file", "file/"),
        ("-path= vault_audit_1 ", "/v1/sys/audit/vault_audit_1", "vault_audit_1/"),
        ("-path=/deep/er", "/v1/sys/audit/deep/er", "/deep/er/"),
        ("-path=a//b", "/v1/sys/audit/a/b", "a//b/"),
        ("-path=c d%2Fé", "/v1/sys/audit/c%20d%252F%C3%A9", "c d%2Fé/"),
    ] {
        let outcome = cli().reply(204, "").run(&["audit", "enable", flag, "file", "file_path=stdout"]);
        outcome.is(0, &enabled(shown), "");
        assert_eq!(outcome.sent[0].line(), format!("PUT {sent}"));
    }
}

#[test]
fn options_are_texts_from_words_files_and_standard_input() {
    let json = r#"{"log_raw":true,"n":2.50,"z":null,"big":12345678901234567890}"#;
    let outcome =
        cli().reply(204, "").stdin(json).run(&["audit", "enable", "-local", "-description=d", "file", "-"]);
    outcome.is(0, &enabled("file/"), "").sent(&[
        r#"PUT /v1/sys/audit/file {"description":"d","local":true,"options":{"big":"12345678901234567890","log_raw":"1","n":"2.50","z":""},"type":"file"}"#,
    ]);
}

#[test]
fn an_invalid_enable_is_refused_before_anything_is_sent() {
    for (words, text) in [
        (
            &["audit", "enable"][..],
            "Error enabling audit device: audit type missing. Valid types include 'file', 'socket' and 'syslog'.\n",
        ),
        (
            &["audit", "enable", "file", "foo"],
            "Failed to parse K=V data: invalid key/value pair \"foo\": format must be key=value\n",
        ),
        (
            &["audit", "enable", "file", "a=b", "a=c"],
            "Failed to parse K=V data: failed to convert values to strings: decoding failed due to the following error(s):\n\n'[a]' expected type 'string', got unconvertible type '[]interface {}'\n",
        ),
        (
            &["audit", "enable", "-path=../up", "file"],
            "Invalid path \"../up\": \".\" and \"..\" segments are not allowed. Write the full path without them.\n",
        ),
    ] {
        cli().run(words).is(1, "", text).sent(&[]);
    }
}

#[test]
fn a_refused_enable_shows_the_api_error() {
    let outcome = cli().reply(400, r#"{"errors":["path already in use"]}"#).run(&[
        "audit",
        "enable",
        "file",
        "file_path=/x",
    ]);
    let error = outcome.refusal("PUT", "/v1/sys/audit/file", 400, "path already in use");
    outcome.is(2, "", &format!("Error enabling audit device: {error}"));
}

#[test]
fn disabling_strips_blanks_and_slashes() {
    let outcome = cli().reply(204, "").run(&["audit", "disable", " /a/b/ "]);
    outcome.is(0, "Success! Disabled audit device (if it was enabled) at: a/b/\n", "");
    outcome.sent(&["DELETE /v1/sys/audit/a/b"]);
    cli().run(&["audit", "disable"]).is(1, "", "Not enough arguments (expected 1, got 0)\n");
    cli().run(&["audit", "disable", "a", "b", "c"]).is(1, "", "Too many arguments (expected 1, got 3)\n");
}

#[test]
fn a_list_is_a_table_json_or_yaml() {
    let list = |words: &[&str]| cli().reply(200, FILE).run(words);
    list(&["audit", "list"])
        .is(0, "Path     Type    Description\n----     ----    -----------\nfile/    file    n/a\n", "")
        .sent(&["GET /v1/sys/audit"]);
    let detailed = "Path     Type    Description    Replication    Options\n----     ----    -----------    -----------    -------\nfile/    file    n/a            replicated     file_path=/var/log/audit.log\n";
    list(&["audit", "list", "-detailed"]).is(0, detailed, "");
    let json = r#"{
  "file/": {
    "type": "file",
    "description": "",
    "options": {
      "file_path": "/var/log/audit.log"
    },
    "local": false,
    "path": "file/"
  }
}
"#;
    list(&["audit", "list", "-detailed", "-format=json"]).is(0, json, "");
    let yaml = "file/:\n  description: \"\"\n  local: false\n  options:\n    file_path: /var/log/audit.log\n  path: file/\n  type: file\n";
    list(&["audit", "list", "-format=yml"]).is(0, yaml, "");
}

#[test]
fn listing_nothing_fails_in_a_table_only() {
    let list = |words: &[&str]| cli().reply(200, r#"{"data":{}}"#).run(words);
    list(&["audit", "list"]).is(2, "No audit devices are enabled.\n", "");
    list(&["audit", "list", "-format=json"]).is(0, "{}\n", "");
    list(&["audit", "list", "-format=yaml"]).is(0, "{}\n", "");
    let wrapped = r#"{"data":null,"wrap_info":{"token":"w"}}"#;
    cli().reply(200, wrapped).run(&["audit", "list", "-wrap-ttl=60s"]).is(
        2,
        "",
        "Error listing audits: data from server response is empty\n",
    );
}

#[test]
fn the_text_to_hash_is_an_argument_or_standard_input() {
    let answer = r#"{"data":{"hash":"hmac-sha256:ab"},"hash":"hmac-sha256:ab"}"#;
    for (words, stdin, sent) in [
        (&["audit", "hash", "file/", "x"][..], "", r#"PUT /v1/sys/audit-hash/file {"input":"x"}"#),
        (&["audit", "hash", "file", "-"], "s3c\n", r#"PUT /v1/sys/audit-hash/file {"input":"s3c"}"#),
        (&["audit", "hash", "file"], "s3c", r#"PUT /v1/sys/audit-hash/file {"input":"s3c"}"#),
    ] {
        cli().reply(200, answer).stdin(stdin).run(words).is(0, "hmac-sha256:ab\n", "").sent(&[sent]);
    }
    let json = "{\n  \"hash\": \"hmac-sha256:ab\"\n}\n";
    cli().reply(200, answer).run(&["audit", "hash", "-format=json", "file", "x"]).is(0, json, "");
    let outcome = cli()
        .reply(400, r#"{"errors":["unknown audit backend \"foo/\""]}"#)
        .run(&["audit", "hash", "foo", "x"]);
    assert_eq!(outcome.code, 2);
    cli().run(&["audit", "hash"]).is(1, "", "Not enough arguments (expected 1-2, got 0)\n");
}

#[test]
fn old_spellings_work_and_warn_in_a_table() {
    let warning = "WARNING! The \"vault audit-enable\" command is deprecated. Please use \"vault\naudit enable\" instead.\n\n";
    cli().called("vault").reply(204, "").run(&["audit-enable", "file", "file_path=/x"]).is(
        0,
        &enabled("file/"),
        warning,
    );
    let outcome = cli().reply(204, "").run(&["audit-disable", "file"]);
    assert_eq!(outcome.stdout, "Success! Disabled audit device (if it was enabled) at: file/\n");
    cli().reply(200, r#"{"data":{}}"#).run(&["audit-list", "-format=json"]).is(0, "{}\n", "");
}

const SALTS: &str = r#"{"data":{"00000000000000aa":{"from":"2026-01-02T00:00:00Z","live":true,"path":"file/","to":null,"type":"file"},"00000000000000bb":{"from":"2026-01-01T00:00:00Z","live":false,"path":"old/","to":"2026-01-02T00:00:00Z","type":"socket"}}}"#;

#[test]
fn r_salt_archive_salts_are_listed_by_their_first_use() {
    let outcome = cli().reply(200, SALTS).run(&["audit", "salts"]);
    outcome.is(
        0,
        "Salt                Path     Type      From                    To\n\
         ----                ----     ----      ----                    --\n\
         00000000000000bb    old/     socket    2026-01-01T00:00:00Z    2026-01-02T00:00:00Z\n\
         00000000000000aa    file/    file      2026-01-02T00:00:00Z    in use\n",
        "",
    );
    outcome.sent(&["GET /v1/sys/audit-salts"]);
    let outcome = cli().reply(200, SALTS).run(&["audit", "salts", "-format=json"]);
    assert!(
        outcome.stdout.contains("\"id\": \"00000000000000bb\"") && outcome.stdout.contains("\"to\": null")
    );
    cli().reply(200, r#"{"data":{}}"#).run(&["audit", "salts"]).is(
        2,
        "No audit device has ever been enabled.\n",
        "",
    );
}

#[test]
fn r_salt_archive_a_text_is_hashed_by_the_salt_of_old_lines() {
    let reply = r#"{"data":{"hash":"hmac-sha256:ab"}}"#;
    let outcome = cli().reply(200, reply).run(&["audit", "hash", "-salt=00000000000000bb", "s3cr3t"]);
    outcome.is(0, "hmac-sha256:ab\n", "");
    outcome.sent(&[r#"PUT /v1/sys/audit-salts/00000000000000bb/hash {"input":"s3cr3t"}"#]);
    let outcome = cli().reply(200, reply).stdin("piped\n").run(&["audit", "hash", "-salt=bb"]);
    outcome.sent(&[r#"PUT /v1/sys/audit-salts/bb/hash {"input":"piped"}"#]);
    cli().run(&["audit", "hash", "-salt=bb", "a", "b"]).is(
        1,
        "",
        "Too many arguments (expected 0-1 with -salt, got 2)\n",
    );
}

#[test]
fn a_new_salt_is_printed_with_the_one_it_replaces() {
    let reply = r#"{"data":{"path":"file/","retired":"bb","salt":"aa"}}"#;
    let outcome = cli().reply(200, reply).run(&["audit", "rotate-salt", "/file/"]);
    outcome.is(0, "Success! Device file/ now uses the salt aa; the salt bb is retired.\n", "");
    outcome.sent(&["PUT /v1/sys/audit-rotate-salt/file {}"]);
}

#[test]
fn a_rotation_of_the_key_of_logs_prints_the_note_by_which_the_old_one_vouches() {
    let reply = r#"{"data":{"new":"n+1+a","note":"n\nrotation\n\n— n c2ln\n","old":"n+2+b"}}"#;
    let outcome = cli().reply(200, reply).run(&["audit", "rotate-key"]);
    outcome.is(0, "n\nrotation\n\n— n c2ln\n", "");
    outcome.sent(&["PUT /v1/sys/audit-log/rotate {}"]);
    let outcome = cli().reply(200, reply).run(&["audit", "rotate-key", "-format=json"]);
    assert!(outcome.stdout.contains("\"old\": \"n+2+b\""), "{}", outcome.stdout);
    cli().run(&["audit", "rotate-key", "x"]).is(1, "", "Too many arguments (expected 0, got 1)\n");
}

#[test]
fn the_register_is_explained_without_a_server() {
    let outcome = cli().no_server().run(&["audit", "explain", "auth.accessor"]);
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    let lines: Vec<&str> = outcome.stdout.lines().collect();
    assert!(
        lines[0].starts_with("Field") && lines[2].starts_with("auth.accessor") && lines[2].contains("hashed")
    );
    assert!(lines[3].starts_with("response.auth.accessor"));
    outcome.sent(&[]);
    let outcome = cli().no_server().run(&["audit", "explain", "-format=json"]);
    assert!(
        outcome.stdout.contains("\"field\": \"request.data\"") && outcome.stdout.contains("\"record.seq\"")
    );
    cli().no_server().run(&["audit", "explain", "acessor"]).is(
        2,
        "",
        "No field of an entry matches \"acessor\". The nearest is \"accessor\".\n",
    );
}

#[test]
fn a_preview_shows_the_lines_of_each_device_and_the_unknown_fields() {
    let reply = r#"{"data":{"allowed":true,"devices":{"file/":{"request":"{\"a\":1}","response":{"error":"too long"}},"none/":{"discards":true}},"operation":"create","recorded":true,"unknown":["error","response.data"]}}"#;
    let outcome =
        cli().reply(200, reply).stdin(r#"{"n":1}"#).run(&["audit", "preview", "PUT", "secret/app", "-"]);
    outcome.is(
        0,
        "Operation: create. Your token is allowed to do this.\n\n==> file/ <==\n{\"a\":1}\nNo line for the response: too long\n\n\
         ==> none/ <==\nThis device discards all entries.\n\nFields that are known only after the request: error, response.data\n",
        "",
    );
    outcome.sent(&[r#"PUT /v1/sys/audit-preview {"data":{"n":1},"method":"PUT","path":"secret/app"}"#]);
    let reply = r#"{"data":{"note":"why","recorded":false}}"#;
    let outcome = cli().reply(200, reply).run(&["audit", "preview", "GET", "sys/health"]);
    outcome.is(0, "This request is not recorded.\n\nNote: why\n", "");
    cli().run(&["audit", "preview", "GET"]).is(1, "", "Not enough arguments (expected 2 or more, got 1)\n");
}

#[test]
fn flags_of_a_drill_may_follow_its_arguments() {
    let reply = r#"{"data":{"for":60,"kind":"hang","path":"file/"}}"#;
    for words in [
        &["audit", "drill", "hang", "file/", "-for=60s"][..],
        &["audit", "drill", "-for=60s", "hang", "file"],
        &["audit", "drill", "hang", "-for", "60s", "file"],
    ] {
        let outcome = cli().reply(200, reply).run(words);
        outcome.is(0, "Success! Device file/ will hang for 60 s (drill).\n", "");
        outcome.sent(&[r#"PUT /v1/sys/audit-drill/file {"for":"60s","kind":"hang"}"#]);
    }
    let reply = r#"{"data":{"path":"file/","stopped":true}}"#;
    cli().reply(200, reply).run(&["audit", "drill", "stop", "file/"]).is(
        0,
        "Success! Ended the drill of the device at file/.\n",
        "",
    );
    cli().run(&["audit", "drill", "burn", "file/"]).is(
        1,
        "",
        "Invalid drill \"burn\": use hang, refuse, slow or stop.\n",
    );
}
