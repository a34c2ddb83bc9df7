//! Logs that a forger changed, beside a tree that is whole: each change is named with its line and its kind.
//! Never in it: changed trees.

use std::fs;
use std::io::Cursor;

use onrecord_trail::Input;
use onrecord_trail::verify::FindingKind::{self, *};
use onrecord_trail::verify::{TreeFolder, Verdict, Verification, VerifyError, VerifyOptions, verify};
use proptest::prelude::*;

use super::kit::{Device, Row, entry, rows, text};

const LINES: u64 = 700;

fn is_intact(found: &Verification) {
    assert_eq!((rows(found), found.verdict()), (Vec::new(), Verdict::Intact), "{found:#?}");
    assert!(found.not_judged().is_empty());
}

#[test]
fn an_untouched_log_is_intact() {
    for lines in [1, 2, 255, 256, 257, LINES] {
        let device = Device::new(lines);
        let found = device.verify(&[device.log()], device.options());
        is_intact(&found);
        let source = &found.sources[0];
        assert_eq!(
            (source.lines, source.covered, source.first_leaf, source.last_leaf),
            (lines, lines, Some(0), Some(lines - 1))
        );
    }
}

/// A change of the lines.
type Forgery = fn(&mut Vec<Vec<u8>>);

/// A forger's change of the lines, and what is found.
const FORGERIES: &[(&str, Forgery, &[Row])] = &[
    ("edited", |lines| lines[300].extend_from_slice(b" "), &[(Altered, 301, 1, Some(300), 1)]),
    ("the first edited", |lines| lines[0][3] ^= 1, &[(Altered, 1, 1, Some(0), 1)]),
    ("the last edited", |lines| lines[699][3] ^= 1, &[(Altered, 700, 1, Some(699), 1)]),
    (
        "two edited",
        |lines| (lines[5][3], lines[6][3]) = (0, 0),
        &[(Altered, 6, 1, Some(5), 1), (Altered, 7, 1, Some(6), 1)],
    ),
    ("emptied line", |lines| lines[300].clear(), &[(Altered, 301, 1, Some(300), 1)]),
    ("dropped", |lines| drop(lines.remove(300)), &[(Dropped, 300, 0, Some(300), 1)]),
    ("many dropped", |lines| drop(lines.drain(100..500)), &[(Dropped, 100, 0, Some(100), 400)]),
    ("inserted", |lines| lines.insert(300, b"{}".to_vec()), &[(Inserted, 301, 1, None, 0)]),
    ("a blank line inserted", |lines| lines.insert(300, Vec::new()), &[(Inserted, 301, 1, None, 0)]),
    ("inserted before the first", |lines| lines.insert(0, b"{}".to_vec()), &[(UncoveredHead, 1, 1, None, 0)]),
    ("inserted after the last", |lines| lines.push(b"{}".to_vec()), &[(UncoveredTail, 701, 1, None, 0)]),
    (
        "many inserted",
        |lines| drop(lines.splice(300..300, (0..9000).map(|at| entry(10_000 + at)))),
        &[(Inserted, 301, 9000, None, 0)],
    ),
    ("doubled", |lines| lines.insert(300, lines[299].clone()), &[(Doubled, 301, 1, Some(299), 1)]),
    ("doubled far away", |lines| lines.insert(600, lines[17].clone()), &[(Doubled, 601, 1, Some(17), 1)]),
    ("two neighbours swapped", |lines| lines.swap(300, 301), &[(Reordered, 301, 1, Some(301), 1)]),
    (
        "two swapped",
        |lines| lines.swap(20, 600),
        &[(Reordered, 21, 1, Some(600), 1), (Reordered, 601, 1, Some(20), 1)],
    ),
    (
        "one moved",
        |lines| {
            let line = lines.remove(20);
            lines.insert(600, line);
        },
        &[(Reordered, 601, 1, Some(20), 1)],
    ),
    ("head cut", |lines| drop(lines.drain(..100)), &[(HeadCut, 0, 0, Some(0), 100)]),
    ("tail cut", |lines| lines.truncate(600), &[(TailCut, 600, 0, Some(600), 100)]),
    ("only the last cut", |lines| lines.truncate(699), &[(TailCut, 699, 0, Some(699), 1)]),
    (
        "edited and dropped",
        |lines| {
            lines[100][3] ^= 1;
            lines.remove(101);
        },
        &[(Altered, 101, 1, Some(100), 1), (Dropped, 101, 0, Some(101), 1)],
    ),
    (
        "head cut and edited",
        |lines| {
            lines.drain(..100);
            lines[0][3] ^= 1;
        },
        &[(Altered, 1, 1, Some(100), 1), (HeadCut, 0, 0, Some(0), 100)],
    ),
];

#[test]
fn each_forgery_is_named_with_its_line_and_its_kind() {
    for (name, forge, expected) in FORGERIES {
        let device = Device::new(LINES);
        let mut lines = device.lines.clone();
        forge(&mut lines);
        let found = device.verify_text(&text(&lines));
        assert_eq!((rows(&found).as_slice(), found.verdict()), (*expected, Verdict::Differs), "{name}");
        let altered = found.findings.get(&Altered).map(|sample| sample.first[0].time.is_some());
        assert!(altered.is_none() || name.contains("line") || altered.is_some(), "{name}");
    }
}

#[test]
fn each_forgery_is_named_in_a_stream_too() {
    for (name, forge, expected) in FORGERIES {
        let device = Device::new(LINES);
        let mut lines = device.lines.clone();
        forge(&mut lines);
        let stream = Input::stream("-", Cursor::new(text(&lines)));
        let tree = TreeFolder::new(device.folder().0);
        let found = verify(vec![stream], &tree, device.options(), &mut |_| {}).unwrap();
        assert_eq!(rows(&found).as_slice(), *expected, "{name}");
    }
}

#[test]
fn a_tail_cut_inside_a_line_is_named_with_the_line() {
    let device = Device::new(LINES);
    let whole = text(&device.lines);
    let start = text(&device.lines[..650]).len();
    let found = device.verify_text(&whole[..start + 20]);
    assert_eq!(rows(&found), [(CutLine, 651, 1, Some(650), 1), (TailCut, 651, 0, Some(651), 49)]);
    let found = device.verify_text(&whole[..whole.len() - 1]);
    assert_eq!(rows(&found), [(CutLine, 700, 1, Some(699), 1)], "only the last newline");
    assert_eq!(found.verdict(), Verdict::Differs);
}

#[test]
fn any_flipped_bit_is_found_in_its_line() {
    let flips: u64 = std::env::var("ONRECORD_FLIPS").map_or(200, |count| count.parse().unwrap());
    let device = Device::new(300);
    let whole = text(&device.lines);
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = |below: usize| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        usize::try_from(random % below as u64).unwrap()
    };
    for _ in 0..flips {
        let (at, bit) = (next(whole.len()), next(8));
        let mut changed = whole.clone();
        changed[at] ^= 1 << bit;
        let line = whole[..at].split(|byte| *byte == b'\n').count() as u64;
        let found = device.verify_text(&changed);
        let kinds = rows(&found);
        assert_eq!(found.verdict(), Verdict::Differs, "byte {at}, bit {bit}");
        let expected: &[FindingKind] = match (whole[at], changed[at], line) {
            (b'\n', _, 300) => &[CutLine],
            (b'\n', ..) => &[Altered, Dropped],
            (_, b'\n', _) => &[Altered, Inserted],
            _ => &[Altered],
        };
        let rows: Vec<FindingKind> = kinds.iter().map(|one| one.0).collect();
        // A line that became two at the end of the file: the second may be one that is not covered yet.
        let rows: Vec<FindingKind> =
            rows.iter().map(|kind| if *kind == UncoveredTail { Inserted } else { *kind }).collect();
        assert_eq!(rows, expected, "byte {at}, bit {bit}, line {line}: {kinds:?}");
        assert!(kinds[0].1 == line && kinds[0].3 == Some(line - 1), "byte {at}, bit {bit}: {kinds:?}");
    }
}

#[test]
fn rotated_and_compressed_files_are_one_log_in_any_order() {
    let device = Device::new(LINES);
    let oldest = device.write("audit.log.2.gz", &device.lines[..200]);
    let older = device.write("audit.log.1", &device.lines[200..512]);
    let newest = device.write("audit.log", &device.lines[512..]);
    let all = [oldest.clone(), older.clone(), newest.clone()];
    for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0]] {
        is_intact(&device.verify(&order.map(|at| all[at].clone()), device.options()));
    }
    let found = device.verify(&[newest.clone(), oldest.clone()], device.options());
    assert_eq!(rows(&found), [(MissingBetween, 200, 0, Some(200), 312)]);
    let between = &found.findings[&MissingBetween].first[0];
    assert!(
        between.source.ends_with("audit.log.2.gz") && between.next.as_ref().unwrap().ends_with("audit.log")
    );

    let found = device.verify(&[older.clone(), newest.clone()], device.options());
    assert_eq!(rows(&found), [(HeadCut, 0, 0, Some(0), 200)]);
    let options = VerifyOptions { first_leaf: 200, ..device.options() };
    is_intact(&device.verify(&[older.clone(), newest.clone()], options));
    let options = VerifyOptions { first_leaf: 199, ..device.options() };
    let found = device.verify(&[older.clone(), newest.clone()], options);
    assert_eq!(rows(&found), [(HeadCut, 0, 0, Some(199), 1)]);

    let found =
        device.verify(&[oldest.clone(), older.clone(), newest.clone(), older.clone()], device.options());
    assert_eq!(rows(&found), [(Doubled, 1, 312, Some(200), 312)]);

    let mut edited = device.lines[..200].to_vec();
    edited[70].push(b'x');
    let oldest = device.write("audit.log.2.gz", &edited);
    let found = device.verify(&[newest.clone(), oldest.clone(), older.clone()], device.options());
    assert_eq!(rows(&found), [(Altered, 71, 1, Some(70), 1)]);

    // A compressed file that was cut.
    let bytes = fs::read(&oldest).unwrap();
    fs::write(&oldest, &bytes[..bytes.len() / 2]).unwrap();
    let found = device.verify(&[newest, oldest, older], device.options());
    assert!(found.findings.contains_key(&Unreadable) && found.verdict() == Verdict::Differs, "{found:?}");
}

#[test]
fn an_empty_file_after_a_rotation_is_no_finding_and_an_emptied_log_is_one() {
    let device = Device::new(LINES);
    let rotated = device.write("audit.log.1", &device.lines);
    fs::write(device.log(), "").unwrap();
    is_intact(&device.verify(&[rotated, device.log()], device.options()));
    let found = device.verify(&[device.log()], device.options());
    assert_eq!((found.verdict(), rows(&found)), (Verdict::Differs, vec![(AllMissing, 0, 0, Some(0), LINES)]));
    assert!(found.not_judged().is_empty());
    // All its files were deleted, and nothing was written since.
    let options = VerifyOptions { first_leaf: LINES, ..device.options() };
    let found = device.verify(&[device.log()], options);
    assert_eq!((found.verdict(), rows(&found)), (Verdict::NotJudged, Vec::new()));
    assert!(found.not_judged()[0].starts_with("There is no line in "), "{:?}", found.not_judged());
}

#[test]
fn a_file_that_is_of_another_device_or_no_log_is_named() {
    let device = Device::new(LINES);
    let others: Vec<_> = (0..1000).map(|at| [entry(at), b" ".to_vec()].concat()).collect();
    let other = device.write("other.log", &others);
    let found = device.verify(&[device.log(), other.clone()], device.options());
    assert_eq!((found.verdict(), rows(&found)), (Verdict::Differs, vec![(Foreign, 1, 1000, None, 0)]));
    assert!(found.findings[&Foreign].first[0].source.ends_with("other.log"));
    let found = device.verify(&[other], device.options());
    let all = vec![(Foreign, 1, 1000, None, 0), (AllMissing, 0, 0, Some(0), LINES)];
    assert_eq!((found.verdict(), rows(&found)), (Verdict::Differs, all));

    let empty = tempfile::tempdir().unwrap();
    let error = verify(
        vec![Input::file(device.log())],
        &TreeFolder::new(empty.path()),
        device.options(),
        &mut |_| {},
    );
    assert!(matches!(error, Err(VerifyError::NoTree)), "{error:?}");
    let missing = vec![Input::file(device.path("missing.log"))];
    let error = verify(missing, &TreeFolder::new(device.folder().0), device.options(), &mut |_| {});
    assert!(matches!(error, Err(VerifyError::Input { .. })), "{error:?}");
}

#[test]
fn a_log_that_is_older_than_its_tree_is_covered_from_its_first_leaf_on() {
    for older in [1, 63, 64, 65, 5000] {
        let device = Device::new(LINES);
        let mut lines: Vec<Vec<u8>> = (0..older).map(|at| format!("> other {at}").into_bytes()).collect();
        lines.extend_from_slice(&device.lines);
        let found = device.verify_text(&text(&lines));
        assert_eq!(rows(&found), [(UncoveredHead, 1, older, None, 0)]);
        assert_eq!(found.verdict(), Verdict::Differs);
        let options = VerifyOptions { allowed: vec![UncoveredHead], ..device.options() };
        let found = device.verify(&[device.log()], options);
        assert_eq!((found.verdict(), found.sources[0].covered), (Verdict::Intact, LINES));
        let stream = vec![Input::stream("-", Cursor::new(text(&lines)))];
        let tree = TreeFolder::new(device.folder().0);
        let found = verify(stream, &tree, device.options(), &mut |_| {}).unwrap();
        assert_eq!(rows(&found), [(UncoveredHead, 1, older, None, 0)]);
    }
}

#[test]
fn a_file_without_lines_of_the_tree_is_older_or_newer_than_the_tree_or_foreign() {
    let device = Device::with("example.com/file", (600..900).map(entry).collect());
    for (from, to, kind) in [(0, 600, UncoveredHead), (900, 1000, UncoveredTail)] {
        // An entry may be a little out of order.
        let mut lines: Vec<_> = (from..to).map(entry).collect();
        lines.swap(0, 20);
        let files = [device.log(), device.write("other.log", &lines)];
        let found = device.verify(&files, device.options());
        assert_eq!((found.verdict(), rows(&found)), (Verdict::Differs, vec![(kind, 1, to - from, None, 0)]));
        let options = VerifyOptions { allowed: vec![kind], ..device.options() };
        assert_eq!(device.verify(&files, options).verdict(), Verdict::Intact);
    }
    // Its lines are of the time of the tree, or of no time.
    let within: Vec<_> = (700..710).map(|at| [entry(at), b" ".to_vec()].concat()).collect();
    for lines in [within, vec![b"> a".to_vec(), b"> b".to_vec()]] {
        let files = [device.log(), device.write("other.log", &lines)];
        assert_eq!(
            rows(&device.verify(&files, device.options())),
            [(Foreign, 1, lines.len() as u64, None, 0)]
        );
    }
    // Where the last leaves are missing, nothing comes after them.
    let newer = device.write("other.log", &(1000..1010).map(entry).collect::<Vec<_>>());
    let cut = device.write("audit.log", &device.lines[..200]);
    let found = device.verify(&[cut, newer], device.options());
    assert_eq!(rows(&found), [(TailCut, 200, 0, Some(200), 100), (Foreign, 1, 10, None, 0)]);
}

#[test]
fn lines_that_no_checkpoint_covers_yet_are_accepted_only_where_that_was_asked_for() {
    let device = Device::new(LINES);
    let mut lines = device.lines.clone();
    lines.extend((0..100_000).map(|at| entry(1000 + at)));
    let found = device.verify_text(&text(&lines));
    assert_eq!(
        (rows(&found), found.verdict()),
        (vec![(UncoveredTail, 701, 100_000, None, 0)], Verdict::Differs)
    );
    let options = VerifyOptions { allowed: vec![UncoveredTail], ..device.options() };
    assert_eq!(device.verify(&[device.log()], options).verdict(), Verdict::Intact);
}

#[test]
fn two_files_joined_in_the_wrong_order_are_reordered() {
    let device = Device::new(LINES);
    let lines = [&device.lines[400..], &device.lines[..400]].concat();
    let found = device.verify_text(&text(&lines));
    assert_eq!(rows(&found), [(Reordered, 301, 400, Some(0), 400)]);
}

#[test]
fn what_lies_far_apart_is_found_too() {
    let device = Device::new(70_000);
    let mut lines = device.lines.clone();
    lines.drain(1000..69_000);
    lines.splice(500..500, (0..70_000).map(|at| entry(1_000_000 + at)));
    let found = device.verify_text(&text(&lines));
    assert_eq!(rows(&found), [(Dropped, 71_000, 0, Some(1000), 68_000), (Inserted, 501, 70_000, None, 0)]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn whatever_becomes_of_the_lines_only_the_same_lines_are_intact(edits in proptest::collection::vec((0_usize..400, 0_u8..5, 0_usize..400), 0..12)) {
        let device = Device::new(400);
        let mut lines = device.lines.clone();
        for (at, what, other) in edits {
            let (at, other) = (at % lines.len().max(1), other % lines.len().max(1));
            match what {
                0 => lines[at].push(b'x'),
                1 if lines.len() > 1 => drop(lines.remove(at)),
                2 => lines.insert(at, b"another".to_vec()),
                3 => lines.insert(at, lines[other].clone()),
                _ => lines.swap(at, other),
            }
        }
        let found = device.verify_text(&text(&lines));
        prop_assert_eq!(found.verdict() == Verdict::Intact, lines == device.lines, "{:?}", rows(&found));
    }

    #[test]
    fn no_bytes_of_a_log_make_it_panic(bytes in proptest::collection::vec(prop_oneof![Just(b'\n'), any::<u8>()], 0..300), from in 0_usize..300, gzip in any::<bool>()) {
        let device = Device::new(20);
        let mut log = text(&device.lines);
        let from = from.min(log.len());
        log.splice(from..(from + bytes.len()).min(log.len()), bytes);
        if gzip {
            log.splice(0..2, [0x1f, 0x8b]);
        }
        fs::write(device.log(), log).unwrap();
        let found = device.verify(&[device.log()], device.options());
        let _told = (found.verdict(), found.to_value());
    }
}
