//! `operator rekey` and `operator generate-root`.

use super::kit::cli;

const IDLE: &str = r#"{"backup":false,"n":0,"nonce":"","pgp_fingerprints":null,"progress":0,"required":2,"started":false,"t":0,"verification_required":false}"#;
const BEGUN: &str = r#"{"backup":false,"n":3,"nonce":"n1","pgp_fingerprints":null,"progress":1,"required":2,"started":true,"t":2,"verification_required":false}"#;
const BEGUN_TABLE: &str = "Key                      Value\n---                      -----\nNonce                    n1\nStarted                  true\nRekey Progress           1/2\nNew Shares               3\nNew Threshold            2\nVerification Required    false\n";
const DONE: &str = r#"{"backup":false,"complete":true,"keys":["aa","bb","cc"],"keys_base64":["qg==","uw==","zA=="],"n":3,"nonce":"n1","pgp_fingerprints":null,"t":2,"verification_required":false}"#;

#[test]
fn a_rekey_is_begun_shown_and_cancelled() {
    let words = ["operator", "rekey", "-init", "-n=3", "-key-threshold=2"];
    let outcome = cli().reply(200, BEGUN).run(&words);
    assert_eq!((outcome.code, outcome.stdout.as_str()), (0, BEGUN_TABLE));
    assert!(outcome.stderr.starts_with("WARNING! The new key shares are printed once"), "{}", outcome.stderr);
    outcome.sent(&[
        r#"PUT /v1/sys/rekey/init {"require_verification":false,"secret_shares":3,"secret_threshold":2}"#,
    ]);
    assert_eq!(outcome.sent[0].header("x-vault-token"), Some("t0k"), "it protects the attempt");
    let outcome = cli().reply(200, BEGUN).run(&["operator", "rekey", "-init", "-verify"]);
    outcome.is(0, BEGUN_TABLE, "").sent(&[
        r#"PUT /v1/sys/rekey/init {"require_verification":true,"secret_shares":5,"secret_threshold":3}"#,
    ]);
    let outcome = cli().reply(200, BEGUN).run(&["operator", "rekey", "-status"]);
    outcome.is(0, BEGUN_TABLE, "").sent(&["GET /v1/sys/rekey/init"]);
    let idle = "Key        Value\n---        -----\nNonce      n/a\nStarted    false\n";
    cli().reply(200, IDLE).run(&["operator", "rekey", "-status"]).is(0, idle, "");
    let outcome = cli().reply(200, BEGUN).run(&["operator", "rekey", "-status", "-format=json"]);
    let keys: Vec<&str> = outcome.stdout.lines().filter_map(|line| line.trim().split('"').nth(1)).collect();
    let order = ["nonce", "started", "t", "n", "progress", "required", "pgp_fingerprints", "backup"];
    assert_eq!(keys[..8], order);
    cli().reply(200, BEGUN).run(&["operator", "rekey", "-status", "-field=nonce"]).is(0, "n1", "");
    let cancelled = "Success! Canceled rekeying (if it was started)\n";
    let outcome = cli().reply(204, "").run(&["operator", "rekey", "-cancel"]);
    outcome.is(0, cancelled, "").sent(&["DELETE /v1/sys/rekey/init"]);
    let outcome = cli().reply(204, "").run(&["operator", "rekey", "-cancel", "-nonce=n1"]);
    outcome.is(0, cancelled, "").sent(&[r#"DELETE /v1/sys/rekey/init {"nonce":"n1"}"#]);
}

#[test]
fn the_last_share_of_a_rekey_prints_the_new_ones() {
    let update = r#"PUT /v1/sys/rekey/update {"key":"share","nonce":"n1"}"#;
    for (words, stdin) in [
        (&["operator", "rekey", "-nonce=n1", "share"][..], ""),
        (&["operator", "rekey", "-nonce=n1", "-"], "share\n"),
    ] {
        let outcome = cli().stdin(stdin).reply(200, BEGUN).reply(200, BEGUN).run(words);
        outcome.is(0, BEGUN_TABLE, "").sent(&["GET /v1/sys/rekey/init", update]);
    }
    let words = ["operator", "rekey", "-nonce=n1", "share"];
    let outcome = cli().reply(200, BEGUN).reply(200, DONE).run(&words);
    let start = "Key 1: qg==\nKey 2: uw==\nKey 3: zA==\n\nOperation nonce: n1\n\n3 new key shares are in force; any 2";
    assert!(outcome.code == 0 && outcome.stdout.starts_with(start), "{}", outcome.stdout);
    assert!(outcome.stdout.lines().all(|line| line.chars().count() <= 78), "{}", outcome.stdout);
    let json = ["operator", "rekey", "-format=json", "-nonce=n1", "share"];
    let outcome = cli().reply(200, BEGUN).reply(200, DONE).run(&json);
    assert!(outcome.stdout.contains("\"keys_base64\": [\n    \"qg==\","), "{}", outcome.stdout);
}

#[test]
fn a_rekey_that_wants_verification_says_how() {
    let done = DONE.replace(
        r#""verification_required":false"#,
        r#""verification_nonce":"v1","verification_required":true"#,
    );
    let outcome = cli().reply(200, BEGUN).reply(200, &done).run(&["operator", "rekey", "-nonce=n1", "share"]);
    let told = "\nVerification nonce: v1\n\n3 new key shares are made, and the old ones are still in force.";
    assert!(outcome.stdout.contains(told), "{}", outcome.stdout);
    assert!(outcome.stdout.replace('\n', " ").contains("onrecord operator rekey -verify -nonce=v1"));

    let waiting = r#"{"n":3,"nonce":"v1","progress":1,"started":true,"t":2}"#;
    let table = "Key                      Value\n---                      -----\nNonce                    v1\nStarted                  true\nNew Shares               3\nNew Threshold            2\nVerification Progress    1/2\n";
    let words = ["operator", "rekey", "-verify", "-nonce=v1", "qg=="];
    let outcome = cli().reply(200, waiting).reply(200, waiting).run(&words);
    outcome
        .is(0, table, "")
        .sent(&["GET /v1/sys/rekey/verify", r#"PUT /v1/sys/rekey/verify {"key":"qg==","nonce":"v1"}"#]);
    let outcome = cli().reply(200, waiting).reply(200, r#"{"complete":true,"nonce":"v1"}"#).run(&words);
    assert!(outcome.stdout.starts_with("Success! Rekey verification is complete"), "{}", outcome.stdout);
    cli().reply(200, waiting).run(&["operator", "rekey", "-verify", "-status"]).is(0, table, "");
    let outcome = cli().reply(200, waiting).run(&["operator", "rekey", "-verify", "-cancel"]);
    outcome.sent(&["DELETE /v1/sys/rekey/verify"]);
}

const ROOT: &str = r#"{"complete":false,"encoded_root_token":"","encoded_token":"","nonce":"n2","otp":"","otp_length":26,"pgp_fingerprint":"","progress":0,"required":2,"started":true}"#;
const ROOT_ROWS: &str =
    "Nonce         n2\nStarted       true\nProgress      0/2\nComplete      false\nOTP Length    26\n";

#[test]
fn a_root_token_is_made_with_a_password_of_the_server_or_of_the_caller() {
    let made = ROOT.replace(r#""otp":"""#, r#""otp":"ygs0vL8GIxu0AjRVEmJ5jLCVq8""#);
    let outcome = cli().reply(200, &made).run(&["operator", "generate-root", "-init"]);
    assert!(outcome.stdout.contains("OTP           ygs0vL8GIxu0AjRVEmJ5jLCVq8\n"), "{}", outcome.stdout);
    assert!(outcome.stderr.starts_with("The server made a one-time password"), "{}", outcome.stderr);
    outcome.sent(&[r#"PUT /v1/sys/generate-root/attempt {"otp":""}"#]);
    let words = ["operator", "generate-root", "-init", "-otp=ygs0vL8GIxu0AjRVEmJ5jLCVq8"];
    let outcome = cli().reply(200, ROOT).run(&words);
    outcome
        .is(0, ROOT_ROWS, "")
        .sent(&[r#"PUT /v1/sys/generate-root/attempt {"otp":"ygs0vL8GIxu0AjRVEmJ5jLCVq8"}"#]);
    let outcome = cli().reply(200, ROOT).run(&["operator", "generate-root", "-status"]);
    outcome.is(0, ROOT_ROWS, "").sent(&["GET /v1/sys/generate-root/attempt"]);
    let done = ROOT.replace("false", "true").replace(r#""encoded_token":"""#, r#""encoded_token":"MkxI""#);
    let words = ["operator", "generate-root", "-nonce=n2", "-"];
    let outcome = cli().stdin("share\n").reply(200, ROOT).reply(200, &done).run(&words);
    assert!(outcome.stdout.contains("Encoded Token    MkxI\n"), "{}", outcome.stdout);
    outcome.sent(&[
        "GET /v1/sys/generate-root/attempt",
        r#"PUT /v1/sys/generate-root/update {"key":"share","nonce":"n2"}"#,
    ]);
    let outcome = cli().reply(204, "").run(&["operator", "generate-root", "-cancel"]);
    outcome
        .is(0, "Success! Root token generation canceled (if it was started)\n", "")
        .sent(&["DELETE /v1/sys/generate-root/attempt"]);
}

#[test]
fn a_root_token_is_decoded_without_a_server() {
    let decode = ["operator", "generate-root", "-decode=MkxI", "-otp=Ab0"];
    cli().no_server().run(&decode).is(0, "s.x\n", "");
    let words = ["operator", "generate-root", "-format=json", "-decode=-", "-otp=Ab0"];
    cli().stdin("MkxI\n").run(&words).is(0, "{\n  \"token\": \"s.x\"\n}\n", "");
    let words = ["operator", "generate-root", "-decode=MkxI"];
    cli().run(&words).is(1, "", "Missing otp: use -otp to supply it\n");
    let outcome = cli().run(&["operator", "generate-root", "-decode=MkxI", "-otp=Ab01"]);
    assert!(
        outcome.code == 1 && outcome.stderr.starts_with("Error decoding root token: "),
        "{}",
        outcome.stderr
    );
    let status = ROOT.replace("26", "28");
    let outcome = cli().reply(200, &status).run(&["operator", "generate-root", "-generate-otp"]);
    let otp = outcome.stdout.trim_end();
    assert!(otp.len() == 28 && otp.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{otp}");
}

#[test]
fn a_ceremony_refuses_what_it_cannot_do() {
    for (words, reply, text) in [
        (
            &["operator", "rekey", "share"][..],
            Some(BEGUN),
            "Missing nonce value: specify it via the -nonce flag.",
        ),
        (
            &["operator", "generate-root", "-"],
            Some(ROOT),
            "Missing nonce value: specify it via the -nonce flag.",
        ),
        (&["operator", "rekey", "-init", "-status"], None, "Give only one of -init and -status."),
        (
            &["operator", "rekey"],
            Some(IDLE),
            "No rekey is in progress. Start one by running \"onrecord operator rekey",
        ),
        (&["operator", "rekey", "-init", "x"], None, "Too many arguments (expected 0, got 1)"),
        (
            &["operator", "rekey", "-target=recovery", "-init"],
            None,
            "-target=recovery of \"onrecord operator rekey\" is not supported by OnRecord: ",
        ),
        (&["operator", "rekey", "-target=x"], None, "Invalid target \"x\". Accepted: barrier."),
        (
            &["operator", "rekey", "-init", "-pgp-keys=keybase:x"],
            None,
            "-pgp-keys of \"onrecord operator rekey\" is not supported by OnRecord: ",
        ),
        (
            &["operator", "rekey", "-backup-retrieve"],
            None,
            "-backup-retrieve of \"onrecord operator rekey\" is not supported by OnRecord: ",
        ),
        (
            &["operator", "generate-root", "-init", "-pgp-key=k"],
            None,
            "-pgp-key of \"onrecord operator generate-root\" is not supported by OnRecord: ",
        ),
        (
            &["operator", "generate-root", "-dr-token", "-init"],
            None,
            "-dr-token of \"onrecord operator generate-root\" is not supported by OnRecord: ",
        ),
        (
            &["operator", "init", "-root-token-pgp-key=k"],
            None,
            "-root-token-pgp-key of \"onrecord operator init\" is not supported by OnRecord: ",
        ),
        (
            &["operator", "unseal", "-migrate", "k"],
            None,
            "-migrate of \"onrecord operator unseal\" is not supported by OnRecord: ",
        ),
    ] {
        let test = reply.map_or_else(cli, |reply| cli().reply(200, reply));
        let outcome = test.run(words);
        assert_eq!((outcome.code, outcome.stdout.as_str()), (1, ""), "{words:?}");
        assert!(outcome.stderr.starts_with(text), "{words:?}: {}", outcome.stderr);
        assert!(outcome.sent.iter().all(|sent| sent.method == "GET"), "{words:?}");
    }
    // A flag that is switched off is not given.
    cli().reply(200, BEGUN).run(&["operator", "rekey", "-status", "-backup=false"]).is(0, BEGUN_TABLE, "");
    let outcome = cli().reply(200, BEGUN).run(&["operator", "rekey"]);
    assert_eq!(
        (outcome.code, outcome.stdout.as_str()),
        (1, "Operation nonce: n1\nUnseal Key (will be hidden): \n")
    );
    assert!(outcome.stderr.contains("file descriptor 0 is not a terminal"), "{}", outcome.stderr);
}

#[test]
fn a_ceremony_is_shown_as_a_request() {
    let words = ["operator", "rekey", "-output-curl-string", "-nonce=n1", "share"];
    let outcome = cli().reply(200, BEGUN).run(&words);
    assert!(outcome.stdout.contains("/v1/sys/rekey/update\""), "{}", outcome.stdout);
    outcome.sent(&["GET /v1/sys/rekey/init"]);
}

#[test]
fn key_shares_are_changed_with_a_token_by_another_spelling() {
    let update = r#"PUT /v1/sys/rotate/root/update {"key":"share","nonce":"n1"}"#;
    let words = ["operator", "rotate-keys", "-nonce=n1", "share"];
    let outcome = cli().reply(200, BEGUN).reply(200, BEGUN).run(&words);
    outcome.is(0, BEGUN_TABLE, "").sent(&["GET /v1/sys/rotate/root/init", update]);
    let outcome = cli().reply(200, BEGUN).run(&["operator", "rotate-keys", "-init", "-verify"]);
    outcome.sent(&[
        r#"PUT /v1/sys/rotate/root/init {"require_verification":true,"secret_shares":5,"secret_threshold":3}"#,
    ]);
    let waiting = r#"{"n":3,"nonce":"v1","progress":1,"started":true,"t":2}"#;
    let outcome = cli().reply(200, waiting).run(&["operator", "rotate-keys", "-verify", "-status"]);
    outcome.sent(&["GET /v1/sys/rotate/root/verify"]);
}
