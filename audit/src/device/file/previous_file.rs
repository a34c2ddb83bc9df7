//! What was on record before a file began: a log that is rotated goes on in another file, which must know what the one
//! before it has, or a kill soon after leaves holes that are not reported. It is kept with the file, as an attribute.
//! Never in it: lines, or finding holes in them; `unfinished` does that.

use std::fmt::Write as _;
use std::fs::File;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustix::fs::XattrFlags;

use crate::device::interface::Notice;
use onrecord_entry::{Boot, SeqRange, SeqSet};

const BEFORE: &str = "user.onrecord.before";
/// The file's inode and the path by which the device knows it: they stay with it when it is renamed.
const PATH: &str = "user.onrecord.path";
const VERSION: &str = "1";
/// What ext4 takes for all attributes of a file is 4 KiB.
const BEFORE_MAX: usize = 3072;
const PATH_MAX: usize = 512;
/// Stands after all else once the file has something of its own: if it is found empty then, it was emptied.
const BEGUN: &str = " +";

/// More holes than this are not holes: another file has these entries.
const HOLES_MAX: usize = 1024;

/// What the start that wrote last left behind: all its numbers up to the last are on record, but for the holes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct LogEnd {
    pub(super) boot: Boot,
    /// Its last number that was written or reported as missing.
    pub(super) last: u64,
    pub(super) holes: SeqSet,
    /// The device was disabled then, or had just been enabled: later entries do not concern it.
    pub(super) ended: bool,
}

impl LogEnd {
    pub(super) fn notice(self) -> Option<Notice> {
        let report = !self.holes.is_empty() && self.holes.ranges().len() <= HOLES_MAX;
        report.then_some(Notice::Unfinished { boot: self.boot, seqs: self.holes })
    }

    /// Whether it says something of the file that follows.
    pub(super) fn goes_on(&self) -> bool {
        !self.ended && self.holes.ranges().len() <= HOLES_MAX
    }
}

/// Puts into the file what those before it have, as far as its file system keeps attributes.
pub(super) fn write(file: &File, before: Option<LogEnd>, begun: bool) {
    // What cannot be kept is not known at the next start: holes around this moment are not reported then.
    let _as_without = match before.filter(LogEnd::goes_on) {
        Some(before) => {
            let text = text(before) + if begun { BEGUN } else { "" };
            rustix::fs::fsetxattr(file, BEFORE, text.as_bytes(), XattrFlags::empty())
        }
        None => rustix::fs::fremovexattr(file, BEFORE),
    };
}

pub(super) fn begin(file: &File) {
    if let Some(mut text) = attribute(file, BEFORE, BEFORE_MAX)
        && !text.ends_with(BEGUN.as_bytes())
    {
        text.extend_from_slice(BEGUN.as_bytes());
        let _as_without = rustix::fs::fsetxattr(file, BEFORE, &text, XattrFlags::empty());
    }
}

/// What the files before this one have, which is `empty` or not.
pub(super) fn read(file: &File, empty: bool) -> Option<LogEnd> {
    let text = String::from_utf8(attribute(file, BEFORE, BEFORE_MAX)?).ok()?;
    match text.strip_suffix(BEGUN) {
        Some(_) if empty => None,
        Some(text) => parse(text),
        None => parse(&text),
    }
}

/// Makes the file one of the device with this path.
pub(super) fn sign(file: &File, path: &Path) {
    if let Some(signature) = signature(file, path)
        && !is_signed(file, path)
    {
        let _as_without = rustix::fs::fsetxattr(file, PATH, &signature, XattrFlags::empty());
    }
}

pub(super) fn unsign(file: &File) {
    let _as_without = rustix::fs::fremovexattr(file, PATH);
}

pub(super) fn is_signed(file: &File, path: &Path) -> bool {
    signature(file, path)
        .is_some_and(|ours| attribute(file, PATH, PATH_MAX).is_some_and(|found| found == ours))
}

/// The inode, which a copy has not, and the path: `4711 /var/log/audit.log`.
fn signature(file: &File, path: &Path) -> Option<Vec<u8>> {
    let mut signature = format!("{} ", rustix::fs::fstat(file).ok()?.st_ino).into_bytes();
    signature.extend_from_slice(path.as_os_str().as_bytes());
    (signature.len() <= PATH_MAX).then_some(signature)
}

fn attribute(file: &File, name: &str, at_most: usize) -> Option<Vec<u8>> {
    let mut value = vec![0; at_most];
    let length = rustix::fs::fgetxattr(file, name, value.as_mut_slice()).ok()?;
    value.truncate(length);
    Some(value)
}

/// The attribute's text: version, start, last number, and what of those before it is open: `1 00…2a 4711 4702 4705-4707`.
fn text(before: LogEnd) -> String {
    let LogEnd { boot, last, mut holes, .. } = before;
    loop {
        let mut text = format!("{VERSION} {:016x} {last}", boot.number());
        for SeqRange { from, to } in holes.iter() {
            // Writing to a string does not fail.
            let _always = if from == to { write!(text, " {from}") } else { write!(text, " {from}-{to}") };
        }
        if text.len() + BEGUN.len() <= BEFORE_MAX {
            return text;
        }
        if !holes.join_nearest() {
            holes = SeqSet::new();
        }
    }
}

/// Anything that is not as this version writes it counts as absent.
fn parse(text: &str) -> Option<LogEnd> {
    let mut words = text.split(' ');
    if words.next()? != VERSION {
        return None;
    }
    let (boot, last) = (Boot::parse(words.next()?)?, words.next()?.parse().ok()?);
    let mut holes = SeqSet::new();
    for word in words {
        let (from, to) = word.split_once('-').unwrap_or((word, word));
        let hole = SeqRange { from: from.parse().ok()?, to: to.parse().ok()? };
        let after = holes.last().unwrap_or(0);
        if hole.from <= after || hole.to < hole.from || hole.to >= last {
            return None;
        }
        holes.insert_range(hole);
    }
    Some(LogEnd { boot, last, holes, ended: false })
}
