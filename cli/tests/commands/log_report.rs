//! `log report` and `log export`: files, formats, and what is said beside them.
//! Never in it: what is in a report or an export (tests of onrecord-trail).

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use tempfile::TempDir;

use super::kit::{Outcome, cli};

/// A folder with a log of three requests: one read, one denied, one without answer.
struct Logs(TempDir);

impl Logs {
    fn new() -> Self {
        let logs = Self(tempfile::tempdir().unwrap());
        let line = |kind: &str, id: u32, error: &str, rest: &str| {
            format!(
                r#"{{"time":"2026-11-30T10:00:0{id}Z","type":"{kind}","auth":{{"display_name":"anna"}},"request":{{"id":"{id}","operation":"read","path":"secret/app","remote_address":"10.0.0.1"}}{error}{rest}}}"#
            )
        };
        let denied = r#","error":"permission denied""#;
        let text = [
            line("request", 1, "", ""),
            line("response", 1, "", r#","response":{"status_code":200}"#),
            line("request", 2, denied, ""),
            // The answer stands before the error in a line.
            line("response", 2, "", r#","response":{"status_code":403},"error":"permission denied""#),
            line("request", 3, "", ""),
        ];
        fs::write(logs.path("audit.log"), text.join("\n") + "\n").unwrap();
        logs
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).display().to_string()
    }

    fn run(&self, words: &[&str]) -> Outcome {
        let words: Vec<String> = words
            .iter()
            .map(|word| match word.split_once('@') {
                Some((before, name)) => format!("{before}{}", self.path(name)),
                None => (*word).to_owned(),
            })
            .collect();
        cli().run(&words.iter().map(String::as_str).collect::<Vec<_>>())
    }

    fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(self.0.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

#[test]
fn a_report_is_one_file_of_its_owner_and_says_what_the_log_lacks() {
    let logs = Logs::new();
    let outcome = logs.run(&["log", "report", "-tz=UTC", "-out=@page.html", "@audit.log"]);
    assert_eq!(outcome.code, 0, "{outcome:?}");
    assert!(outcome.stdout.starts_with("Success! Wrote the report of 3 requests to: "), "{outcome:?}");
    for said in ["! 1 request has no answer in these logs", "! Not verified: no tree (FILE.tlog) lies beside"]
    {
        assert!(outcome.stderr.contains(said), "{outcome:?}");
    }
    assert_eq!(logs.names(), ["audit.log", "page.html"]);
    let mode = fs::metadata(logs.path("page.html")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let page = fs::read_to_string(logs.path("page.html")).unwrap();
    assert!(page.contains("<h1>Monday, 30 November 2026</h1>") && page.contains("Not verified"), "{page}");
}

#[test]
fn a_report_of_a_time_after_the_end_of_the_log_and_without_a_file_says_so() {
    let logs = Logs::new();
    let words =
        ["log", "report", "-tz=UTC", "-since=2026-12-01", "-out=@page.html", "@audit.log", "@missing.log"];
    let outcome = logs.run(&words);
    assert_eq!(outcome.code, 2, "{outcome:?}");
    for said in [
        "! Not covered: the logs end at 2026-11-30 10:00:03Z, before 2026-12-01 00:00:00Z.\n",
        "/missing.log cannot be opened, and this is without it: No such file or directory (os error 2).\n",
    ] {
        assert!(outcome.stderr.contains(said), "{outcome:?}");
    }
    let page = fs::read_to_string(logs.path("page.html")).unwrap();
    assert!(page.contains("Not covered: the logs end at"), "{page}");
    let outcome = logs.run(&["log", "report", "-out=@other.html", "@missing.log"]);
    assert_eq!((outcome.code, logs.names().contains(&"other.html".to_owned())), (2, false), "{outcome:?}");
}

#[test]
fn a_file_is_replaced_only_with_force_and_a_folder_never() {
    let logs = Logs::new();
    fs::write(logs.path("page.html"), "mine").unwrap();
    let outcome = logs.run(&["log", "report", "-out=@page.html", "@audit.log"]);
    assert_eq!(outcome.code, 2, "{outcome:?}");
    assert!(outcome.stderr.contains("exists already: give another -out, or -force"), "{outcome:?}");
    assert_eq!(fs::read_to_string(logs.path("page.html")).unwrap(), "mine");
    assert_eq!(logs.run(&["log", "report", "-force", "-out=@page.html", "@audit.log"]).code, 0);
    assert!(fs::read_to_string(logs.path("page.html")).unwrap().starts_with("<!DOCTYPE html>"));

    fs::create_dir(logs.path("folder")).unwrap();
    for words in [
        ["log", "report", "-force", "-out=@folder", "@audit.log"],
        ["log", "export", "-format=parquet", "-out=@folder", "@audit.log"],
    ] {
        let outcome = logs.run(&words);
        assert_eq!((outcome.code, outcome.stderr.contains("folder")), (2, true), "{outcome:?}");
    }
    assert_eq!(logs.names(), ["audit.log", "folder", "page.html"]);
}

#[test]
fn a_report_as_json_is_what_a_later_one_is_compared_with() {
    let logs = Logs::new();
    let json = logs.run(&["log", "report", "-format=json", "-filter=not denied", "@audit.log"]);
    assert_eq!(json.code, 0, "{json:?}");
    assert!(json.stdout.starts_with("{\n  \"model\": 1,"), "{}", json.stdout);
    fs::write(logs.path("before.json"), &json.stdout).unwrap();
    let outcome = logs.run(&["log", "report", "-compare=@before.json", "-out=@page.html", "@audit.log"]);
    assert_eq!(outcome.code, 0, "{outcome:?}");
    let page = fs::read_to_string(logs.path("page.html")).unwrap();
    assert!(page.contains("Compared with another report"));
    assert!(page.contains("<dt>new</dt><dd><code>permission denied</code>"), "{page}");

    let outcome = logs.run(&["log", "report", "-compare=@audit.log", "-out=@other.html", "@audit.log"]);
    assert_eq!(outcome.code, 2);
    assert!(outcome.stderr.contains("not a report of `log report -format=json`"), "{outcome:?}");
}

#[test]
fn command_lines_that_cannot_be_are_refused_with_what_is_accepted() {
    let logs = Logs::new();
    for (words, says) in [
        (vec!["log", "report", "@audit.log"], "Give the file for the page: -out=FILE.html"),
        (vec!["log", "report", "-out=@x"], "Not enough arguments"),
        (vec!["log", "report", "-format=htm", "-out=@x", "@audit.log"], "did you mean html?"),
        (vec!["log", "report", "-out=@x", "@nothing.log"], "nothing.log"),
        (vec!["log", "report", "-out=@no/x", "@audit.log"], "Cannot write"),
        (vec!["log", "export", "@audit.log"], "Accepted: csv, parquet, ecs, ocsf, cef or cloudevents."),
        (vec!["log", "export", "-format=parket", "@audit.log"], "did you mean parquet?"),
        (vec!["log", "export", "-format=parquet", "@audit.log"], "Give the folder for the files: -out=DIR"),
    ] {
        let outcome = logs.run(&words);
        assert_eq!(outcome.code, 2, "{words:?}: {outcome:?}");
        assert!(outcome.stderr.contains(says), "{words:?}: {outcome:?}");
    }
    assert_eq!(logs.names(), ["audit.log"], "nothing is left of what failed");
}

#[test]
fn lines_are_printed_alone_and_what_the_log_lacks_is_said_beside_them() {
    let logs = Logs::new();
    let csv = logs.run(&["log", "export", "-format=csv", "@audit.log"]);
    assert_eq!((csv.code, csv.stdout.matches("\r\n").count()), (0, 4), "{csv:?}");
    assert!(
        csv.stderr.contains("has no answer") && csv.stderr.contains("! Not verified: no tree"),
        "{csv:?}"
    );
    for format in ["ecs", "ocsf", "cloudevents", "cef"] {
        let outcome =
            logs.run(&["log", "export", &format!("-format={format}"), "-filter=denied", "@audit.log"]);
        assert_eq!((outcome.code, outcome.stdout.lines().count()), (0, 1), "{outcome:?}");
    }
}
