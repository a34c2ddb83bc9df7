//! The number of the newest acknowledged commit, in a file beside the store: a store that is behind it has lost commits, or is
//! an older copy. It is written after each commit and not synced: what a power cut takes from it makes the check
//! weaker, never wrong. Never in it: what follows from a difference.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::private;
use super::problem::Problem;
use crate::fnv;

pub(super) const FILE: &str = "newest-commit";
/// `number store checksum`, each in 16 hex digits, and a line end: overwritten in one write, inside one sector.
const BYTES: usize = 51;

/// A commit of a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Commit {
    /// The store's random number: a store made of a backup has another one.
    pub(super) store: u64,
    /// Counts its commits.
    pub(super) number: u64,
}

pub(super) struct NewestCommit(File);

impl NewestCommit {
    /// Opens or makes the file.
    pub(super) fn open(directory: &Path) -> io::Result<Self> {
        private(&directory.join(FILE)).map(Self)
    }

    /// The file, opened already.
    pub(super) const fn of(file: File) -> Self {
        Self(file)
    }

    /// What was noted last; `None` if the file is new.
    pub(super) fn read(&self) -> Result<Option<Commit>, Problem> {
        if self.0.metadata()?.len() == 0 {
            return Ok(None);
        }
        let mut text = [0; BYTES];
        let read = self.0.read_exact_at(&mut text, 0);
        match read.ok().and_then(|()| parse(&text)) {
            Some(commit) if text == *line(commit) => Ok(Some(commit)),
            _ => Err(Problem::Newest),
        }
    }

    /// Notes a commit, durably: the first of a run.
    pub(super) fn begin(&self, commit: Commit) -> io::Result<()> {
        let text = line(commit);
        if self.0.metadata()?.len() > text.len() as u64 {
            self.0.set_len(0)?;
        }
        self.0.write_all_at(&text, 0)?;
        self.0.sync_all()
    }

    /// Notes a commit.
    pub(super) fn note(&self, commit: Commit) {
        // The file stays behind then, which is allowed.
        let _as_before = self.0.write_all_at(&line(commit), 0);
    }
}

fn line(commit: Commit) -> Box<[u8]> {
    let Commit { store, number } = commit;
    let text = format!("{number:016x} {store:016x} ");
    format!("{text}{:016x}\n", fnv::hash(text.as_bytes())).into_bytes().into()
}

fn parse(text: &[u8]) -> Option<Commit> {
    let mut words = std::str::from_utf8(text).ok()?.split(' ');
    let mut next = || u64::from_str_radix(words.next()?, 16).ok();
    let (number, store) = (next()?, next()?);
    Some(Commit { store, number })
}
