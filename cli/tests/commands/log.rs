//! `log verify`, `log prove`, `log anchor`, `log key` and the end of `log check`, on logs with trees made here.
//! Never in it: which forgery is found how (tests of onrecord-trail).

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use flate2::write::GzEncoder;
use onrecord_audit::entry::{Entry, Formatter, Salt};
use onrecord_audit::evidence::EvidenceConfig;
use onrecord_audit::{Broker, DeviceConfig, DeviceOptions, Placement, SystemClock};
use onrecord_evidence::{Checkpoint, Ed25519Key, MemoryStore, Signer, TreeLog, line_digest};
use tempfile::TempDir;

use super::kit::{Outcome, cli};

const ORIGIN: &str = "example.com/file";
const LINES: u64 = 300;

fn line(number: u64) -> String {
    format!(r#"{{"time":"2026-01-01T00:00:00Z","type":"request","auth":{{}},"request":{{"id":"{number}"}}}}"#)
}

/// The lines with their newlines.
fn text(lines: &[String]) -> String {
    lines.join("\n") + "\n"
}

/// A log with its tree, the file of its key, and a checkpoint that was kept when it had 100 lines.
struct Log {
    dir: TempDir,
    lines: Vec<String>,
    key: Ed25519Key,
}

impl Log {
    fn new() -> Self {
        let (dir, key) = (tempfile::tempdir().unwrap(), Ed25519Key::generate().unwrap());
        let lines: Vec<String> = (0..LINES).map(line).collect();
        let log = Self { dir, lines, key };
        let (mut store, mut tree) = (MemoryStore::default(), TreeLog::new());
        for (count, line) in (1..).zip(&log.lines) {
            tree.append(line_digest(line.as_bytes()));
            if count == 100 || count == LINES {
                let root = tree.flush(&mut store).unwrap();
                let checkpoint = Checkpoint { origin: ORIGIN.to_owned(), size: tree.size(), root };
                let text = checkpoint.sign(&log.key).unwrap().to_string();
                fs::write(log.path(&format!("{count}.checkpoint")), &text).unwrap();
                store.resources.insert("checkpoint".to_owned(), text.into_bytes());
            }
        }
        for (name, bytes) in &store.resources {
            let path = log.path("audit.log.tlog").join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
        fs::write(log.path("server.keys"), format!("# keys\n{}\n", log.key.verifier(ORIGIN))).unwrap();
        log.write(&log.lines);
        log
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn write(&self, lines: &[String]) {
        fs::write(self.path("audit.log"), text(lines)).unwrap();
    }

    /// Runs a command; `@NAME` is a file of this folder.
    fn run(&self, words: &[&str]) -> Outcome {
        self.run_with(words, "")
    }

    fn run_with(&self, words: &[&str], stdin: &str) -> Outcome {
        let words: Vec<String> =
            words.iter().map(|word| word.replace('@', &format!("{}/", self.dir.path().display()))).collect();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        cli().stdin(stdin).no_server().run(&words)
    }
}

#[test]
fn an_untouched_log_is_intact_and_its_report_short() {
    let log = Log::new();
    let outcome = log.run(&["log", "verify", "-key=@server.keys", "@audit.log", "@audit.log.tlog"]);
    assert_eq!((outcome.code, outcome.stderr.as_str()), (0, ""));
    let lines: Vec<&str> = outcome.stdout.lines().collect();
    assert_eq!(lines.len(), 8, "{}", outcome.stdout);
    assert!(lines[2].ends_with("audit.log    300      300            0-299"), "{}", lines[2]);
    assert!(lines[4].starts_with("Tree of example.com/file: 300 leaves, root "), "{}", lines[4]);
    assert_eq!(lines[5], "Its checkpoint is signed by a given key.");
    assert_eq!(
        lines[7],
        "Intact: each of 300 leaves has its line and each line its leaf, and the signature holds."
    );
    let json = log.run(&["log", "verify", "-format=json", "-key=@server.keys", "@audit.log"]);
    assert!(json.stdout.contains(r#""verdict": "intact""#), "{}", json.stdout);
}

#[test]
fn a_report_says_what_came_of_the_verification() {
    let log = Log::new();
    let words = ["log", "report", "-force", "-key=@server.keys", "-out=@page.html", "@audit.log"];
    let page = || fs::read_to_string(log.path("page.html")).unwrap();
    assert_eq!(log.run(&words).code, 0);
    assert!(page().contains("<li>Intact: each of 300 leaves has its line"), "{}", page());
    let mut lines = log.lines.clone();
    lines.remove(200);
    log.write(&lines);
    let outcome = log.run(&words);
    assert_eq!(outcome.code, 1, "{outcome:?}");
    let said = "NOT INTACT: DROPPED (1 line). The logs, or their tree, are not as their device wrote them. Do not rely on them.";
    assert!(page().contains(&format!("<li>{said}")), "{}", page());
    assert!(
        outcome.stderr.contains(&format!("! {said} To verify: onrecord log verify -key=/")),
        "{outcome:?}"
    );
    assert!(
        outcome.stderr.contains("Exit code 1: the report was written, and its logs are not intact."),
        "{outcome:?}"
    );
    assert_eq!(log.run(&["log", "report", "-force", "-out=@page.html", "@audit.log"]).code, 0);
    let command = format!("onrecord log verify -key=server.keys {}", log.path("audit.log").display());
    assert!(page().contains("Not verified") && page().contains(&command), "{}", page());
}

#[test]
fn a_report_of_a_log_whose_last_lines_no_checkpoint_covers_yet_says_so_and_is_no_alarm() {
    let log = Log::new();
    log.write(&[log.lines.as_slice(), &["newer".to_owned(), "newest".to_owned()]].concat());
    let at = log.path("audit.log").display().to_string();
    let said = format!(
        "Intact up to line 300 of {at}: each of 300 leaves has its line, and the signature holds. No checkpoint covers the 2 lines \
         after it yet."
    );
    let outcome = log.run(&["log", "report", "-key=@server.keys", "-out=@page.html", "@audit.log"]);
    assert_eq!(outcome.code, 0, "{outcome:?}");
    assert!(
        outcome.stderr.contains(&format!("! {said} A server that runs makes one within a second or two"))
    );
    assert!(!outcome.stderr.contains("Exit code"), "{outcome:?}");
    let page = fs::read_to_string(log.path("page.html")).unwrap();
    assert!(page.contains(&format!("<li>{said}")) && page.contains("onrecord log verify"), "{page}");
    assert!(
        !page.contains("NOT INTACT") && !page.contains("notices bad") && !page.contains("The log is whole")
    );
    let json = log.run(&["log", "report", "-key=@server.keys", "-format=json", "@audit.log"]);
    assert!(json.code == 0 && json.stdout.contains(r#""state": "not_covered_yet""#), "{}", json.stdout);

    let words = ["log", "verify", "-key=@server.keys", "-allow-uncovered-tail", "@audit.log"];
    let outcome = log.run(&words);
    assert!(outcome.code == 0 && outcome.stdout.ends_with(&format!("{said}\n")), "{outcome:?}");
    let outcome = log.run(&[&words[..2], &["-examples=0"], &words[2..]].concat());
    assert!(outcome.code == 0 && outcome.stdout.contains("Intact up to leaf 299: "), "{outcome:?}");
}

#[test]
fn a_report_without_a_file_of_the_log_says_that_and_not_that_the_log_was_changed() {
    let log = Log::new();
    log.write(&log.lines[100..]);
    let outcome = log.run(&["log", "report", "-key=@server.keys", "-out=@page.html", "@audit.log"]);
    assert_eq!(outcome.code, 1, "{outcome:?}");
    let said = "! NOT INTACT: HEAD MISSING (100 lines). These lines were cut, or their file was not given: give all files of the log. To";
    assert!(outcome.stderr.contains(said), "{outcome:?}");
    log.write(&[&["older".to_owned()], log.lines.as_slice()].concat());
    let outcome = log.run(&["log", "report", "-key=@server.keys", "-format=json", "@audit.log"]);
    let said = "! NOT INTACT: NOT COVERED (1 line). Nothing vouches for these lines; all others are as their device wrote them. To";
    assert!(outcome.code == 1 && outcome.stderr.contains(said), "{outcome:?}");
}

#[test]
fn a_forgery_is_named_with_its_line_and_ends_with_1() {
    let log = Log::new();
    let mut lines = log.lines.clone();
    lines[41] = lines[41].replace("request\":{\"id", "request\": {\"id");
    lines.remove(200);
    log.write(&lines);
    let outcome = log.run(&["log", "verify", "-key=@server.keys", "-since=@100.checkpoint", "@audit.log"]);
    assert_eq!((outcome.code, outcome.stderr.as_str()), (1, ""));
    let at = log.path("audit.log").display().to_string();
    for text in [
        format!(
            "{at}, line 42 (2026-01-01T00:00:00Z): ALTERED: it is not the line that was written, leaf 41\n"
        ),
        format!("{at}, line 200 (2026-01-01T00:00:00Z): DROPPED: after it 1 line is missing, leaf 200\n"),
        "Of 1 kept checkpoints the tree agrees with 1; the largest is of 100 leaves.\n".to_owned(),
        "NOT INTACT: see the findings above.\n".to_owned(),
    ] {
        assert!(outcome.stdout.contains(&text), "{text}: {}", outcome.stdout);
    }
}

#[test]
fn what_cannot_be_judged_ends_with_2_and_the_reason() {
    let log = Log::new();
    fs::write(log.path("other.log"), "text\n").unwrap();
    fs::write(log.path("empty.log"), "").unwrap();
    fs::create_dir(log.path("empty")).unwrap();
    let two = format!("{}\n{}\n", log.key.verifier(ORIGIN), log.key.verifier("example.com/second"));
    fs::write(log.path("two.keys"), two).unwrap();
    for (words, reason) in [
        (&["@audit.log"][..], "The signature was not checked: no key was given (-key)."),
        (
            &["-key=@server.keys", "-first-leaf=300", "-tlog=@audit.log.tlog", "@empty.log"],
            "There is no line in ",
        ),
        (&["-tlog=@empty", "@audit.log"], "there is no tree: it has no checkpoint"),
        (&["-key=@server.keys", "-tlog=@none", "@audit.log"], "there is no such folder"),
        (&["@other.log"], "There is no tree beside "),
        (
            &["-key=@server.keys", "@other.log"],
            "other.log is not an audit log: its only line is not an audit entry.",
        ),
        (&["-key=@server.keys", "@empty"], "empty is a directory: give the files of the log"),
        (&["-key=@server.keys", "@audit.log", "@empty"], "empty is a directory: give the files of the log"),
        (&["@empty"], "empty is a directory: give the files of the log"),
        (&["-key=@server.keys", "@missing.log", "@audit.log"], "missing.log cannot be read"),
        (&["-key=@server.keys", "@missing.log"], "missing.log cannot be read"),
        // The tree has no part in it.
        (
            &["-key=@server.keys", "@audit.log", "@missing.log"],
            "missing.log cannot be read: No such file or directory (os error 2)\n",
        ),
        (&["-key=nonsense", "@audit.log"], "-key=nonsense: not a verifier key"),
        (&["-key=@server.keys", "-witness=@server.keys", "@audit.log"], "the key of a log, not of a witness"),
        (
            &["-key=@server.keys", "-since=@other.log", "@audit.log"],
            "other.log cannot be compared with the tree",
        ),
        (&["-key=@server.keys", "-anchors=@other.log", "@audit.log"], "it has no checkpoint of this tree"),
        (&["-key=@server.keys", "@audit.log.tlog"], "No log is given, only trees of logs"),
        (
            &["-key=@two.keys", "@audit.log"],
            "it was not said which one is to be verified: example.com/file, example.com/second. The tree says that it is of \
             example.com/file",
        ),
        (
            &["-key=@two.keys", "@audit.log"],
            "Say which one is meant: add -origin=example.com/file or -origin=example.com/second\n",
        ),
        (&[], "Not enough arguments"),
        (&["-unknown", "@audit.log"], "unknown"),
    ] {
        let outcome = log.run(&[&["log", "verify"], words].concat());
        assert!(outcome.code == 2 && outcome.stderr.contains(reason), "{words:?}: {outcome:?}");
        assert!(!outcome.stdout.contains("Intact:"), "{words:?}: {outcome:?}");
    }
}

#[test]
fn a_log_that_was_emptied_exchanged_or_robbed_of_its_tree_ends_with_1() {
    let log = Log::new();
    fs::write(log.path("other.log"), "text\n").unwrap();
    fs::write(log.path("empty.log"), "").unwrap();
    fs::write(log.path("alone.log"), text(&log.lines)).unwrap();
    fs::create_dir(log.path("empty")).unwrap();
    fs::create_dir(log.path("damaged")).unwrap();
    fs::write(log.path("damaged/checkpoint"), "text").unwrap();
    let two = format!("{}\n{}\n", log.key.verifier(ORIGIN), log.key.verifier("example.com/second"));
    fs::write(log.path("two.keys"), two).unwrap();
    let emptied =
        "empty.log: ALL MISSING: the log has no line of the tree, which has 300 leaves, leaves 0-299";
    for (words, expected) in [
        (&["-tlog=@audit.log.tlog", "@empty.log"][..], emptied),
        (&["-tlog=@audit.log.tlog", "@other.log"], "other.log: ALL MISSING: "),
        (&["@audit.log", "@other.log"], "other.log, line 1: FOREIGN: none of them is in the tree"),
        (&["-tlog=@empty", "@audit.log"], "NOT INTACT: there is no tree: it has no checkpoint ("),
        (&["-tlog=@damaged", "@audit.log"], "NOT INTACT: the checkpoint of the tree cannot be read: "),
        (&["@alone.log"], "alone.log is missing: there is no folder FILE.tlog."),
        (&["@alone.log", "@other.log"], "alone.log is missing: there is no folder FILE.tlog."),
        (&["@empty.log"], "empty.log is missing: there is no folder FILE.tlog."),
        (
            &["-origin=example.com/second", "@audit.log"],
            "the tree is of origin example.com/file, not example.com/second",
        ),
    ] {
        let outcome = log.run(&[&["log", "verify", "-key=@server.keys"], words].concat());
        let said = format!("{}{}", outcome.stdout, outcome.stderr);
        assert!(outcome.code == 1 && said.contains(expected), "{words:?}: {outcome:?}");
        assert!(!said.contains("Intact:") && said.contains("NOT INTACT"), "{words:?}: {outcome:?}");
    }
    let outcome =
        log.run(&["log", "report", "-key=@server.keys", "-format=json", "@audit.log", "@missing.log"]);
    assert!(outcome.code == 2 && outcome.stderr.ends_with(" (os error 2)\n"), "{outcome:?}");
    let outcome = log.run(&["log", "report", "-key=@two.keys", "-format=json", "@audit.log"]);
    assert!(
        outcome.code == 2 && outcome.stderr.contains(": add -origin=example.com/file or "),
        "{outcome:?}"
    );
    let verify = ["log", "verify", "-key=@two.keys", "@audit.log"];
    let outcome = log.run(&[&verify[..3], &["-origin=example.com/file"], &verify[3..]].concat());
    assert_eq!((outcome.code, outcome.stderr.as_str()), (0, ""), "{outcome:?}");
    // Log and tree were exchanged together for those of another device of the server.
    let outcome = log.run(&[&verify[..3], &["-origin=example.com/second"], &verify[3..]].concat());
    assert!(outcome.code == 1 && outcome.stdout.contains("OTHER LOG: "), "{outcome:?}");
    // A proof is of one log, too.
    assert_eq!(log.run(&["log", "prove", "-out=@line.proof", "@audit.log:17"]).code, 0);
    let proof = ["log", "verify", "-key=@two.keys", "-proof=@line.proof", "@audit.log:17"];
    let outcome = log.run(&proof);
    assert!(
        outcome.code == 2 && outcome.stderr.contains("add -origin=example.com/file or -origin="),
        "{outcome:?}"
    );
    assert_eq!(log.run(&[&proof[..3], &["-origin=example.com/file"], &proof[3..]].concat()).code, 0);
    assert_eq!(log.run(&[&proof[..3], &["-origin=example.com/second"], &proof[3..]].concat()).code, 1);
}

#[test]
fn a_retired_key_does_not_vouch_for_the_newest_checkpoint() {
    let log = Log::new();
    let (old, new) = (log.key.verifier(ORIGIN), Ed25519Key::generate().unwrap().verifier(ORIGIN));
    let keys = format!("{new}\n# retired at 2026-02-01T00:00:00Z: {old}\n# retired at noon: a comment\n");
    fs::write(log.path("rotated.keys"), keys).unwrap();
    let verify = ["log", "verify", "-key=@rotated.keys", "-since=@100.checkpoint", "@audit.log"];
    let outcome = log.run(&verify);
    let text = format!("RETIRED KEY: only example.com/file ({:08x}), which was retired, signed", old.id());
    assert!(outcome.code == 1 && outcome.stdout.contains(&text), "{outcome:?}");
    assert!(outcome.stdout.contains("Of 1 kept checkpoints the tree agrees with 1;"), "{outcome:?}");
    let itself = format!("-key={old}");
    assert_eq!(log.run(&[&verify[..3], &[itself.as_str()], &verify[3..]].concat()).code, 0);
    assert_eq!(log.run(&["log", "prove", "-out=@line.proof", "@audit.log:17"]).code, 0);
    assert_eq!(
        log.run(&["log", "verify", "-key=@rotated.keys", "-proof=@line.proof", "@audit.log:17"]).code,
        0
    );
}

/// Serves the files of a folder, and this status for one path, until it is asked for `/end`. Returns its URL.
fn serve(folder: PathBuf, refused: &'static str, status: u16) -> (String, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let serving = std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut reader = BufReader::new(stream.unwrap());
            loop {
                let mut first = String::new();
                if reader.read_line(&mut first).unwrap_or(0) == 0 {
                    break;
                }
                let mut line = String::new();
                while reader.read_line(&mut line).unwrap() > 2 {
                    line.clear();
                }
                let path = first.split(' ').nth(1).unwrap().to_owned();
                if path == "/end" {
                    return;
                }
                assert!(first.starts_with("GET /trees/audit.log.tlog/"), "{first}");
                let file = fs::read(folder.join(path.trim_start_matches("/trees/")));
                let (status, body) = match file {
                    _ if path.ends_with(refused) => (status, Vec::new()),
                    Ok(body) => (200, body),
                    Err(_) => (404, b"not here".to_vec()),
                };
                let head = format!("HTTP/1.1 {status} A\r\nContent-Length: {}\r\n\r\n", body.len());
                reader.get_mut().write_all(&[head.into_bytes(), body].concat()).unwrap();
            }
        }
    });
    (url, serving)
}

#[test]
fn a_tree_is_read_from_a_web_server() {
    let log = Log::new();
    let (url, serving) = serve(log.dir.path().to_owned(), "/none", 404);
    let tlog = format!("-tlog={url}/trees/audit.log.tlog/");
    let verify = ["log", "verify", "-key=#server.keys", &tlog, "#audit.log"];
    let run = |log: &Log, words: &[&str]| {
        let words: Vec<String> =
            words.iter().map(|word| word.replace('#', &format!("{}/", log.dir.path().display()))).collect();
        cli().no_server().run(&words.iter().map(String::as_str).collect::<Vec<_>>())
    };
    let outcome = run(&log, &verify);
    assert_eq!((outcome.code, outcome.stderr.as_str()), (0, ""), "{outcome:?}");
    let proof = run(&log, &["log", "prove", &tlog, "#audit.log:7"]);
    assert!(proof.code == 0 && proof.stdout.starts_with("c2sp.org/tlog-proof@v1\nindex 6\n"), "{proof:?}");
    let kept = fs::read_to_string(log.path("300.checkpoint")).unwrap();
    run(&log, &["log", "anchor", &tlog]).is(0, &kept, "");
    assert_eq!(run(&log, &["log", "key", &tlog]).code, 0);
    // A missing tile is a finding, and so is a missing tree.
    fs::remove_file(log.path("audit.log.tlog/tile/0/000")).unwrap();
    let outcome = run(&log, &verify);
    assert!(
        outcome.code == 1 && outcome.stdout.contains("TREE DAMAGED: tile/0/000 is missing"),
        "{outcome:?}"
    );
    fs::remove_file(log.path("audit.log.tlog/checkpoint")).unwrap();
    let outcome = run(&log, &verify);
    assert!(outcome.code == 1 && outcome.stderr.contains("NOT INTACT: there is no tree"), "{outcome:?}");
    drop(
        TcpStream::connect(url.trim_start_matches("http://"))
            .unwrap()
            .write_all(b"GET /end HTTP/1.1\r\n\r\n"),
    );
    serving.join().unwrap();
}

#[test]
fn a_web_server_that_does_not_answer_says_nothing_of_the_log() {
    let log = Log::new();
    for refused in ["/tile/entries/000", "/checkpoint"] {
        let (url, serving) = serve(log.dir.path().to_owned(), refused, 503);
        let tlog = format!("-tlog={url}/trees/audit.log.tlog");
        let (key, file) = (format!("-key={}", log.path("server.keys").display()), log.path("audit.log"));
        let outcome = cli().no_server().run(&["log", "verify", &key, &tlog, file.to_str().unwrap()]);
        let reason = format!("{}: the web server answers with status 503", &refused[1..]);
        assert!(outcome.code == 2 && outcome.stderr.contains(&reason), "{outcome:?}");
        assert_eq!(outcome.stdout, "");
        drop(
            TcpStream::connect(url.trim_start_matches("http://"))
                .unwrap()
                .write_all(b"GET /end HTTP/1.1\r\n\r\n"),
        );
        serving.join().unwrap();
    }
    for (tlog, reason) in [
        ("-tlog=http://127.0.0.1:1/", "dial tcp 127.0.0.1:1: connect: "),
        ("-tlog=https://", "no Host in request URL"),
        ("-tlog=http://127.0.0.1:1/?a", "without ? and #"),
    ] {
        let outcome = log.run(&["log", "verify", "-key=@server.keys", tlog, "@audit.log"]);
        assert!(outcome.code == 2 && outcome.stderr.contains(reason), "{tlog}: {outcome:?}");
    }
}

#[test]
fn names_in_a_log_are_not_printed_raw() {
    let log = Log::new();
    let name = "a\u{1b}[2J.log";
    let mut lines: Vec<String> = log.lines.clone();
    lines[3].push_str("\u{1b}[2J");
    fs::write(log.path(name), text(&lines)).unwrap();
    let outcome = log.run(&["log", "verify", "-tlog=@audit.log.tlog", &format!("@{name}")]);
    assert_eq!(outcome.code, 1);
    for output in [&outcome.stdout, &outcome.stderr] {
        assert!(output.bytes().all(|byte| byte == b'\n' || (b' '..=b'~').contains(&byte)), "{output:?}");
    }
}

#[test]
fn what_was_accepted_is_named_and_does_not_count() {
    let log = Log::new();
    let mut lines = vec!["older".to_owned()];
    lines.extend_from_slice(&log.lines);
    lines.push("newer".to_owned());
    log.write(&lines);
    let verify = ["log", "verify", "-key=@server.keys"];
    let both = ["-allow-uncovered-head", "-allow-uncovered-tail"];
    for (flags, code) in [(&both[..1], 1), (&both[1..], 1), (&both[..], 0)] {
        let outcome = log.run(&[&verify, flags, &["@audit.log"]].concat());
        assert_eq!(outcome.code, code, "{}", outcome.stdout);
        assert!(outcome.stdout.contains("(accepted)"), "{}", outcome.stdout);
    }
}

#[test]
fn a_rotated_log_is_verified_with_the_tree_beside_its_newest_file() {
    let log = Log::new();
    let mut file =
        GzEncoder::new(fs::File::create(log.path("audit.log.1.gz")).unwrap(), flate2::Compression::fast());
    file.write_all(text(&log.lines[..200]).as_bytes()).unwrap();
    file.finish().unwrap();
    log.write(&log.lines[200..]);
    let outcome = log.run(&["log", "verify", "-key=@server.keys", "@audit.log", "@audit.log.1.gz"]);
    assert_eq!(outcome.code, 0, "{outcome:?}");
    let outcome = log.run(&["log", "verify", "-key=@server.keys", "-first-leaf=200", "@audit.log"]);
    assert!(outcome.code == 0 && outcome.stdout.contains("Intact from leaf 200 on"), "{outcome:?}");
    let outcome = log.run(&["log", "prove", "@audit.log.1.gz:7"]);
    assert!(
        outcome.code == 0 && outcome.stdout.starts_with("c2sp.org/tlog-proof@v1\nindex 6\n"),
        "{outcome:?}"
    );
}

#[test]
fn a_proof_of_a_line_is_checked_without_log_and_tree() {
    let log = Log::new();
    let outcome = log.run(&["log", "prove", "-out=@line.proof", "@audit.log:17"]);
    assert!(outcome.code == 0 && outcome.stdout.starts_with("Success! Wrote the proof of "), "{outcome:?}");
    fs::remove_dir_all(log.path("audit.log.tlog")).unwrap();
    let check = ["log", "verify", "-proof=@line.proof", "-key=@server.keys"];
    let proven = "The line is leaf 16 of example.com/file: proven by a signed checkpoint of 300 leaves.\n";
    log.run(&[&check[..], &["@audit.log:17"]].concat()).is(0, proven, "");
    log.run_with(&check, &format!("{}\n", line(16))).is(0, proven, "");
    log.run_with(&[&check[..], &["-"]].concat(), &line(16)).is(0, proven, "");
    let outcome = log.run(&[&check[..], &["@audit.log:18"]].concat());
    assert!(
        outcome.code == 1 && outcome.stderr.starts_with("NOT PROVEN: the line is not the one"),
        "{outcome:?}"
    );
    let other = Ed25519Key::generate().unwrap().verifier(ORIGIN);
    let outcome =
        log.run(&["log", "verify", "-proof=@line.proof", &format!("-key={other}"), "@audit.log:17"]);
    assert!(outcome.code == 1 && outcome.stderr.contains("no signature of a known key"), "{outcome:?}");
    for (words, reason) in [
        (
            &["log", "verify", "-proof=@line.proof", "@audit.log:17"][..],
            "give the key of the server with -key",
        ),
        (
            &["log", "verify", "-proof=@none", "-key=@server.keys", "@audit.log:17"],
            "Cannot read the file of -proof",
        ),
        (&["log", "verify", "-proof=@line.proof", "-key=@server.keys", "@audit.log"], "as FILE:LINE"),
        (
            &["log", "verify", "-proof=@line.proof", "-key=@server.keys", "@audit.log:301"],
            "has 300 lines, and no line 301",
        ),
        (&["log", "verify", "-proof=@line.proof", "-key=@server.keys"], "There is no line on standard input"),
        (&["log", "prove", "@audit.log:0"], "as FILE:LINE"),
        (&["log", "prove"], "Not enough arguments"),
    ] {
        let outcome = log.run(words);
        assert!(outcome.code == 2 && outcome.stderr.contains(reason), "{words:?}: {outcome:?}");
    }
}

#[test]
fn a_line_that_is_not_in_the_tree_has_no_proof() {
    let log = Log::new();
    log.write(&["another".to_owned()]);
    let outcome = log.run(&["log", "prove", "@audit.log:1"]);
    assert!(outcome.code == 1 && outcome.stderr.contains("is not in the tree of 300 lines"), "{outcome:?}");
    let outcome = log.run(&["log", "prove", "-out=@server.keys", "-tlog=@audit.log.tlog", "@audit.log:1"]);
    assert_eq!(outcome.code, 1);
    log.write(&log.lines);
    let outcome = log.run(&["log", "prove", "-out=@server.keys", "@audit.log:1"]);
    assert!(outcome.code == 2 && outcome.stderr.contains("File exists"), "{outcome:?}");
}

#[test]
fn an_anchor_is_the_checkpoint_and_can_be_given_back_to_verify() {
    let log = Log::new();
    let kept = fs::read_to_string(log.path("300.checkpoint")).unwrap();
    log.run(&["log", "anchor", "@audit.log"]).is(0, &kept, "");
    log.run(&["log", "anchor", "-tlog=@audit.log.tlog"]).is(0, &kept, "");
    let outcome = log.run(&["log", "anchor", "-out=@kept", "@audit.log"]);
    assert_eq!(outcome.code, 0, "{outcome:?}");
    assert_eq!(fs::read_to_string(log.path("kept")).unwrap(), kept);
    let outcome = log.run(&["log", "verify", "-key=@server.keys", "-since=@kept", "@audit.log"]);
    assert_eq!(outcome.code, 0, "{outcome:?}");
    let outcome = log.run(&["log", "anchor"]);
    assert!(outcome.code == 2 && outcome.stderr.contains("Give the log as FILE"), "{outcome:?}");
}

/// Runs openssl in a folder. Every Debian has it, and the tests need it.
fn openssl(log: &Log, arguments: &str) -> String {
    let output = Command::new("openssl")
        .args(arguments.split_whitespace())
        .current_dir(log.dir.path())
        .output()
        .expect("openssl is installed: the time stamps of anchors are tested with it");
    let said =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "openssl {arguments}: {said}");
    said
}

#[test]
fn openssl_stamps_an_anchor_and_verifies_the_stamp() {
    let log = Log::new();
    let outcome = log.run(&["log", "anchor", "-out=@kept", "-rfc3161=@kept.tsq", "@audit.log"]);
    assert_eq!(outcome.code, 0, "{outcome:?}");
    let query = openssl(&log, "ts -query -in kept.tsq -text");
    for text in ["Version: 1", "Hash Algorithm: sha256", "Certificate required: yes", "Nonce: 0x"] {
        assert!(query.contains(text), "{query}");
    }
    let config = "[req]\ndistinguished_name=name\n[name]\n[tsa]\nextendedKeyUsage=critical,timeStamping\n\
                  [ts]\ndefault_tsa=ts1\n[ts1]\nserial=serial\ndefault_policy=1.2.3.4\ndigests=sha256\n\
                  signer_digest=sha256\naccuracy=secs:1\nordering=no\ntsa_name=no\ness_cert_id_chain=no\n\
                  ess_cert_id_alg=sha256\n";
    fs::write(log.path("ts.cnf"), config).unwrap();
    fs::write(log.path("serial"), "01\n").unwrap();
    openssl(
        &log,
        "req -x509 -newkey rsa:2048 -nodes -keyout tsa.key -out tsa.pem -days 2 -subj /CN=tsa -config ts.cnf -extensions tsa",
    );
    openssl(
        &log,
        "ts -reply -config ts.cnf -section ts1 -queryfile kept.tsq -signer tsa.pem -inkey tsa.key -out kept.tsr",
    );
    openssl(&log, "ts -verify -data kept -in kept.tsr -CAfile tsa.pem");
    openssl(&log, "ts -verify -queryfile kept.tsq -in kept.tsr -CAfile tsa.pem");
}

#[test]
fn the_keys_come_from_the_server_and_not_from_a_tree() {
    let reply = r#"{"keys":[{"device":"file/","origin":"example.com/file","verifier_key":"example.com/file+00000000+A","created":"2026-01-01T00:00:00Z"}]}"#;
    let outcome = cli().reply(200, reply).run(&["log", "key"]);
    assert_eq!((outcome.code, outcome.stderr.as_str()), (0, ""));
    outcome.sent(&["GET /v1/sys/audit-log/keys"]);
    assert_eq!(outcome.sent[0].header("x-vault-token"), None);
    assert!(
        outcome.stdout.ends_with(
            "file/     example.com/file    2026-01-01T00:00:00Z    n/a        example.com/file+00000000+A\n"
        ),
        "{}",
        outcome.stdout
    );
    cli().reply(200, reply).run(&["log", "key", "-keys-only"]).is(0, "example.com/file+00000000+A\n", "");
    let retired = reply.replace("\"created\"", "\"retired\":\"2026-02-01T00:00:00Z\",\"created\"");
    let only = "# retired at 2026-02-01T00:00:00Z: example.com/file+00000000+A\n";
    cli().reply(200, &retired).run(&["log", "key", "-keys-only"]).is(0, only, "");
    let second =
        r#"{"device":"file/","origin":"example.com/file","verifier_key":"example.com/file+00000001+B"}]}"#;
    let both = format!("{},{second}", retired.trim_end_matches("]}"));
    let live_first = format!("example.com/file+00000001+B\n{only}");
    cli().reply(200, &both).run(&["log", "key", "-keys-only"]).is(0, &live_first, "");
    let shown = cli().reply(200, &both).run(&["log", "key"]).stdout;
    assert!(shown.find("+B").unwrap() < shown.find("2026-02-01T00:00:00Z").unwrap(), "{shown}");
    let wrapped = format!(r#"{{"request_id":"r","data":{reply}}}"#);
    cli().reply(200, &wrapped).run(&["log", "key", "-keys-only"]).is(0, "example.com/file+00000000+A\n", "");
    let outcome = cli().reply(404, r#"{"errors":[]}"#).run(&["log", "key"]);
    assert!(
        outcome.code == 2 && outcome.stderr.starts_with("Error reading the keys of the logs: "),
        "{outcome:?}"
    );

    let log = Log::new();
    let outcome = log.run(&["log", "key", "-tlog=@audit.log.tlog"]);
    assert_eq!(outcome.code, 0, "{outcome:?}");
    let id = format!("{:08x}", log.key.verifier(ORIGIN).id());
    assert!(outcome.stdout.contains(&format!("{ORIGIN}    {id}\n")), "{}", outcome.stdout);
    assert!(outcome.stdout.contains("A key must come from the server"), "{}", outcome.stdout);
}

#[test]
fn the_logs_of_two_devices_of_one_server_vouch_for_each_other() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let broker = Broker::builder().build().unwrap();
    let key: Arc<dyn Signer> = Arc::new(Ed25519Key::generate().unwrap());
    for name in ["a", "b"] {
        let options = [("file_path".to_owned(), at(&format!("{name}.log")))].into();
        let options = DeviceOptions::parse("file", &options).unwrap();
        let device = options.open(&Placement::api(), Arc::new(SystemClock::new())).unwrap();
        let formatter = Formatter::new(options.form, Arc::new(Salt::new(name)));
        let evidence = EvidenceConfig::new(format!("test/{name}"), Arc::clone(&key));
        broker.restore(DeviceConfig::new(name, device, formatter).evidence(evidence)).unwrap();
    }
    let timeout = Duration::from_mins(1);
    for round in 1..=3_usize {
        for _ in 0..100 {
            let _proof = broker.record_request(&Entry::default()).wait().unwrap();
        }
        broker.checkpoint("a", timeout).unwrap();
        let anchors = || fs::read_to_string(at("b.log")).unwrap().matches("sys/audit/checkpoint").count();
        let begun = Instant::now();
        while anchors() < round {
            assert!(begun.elapsed() < timeout, "no checkpoint of a in the log of b");
            std::thread::yield_now();
        }
    }
    broker.drain(timeout);
    drop(broker);
    fs::write(at("keys"), format!("{}\n{}\n", key.verifier("test/a"), key.verifier("test/b"))).unwrap();
    let verify = |log: &str, other: &str| {
        let (keys, anchors) = (format!("-key={}", at("keys")), format!("-anchors={}", at(other)));
        let origin = format!("-origin=test/{}", log.trim_end_matches(".log"));
        cli().no_server().run(&["log", "verify", &keys, &origin, &anchors, &at(log)])
    };
    let outcome = verify("a.log", "b.log");
    assert_eq!((outcome.code, outcome.stderr.as_str()), (0, ""), "{outcome:?}");
    assert!(outcome.stdout.contains(" kept checkpoints the tree agrees with "), "{}", outcome.stdout);
    let outcome = verify("b.log", "a.log");
    assert_eq!((outcome.code, outcome.stderr.as_str()), (0, ""), "{outcome:?}");

    let log = fs::read_to_string(at("a.log")).unwrap();
    fs::write(at("a.log"), log.replacen("\"request\"", "\"Request\"", 1)).unwrap();
    let outcome = verify("a.log", "b.log");
    assert!(outcome.code == 1 && outcome.stdout.contains("a.log, line 1: ALTERED:"), "{outcome:?}");
}

#[test]
fn log_check_skips_trees_and_ends_with_its_bounds() {
    let log = Log::new();
    let outcome = log.run(&["log", "check", "@audit.log", "@audit.log.tlog"]);
    assert_eq!((outcome.code, outcome.stderr.as_str()), (0, ""));
    assert!(
        outcome.stdout.ends_with("by a gap entry.\nThis finds loss; `log verify` finds forgery.\n"),
        "{}",
        outcome.stdout
    );
    let outcome = log.run(&["log", "check", "@audit.log.tlog"]);
    assert!(outcome.code == 2 && outcome.stderr.contains("No log is given"), "{outcome:?}");
}

#[test]
fn a_log_that_ends_within_an_entry_lacks_it() {
    let log = Log::new();
    let line = |number: u64| {
        let record =
            format!(r#""record":{{"seq":{number},"boot":"df0b7c036227deb1","salt":"0123456789abcdef"}}}}"#);
        format!("{},{record}", line(number).strip_suffix('}').unwrap())
    };
    let whole = text(&(1..=4).map(line).collect::<Vec<_>>());
    fs::write(log.path("audit.log"), &whole).unwrap();
    assert_eq!(log.run(&["log", "check", "@audit.log"]).code, 0);
    fs::write(log.path("audit.log"), &whole[..whole.len() - 40]).unwrap();
    let outcome = log.run(&["log", "check", "@audit.log"]);
    assert_eq!((outcome.code, outcome.stderr.as_str()), (1, ""), "{outcome:?}");
    for said in [
        " bytes, not declared, and no log has this entry: it is MISSING (",
        "Incomplete: entries are missing",
    ] {
        assert!(outcome.stdout.contains(said), "{outcome:?}");
    }
}
