//! What the tree says of itself in entries of its log: lines that it could not take, and lines that a start added later.
//! Never in it: trees and logs that contradict each other in other ways.

use std::io::Cursor;

use onrecord_entry::Entry;
use onrecord_entry::gap::{Gap, TreeFacts};
use onrecord_entry::text::Template;
use onrecord_trail::Input;
use onrecord_trail::verify::FindingKind::*;
use onrecord_trail::verify::{TreeFolder, Verdict, Verification, VerifyOptions, verify};

use super::kit::{Device, entry, line_of, rows, text};

/// The line of an event.
fn event(reason: Template, size: u64, lines: u64) -> Vec<u8> {
    let tree = Some(TreeFacts { size, lines, ..TreeFacts::default() });
    line_of(&Entry::gap("6f0e3c5e-0000-4000-8000-000000000000", Gap { tree, reason, ..Gap::default() }))
}

fn lost(size: u64, lines: u64) -> Vec<u8> {
    event(TreeFacts::LOST, size, lines)
}

fn entries(from: u64, to: u64) -> Vec<Vec<u8>> {
    (from..to).map(entry).collect()
}

/// A device with entries, an event after the first `size` and 100 more of them.
fn device(size: u64, event: Vec<u8>) -> Device {
    let mut device = Device::new(size);
    device.append(entries(size, size + 100).into_iter().chain([event]).collect());
    device
}

#[test]
fn lines_that_the_tree_could_not_take_are_named_as_an_entry_of_it_declares_them() {
    let device = device(400, lost(400, 30));
    let mut lines = device.lines.clone();
    lines.splice(400..400, entries(9000, 9030));
    let found = device.verify_text(&text(&lines));
    assert_eq!(
        (rows(&found), found.verdict()),
        (vec![(UncoveredDeclared, 401, 30, None, 0)], Verdict::Differs)
    );
    let stream = vec![Input::stream("-", Cursor::new(text(&lines)))];
    let found = verify(stream, &TreeFolder::new(device.folder().0), device.options(), &mut |_| {}).unwrap();
    assert_eq!(rows(&found), [(UncoveredDeclared, 401, 30, None, 0)]);
    let options = VerifyOptions { allowed: vec![UncoveredDeclared], ..device.options() };
    assert_eq!(device.verify(&[device.log()], options).verdict(), Verdict::Intact);
    lines.remove(401);
    assert_eq!(rows(&device.verify_text(&text(&lines))), [(Inserted, 401, 29, None, 0)], "it declares 30");
    // An entry that is not in the tree declares nothing.
    let device = Device::new(500);
    let mut lines = device.lines.clone();
    lines.insert(400, lost(400, 1));
    assert_eq!(rows(&device.verify_text(&text(&lines))), [(Inserted, 401, 1, None, 0)]);
}

#[test]
fn only_the_event_that_the_tree_could_not_take_lines_declares_them() {
    let stopped = Template::new("lines that were written while the server was stopped are not in the tree");
    for reason in [stopped, TreeFacts::REPAIRED, TreeFacts::ADDED, Template::new("")] {
        let device = device(400, event(reason, 400, 30));
        let mut lines = device.lines.clone();
        lines.splice(400..400, entries(9000, 9030));
        let found = device.verify_text(&text(&lines));
        let expected = (vec![(Inserted, 401, 30, None, 0)], Verdict::Differs);
        assert_eq!((rows(&found), found.verdict()), expected, "{reason:?}");
    }
}

#[test]
fn lines_that_the_tree_could_not_take_may_lie_on_both_sides_of_a_rotation() {
    let device = device(400, lost(400, 30));
    let verify = |older: u64, newer: u64, without: bool| {
        let older = [&device.lines[..400], &entries(9000, 9000 + older)].concat();
        let newer = [&entries(9500, 9500 + newer), &device.lines[400 + usize::from(without)..]].concat();
        let files = [device.write("audit.log.1", &older), device.write("audit.log", &newer)];
        rows(&device.verify(&files, device.options()))
    };
    for (older, newer) in [(30, 0), (0, 30), (10, 20)] {
        let found = verify(older, newer, false);
        let declared = found.iter().filter(|row| row.0 == UncoveredDeclared).map(|row| row.2).sum::<u64>();
        assert!(declared == 30 && found.iter().all(|row| row.0 == UncoveredDeclared), "{found:?}");
    }
    for (older, newer, without) in [(10, 19, false), (10, 21, false), (0, 29, true)] {
        let found = verify(older, newer, without);
        assert!(found.iter().all(|row| row.0 != UncoveredDeclared) && !found.is_empty(), "{found:?}");
    }
}

/// Where lines were added later: first line, number, leaf.
fn later(found: &Verification) -> Vec<(u64, u64, u64)> {
    found.vouched_later.first.iter().map(|one| (one.line, one.lines, one.leaf)).collect()
}

#[test]
fn lines_that_a_start_added_are_told_and_count_only_where_that_was_asked_for() {
    for reason in [TreeFacts::REPAIRED, TreeFacts::ADDED] {
        let device = device(400, event(reason, 380, 20));
        let found = device.verify(&[device.log()], device.options());
        assert_eq!(
            (found.verdict(), rows(&found), later(&found)),
            (Verdict::Intact, Vec::new(), vec![(381, 20, 380)])
        );
        assert_eq!(found.vouched_later.first[0].time, "1970-01-01T00:00:00Z");
        let options = VerifyOptions { strict: true, ..device.options() };
        assert_eq!(device.verify(&[device.log()], options).verdict(), Verdict::Differs);
        // Over a rotation.
        let files = [
            device.write("audit.log.1", &device.lines[..390]),
            device.write("audit.log", &device.lines[390..]),
        ];
        let found = device.verify(&files, device.options());
        assert_eq!((later(&found), found.vouched_later.count), (vec![(381, 10, 380), (1, 10, 390)], 20));
    }
    let untouched = device(400, lost(400, 0));
    let options = VerifyOptions { strict: true, ..untouched.options() };
    assert_eq!(untouched.verify(&[untouched.log()], options).verdict(), Verdict::Intact);
    // An event that is not in the tree says nothing.
    let device = Device::new(500);
    let mut lines = device.lines.clone();
    lines.insert(400, event(TreeFacts::REPAIRED, 300, 10));
    assert_eq!(device.verify_text(&text(&lines)).vouched_later.count, 0);
    // Neither do impossible numbers.
    let device = self::device(400, event(TreeFacts::REPAIRED, u64::MAX, u64::MAX));
    assert_eq!(device.verify(&[device.log()], device.options()).vouched_later.count, 0);
}
