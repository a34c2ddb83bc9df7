//! `kv`, for both versions of the engine.

use super::kit::cli;

const VERSION: &str = r#"{"request_id":"r","data":{"created_time":"2026-11-22T10:00:00Z","custom_metadata":null,"deletion_time":"","destroyed":false,"version":1}}"#;
const SECRET: &str = r#"{"request_id":"r","data":{"data":{"foo":"bar"},"metadata":{"created_time":"2026-11-22T10:00:00Z","custom_metadata":null,"deletion_time":"","destroyed":false,"version":3}}}"#;
const DELETED: &str = r#"{"request_id":"r","data":{"data":null,"metadata":{"created_time":"2026-11-22T10:00:00Z","custom_metadata":null,"deletion_time":"2026-11-22T11:00:00Z","destroyed":false,"version":3}}}"#;
const METADATA: &str = "======= Metadata =======\nKey                Value\n---                -----\ncreated_time       2026-11-22T10:00:00Z\ncustom_metadata    <nil>\ndeletion_time      n/a\ndestroyed          false\n";

#[test]
fn put_shows_path_and_metadata() {
    let expected = format!("== Secret Path ==\nkv2/data/app\n\n{METADATA}version            1\n");
    cli()
        .kv_mount("kv2/", 2)
        .reply(200, VERSION)
        .run(&["kv", "put", "-cas=0", "kv2/app", "foo=bar"])
        .is(0, &expected, "")
        .sent(&[
            "GET /v1/sys/internal/ui/mounts/kv2/app",
            r#"PUT /v1/kv2/data/app {"data":{"foo":"bar"},"options":{"cas":0}}"#,
        ]);
    cli()
        .kv_mount("kv2/", 2)
        .reply(200, VERSION)
        .run(&["kv", "put", "-mount=kv2", "-field=version", "app", "foo=bar"])
        .is(0, "1", "")
        .sent(&[
            "GET /v1/sys/internal/ui/mounts/kv2",
            r#"PUT /v1/kv2/data/app {"data":{"foo":"bar"},"options":{}}"#,
        ]);
    cli()
        .kv_mount("kv1/", 1)
        .reply(204, "")
        .run(&["kv", "put", "-cas=1", "kv1/app", "foo=bar"])
        .is(0, "Success! Data written to: kv1/app\n", "")
        .sent(&["GET /v1/sys/internal/ui/mounts/kv1/app", r#"PUT /v1/kv1/app {"foo":"bar"}"#]);
}

#[test]
fn get_shows_path_metadata_and_data() {
    let expected = format!(
        "== Secret Path ==\nkv2/data/app\n\n{METADATA}version            3\n\n=== Data ===\nKey    Value\n---    -----\nfoo    bar\n"
    );
    let get = |words: &[&str]| cli().kv_mount("kv2/", 2).reply(200, SECRET).run(words);
    get(&["kv", "get", "kv2/app"]).is(0, &expected, "");
    get(&["kv", "get", "-version=3", "-field=foo", "kv2/app"])
        .is(0, "bar", "")
        .sent(&["GET /v1/sys/internal/ui/mounts/kv2/app", "GET /v1/kv2/data/app?version=3"]);
    get(&["kv", "get", "-field=zz", "kv2/app"]).is(1, "", "Field \"zz\" not present in secret\n");
    let json = get(&["kv", "get", "-format=json", "kv2/app"]);
    assert!(
        json.stdout.contains("\"data\": {\n    \"data\": {\n      \"foo\": \"bar\"\n    }"),
        "{}",
        json.stdout
    );
}

#[test]
fn get_of_version_1_shows_the_data_alone() {
    let leased = r#"{"request_id":"r","lease_duration":2764800,"data":{"foo":"bar"}}"#;
    let get = |words: &[&str]| cli().kv_mount("kv1/", 1).reply(200, leased).run(words);
    get(&["kv", "get", "kv1/app"]).is(0, "=== Data ===\nKey    Value\n---    -----\nfoo    bar\n", "");
    get(&["kv", "get", "-field=foo", "kv1/app"]).is(0, "bar", "");
}

#[test]
fn get_of_a_deleted_version_shows_its_metadata() {
    let get = |words: &[&str]| cli().kv_mount("kv2/", 2).reply(404, DELETED).run(words);
    let outcome = get(&["kv", "get", "kv2/app"]);
    assert_eq!((outcome.code, outcome.stderr.as_str()), (0, ""));
    assert!(outcome.stdout.ends_with("version            3\n\n"), "{}", outcome.stdout);
    get(&["kv", "get", "-field=foo", "kv2/app"]).is(2, "", "No data found at kv2/data/app\n");
}

#[test]
fn absent_secrets_and_mounts_are_told() {
    let nothing = r#"{"errors":[]}"#;
    let kv = || cli().kv_mount("kv2/", 2).reply(404, nothing);
    kv().run(&["kv", "get", "kv2/app"]).is(2, "", "No value found at kv2/data/app\n");
    kv().run(&["kv", "list", "kv2/app/"])
        .is(2, "", "No value found at kv2/metadata/app\n")
        .sent(&["GET /v1/sys/internal/ui/mounts/kv2/app", "GET /v1/kv2/metadata/app?list=true"]);
    kv().run(&["kv", "list", "-format=json", "kv2/app"]).is(2, "{}\n", "");
    let text = "preflight capability check returned 403, please ensure client's policies grant access to path \\\"nosuch/app/\\\"";
    let outcome = cli().reply(403, &format!(r#"{{"errors":["{text}"]}}"#)).run(&["kv", "get", "nosuch/app"]);
    let error = outcome.refusal("GET", "/v1/sys/internal/ui/mounts/nosuch/app", 403, &text.replace('\\', ""));
    let ours = "No secrets engine that this token may use is mounted at \"nosuch/app\".";
    outcome.is(2, "", &format!("{error}\n{ours} \"secrets list\" lists all mounts.\n"));
}

#[test]
fn every_kv_command_names_the_mounts_that_there_are_when_there_is_none_at_its_path() {
    let refusal = r#"{"errors":["preflight capability check returned 403, please ensure client's policies grant access to path \"nosuch/app/\""]}"#;
    let mounts = r#"{"data":{"auth":{},"secret":{"cubbyhole/":{"type":"cubbyhole"},"secret/":{"type":"kv"},"team/kv/":{"type":"kv"}}}}"#;
    for words in [
        &["kv", "get", "nosuch/app"][..],
        &["kv", "put", "nosuch/app", "a=b"],
        &["kv", "patch", "nosuch/app", "a=b"],
        &["kv", "list", "nosuch/app"],
        &["kv", "delete", "nosuch/app"],
        &["kv", "undelete", "-versions=1", "nosuch/app"],
        &["kv", "destroy", "-versions=1", "nosuch/app"],
        &["kv", "rollback", "-version=1", "nosuch/app"],
        &["kv", "metadata", "get", "nosuch/app"],
        &["kv", "metadata", "put", "-max-versions=1", "nosuch/app"],
        &["kv", "metadata", "delete", "nosuch/app"],
    ] {
        let outcome = cli().reply(403, refusal).reply(200, mounts).run(words);
        assert_eq!(outcome.code, 2, "{words:?}: {}", outcome.stderr);
        let ours = "\n\nNo secrets engine that this token may use is mounted at \"nosuch/app\". It may use the key/value engines at secret/, team/kv/. \"secrets list\" lists all mounts.\n";
        assert!(outcome.stderr.ends_with(ours), "{words:?}: {}", outcome.stderr);
    }
}

#[test]
fn the_root_of_a_mount_is_warned_about() {
    let warning = "Non-listing operations on the root of a K/V v2 mount are not supported.\n";
    cli().kv_mount("kv2/", 2).run(&["kv", "get", "kv2/"]).is(0, "", warning);
    let outcome = cli().kv_mount("kv2/", 2).reply(404, r#"{"errors":[]}"#).run(&["kv", "put", "kv2", "a=b"]);
    assert_eq!((outcome.code, outcome.sent[1].target.as_str()), (2, "/v1/kv2/data"));
    assert!(outcome.stderr.starts_with(warning), "{}", outcome.stderr);
    let keys = r#"{"data":{"keys":["app"]}}"#;
    cli().kv_mount("kv2/", 2).reply(200, keys).run(&["kv", "list", "kv2"]).is(0, "Keys\n----\napp\n", "");
}

#[test]
fn wrong_words_are_told_before_anything_is_sent() {
    for (words, text) in [
        (&["kv", "put", "kv/a"][..], "Must supply data\n"),
        (&["kv", "put"], "Not enough arguments (expected >1, got 0)\n"),
        (&["kv", "patch", "kv/a"], "Must supply data\n"),
        (&["kv", "patch"], "Not enough arguments (expected >1, got 0)\n"),
        (&["kv", "get"], "Not enough arguments (expected 1, got 0)\n"),
        (
            &["kv", "undelete", "kv/a"],
            "No versions provided, use the \"-versions\" flag to specify the version to undelete.\n",
        ),
        (
            &["kv", "destroy", "kv/a"],
            "No versions provided, use the \"-versions\" flag to specify the version to destroy.\n",
        ),
        (&["kv", "rollback", "kv/a"], "Version flag must be specified\n"),
        (&["kv", "rollback"], "Invalid number of arguments (expected 1, got 0)\n"),
    ] {
        cli().run(words).is(1, "", text).sent(&[]);
    }
}

#[test]
fn version_one_refuses_what_only_version_two_can() {
    for (words, code, text) in [
        (&["kv", "patch", "kv1/a", "x=y"][..], 2, "K/V engine mount must be version 2 for patch support\n"),
        (
            &["kv", "rollback", "-version=1", "kv1/a"],
            2,
            "K/V engine mount must be version 2 for rollback support\n",
        ),
        (&["kv", "undelete", "-versions=1", "kv1/a"], 1, "Undelete not supported on KV Version 1\n"),
        (&["kv", "destroy", "-versions=1", "kv1/a"], 1, "Destroy not supported on KV Version 1\n"),
        (&["kv", "metadata", "get", "kv1/a"], 1, "Metadata not supported on KV Version 1\n"),
        (&["kv", "metadata", "put", "kv1/a"], 1, "Metadata not supported on KV Version 1\n"),
    ] {
        cli().kv_mount("kv1/", 1).run(words).is(code, "", text);
    }
}

#[test]
fn versions_are_deleted_undeleted_and_destroyed() {
    let kv = || cli().kv_mount("kv2/", 2).reply(204, "");
    let deleted = "Success! Data deleted (if it existed) at: kv2/data/app\n";
    let requests = |words: &[&str], stdout: &str| {
        let outcome = kv().run(words);
        outcome.is(0, stdout, "");
        outcome.requests()[1].clone()
    };
    assert_eq!(requests(&["kv", "delete", "kv2/app"], deleted), "DELETE /v1/kv2/data/app");
    assert_eq!(
        requests(&["kv", "delete", "-versions=1,2", "kv2/app"], deleted),
        r#"PUT /v1/kv2/delete/app {"versions":["1","2"]}"#
    );
    assert_eq!(
        requests(
            &["kv", "undelete", "-versions=1", "-versions=2", "kv2/app"],
            "Success! Data written to: kv2/undelete/app\n"
        ),
        r#"PUT /v1/kv2/undelete/app {"versions":["1","2"]}"#
    );
    assert_eq!(
        requests(&["kv", "destroy", "-versions=1", "kv2/app"], "Success! Data written to: kv2/destroy/app\n"),
        r#"PUT /v1/kv2/destroy/app {"versions":["1"]}"#
    );
    assert_eq!(
        requests(
            &["kv", "metadata", "delete", "kv2/app"],
            "Success! Data deleted (if it existed) at: kv2/metadata/app\n"
        ),
        "DELETE /v1/kv2/metadata/app"
    );
}

#[test]
fn patching_sends_a_merge_patch_or_reads_and_writes() {
    let outcome = cli().kv_mount("kv2/", 2).reply(200, VERSION).run(&[
        "kv",
        "patch",
        "-remove-data=old",
        "kv2/app",
        "a=b",
    ]);
    assert_eq!(outcome.code, 0);
    assert_eq!(outcome.requests()[1], r#"PATCH /v1/kv2/data/app {"data":{"a":"b","old":null},"options":{}}"#);
    assert_eq!(outcome.sent[1].header("content-type"), Some("application/merge-patch+json"));
    let rewritten = r#"PUT /v1/kv2/data/app {"data":{"a":"b","foo":"bar"},"options":{"cas":3}}"#;
    let outcome = cli().kv_mount("kv2/", 2).reply(200, SECRET).reply(200, VERSION).run(&[
        "kv",
        "patch",
        "-method=rw",
        "kv2/app",
        "a=b",
    ]);
    assert_eq!(outcome.requests()[1..], ["GET /v1/kv2/data/app", rewritten]);
    let outcome = cli()
        .kv_mount("kv2/", 2)
        .reply(405, r#"{"errors":["1 error occurred:\n\t* unsupported operation\n\n"]}"#)
        .reply(200, SECRET)
        .reply(200, VERSION)
        .run(&["kv", "patch", "kv2/app", "a=b"]);
    assert_eq!(outcome.requests()[3], rewritten);
    let absent = r#"{"request_id":"r","data":null}"#;
    let outcome = cli().kv_mount("kv2/", 2).reply(404, absent).run(&["kv", "patch", "kv2/app", "a=b"]);
    assert_eq!(outcome.code, 2);
    assert!(outcome.stderr.ends_with("Code: 404. Raw Message:\n\n\n"), "{:?}", outcome.stderr);
}

#[test]
fn rolling_back_writes_an_older_version_as_new() {
    let older = SECRET.replace("bar", "old");
    let outcome = cli().kv_mount("kv2/", 2).reply(200, SECRET).reply(200, &older).reply(200, VERSION).run(&[
        "kv",
        "rollback",
        "-version=1",
        "kv2/app",
    ]);
    assert_eq!(
        outcome.requests()[1..],
        [
            "GET /v1/kv2/data/app",
            "GET /v1/kv2/data/app?version=1",
            r#"PUT /v1/kv2/data/app {"data":{"foo":"old"},"options":{"cas":3}}"#
        ]
    );
    assert!(outcome.stdout.starts_with("Key                Value\n"), "no banner: {}", outcome.stdout);
    let text = "Cannot roll back to a version that has been deleted\n";
    cli()
        .kv_mount("kv2/", 2)
        .reply(200, SECRET)
        .reply(404, DELETED)
        .run(&["kv", "rollback", "-version=1", "kv2/app"])
        .is(2, "", text);
}

#[test]
fn metadata_is_shown_with_a_banner_a_version_and_written() {
    let body = r#"{"data":{"cas_required":false,"current_version":10,"versions":{"10":{"destroyed":false},"9":{"destroyed":true}}}}"#;
    let expected = "= Metadata Path =\nkv2/metadata/app\n\n======= Metadata =======\nKey                Value\n---                -----\ncas_required       false\ncurrent_version    10\n\n==== Version 9 ====\nKey          Value\n---          -----\ndestroyed    true\n\n=== Version 10 ===\nKey          Value\n---          -----\ndestroyed    false\n";
    let outcome = cli().kv_mount("kv2/", 2).reply(200, body).run(&["kv", "metadata", "get", "kv2/app"]);
    outcome.is(0, expected, "");
    let words = [
        "kv",
        "metadata",
        "put",
        "-max-versions=5",
        "-cas-required",
        "-delete-version-after=1d",
        "-custom-metadata=a=b",
        "kv2/app",
    ];
    let outcome = cli().kv_mount("kv2/", 2).reply(204, "").run(&words);
    outcome.is(0, "Success! Data written to: kv2/metadata/app\n", "");
    assert_eq!(
        outcome.requests()[1],
        r#"PUT /v1/kv2/metadata/app {"cas_required":true,"custom_metadata":{"a":"b"},"delete_version_after":"24h0m0s","max_versions":5}"#
    );
    let words = ["kv", "metadata", "patch", "-remove-custom-metadata=x", "-custom-metadata=a=b", "kv2/app"];
    let outcome = cli().kv_mount("kv2/", 2).reply(204, "").run(&words);
    assert_eq!(outcome.requests()[1], r#"PATCH /v1/kv2/metadata/app {"custom_metadata":{"a":"b","x":null}}"#);
}
