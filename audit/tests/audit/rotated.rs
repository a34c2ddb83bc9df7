//! Logs that are rotated soon before a kill: the next start finds what is missing in all of their files together, and
//! nothing else. Never in it: the entries that report it.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Write as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use crate::kit::broker::{entry, form};
use crate::kit::file::append;
use onrecord_audit::device::Notice;
use onrecord_audit::{Device, Placement};
use onrecord_entry::format::Format;
use onrecord_entry::gap::Gap;
use onrecord_entry::text::Template;
use onrecord_entry::{Boot, Entry, FormatOptions, Formatter, SeqRange, Stamp};
use onrecord_value::Time;
use proptest::prelude::*;
use rustix::fs::XattrFlags;

const BEFORE: &str = "user.onrecord.before";
const PATH: &str = "user.onrecord.path";

/// A device's log in a directory of its own.
struct Log {
    dir: tempfile::TempDir,
    format: Format,
    rotations: usize,
}

impl Log {
    /// `None`, which it reports, on a file system without extended attributes: nothing can be tested there.
    fn new(format: Format) -> Option<Self> {
        // The usual directory of temporary files may be one that keeps no attributes.
        let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let file = File::create(dir.path().join("probe")).unwrap();
        if rustix::fs::fsetxattr(&file, "user.onrecord.test", b"x", XattrFlags::empty()).is_err() {
            // Past the harness, which shows nothing of a test that passes.
            let text = format!("NOT TESTED: {} keeps no extended attributes", dir.path().display());
            let written = writeln!(std::io::stderr(), "{text}");
            written.unwrap();
            return None;
        }
        Some(Self { dir, format, rotations: 0 })
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join("a.log")
    }

    fn open(&self) -> Box<dyn Device> {
        let format = if self.format == Format::Json { "json" } else { "jsonx" };
        let pairs = [("file_path", self.path().to_str().unwrap().to_owned()), ("format", format.to_owned())];
        let pairs: Vec<(&str, &str)> = pairs.iter().map(|(key, value)| (*key, value.as_str())).collect();
        crate::kit::file::open_with(&pairs, &Placement::api()).unwrap()
    }

    /// Opens a device on it, which writes these entries.
    fn open_and_write(&self, boot: u64, seqs: &[u64]) -> Box<dyn Device> {
        let mut device = self.open();
        self.write(&mut *device, boot, seqs);
        device
    }

    /// What the next start finds missing.
    fn found(&self) -> Vec<Notice> {
        unfinished(&mut *self.open())
    }

    /// What the next start finds missing after the end of this device.
    fn found_after(&self, device: Box<dyn Device>) -> Vec<Notice> {
        drop(device);
        self.found()
    }

    fn rename(&mut self) -> PathBuf {
        self.rotations += 1;
        // Files of one tick of the clock are ordered by their names.
        let to = self.dir.path().join(format!("a.log.{:04}", self.rotations));
        std::fs::rename(self.path(), &to).unwrap();
        to
    }

    fn rotate(&mut self, device: &mut dyn Device) -> PathBuf {
        let renamed = self.rename();
        device.reopen().unwrap();
        renamed
    }

    fn form(&self) -> Formatter {
        Formatter::new(
            FormatOptions { format: self.format, ..FormatOptions::default() },
            form().salt().clone(),
        )
    }

    fn line(&self, boot: u64, seq: u64, entry: &Entry<'_>) -> Vec<u8> {
        let stamp = Stamp { time: Time::from_unix_nanos(0), seq, boot: Boot::new(boot) };
        let mut line = Vec::new();
        self.form().format(entry, &stamp, &mut line).unwrap();
        line
    }

    fn lines(&self, boot: u64, seqs: &[u64]) -> Vec<Vec<u8>> {
        seqs.iter().map(|seq| self.line(boot, *seq, &entry("secret/a"))).collect()
    }

    fn gap(&self, boot: u64, seq: u64, of: Option<u64>, ranges: &[SeqRange]) -> Vec<u8> {
        self.gap_or_end(boot, seq, of, ranges, false)
    }

    /// The last line of a device that is disabled.
    fn end(&self, boot: u64, seq: u64) -> Vec<u8> {
        self.gap_or_end(boot, seq, None, &[], true)
    }

    fn gap_or_end(&self, boot: u64, seq: u64, of: Option<u64>, ranges: &[SeqRange], ended: bool) -> Vec<u8> {
        let gap = Gap {
            missed: 1,
            ranges: ranges.into(),
            since: None,
            reason: Template::new("a test"),
            torn: None,
            boot: of.map(Boot::new),
            ended,
            tree: None,
        };
        self.line(boot, seq, &Entry::gap("an id", gap))
    }

    fn write(&self, device: &mut dyn Device, boot: u64, seqs: &[u64]) {
        assert!(append(device, &self.lines(boot, seqs)).error.is_none());
    }
}

/// The notice of a start whose entries with these numbers are missing.
fn missing(boot: u64, ranges: &[(u64, u64)]) -> Vec<Notice> {
    let ranges = ranges.iter().map(|&(from, to)| SeqRange { from, to }).collect();
    vec![Notice::Unfinished { boot: Boot::new(boot), seqs: ranges }]
}

/// What devices say of earlier starts; apart from that a test's directory has what it was given.
fn unfinished(device: &mut dyn Device) -> Vec<Notice> {
    let is_of_a_start = |notice: &Notice| matches!(notice, Notice::Unfinished { .. });
    device.notices().into_iter().filter(is_of_a_start).collect()
}

fn set_before(path: &Path, text: &[u8]) {
    let file = File::options().write(true).open(path).unwrap();
    rustix::fs::fsetxattr(&file, BEFORE, text, XattrFlags::empty()).unwrap();
}

#[test]
fn holes_that_only_the_renamed_file_shows_are_found_after_a_kill() {
    for format in [Format::Json, Format::Jsonx] {
        let Some(mut log) = Log::new(format) else { return };
        let mut device = log.open_and_write(3, &[1, 2, 4, 7]);
        log.rotate(&mut *device);
        log.write(&mut *device, 3, &[3, 9, 8, 11]);
        drop(device);
        let mut device = log.open();
        assert_eq!(unfinished(&mut *device), missing(3, &[(5, 6), (10, 10)]));
        assert_eq!(device.ends_with(), Some((Boot::new(3), 11)));
    }
}

#[test]
fn a_new_file_without_a_line_is_enough() {
    let Some(mut log) = Log::new(Format::Json) else { return };
    let mut device = log.open_and_write(3, &[1, 2, 5]);
    // Wherever the files are by then, and however often it happens at once.
    for _ in 0..3 {
        std::fs::remove_file(log.rotate(&mut *device)).unwrap();
    }
    drop(device);
    for _ in 0..2 {
        let mut device = log.open();
        assert_eq!(unfinished(&mut *device), missing(3, &[(3, 4)]), "no gap entry has declared it yet");
        assert_eq!(device.ends_with(), Some((Boot::new(3), 5)));
    }
    // The next start rotates before it has written anything, and ends, too.
    let mut device = log.open();
    log.rotate(&mut *device);
    assert_eq!(unfinished(&mut *device), missing(3, &[(3, 4)]), "once");
    let gap = log.gap(4, 2, Some(3), &[SeqRange { from: 3, to: 4 }]);
    assert!(append(&mut *device, &[gap]).error.is_none());
    log.write(&mut *device, 4, &[2, 5]);
    assert_eq!(log.found_after(device), missing(4, &[(1, 1), (3, 4)]));
}

#[test]
fn a_file_that_was_renamed_and_never_opened_again_is_found() {
    let Some(mut log) = Log::new(Format::Json) else { return };
    // A log whose name begins in the same way, and a newer one without the attribute of a device.
    let mut other =
        crate::kit::file::open(&log.dir.path().join("a.log-other.log"), &Placement::api()).unwrap();
    let mut device = log.open_and_write(3, &[1, 2]);
    log.rotate(&mut *device);
    log.write(&mut *device, 3, &[4, 6]);
    log.rename();
    // As long as it is not noticed, entries go on.
    log.write(&mut *device, 3, &[7, 10]);
    log.write(&mut *other, 5, &[1, 9]);
    std::fs::write(log.dir.path().join("a.log.copy"), log.lines(6, &[1, 9]).concat()).unwrap();
    drop(device);
    // Another program may have made the file already.
    File::create(log.path()).unwrap();
    let mut device = log.open();
    assert_eq!(unfinished(&mut *device), missing(3, &[(3, 3), (5, 5), (8, 9)]));
    drop(device);
    std::fs::remove_file(log.dir.path().join("a.log.0002")).unwrap();
    assert_eq!(log.found(), missing(3, &[(3, 3), (5, 5), (8, 9)]), "it knows it by itself now");
}

#[test]
fn a_file_that_is_cut_does_not_follow_the_one_before_any_more() {
    let Some(mut log) = Log::new(Format::Json) else { return };
    let mut device = log.open_and_write(3, &[1, 2]);
    log.rotate(&mut *device);
    log.write(&mut *device, 3, &[3, 4]);
    File::options().write(true).open(log.path()).unwrap().set_len(0).unwrap();
    log.write(&mut *device, 3, &[5, 6]);
    assert_eq!(log.found_after(device), []);
}

#[test]
fn a_device_that_is_enabled_later_has_nothing_to_do_with_the_renamed_file() {
    let Some(mut log) = Log::new(Format::Json) else { return };
    let device = log.open_and_write(3, &[1, 2, 4]);
    drop(device);
    log.rename();
    let mut device = log.open();
    let probe = log.line(3, 10, &Entry::probe("an id"));
    assert!(append(&mut *device, &[probe]).error.is_none());
    log.write(&mut *device, 3, &[13, 12, 15]);
    assert_eq!(log.found_after(device), missing(3, &[(14, 14)]));
}

#[test]
fn an_attribute_that_no_device_wrote_is_as_none() {
    let Some(log) = Log::new(Format::Json) else { return };
    std::fs::write(log.path(), log.lines(3, &[7, 9]).concat()).unwrap();
    let boot = "0000000000000003";
    let wrong = [
        String::new(),
        "1".to_owned(),
        format!("2 {boot} 5"),
        format!("1 {boot} 5 "),
        format!("1 {boot} 5 5"),
        format!("1 {boot} 5 3 2"),
        format!("1 {boot} 5 3-2"),
        format!("1 {boot} 5 0"),
        format!("1 {boot} 99999999999999999999"),
        format!("1 {boot} 5 {}", "1 ".repeat(1500)),
        "1 3 5".to_owned(),
        format!("1 {boot} 5\u{ff} 3"),
    ];
    for text in wrong {
        set_before(&log.path(), text.as_bytes());
        assert_eq!(log.found(), [], "{text}");
    }
    // The lines are not those that came soon after it.
    for last in [u64::MAX, 2000] {
        set_before(&log.path(), format!("1 {boot} {last} 3-4 6").as_bytes());
        assert_eq!(log.found(), [], "{last}");
    }
    set_before(&log.path(), format!("1 {boot} 12 3-4 6").as_bytes());
    assert_eq!(log.found(), missing(3, &[(3, 4), (6, 6)]));
    set_before(&log.path(), format!("1 {boot} 6 1-4").as_bytes());
    assert_eq!(log.found(), missing(3, &[(1, 4), (8, 8)]));
}

#[test]
fn a_file_that_has_something_is_neither_missing_nor_empty() {
    let Some(mut log) = Log::new(Format::Json) else { return };
    let device = log.open_and_write(3, &[1, 2, 5]);
    log.rename();
    drop(device);
    // What a file without lines and attributes would be told.
    let large = vec![b'x'; 5 << 20];
    std::fs::write(log.path(), [log.lines(3, &[3, 4, 6]).concat(), large, b"\n".to_vec()].concat()).unwrap();
    assert_eq!(log.found(), []);
    std::fs::write(log.path(), b"").unwrap();
    assert_eq!(log.found(), missing(3, &[(3, 4)]));
}

#[test]
fn a_renamed_file_of_another_user_or_with_another_name_is_not_looked_at() {
    let Some(mut log) = Log::new(Format::Json) else { return };
    let device = log.open_and_write(3, &[1, 2, 5]);
    let renamed = log.rename();
    drop(device);
    let link = log.dir.path().join("link");
    std::fs::hard_link(&renamed, &link).unwrap();
    assert_eq!(log.found(), []);
    std::fs::remove_file(link).unwrap();
    // Only a superuser gives files away.
    if std::os::unix::fs::chown(&renamed, Some(12345), None).is_ok() {
        std::fs::remove_file(log.path()).unwrap();
        assert_eq!(log.found(), []);
        let owner = std::fs::metadata(log.path()).unwrap().uid();
        std::os::unix::fs::chown(&renamed, Some(owner), None).unwrap();
    }
    std::fs::remove_file(log.path()).unwrap();
    assert_eq!(log.found(), missing(3, &[(3, 4)]));
}

#[test]
fn a_device_that_was_disabled_has_nothing_to_do_with_what_came_before_the_next_line() {
    // Enabled again without a probe; early in the next start, or late and the end is not on record. What comes after its
    // first entry concerns it.
    let cases = [(true, [5, 7, 10], [(6, 6), (8, 9)]), (false, [500, 502, 505], [(501, 501), (503, 504)])];
    for (ended, seqs, lacks) in cases {
        let Some(mut log) = Log::new(Format::Json) else { return };
        let mut device = log.open_and_write(3, &[1, 2]);
        log.rotate(&mut *device);
        log.write(&mut *device, 3, &[3, 4]);
        if ended {
            assert!(append(&mut *device, &[log.end(3, 5)]).error.is_none());
        }
        drop(device);
        let device = log.open_and_write(4, &seqs);
        assert_eq!(log.found_after(device), missing(4, &lacks), "{ended}");
    }
}

#[test]
fn a_file_that_others_have_followed_is_not_looked_at() {
    for failing in [false, true] {
        let Some(mut log) = Log::new(Format::Json) else { return };
        let mut device = log.open_and_write(3, &[1, 2, 5]);
        if failing {
            log.rename();
            std::fs::create_dir(log.path()).unwrap();
            device.reopen().unwrap_err();
            std::fs::remove_dir(log.path()).unwrap();
            device.reopen().unwrap();
        } else {
            log.rotate(&mut *device);
        }
        log.write(&mut *device, 3, &[3, 4, 6]);
        drop(device);
        // The server is stopped, and its log is put somewhere else.
        std::fs::remove_file(log.path()).unwrap();
        assert_eq!(log.found(), [], "{failing}");
    }
    // A copy made meanwhile has what the file had, and is not it.
    let Some(log) = Log::new(Format::Json) else { return };
    let mut device = log.open_and_write(3, &[1, 2, 5]);
    let copy = log.dir.path().join("a.log.copy");
    std::fs::copy(log.path(), &copy).unwrap();
    let (mut path, file) = ([0; 512], File::open(log.path()).unwrap());
    let length = rustix::fs::fgetxattr(&file, PATH, &mut path).unwrap();
    rustix::fs::fsetxattr(File::open(copy).unwrap(), PATH, &path[..length], XattrFlags::empty()).unwrap();
    log.write(&mut *device, 3, &[3, 4, 6]);
    drop(device);
    std::fs::remove_file(log.path()).unwrap();
    assert_eq!(log.found(), []);
    // A renamed one that a start has found is followed from then on.
    let Some(mut log) = Log::new(Format::Json) else { return };
    let device = log.open_and_write(3, &[1, 2, 5]);
    log.rename();
    assert_eq!(log.found_after(device), missing(3, &[(3, 4)]));
    std::fs::remove_file(log.path()).unwrap();
    assert_eq!(log.found(), []);
}

#[test]
fn a_file_that_was_emptied_between_two_starts_does_not_follow_the_one_before_any_more() {
    let Some(mut log) = Log::new(Format::Json) else { return };
    let mut device = log.open_and_write(3, &[1, 2, 5]);
    log.rotate(&mut *device);
    log.write(&mut *device, 3, &[3, 4, 6]);
    assert_eq!(log.found_after(device), []);
    File::options().write(true).open(log.path()).unwrap().set_len(0).unwrap();
    assert_eq!(log.found(), []);
}

#[test]
fn a_thousand_holes_are_stored_as_fewer_and_none_is_left_out() {
    let Some(mut log) = Log::new(Format::Json) else { return };
    let mut device = log.open();
    let far = 1_000_000_000_000;
    let seqs: Vec<u64> = [1, 2].into_iter().chain((0..900).map(|at| far + at * 3)).collect();
    log.write(&mut *device, 3, &seqs);
    log.rotate(&mut *device);
    drop(device);
    let found = log.found();
    let [Notice::Unfinished { seqs, .. }] = &found[..] else { panic!("{found:?}") };
    let ranges = seqs.ranges().len();
    assert!(ranges < 900 && ranges > 50, "{ranges}");
    let within = |seq: u64| seqs.contains(seq);
    let last = far + 899 * 3;
    let missing = (3..far).step_by(1_000_000_007).chain((far..last).filter(|seq| (seq - far) % 3 != 0));
    assert!(missing.into_iter().all(within));
    assert!(!within(last + 1));
}

/// What happens between two lines.
#[derive(Clone, Copy, Debug)]
enum Event {
    Line,
    Rotate,
    /// A loss, declared by a gap entry some lines later.
    Loss,
    /// The kill, and another start; renamed before it, or not.
    Kill {
        renamed: bool,
    },
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        40 => Just(Event::Line),
        3 => Just(Event::Rotate),
        2 => Just(Event::Loss),
        1 => any::<bool>().prop_map(|renamed| Event::Kill { renamed }),
    ]
}

/// One start of a server on the log.
struct Start {
    boot: u64,
    device: Box<dyn Device>,
    /// Numbers that are given out and not written, the next one to be given out, and which are on record.
    under_way: Vec<u64>,
    next: u64,
    known: BTreeSet<u64>,
    missed: Vec<u64>,
    undeclared: Vec<Notice>,
}

impl Start {
    fn begin(log: &Log, boot: u64) -> Self {
        let mut device = log.open();
        let undeclared = unfinished(&mut *device);
        device.restored(Boot::new(boot));
        Self {
            boot,
            device,
            under_way: Vec::new(),
            next: 1,
            known: BTreeSet::new(),
            missed: Vec::new(),
            undeclared,
        }
    }

    /// Gives out numbers and takes one of those under way.
    fn take(&mut self, dice: u64) -> u64 {
        while self.under_way.len() < 6 {
            self.under_way.push(self.next);
            self.next += 1;
        }
        let at = usize::try_from(dice % self.under_way.len() as u64).unwrap();
        self.under_way.remove(at)
    }

    fn line(&mut self, log: &Log, dice: u64) {
        let seq = self.take(dice);
        let mut lines = Vec::new();
        for notice in self.undeclared.drain(..) {
            let Notice::Unfinished { boot, seqs } = notice else { unreachable!() };
            lines.push(log.gap(self.boot, self.next - 1, Some(boot.number()), seqs.ranges()));
        }
        if self.missed.len() > 1 {
            let ranges: Vec<_> = self.missed.drain(..).map(|seq| SeqRange { from: seq, to: seq }).collect();
            self.known.extend(ranges.iter().map(|range| range.from));
            // Such a line repeats a number; it is not that entry.
            lines.push(log.gap(self.boot, self.next, None, &ranges));
        }
        lines.push(log.line(self.boot, seq, &entry("secret/a")));
        self.known.insert(seq);
        assert!(append(&mut *self.device, &lines).error.is_none());
    }

    fn missing(&self) -> BTreeSet<u64> {
        let last = self.known.last().copied().unwrap_or(0);
        (1..last).filter(|seq| !self.known.contains(seq)).collect()
    }
}

fn declared(notices: &[Notice], boot: u64) -> BTreeSet<u64> {
    let ranges = |notice: &Notice| match notice {
        Notice::Unfinished { boot: of, seqs } if of.number() == boot => seqs.ranges().to_vec(),
        _ => Vec::new(),
    };
    notices.iter().flat_map(ranges).flat_map(|range| range.from..=range.to).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn each_start_finds_exactly_what_the_one_before_lacks_after_any_renames(
        events in proptest::collection::vec((event(), any::<u64>()), 1..300),
        jsonx in any::<bool>(),
    ) {
        let format = if jsonx { Format::Jsonx } else { Format::Json };
        let Some(mut log) = Log::new(format) else { return Ok(()) };
        let mut start = Start::begin(&log, 1);
        let end = (Event::Kill { renamed: false }, 0);
        for (event, dice) in events.into_iter().chain([end]) {
            match event {
                Event::Line => start.line(&log, dice),
                Event::Rotate => drop(log.rotate(&mut *start.device)),
                Event::Loss => {
                    if !start.known.is_empty() {
                        let seq = start.take(dice);
                        start.missed.push(seq);
                    }
                }
                Event::Kill { renamed } => {
                    if renamed {
                        log.rename();
                    }
                    let (boot, missing) = (start.boot, start.missing());
                    let (silent, before) = (start.known.is_empty(), std::mem::take(&mut start.undeclared));
                    drop(start);
                    start = Start::begin(&log, boot + 1);
                    if silent {
                        prop_assert_eq!(&start.undeclared, &before, "a start without a line leaves it to the next");
                    } else {
                        prop_assert_eq!(declared(&start.undeclared, boot), missing);
                        prop_assert!(start.undeclared.len() <= 1);
                    }
                }
            }
        }
    }
}
