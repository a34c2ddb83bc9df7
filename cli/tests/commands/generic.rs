//! `read`, `write`, `patch`, `list`, `delete`.

use super::kit::cli;

const SECRET: &str = r#"{"request_id":"r","lease_id":"","renewable":false,"lease_duration":2764800,"data":{"n":12345678901234567890,"t":"a<b","ttl":3600,"null":null},"wrap_info":null,"warnings":null,"auth":null}"#;

#[test]
fn reading_has_three_forms_and_raw_bytes() {
    let read = |words: &[&str]| cli().reply(200, SECRET).run(words);
    let table = "Key                 Value\n---                 -----\nrefresh_interval    768h\nn                   12345678901234567890\nnull                <nil>\nt                   a<b\nttl                 1h\n";
    read(&["read", " /kv1/a/ "]).is(0, table, "").sent(&["GET /v1/kv1/a"]);
    let json = r#"{
  "request_id": "r",
  "lease_id": "",
  "lease_duration": 2764800,
  "renewable": false,
  "data": {
    "n": 12345678901234567890,
    "null": null,
    "t": "a\u003cb",
    "ttl": 3600
  },
  "warnings": null
}
"#;
    read(&["read", "-format=JSON", "kv1/a"]).is(0, json, "");
    let yaml = "data:\n  \"n\": 12345678901234567890\n  \"null\": null\n  t: a<b\n  ttl: 3600\nlease_duration: 2764800\nlease_id: \"\"\nrenewable: false\nrequest_id: r\nwarnings: null\n";
    read(&["read", "-format=yaml", "kv1/a"]).is(0, yaml, "");
    read(&["read", "-format=raw", "kv1/a"]).is(0, SECRET, "");
}

#[test]
fn fields_are_raw_values() {
    for (field, expected) in [
        ("ttl", "3600"),
        ("t", "a<b"),
        ("request_id", "r"),
        ("refresh_interval", "2764800"),
        ("data", "map[n:12345678901234567890 null:<nil> t:a<b ttl:3600]"),
    ] {
        let flag = format!("-field={field}");
        cli().reply(200, SECRET).run(&["read", &flag, "kv1/a"]).is(0, expected, "");
    }
    for field in ["zz", "null"] {
        let flag = format!("-field={field}");
        let text = format!("Field \"{field}\" not present in secret\n");
        cli().reply(200, SECRET).run(&["read", &flag, "kv1/a"]).is(1, "", &text);
    }
    cli().reply(200, SECRET).run(&["read", "-field=t", "-format=json", "kv1/a"]).is(0, "\"a\\u003cb\"\n", "");
    let outcome = cli().on_terminal().reply(200, SECRET).run(&["read", "-field=ttl", "kv1/a"]);
    assert_eq!(outcome.stdout, "3600\n");
}

#[test]
fn nothing_found_is_exit_two() {
    let nothing = r#"{"errors":[]}"#;
    cli().reply(404, nothing).run(&["read", "a/b"]).is(2, "", "No value found at a/b\n");
    cli().reply(404, nothing).run(&["read", "-format=json", "a/b"]).is(2, "", "No value found at a/b\n");
    cli().reply(404, nothing).run(&["list", "a"]).is(2, "", "No value found at a\n");
    cli().reply(404, nothing).run(&["list", "-format=json", "a"]).is(2, "{}\n", "");
    let outcome = cli().reply(404, nothing).run(&["write", "a", "x=y"]);
    assert_eq!(
        outcome.stderr,
        format!(
            "Error writing data to a: Error making API request.\n\nURL: PUT {}/v1/a\nCode: 404. Errors:\n\n\n",
            outcome.url
        )
    );
}

#[test]
fn refusals_name_the_path() {
    for (words, start) in [
        (&["read", "a"][..], "Error reading a: Error making API request."),
        (&["write", "a", "x=y"], "Error writing data to a: Error making"),
        (&["list", "a"], "Error listing a: Error making"),
        (&["delete", "a"], "Error deleting a: Error making"),
    ] {
        let outcome = cli().reply(403, r#"{"errors":["permission denied"]}"#).run(words);
        assert_eq!((outcome.code, outcome.stdout.as_str()), (2, ""));
        assert!(outcome.stderr.starts_with(start), "{}", outcome.stderr);
        assert!(
            outcome.stderr.ends_with("Code: 403. Errors:\n\n* permission denied\n"),
            "{}",
            outcome.stderr
        );
    }
}

#[test]
fn reads_and_deletes_send_pairs_as_query() {
    cli().reply(200, SECRET).run(&["read", "a", "x=1", "b=c d", "x=2"]).sent(&["GET /v1/a?b=c+d&x=1&x=2"]);
    cli()
        .reply(204, "")
        .run(&["delete", "a", "x=1"])
        .is(0, "Success! Data deleted (if it existed) at: a\n", "")
        .sent(&["DELETE /v1/a?x=1"]);
    cli().reply(204, "").run(&["delete", "-format=json", "a"]).is(0, "", "");
}

#[test]
fn writing_sends_texts_and_prints_an_answer_if_there_is_one() {
    let outcome = cli().reply(204, "").run(&["write", "a/b", "n=1", "l=x", "l=y"]);
    outcome.is(0, "Success! Data written to: a/b\n", "").sent(&[r#"PUT /v1/a/b {"l":["x","y"],"n":"1"}"#]);
    cli()
        .reply(204, "")
        .run(&["write", "-force", "a"])
        .is(0, "Success! Data written to: a\n", "")
        .sent(&["PUT /v1/a null"]);
    cli().reply(204, "").run(&["write", "-format=json", "a", "x=y"]).is(0, "", "");
    let hash = r#"{"data":{"hash":"h"}}"#;
    cli().reply(200, hash).run(&["write", "sys/audit-hash/file", "input=x"]).is(
        0,
        "Key     Value\n---     -----\nhash    h\n",
        "",
    );
    cli().run(&["write", "a"]).is(1, "", "Must supply data or use -force\n");
    cli().run(&["write"]).is(1, "", "Not enough arguments (expected 1, got 0)\n");
}

#[test]
fn listing_prints_names() {
    let keys = r#"{"data":{"keys":["a","b/"]}}"#;
    cli()
        .reply(200, keys)
        .run(&["list", "p/"])
        .is(0, "Keys\n----\na\nb/\n", "")
        .sent(&["GET /v1/p?list=true"]);
    cli().reply(200, keys).run(&["list", "-format=json", "p"]).is(0, "[\n  \"a\",\n  \"b/\"\n]\n", "");
    cli().reply(200, keys).run(&["list", "-format=yaml", "p"]).is(0, "- a\n- b/\n", "");
    cli().run(&["list", "a", "b"]).is(1, "", "Too many arguments (expected 1, got 2)\n");
}

#[test]
fn warnings_go_to_standard_error_in_a_table_only() {
    let body = r#"{"data":{"a":"b"},"warnings":["one two three four five six seven eight nine ten eleven twelve thirteen fourteen"]}"#;
    let text = "WARNING! The following warnings were returned from Vault:\n\n  * one two three four five six seven eight nine ten eleven twelve thirteen\n  fourteen\n\n";
    cli().reply(200, body).run(&["read", "a"]).is(0, "Key    Value\n---    -----\na      b\n", text);
    let outcome = cli().reply(200, body).run(&["read", "-format=json", "a"]);
    assert_eq!(outcome.stderr, "");
}

#[test]
fn a_wrapped_answer_shows_where_it_waits() {
    let body = r#"{"request_id":"","data":null,"wrap_info":{"token":"w","accessor":"a","ttl":60,"creation_time":"2026-11-22T10:31:45.969147648Z","creation_path":"a/b"}}"#;
    let table = "Key                              Value\n---                              -----\nwrapping_token:                  w\nwrapping_accessor:               a\nwrapping_token_ttl:              1m\nwrapping_token_creation_time:    2026-11-22 10:31:45.969147648 +0000 UTC\nwrapping_token_creation_path:    a/b\n";
    cli().reply(200, body).run(&["read", "-wrap-ttl=1m", "a/b"]).is(0, table, "");
    cli().reply(200, body).run(&["read", "-field=wrapping_token", "-wrap-ttl=1m", "a/b"]).is(0, "w", "");
}

#[test]
fn paths_that_climb_are_refused() {
    for words in [
        &["read", "../sys/health"][..],
        &["write", "a/../b", "x=y"],
        &["kv", "get", "-mount=..", "a"],
        &["list", "./a"],
    ] {
        let outcome = cli().run(words);
        assert_eq!((outcome.code, outcome.sent.len()), (1, 0), "{words:?}");
        assert!(outcome.stderr.starts_with("Invalid path \""), "{}", outcome.stderr);
    }
    let outcome = cli().run(&["policy", "read", "../x"]);
    assert_eq!((outcome.code, outcome.sent.len()), (2, 0));
}

#[test]
fn patching_sends_a_merge_patch() {
    let outcome = cli().reply(204, "").run(&["patch", "pki/roles/web", "ttl=24h"]);
    outcome
        .is(0, "Success! Data written to: pki/roles/web\n", "")
        .sent(&[r#"PATCH /v1/pki/roles/web {"ttl":"24h"}"#]);
    assert_eq!(outcome.sent[0].header("content-type"), Some("application/merge-patch+json"));
    cli().run(&["patch", "a"]).is(1, "", "Must supply data or use -force\n");
    let outcome = cli().reply(405, r#"{"errors":["1 error occurred:\n\t* unsupported operation\n\n"]}"#);
    let outcome = outcome.run(&["patch", "a", "b=c"]);
    assert!(outcome.stderr.starts_with("Error writing data to a: Error making"), "{}", outcome.stderr);
}
