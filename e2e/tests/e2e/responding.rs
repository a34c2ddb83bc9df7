//! docs/RESPONDING.md: a token is stolen, used from another address, issues others and is revoked; and each block of commands of the
//! document, run as it is printed, finds who, when, what, the children, and what to rotate. A question about the token leaves it in no log.

use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;

use onrecord_e2e::http::send_from;
use onrecord_e2e::place::Place;
use onrecord_e2e::process::Server;
use onrecord_e2e::shell::Shell;
use serde_json::{Value, json};

const THIEF: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));
const POLICY: &str = r#"path "secret/data/app" { capabilities = ["read"] }
path "transit/decrypt/app" { capabilities = ["update"] }
path "auth/token/create" { capabilities = ["update"] }
path "auth/token/create-orphan" { capabilities = ["update", "sudo"] }"#;

/// A request of the thief, with its status and answer.
fn steal(server: &Server, token: &str, method: &str, path: &str, body: Option<Value>) -> (u16, Value) {
    let body = body.map(|body| body.to_string().into_bytes());
    let headers = [("X-Vault-Token", token)];
    let sent = send_from(THIEF, server.addr, method, &format!("/v1/{path}"), &headers, body.as_deref());
    let answer = sent.expect("an answer");
    (answer.status, serde_json::from_slice(&answer.body).unwrap_or(Value::Null))
}

fn token_of(answer: &Value) -> String {
    answer["auth"]["client_token"].as_str().expect("a token").to_owned()
}

/// The blocks of the document that are to be run.
fn blocks() -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/RESPONDING.md");
    let text = std::fs::read_to_string(path).expect("the document");
    let parts = text.split("```sh\n").skip(1);
    parts.map(|part| part.split_once("```").expect("the end of a block").0.to_owned()).collect()
}

/// Runs the next block, which must hold these words, and gives its output.
struct Runbook {
    blocks: std::vec::IntoIter<String>,
}

impl Runbook {
    fn next(&mut self, shell: &Shell, holds: &str) -> String {
        let block = self.blocks.next().expect("a further block");
        assert!(block.contains(holds), "expected {holds}: {block}");
        shell.does(&format!("set -e\n{block}"))
    }
}

/// A line of an output that has all of these words.
fn has_line(output: &str, words: &[&str]) -> bool {
    output.lines().any(|line| words.iter().all(|word| line.contains(word)))
}

#[test]
#[expect(clippy::too_many_lines, reason = "one story, told in order")]
fn the_runbook_finds_what_a_thief_did_with_a_stolen_token_and_ends_it() {
    let place = Place::new();
    let log = place.path("audit.log");
    let server = Server::dev(&["-dev-audit=off"]);
    server.enable_file("file", &log);
    server.enable_file("second", &place.path("second.log"));
    let log = log.display().to_string();
    let shell = Shell::of(&server).with("LOG", &log).with("LOGS", &format!("{log}*"));
    let shell =
        shell.with("SECRET", "secret/app").with("NEW", "n3w-secret").with("THIEF", &THIEF.to_string());
    let mut runbook = Runbook { blocks: blocks().into_iter() };
    let names = runbook.next(&shell, "log key -keys-only");
    let origin = names.lines().find(|line| line.starts_with("file/")).expect("the device");
    let shell = shell.with("ORIGIN", origin.split_whitespace().nth(1).expect("its origin"));

    // What happened.
    shell.does("onrecord auth enable userpass");
    std::fs::write(shell.home().join("app.hcl"), POLICY).expect("a policy");
    shell.does("onrecord policy write app app.hcl");
    shell.does("onrecord write auth/userpass/users/ann password=pw token_policies=app");
    shell.does("onrecord kv put secret/app password=hunter2");
    shell.does("onrecord kv put secret/payroll iban=DE02");
    shell.does("onrecord secrets enable transit");
    shell.does("onrecord write -f transit/keys/app");
    let sealed = shell.does("onrecord write -field=ciphertext transit/encrypt/app plaintext=aHVudGVyMg==");
    // A wrapped secret that was sent to somebody, and read on the way.
    let wrapping = shell.does("onrecord kv get -wrap-ttl=1h -field=wrapping_token secret/payroll");
    let login = shell.does("VAULT_TOKEN= onrecord write -field=token auth/userpass/login/ann password=pw");
    let stolen = login.trim().to_owned();
    shell.does(&format!("VAULT_TOKEN={stolen} onrecord kv get secret/app"));
    assert_eq!(steal(&server, &stolen, "GET", "secret/data/app", None).0, 200);
    assert_eq!(steal(&server, &stolen, "GET", "secret/data/payroll", None).0, 403);
    let create = |token: &str, name: &str| {
        let body = json!({"policies": ["app"], "display_name": name});
        token_of(&steal(&server, token, "POST", "auth/token/create", Some(body)).1)
    };
    let child = create(&stolen, "backup");
    let grandchild = create(&child, "monitor");
    assert_eq!(steal(&server, &grandchild, "GET", "secret/data/app", None).0, 200);
    assert_eq!(steal(&server, &child, "GET", "secret/data/payroll", None).0, 403);
    let body = json!({"policies": ["app"], "display_name": "orphan"});
    let orphan = token_of(&steal(&server, &stolen, "POST", "auth/token/create-orphan", Some(body)).1);
    let body = json!({"ciphertext": sealed.trim()});
    assert_eq!(steal(&server, &stolen, "POST", "transit/decrypt/app", Some(body)).0, 200);
    assert_eq!(steal(&server, wrapping.trim(), "POST", "sys/wrapping/unwrap", None).0, 200);
    // What happened before is in a rotated file.
    std::fs::rename(&log, format!("{log}.1")).expect("a rename");
    shell.does("onrecord audit reopen");
    // Somebody without rights: the kv command ends at its preflight.
    let stranger = shell.does("onrecord token create -field=token -policy=default -display-name=stranger");
    let refused = shell.refuses(2, &format!("VAULT_TOKEN={} onrecord kv get secret/app", stranger.trim()));
    assert!(refused.contains("preflight"), "{refused}");
    std::fs::write(shell.home().join("leaked.txt"), format!("{stolen}\n")).expect("the text of the token");

    // Which token.
    let found = runbook.next(&shell, "log token - ");
    assert!(has_line(&found, &["name", "userpass-ann"]), "{found}");
    assert!(!found.contains(&stolen), "{found}");
    let top = runbook.next(&shell, "log top ");
    let asked = shell.does("onrecord log token -format=json - $LOGS < leaked.txt");
    let asked: Value = serde_json::from_str(&asked).expect("JSON");
    let hash = asked["tokens"][0]["accessor"].as_str().expect("an accessor").to_owned();
    let token = hash.strip_prefix("hmac-sha256:").expect("a hash")[..12].to_owned();
    assert!(has_line(&top, &[&token]), "{top}");

    // End it.
    let shell = shell.with("TOKEN", &token);
    let ways = runbook.next(&shell, "log token -find-accessor");
    assert!(
        has_line(&ways, &["To revoke it, with its children: onrecord token revoke -accessor "]),
        "{ways}"
    );
    assert!(has_line(&ways, &["onrecord lease revoke -prefix auth/userpass/login/ann"]), "{ways}");
    assert!(runbook.next(&shell, "jq -r").starts_with("Success! Revoked token"));
    for token in [&stolen, &child, &grandchild] {
        assert_eq!(steal(&server, token, "GET", "secret/data/app", None).0, 403, "each is revoked");
    }
    assert_eq!(steal(&server, &orphan, "GET", "secret/data/app", None).0, 200, "the orphan lives on");
    let rest = runbook.next(&shell, "select(.revoked == null)");
    assert_eq!(rest.matches("Success! Revoked token").count(), 1, "{rest}");
    assert_eq!(steal(&server, &orphan, "GET", "secret/data/app", None).0, 403, "it is revoked, too");
    runbook.next(&shell, "lease revoke -prefix");

    // Who, when, from where, and its children.
    let life = runbook.next(&shell, "log token \"$TOKEN\"");
    assert!(has_line(&life, &["issued at", "auth/userpass/login/ann"]), "{life}");
    assert!(has_line(&life, &["policies", "app, default"]), "{life}");
    assert!(has_line(&life, &["revoked", "by root", "auth/token/revoke-accessor"]), "{life}");
    for (address, whose) in
        [("127.0.0.1 ", "the token"), ("127.0.0.2 ", "the token"), ("127.0.0.2 ", "a child")]
    {
        assert!(has_line(&life, &[address, whose]), "{address} {whose}: {life}");
    }
    let year = |line: &&str| line.matches("20").count() >= 2;
    for name in ["token-backup", "token-monitor", "token-orphan"] {
        let row = life.lines().find(|row| row.contains(name));
        assert!(row.as_ref().is_some_and(year), "{name} was issued and revoked: {life}");
    }

    // What was read, and what must be rotated.
    let read = runbook.next(&shell, "GIVEN=");
    assert!(has_line(&read, &["userpass-ann", "secret/data/app", "1"]), "{read}");
    assert!(has_line(&read, &["token-monitor", "secret/data/app", "1"]), "{read}");
    assert!(!read.contains("payroll"), "what was refused need not be rotated: {read}");
    assert!(has_line(&read, &["userpass-ann", "transit/decrypt/app"]), "{read}");
    assert!(has_line(&read, &["sys/wrapping/unwrap"]), "{read}");
    let unwraps =
        shell.does(r#"onrecord log search -format=csv -fields=token "path=sys/wrapping/unwrap" $LOGS"#);
    let shell = shell.with("WRAPPING", unwraps.lines().nth(1).expect("an accessor"));
    let wrapped = runbook.next(&shell, "wrapping=");
    assert!(has_line(&wrapped, &["root", "secret/data/payroll"]), "{wrapped}");
    let who = runbook.next(&shell, "log who");
    assert!(has_line(&who, &["read", "userpass-ann", "127.0.0.1"]), "{who}");
    assert!(has_line(&who, &["read", "token-monitor", "127.0.0.2"]), "{who}");
    assert!(has_line(&who, &["refused", "userpass-ann (token not valid)", "127.0.0.2"]), "{who}");
    let accessor = shell.does(&format!("onrecord token lookup -format=json {}", stranger.trim()));
    let accessor: Value = serde_json::from_str(&accessor).expect("JSON");
    let accessor = accessor["data"]["accessor"].as_str().expect("an accessor");
    let hash = shell.does(&format!("onrecord audit hash file/ {accessor}"));
    let hash = &hash.trim().strip_prefix("hmac-sha256:").expect("a hash")[..12];
    assert!(has_line(&who, &["refused at preflight", "token-stranger", "127.0.0.1", hash]), "{who}");
    assert!(has_line(&who, &["onrecord kv get -mount=secret -version=1 app"]), "{who}");
    runbook.next(&shell, "kv put");

    // What was tried and changed.
    let tried = runbook.next(&shell, "log denied");
    assert!(has_line(&tried, &["userpass-ann", "secret/data/payroll", "no policy allows it"]), "{tried}");
    assert!(has_line(&tried, &["token-backup", "secret/data/payroll"]), "{tried}");
    assert!(has_line(&tried, &["userpass-ann", "auth/token/create"]), "{tried}");
    let request = tried.lines().find(|line| line.contains("auth/token/create")).expect("a row");
    let shell = shell.with("REQUEST", request.split_whitespace().last().expect("its id"));
    let shown = runbook.next(&shell, "log show");
    assert!(has_line(&shown, &["request.path", "auth/token/create"]), "{shown}");
    assert!(has_line(&shown, &["request.remote_address", "127.0.0.2", "(the same)"]), "{shown}");

    // Is the log whole, and is it over.
    server.eventually("a checkpoint is there", || Path::new(&format!("{log}.tlog/checkpoint")).exists());
    let whole = runbook.next(&shell, "log check");
    assert!(whole.contains("Complete: every entry is present"), "{whole}");
    assert!(whole.contains("Its checkpoint is signed by a given key."), "{whole}");
    let lives: Value =
        serde_json::from_str(&shell.does(r#"onrecord log token -format=json "$TOKEN" $LOGS"#)).expect("JSON");
    let tokens = lives["tokens"].as_array().expect("tokens").iter();
    let revoked = tokens.map(|token| token["revoked"].as_str().expect("each was revoked"));
    let shell = shell.with("REVOKED", revoked.max().expect("a time"));
    let after = runbook.next(&shell, "log search -since");
    assert!(has_line(&after, &["secret/data/app", "403"]), "{after}");
    assert!(!has_line(&after, &["secret/data/app", "200"]), "{after}");
    assert_eq!(runbook.blocks.next(), None, "each block was run");
}

#[test]
fn a_leaked_token_does_not_come_into_the_log_of_a_raw_device_by_the_question_about_it() {
    const LEAKED: &str = "hvs.aTokenThatStandsNowhereElse4711";
    let place = Place::new();
    let [log, raw] = ["audit.log", "raw.log"].map(|name| place.path(name));
    let server = Server::dev(&["-dev-audit=off"]);
    server.enable_file("file", &log);
    server.enable("raw", "file", &json!({"file_path": raw, "log_raw": "true"}));
    let shell = Shell::of(&server);
    let is_known = || std::fs::read_to_string(&raw).expect("the log").contains(LEAKED);
    let ask = |flag: &str| {
        let line = format!("onrecord log token {flag} - {}", log.display());
        shell.feed(&line, LEAKED).exits(0).stdout
    };
    let said = ask("");
    assert!(said.contains("its raw device raw/ would record it in the clear"), "{said}");
    assert!(!is_known(), "nothing was asked");
    ask("-allow-raw-devices");
    assert!(is_known(), "the device records what it is sent");
}
