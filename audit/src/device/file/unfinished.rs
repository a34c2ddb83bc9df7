//! What earlier starts of the server did not write any more: a process that is killed loses entries that were numbered
//! and not answered for. The device reports their numbers, so that every hole is explained. Where its log was renamed
//! since, it is looked for in its directory.
//! Never in it: which numbers of one start are missing (`numbers`); entries lost far from the end of a file.

use std::collections::HashMap;
use std::fs::File;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileExt;
use std::path::Path;

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags};

use super::lines::{Line, OwnLine};
use super::numbers::{Numbers, UNORDERED};
use super::open_file::OpenFile;
use super::previous_file::{self, Before, LogEnd};
use onrecord_entry::{Boot, SeqSet};

/// How much of the file's end is looked at: far more than can be under way at one moment.
const WINDOW: u64 = 4 * 1024 * 1024;
/// Numbers that are under way at one moment lie no further apart.
const UNDER_WAY: u64 = 1024;
/// How many names of a directory are read at most, and how many files are opened.
const NAMES_MAX: usize = 10_000;
const FILES_MAX: usize = 64;

/// Where the starts ended that concern the device, and what is missing of each.
#[derive(Debug)]
pub(super) struct LogEnds {
    /// As it is to be known before a file that follows.
    pub(super) newest: Before,
    /// Those before, the oldest first: a server may be killed before it has reported what the start before it left behind.
    pub(super) earlier: Vec<LogEnd>,
    /// What gap entries report of earlier starts.
    pub(super) declared: Vec<(Boot, SeqSet)>,
}

impl LogEnds {
    /// Of a file without a line that can be read.
    pub(super) const fn without_lines(before: Before) -> Self {
        Self { newest: before, earlier: Vec::new(), declared: Vec::new() }
    }
}

/// Looks at the end of a file of `size` bytes, and what is known of the files before it.
pub(super) fn find(file: &File, size: u64) -> LogEnds {
    let start = size.saturating_sub(WINDOW);
    let mut window = vec![0; usize::try_from(size - start).unwrap_or(0)];
    if file.read_exact_at(&mut window, start).is_err() {
        return LogEnds::without_lines(Before::Unknown);
    }
    let mut lines = window.split_inclusive(|&byte| byte == b'\n');
    if start > 0 {
        // Its beginning is cut off.
        lines.next();
    }
    let lines: Vec<Line<'_>> = lines.filter(|line| line.ends_with(b"\n")).filter_map(Line::parse).collect();
    // What lies so far back is settled.
    let before = if start == 0 { previous_file::read(file, size == 0) } else { Before::Unknown };
    if lines.is_empty() {
        return LogEnds::without_lines(before);
    }
    Starts::of(&lines, before, previous_file::restored_in(file)).ends()
}

/// The file that was the device's before it was renamed, and what it shows: the newest in the same directory with a
/// name that begins in the same way. A file of another user is not believed, nor one that was given a second name.
pub(super) fn find_renamed(open: &OpenFile, path: &Path) -> Option<(File, LogEnds)> {
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
        let ends = find(&file, u64::try_from(found.st_size).ok()?);
        Some((file, ends))
    })
}

/// The starts of which a file has lines, the oldest first.
struct Starts {
    all: Vec<Start>,
    /// Those in which the device was enabled from the first entry on, as far as the file says so.
    restored_in: Vec<Boot>,
    /// What gap entries report of earlier starts, whether they have lines here or not.
    declared: HashMap<Boot, SeqSet>,
}

struct Start {
    boot: Boot,
    numbers: Numbers,
    /// The device reports in it what it lacks of earlier ones: it was enabled before.
    reports_earlier: bool,
}

impl Start {
    const fn new(boot: Boot, numbers: Numbers) -> Self {
        Self { boot, numbers, reports_earlier: false }
    }
}

impl Starts {
    fn of(lines: &[Line<'_>], before: Before, restored_in: Vec<Boot>) -> Self {
        let follows = matches!(before, Before::End(_));
        let mut starts = Self { all: Vec::new(), restored_in, declared: HashMap::new() };
        if let Some(first) = lines.first() {
            starts.begin(first, lines, before);
        }
        for line in lines {
            let place = match starts.all.iter().rposition(|start| start.boot == line.boot) {
                Some(place) => place,
                None => starts.begin_another(line, follows),
            };
            starts.add(place, line);
        }
        starts
    }

    /// The start of the first line, after what the files before this one have.
    fn begin(&mut self, first: &Line<'_>, lines: &[Line<'_>], before: Before) {
        let boot = first.boot;
        let numbers = match before {
            Before::Unknown => Numbers::elsewhere(),
            Before::Nothing if self.restored_in.contains(&boot) => Numbers::all(),
            Before::Nothing => Numbers::here(),
            Before::End(end) if end.boot == boot => {
                let last = lines.iter().filter(|line| line.boot == boot).map(|line| line.seq).max();
                // What is said of the files before this one must be able to be.
                let fits = last.is_some_and(|last| end.last <= last.saturating_add(UNDER_WAY));
                if fits { Numbers::after(&end) } else { Numbers::elsewhere() }
            }
            Before::End(end) => {
                self.all.push(Start::new(end.boot, Numbers::after(&end)));
                if goes_on_with(first) { Numbers::all() } else { Numbers::here() }
            }
        };
        self.all.push(Start::new(boot, numbers));
    }

    /// The start of a line after those of another one: the file has all entries of it.
    fn begin_another(&mut self, line: &Line<'_>, follows: bool) -> usize {
        let ended = self.all.last().is_some_and(|start| start.numbers.ended);
        let all = self.restored_in.contains(&line.boot) || follows && !ended && goes_on_with(line);
        self.all.push(Start::new(line.boot, if all { Numbers::all() } else { Numbers::here() }));
        self.all.len() - 1
    }

    fn add(&mut self, place: usize, line: &Line<'_>) {
        let own_line = OwnLine::parse(line);
        if let Some(OwnLine::Gap { seqs, of: Some(earlier), .. }) = &own_line {
            let declared = self.declared.entry(*earlier).or_default();
            *declared = declared.union(seqs);
            if let Some(start) = self.all.iter_mut().find(|start| start.boot == *earlier) {
                start.numbers.declare(seqs);
            }
        }
        if let Some(start) = self.all.get_mut(place) {
            start.reports_earlier |= matches!(own_line, Some(OwnLine::Gap { of: Some(_), .. }));
            start.numbers.add(line.seq, own_line);
        }
    }

    /// Where they ended, as far back as the device was enabled without a break.
    fn ends(mut self) -> LogEnds {
        let Some(Start { boot, numbers, mut reports_earlier }) = self.all.pop() else {
            return LogEnds::without_lines(Before::Unknown);
        };
        let (mut after, mut earlier) = (boot, Vec::new());
        while let Some(start) = self.all.pop() {
            if start.numbers.ended || !(reports_earlier || self.restored_in.contains(&after)) {
                break;
            }
            (after, reports_earlier) = (start.boot, start.reports_earlier);
            earlier.push(start.numbers.end(start.boot));
        }
        earlier.reverse();
        let declared = self.declared.into_iter().collect();
        LogEnds { newest: Before::End(numbers.end(boot)), earlier, declared }
    }
}

/// Whether a log that was not ended goes on with this line, the first of the next start. A device may not have been able to
/// write its end, though: where the first number is a large one, it was enabled later.
const fn goes_on_with(first: &Line<'_>) -> bool {
    first.seq <= UNORDERED as u64
}
