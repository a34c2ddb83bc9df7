//! The checker on logs of which every line is known.
//! Never in it: how a line is read.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that fails should panic"
)]

use std::io::{Cursor, Write};
use std::sync::Arc;

use flate2::write::GzEncoder;
use onrecord_entry::format::Format;
use onrecord_entry::gap::{Gap, Ranges, RefusedRequests, Torn};
use onrecord_entry::text::Template;
use onrecord_entry::{Boot, Entry, FormatOptions, Formatter, Request, Response, Salt, SeqRange, Stamp};
use onrecord_trail::{Input, Judge, Options, Report, check};
use onrecord_value::Time;
use sha2::{Digest, Sha256};

/// One device and what it wrote.
struct Log {
    formatter: Formatter,
    boot: u64,
    lines: Vec<Vec<u8>>,
}

impl Log {
    fn new(salt: &str) -> Self {
        Self::with(salt, FormatOptions::default())
    }

    fn with(salt: &str, options: FormatOptions) -> Self {
        Self { formatter: Formatter::new(options, Arc::new(Salt::new(salt))), boot: 1, lines: Vec::new() }
    }

    fn entry(&mut self, entry: &Entry<'_>, seq: u64) {
        let mut line = Vec::new();
        let stamp = Stamp { time: Time::from_unix_nanos(0), seq, boot: Boot::new(self.boot) };
        self.formatter.format(entry, &stamp, &mut line).unwrap();
        self.lines.push(line);
    }

    fn request(&mut self, seq: u64, id: u32) {
        let id = uuid(id);
        let request = Request { id: id.as_str().into(), path: "kv/a".into(), ..Request::default() };
        self.entry(&Entry { request, ..Entry::default() }, seq);
    }

    fn response(&mut self, seq: u64, id: u32) {
        let id = uuid(id);
        let request = Request { id: id.as_str().into(), path: "kv/a".into(), ..Request::default() };
        let response = Some(Response { status_code: 200, ..Response::default() });
        self.entry(&Entry { request, response, duration_ns: 5, ..Entry::default() }, seq);
    }

    /// Requests with both entries, whose numbers follow each other.
    fn pairs(&mut self, from: u64, count: u32) {
        for at in 0..count {
            let seq = from + 2 * u64::from(at);
            self.request(seq, u32::try_from(seq).unwrap());
            self.response(seq + 1, u32::try_from(seq).unwrap());
        }
    }

    fn gap(&mut self, ranges: &[(u64, u64)], boot: Option<u64>) {
        let ranges: Vec<SeqRange> = ranges.iter().map(|&(from, to)| SeqRange { from, to }).collect();
        let gap = Gap { boot: boot.map(Boot::new), ..gap_of(&ranges) };
        self.entry(&Entry::gap(&uuid(900_000 + u32::try_from(self.lines.len()).unwrap()), gap), 1);
    }

    fn refused(&mut self, seq: u64, count: u64) {
        let reason = Template::new("a reason");
        let refused =
            RefusedRequests { count, since: Some(Time::UNIX_EPOCH), until: Some(Time::UNIX_EPOCH), reason };
        self.entry(&Entry::refused(&uuid(u32::try_from(seq).unwrap()), "192.0.2.1", refused), seq);
    }

    fn text(&self) -> Vec<u8> {
        self.lines.concat()
    }
}

fn uuid(number: u32) -> String {
    format!("{number:08x}-0000-4000-8000-000000000000")
}

fn checked(logs: &[Vec<u8>]) -> Report {
    checked_as(logs, &Options::default())
}

fn checked_as(logs: &[Vec<u8>], options: &Options) -> Report {
    let inputs = |logs: &[Vec<u8>]| {
        let stream =
            |(at, text): (usize, &Vec<u8>)| Input::stream(format!("log{at}"), Cursor::new(text.clone()));
        logs.iter().enumerate().map(stream).collect()
    };
    let quick = check(inputs(logs), options, &mut |_| {}).unwrap();
    let thorough = Options { thorough: true, ..options.clone() };
    let slow = check(inputs(logs), &thorough, &mut |_| {}).unwrap();
    assert_eq!(format!("{quick:?}"), format!("{slow:?}"), "the fast scan finds what the decoder finds");
    quick
}

fn spans(list: &[(u64, u64)]) -> Vec<SeqRange> {
    list.iter().map(|&(from, to)| SeqRange { from, to }).collect()
}

#[test]
fn an_entry_that_counts_refused_requests_has_a_number_and_no_response() {
    for format in [Format::Json, Format::Jsonx] {
        let mut log = Log::with("a", FormatOptions { format, ..FormatOptions::default() });
        log.pairs(1, 2);
        log.refused(5, 700);
        log.refused(6, 40);
        log.pairs(7, 1);
        let report = checked(&[log.text(), log.text()]);
        assert!(report.is_complete(Judge::EachDevice));
        let device = &report.devices[0];
        assert_eq!((device.refused_entries, device.refused_requests), (2, 740));
        assert_eq!((device.requests, device.pairs, device.requests_alone.count), (3, 3, 0));
        assert_eq!((report.union.requests, report.union.requests_alone.count), (3, 0));
        log.lines.remove(4);
        let report = checked(&[log.text()]);
        assert!(!report.is_complete(Judge::EachDevice), "a lost one is a hole like any other");
    }
}

#[test]
fn a_whole_log_in_any_pieces_is_whole() {
    for format in [Format::Json, Format::Jsonx] {
        let mut log =
            Log::with("a", FormatOptions { format, prefix: "@cee: ".to_owned(), ..FormatOptions::default() });
        log.pairs(1, 50);
        let (first, rest) = log.lines.split_at(33);
        let (second, third) = rest.split_at(33);
        let report = checked(&[third.concat(), first.concat(), second.concat()]);
        assert!(report.is_complete(Judge::EachDevice));
        assert_eq!((report.devices[0].pairs, report.devices[0].requests_alone.count), (50, 0));
        assert_eq!(report.devices[0].boots[0].holes.count, 0);
        assert_eq!(report.sources.iter().map(|source| source.entries).sum::<u64>(), 100);
    }
}

#[test]
fn r_nodrop_a_hole_without_a_gap_is_lost_and_one_with_a_gap_is_not() {
    let mut log = Log::new("a");
    log.pairs(1, 5);
    log.pairs(15, 2);
    let report = checked(&[log.text()]);
    assert!(!report.is_complete(Judge::EachDevice) && !report.is_complete(Judge::Union));
    assert_eq!(report.devices[0].boots[0].undeclared.first, spans(&[(11, 14)]));

    log.gap(&[(11, 12)], None);
    let report = checked(&[log.text()]);
    assert_eq!(report.devices[0].boots[0].undeclared.first, spans(&[(13, 14)]));
    assert!(!report.is_complete(Judge::EachDevice));

    // Declared in a later start, by a gap entry that names the earlier one.
    log.boot = 2;
    log.gap(&[(13, 14)], Some(1));
    let report = checked(&[log.text()]);
    let boot = &report.devices[0].boots[0];
    assert!(report.is_complete(Judge::EachDevice));
    assert_eq!((boot.holes.first.as_slice(), &boot.declared), (&*spans(&[(11, 14)]), &boot.holes));
    assert_eq!((report.devices[0].gaps, report.devices[0].missed), (2, 4));
}

#[test]
fn the_end_of_a_start_is_known_from_all_devices() {
    let (mut whole, mut short) = (Log::new("a"), Log::new("b"));
    whole.pairs(1, 10);
    short.pairs(1, 8);
    let report = checked(&[whole.text(), short.text()]);
    assert_eq!(report.devices[1].boots[0].undeclared.first, spans(&[(17, 20)]));
    assert!(!report.is_complete(Judge::EachDevice), "one device lacks them");
    assert!(report.is_complete(Judge::Union), "the other has them");
    assert_eq!(report.union.pairs, 10);
}

#[test]
fn an_entry_that_one_device_declares_missing_must_be_declared_by_the_others_too() {
    let (mut one, mut other) = (Log::new("a"), Log::new("b"));
    one.pairs(1, 2);
    other.pairs(1, 2);
    one.gap(&[(5, 6)], None);
    assert!(!checked(&[one.text(), other.text()]).is_complete(Judge::EachDevice));
    assert!(checked(&[one.text(), other.text()]).is_complete(Judge::Union));
    other.gap(&[(5, 6)], None);
    assert!(checked(&[one.text(), other.text()]).is_complete(Judge::EachDevice));
}

#[test]
fn a_device_enabled_later_need_not_have_earlier_entries() {
    let (mut old, mut new) = (Log::new("a"), Log::new("b"));
    old.pairs(1, 10);
    new.pairs(11, 5);
    assert!(!checked(&[old.text(), new.text()]).is_complete(Judge::EachDevice), "it might have been cut off");
    let mut probed = Log::new("thrown away");
    probed.entry(&Entry::probe(&uuid(1)), 9);
    let text = [probed.text(), new.text()].concat();
    assert!(checked(&[text.clone(), old.text()]).is_complete(Judge::EachDevice));
    // An entry that it lacks after its first one is lost.
    new.lines.remove(3);
    let text = [probed.text(), new.text()].concat();
    let report = checked(&[old.text(), text]);
    assert_eq!(report.devices[1].boots[0].undeclared.first, spans(&[(14, 14)]));
}

#[test]
fn a_disabled_device_need_not_have_later_entries() {
    let (mut old, mut stays) = (Log::new("a"), Log::new("b"));
    stays.pairs(1, 10);
    old.pairs(1, 4);
    assert!(
        !checked(&[old.text(), stays.text()]).is_complete(Judge::EachDevice),
        "it might have lost its end"
    );
    let ended = Gap { ended: true, missed: 0, ranges: Ranges::default(), ..gap_of(&[]) };
    old.entry(&Entry::gap(&uuid(1), ended), 8);
    assert!(checked(&[old.text(), stays.text()]).is_complete(Judge::EachDevice));
    // An entry that it lacks before its end is lost.
    old.lines.remove(7);
    let report = checked(&[old.text(), stays.text()]);
    assert_eq!(report.devices[0].boots[0].undeclared.first, spans(&[(8, 8)]));
}

fn gap_of(ranges: &[SeqRange]) -> Gap<'_> {
    Gap {
        missed: ranges.iter().map(|range| range.to - range.from + 1).sum(),
        ranges: Ranges::from(ranges),
        since: None,
        reason: Template::new("the device failed"),
        torn: None,
        boot: None,
        ended: false,
        tree: None,
    }
}

#[test]
fn doubles_are_counted_and_are_no_loss() {
    let mut log = Log::new("a");
    log.pairs(1, 3);
    let mut text = log.text();
    text.extend(log.lines[2..4].concat());
    let report = checked(&[text, log.text()]);
    assert_eq!(report.devices[0].doubles.count, 8, "two in the same log, six in the other");
    assert_eq!((report.devices[0].pairs, report.devices[0].requests), (3, 3));
    assert!(report.is_complete(Judge::EachDevice));

    // The same entries on two devices are none.
    let mut other = Log::new("b");
    other.pairs(1, 3);
    let report = checked(&[log.text(), other.text()]);
    assert_eq!((report.devices[0].doubles.count, report.devices[1].doubles.count), (0, 0));
    assert_eq!(report.union.requests, 3);
}

#[test]
fn requests_and_responses_without_each_other_are_named() {
    let mut log = Log::new("a");
    log.request(1, 1);
    log.request(2, 2);
    log.response(3, 2);
    log.response(4, 3);
    let device = &checked(&[log.text()]).devices[0];
    assert_eq!(device.requests_alone.first, [uuid(1)]);
    assert_eq!(device.responses_alone.first, [uuid(3)]);
    assert_eq!(device.pairs, 1);
}

#[test]
fn answered_requests_need_both_entries_on_any_device() {
    let (mut one, mut other) = (Log::new("a"), Log::new("b"));
    one.request(1, 1);
    one.request(2, 2);
    one.gap(&[(3, 3)], None);
    other.gap(&[(1, 2)], None);
    other.response(3, 1);
    let options =
        |ids: &[u32]| Options { answered: ids.iter().map(|id| uuid(*id)).collect(), ..Options::default() };
    let logs = [one.text(), other.text()];
    assert!(checked_as(&logs, &options(&[1])).is_complete(Judge::EachDevice));
    let report = checked_as(&logs, &options(&[1, 2, 7]));
    assert!(!report.is_complete(Judge::EachDevice) && !report.is_complete(Judge::Union));
    let found: Vec<_> = report.union.unanswered.first.iter().map(|one| (one.request, one.response)).collect();
    assert_eq!((report.union.unanswered.count, found), (2, vec![(true, false), (false, false)]));
}

#[test]
fn torn_lines_are_found_with_their_positions_and_matched_by_their_digest() {
    let mut log = Log::new("a");
    log.pairs(1, 3);
    let torn = log.lines[5][..100].to_vec();
    log.lines.truncate(5);
    let before = log.text();
    let mut tail = before.clone();
    tail.extend_from_slice(&torn);
    let report = checked(std::slice::from_ref(&tail));
    let found = &report.torn.first[0];
    assert_eq!((found.position.line, found.position.offset), (6, before.len() as u64));
    assert_eq!((found.bytes, found.declared, report.torn_undeclared), (100, false, 1));

    // Cut off, kept beside the file, and declared.
    let sha256 = const_hex::encode(Sha256::digest(&torn));
    let declared = Torn { bytes: 100, sha256: sha256.as_str().into(), kept_as: "audit.log.torn-1".into() };
    let six = [SeqRange { from: 6, to: 6 }];
    let gap = Gap { torn: Some(declared), ..gap_of(&six) };
    log.entry(&Entry::gap(&uuid(9), gap), 5);
    let report = checked(&[torn.clone(), log.text()]);
    assert!(report.torn.first[0].declared && report.torn_undeclared == 0);
    assert!(report.is_complete(Judge::EachDevice));

    // Not cut off: the next entry follows on the same line.
    let glued = [before, torn, log.lines[4].clone()].concat();
    let report = checked(&[glued]);
    assert_eq!((report.torn.count, report.devices[0].doubles.count), (1, 1));
}

#[test]
fn an_entry_that_is_torn_undeclared_and_whole_in_no_log_is_missing() {
    let cut = |text: &[u8]| text[..text.len() - 40].to_vec();
    for format in [Format::Json, Format::Jsonx] {
        let mut log = Log::with("a", FormatOptions { format, ..FormatOptions::default() });
        log.pairs(1, 3);
        let (whole, torn) = (log.text(), cut(&log.text()));
        let missing = |report: &Report| (report.torn_missing, report.torn.first[0].missing);
        let report = checked(std::slice::from_ref(&torn));
        assert_eq!(missing(&report), (1, true));
        assert!(!report.is_complete(Judge::EachDevice) && !report.is_complete(Judge::Union));

        // A whole copy of the log has it.
        for logs in [[torn.clone(), whole.clone()], [whole.clone(), torn.clone()]] {
            let report = checked(&logs);
            assert_eq!(missing(&report), (0, false));
            assert!(report.is_complete(Judge::EachDevice));
        }
        // Two lines before it have changed places, as those of concurrent requests do.
        log.lines.swap(3, 4);
        assert_eq!(missing(&checked(&[cut(&log.text())])), (1, true));
        log.lines.swap(3, 4);
        // Its own number is smaller than others before it, and another device has it: here it is a hole.
        let mut late = log.lines.clone();
        late.swap(4, 5);
        let mut other = Log::new("b");
        other.pairs(1, 3);
        let report = checked(&[cut(&late.concat()), other.text()]);
        assert_eq!(missing(&report), (0, false));
        assert_eq!(report.devices[0].boots[0].undeclared.first, spans(&[(5, 5)]));
        assert!(!report.is_complete(Judge::EachDevice) && report.is_complete(Judge::Union));
        // Another device has it: on this one it is a hole.
        let mut other = Log::new("b");
        other.pairs(1, 3);
        let report = checked(&[torn.clone(), other.text()]);
        assert_eq!(missing(&report), (0, false));
        assert_eq!(report.devices[0].boots[0].undeclared.first, spans(&[(6, 6)]));
        assert!(!report.is_complete(Judge::EachDevice) && report.is_complete(Judge::Union));

        // The device wrote on: then it is a hole as well, which a gap entry may declare.
        log.lines[5] = [cut(&log.lines[5]), b"\n".to_vec()].concat();
        log.pairs(7, 1);
        let report = checked(&[log.text()]);
        assert_eq!(missing(&report), (0, false));
        assert!(!report.is_complete(Judge::EachDevice));
        log.gap(&[(6, 6)], None);
        assert!(checked(&[log.text()]).is_complete(Judge::EachDevice));

        // A later start says nothing of it.
        log.lines.truncate(6);
        log.boot = 2;
        log.pairs(1, 1);
        assert_eq!(missing(&checked(&[log.text()])), (1, true));

        // The first entry after a rotation: nothing before it in its file.
        log.lines.truncate(5);
        let report = checked(&[log.text(), cut(&log.lines[0])]);
        assert_eq!(missing(&report), (1, true));
    }
}

#[test]
fn lines_that_are_not_entries_are_counted_and_skipped() {
    let mut log = Log::new("a");
    log.pairs(1, 2);
    let text = [b"==> server started\n".to_vec(), log.text(), b"\n{}\n\x00\x00\n".to_vec()].concat();
    let report = checked(&[text]);
    assert_eq!(report.no_entries.count, 3);
    assert_eq!(report.no_entries.first[1].line, 7);
    assert!(report.is_complete(Judge::EachDevice));
}

#[test]
fn lines_with_the_header_of_a_syslog_daemon_are_read() {
    let mut log = Log::new("a");
    log.pairs(1, 2);
    let headers =
        ["<134>Nov 22 15:04:05 host onrecord[7]: ", "2026-11-22T15:04:05.123456+01:00 host onrecord[7]: "];
    for header in headers {
        let text = log.lines.iter().flat_map(|line| [header.as_bytes(), line].concat()).collect();
        let report = checked(&[text]);
        assert_eq!((report.devices[0].pairs, report.no_entries.count), (2, 0));
    }
}

#[test]
fn r_syslog_long_entries_in_parts_are_complete_if_their_digest_is_right() {
    let mut log = Log::new("a");
    log.pairs(1, 2);
    let whole = String::from_utf8(log.lines.remove(2)).unwrap();
    let whole = whole.trim_end();
    let sha256 = const_hex::encode(Sha256::digest(whole));
    // The parts that a device sends in place of a line that is too long have its ids and its record.
    let part = |number: usize, text: &str| {
        let text = text.replace('\\', "\\\\").replace('"', "\\\"");
        let part = format!(
            ",\"part\":{{\"number\":{number},\"of\":2,\"bytes\":{},\"sha256\":\"{sha256}\",\"text\":\"{text}\"}},\"record\":",
            whole.len(),
        );
        whole.replace(",\"record\":", &part) + "\n"
    };
    let (first, second) = whole.split_at(70);
    let parts = [part(1, first), part(2, second), part(1, first)].concat().into_bytes();
    let report = checked(&[log.text(), parts]);
    assert!(report.is_complete(Judge::EachDevice), "{report:?}");
    assert_eq!((report.devices[0].split, report.devices[0].pairs), (1, 2));

    let half = part(1, first).into_bytes();
    let report = checked(&[log.text(), half]);
    assert_eq!(report.devices[0].incomplete_parts, 1);
    assert!(!report.is_complete(Judge::EachDevice), "half of an entry is not an entry");

    let wrong = [part(1, first), part(2, &second.replace('1', "2"))].concat().into_bytes();
    let report = checked(&[log.text(), wrong]);
    assert_eq!(report.devices[0].wrong_parts, 1);
    assert!(!report.is_complete(Judge::EachDevice));

    let elided = whole.replace(",\"record\":", ",\"elided\":{\"bytes\":9,\"sha256\":\"00\"},\"record\":");
    let report = checked(&[log.text(), elided.into_bytes()]);
    assert_eq!((report.devices[0].elided, report.devices[0].pairs), (1, 2));
    assert!(report.is_complete(Judge::EachDevice));
}

#[test]
fn a_log_without_numbers_is_judged_by_its_pairs() {
    let line = |kind: &str, id: u32| {
        let response = if kind == "response" { ",\"response\":{}" } else { "" };
        let id = uuid(id);
        format!(
            "{{\"time\":\"2026-01-01T00:00:00Z\",\"type\":\"{kind}\",\"auth\":{{}},\"request\":{{\"id\":\"{id}\"}}{response}}}\n"
        )
    };
    let whole = [line("request", 1), line("response", 1), line("request", 2)].concat().into_bytes();
    let report = checked(std::slice::from_ref(&whole));
    assert!(report.is_complete(Judge::EachDevice));
    assert_eq!((report.devices[0].salt, report.devices[0].pairs), (None, 1));
    let lost = [whole.clone(), line("response", 3).into_bytes()].concat();
    assert!(!checked(&[lost]).is_complete(Judge::EachDevice));
    let torn = [whole, line("response", 2).into_bytes()[..60].to_vec()].concat();
    assert!(!checked(&[torn]).is_complete(Judge::EachDevice));
}

#[test]
fn compressed_logs_are_recognised_by_their_content() {
    let mut log = Log::new("a");
    log.pairs(1, 100);
    let (first, second) = log.lines.split_at(77);
    let mut gzip = GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&first.concat()).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let (one, other) = (dir.path().join("audit.log.1"), dir.path().join("audit.log"));
    std::fs::write(&one, gzip.finish().unwrap()).unwrap();
    std::fs::write(&other, second.concat()).unwrap();
    let mut last = 0;
    let inputs = vec![Input::file(&other), Input::file(&one)];
    let report = check(inputs, &Options::default(), &mut |progress| {
        assert!(progress.total.is_some_and(|total| progress.read <= total));
        last = progress.read;
    });
    let report = report.unwrap();
    assert!(report.is_complete(Judge::EachDevice));
    assert_eq!(report.devices[0].pairs, 100);
    assert_eq!(last, std::fs::metadata(&one).unwrap().len(), "the end is reported");
}

#[test]
fn a_source_that_cannot_be_read_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    for path in [dir.path().join("none"), dir.path().to_owned()] {
        let error = check(vec![Input::file(&path)], &Options::default(), &mut |_| {}).unwrap_err();
        assert!(error.to_string().starts_with(&*path.display().to_string()), "{error}");
    }
}

#[test]
fn examples_are_bounded_and_counts_are_not() {
    let mut log = Log::new("a");
    for seq in 1..=100 {
        log.request(2 * seq, u32::try_from(seq).unwrap());
    }
    let report = checked_as(&[log.text()], &Options { examples: 3, ..Options::default() });
    let boot = &report.devices[0].boots[0];
    assert_eq!((boot.holes.count, boot.holes.ranges, boot.holes.first.len()), (99, 99, 3));
    assert_eq!(
        (report.devices[0].requests_alone.count, report.devices[0].requests_alone.first.len()),
        (100, 3)
    );
}

#[test]
fn what_has_no_entry_is_not_a_log() {
    let nothing: [&[u8]; 6] =
        [b"", b"\n\n", b"No log.\n", b"No log", &[0; 4096], b"{\"a\":1}\n{\"time\":\"x\"}\n"];
    for text in nothing {
        let report = checked(&[text.to_vec()]);
        assert!(!report.is_complete(Judge::EachDevice) && !report.is_complete(Judge::Union));
        assert_eq!(report.not_logs().count(), 1, "{}", text.escape_ascii());
    }
    assert!(!checked(&[]).is_complete(Judge::EachDevice), "nothing was checked");
}

#[test]
fn a_file_without_entries_is_accepted_beside_the_others_of_its_log() {
    let mut log = Log::new("a");
    log.pairs(1, 2);
    let checked = |empty: &'static str| {
        let inputs = vec![
            Input::stream("/logs/audit.log.1", Cursor::new(log.text())),
            Input::stream(empty, Cursor::new("")),
        ];
        check(inputs, &Options::default(), &mut |_| {}).unwrap()
    };
    for empty in ["/logs/audit.log", "/logs/audit.log.2.gz", "/logs/audit.log-20261122"] {
        assert!(checked(empty).is_complete(Judge::EachDevice), "{empty}");
    }
    for other in ["/logs/other.log", "/logs/audit.logs", "/other/audit.log"] {
        let report = checked(other);
        assert_eq!(report.not_logs().map(|source| &*source.name).collect::<Vec<_>>(), [other]);
    }
}

#[test]
fn lines_out_of_the_order_of_their_numbers_are_counted_and_the_farthest_is_named() {
    for format in [Format::Json, Format::Jsonx] {
        let mut log = Log::with("a", FormatOptions { format, ..FormatOptions::default() });
        log.pairs(1, 5);
        log.boot = 2;
        log.pairs(1, 1);
        let whole = checked(&[log.text(), log.text()]);
        assert_eq!(whole.devices[0].out_of_order.count, 0, "doubles are none");
        let ordered = log.lines.clone();
        log.lines.swap(3, 6);
        let report = checked(&[log.text()]);
        let found = &report.devices[0].out_of_order;
        let farthest = found.farthest.as_ref().unwrap();
        assert!(report.is_complete(Judge::EachDevice), "nothing is missing");
        assert_eq!(
            (found.count, farthest.entry.seq, farthest.after.seq, farthest.position.line),
            (3, 4, 7, 7)
        );
        // Across two starts.
        log.lines = ordered;
        log.lines.swap(9, 10);
        let report = checked(&[log.text()]);
        let found = &report.devices[0].out_of_order;
        let farthest = found.farthest.as_ref().unwrap();
        assert_eq!((found.count, farthest.entry.boot, farthest.after.boot), (1, Boot::new(1), Boot::new(2)));
        // Sources may come in any order.
        let (first, second) = log.lines.split_at(6);
        assert_eq!(checked(&[second.concat(), first.concat()]).devices[0].out_of_order.count, 1);
    }
}

#[test]
fn a_report_as_a_value_has_the_keys_that_are_documented() {
    let mut log = Log::new("a");
    log.pairs(1, 1);
    log.pairs(5, 1);
    let salt = Salt::new("a").id();
    let text = [log.text(), b"text\n".to_vec(), log.lines[0][..200].to_vec()].concat();
    let torn_at = text.len() - 200;
    let report = checked(&[text]).to_value(Judge::Union);
    let json = String::from_utf8(report.to_json()).unwrap();
    for part in [
        r#""judged":"union","#.to_owned(),
        r#""torn_missing":0,"#.to_owned(),
        r#""nothing_lost":false,"#.to_owned(),
        format!(r#""salt":"{salt}","sources":["log0"],"split":0,"wrong_parts":0}}"#),
        concat!(
            r#"[{"boot":"0000000000000001","declared":{"count":0,"first":[],"ranges":0},"entries":4,"first":1,"#,
            r#""holes":{"count":2,"first":[{"from":3,"to":4}],"ranges":1},"last":6,"surplus""#
        )
        .to_owned(),
        format!(
            r#""torn":{{"count":1,"first":[{{"bytes":200,"declared":false,"line":6,"missing":false,"offset":{torn_at},"source":"log0"}}]}}"#
        ),
        format!(
            r#""no_entries":{{"count":1,"first":[{{"line":5,"offset":{},"source":"log0"}}]}}"#,
            torn_at - 5
        ),
    ] {
        assert!(json.contains(&part), "{part} is in {json}");
    }
}
