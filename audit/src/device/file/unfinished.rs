//! What the start of the server that wrote last did not write any more: a process that is killed loses entries that were
//! numbered and not answered for. The device reports their numbers, so that every hole is explained. Where its log was
//! renamed since, it is looked for in its directory.
//! Never in it: entries lost in the middle of a file; the counters around them stay as they are.

use std::fs::File;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileExt;
use std::path::Path;

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags};

use super::open_file::OpenFile;
use super::previous_file::{self, LogEnd};
use onrecord_entry::gap::PROBE_PATH;
use onrecord_entry::{Boot, SeqRange, SeqSet, decode};

/// How much of the file's end is looked at: far more than can be under way at one moment.
const WINDOW: u64 = 4 * 1024 * 1024;
/// This many lines at the beginning of what is looked at may follow others in no exact order.
const UNORDERED: usize = 256;
/// Numbers that are under way at one moment lie no further apart.
const UNDER_WAY: u64 = 1024;
/// How many names of a directory are read at most, and how many files are opened.
const NAMES_MAX: usize = 10_000;
const FILES_MAX: usize = 64;
const MARK: &[u8] = b"\"record\":{\"seq\":";
/// In JSONx it comes before the request, and nothing before it can look like it.
const MARK_JSONX: &str = "<json:object name=\"record\"><json:string name=\"boot\">";

/// Looks at the end of a file of `size` bytes, and what is known of the files before it.
pub(super) fn find(file: &File, size: u64) -> Option<LogEnd> {
    let start = size.saturating_sub(WINDOW);
    let mut window = vec![0; usize::try_from(size - start).ok()?];
    file.read_exact_at(&mut window, start).ok()?;
    let mut lines = window.split_inclusive(|&byte| byte == b'\n');
    if start > 0 {
        // Its beginning is cut off.
        lines.next();
    }
    let lines: Vec<Line<'_>> = lines.filter(|line| line.ends_with(b"\n")).filter_map(Line::parse).collect();
    // What lies so far back is settled.
    let before = if start == 0 { previous_file::read(file, size == 0) } else { None };
    match lines.last() {
        Some(Line { boot, .. }) => Some(count(&lines, *boot, before)),
        None => before,
    }
}

/// The file that was the device's before it was renamed, and what it shows: the newest in the same directory with a
/// name that begins in the same way. A file of another user is not believed, nor one that was given a second name.
pub(super) fn find_renamed(open: &OpenFile, path: &Path) -> Option<(File, Option<LogEnd>)> {
    let (directory, owner) = (&open.directory, rustix::fs::fstat(&open.file).ok()?.st_uid);
    let (name, stem) = (path.file_name()?.as_bytes(), path.file_stem()?.as_bytes());
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let listing = Dir::new(rustix::fs::openat(directory, ".", flags, Mode::empty()).ok()?).ok()?;
    let mut files: Vec<_> = listing
        .take(NAMES_MAX)
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let found = entry.file_name();
            let alike = found.to_bytes() != name && found.to_bytes().starts_with(stem);
            let stat =
                alike.then(|| rustix::fs::statat(directory, found, AtFlags::SYMLINK_NOFOLLOW).ok())??;
            let regular = FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile;
            let age = (stat.st_mtime, stat.st_mtime_nsec, stat.st_ctime, stat.st_ctime_nsec);
            regular.then(|| (age, found.to_owned()))
        })
        .collect();
    files.sort_unstable_by(|a, b| b.cmp(a));
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    files.iter().take(FILES_MAX).find_map(|(_, name)| {
        let file = File::from(rustix::fs::openat(directory, name.as_c_str(), flags, Mode::empty()).ok()?);
        let found = rustix::fs::fstat(&file).ok()?;
        let regular = FileType::from_raw_mode(found.st_mode) == FileType::RegularFile;
        let ours = regular && found.st_uid == owner && found.st_nlink == 1;
        if !ours || !previous_file::is_signed(&file, path) {
            return None;
        }
        let found = find(&file, u64::try_from(found.st_size).ok()?);
        Some((file, found))
    })
}

#[derive(Clone, Copy)]
struct Line<'a> {
    text: &'a [u8],
    seq: u64,
    boot: Boot,
}

impl<'a> Line<'a> {
    fn parse(text: &'a [u8]) -> Option<Self> {
        let (seq, boot) = mark_of_json(text).or_else(|| mark_of_jsonx(text))?;
        Some(Self { text, seq, boot })
    }
}

fn mark_of_json(line: &[u8]) -> Option<(u64, Boot)> {
    let end = line.get(line.len().saturating_sub(128)..)?;
    let at = end.windows(MARK.len()).rposition(|part| part == MARK)?;
    let rest = std::str::from_utf8(end.get(at + MARK.len()..)?).ok()?;
    let (seq, rest) = rest.split_once(",\"boot\":\"")?;
    Some((seq.parse().ok()?, Boot::parse(rest.get(..16)?)?))
}

fn mark_of_jsonx(line: &[u8]) -> Option<(u64, Boot)> {
    let end =
        line.windows(MARK_JSONX.len()).position(|part| part == MARK_JSONX.as_bytes())? + MARK_JSONX.len();
    let rest = line.get(end..)?.utf8_chunks().next()?.valid();
    let (_, seq) = rest.split_once("<json:number name=\"seq\">")?;
    Some((seq.split_once("</json:number>")?.0.parse().ok()?, Boot::parse(rest.get(..16)?)?))
}

/// What the lines of a start have, after what was on record of it before them.
fn count(lines: &[Line<'_>], boot: Boot, before: Option<LogEnd>) -> LogEnd {
    let mut counted = Counted::after(before.filter(|before| goes_with(before, lines, boot)), boot);
    for (at, line) in lines.iter().filter(|line| line.boot == boot).enumerate() {
        counted.add(line.seq, of_our_own(line.text), at < UNORDERED);
    }
    counted.found(boot)
}

/// Whether what is said of the files before this one can be, and says something of this start.
fn goes_with(before: &LogEnd, lines: &[Line<'_>], boot: Boot) -> bool {
    let (mut ours, mut others) = (lines.iter(), lines.iter());
    if before.boot == boot {
        let last = ours.filter(|line| line.boot == boot).map(|line| line.seq).max();
        return last.is_some_and(|last| before.last <= last.saturating_add(UNDER_WAY));
    }
    // A log that was not ended goes on with the first entry of the next boot. A device may not have been able to write
    // its end, though: where the first number is a large one, it was enabled later.
    let first = ours.find(|line| line.boot == boot);
    let last = others.by_ref().take_while(|line| line.boot != boot).last();
    let ended =
        last.is_some_and(|line| matches!(of_our_own(line.text), Some(OfOurOwn::Gap { ended: true, .. })));
    !ended && first.is_some_and(|line| line.seq <= UNORDERED as u64)
}

/// Which numbers of a boot are on record.
#[derive(Default)]
struct Counted {
    known: SeqSet,
    /// Up to here nothing is a hole.
    floor: Option<u64>,
    last: u64,
    /// The device was disabled, and no entry came since.
    ended: bool,
    /// From its probe on a device gets every entry, in any order: the smallest of them is its first.
    begun: bool,
    /// All is known from files before, and no entry came since.
    carried: bool,
}

impl Counted {
    fn after(before: Option<LogEnd>, boot: Boot) -> Self {
        let Some(before) = before else { return Self::default() };
        let mut counted = Self { floor: Some(0), carried: true, ..Self::default() };
        // A file with entries of an earlier boot has those of this one from the first on.
        if before.boot == boot {
            counted.known = SeqSet::from(SeqRange { from: 0, to: before.last }).difference(&before.holes);
            counted.last = before.last;
        }
        counted
    }

    fn add(&mut self, seq: u64, of_our_own: Option<OfOurOwn>, unordered: bool) {
        let entry = of_our_own.is_none();
        match of_our_own {
            // Earlier entries do not concern a device that was enabled later.
            Some(OfOurOwn::Probe) => {
                self.known.insert_range(SeqRange { from: self.last.saturating_add(1), to: seq });
                if unordered && seq > 1 && (self.carried || self.floor != Some(0)) {
                    (self.begun, self.floor) = (true, None);
                }
            }
            Some(OfOurOwn::Gap { seqs, ended }) => {
                self.known = self.known.union(&seqs);
                self.ended |= ended;
            }
            // The same, where no probe says so.
            None if std::mem::take(&mut self.ended) => {
                self.known.insert_range(SeqRange { from: seq.min(self.last.saturating_add(1)), to: seq });
            }
            None => self.known.insert(seq),
        }
        self.last = self.last.max(seq);
        self.carried &= !entry;
        if self.begun {
            let before = seq.saturating_sub(1);
            if entry {
                self.floor = Some(self.floor.map_or(before, |floor: u64| floor.min(before)));
            }
            return;
        }
        // A file that begins with the first entry has nothing before it; any other may have been rotated.
        let floor = self.floor.get_or_insert(if seq <= 1 { 0 } else { seq });
        if *floor > 0 && unordered {
            *floor = self.last;
        }
    }

    fn found(self, boot: Boot) -> LogEnd {
        let floor = self.floor.unwrap_or(self.last);
        let last = self.known.last().unwrap_or(0).max(floor);
        let after_floor = SeqSet::from(SeqRange { from: floor.saturating_add(1), to: last });
        let holes = after_floor.difference(&self.known);
        LogEnd { boot, last, holes, ended: self.ended || self.floor.is_none() }
    }
}

enum OfOurOwn {
    Probe,
    /// `ended`: the device was disabled.
    Gap {
        seqs: SeqSet,
        ended: bool,
    },
}

/// Lines of the device itself, which repeat a number.
fn of_our_own(line: &[u8]) -> Option<OfOurOwn> {
    // The path stands near the beginning, after nothing but ids; in JSONx a gap does, which may be long.
    let beginning = line.get(..line.len().min(1024)).unwrap_or_default();
    let text = beginning.utf8_chunks().next().map_or("", |chunk| chunk.valid());
    let signs =
        ["\"path\":\"sys/audit/", "<json:string name=\"path\">sys/audit/", "<json:object name=\"gap\">"];
    if !signs.iter().any(|sign| text.contains(sign)) {
        return None;
    }
    let decoded = decode(line).ok()?;
    let entry = decoded.entry();
    if let Some(gap) = entry.gap {
        // The ranges of an earlier boot say nothing about this one.
        let seqs = if gap.boot.is_none() { gap.ranges.iter().collect() } else { SeqSet::new() };
        return Some(OfOurOwn::Gap { seqs, ended: gap.ended });
    }
    let probe = entry.request.path == PROBE_PATH.into() && entry.request.remote_address.is_empty();
    probe.then_some(OfOurOwn::Probe)
}
