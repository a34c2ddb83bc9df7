//! Whose token it was: what `who`, `denied`, `top`, `search` and `stats` say of tokens, over lines made here.
//! Never in it: the life of a token (`answers_made`, `answers`).

use std::fs;

use tempfile::TempDir;

use super::answers::log;
use super::kit::{Outcome, cli};

/// A hash of a letter.
fn hash(of: &str) -> String {
    format!("hmac-sha256:{}", of.repeat(64).chars().take(64).collect::<String>())
}

/// A request for `secret/app` with the token of bob, with its answer, in the log of a device.
#[derive(Clone, Copy)]
struct Use {
    minute: u8,
    address: &'static str,
    is_valid: bool,
    /// The salt of the device: the token and its accessor have other hashes under each.
    salt: char,
}

const TOKEN: [&str; 2] = ["7a", "7b"];
const ACCESSOR: [&str; 2] = ["ca", "cb"];
const READ: Use = Use { minute: 0, address: "10.1.0.23", is_valid: true, salt: 'a' };
const REFUSED: Use = Use { minute: 30, address: "127.0.0.77", is_valid: false, salt: 'a' };

impl Use {
    fn token(&self) -> String {
        hash(TOKEN[usize::from(self.salt == 'b')])
    }

    fn accessor(&self) -> String {
        hash(ACCESSOR[usize::from(self.salt == 'b')])
    }

    fn lines(&self) -> String {
        let Self { minute, address, is_valid, salt } = self;
        let (token, accessor) = (self.token(), self.accessor());
        let (auth, of_token, answer) = if *is_valid {
            (
                format!(r#""display_name":"userpass-bob","accessor":"{accessor}""#),
                format!(r#""client_token_accessor":"{accessor}","#),
                r#""response":{"status_code":200}"#,
            )
        } else {
            (String::new(), String::new(), r#""response":{"status_code":403},"error":"permission denied""#)
        };
        let salt = salt.to_string().repeat(16);
        let line = |kind: &str, seq: u8, more: &str| {
            format!(
                r#"{{"time":"2026-11-20T10:{minute:02}:00Z","type":"{kind}","auth":{{{auth}}},"request":{{"id":"000000{minute:02}-0000-4000-8000-000000000000","operation":"read","client_token":"{token}",{of_token}"mount_type":"kv","path":"secret/app","remote_address":"{address}"}}{more},"record":{{"seq":{seq},"boot":"df0b7c036227deb1","salt":"{salt}"}}}}"#
            ) + "\n"
        };
        line("request", 2 * minute + 1, "") + &line("response", 2 * minute + 2, &format!(",{answer}"))
    }
}

struct Logs(TempDir);

impl Logs {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// Writes a log, and gives its name.
    fn write(&self, name: &str, uses: &[Use]) -> String {
        let path = self.0.path().join(name);
        fs::write(&path, uses.iter().map(Use::lines).collect::<String>()).unwrap();
        path.display().to_string()
    }
}

/// The row of a table that has a text.
fn row<'o>(outcome: &'o Outcome, text: &str) -> &'o str {
    let line = outcome.stdout.lines().find(|line| line.contains(text));
    line.unwrap_or_else(|| panic!("{text}: {}{}", outcome.stdout, outcome.stderr))
}

#[test]
fn a_refused_token_has_the_name_that_other_requests_tell_whatever_is_asked_for() {
    let logs = Logs::new();
    // In two files, so that the order in which they are named does not matter.
    let refused = logs.write("audit.log", &[REFUSED]);
    let valid = logs.write("audit.log.1", &[READ]);
    for words in [
        &["denied", "-filter=ip=127.0.0.77"][..],
        &["denied", "-since=2026-11-20T10:20:00Z"],
        &["denied"],
        &["who", "-since=2026-11-20T10:20:00Z", "secret/app"],
        &["who", "-filter=ip=127.0.0.77", "secret/app"],
    ] {
        let outcome = log(&[words, &[refused.as_str(), valid.as_str()]].concat());
        let row = row(&outcome, "127.0.0.77");
        assert!(row.contains("userpass-bob (token not valid)  "), "{words:?}: {}", outcome.stdout);
        assert!(row.contains(" cacacacacaca "), "{words:?}: {}", outcome.stdout);
        assert_eq!(
            outcome.stdout.matches("userpass-bob").count() > 1,
            words[0] == "who",
            "one row, and a hint"
        );
    }
    // A log without the name has none.
    let outcome = log(&["denied", &refused]);
    assert!(
        row(&outcome, "127.0.0.77").starts_with("(token not valid)  7a7a7a7a7a7a "),
        "{}",
        outcome.stdout
    );
}

#[test]
fn the_name_of_a_token_that_was_used_only_when_it_had_ended_is_that_of_its_login() {
    let logs = Logs::new();
    let file = logs.write("audit.log", &[REFUSED]);
    let (token, accessor) = (REFUSED.token(), REFUSED.accessor());
    let line = |kind: &str, more: &str| {
        format!(
            r#"{{"time":"2026-11-20T09:00:00Z","type":"{kind}","auth":{{}},"request":{{"id":"00000100-0000-4000-8000-000000000000","operation":"update","mount_type":"userpass","path":"auth/userpass/login/bob","remote_address":"10.1.0.23"}}{more}}}"#
        ) + "\n"
    };
    let issued = format!(
        r#","response":{{"auth":{{"client_token":"{token}","accessor":"{accessor}","display_name":"userpass-bob"}}}}"#
    );
    let login = line("request", "") + &line("response", &issued);
    fs::write(&file, login + &REFUSED.lines()).unwrap();
    let outcome = log(&["denied", &file]);
    assert!(
        row(&outcome, "127.0.0.77").starts_with("userpass-bob (token not valid)  cacacacacaca  "),
        "{}",
        outcome.stdout
    );
}

#[test]
fn of_standard_input_a_name_that_was_not_read_is_said_to_be_unknown() {
    let lines = READ.lines() + &REFUSED.lines();
    let denied = |words: &[&str]| {
        let words = [&["log", "denied", "-tz=UTC"], words, &["-"]].concat();
        cli().no_server().stdin(&lines).run(&words)
    };
    let said = "! Names of tokens that were not valid may be missing: ";
    let outcome = denied(&["-filter=ip=127.0.0.77"]);
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    assert!(outcome.stdout.contains(said), "{}", outcome.stdout);
    assert!(row(&outcome, "127.0.0.77").starts_with("(token not valid)"), "{}", outcome.stdout);
    // Where the name is known, nothing is to be said.
    let words = ["log", "who", "-tz=UTC", "secret/app", "-"];
    let outcome = cli().no_server().stdin(&lines).run(&words);
    assert!(row(&outcome, "127.0.0.77").contains("userpass-bob (token not valid)"), "{}", outcome.stdout);
    assert!(!outcome.stdout.contains(said), "{}", outcome.stdout);
}

#[test]
fn the_help_shows_a_token_that_is_not_valid_as_the_table_does() {
    let help = cli().no_server().run(&["log", "denied", "-help"]);
    let text = help.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(text.contains("\"NAME (token not valid)\""), "{}", help.stdout);
    assert!(!text.contains("in brackets"), "{}", help.stdout);
}

#[test]
fn a_printed_command_asks_the_same_files_or_does_not_run() {
    let logs = Logs::new();
    let names: Vec<String> = (0..60).map(|number| format!("audit.log.{number}")).collect();
    let files: Vec<String> = names.iter().map(|name| logs.write(name, &[READ])).collect();
    let said = |files: &[String]| {
        let words =
            [&["who", "secret/app"], &files.iter().map(String::as_str).collect::<Vec<_>>()[..]].concat();
        let outcome = log(&words);
        let json = log(&[&words[..1], &["-format=json"], &words[1..]].concat()).stdout;
        (outcome.stdout, json)
    };
    let finds = "onrecord log token -find-accessor cacacacacaca ";
    // More than three, which were left out.
    let few = format!("{finds}{}", files[..5].join(" "));
    let (table, json) = said(&files[..5]);
    assert!(table.contains(&format!("{few}\n")), "{table}");
    assert!(json.contains(&format!("\"find_accessor\": \"{few}\"")), "{json}");
    let (table, json) = said(&files);
    assert!(table.contains(&format!("{finds}FILE...\n")), "{table}");
    assert!(json.contains(&format!("\"find_accessor\": \"{finds}FILE...\"")), "{json}");
    // As it is, it reads no other files.
    let ran = log(&["token", "cacacacacaca", "FILE..."]);
    assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{}", ran.stderr);
}

#[test]
fn answers_with_hashes_of_tokens_under_several_salts_say_so() {
    let logs = Logs::new();
    let one = logs.write("one.log", &[READ, Use { minute: 1, ..READ }]);
    let other = logs.write("other.log", &[Use { minute: 2, salt: 'b', ..READ }]);
    let said = "! These logs have hashes under 2 salts (aaaaaaaaaaaaaaaa, bbbbbbbbbbbbbbbb), and a token has another hash under each: one token may be \
                shown as several. device=ID in a filter takes the rows of one salt.\n";
    let says = |words: &[&str], files: &[&String]| {
        let words: Vec<&str> = words.iter().copied().chain(files.iter().map(|file| file.as_str())).collect();
        let outcome = log(&words);
        assert_eq!(outcome.code, 0, "{words:?}: {}", outcome.stderr);
        (outcome.stdout + &outcome.stderr).contains(said)
    };
    let questions: [&[&str]; 6] = [
        &["who", "secret/app"],
        &["top", "token"],
        &["search", ""],
        &["search", "-format=csv", ""],
        &["search", "-fields=request.client_token", ""],
        &["stats"],
    ];
    for words in questions {
        assert!(says(words, &[&one, &other]), "{words:?}");
        assert!(!says(words, &[&one]), "{words:?}");
    }
    // Without a hash of a token, or where the filter takes rows of one salt only.
    for words in [
        &["top", "path"][..],
        &["search", "-fields=time,path", ""],
        &["search", "-count", ""],
        &["search", "device=bbbbbbbbbbbbbbbb"],
        &["who", "-filter=device=bbbbbbbbbbbbbbbb", "secret/app"],
    ] {
        assert!(!says(words, &[&one, &other]), "{words:?}");
    }
    let one = logs.write("one.log", &[REFUSED]);
    let other = logs.write("other.log", &[Use { minute: 31, salt: 'b', ..REFUSED }]);
    assert!(says(&["denied"], &[&one, &other]));
    // Both devices have the request: there is one row.
    let other = logs.write("other.log", &[Use { salt: 'b', ..REFUSED }]);
    assert!(!says(&["denied"], &[&one, &other]));
}

#[test]
fn a_token_that_is_not_valid_is_shown_and_searched_by_its_own_hash() {
    let logs = Logs::new();
    let file = logs.write("audit.log", &[READ, REFUSED]);
    let searched = log(&["search", "denied", &file]);
    assert!(row(&searched, "127.0.0.77").contains("  7a7a7a7a7a7a  "), "{}", searched.stdout);
    let count = |filter: &str| log(&["search", "-count", filter, &file]).stdout;
    assert!(count("token=7a7a7a7a7a7a").contains("\n2 requests."), "the same token, also when it was valid");
    assert!(count("token=cacacacacaca").contains("\n1 request."), "{}", count("token=cacacacacaca"));
    let top = log(&["top", "token", &file]).stdout;
    // It is not a further token.
    assert!(!top.contains("\n7a7a7a7a7a7a ") && top.contains("\ncacacacacaca  1 "), "{top}");
    assert!(
        top.contains("1 request is not counted: its token was not valid. Whose it was: `log denied`."),
        "{top}"
    );
    let followed = log(&["follow", "-since=2026-11-20", "-filter=denied", "-limit=1", &file]);
    assert!(followed.stdout.contains("  7a7a7a7a7a7a  "), "{}{}", followed.stdout, followed.stderr);
    // It cannot be revoked, and is not a further token.
    let said = log(&["who", "-filter=denied", "secret/app", &file]).stdout;
    assert!(said.contains("-find-accessor cacacacacaca") && !said.contains("-find-accessor 7a7a"), "{said}");
    let stats = log(&["stats", &file]);
    let tokens = row(&stats, "different tokens");
    assert!(tokens.ends_with(" 1"), "{tokens}");
}
