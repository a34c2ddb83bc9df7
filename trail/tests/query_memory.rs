//! The memory of queries over hostile logs. One test, because the peak of the process is measured.
//! Never in it: what is found beyond what shows that the log was read to its end.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that fails should panic"
)]
#![allow(dead_code, reason = "a part of what another test uses")]

use std::io::Read;

use onrecord_trail::Input;
use onrecord_trail::query::run;

#[path = "query/kit.rs"]
mod kit;

use kit::{Asked, Device, Rows, gzip, ids, query, rows, rows_of, uuid, write};

fn good(id: u32) -> Vec<u8> {
    Device::new("a").pair(&Asked { id, ..Asked::default() })
}

/// The memory of this process at its peak, in MiB.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or("0");
    line.split_whitespace().next().and_then(|kib| kib.parse::<u64>().ok()).unwrap_or(0) / 1024
}

/// The same bytes many times, without holding them.
struct Repeated {
    part: Vec<u8>,
    left: u64,
    at: usize,
}

impl Read for Repeated {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let part = &self.part[self.at..];
        let count = part.len().min(into.len()).min(usize::try_from(self.left).unwrap_or(usize::MAX));
        into[..count].copy_from_slice(&part[..count]);
        self.left -= count as u64;
        self.at = (self.at + count) % self.part.len();
        Ok(count)
    }
}

#[test]
fn memory_is_bounded_whatever_a_log_has() {
    a_line_of_100_mb_is_skipped_and_lines_keep_their_numbers();
    a_bomb_takes_time_and_no_memory();
    numbers_far_apart_cost_no_more_than_is_allowed();
}

fn a_line_of_100_mb_is_skipped_and_lines_keep_their_numbers() {
    let parts: Vec<Box<dyn Read>> = vec![
        Box::new(std::io::Cursor::new(good(1))),
        Box::new(Repeated { part: b"{\"time\":\"x".repeat(1000), left: 100_000_000, at: 0 }),
        Box::new(std::io::Cursor::new([b"\n".to_vec(), good(2)].concat())),
    ];
    let whole = parts.into_iter().reduce(|one, other| Box::new(one.chain(other))).unwrap();
    let before = peak();
    let mut found = Rows::default();
    let summary = run(vec![Input::stream("-", whole)], &query(""), &mut found);
    assert_eq!((ids(&found.0), summary.too_long), (vec![uuid(1), uuid(2)], 1));
    assert_eq!(found.0[1].at().request.as_ref().unwrap().line, 4);
    assert!(peak() - before < 64, "{} MiB", peak() - before);
}

fn a_bomb_takes_time_and_no_memory() {
    let before = peak();
    for part in [&b"\0"[..], b"\n", b"{\"time\":\"\n"] {
        let mut encoder = flate2::read::GzEncoder::new(
            Repeated { part: part.repeat(10_000), left: 60_000_000, at: 0 },
            flate2::Compression::fast(),
        );
        let mut bomb = good(1);
        bomb = gzip(&bomb);
        encoder.read_to_end(&mut bomb).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let files = [write(dir.path(), "a.gz", &bomb), write(dir.path(), "b.log", &good(2))];
        let (rows, summary) = rows(&files, &query(""));
        assert_eq!(rows.len(), 2);
        let said = summary.too_long + summary.torn + (summary.lines - summary.entries);
        assert!(said > 0, "{summary:?}");
    }
    assert!(peak() - before < 64, "{} MiB", peak() - before);
}

fn numbers_far_apart_cost_no_more_than_is_allowed() {
    let device = Device::new("a");
    let asked = |id| Asked { id, ..Asked::default() };
    let log: Vec<u8> =
        (1..40_000).flat_map(|id| device.half(&asked(id), true, u64::from(id) * 1_000_003)).collect();
    let before = peak();
    let (rows, summary) = rows_of(&log, &query("who=nobody"));
    assert_eq!((rows.len(), summary.entries, summary.doubles), (0, 39_999, 0));
    assert!(peak() - before < 64, "{} MiB", peak() - before);
}
