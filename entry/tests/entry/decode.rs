//! Lines read back: those of a real server, and those of our formatter with all options.
//! Never in it: a device.

use std::sync::Arc;

use onrecord_entry::decode::DecodeError;
use onrecord_entry::format::Limits;
use onrecord_entry::request::Data;
use onrecord_entry::{
    Boot, Entry, EntryType, FormatOptions, Formatter, Request, Response, Salt, SeqRange, Stamp, decode,
};
use onrecord_value::{Time, object};

use crate::kit;

const RAW_LINES: &str = include_str!("golden/raw-lines.jsonl");

fn stamp() -> Stamp {
    Stamp { time: Time::parse("2026-01-02T03:04:05.000000006Z").unwrap(), seq: 42, boot: Boot::new(0xabc) }
}

fn formatter(options: FormatOptions) -> Formatter {
    Formatter::new(options, Arc::new(Salt::new("a salt")))
}

fn line(formatter: &Formatter, entry: &Entry<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    formatter.format(entry, &stamp(), &mut out).unwrap();
    out
}

fn again(line: &[u8]) -> String {
    let mut out = Vec::new();
    decode(line).unwrap().format(&mut out);
    String::from_utf8(out).unwrap()
}

#[test]
fn each_recorded_line_is_formatted_again_to_the_same_bytes() {
    let mut count = 0;
    for line in RAW_LINES.split_inclusive('\n') {
        let decoded = decode(line.as_bytes()).unwrap_or_else(|error| panic!("{error}: {line}"));
        assert!(decoded.unknown().is_empty() && decoded.record().is_none());
        assert_eq!(again(line.as_bytes()), line);
        count += 1;
    }
    assert_eq!(count, 233);
}

#[test]
fn each_recorded_entry_can_be_written_by_our_formatter_and_read_back() {
    for line in RAW_LINES.split_inclusive('\n') {
        let recorded = decode(line.as_bytes()).unwrap();
        let raw = formatter(FormatOptions {
            log_raw: true,
            prefix: "@cee: ".to_owned(),
            ..FormatOptions::default()
        });
        let mut ours = Vec::new();
        raw.format(&recorded.entry(), &Stamp { time: recorded.time(), ..stamp() }, &mut ours).unwrap();
        let ours = decode(&ours).unwrap();
        assert_eq!(ours.prefix(), "@cee: ");
        let record = ours.record().unwrap();
        assert_eq!((record.seq, record.boot, record.salt), (42, Boot::new(0xabc), raw.salt().id()));
        let mut object = ours.object().clone();
        object.remove("record");
        assert_eq!(&object, recorded.object());

        let hashed = self::line(&formatter(FormatOptions::default()), &recorded.entry());
        assert_eq!(again(&hashed).as_bytes(), hashed);
    }
}

#[test]
fn a_gap_and_a_digest_are_read_back() {
    let written = line(&formatter(FormatOptions::default()), &Entry::gap("id", kit::gap()));
    assert_eq!(again(&written).as_bytes(), written);
    let decoded = decode(&written).unwrap();
    let entry = decoded.entry();
    assert_eq!(entry.entry_type(), EntryType::Request);
    let read = entry.gap.unwrap();
    assert_eq!(read.missed, 3);
    assert_eq!(
        read.ranges.iter().collect::<Vec<_>>(),
        [SeqRange { from: 4, to: 5 }, SeqRange { from: 7, to: 7 }]
    );
    assert!(String::from_utf8(written).unwrap().contains(r#""gap":{"missed":3,"ranges":[{"from":4,"to":5},{"from":7,"to":7}],"since":"1970-01-01T00:00:00Z","reason":"write failed","torn":{"bytes":12,"sha256":"00","kept_as":"a.log.torn-1"},"boot":"0000000000000007","ended":true}"#));

    let data = object! { "a" => vec!["b"; 10] };
    let limits = Limits { nodes: 3, ..Limits::default() };
    let entry = Entry {
        request: Request { data: Data::new(&data), ..Request::default() },
        response: Some(Response { data: Data::new(&data), status_code: 200, ..Response::default() }),
        duration_ns: 5,
        ..Entry::default()
    };
    for log_raw in [false, true] {
        let written = line(&formatter(FormatOptions { log_raw, limits, ..FormatOptions::default() }), &entry);
        assert_eq!(again(&written).as_bytes(), written);
    }
}

#[test]
fn unknown_keys_are_reported_and_kept_in_the_object() {
    let line = br#"{"type":"request","zone":"b","time":"2024-01-02T03:04:05Z","auth":{},"request":{"path":"x","request_uri":"/v1/x"}}"#;
    let decoded = decode(line).unwrap();
    assert_eq!(decoded.unknown(), ["request.request_uri", "zone"]);
    assert_eq!(decoded.object().str("zone"), Some("b"));
}

#[test]
fn a_prefix_may_be_any_text() {
    for prefix in ["@cee: ", "{", "{\"a\":1} ", "<13>audit: ", "\u{fc}"] {
        let formatter = formatter(FormatOptions { prefix: prefix.to_owned(), ..FormatOptions::default() });
        let written = line(&formatter, &Entry::probe("id"));
        assert_eq!(decode(&written).unwrap().prefix(), prefix);
        assert_eq!(again(&written).as_bytes(), written);
    }
}

#[test]
fn a_line_that_is_not_an_entry_is_refused_without_its_text() {
    for (line, error) in [
        ("", "not a line of an audit log: byte 0 is no JSON"),
        ("root:x:0:0:root:/root:/bin/sh", "not a line of an audit log: byte 0 is no JSON"),
        ("[1]", "not an entry: expected an object"),
        ("{}", "not an entry: time: expected the key that every entry has"),
        (
            r#"{"time":"yesterday","type":"request","auth":{},"request":{}}"#,
            "not an entry: time: expected a time in RFC 3339",
        ),
        (
            r#"{"time":"2024-01-02T03:04:05+01:00","type":"request","auth":{},"request":{}}"#,
            "not an entry: time: expected a time in UTC as RFC 3339 with nanoseconds",
        ),
        (
            r#"{"time":"2024-01-02T03:04:05Z","type":"reply","auth":{},"request":{}}"#,
            "not an entry: type: expected one of the words of the register",
        ),
        (
            r#"{"time":"2024-01-02T03:04:05Z","type":"response","auth":{},"request":{}}"#,
            "not an entry: response: expected it in response entries and in no other",
        ),
        (
            r#"{"time":"2024-01-02T03:04:05Z","type":"request","auth":{},"request":{"path":1}}"#,
            "not an entry: request.path: expected a text",
        ),
        (
            r#"{"time":"2024-01-02T03:04:05Z","type":"request","auth":{},"request":{"remote_port":65536}}"#,
            "not an entry: request.remote_port: expected a whole number that fits",
        ),
        (
            r#"{"time":"2024-01-02T03:04:05Z","type":"request","auth":{},"request":{},"record":{"seq":1,"boot":"x","salt":"y"}}"#,
            "not an entry: record.boot: expected 16 hex digits",
        ),
    ] {
        let refused: DecodeError = decode(line.as_bytes()).unwrap_err();
        assert_eq!(refused.to_string(), error);
    }
}
