//! `log search` beside jq: 200 random filters, written as a filter here and as a program of jq by rules of their own, over the
//! logs of `tests/data/answers`. Both must take the same requests.
//! Never in it: how a filter is read.

use std::process::{Command, Stdio};

use super::kit::cli;

const FILTERS: usize = 200;
const LOGS: [&str; 2] = ["tests/data/answers/audit.jsonl", "tests/data/answers/vault.jsonl"];

/// Joins entries to rows: `.q` is the request entry, `.a` the response entry, `.e` the one that has more. Probes and entries about
/// the log itself are no requests.
const ROWS: &str = r#"
def typed: if (.e.request.mount_type // "") == "kv"
    then (.e.request.mount_point) as $m | .e.request.path | ltrimstr($m)
        | if test("^(data|metadata|delete|destroy|undelete|subkeys)/") then $m + sub("^[a-z]+/"; "") else $m + . end
    else .e.request.path end;
def path($p): .e.request.path == $p or typed == $p;
def who: if (.e.auth.display_name // "") != "" then .e.auth.display_name else (.e.response.auth.display_name // null) end;
def tokens: (.e.request.client_token_accessor // .e.auth.accessor // ""), (.e.request.client_token // "");
def denied: .e.auth.policy_results.allowed == false or .e.response.status_code == 403
    or ((.e.error // "") | contains("permission denied"));
def version: .e.response.data.metadata.version? // .e.response.data.version?;
def time: (.q.time // .a.time) | .[0:19];
[ .[] | select((.request.path | test("^sys/audit/(test|gap|checkpoint|refused)$")) | not) ]
| group_by(.request.id)
| map({q: (map(select(.type == "request"))[0]), a: (map(select(.type == "response"))[0])} | .e = (.a // .q))
| map(select(.e.request.path | test("^sys/audit-hash") | not)) as $rows
"#;

/// Numbers that are the same in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap() % end
    }

    fn of<'a>(&mut self, list: &[&'a str]) -> &'a str {
        list[self.below(list.len())]
    }
}

#[expect(clippy::too_many_lines, reason = "one arm for each kind of term")]
/// A term: as a filter, and for jq.
fn term(random: &mut Random) -> (String, String) {
    let paths = [
        "secret/app",
        "secret/data/app",
        "secret/payroll",
        "secret/app/db",
        "legacy/mail",
        "auth/token/create",
        "sys/audit",
    ];
    let people = ["root", "userpass-ann", "userpass-bob", "token-backup", "nobody"];
    let equal = ["=", "=="][random.below(2)];
    match random.below(16) {
        0 => {
            let path = random.of(&paths);
            (format!("path{equal}{path}"), format!("path({path:?})"))
        }
        1 => {
            let path = random.of(&paths);
            (format!("path != '{path}'"), format!("(path({path:?}) | not)"))
        }
        2 => {
            let (glob, regex) = [
                ("secret/*", "^secret/.*$"),
                ("*/app", "^.*/app$"),
                ("auth/*/login/*", "^auth/.*/login/.*$"),
                ("secret/????/app", "^secret/..../app$"),
            ][random.below(4)];
            (format!("path~{glob}"), format!("(.e.request.path | test({regex:?}))"))
        }
        3 => {
            let who = random.of(&people);
            (format!("who{equal}{who}"), format!("(who == {who:?})"))
        }
        4 => {
            let who = random.of(&people);
            (format!("display_name!={who}"), format!("(who != {who:?})"))
        }
        5 => {
            let op = random.of(&["read", "list", "update", "create", "delete"]);
            (format!("op={op}"), format!("(.e.request.operation == {op:?})"))
        }
        6 => {
            let ip = random.of(&["10.1.0.17", "10.1.0.2", "203.0.113.9"]);
            (format!("ip={ip}"), format!("(.e.request.remote_address == {ip:?})"))
        }
        7 => {
            let status = random.of(&["200", "204", "400", "403", "404"]);
            let (ours, jq) =
                [("=", "=="), ("<", "<"), (">=", ">="), (">", ">"), ("<=", "<=")][random.below(5)];
            let has = "((.e.response.status_code // null) != null and .e.response.status_code";
            (format!("status {ours} {status}"), format!("{has} {jq} {status})"))
        }
        8 => ("denied".to_owned(), "denied".to_owned()),
        9 => ("denied=no".to_owned(), "(denied | not)".to_owned()),
        10 => {
            let policy = random.of(&["app", "default", "root"]);
            (format!("policy={policy}"), format!("((.e.auth.policies // []) | index({policy:?}) != null)"))
        }
        11 => {
            let version = random.of(&["1", "2", "3"]);
            (format!("version={version}"), format!("(version == {version})"))
        }
        12 => {
            let hash = random.of(&["991c3f83d4c0", "247991277ef1", "0000000000000"]);
            (format!("token={hash}"), format!("any(tokens; startswith(\"hmac-sha256:{hash}\"))"))
        }
        13 => {
            let mount = random.of(&["secret", "sys", "auth/token", "legacy"]);
            (format!("mount={mount}"), format!("(.e.request.mount_point == \"{mount}/\")"))
        }
        14 => {
            // Whole seconds in which nothing happened, so that decimals do not matter.
            let time = random.of(&["2026-11-20T08:15:00", "2026-11-20T12:00:00", "2026-11-20T14:23:30"]);
            let sign = random.of(&["<", ">="]);
            (format!("time {sign} {time}Z"), format!("(time {sign} {time:?})"))
        }
        _ => {
            let name = random.of(&["ann", "bob", "ci"]);
            (format!("auth.metadata.username={name}"), format!("(.e.auth.metadata.username? == {name:?})"))
        }
    }
}

fn filter(random: &mut Random, depth: usize) -> (String, String) {
    if depth == 0 {
        return term(random);
    }
    let (one, jq_one) = filter(random, depth - 1);
    match random.below(5) {
        0 => (format!("not ({one})"), format!("({jq_one} | not)")),
        1 | 2 => {
            let (other, jq_other) = filter(random, depth - 1);
            let and = random.of(&[" and ", " ", " AND ", " && "]);
            (format!("({one}){and}({other})"), format!("({jq_one} and {jq_other})"))
        }
        3 => {
            let (other, jq_other) = filter(random, depth - 1);
            let or = random.of(&[" or ", " || "]);
            (format!("({one}{or}{other})"), format!("({jq_one} or {jq_other})"))
        }
        _ => (one, jq_one),
    }
}

/// What jq takes of a log for each of the programs: the ids, sorted.
fn jq(log: &str, programs: &[String]) -> Option<Vec<Vec<String>>> {
    let counts =
        programs.iter().map(|program| format!("($rows | map(select({program}) | .e.request.id) | sort)"));
    let program = format!("{ROWS} | [{}]", counts.collect::<Vec<_>>().join(",\n"));
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), program).unwrap();
    let run =
        Command::new("jq").args(["-s", "-c", "-f"]).arg(file.path()).arg(log).stderr(Stdio::piped()).output();
    let output = match run {
        Ok(output) => output,
        Err(_) if std::env::var_os("ONRECORD_REQUIRE_CLIENTS").is_none() => {
            eprintln!("skipped: there is no jq");
            return None;
        }
        Err(error) => panic!("jq: {error}"),
    };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let lists = onrecord_value::json::parse(&output.stdout, onrecord_value::json::Limits::default()).unwrap();
    let texts = |list: &onrecord_value::Value| {
        list.as_array().unwrap().iter().map(|id| id.as_str().unwrap().to_owned()).collect()
    };
    Some(lists.as_array().unwrap().iter().map(texts).collect())
}

#[test]
fn random_filters_take_the_requests_that_jq_takes() {
    let mut random = Random(0x0012_2026_1130);
    let filters: Vec<(String, String)> = (0..FILTERS).map(|number| filter(&mut random, number % 4)).collect();
    let programs: Vec<String> = filters.iter().map(|(_, jq)| jq.clone()).collect();
    let mut some = 0;
    for log in LOGS {
        let Some(expected) = jq(log, &programs) else { return };
        for ((filter, program), expected) in filters.iter().zip(expected) {
            let words = ["log", "search", "-tz=UTC", "-format=csv", "-fields=id", filter, log];
            let outcome = cli().no_server().run(&words);
            assert_eq!(outcome.code, 0, "{filter}: {}", outcome.stderr);
            let mut found: Vec<&str> = outcome.stdout.lines().skip(1).collect();
            found.sort_unstable();
            assert_eq!(found, expected, "{log}: {filter}\n{program}");
            some += usize::from(!found.is_empty());
        }
    }
    assert!(some > FILTERS / 2, "most filters take something: {some}");
}
