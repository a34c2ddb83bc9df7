//! Logs of several devices of one server: each has its own hashes of the same entries, and a request is one row.
//! Never in it: logs of one device.

use std::ops::ControlFlow;

use onrecord_entry::format::Format;
use onrecord_entry::gap::{Gap, Ranges};
use onrecord_entry::oversize::{Oversize, OversizeError, send_within};
use onrecord_entry::text::Template;
use onrecord_entry::{Entry, FormatOptions, HASH_PREFIX, Salt, SeqRange};
use onrecord_trail::Input;
use onrecord_trail::query::{Field, Filter, LinesOfSalt, Query, Row, Sink, Summary, run};
use onrecord_value::{Time, object};
use proptest::collection::vec;
use proptest::prelude::*;

use super::kit::{Asked, Device, ids, query, rows, rows_of, time, uuid, write};

/// The hash of the text `user` of the data in the line of a request.
fn hash(device: &Device, user: &str) -> String {
    let line = device.half(&with_user(1, user), false, 0);
    let value: serde_json::Value = serde_json::from_slice(&line).unwrap();
    value["request"]["data"]["user"].as_str().unwrap().to_owned()
}

fn with_user(id: u32, user: &str) -> Asked {
    Asked { id, second: i64::from(id), data: object! { "user" => user }, ..Asked::default() }
}

fn containing(hashes: &[String]) -> Query {
    let texts = hashes.iter().map(|hash| hash.clone().into_bytes());
    Query { keep_lines: true, ..Query::new(Filter::all().containing(texts)) }
}

#[test]
fn a_hash_of_either_device_finds_the_request_once() {
    let dir = tempfile::tempdir().unwrap();
    let devices = [Device::new("a"), Device::new("b")];
    let all = [with_user(1, "ann"), with_user(2, "bob"), with_user(3, "ann")];
    let log = |device: &Device| all.iter().flat_map(|asked| device.pair(asked)).collect::<Vec<u8>>();
    let files =
        [write(dir.path(), "a.log", &log(&devices[0])), write(dir.path(), "b.log", &log(&devices[1]))];
    let hashes = devices.each_ref().map(|device| hash(device, "ann"));
    let (in_a, _) = rows(&files[..1], &containing(&hashes[..1]));
    assert_eq!(ids(&in_a), [uuid(1), uuid(3)]);
    for (at, asked) in [(0, &hashes[..1]), (1, &hashes[1..]), (0, &hashes[..])] {
        let (found, summary) = rows(&files, &containing(asked));
        assert_eq!(ids(&found), [uuid(1), uuid(3)], "{asked:?}");
        let place = found[1].at();
        assert!(place.request.as_ref().unwrap().source.ends_with(["a.log", "b.log"][at]));
        assert_eq!((place.request.as_ref().unwrap().line, place.response.as_ref().unwrap().line), (5, 6));
        assert_eq!(found[1].time(), time(3), "the time of its request");
        assert!(found[1].request_line().is_some());
        assert_eq!((summary.rows, summary.unanswered, summary.answers_alone), (2, 0, 0));
    }
    // As a filter, which compares values, and asks for the device.
    let filter = format!("request.data.user=\"{}\" and op=read", hashes[1]);
    let (found, _) = rows(&files, &query(&filter));
    assert_eq!(ids(&found), [uuid(1), uuid(3)]);
    let device = found[0].text(Field::Device).unwrap().into_owned();
    let (found, summary) = rows(&files, &query(&format!("device={device}")));
    assert_eq!((found.len(), summary.rows), (3, 3));
    assert!(found.iter().all(|row| row.text(Field::Device).as_deref() == Some(&device)));
}

#[test]
fn questions_to_the_log_are_counted_once_whatever_number_of_devices_has_them() {
    let asked = |id| Asked { id, path: "sys/audit-hash/file".to_owned(), ..Asked::default() };
    let log = [Device::new("a"), Device::new("b")]
        .iter()
        .flat_map(|device| (1..4).flat_map(|id| device.pair(&asked(id))))
        .collect::<Vec<u8>>();
    let (rows, summary) = rows_of(&log, &query(""));
    assert_eq!((rows.len(), summary.own_questions_left_out, summary.doubles), (0, 3, 6));
}

#[test]
fn a_gap_without_a_beginning_may_reach_into_any_time_before_it() {
    let device = Device::new("a");
    let ranges = [SeqRange { from: 100, to: 101 }];
    let gap = Gap {
        missed: 2,
        ranges: Ranges::from(&ranges[..]),
        reason: Template::new("the disk was full"),
        ..Gap::default()
    };
    let gap = device.line(&Entry::gap(&uuid(900), gap), time(50), 1);
    let log = [device.pair(&with_user(1, "ann")), gap, device.pair(&with_user(60, "ann"))].concat();
    let between = |since, until| Query { since: Some(time(since)), until: Some(time(until)), ..query("") };
    let (_, summary) = rows_of(&log, &between(10, 20));
    assert_eq!(summary.gaps.len(), 1, "it may have begun before");
    assert_eq!((summary.gaps[0].since, summary.gaps[0].until), (None, time(50)));
    let (_, summary) = rows_of(&log, &between(55, 61));
    assert!(summary.gaps.is_empty(), "it ended before");
}

/// Which of its entries a device lost, by number, and where it writes.
#[derive(Clone, Debug)]
struct Kept {
    lost: Vec<bool>,
    jsonx: bool,
}

const USERS: [&str; 3] = ["ann", "bob", "eve"];
const REQUESTS: u32 = 12;

fn kept() -> impl Strategy<Value = Kept> {
    (vec(prop::bool::weighted(0.3), REQUESTS as usize * 2), any::<bool>())
        .prop_map(|(lost, jsonx)| Kept { lost, jsonx })
}

/// The lines of a device: of each entry that it has, its request's id and the line.
fn lines(device: &Device, kept: &Kept, users: &[usize]) -> Vec<(u32, Vec<u8>)> {
    let mut lines = Vec::new();
    for (id, user) in (1..).zip(users) {
        let asked = with_user(id, USERS[*user]);
        for (is_answer, at) in [(false, id as usize * 2 - 2), (true, id as usize * 2 - 1)] {
            if !kept.lost[at] {
                lines.push((id, device.half(&asked, is_answer, at as u64 + 1)));
            }
        }
    }
    lines
}

fn compare_sums(summary: &Summary, found: &[Row]) -> Result<(), TestCaseError> {
    prop_assert_eq!(summary.rows, found.len() as u64);
    prop_assert!(!summary.join_is_partial);
    prop_assert_eq!(summary.doubles_missed, 0);
    Ok(())
}

proptest! {
    /// One file for each device, or all lines in one, as a receiver of syslog mixes them: by device, or by half.
    #[test]
    fn each_request_of_which_some_entry_holds_a_text_is_one_row(
        kept in vec(kept(), 1..4),
        users in vec(0..USERS.len(), REQUESTS as usize),
        user in 0..USERS.len(),
        salt in 0..3_usize,
        mixed in 0..3_u8,
    ) {
        let device = |at: usize, jsonx: bool| {
            let salt = format!("salt {at}");
            if jsonx { Device::jsonx(&salt) } else { Device::new(&salt) }
        };
        let logs: Vec<Vec<(u32, Vec<u8>)>> = kept
            .iter()
            .enumerate()
            .map(|(at, kept)| lines(&device(at, kept.jsonx), kept, &users))
            .collect();
        let wanted = hash(&device(salt, false), USERS[user]);
        let mut expected: Vec<String> = logs
            .iter()
            .flatten()
            .filter(|(_, line)| String::from_utf8_lossy(line).contains(&wanted))
            .map(|(id, _)| uuid(*id))
            .collect();
        expected.sort();
        expected.dedup();
        let dir = tempfile::tempdir().unwrap();
        let files = if mixed > 0 {
            let mut all: Vec<&(u32, Vec<u8>)> = logs.iter().flatten().collect();
            let is_answer = |line: &[u8]| String::from_utf8_lossy(line).contains("response");
            all.sort_by_key(|(id, line)| (*id, mixed == 2 && is_answer(line)));
            let bytes: Vec<u8> = all.into_iter().flat_map(|(_, line)| line.clone()).collect();
            vec![write(dir.path(), "all.log", &bytes)]
        } else {
            let bytes = |log: &Vec<(u32, Vec<u8>)>| log.iter().flat_map(|(_, line)| line.clone()).collect::<Vec<u8>>();
            logs.iter().zip(0..).map(|(log, at): (_, u32)| write(dir.path(), &at.to_string(), &bytes(log))).collect()
        };
        let (found, summary) = rows(&files, &containing(std::slice::from_ref(&wanted)));
        let mut found_ids = ids(&found);
        found_ids.sort();
        prop_assert_eq!(found_ids, expected);
        compare_sums(&summary, &found)?;
        for row in &found {
            let in_row = [row.request_line(), row.response_line()];
            let holds = |line: &[u8]| String::from_utf8_lossy(line).contains(&wanted);
            prop_assert!(in_row.into_iter().flatten().any(holds), "the row shows where");
        }
        // Without a text, each request is one row, and has an answer if some device has it.
        let (found, summary) = rows(&files, &query(""));
        compare_sums(&summary, &found)?;
        let mut found_ids = ids(&found);
        found_ids.sort();
        let mut all: Vec<String> = logs.iter().flatten().map(|(id, _)| uuid(*id)).collect();
        all.sort();
        all.dedup();
        prop_assert_eq!(found_ids, all);
        let has = |id: u32, half: usize| kept.iter().any(|kept| !kept.lost[id as usize * 2 - 2 + half]);
        let lacks = |half, other| (1..=REQUESTS).filter(|id| !has(*id, half) && has(*id, other)).count() as u64;
        prop_assert_eq!((summary.answers_alone, summary.unanswered), (lacks(0, 1), lacks(1, 0)));
    }
}

/// A sink that takes the rows of one device alone.
struct OnlyOf(String, Vec<Row>);

impl Sink for OnlyOf {
    fn takes(&mut self, row: &Row) -> bool {
        row.text(Field::Device).as_deref() == Some(&self.0)
    }

    fn row(&mut self, row: &Row) -> ControlFlow<()> {
        self.1.push(row.clone());
        ControlFlow::Continue(())
    }
}

#[test]
fn a_row_that_the_sink_does_not_take_leaves_its_place_to_the_copy_of_another_device() {
    let devices = [Device::new("a"), Device::new("b")];
    let asked = with_user(1, "ann");
    let half =
        |is_answer| devices.each_ref().map(|device| device.half(&asked, is_answer, 2 + u64::from(is_answer)));
    let ([a, b], [answer_a, answer_b]) = (half(false), half(true));
    let (rows_of_b, _) = rows_of(&b, &query(""));
    let device = rows_of_b[0].text(Field::Device).unwrap().into_owned();
    let orders: [&[&Vec<u8>]; 5] = [
        &[&a, &answer_a, &b, &answer_b],
        &[&a, &b, &answer_a, &answer_b],
        &[&answer_a, &answer_b, &a, &b],
        &[&answer_a, &answer_b],
        &[&a, &b],
    ];
    let hashes = devices.each_ref().map(|device| hash(device, "ann"));
    for (at, lines) in orders.into_iter().enumerate() {
        let dir = tempfile::tempdir().unwrap();
        let log = write(
            dir.path(),
            "audit.log",
            &lines.iter().flat_map(|line| line.iter().copied()).collect::<Vec<u8>>(),
        );
        for query in [query(""), containing(&hashes)] {
            let mut sink = OnlyOf(device.clone(), Vec::new());
            let summary = run(vec![Input::file(&log)], &query, &mut sink);
            assert_eq!((sink.1.len(), summary.rows), (1, 1), "order {at}");
        }
    }
}

/// A query of three salts that takes only hashed lines of this one.
fn hashed_only(salt: &str, filter: &str) -> Query {
    let lines = |name: &str| if name == salt { LinesOfSalt::Hashed } else { LinesOfSalt::All };
    let salts = ["raw", "a", "b"].map(|name| (Salt::new(name).id(), lines(name)));
    Query { salts: Some(salts.into()), ..query(filter) }
}

/// The lines in each order, as logs.
fn orders(lines: &[&Vec<u8>]) -> Vec<Vec<u8>> {
    if lines.is_empty() {
        return vec![Vec::new()];
    }
    let with_first = |at: usize| {
        let mut others = lines.to_vec();
        let first = others.remove(at);
        orders(&others).into_iter().map(|others| [&first[..], &others].concat())
    };
    (0..lines.len()).flat_map(with_first).collect()
}

#[test]
fn a_line_in_the_clear_that_is_passed_over_hides_no_entry_of_a_hashing_device() {
    let raw = Device::with("raw", FormatOptions { log_raw: true, ..FormatOptions::default() });
    let [hashing, third] = ["a", "b"].map(Device::new);
    let asked = with_user(1, "ann");
    let both = |device: &Device| [device.half(&asked, false, 2), device.half(&asked, true, 3)];
    let (raw, third) = (both(&raw), both(&third));
    let [request, answer] = &both(&hashing);
    let cases = [
        // The hashing device lacks the answer, or the request, or neither.
        (vec![&raw[0], &raw[1], request], (1, 0)),
        (vec![&raw[0], &raw[1], answer], (0, 1)),
        (vec![&raw[0], &raw[1], request, answer], (0, 0)),
        // Another one has the answer.
        (vec![&raw[1], request, &third[0], &third[1]], (0, 0)),
    ];
    // Whether the line in the clear is asked for makes no difference: that would answer questions about its texts.
    let filters = ["", "op=read", "not request.data.user=ann", "not request.data.user=bob"];
    let number = |line: &[u8]| {
        let value: serde_json::Value = serde_json::from_slice(line).unwrap();
        value["record"]["seq"].as_u64()
    };
    for (lines, (unanswered, alone)) in cases {
        let raw_lines = lines.iter().filter(|line| raw.contains(**line)).count();
        for log in orders(&lines) {
            for filter in filters {
                let (found, summary) = rows_of(&log, &hashed_only("raw", filter));
                let said = (summary.rows, summary.unanswered, summary.answers_alone, summary.missing);
                assert_eq!((found.len(), said), (1, (1, unanswered, alone, 0)), "{filter}");
                // The numbers that only lines in the clear have.
                let has = |seq| lines.iter().skip(raw_lines).any(|line| number(line) == seq);
                let withheld = lines.iter().take(raw_lines).filter(|line| !has(number(line))).count();
                assert_eq!(summary.withheld, withheld as u64, "{filter}");
                let user = found[0].value(&["request", "data", "user"]).unwrap();
                assert!(user.as_str().unwrap().starts_with(HASH_PREFIX), "{filter}");
            }
            let (found, summary) = rows_of(&log, &hashed_only("raw", "request.data.user=ann"));
            assert_eq!((found.len(), summary.rows, summary.undecided), (0, 0, 0));
        }
    }
}

#[test]
fn a_line_of_a_salt_that_is_not_asked_for_accounts_for_no_number() {
    let [own, other] = ["a", "of another server"].map(Device::new);
    let half = |device: &Device, id: u32| device.half(&with_user(id, "ann"), false, id.into());
    let log = [half(&own, 1), half(&other, 2), half(&own, 3)].concat();
    let (_, summary) = rows_of(&log, &hashed_only("b", ""));
    assert_eq!((summary.passed_over, summary.withheld, summary.missing), (1, 0, 1));
}

#[test]
fn lines_in_the_clear_are_passed_over_in_any_form_and_their_numbers_are_not_missing() {
    let options = |log_raw| FormatOptions { log_raw, ..FormatOptions::default() };
    let jsonx = FormatOptions { format: Format::Jsonx, ..options(true) };
    let pair = |options, id| Device::with("a", options).pair(&with_user(id, "ann"));
    let long = Asked { id: 4, data: object! { "user" => "x".repeat(5000) }, ..Asked::default() };
    let mut split = Vec::new();
    for (is_answer, seq) in [(false, 8), (true, 9)] {
        let line = Device::with("a", options(true)).half(&long, is_answer, seq);
        let sent = send_within(&line, 4096, Oversize::Split, |part| -> Result<(), OversizeError> {
            split.extend_from_slice(part);
            Ok(())
        });
        sent.unwrap();
    }
    let log =
        [pair(options(false), 1), pair(options(true), 2), pair(jsonx, 3), split, pair(options(false), 5)]
            .concat();
    let (found, summary) = rows_of(&log, &hashed_only("a", ""));
    assert_eq!(ids(&found), [uuid(1), uuid(5)]);
    assert_eq!((summary.passed_over, summary.entries, summary.missing), (6, 4, 0));
    assert_eq!(summary.withheld, 6, "no line that was read has them");
    let earlier = Query { until: Some(Time::UNIX_EPOCH), ..hashed_only("a", "") };
    let (_, summary) = rows_of(&log, &earlier);
    assert_eq!((summary.withheld, summary.missing), (0, 0), "they are not of that time");
    // What no line has between them and those that were read is missing.
    let later = [log.clone(), pair(options(true), 8)].concat();
    let (_, summary) = rows_of(&later, &hashed_only("a", ""));
    assert_eq!((summary.withheld, summary.missing), (8, 4));
    // Of another salt they are read.
    let (found, summary) = rows_of(&log, &hashed_only("b", ""));
    assert_eq!((found.len(), summary.passed_over), (5, 0));
}
