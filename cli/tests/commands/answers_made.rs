//! The commands that answer questions to logs, over lines made here, in the format that Vault writes: what the recorded day of
//! `answers` does not have.
//! Never in it: how a query reads lines (tests of onrecord-trail).

use std::fs;
use std::path::PathBuf;

use onrecord_audit::entry::oversize::{Oversize, OversizeError, send_within};
use onrecord_audit::entry::value::{Object, Value, json};
use tempfile::TempDir;

use super::answers::{ANN, AUDIT, log};
use super::kit::{Outcome, cli};

const LOGIN: &str = "auth/userpass/login/ann";

/// The hash of the accessor of a token that is called by a letter.
fn accessor(token: char) -> String {
    format!("hmac-sha256:{}", token.to_string().repeat(64))
}

/// A request with its answer.
struct Asked<'a> {
    seconds: u8,
    op: &'a str,
    path: &'a str,
    /// The letter of the token, if it was valid.
    token: Option<char>,
    mount_type: &'a str,
    data: String,
    response: String,
}

fn asked<'a>(seconds: u8, op: &'a str, path: &'a str, token: char) -> Asked<'a> {
    let (data, response) = (String::from("null"), String::from("{}"));
    Asked { seconds, op, path, token: Some(token), mount_type: "token", data, response }
}

/// A login that issues a token.
fn login(seconds: u8, issued: char) -> Asked<'static> {
    Asked {
        token: None,
        mount_type: "userpass",
        response: issues(issued, "userpass-ann"),
        ..asked(seconds, "update", LOGIN, ' ')
    }
}

/// A token that another one issues.
fn child(seconds: u8, by: char, issued: char, data: &str) -> Asked<'static> {
    let response = issues(issued, &format!("token-{issued}"));
    Asked { data: data.to_owned(), response, ..asked(seconds, "update", "auth/token/create", by) }
}

fn revocation(seconds: u8, path: &'static str, of: char) -> Asked<'static> {
    let data = format!(r#"{{"accessor":"{}"}}"#, accessor(of));
    Asked { data, ..asked(seconds, "update", path, '9') }
}

fn issues(token: char, name: &str) -> String {
    format!(
        r#"{{"auth":{{"accessor":"{}","display_name":"{name}","policies":["app"],"token_type":"service"}},"mount_type":"token"}}"#,
        accessor(token)
    )
}

impl Asked<'_> {
    /// The two lines.
    fn lines(&self) -> [String; 2] {
        let Self { seconds, op, path, token, mount_type, data, response } = self;
        let who = token
            .map_or_else(String::new, |token| format!(r#""client_token_accessor":"{}","#, accessor(token)));
        let name = token.map_or_else(String::new, |token| format!(r#""display_name":"token-{token}""#));
        let line = |kind: &str, more: &str| {
            format!(
                r#"{{"time":"2026-11-20T10:00:{seconds:02}Z","type":"{kind}","auth":{{{name}}},"request":{{"id":"0000{seconds:04}-0000-4000-8000-000000000000","operation":"{op}",{who}"mount_type":"{mount_type}","path":"{path}","remote_address":"203.0.113.9","data":{data}}}{more}}}"#
            )
        };
        [line("request", ""), line("response", &format!(r#","response":{response}"#))]
    }
}

/// A folder with logs.
struct Logs(TempDir);

impl Logs {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Writes a log, and gives its name.
    fn write(&self, name: &str, requests: &[Asked<'_>]) -> String {
        let lines: String = requests.iter().flat_map(Asked::lines).map(|line| line + "\n").collect();
        self.write_text(name, &lines)
    }

    fn write_text(&self, name: &str, text: &str) -> String {
        fs::write(self.path(name), text).unwrap();
        self.path(name).display().to_string()
    }
}

fn object(outcome: &Outcome) -> Object {
    assert_eq!((outcome.code, outcome.stderr.as_str()), (0, ""));
    json::parse_object(outcome.stdout.as_bytes(), json::Limits::default()).unwrap()
}

/// The rows under a name.
fn rows(answer: &Object, name: &str) -> Vec<Object> {
    let rows = answer.get(name).and_then(Value::as_array).unwrap_or_default();
    rows.iter().map(|row| row.as_object().unwrap().clone()).collect()
}

#[test]
fn only_a_command_that_revokes_is_called_so() {
    for words in [["who", "secret/app"], ["token", &ANN[..12]]] {
        let answer = object(&log(&[words[0], "-format=json", words[1], AUDIT]));
        let rows = rows(&answer, if words[0] == "who" { "who" } else { "tokens" });
        assert!(!rows.is_empty());
        for row in &rows {
            assert_eq!(row.str("revoke"), None, "the log has hashes alone: {row:?}");
            let finds = row.str("find_accessor").unwrap();
            assert!(
                finds.starts_with("onrecord log token -find-accessor ") && finds.ends_with(AUDIT),
                "{finds}"
            );
        }
    }
    let said = log(&["who", "secret/app", AUDIT]).stdout;
    let expected = format!(
        "To revoke the token 991c3f83d4c0 (display name userpass-ann), first find its accessor: onrecord log token -find-accessor 991c3f83d4c0 {AUDIT}\n"
    );
    assert!(said.contains(&expected), "{said}");
    // A raw log has the accessor.
    let logs = Logs::new();
    let raw = logs.write("raw.log", &[asked(1, "read", "secret/app", 'a')]);
    let text = fs::read_to_string(&raw).unwrap().replace(&accessor('a'), "accessor-in-the-clear");
    let raw = logs.write_text("raw.log", &text);
    let answer = object(&log(&["who", "-format=json", "secret/app", &raw]));
    let row = &rows(&answer, "who")[0];
    assert_eq!(row.str("revoke"), Some("onrecord token revoke -accessor accessor-in-the-clear"));
    assert_eq!(row.str("find_accessor"), None);
}

/// The look-up of a path's mount, with its answer.
fn preflight<'a>(seconds: u8, path: &'a str, token: char, response: &str) -> Asked<'a> {
    Asked { mount_type: "system", response: response.to_owned(), ..asked(seconds, "read", path, token) }
}

const PREFLIGHT_OF_APP: &str = "sys/internal/ui/mounts/secret/app";
const FORBIDDEN: &str = r#"{"status_code":403}"#;

/// Of each row the action, the name, the path and how often.
fn who(words: &[&str]) -> Vec<(String, String, String, i64)> {
    let answer = object(&log(&[&["who", "-format=json"], words].concat()));
    let of = |row: &Object| {
        let text = |name: &str| row.str(name).unwrap_or_default().to_owned();
        (text("action"), text("who"), text("path"), row.get("times").and_then(Value::as_i64).unwrap())
    };
    rows(&answer, "who").iter().map(of).collect()
}

#[test]
fn a_client_that_was_refused_at_the_preflight_is_shown_and_one_that_was_not_is_left_out() {
    let logs = Logs::new();
    let file = logs.write(
        "audit.log",
        &[
            preflight(1, PREFLIGHT_OF_APP, 'a', FORBIDDEN),
            preflight(2, PREFLIGHT_OF_APP, 'a', FORBIDDEN),
            // Vault's log has no status.
            preflight(3, PREFLIGHT_OF_APP, 'b', r#"{},"error":"permission denied""#),
            preflight(4, PREFLIGHT_OF_APP, 'c', r#"{"status_code":200}"#),
            Asked { mount_type: "kv", ..asked(5, "read", "secret/app", 'c') },
            preflight(6, "sys/internal/ui/mounts/secret/app2", 'd', FORBIDDEN),
            preflight(7, "sys/internal/ui/mounts/secret", 'e', FORBIDDEN),
            preflight(8, "sys/internal/ui/mounts/secret", 'f', r#"{"status_code":200}"#),
        ],
    );
    let row = |action: &str, who: &str, path: &str, times| (action.into(), who.into(), path.into(), times);
    let at_preflight = |who: &str, path: &str, times| row("refused at preflight", who, path, times);
    let app = [row("read", "token-c", "", 1), at_preflight("token-a", "", 2), at_preflight("token-b", "", 1)];
    assert_eq!(who(&["secret/app", &file]), app);
    // With -mount a kv command looks up the mount alone.
    assert_eq!(who(&["secret", &file]), [at_preflight("token-e", "", 1)]);
    let below = [
        row("read", "token-c", "secret/app", 1),
        at_preflight("token-a", "secret/app", 2),
        at_preflight("token-b", "secret/app", 1),
        at_preflight("token-d", "secret/app2", 1),
        at_preflight("token-e", "secret", 1),
    ];
    assert_eq!(who(&["secret/*", &file]), below);
    // A question about the look-ups themselves has all of them.
    let all =
        [row("read", "token-c", "", 1), row("refused", "token-a", "", 2), row("refused", "token-b", "", 1)];
    assert_eq!(who(&[PREFLIGHT_OF_APP, &file]), all);
    let said = log(&["who", "secret/app", &file]).stdout;
    let line = said.lines().find(|line| line.contains("token-a")).unwrap();
    assert!(line.starts_with("refused at preflight  token-a  203.0.113.9  aaaaaaaaaaaa  2 "), "{said}");
    assert_eq!(
        said.matches("\nRefused at preflight: kv commands look up the mount of a path").count(),
        1,
        "{said}"
    );
    // A filter takes the path as it is.
    let searched = log(&["search", "-count", "path=secret/app", &file]).stdout;
    assert!(searched.contains("\n1 request."), "{searched}");
}

#[test]
fn an_answer_that_was_wrapped_was_not_read_by_the_one_who_asked() {
    let logs = Logs::new();
    let wrap =
        format!(r#"{{"wrap_info":{{"accessor":"{}","token":"{}","ttl":60}}}}"#, accessor('b'), accessor('c'));
    let file = logs.write(
        "audit.log",
        &[
            Asked { response: wrap, ..asked(1, "read", "secret/app", 'a') },
            asked(2, "update", "sys/wrapping/unwrap", 'b'),
        ],
    );
    let said = log(&["who", "secret/app", &file]).stdout;
    assert!(said.contains("\nwrapped  token-a"), "{said}");
    let command = said.split("the one who unwrapped it read it: onrecord log search ").nth(1).unwrap();
    let filter = command.split('\'').nth(1).unwrap();
    assert!(log(&["search", filter, &file]).stdout.contains("sys/wrapping/unwrap"), "{said}");
}

#[test]
fn an_orphan_that_lives_on_has_a_command_of_its_own() {
    let logs = Logs::new();
    let file = logs.write(
        "audit.log",
        &[
            login(1, 'a'),
            child(2, 'a', 'b', r#"{"no_parent":true}"#),
            child(3, 'a', 'c', "null"),
            child(4, 'a', 'd', "null"),
            revocation(10, "auth/token/revoke-accessor", 'a'),
            // An orphan by its role, which no entry says: it was valid afterwards.
            asked(20, "read", "secret/app", 'd'),
        ],
    );
    let said = log(&["token", &"a".repeat(12), &file]).stdout;
    for orphan in ['b', 'd'] {
        let short = orphan.to_string().repeat(12);
        let expected = format!(
            "To revoke token-{orphan} ({short}), which lives on without the token that issued it, first find its accessor: onrecord log token -find-accessor {short} {file}\n"
        );
        assert!(said.contains(&expected), "{said}");
    }
    assert!(!said.contains("To revoke token-c") && !said.contains("To revoke it"), "{said}");
    let answer = object(&log(&["token", "-format=json", &"a".repeat(12), &file]));
    let revoked: Vec<bool> = rows(&answer, "tokens").iter().map(|row| row.contains("revoked")).collect();
    assert_eq!(revoked, [true, false, true, false]);
}

#[test]
fn children_that_were_left_by_their_token_do_not_end_with_the_one_above_it() {
    let logs = Logs::new();
    let file = logs.write(
        "audit.log",
        &[
            login(1, 'a'),
            child(2, 'a', 'b', "null"),
            child(3, 'b', 'c', "null"),
            revocation(5, "auth/token/revoke-orphan", 'b'),
            revocation(6, "auth/token/revoke-accessor", 'a'),
        ],
    );
    let answer = object(&log(&["token", "-format=json", &"a".repeat(12), &file]));
    let revoked: Vec<Option<String>> =
        rows(&answer, "tokens").iter().map(|row| row.str("revoked").map(str::to_owned)).collect();
    assert_eq!(revoked, [Some("2026-11-20T10:00:06Z".into()), Some("2026-11-20T10:00:05Z".into()), None]);
}

#[test]
fn the_first_of_several_revocations_is_told_at_older_paths_too() {
    for path in
        ["sys/revoke-prefix/", "sys/revoke-force/", "sys/leases/revoke-prefix/", "sys/leases/revoke-force/"]
    {
        let logs = Logs::new();
        let path = format!("{path}{LOGIN}");
        let file = logs.write(
            "audit.log",
            &[
                login(1, 'a'),
                asked(5, "update", &path, '9'),
                asked(6, "update", &path, '9'),
                revocation(7, "auth/token/revoke-accessor", 'a'),
            ],
        );
        let said = log(&["token", &"a".repeat(12), &file]).stdout;
        let expected = format!(
            "revoked    2026-11-20 10:00:05Z by token-9 (token 999999999999) from 203.0.113.9, {path}\n"
        );
        assert!(said.contains(&expected), "{path}: {said}");
    }
}

#[test]
fn who_issued_a_token_and_when_it_was_revoked_is_found_outside_of_the_asked_time_and_filter() {
    for narrow in
        [&["-since=2026-11-20T14:22:00Z", "-until=2026-11-20T15:00:00Z"][..], &["-filter=path=legacy/mail"]]
    {
        let words = [&["token"], narrow, &[&ANN[..12], AUDIT]].concat();
        let said = log(&words).stdout;
        assert!(said.contains("issued     2026-11-20 08:01:12Z from 10.1.0.17\n"), "{narrow:?}: {said}");
        assert!(said.contains("revoked    2026-11-20 15:31:00Z by root"), "{narrow:?}: {said}");
        assert!(
            said.contains("! -filter, -since and -until narrow what the tokens were used for."),
            "{said}"
        );
        assert!(said.contains("used       1 time\n"), "{narrow:?}: {said}");
        assert!(!said.contains("payroll"), "{narrow:?}: {said}");
    }
}

#[test]
fn hashes_and_ids_in_upper_case_are_taken() {
    let upper = ANN.to_ascii_uppercase();
    let lower = log(&["token", ANN, AUDIT]).stdout;
    assert_eq!(log(&["token", &upper, AUDIT]).stdout, lower);
    assert_eq!(log(&["token", &format!("HMAC-SHA256:{upper}"), AUDIT]).stdout, lower);
    let count = |filter: &str| log(&["search", "-count", filter, AUDIT]).stdout;
    assert_eq!(count(&format!("token={}", &upper[..12])), count(&format!("token={}", &ANN[..12])));
    assert_eq!(log(&["show", "EFE1F768", AUDIT]).stdout, log(&["show", "efe1f768", AUDIT]).stdout);
}

#[test]
fn an_empty_value_is_refused_with_what_was_meant() {
    for (words, said) in [
        (
            ["search", "who=\"\"", AUDIT],
            "who is never empty: who~* asks for requests that have it, not who~* for those without it",
        ),
        (["search", "policy!=\"\"", AUDIT], "policy is never empty"),
        (["who", "", AUDIT], "PATH is empty: give a path, or '*' for all"),
    ] {
        let outcome = log(&words);
        assert_eq!(outcome.code, 2, "{words:?}: {}", outcome.stdout);
        assert!(outcome.stderr.contains(said), "{words:?}: {}", outcome.stderr);
    }
    let without = log(&["search", "-count", "not who~*", AUDIT]);
    assert_eq!(without.code, 0, "{}", without.stderr);
}

#[test]
fn a_request_is_shown_from_all_files_in_one_pass() {
    let logs = Logs::new();
    let one = asked(1, "read", "secret/app", 'a');
    let [request, response] = one.lines();
    // Two devices of one server have the same id; each has its halves in two files.
    let mut files = Vec::new();
    for device in ["audit", "second"] {
        let hashed = |line: &str| line.replace(&accessor('a'), &format!("of-{device}")) + "\n";
        files.push(logs.write_text(&format!("{device}.log.1"), &hashed(&request)));
        files.push(logs.write_text(&format!("{device}.log"), &hashed(&response)));
    }
    fs::create_dir(logs.path("audit.log.tlog")).unwrap();
    files.push(logs.path("audit.log.tlog").display().to_string());
    let words: Vec<&str> = ["show", "00000001"].into_iter().chain(files.iter().map(String::as_str)).collect();
    let said = log(&words);
    assert_eq!((said.code, said.stderr.as_str()), (0, ""));
    assert_eq!(said.stdout.matches("\nRequest 00000001-").count(), 2, "{}", said.stdout);
    for device in ["audit", "second"] {
        let shown = |what: &str| said.stdout.contains(what);
        assert!(shown(&format!("{device}.log.1, line 1; response entry ")), "{}", said.stdout);
        assert!(shown(&format!("request.client_token_accessor  of-{device}")), "{}", said.stdout);
    }
    assert!(!said.stdout.contains("missing"), "{}", said.stdout);
    let json = object(&log(&[&["show", "-format=json"], &words[1..]].concat()));
    let mut of: Vec<String> =
        rows(&json, "entries").iter().map(|row| row.str("file").unwrap_or_default().to_owned()).collect();
    of.dedup();
    assert_eq!(of, [files[1].clone(), files[3].clone()]);
    // What is damaged in the first file is said, too.
    let torn = logs.write_text("torn.log", "no entry\n");
    let said = log(&["show", "00000001", &torn, &files[0], &files[1]]).stdout;
    assert!(said.contains("! 1 line is not an audit entry."), "{said}");
    let said =
        cli().no_server().stdin(&format!("{request}\n{response}\n")).run(&["log", "show", "00000001", "-"]);
    assert!(
        said.stdout.contains("request entry -, line 1; response entry -, line 2"),
        "{}{}",
        said.stdout,
        said.stderr
    );
}

#[test]
fn more_requests_than_are_shown_are_counted() {
    let logs = Logs::new();
    let [request, response] = asked(1, "read", "secret/app", 'a').lines();
    let line =
        |number: u32, line: &str| line.replace("00000001-0000", &format!("00000001-{number:04}")) + "\n";
    let text: String = (0..103).map(|number| line(number, &request) + &line(number, &response)).collect();
    let file = logs.write_text("audit.log", &text);
    let said = log(&["show", "00000001", &file]).stdout;
    assert!(
        said.contains("! More than 100 requests have ids that begin so: 3 further ones are left out. Give more of the id."),
        "{said}"
    );
    assert_eq!(said.matches("\nRequest 00000001-").count(), 100);
}

/// The first line that `log follow` shows of a log, and what it says beside it.
fn followed(file: &str) -> (String, String) {
    let words = ["follow", "-format=jsonl", "-fields=path", "-since=2026-11-01", "-limit=1", file];
    let outcome = log(&words);
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    (outcome.stdout, outcome.stderr)
}

#[test]
fn a_request_at_the_path_of_a_probe_is_followed() {
    let logs = Logs::new();
    let file = logs.write(
        "audit.log",
        &[asked(1, "update", "sys/audit/test", 'a'), asked(2, "read", "secret/app", 'a')],
    );
    assert_eq!(followed(&file).0, "{\"path\":\"sys/audit/test\"}\n");
}

#[test]
fn entries_in_parts_are_followed() {
    let logs = Logs::new();
    let text = fs::read_to_string(AUDIT).unwrap();
    let mut lines = text.lines().filter(|line| line.contains("efe1f768-1b55-43f1-b3ab-06cdc1c506c7"));
    let mut parts = Vec::new();
    for line in [lines.next().unwrap(), lines.next().unwrap()] {
        let sent = send_within(line.as_bytes(), 1024, Oversize::Split, |part| -> Result<(), OversizeError> {
            parts.extend_from_slice(part);
            if !part.ends_with(b"\n") {
                parts.push(b'\n');
            }
            Ok(())
        });
        sent.unwrap();
    }
    assert!(parts.split(|byte| *byte == b'\n').count() > 5, "each was split");
    let others: String = asked(2, "read", "secret/other", 'a').lines().map(|line| line + "\n").concat();
    let others = others.replace("T10:", "T22:");
    let file = logs.write_text("audit.log", &(String::from_utf8(parts).unwrap() + &others));
    assert_eq!(followed(&file).0, "{\"path\":\"secret/data/app\"}\n");
}

#[test]
fn requests_without_ids_are_followed() {
    let logs = Logs::new();
    let without = |seconds: u8, path: &str| {
        let asked = asked(seconds, "read", path, 'a');
        let id = format!(r#""id":"0000{seconds:04}-0000-4000-8000-000000000000","#);
        asked.lines().map(|line| line.replace(&id, "") + "\n").concat()
    };
    let file = logs.write_text("audit.log", &(without(1, "secret/one") + &without(2, "secret/two")));
    let outcome = log(&["follow", "-format=jsonl", "-fields=path", "-since=2026-11-01", "-limit=4", &file]);
    for path in ["one", "two"] {
        assert_eq!(outcome.stdout.matches(&format!("secret/{path}")).count(), 2, "{}", outcome.stdout);
    }
}

#[test]
fn a_filter_that_takes_the_copy_of_one_device_is_followed_in_the_logs_of_both() {
    let numbered = |device: char, line: &str, seq: u8| {
        let salt = device.to_string().repeat(16);
        let record = format!(r#","record":{{"seq":{seq},"boot":"df0b7c036227deb1","salt":"{salt}"}}}}"#);
        line.strip_suffix('}').unwrap().to_owned() + &record
    };
    for has_numbers in [false, true] {
        let logs = Logs::new();
        let files = ['a', 'b'].map(|device| {
            let mut text = String::new();
            for seconds in [1, 2] {
                for (half, line) in asked(seconds, "read", "secret/app", device).lines().iter().enumerate() {
                    let line = line.replace("\"token-a\"", "\"token-b\"");
                    let seq = seconds * 2 + u8::try_from(half).unwrap();
                    text += &(if has_numbers { numbered(device, &line, seq) } else { line });
                    text += "\n";
                }
            }
            logs.write_text(&format!("{device}.log"), &text)
        });
        for device in ['a', 'b'] {
            let filter = format!("-filter=token={}", accessor(device));
            let outcome = log(&[
                "follow",
                "-format=jsonl",
                "-fields=time",
                "-since=2026-11-01",
                "-limit=2",
                &filter,
                &files[0],
                &files[1],
            ]);
            // Each of the two once.
            let times =
                [1, 2].map(|seconds| format!("{{\"time\":\"2026-11-20T10:00:0{seconds}Z\"}}\n")).concat();
            assert_eq!(outcome.stdout, times, "{device} {has_numbers} {}", outcome.stderr);
        }
    }
}

#[test]
fn lines_that_cannot_be_shown_are_said_while_following() {
    let logs = Logs::new();
    let [request, response] = asked(1, "read", "secret/app", 'a').lines();
    let long = request.replace("null", &format!("{{\"key\":\"{}\"}}", "x".repeat(17 * 1024 * 1024)));
    let torn = &request[..request.len() - 20];
    let text = format!("{long}\n{torn}\nno entry\n\n{request}\n{response}\n");
    let (shown, said) = followed(&logs.write_text("audit.log", &text));
    assert_eq!(shown, "{\"path\":\"secret/app\"}\n");
    for what in ["! 1 line is too long to be read.", "! 1 entry is torn: ", "! 1 line is not an audit entry."]
    {
        assert_eq!(said.matches(what).count(), 1, "{said}");
    }
}

/// What a device does to a line that is too much for it.
type Cut = fn(&str) -> String;

fn shortened(line: &str) -> String {
    let elided = format!(r#","elided":{{"bytes":9000,"sha256":"{}"}}}}"#, "0".repeat(64));
    line.strip_suffix('}').unwrap().to_owned() + &elided
}

fn digested(line: &str) -> String {
    line.replace(r#""data":"#, r#""data_over_limit":"nodes","data":"#)
}

#[test]
fn what_is_incomplete_on_each_device_is_counted_once_while_following() {
    // So much is not read at once: what comes after it is joined later.
    let much = format!(r#"{{"key":"{}"}}"#, "x".repeat(5 * 1024 * 1024));
    let much = Asked { data: much, ..asked(9, "read", "secret/other", 'a') };
    let whole = Asked { data: r#"{"key":"value"}"#.to_owned(), ..asked(2, "read", "secret/app", 'a') };
    let cases: [(Cut, &str, &str, &str); 2] = [
        (shortened, "path=secret/app", "2", "! 1 entry was shortened by its device"),
        (digested, "path=secret/app and request.data.key=value", "1", "! 1 request may be meant or not"),
    ];
    for (cut, filter, limit, expected) in cases {
        let logs = Logs::new();
        let text = |lines: &[String]| lines.join("\n") + "\n";
        let copy = asked(1, "read", "secret/app", 'a').lines().map(|line| cut(&line));
        let one = logs.write_text("one.log", &text(&copy));
        let other = [much.lines(), copy, whole.lines()].concat();
        let other = logs.write_text("other.log", &text(&other));
        let (filter, limit) = (format!("-filter={filter}"), format!("-limit={limit}"));
        let words = ["follow", "-format=jsonl", "-fields=id", "-since=2026-11-01", &filter, &limit];
        let outcome = log(&[&words, &[one.as_str(), other.as_str()][..]].concat());
        assert_eq!(outcome.code, 0, "{}", outcome.stderr);
        let last = outcome.stdout.lines().last().unwrap();
        assert!(last.contains("00000002-"), "{}", outcome.stdout);
        let said: Vec<&str> = outcome.stderr.lines().filter(|line| !line.contains("Not covered")).collect();
        assert!(said.len() == 1 && said[0].starts_with(expected), "{}", outcome.stderr);
    }
}

#[test]
fn only_trees_cannot_be_followed() {
    let logs = Logs::new();
    fs::create_dir(logs.path("audit.log.tlog")).unwrap();
    let outcome = log(&["follow", &logs.path("audit.log.tlog").display().to_string()]);
    let said = "No log is given, only trees of logs: give the log files, too\n";
    assert_eq!((outcome.code, outcome.stderr.as_str()), (2, said));
}

#[test]
fn a_device_without_any_entry_of_a_request_is_said_and_its_gaps_are_kept() {
    let logs = Logs::new();
    let numbered = |seconds: u8, salt: char, seqs: [u8; 2]| {
        let lines = asked(seconds, "read", "secret/app", 'a').lines();
        let mut text = String::new();
        for (line, seq) in lines.iter().zip(seqs) {
            let salt = salt.to_string().repeat(16);
            let record = format!(r#","record":{{"seq":{seq},"boot":"df0b7c036227deb1","salt":"{salt}"}}}}"#);
            text += line.strip_suffix('}').unwrap();
            text += &record;
            text += "\n";
        }
        text
    };
    let one = logs.write_text("one.log", &numbered(1, '1', [4, 5]));
    let other = logs.write_text("other.log", &numbered(2, '2', [2, 7]));
    let said = log(&["show", "00000001", &one, &other]).stdout;
    assert!(said.contains("! Device 2222222222222222 has no entry of request 00000001-"), "{said}");
    assert!(said.contains(" missing in these logs"), "{said}");
    // Of a request that each device has, nothing is missing.
    let both = logs.write_text("both.log", &(numbered(1, '2', [1, 4]) + &numbered(2, '2', [2, 7])));
    let said = log(&["show", "00000001", &one, &both]).stdout;
    assert!(!said.contains("has no entry") && !said.contains(" missing in these logs"), "{said}");
}

#[test]
fn following_from_a_time_on_begins_in_the_rotated_files() {
    let logs = Logs::new();
    let [request, response] = asked(1, "read", "secret/split", 'a').lines();
    logs.write_text("audit.log.1", &(request + "\n"));
    let others = asked(2, "read", "secret/later", 'a').lines().map(|line| line + "\n").concat();
    let file = logs.write_text("audit.log", &(response + "\n" + &others));
    fs::write(logs.path("audit.log.2.gz"), [0x1f, 0x8b, 8, 0]).unwrap();
    let words = ["follow", "-format=jsonl", "-fields=path,time", "-since=2026-11-01", "-limit=2", &file];
    let outcome = log(&words);
    let first = outcome.stdout.lines().next().unwrap();
    assert_eq!(first, "{\"path\":\"secret/split\",\"time\":\"2026-11-20T10:00:01Z\"}");
    let gz = logs.path("audit.log.2.gz");
    let left_out = format!(
        "! Left out of the time from -since on: {}: it is compressed, and does not grow. `log search` reads it.\n",
        gz.display()
    );
    assert!(outcome.stderr.contains(&left_out), "{}", outcome.stderr);
    let not_covered = "! Not covered: what was read begins at 2026-11-20 10:00:01Z; of the time from 2026-11-01 00:00:00Z on nothing is known.\n";
    assert!(outcome.stderr.contains(not_covered), "{}", outcome.stderr);
}
