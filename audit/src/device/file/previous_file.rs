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
/// The boots in which the device was enabled from the first entry on, and had this file then.
const RESTORED: &str = "user.onrecord.restored";
/// The file's inode and the path by which the device knows it: they stay with it when it is renamed.
const PATH: &str = "user.onrecord.path";
const VERSION: &str = "1";
/// What ext4 takes for all attributes of a file is 4 KiB.
const BEFORE_MAX: usize = 3072;
const PATH_MAX: usize = 512;
/// How many boots are kept: a device's reports of what an earlier boot left behind are late by very few.
const RESTORED_MAX: usize = 16;
/// In place of what is known, if something may have been before.
const UNKNOWN: &str = "1 unknown";
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

/// What is known of the files before one.
#[derive(Clone, Debug)]
pub(super) enum Before {
    /// The device has nothing in a file before it.
    Nothing,
    /// It may have.
    Unknown,
    End(LogEnd),
}

impl Before {
    /// What is known before a new file that follows one which ends like this.
    pub(super) fn of_next_file(self) -> Self {
        match self {
            Self::End(end) if end.ended => Self::Nothing,
            Self::End(end) if end.holes.ranges().len() > HOLES_MAX => Self::Unknown,
            known => known,
        }
    }

    pub(super) const fn boot(&self) -> Option<Boot> {
        match self {
            Self::End(end) => Some(end.boot),
            Self::Nothing | Self::Unknown => None,
        }
    }
}

impl LogEnd {
    pub(super) fn notice(self) -> Option<Notice> {
        let report = !self.holes.is_empty() && self.holes.ranges().len() <= HOLES_MAX;
        report.then_some(Notice::Unfinished { boot: self.boot, seqs: self.holes })
    }
}

/// Puts into the file what those before it have, as far as its file system keeps attributes.
pub(super) fn write(file: &File, before: &Before, begun: bool) {
    let text = match before {
        Before::End(end) => text(end.clone()) + if begun { BEGUN } else { "" },
        Before::Nothing if !begun => {
            let _as_unknown = rustix::fs::fremovexattr(file, BEFORE);
            return;
        }
        // Lines that were there are not the first of the device.
        Before::Nothing | Before::Unknown => UNKNOWN.to_owned(),
    };
    // What cannot be kept is not known at the next start: holes around this moment are not reported then.
    let _as_without = rustix::fs::fsetxattr(file, BEFORE, text.as_bytes(), XattrFlags::empty());
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
pub(super) fn read(file: &File, empty: bool) -> Before {
    let Some(text) = attribute(file, BEFORE, BEFORE_MAX) else {
        // Without a signature it is not known whether attributes are kept.
        return if has_signature(file) { Before::Nothing } else { Before::Unknown };
    };
    let text = String::from_utf8(text).unwrap_or_default();
    let end = match text.strip_suffix(BEGUN) {
        Some(_) if empty => None,
        Some(text) => parse(text),
        None => parse(&text),
    };
    end.map_or(Before::Unknown, Before::End)
}

/// Notes that the device has every entry of a boot, and that this file has them from the first on.
pub(super) fn note_restored(file: &File, boot: Boot) {
    let mut boots = restored_in(file);
    boots.retain(|known| *known != boot);
    boots.drain(..boots.len().saturating_sub(RESTORED_MAX - 1));
    boots.push(boot);
    let mut text = VERSION.to_owned();
    for boot in boots {
        // Writing to a string does not fail.
        let _always = write!(text, " {:016x}", boot.number());
    }
    let _as_unknown = rustix::fs::fsetxattr(file, RESTORED, text.as_bytes(), XattrFlags::empty());
}

/// The boots of which that was noted, the oldest first.
pub(super) fn restored_in(file: &File) -> Vec<Boot> {
    let text = attribute(file, RESTORED, RESTORED_MAX * 17 + VERSION.len()).unwrap_or_default();
    let text = String::from_utf8(text).unwrap_or_default();
    let mut words = text.split(' ');
    if words.next() != Some(VERSION) {
        return Vec::new();
    }
    words.map_while(Boot::parse).collect()
}

/// Makes the file one of the device with this path. `begun`: it has something that the device may not have written.
pub(super) fn sign(file: &File, path: &Path, begun: bool) {
    if let Some(signature) = signature(file, path)
        && !is_signed(file, path)
    {
        if begun && attribute(file, BEFORE, BEFORE_MAX).is_none() {
            write(file, &Before::Unknown, begun);
        }
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

/// Whether the file is one of a device, with any path.
fn has_signature(file: &File) -> bool {
    let ours = signature(file, Path::new(""));
    ours.is_some_and(|ours| attribute(file, PATH, PATH_MAX).is_some_and(|found| found.starts_with(&ours)))
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
