//! `audit` and its old spellings.

use super::stage::stage;

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
        let outcome = stage().reply(204, "").run(&["audit", "enable", flag, "file", "file_path=stdout"]);
        outcome.is(0, &enabled(shown), "");
        assert_eq!(outcome.sent[0].line(), format!("PUT {sent}"));
    }
}

#[test]
fn options_are_texts_from_words_files_and_standard_input() {
    let json = r#"{"log_raw":true,"n":2.50,"z":null,"big":12345678901234567890}"#;
    let outcome =
        stage().reply(204, "").stdin(json).run(&["audit", "enable", "-local", "-description=d", "file", "-"]);
    outcome.is(0, &enabled("file/"), "").sent(&[
        r#"PUT /v1/sys/audit/file {"description":"d","local":true,"options":{"big":"12345678901234567890","log_raw":"1","n":"2.50","z":""},"type":"file"}"#,
    ]);
}

#[test]
fn wrong_enables_are_told_before_anything_is_sent() {
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
            "Invalid path \"../up\": a path has no \".\" and \"..\" segments; write the path itself.\n",
        ),
    ] {
        stage().run(words).is(1, "", text).sent(&[]);
    }
}

#[test]
fn a_refused_enable_shows_the_api_error() {
    let outcome = stage().reply(400, r#"{"errors":["path already in use"]}"#).run(&[
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
    let outcome = stage().reply(204, "").run(&["audit", "disable", " /a/b/ "]);
    outcome.is(0, "Success! Disabled audit device (if it was enabled) at: a/b/\n", "");
    outcome.sent(&["DELETE /v1/sys/audit/a/b"]);
    stage().run(&["audit", "disable"]).is(1, "", "Not enough arguments (expected 1, got 0)\n");
    stage().run(&["audit", "disable", "a", "b", "c"]).is(1, "", "Too many arguments (expected 1, got 3)\n");
}

#[test]
fn listing_has_three_forms() {
    let list = |words: &[&str]| stage().reply(200, FILE).run(words);
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
    let list = |words: &[&str]| stage().reply(200, r#"{"data":{}}"#).run(words);
    list(&["audit", "list"]).is(2, "No audit devices are enabled.\n", "");
    list(&["audit", "list", "-format=json"]).is(0, "{}\n", "");
    list(&["audit", "list", "-format=yaml"]).is(0, "{}\n", "");
    let wrapped = r#"{"data":null,"wrap_info":{"token":"w"}}"#;
    stage().reply(200, wrapped).run(&["audit", "list", "-wrap-ttl=60s"]).is(
        2,
        "",
        "Error listing audits: data from server response is empty\n",
    );
}

#[test]
fn hashing_takes_a_word_or_standard_input() {
    let answer = r#"{"data":{"hash":"hmac-sha256:ab"},"hash":"hmac-sha256:ab"}"#;
    for (words, stdin, sent) in [
        (&["audit", "hash", "file/", "x"][..], "", r#"PUT /v1/sys/audit-hash/file {"input":"x"}"#),
        (&["audit", "hash", "file", "-"], "s3c\n", r#"PUT /v1/sys/audit-hash/file {"input":"s3c"}"#),
        (&["audit", "hash", "file"], "s3c", r#"PUT /v1/sys/audit-hash/file {"input":"s3c"}"#),
    ] {
        stage().reply(200, answer).stdin(stdin).run(words).is(0, "hmac-sha256:ab\n", "").sent(&[sent]);
    }
    let json = "{\n  \"hash\": \"hmac-sha256:ab\"\n}\n";
    stage().reply(200, answer).run(&["audit", "hash", "-format=json", "file", "x"]).is(0, json, "");
    let outcome = stage()
        .reply(400, r#"{"errors":["unknown audit backend \"foo/\""]}"#)
        .run(&["audit", "hash", "foo", "x"]);
    assert_eq!(outcome.code, 2);
    stage().run(&["audit", "hash"]).is(1, "", "Not enough arguments (expected 1-2, got 0)\n");
}

#[test]
fn old_spellings_work_and_warn_in_a_table() {
    let warning = "WARNING! The \"vault audit-enable\" command is deprecated. Please use \"vault\naudit enable\" instead.\n\n";
    stage().called("vault").reply(204, "").run(&["audit-enable", "file", "file_path=/x"]).is(
        0,
        &enabled("file/"),
        warning,
    );
    let outcome = stage().reply(204, "").run(&["audit-disable", "file"]);
    assert_eq!(outcome.stdout, "Success! Disabled audit device (if it was enabled) at: file/\n");
    stage().reply(200, r#"{"data":{}}"#).run(&["audit-list", "-format=json"]).is(0, "{}\n", "");
}

const SALTS: &str = r#"{"data":{"00000000000000aa":{"from":"2026-01-02T00:00:00Z","live":true,"path":"file/","to":null,"type":"file"},"00000000000000bb":{"from":"2026-01-01T00:00:00Z","live":false,"path":"old/","to":"2026-01-02T00:00:00Z","type":"socket"}}}"#;

#[test]
fn r_salt_archive_salts_are_listed_in_the_order_of_their_beginnings() {
    let outcome = stage().reply(200, SALTS).run(&["audit", "salts"]);
    outcome.is(
        0,
        "Salt                Path     Type      From                    To\n\
         ----                ----     ----      ----                    --\n\
         00000000000000bb    old/     socket    2026-01-01T00:00:00Z    2026-01-02T00:00:00Z\n\
         00000000000000aa    file/    file      2026-01-02T00:00:00Z    in use\n",
        "",
    );
    outcome.sent(&["GET /v1/sys/audit-salts"]);
    let outcome = stage().reply(200, SALTS).run(&["audit", "salts", "-format=json"]);
    assert!(
        outcome.stdout.contains("\"id\": \"00000000000000bb\"") && outcome.stdout.contains("\"to\": null")
    );
    stage().reply(200, r#"{"data":{}}"#).run(&["audit", "salts"]).is(
        2,
        "No audit device has ever been enabled.\n",
        "",
    );
}

#[test]
fn r_salt_archive_a_text_is_hashed_by_the_salt_of_old_lines() {
    let reply = r#"{"data":{"hash":"hmac-sha256:ab"}}"#;
    let outcome = stage().reply(200, reply).run(&["audit", "hash", "-salt=00000000000000bb", "s3cr3t"]);
    outcome.is(0, "hmac-sha256:ab\n", "");
    outcome.sent(&[r#"PUT /v1/sys/audit-salts/00000000000000bb/hash {"input":"s3cr3t"}"#]);
    let outcome = stage().reply(200, reply).stdin("piped\n").run(&["audit", "hash", "-salt=bb"]);
    outcome.sent(&[r#"PUT /v1/sys/audit-salts/bb/hash {"input":"piped"}"#]);
    stage().run(&["audit", "hash", "-salt=bb", "a", "b"]).is(
        1,
        "",
        "Too many arguments (expected 0-1 with -salt, got 2)\n",
    );
}

#[test]
fn a_new_salt_is_told_with_the_one_it_replaces() {
    let reply = r#"{"data":{"path":"file/","retired":"bb","salt":"aa"}}"#;
    let outcome = stage().reply(200, reply).run(&["audit", "rotate-salt", "/file/"]);
    outcome.is(0, "Success! The audit device at file/ has the salt aa; bb is retired.\n", "");
    outcome.sent(&["PUT /v1/sys/audit-rotate-salt/file {}"]);
}

#[test]
fn the_register_is_explained_without_a_server() {
    let outcome = stage().no_server().run(&["audit", "explain", "auth.accessor"]);
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    let lines: Vec<&str> = outcome.stdout.lines().collect();
    assert!(
        lines[0].starts_with("Field") && lines[2].starts_with("auth.accessor") && lines[2].contains("hashed")
    );
    assert!(lines[3].starts_with("response.auth.accessor"));
    outcome.sent(&[]);
    let outcome = stage().no_server().run(&["audit", "explain", "-format=json"]);
    assert!(
        outcome.stdout.contains("\"field\": \"request.data\"") && outcome.stdout.contains("\"record.seq\"")
    );
    stage().no_server().run(&["audit", "explain", "acessor"]).is(
        2,
        "",
        "No field of an entry is called \"acessor\"; the nearest is \"accessor\".\n",
    );
}

#[test]
fn a_preview_shows_each_devices_lines_and_what_is_not_known() {
    let reply = r#"{"data":{"allowed":true,"devices":{"file/":{"request":"{\"a\":1}","response":{"error":"too long"}},"none/":{"discards":true}},"operation":"create","recorded":true,"unknown":["error","response.data"]}}"#;
    let outcome =
        stage().reply(200, reply).stdin(r#"{"n":1}"#).run(&["audit", "preview", "PUT", "secret/app", "-"]);
    outcome.is(
        0,
        "A create, which you may do.\n\n==> file/ <==\n{\"a\":1}\nThe response would have no line here: too long\n\n\
         ==> none/ <==\nIt throws everything away.\n\nKnown only when it is done: error, response.data\n",
        "",
    );
    outcome.sent(&[r#"PUT /v1/sys/audit-preview {"data":{"n":1},"method":"PUT","path":"secret/app"}"#]);
    let reply = r#"{"data":{"note":"why","recorded":false}}"#;
    let outcome = stage().reply(200, reply).run(&["audit", "preview", "GET", "sys/health"]);
    outcome.is(0, "Such a request is not recorded.\n\nNote: why\n", "");
    stage().run(&["audit", "preview", "GET"]).is(1, "", "Not enough arguments (expected 2 or more, got 1)\n");
}

#[test]
fn a_drill_takes_its_flags_anywhere() {
    let reply = r#"{"data":{"for":60,"kind":"hang","path":"file/"}}"#;
    for words in [
        &["audit", "drill", "hang", "file/", "-for=60s"][..],
        &["audit", "drill", "-for=60s", "hang", "file"],
        &["audit", "drill", "hang", "-for", "60s", "file"],
    ] {
        let outcome = stage().reply(200, reply).run(words);
        outcome.is(0, "Success! For 60 seconds this drill is held on the audit device at file/: hang\n", "");
        outcome.sent(&[r#"PUT /v1/sys/audit-drill/file {"for":"60s","kind":"hang"}"#]);
    }
    let reply = r#"{"data":{"path":"file/","stopped":true}}"#;
    stage().reply(200, reply).run(&["audit", "drill", "stop", "file/"]).is(
        0,
        "Success! Ended the drill on the audit device at: file/\n",
        "",
    );
    stage().run(&["audit", "drill", "burn", "file/"]).is(
        1,
        "",
        "Invalid drill \"burn\": it is hang, refuse, slow or stop.\n",
    );
}
