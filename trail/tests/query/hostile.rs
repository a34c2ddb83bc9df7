//! Logs that someone wrote to mislead or to exhaust a reader: each is read to its end, within bounds, and said.
//! Never in it: logs that a server writes.

use std::io::{self, Read as _};
use std::ops::ControlFlow;

use onrecord_trail::query::{Field, Query, Row, Sink, Summary, Zone, run};
use onrecord_trail::{Input, Progress};
use onrecord_value::object;

use super::kit::{Asked, Device, gzip, ids, query, rows, rows_of, time, uuid, write, zstd};

fn good(id: u32) -> Vec<u8> {
    Device::new("a").pair(&Asked { id, ..Asked::default() })
}

/// The rows and the summary of bad lines between two good requests, which are always found.
fn between(bad: &[u8]) -> (Vec<Row>, Summary) {
    let log = [good(1), bad.to_vec(), b"\n".to_vec(), good(2)].concat();
    let (rows, summary) = rows_of(&log, &query(""));
    assert!(ids(&rows).contains(&uuid(1)) && ids(&rows).contains(&uuid(2)), "both good ones are found");
    (rows, summary)
}

#[test]
fn lines_that_are_not_entries_are_counted() {
    for bad in [
        &b"plain text"[..],
        b"{}",
        b"[]",
        b"null",
        b"{\"time\":1,\"type\":\"request\",\"request\":{}}",
        b"{\"time\":\"2026-11-30T00:00:00Z\",\"type\":\"other\",\"request\":{}}",
        b"\xff\xfe\x00binary\x00",
        b"\x1b]0;title\x07\x1b[2J",
    ] {
        let (rows, summary) = between(bad);
        assert_eq!(
            (rows.len(), summary.not_entries + summary.torn),
            (2, 1),
            "{}",
            String::from_utf8_lossy(bad)
        );
    }
    let (_, summary) = between(b"{\"time\":\"2026-11-30T00:00:00Z\",\"type\":\"req");
    assert_eq!(summary.torn, 1);
}

#[test]
fn an_entry_behind_a_torn_one_is_read() {
    let line = Device::new("a").half(&Asked { id: 9, ..Asked::default() }, true, 19);
    let (torn, whole) = (&line[..line.len() / 2], &line[..line.len() - 1]);
    let (rows, summary) = between(&[torn, whole].concat());
    assert_eq!((rows.len(), summary.torn), (3, 1));
}

#[test]
fn data_cannot_imitate_the_fields_of_an_entry() {
    let data = object! {
        "a\",\"request\":{\"path\":\"secret/data/x\"}" => 1,
        "auth" => object! { "display_name" => 1, "policy_results" => object! { "allowed" => false } },
        "path" => "secret/data/x", "record" => object! { "seq" => 1, "boot" => "0000000000000007" },
        "request" => object! { "id" => "x", "path" => 3, "operation" => 5 },
        "response" => object! { "status_code" => 403 },
        "type" => "response", "time" => "2020-01-01T00:00:00Z",
    };
    let asked = Asked { id: 9, data, version: Some(4), ..Asked::default() };
    let (rows, summary) = between(&Device::new("a").pair(&asked));
    assert_eq!((rows.len(), summary.not_entries, summary.unanswered), (3, 0, 0));
    let row = rows.iter().find(|row| row.text(Field::Id).as_deref() == Some(&uuid(9))).unwrap();
    assert_eq!(row.text(Field::Path).as_deref(), Some("secret/data/app"));
    assert_eq!((row.text(Field::Who).as_deref(), row.denied()), (Some("ann"), false));
    assert_eq!((row.number(Field::Status), row.number(Field::Version)), (Some(200), Some(4)));
}

#[test]
fn escapes_and_broken_utf_8_are_texts_and_no_more() {
    let asked = Asked { id: 9, who: "\u{1b}[31mred\u{202e}\"\\\n".to_owned(), ..Asked::default() };
    let (rows, _) = between(&Device::new("a").pair(&asked));
    assert!(rows.iter().any(|row| row.text(Field::Who).as_deref() == Some("\u{1b}[31mred\u{202e}\"\\\n")));
    let line =
        String::from_utf8(Device::new("a").half(&Asked { id: 9, ..Asked::default() }, true, 19)).unwrap();
    let bytes = line.trim_end().replace("\"ann\"", "\"a\u{1}n\"").into_bytes();
    let broken: Vec<u8> = bytes.into_iter().map(|byte| if byte == 1 { 0xff } else { byte }).collect();
    let (rows, _) = between(&broken);
    assert!(rows.iter().any(|row| row.text(Field::Who).as_deref() == Some("a\u{fffd}n")));
    let half_pair = line.trim_end().replace("\"ann\"", "\"a\\ud800n\"");
    let (rows, _) = between(half_pair.as_bytes());
    assert!(rows.iter().any(|row| row.text(Field::Who).as_deref() == Some("a\u{fffd}n")));
}

#[test]
fn a_value_nested_10000_deep_is_passed_over() {
    let line =
        String::from_utf8(Device::new("a").half(&Asked { id: 9, ..Asked::default() }, true, 19)).unwrap();
    let deep = format!("{}1{}", "[".repeat(10_000), "]".repeat(10_000));
    let (rows, summary) = between(line.trim_end().replace("\"n\":5", &format!("\"n\":{deep}")).as_bytes());
    assert_eq!((rows.len(), summary.not_entries), (3, 0));
    let row = rows.iter().find(|row| row.text(Field::Id).as_deref() == Some(&uuid(9))).unwrap();
    assert_eq!(row.value(&["request", "data", "n"]), None, "it is not taken apart");
    let open = line.trim_end().replace("\"n\":5", &format!("\"n\":{}", "{\"a\":".repeat(10_000)));
    let (rows, summary) = between(open.as_bytes());
    assert_eq!((rows.len(), summary.torn + summary.not_entries), (2, 1));
}

#[test]
fn a_line_of_10_mb_is_read() {
    let policies = vec!["x".repeat(1000); 10_000];
    let long = Device::new("a").pair(&Asked { id: 9, policies, ..Asked::default() });
    assert!(long.len() > 20_000_000);
    let (rows, summary) = between(&long[..long.len() - 1]);
    assert_eq!((rows.len(), summary.too_long, summary.unanswered), (3, 0, 0));
}

/// Ends a query when it is told of progress for the third time.
#[derive(Default)]
struct Impatient(usize);

impl Sink for Impatient {
    fn row(&mut self, _: &Row) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }

    fn progress(&mut self, _: &Progress<'_>) -> ControlFlow<()> {
        self.0 += 1;
        if self.0 < 3 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    }
}

#[test]
fn a_query_can_be_ended_within_a_line_that_has_no_end() {
    const LENGTH: u64 = 4 << 30;
    let endless = Input::stream("-", std::io::repeat(b'x').take(LENGTH));
    let summary = run(vec![endless], &query(""), &mut Impatient::default());
    assert!(summary.bytes < 64 << 20, "{} bytes were read", summary.bytes);
}

#[test]
fn of_logs_that_were_not_read_to_their_ends_nothing_is_said_to_be_missing() {
    let (since, until) = (Some(time(200_000)), Some(time(300_000)));
    let kinds = |summary: &Summary| -> Vec<String> {
        let warnings = summary.warnings(since, until, &Zone::UTC);
        warnings.into_iter().map(|warning| warning.kind).collect()
    };
    let log = [good(1), good(3)].concat();
    let end = &mut |_: &Row| ControlFlow::Break(());
    let summary = run(vec![Input::stream("-", io::Cursor::new(log.clone()))], &query(""), end);
    assert!(summary.interrupted && summary.covered.is_some());
    assert_eq!(summary.missing, 0);
    assert!(kinds(&summary).is_empty(), "{:?}", kinds(&summary));
    let (_, summary) = rows_of(&log, &query(""));
    assert_eq!(summary.missing, 2);
    assert_eq!(kinds(&summary), ["not_covered", "not_covered", "missing"]);
    let endless = Input::stream("-", io::repeat(b'x').take(1 << 32));
    let summary = run(vec![endless], &query(""), &mut Impatient::default());
    assert!(summary.interrupted && kinds(&summary).is_empty(), "{:?}", kinds(&summary));
}

#[test]
fn a_truncated_archive_is_read_until_there_and_said() {
    let log: Vec<u8> = (1..2000).flat_map(good).collect();
    let dir = tempfile::tempdir().unwrap();
    for (name, archive) in [("a.gz", gzip(&log)), ("a.zst", zstd(&log))] {
        let files = [
            write(dir.path(), name, &archive[..archive.len() * 2 / 3]),
            write(dir.path(), "b.log", &good(5000)),
        ];
        let (found, summary) = rows(&files, &query(""));
        assert!(found.len() > 100 && ids(&found).contains(&uuid(5000)), "{name}: {}", found.len());
        let [damaged] = &summary.damaged[..] else { panic!("{name}: {summary:?}") };
        assert!(damaged.name.ends_with(name) && !damaged.reason.is_empty());
        assert!(damaged.lines > 200, "{damaged:?}");
    }
    let mut broken = zstd(&log);
    let middle = broken.len() / 2;
    broken[middle] ^= 0xff;
    let (_, summary) = rows(&[write(dir.path(), "c.zst", &broken)], &query(""));
    assert!(!summary.damaged.is_empty() || summary.not_entries + summary.torn > 0);
}

#[test]
fn a_window_of_zstd_that_needs_much_memory_is_refused_and_said() {
    let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
    encoder.long_distance_matching(true).unwrap();
    encoder.window_log(27).unwrap();
    std::io::Write::write_all(&mut encoder, &good(1)).unwrap();
    let archive = encoder.finish().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let (rows, summary) = rows(&[write(dir.path(), "a.zst", &archive)], &query(""));
    assert_eq!((rows.len(), summary.damaged.len()), (0, 1));
}

#[test]
fn many_requests_without_answers_are_delivered_within_bounds() {
    let device = Device::new("a");
    let asked = |id| Asked { id, ..Asked::default() };
    let log: Vec<u8> = (1..100_000).flat_map(|id| device.half(&asked(id), false, u64::from(id))).collect();
    let dir = tempfile::tempdir().unwrap();
    let file = write(dir.path(), "a.log", &log);
    drop(log);
    let mut count = 0_u64;
    let summary = run(vec![Input::file(&file)], &Query::new(query("who=ann").filter), &mut |row: &Row| {
        count += u64::from(!row.is_answered());
        ControlFlow::Continue(())
    });
    assert_eq!((count, summary.rows, summary.unanswered), (99_999, 99_999, 99_999));
    assert!(summary.join_is_partial);
}

#[test]
fn any_bytes_are_read_without_a_panic() {
    use proptest::prelude::*;
    let seeds = [
        good(1),
        Device::jsonx("b").pair(&Asked::default()),
        include_bytes!("../../../entry/tests/entry/golden/raw-lines.jsonl").to_vec(),
    ];
    let mut runner = proptest::test_runner::TestRunner::default();
    let damage = proptest::collection::vec((any::<usize>(), any::<u8>(), 0..4_u8), 1..20);
    let strategy = (0..seeds.len(), damage);
    runner
        .run(&strategy, |(seed, damage)| {
            let mut log: Vec<u8> = seeds[seed].iter().take(20_000).copied().collect();
            for (at, byte, kind) in damage {
                let at = at % log.len();
                match kind {
                    0 => log[at] = byte,
                    1 => log.insert(at, byte),
                    2 if log.len() > 1 => drop(log.remove(at)),
                    _ => log.truncate(at.max(1)),
                }
            }
            let (_, summary) = rows_of(&log, &query("who ~ * and not status=5"));
            prop_assert!(summary.lines > 0);
            Ok(())
        })
        .unwrap();
}
