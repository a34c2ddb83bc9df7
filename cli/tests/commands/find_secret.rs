//! `log find-secret` and `audit salts -export`, on logs and salt files made here.
//! Never in it: how a query reads lines (tests of onrecord-trail).

use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

use flate2::write::GzEncoder;
use onrecord_audit::entry::FormatOptions;
use onrecord_audit::entry::format::{Format, Limits};
use onrecord_audit::entry::oversize::{Oversize, OversizeError, send_within};
use onrecord_audit::entry::request::{Data, Request};
use onrecord_audit::entry::salt_export::{ExportedSalt, SaltExport};
use onrecord_audit::entry::value::{Object, Time, Value, json, object};
use onrecord_audit::entry::{Boot, Entry, Formatter, Operation, Response, Salt, Stamp};
use onrecord_seal::OsEntropy;
use onrecord_seal::age;
use tempfile::TempDir;
use zeroize::Zeroizing;

use super::kit::{Outcome, cli};

const TEXT: &str = "hunter2-of-ann";
const PASSPHRASE: &str = "correct horse battery";
const SALTS: [&str; 3] = [
    "0f2a6b1c-5d3e-4f70-8a9b-c0d1e2f30415",
    "1f2a6b1c-5d3e-4f70-8a9b-c0d1e2f30415",
    "2f2a6b1c-5d3e-4f70-8a9b-c0d1e2f30415",
];

struct Logs {
    dir: TempDir,
    seq: u64,
}

impl Logs {
    fn new() -> Self {
        let logs = Self { dir: tempfile::tempdir().unwrap(), seq: 0 };
        fs::write(logs.path("passphrase"), format!("{PASSPHRASE}\n")).unwrap();
        logs.salt_file("salts.age", &SALTS);
        logs
    }

    fn path(&self, name: &str) -> String {
        self.dir.path().join(name).to_str().unwrap().to_owned()
    }

    fn salt_file(&self, name: &str, salts: &[&str]) {
        let time = Time::from_unix(1_700_000_000, 0);
        let salt = |(at, text): (usize, &&str)| {
            let to = (at > 0).then_some(time);
            ExportedSalt::new(Zeroizing::new((*text).to_owned()), format!("d{at}/"), "file".into(), time, to)
        };
        let salts = salts.iter().enumerate().map(salt).collect();
        let export =
            SaltExport { server: "vault-prod".into(), exported: Time::from_unix(2_000_000_000, 0), salts };
        let sealed = age::seal_with_passphrase(PASSPHRASE, 4, &export.to_text(), &OsEntropy::new()).unwrap();
        fs::write(self.path(name), sealed).unwrap();
    }

    /// The line of a write with these data, of a device with this salt.
    fn line(&mut self, salt: &str, options: FormatOptions, data: &Object) -> Vec<u8> {
        self.seq += 1;
        Half { id: self.seq, path: "secret/data/app", data, is_answer: false }.line(salt, options)
    }

    fn hashed(&mut self, salt: &str, format: Format, text: &str) -> Vec<u8> {
        let data = object! { "data" => object! { "password" => text, "other" => "x" } };
        self.line(salt, FormatOptions { format, ..FormatOptions::default() }, &data)
    }

    fn write(&self, name: &str, bytes: &[u8]) -> String {
        let path = self.path(name);
        fs::write(&path, bytes).unwrap();
        path
    }

    /// Runs the command on these files with the exported salts, and the text on standard input.
    fn find(&self, text: &str, more: &[&str]) -> Outcome {
        let (salts, passphrase) = (
            format!("-salts={}", self.path("salts.age")),
            format!("-passphrase-file={}", self.path("passphrase")),
        );
        let words = [&["log", "find-secret", "-tz=UTC", &salts, &passphrase], more].concat();
        cli().no_server().stdin(text).run(&words)
    }
}

/// The request entry or the response entry of a write.
struct Half<'h> {
    id: u64,
    path: &'h str,
    data: &'h Object,
    is_answer: bool,
}

impl Half<'_> {
    /// Its line of a device with this salt.
    fn line(&self, salt: &str, options: FormatOptions) -> Vec<u8> {
        let id = format!("{:08x}-0000-4000-8000-000000000000", self.id);
        let request = Request {
            id: id.as_str().into(),
            operation: Some(Operation::Update),
            path: self.path.into(),
            data: Data::new(self.data),
            remote_address: "203.0.113.9".into(),
            ..Request::default()
        };
        let response = self.is_answer.then(|| Response { status_code: 204, ..Response::default() });
        let entry = Entry { request, response, ..Entry::default() };
        let seq = self.id * 2 + u64::from(self.is_answer);
        let stamp = Stamp { time: Time::from_unix(1_700_000_100, 5), seq, boot: Boot::new(7) };
        let mut line = Vec::new();
        Formatter::new(options, Arc::new(Salt::new(salt))).format(&entry, &stamp, &mut line).unwrap();
        line
    }
}

/// A line that is too long for its device, which shortens it.
fn shortened(line: &[u8]) -> Vec<u8> {
    let mut shortened = Vec::new();
    let sent = send_within(line, 4096, Oversize::Elide, |line| -> Result<(), OversizeError> {
        shortened.extend_from_slice(line);
        Ok(())
    });
    sent.unwrap();
    shortened
}

/// Options of a device that replaces all data by a digest.
fn over_limit() -> FormatOptions {
    FormatOptions { limits: Limits { nodes: 1, ..Default::default() }, ..FormatOptions::default() }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut out = GzEncoder::new(Vec::new(), flate2::Compression::fast());
    out.write_all(bytes).unwrap();
    out.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::stream::encode_all(bytes, 1).unwrap()
}

/// Of each row the first device, field and line.
fn rows(outcome: &Outcome) -> Vec<(String, String, String)> {
    let row = |line: &str| {
        let row = json::parse_object(line.as_bytes(), json::Limits::default()).unwrap();
        let first = |name: &str| row.get(name).unwrap().as_array().unwrap()[0].as_str().unwrap().to_owned();
        let at = first("at");
        (first("device"), first("fields"), at.rsplit('/').next().unwrap().to_owned())
    };
    let mut rows: Vec<_> = outcome.stdout.lines().map(row).collect();
    rows.sort();
    rows
}

#[test]
fn a_text_is_found_under_each_salt_in_each_format_rotated_and_compressed() {
    let mut logs = Logs::new();
    let mut files: Vec<String> = Vec::new();
    let noise = logs.hashed(SALTS[0], Format::Json, "another");
    for (name, salt, format, pack) in [
        ("a.log", SALTS[0], Format::Json, None::<fn(&[u8]) -> Vec<u8>>),
        ("a.log.1", SALTS[1], Format::Json, None),
        ("a.log.2.gz", SALTS[1], Format::Jsonx, Some(gzip)),
        ("b.log-20261101.zst", SALTS[2], Format::Json, Some(zstd)),
        ("b.xml", SALTS[2], Format::Jsonx, None),
    ] {
        let bytes = [noise.clone(), logs.hashed(salt, format, TEXT)].concat();
        files.push(logs.write(name, &pack.map_or(bytes.clone(), |pack| pack(&bytes))));
    }
    let mut words: Vec<&str> = vec!["-format=jsonl", "-"];
    words.extend(files.iter().map(String::as_str));
    let outcome = logs.find(&format!("{TEXT}\n"), &words);
    assert_eq!(outcome.code, 1, "{}{}", outcome.stdout, outcome.stderr);
    let field = "request.data.data.password";
    let expected = [
        ("d0/", "a.log:2"),
        ("d1/", "a.log.1:2"),
        ("d1/", "a.log.2.gz:2"),
        ("d2/", "b.log-20261101.zst:2"),
        ("d2/", "b.xml:2"),
    ];
    let expected = expected.map(|(device, at)| (device.to_owned(), field.to_owned(), at.to_owned()));
    assert_eq!(rows(&outcome), expected);
    assert!(outcome.sent.is_empty(), "no server is called");
    assert!(!outcome.stdout.contains(TEXT) && !outcome.stderr.contains(TEXT));
}

#[test]
fn a_text_is_found_on_the_second_of_two_devices_and_behind_a_torn_entry() {
    let mut logs = Logs::new();
    logs.salt_file("salts.age", &SALTS[1..2]);
    let first = logs.hashed(SALTS[0], Format::Json, TEXT);
    // Of the same entry.
    logs.seq -= 1;
    let second = logs.hashed(SALTS[1], Format::Json, TEXT);
    let behind_torn = [&second[..second.len() / 2], &second].concat();
    let (a, b) = (logs.write("a.log", &first), logs.write("b.log", &behind_torn));
    for files in [[&a, &b], [&b, &a]] {
        let outcome = logs.find(TEXT, &["-format=jsonl", "-", files[0], files[1]]);
        assert_eq!(outcome.code, 1, "{}{}", outcome.stdout, outcome.stderr);
        let place = ("d0/".to_owned(), "request.data.data.password".to_owned(), "b.log:1".to_owned());
        assert_eq!(rows(&outcome), [place]);
    }
}

#[test]
fn a_text_that_one_device_left_out_is_found_on_another_one() {
    let mut logs = Logs::new();
    let data = object! { "data" => vec![TEXT; 200].into_iter().collect::<Value>() };
    let digest = logs.line(SALTS[0], over_limit(), &data);
    // Of the same entry.
    logs.seq -= 1;
    let whole = logs.line(SALTS[1], FormatOptions::default(), &data);
    logs.seq -= 1;
    let elided = shortened(&logs.line(SALTS[0], FormatOptions::default(), &data));
    let b = logs.write("b.log", &whole);
    for (copy, kind) in [(digest, "data_as_digest"), (elided, "shortened_entries")] {
        let a = logs.write("a.log", &copy);
        let outcome = logs.find(TEXT, &["-format=json", "-", &a]);
        assert_eq!(outcome.code, 2, "{}{}", outcome.stdout, outcome.stderr);
        assert!(outcome.stdout.contains(kind), "{}", outcome.stdout);
        for files in [[&a, &b], [&b, &a]] {
            let outcome = logs.find(TEXT, &["-format=jsonl", "-", files[0], files[1]]);
            assert_eq!(outcome.code, 1, "{kind}: {}{}", outcome.stdout, outcome.stderr);
            assert_eq!(rows(&outcome).len(), 1);
            let outcome = logs.find(TEXT, &["-format=json", "-", files[0], files[1]]);
            assert!(!outcome.stdout.contains(kind), "{kind}: {}", outcome.stdout);
        }
    }
}

/// Of the answer in JSON: what was not searched, and how many questions to the log were left out.
fn counted(outcome: &Outcome) -> (Value, Value) {
    let answer = json::parse_object(outcome.stdout.as_bytes(), json::Limits::default()).unwrap();
    let value = |name| answer.get(name).unwrap().clone();
    (value("not_searched"), value("own_questions_left_out"))
}

#[test]
fn a_request_that_cannot_be_searched_wholly_counts_once_in_copies_and_on_several_devices() {
    let logs = Logs::new();
    let data = object! { "data" => vec!["x"; 200].into_iter().collect::<Value>() };
    for with_answers in [false, true] {
        let log = |salt: &str, cut: &dyn Fn(&Half<'_>, &str) -> Vec<u8>| -> Vec<u8> {
            let half = |id, is_answer| Half { id, path: "secret/data/app", data: &data, is_answer };
            let both = |id| [Some(half(id, false)), with_answers.then(|| half(id, true))];
            (1..=2).flat_map(both).flatten().flat_map(|half| cut(&half, salt)).collect()
        };
        let digests = |salt: &str| log(salt, &|half, salt| half.line(salt, over_limit()));
        let short =
            |salt: &str| log(salt, &|half, salt| shortened(&half.line(salt, FormatOptions::default())));
        for (kind, logs_of) in [
            ("data_as_digest", [digests(SALTS[0]), digests(SALTS[1])]),
            ("shortened_entries", [short(SALTS[0]), short(SALTS[1])]),
        ] {
            let [a, b] =
                [("a.log", &logs_of[0]), ("b.log", &logs_of[1])].map(|(name, log)| logs.write(name, log));
            let copy = logs.write("copy.log", &logs_of[0]);
            for files in [&[&a][..], &[&a, &copy], &[&a, &b], &[&b, &copy, &a]] {
                let files: Vec<&str> = files.iter().map(|file| file.as_str()).collect();
                let outcome = logs.find(TEXT, &[&["-format=json", "-"], &files[..]].concat());
                assert_eq!(outcome.code, 2, "{}{}", outcome.stdout, outcome.stderr);
                assert_eq!(
                    counted(&outcome),
                    (object! { kind => 2_u64 }.into(), 0_u64.into()),
                    "{with_answers} {files:?}"
                );
            }
        }
    }
}

#[test]
fn questions_to_the_log_are_left_out_and_counted_once_unless_they_are_asked_for() {
    let logs = Logs::new();
    let data = object! { "input" => TEXT };
    let asked = |id, options: FormatOptions| {
        let half = |is_answer| Half { id, path: "sys/audit-hash/file", data: &data, is_answer };
        let both = |salt: &str| {
            [half(false).line(salt, options.clone()), half(true).line(salt, options.clone())].concat()
        };
        [both(SALTS[0]), both(SALTS[1]), both(SALTS[0])].concat()
    };
    let (cut, whole) = (asked(1, over_limit()), asked(2, FormatOptions::default()));
    let log = logs.write("a.log", &[cut.clone(), whole].concat());
    let cut = logs.write("cut.log", &cut);
    let digests = |count: u64| {
        if count > 0 { object! { "data_as_digest" => count }.into() } else { Value::from(Object::new()) }
    };
    for (more, file, code, expected) in [
        (&[][..], &log, 0, (digests(0), Value::from(2_u64))),
        (&[][..], &cut, 0, (digests(0), Value::from(1_u64))),
        (&["-own-questions"][..], &log, 1, (digests(1), Value::from(0_u64))),
        (&["-own-questions"][..], &cut, 2, (digests(1), Value::from(0_u64))),
    ] {
        let outcome = logs.find(TEXT, &[more, &["-format=json", "-", file]].concat());
        assert_eq!((outcome.code, counted(&outcome)), (code, expected), "{more:?} {file} {}", outcome.stdout);
    }
}

#[test]
fn other_forms_of_a_text_are_found_unless_it_is_meant_exactly() {
    let mut logs = Logs::new();
    let lines = [
        logs.hashed(SALTS[0], Format::Json, &format!("{TEXT}\n")),
        logs.hashed(SALTS[0], Format::Json, "aHVudGVyMi1vZi1hbm4="),
    ];
    let log = logs.write("a.log", &lines.concat());
    let outcome = logs.find(TEXT, &["-", &log]);
    assert_eq!(outcome.code, 1);
    assert!(
        outcome.stdout.contains("with a newline at its end") && outcome.stdout.contains("in base64"),
        "{}",
        outcome.stdout
    );
    assert!(outcome.stdout.contains("A hit is certain"), "{}", outcome.stdout);
    let outcome = logs.find(TEXT, &["-exact", "-", &log]);
    assert_eq!(outcome.code, 0, "{}", outcome.stdout);
    assert!(
        outcome.stdout.contains("The text was not found")
            && outcome.stdout.contains("That it was not found means")
    );
}

#[test]
fn a_line_whose_salt_is_not_known_is_not_taken_for_searched() {
    let mut logs = Logs::new();
    let line = logs.hashed("9f2a6b1c-5d3e-4f70-8a9b-c0d1e2f30415", Format::Json, TEXT);
    let log = logs.write("a.log", &line);
    let outcome = logs.find(TEXT, &["-", &log]);
    assert_eq!(outcome.code, 2, "{}{}", outcome.stdout, outcome.stderr);
    assert!(outcome.stdout.contains("Not searched: the lines of 1 device"), "{}", outcome.stdout);
}

#[test]
fn a_text_in_the_clear_is_found_and_not_shown() {
    let mut logs = Logs::new();
    let options = FormatOptions { log_raw: true, ..FormatOptions::default() };
    let secret = "a\"<b>& of ann";
    let line = logs.line(SALTS[0], options, &object! { "note" => format!("it is {secret}!") });
    let log = logs.write("raw.log", &line);
    let outcome = logs.find(secret, &["-", &log]);
    assert_eq!(outcome.code, 1, "{}{}", outcome.stdout, outcome.stderr);
    assert!(
        outcome.stdout.contains("in the clear") && outcome.stdout.contains("request.data.note"),
        "{}",
        outcome.stdout
    );
    assert!(!outcome.stdout.contains(secret));
}

#[test]
fn numbers_and_digests_are_said() {
    let mut logs = Logs::new();
    let line = logs.line(SALTS[0], over_limit(), &object! { "a" => "4711", "b" => "x" });
    let log = logs.write("a.log", &line);
    let outcome = logs.find("4711", &["-", &log]);
    assert_eq!(outcome.code, 2, "{}{}", outcome.stdout, outcome.stderr);
    for said in ["As such it is never hashed", "1 request has only a digest of the data", "The text is short"]
    {
        assert!(outcome.stdout.contains(said), "{said}: {}", outcome.stdout);
    }
}

#[test]
fn a_text_as_an_argument_is_refused_and_not_repeated() {
    let logs = Logs::new();
    let log = logs.write("a.log", b"");
    for words in [&[TEXT, &log][..], &[&log, TEXT]] {
        let outcome = logs.find("", words);
        assert_eq!(outcome.code, 2);
        assert!(
            outcome.stderr.contains("is not a file that can be read")
                && outcome.stderr.contains("process list")
        );
        assert!(!outcome.stderr.contains(TEXT), "{}", outcome.stderr);
    }
    let outcome = logs.find("", &[&log]);
    assert!(
        outcome.stderr.contains("Cannot ask for the text: file descriptor 0 is not a terminal"),
        "{}",
        outcome.stderr
    );
    let outcome = logs.find("\n", &["-", &log]);
    assert_eq!((outcome.code, outcome.stderr.as_str()), (2, "The text is empty: there is nothing to find\n"));
    let outcome = logs.find("x", &["-", "-", &log]);
    assert!(outcome.stderr.contains("give \"-\" once"), "{}", outcome.stderr);
}

#[test]
fn a_salt_file_that_does_not_open_is_said_before_the_text_is_read() {
    let logs = Logs::new();
    let log = logs.write("a.log", b"");
    fs::write(logs.path("passphrase"), "another passphrase\n").unwrap();
    let outcome = logs.find(TEXT, &["-", &log]);
    assert_eq!(outcome.code, 2);
    assert!(
        outcome.stderr.contains("cannot be opened: the passphrase does not open it"),
        "{}",
        outcome.stderr
    );
    let salts = format!("-salts={log}");
    let outcome = cli().no_server().stdin(TEXT).run(&["log", "find-secret", &salts, "-", &log]);
    assert!(outcome.stderr.contains("is not a salt file"), "{}", outcome.stderr);
}

#[test]
fn the_salt_of_a_service_that_uses_the_library_is_taken_too() {
    let mut logs = Logs::new();
    let line = logs.hashed(SALTS[1], Format::Json, TEXT);
    let log = logs.write("a.log", &line);
    let salts = logs.write("salt", format!("{}\n", SALTS[1]).as_bytes());
    let outcome =
        cli().no_server().stdin(TEXT).run(&["log", "find-secret", &format!("-salts={salts}"), "-", &log]);
    assert_eq!(outcome.code, 1, "{}{}", outcome.stdout, outcome.stderr);
}

/// A server whose one device is not raw.
const NO_RAW: &str =
    r#"{"data":{"file/":{"description":"","local":false,"options":{},"path":"file/","type":"file"}}}"#;

#[test]
fn a_server_whose_raw_device_would_record_the_text_is_not_asked_for_its_hash_unless_that_is_allowed() {
    let mut logs = Logs::new();
    let line = logs.hashed(SALTS[0], Format::Json, TEXT);
    let log = logs.write("a.log", &line);
    let raw = r#"{"data":{"file/":{"type":"file","options":{}},"raw/":{"type":"file","options":{"log_raw":"true"}}}}"#;
    let words = ["log", "find-secret", "-exact", "-", &log];
    let outcome = cli().reply(200, raw).stdin(TEXT).run(&words);
    assert_eq!((outcome.code, outcome.stdout.as_str()), (2, ""));
    assert!(
        outcome.stderr.contains("its raw device raw/ would record it in the clear"),
        "{}",
        outcome.stderr
    );
    assert!(outcome.stderr.contains("-salts=FILE") && outcome.stderr.contains("-allow-raw-devices"));
    outcome.sent(&["GET /v1/sys/audit"]);
    let outcome = cli().reply(403, r#"{"errors":["permission denied"]}"#).stdin(TEXT).run(&words);
    assert_eq!(outcome.code, 2);
    assert!(
        outcome.stderr.contains("Whether a raw device would record the text cannot be seen"),
        "{}",
        outcome.stderr
    );
    outcome.sent(&["GET /v1/sys/audit"]);
    let salt = Salt::new(SALTS[0]);
    let salts = format!(r#"{{"data":{{"{}":{{"path":"file/","type":"file"}}}}}}"#, salt.id());
    let allowed = cli().reply(200, &salts).reply(200, &answer_of(&salt.hash(TEXT.as_bytes()))).stdin(TEXT);
    let outcome = allowed.run(&["log", "find-secret", "-exact", "-allow-raw-devices", "-", &log]);
    assert_eq!(outcome.code, 1, "{}{}", outcome.stdout, outcome.stderr);
}

#[test]
fn a_short_text_is_not_shown_where_it_is_in_a_longer_one() {
    let mut logs = Logs::new();
    // The path of the line is secret/data/app, and its id begins with 00000001.
    let data = object! { "x-app-x" => object! { "pin" => "app" } };
    let line = logs.line(SALTS[0], FormatOptions::default(), &data);
    let log = logs.write("a.log", &line);
    for format in ["-format=table", "-format=json", "-format=csv"] {
        let outcome = logs.find("app", &[format, "-", &log]);
        assert_eq!(outcome.code, 1, "{}{}", outcome.stdout, outcome.stderr);
        assert!(outcome.stdout.contains("secret/data/[hidden]"), "{}", outcome.stdout);
        assert!(outcome.stdout.contains("request.data.x-[hidden]-x.pin"), "{}", outcome.stdout);
        let shown = outcome.stdout.replace("mapped", "");
        assert!(!shown.contains("app"), "{shown}");
    }
    let encoded = logs.hashed(SALTS[0], Format::Json, "aHVudGVyMi1vZi1hbm4=");
    let path =
        String::from_utf8(encoded).unwrap().replace("secret/data/app", "secret/data/aHVudGVyMi1vZi1hbm4=");
    let log = logs.write("a.log", path.as_bytes());
    let outcome = logs.find(TEXT, &["-", &log]);
    assert!(
        outcome.stdout.contains("secret/data/[the text]"),
        "another form is not shown: {}",
        outcome.stdout
    );
}

fn answer_of(hash: &str) -> String {
    format!("{{\"data\":{{\"hash\":\"{hash}\"}}}}")
}

#[test]
fn the_server_hashes_under_every_salt() {
    let mut logs = Logs::new();
    let lines = [logs.hashed(SALTS[0], Format::Json, TEXT), logs.hashed(SALTS[1], Format::Json, TEXT)];
    let log = logs.write("a.log", &lines.concat());
    let [one, two] = [SALTS[0], SALTS[1]].map(Salt::new);
    let salts = format!(
        r#"{{"data":{{"{}":{{"from":"2026-01-01T00:00:00Z","path":"old/","to":"2026-02-01T00:00:00Z","type":"file"}},"{}":{{"from":"2026-02-01T00:00:00Z","path":"new/","type":"file"}}}}}}"#,
        one.id(),
        two.id()
    );
    let outcome = cli()
        .reply(200, NO_RAW)
        .reply(200, &salts)
        .reply(200, &answer_of(&one.hash(TEXT.as_bytes())))
        .reply(200, &answer_of(&two.hash(TEXT.as_bytes())))
        .stdin(TEXT)
        .run(&["log", "find-secret", "-exact", "-format=jsonl", "-", &log]);
    assert_eq!(outcome.code, 1, "{}{}", outcome.stdout, outcome.stderr);
    assert_eq!(rows(&outcome).into_iter().map(|row| row.0).collect::<Vec<_>>(), ["new/", "old/"]);
    let body = format!("{{\"input\":\"{TEXT}\"}}");
    outcome.sent(&[
        "GET /v1/sys/audit",
        "GET /v1/sys/audit-salts",
        &format!("PUT /v1/sys/audit-salts/{}/hash {body}", one.id()),
        &format!("PUT /v1/sys/audit-salts/{}/hash {body}", two.id()),
    ]);
}

#[test]
fn a_server_that_lists_no_salts_hashes_for_its_devices() {
    let mut logs = Logs::new();
    let line = logs.hashed(SALTS[0], Format::Json, TEXT);
    let log = logs.write("a.log", &line);
    let outcome = cli()
        .reply(200, NO_RAW)
        .reply(404, r#"{"errors":[]}"#)
        .reply(200, NO_RAW)
        .reply(200, &answer_of(&Salt::new(SALTS[0]).hash(TEXT.as_bytes())))
        .stdin(TEXT)
        .run(&["log", "find-secret", "-exact", "-", &log]);
    assert_eq!(outcome.code, 1, "{}{}", outcome.stdout, outcome.stderr);
    assert!(outcome.stdout.contains("Only the salts in use were searched"), "{}", outcome.stdout);
    assert_eq!(outcome.requests()[3], format!("PUT /v1/sys/audit-hash/file {{\"input\":\"{TEXT}\"}}"));
}

#[test]
fn an_export_needs_a_passphrase_and_a_list_takes_no_file() {
    let logs = Logs::new();
    let out = format!("-out={}", logs.path("new.age"));
    let asked = cli().run(&["audit", "salts", "-export", &out]);
    assert_eq!(asked.code, 1);
    assert!(asked.stderr.contains("Give it with -passphrase-file=FILE"), "{}", asked.stderr);
    fs::write(logs.path("short"), "short").unwrap();
    let short =
        cli().run(&["audit", "salts", "-export", &out, &format!("-passphrase-file={}", logs.path("short"))]);
    assert!(short.stderr.contains("fewer than 12 characters"), "{}", short.stderr);
    let there = format!("-out={}", logs.path("salts.age"));
    let passphrase = format!("-passphrase-file={}", logs.path("passphrase"));
    let there = cli().run(&["audit", "salts", "-export", &there, &passphrase]);
    assert!(there.stderr.contains("Cannot write"), "{}", there.stderr);
    let refused = cli().reply(403, r#"{"errors":["permission denied"]}"#).run(&[
        "audit",
        "salts",
        "-export",
        &out,
        &passphrase,
    ]);
    assert_eq!(refused.code, 2, "{}", refused.stderr);
    for outcome in [&asked, &short, &there] {
        assert!(outcome.sent.is_empty(), "nothing is exported in vain");
    }
    assert!(!PathBuf::from(logs.path("new.age")).exists());
    let listed = cli().run(&["audit", "salts", &out]);
    listed.is(1, "", "-out belongs to -export: a list has no salt in it that could be kept\n");
}
