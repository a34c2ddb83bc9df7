//! Logs of several devices, files and servers.
//! Never in it: hostile lines.

use std::ops::ControlFlow;

use onrecord_entry::gap::{DeviceCheckpoint, Gap, Ranges, RefusedRequests};
use onrecord_entry::text::Template;
use onrecord_entry::{Entry, SeqRange};
use onrecord_trail::Input;
use onrecord_trail::query::{Field, Filter, Query, Row, run};

use super::kit::{Asked, Device, context, gzip, ids, query, rows, rows_of, time, uuid, write, zstd};

fn many(count: u32) -> Vec<Asked> {
    let asked =
        |id: u32| Asked { id, second: i64::from(id), path: format!("secret/data/{id}"), ..Asked::default() };
    (1..=count).map(asked).collect()
}

#[test]
fn two_devices_with_the_same_entries_give_each_row_once() {
    let dir = tempfile::tempdir().unwrap();
    let all = many(50);
    let log = |device: &Device| all.iter().flat_map(|asked| device.pair(asked)).collect::<Vec<u8>>();
    let files = [
        write(dir.path(), "a.log", &log(&Device::new("a"))),
        write(dir.path(), "b.log", &log(&Device::jsonx("b"))),
        write(dir.path(), "c.log", &log(&Device::prefixed("c", "<13>Nov 30 10:00:00 host onrecord: "))),
    ];
    let (rows, summary) = rows(&files, &query(""));
    assert_eq!(ids(&rows), all.iter().map(|asked| uuid(asked.id)).collect::<Vec<_>>());
    assert_eq!((summary.entries, summary.doubles, summary.devices.len()), (300, 200, 3));
    assert_eq!((summary.missing, summary.unanswered, summary.lines), (0, 0, 300));
}

#[test]
fn each_device_has_its_own_row_if_that_is_asked() {
    let [one, two] = ["a", "b"].map(Device::new);
    let asked = many(3);
    let log = |device: &Device| asked.iter().flat_map(|asked| device.pair(asked)).collect::<Vec<u8>>();
    let mixed = [log(&one), log(&two)].concat();
    let (rows, summary) = rows_of(&mixed, &Query { each_device: true, ..query("") });
    let of = |row: &Row| [Field::Id, Field::Device].map(|field| row.text(field).unwrap().into_owned());
    let mut of: Vec<[String; 2]> = rows.iter().map(of).collect();
    of.sort();
    of.dedup();
    assert_eq!((of.len(), rows.len(), summary.unanswered, summary.missing), (6, 6, 0, 0));
}

#[test]
fn rotated_and_compressed_files_are_joined_in_any_order() {
    let dir = tempfile::tempdir().unwrap();
    let device = Device::new("a");
    let all = many(30);
    let lines: Vec<Vec<u8>> = all
        .iter()
        .flat_map(|asked| {
            let seq = u64::from(asked.id) * 2;
            [device.half(asked, false, seq), device.half(asked, true, seq + 1)]
        })
        .collect();
    // Each file ends between a request and its answer.
    let files: Vec<Vec<u8>> = lines.chunks(7).map(<[_]>::concat).collect();
    let mut names: Vec<_> = (0..)
        .zip(&files)
        .map(|(at, bytes)| match at % 3 {
            0 => write(dir.path(), &format!("audit.log.{at}"), bytes),
            1 => write(dir.path(), &format!("audit.log.{at}.gz"), &gzip(bytes)),
            _ => write(dir.path(), &format!("audit.log.{at}.zst"), &zstd(bytes)),
        })
        .collect();
    for turn in 0..names.len() {
        names.rotate_left(1);
        names.swap(0, turn);
        let (rows, summary) = rows(&names, &query(""));
        assert_eq!(ids(&rows), all.iter().map(|asked| uuid(asked.id)).collect::<Vec<_>>());
        assert_eq!((summary.unanswered, summary.answers_alone, summary.missing), (0, 0, 0));
        assert_eq!(rows[3].at().request.as_ref().unwrap().line, 7);
        assert!(rows[3].at().response.as_ref().unwrap().source.contains("audit.log.1"));
    }
}

#[test]
fn an_answer_is_never_more_complete_than_its_log() {
    let device = Device::new("a");
    let all = many(10);
    let mut log = Vec::new();
    for asked in &all {
        match asked.id {
            3 => log.extend(device.half(asked, false, 6)),
            4 => log.extend(device.half(asked, true, 9)),
            // Both entries of 5 are missing, and declared; those of 6 are missing.
            5 => {
                let ranges = [SeqRange { from: 10, to: 11 }];
                let gap = Gap {
                    missed: 2,
                    ranges: Ranges::from(&ranges[..]),
                    since: Some(time(5)),
                    reason: Template::new("the disk was full"),
                    ..Gap::default()
                };
                log.extend(device.line(&Entry::gap(&uuid(900), gap), time(6), 1));
            }
            6 => {}
            _ => log.extend(device.pair(asked)),
        }
    }
    let (rows, summary) = rows_of(&log, &query(""));
    assert_eq!(rows.len(), 8);
    assert_eq!((summary.unanswered, summary.answers_alone), (1, 1));
    let [gap] = &summary.gaps[..] else { panic!("{:?}", summary.gaps) };
    assert_eq!((gap.missed, gap.missing, gap.since, gap.until), (2, 2, Some(time(5)), time(6)));
    assert_eq!(gap.reason, "the disk was full");
    // The answer of 3, the request of 4, and both of 6.
    assert_eq!(summary.missing, 4);
    assert_eq!(summary.covered.map(|(first, _)| first), Some(time(1)));
    let later = Query { since: Some(time(7)), ..query("") };
    let (rows, summary) = rows_of(&log, &later);
    assert_eq!((rows.len(), summary.gaps.len()), (4, 0));
    // Another device has what this one missed.
    let other = Device::new("b");
    let both = [log, all.iter().flat_map(|asked| other.pair(asked)).collect()].concat();
    let (rows, summary) = rows_of(&both, &query(""));
    assert_eq!((rows.len(), summary.unanswered, summary.missing, summary.gaps[0].missing), (10, 0, 0, 0));
}

#[test]
fn times_are_those_of_requests_and_bound_the_rows() {
    let device = Device::new("a");
    let log: Vec<u8> = many(10).iter().flat_map(|asked| device.pair(asked)).collect();
    let between = Query { since: Some(time(3)), until: Some(time(6)), ..query("") };
    let (rows, _) = rows_of(&log, &between);
    assert_eq!(ids(&rows), [uuid(3), uuid(4), uuid(5)]);
    assert_eq!(rows[0].time(), time(3));
    let (rows, _) = rows_of(&log, &query(&format!("time >= {} and time < {}", time(3), time(6))));
    assert_eq!(ids(&rows), [uuid(3), uuid(4), uuid(5)]);
}

#[test]
fn lines_of_the_device_itself_are_counted_and_are_not_rows() {
    let device = Device::new("a");
    let refused = RefusedRequests {
        count: 40,
        since: Some(time(1)),
        until: Some(time(2)),
        reason: Template::new("too many"),
    };
    let checkpoint = DeviceCheckpoint { origin: "x".into(), size: 1, root: "r".into(), note: "n".into() };
    let log = [
        device.line(&Entry::probe(&uuid(1)), time(1), 1),
        device.line(&Entry::refused(&uuid(2), "192.0.2.1", refused), time(2), 4),
        device.line(&Entry::checkpoint(&uuid(3), checkpoint), time(2), 2),
        device.pair(&Asked::default()),
    ]
    .concat();
    let (rows, summary) = rows_of(&log, &query(""));
    assert_eq!(rows.len(), 1);
    assert_eq!((summary.probes, summary.refused_entries, summary.refused_requests), (1, 1, 40));
    assert_eq!((summary.checkpoints, summary.not_entries), (1, 0));
}

#[test]
fn questions_to_the_log_are_left_out_and_counted() {
    let device = Device::new("a");
    let paths = [
        "sys/audit-hash/file",
        "sys/audit-query",
        "sys/audit-salts/4ee65a652e765d8e/hash",
        "sys/audit",
        "secret/data/a",
    ];
    let log: Vec<u8> = (1..)
        .zip(paths)
        .flat_map(|(id, path)| device.pair(&Asked { id, path: path.to_owned(), ..Asked::default() }))
        .collect();
    let (rows, summary) = rows_of(&log, &query(""));
    assert_eq!((ids(&rows), summary.own_questions_left_out), (vec![uuid(4), uuid(5)], 3));
    let (rows, summary) = rows_of(&log, &Query { own_questions: true, ..query("") });
    assert_eq!((rows.len(), summary.own_questions_left_out), (5, 0));
}

#[test]
fn entries_in_pieces_are_put_together_and_shortened_ones_are_said() {
    use onrecord_entry::oversize::{Oversize, OversizeError, send_within};
    let device = Device::new("a");
    let long = Asked {
        id: 2,
        policies: (0..400).map(|number| format!("a-policy-with-a-name-{number}")).collect(),
        ..Asked::default()
    };
    let send = |line: &[u8], policy| {
        let mut log = Vec::new();
        let sent = send_within(line, 4096, policy, |message| -> Result<(), OversizeError> {
            log.extend_from_slice(message);
            Ok(())
        });
        sent.unwrap();
        log
    };
    let halves = [device.half(&long, false, 4), device.half(&long, true, 5)];
    let whole = device.pair(&Asked::default());
    let split =
        [whole.clone(), send(&halves[0], Oversize::Split), send(&halves[1], Oversize::Split)].concat();
    let (rows, summary) = rows_of(&split, &query("policy=a-policy-with-a-name-399"));
    assert_eq!((ids(&rows), summary.split, summary.incomplete_parts), (vec![uuid(2)], 2, 0));
    assert_eq!((rows[0].list(Field::Policy).len(), summary.missing), (400, 0));
    let elided = [whole, send(&halves[0], Oversize::Elide), send(&halves[1], Oversize::Elide)].concat();
    let (rows, summary) = rows_of(&elided, &query("path=secret/app"));
    assert_eq!((rows.len(), summary.elided), (2, 1));
    assert_eq!(rows[1].flag(Field::Elided), Some(true));
    let lines: Vec<&[u8]> = split.split_inclusive(|byte| *byte == b'\n').collect();
    let torn = lines[..lines.len() - 1].concat();
    let (_, summary) = rows_of(&torn, &query(""));
    assert_eq!((summary.split, summary.incomplete_parts, summary.unanswered), (1, 1, 1));
    // Two lines of the request are wrong, so it is not joined; its number is there.
    let after = device.pair(&Asked { id: 3, second: 3, ..Asked::default() });
    let corrupt = String::from_utf8([split, after].concat()).unwrap().replacen("name-7", "name-x", 1);
    let (_, summary) = rows_of(corrupt.as_bytes(), &query(""));
    assert_eq!((summary.split, summary.incomplete_parts, summary.missing), (1, 1, 0));
    // Another device has it whole.
    let request = send(&halves[0], Oversize::Split);
    let corrupt = String::from_utf8(request).unwrap().replacen("name-7", "name-x", 1).into_bytes();
    let both = [corrupt, Device::new("b").half(&long, false, 4)].concat();
    let (rows, summary) = rows_of(&both, &query(""));
    assert_eq!((ids(&rows), summary.unanswered, summary.incomplete_parts), (vec![uuid(2)], 1, 1));
}

#[test]
fn texts_are_found_in_either_half_of_a_row() {
    let device = Device::new("a");
    let log: Vec<u8> = many(5).iter().flat_map(|asked| device.pair(asked)).collect();
    let text = |log: &[u8], of: &str| {
        let line = log.split(|byte| *byte == b'\n').find(|line| {
            let line = String::from_utf8_lossy(line).into_owned();
            line.contains(of)
        });
        let line = String::from_utf8_lossy(line.unwrap()).into_owned();
        let at = line.find("hmac-sha256:").unwrap();
        line.as_bytes()[at..at + 76].to_vec()
    };
    let found = text(&log, "secret/data/3");
    let filter = Filter::all().containing([found.clone(), b"hmac-sha256:none".to_vec()]);
    let (rows, _) = rows_of(&log, &Query { keep_lines: true, ..Query::new(filter.clone()) });
    // Each of the requests has the same data.
    assert_eq!(rows.len(), 5);
    assert!(rows.iter().all(|row| row.request_line().is_some() && row.response_line().is_some()));
    let (rows, _) = rows_of(&log, &Query::new(query("path=secret/3").filter.containing([found])));
    assert_eq!(ids(&rows), [uuid(3)]);
    // Only the request has its time.
    let only_request = time(4).to_string().into_bytes();
    let (rows, _) =
        rows_of(&log, &Query::new(Filter::all().containing([only_request.clone(), b"xyz".to_vec()])));
    assert_eq!(ids(&rows), [uuid(4)]);
    let (rows, _) = rows_of(&log, &Query::new(Filter::all().containing([only_request])));
    assert_eq!(ids(&rows), [uuid(4)]);
    let (rows, _) = rows_of(&log, &Query::new(Filter::all().containing([b"hmac-sha256:none".to_vec()])));
    assert!(rows.is_empty());
}

#[test]
fn logs_of_vault_and_openbao_are_read() {
    let log = include_bytes!("../../../entry/tests/entry/golden/raw-lines.jsonl");
    let (rows, summary) = rows_of(log, &Query { own_questions: true, ..query("") });
    assert_eq!(summary.not_entries, 0);
    assert!(rows.len() > 50, "{}", rows.len());
    assert!(rows.iter().all(|row| row.text(Field::Path).is_some()));
    let (denied, _) = rows_of(log, &query("denied"));
    let (errors, _) = rows_of(log, &query("error ~ \"*permission denied*\""));
    assert!(!denied.is_empty() && denied.len() >= errors.len());
    let (root, _) = rows_of(log, &query("who=root and mount_type=kv and op=read"));
    assert!(root.iter().all(|row| row.text(Field::MountType).as_deref() == Some("kv")));
}

#[test]
fn a_sink_ends_the_reading_and_the_summary_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let device = Device::new("a");
    let log: Vec<u8> = many(20).iter().flat_map(|asked| device.pair(asked)).collect();
    let file = write(dir.path(), "a.log", &log);
    let mut count = 0;
    let summary = run(vec![Input::file(&file)], &query(""), &mut |_: &Row| {
        count += 1;
        if count == 3 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    assert!(summary.interrupted);
    assert_eq!((count, summary.rows), (3, 3));
}

#[test]
fn a_source_that_cannot_be_opened_is_damage_and_the_others_are_read() {
    let dir = tempfile::tempdir().unwrap();
    let file = write(dir.path(), "a.log", &Device::new("a").pair(&Asked::default()));
    let missing = dir.path().join("missing.log");
    for files in [[missing.clone(), file.clone()], [file, missing]] {
        let (found, summary) = rows(&[files[0].clone(), dir.path().to_owned(), files[1].clone()], &query(""));
        assert_eq!((ids(&found), summary.rows), (vec![uuid(1)], 1));
        assert!(summary.damaged.iter().all(|source| !source.opened && source.lines == 0), "{summary:?}");
        let reason = |name: &str| {
            let source = summary.damaged.iter().find(|source| source.name.ends_with(name));
            source.unwrap().reason.clone()
        };
        assert!(reason("missing.log").contains("No such file"));
        assert!(reason(&dir.path().display().to_string()).contains("directory"));
        assert_eq!(summary.damaged.len(), 2);
    }
}

#[test]
fn a_stream_has_the_name_that_it_was_given() {
    let stream = Input::stream("-", std::io::Cursor::new(Device::new("a").pair(&Asked::default())));
    let mut rows = super::kit::Rows::default();
    run(vec![stream], &Query::new(Filter::parse("who=ann", &context()).unwrap()), &mut rows);
    assert_eq!(rows.0[0].at().response.as_ref().map(|at| (&*at.source, at.line)), Some(("-", 2)));
}
