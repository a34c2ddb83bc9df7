//! The end of a log that grows: whole lines as they are written, over rotation (another file takes the name, or the name is
//! gone for a while), replacement and truncation. The file is only read, without locks: its writer never waits.
//! Never in it: the meaning of a line.

use std::collections::VecDeque;
use std::fs::{File, Metadata};
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use onrecord_trail::query::LINE_MAX;
use onrecord_trail::{files_of_log, is_compressed};
use onrecord_value::Time;

/// So much is read of a file at once.
const READ_MAX: u64 = 4 * 1024 * 1024;
/// At most this many files that had the name before are read on: their writer may not have noticed yet.
const OLD_MAX: usize = 3;

/// What happened to the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TailEvent {
    /// Another file has the name now.
    Rotated,
    /// The file is shorter than it was: it is read from its beginning, and lines may be lost.
    Truncated,
}

pub(super) struct Tail {
    path: PathBuf,
    /// Rotated files that are read first, one after the other.
    earlier: VecDeque<Growing>,
    now: Option<Growing>,
    old: VecDeque<Growing>,
    /// Lines that were too long.
    pub(super) too_long: u64,
    /// Rotated files that have lines of the asked time and cannot be read here, with the reason.
    pub(super) unread: Vec<String>,
}

struct Growing {
    file: File,
    identity: (u64, u64),
    position: u64,
    /// The beginning of a line whose end is not written yet.
    begun: Vec<u8>,
    /// Whether the rest of a line that is too long is skipped.
    skipping: bool,
}

impl Tail {
    /// Follows a file from the end of its last whole line; with `since` from its beginning, after the rotated files beside it that
    /// were written to since then.
    pub(super) fn open(path: &Path, since: Option<Time>) -> io::Result<Self> {
        let mut now = Growing::open_plain(path)?;
        if since.is_none() {
            now.go_to_the_last_line()?;
        }
        let mut tail = Self {
            path: path.to_owned(),
            earlier: VecDeque::new(),
            now: None,
            old: VecDeque::new(),
            too_long: 0,
            unread: Vec::new(),
        };
        if let Some(since) = since {
            tail.open_earlier(since, now.identity);
        }
        tail.now = Some(now);
        Ok(tail)
    }

    /// Opens the rotated files, the oldest first. The current one is known by its identity: it may have been rotated meanwhile.
    fn open_earlier(&mut self, since: Time, current: (u64, u64)) {
        let files = match files_of_log(&self.path) {
            Ok(files) => files,
            Err(error) => {
                self.unread.push(format!("The files beside {}: {error}", self.path.display()));
                return;
            }
        };
        for file in files {
            let Ok(known) = std::fs::metadata(&file) else { continue };
            let is_early = known.modified().is_ok_and(|modified| Time::from(modified) < since);
            if is_early || known.len() == 0 || identity(&known) == current {
                continue;
            }
            match Growing::open_plain(&file) {
                Ok(earlier) => self.earlier.push_back(earlier),
                Err(error) => self.unread.push(format!("{}: {error}", file.display())),
            }
        }
    }

    /// The lines that were written since the last call, oldest first, without their newlines; at most some megabytes of them.
    /// Whether there is more to be read at once.
    pub(super) fn poll(&mut self, lines: &mut Vec<Vec<u8>>, events: &mut Vec<TailEvent>) -> io::Result<bool> {
        if let Some(mut earlier) = self.earlier.pop_front() {
            if earlier.read(lines, &mut self.too_long)? {
                self.earlier.push_front(earlier);
            } else {
                self.keep_old(earlier);
            }
            return Ok(true);
        }
        let mut more = false;
        for old in &mut self.old {
            more |= old.read(lines, &mut self.too_long)?;
        }
        if let Some(now) = &mut self.now {
            if now.file.metadata()?.len() < now.position {
                now.begin_again()?;
                events.push(TailEvent::Truncated);
            }
            more |= now.read(lines, &mut self.too_long)?;
        }
        if !more {
            self.look_for_another(events);
        }
        Ok(more)
    }

    /// Reads a file on that had the name before.
    fn keep_old(&mut self, old: Growing) {
        self.old.push_back(old);
        if self.old.len() > OLD_MAX {
            self.old.pop_front();
        }
    }

    /// Takes the file that has the name now, if it is another one. One that cannot be opened yet is tried again.
    fn look_for_another(&mut self, events: &mut Vec<TailEvent>) {
        let Ok(known) = std::fs::metadata(&self.path) else { return };
        if self.now.as_ref().is_some_and(|now| now.identity == identity(&known)) {
            return;
        }
        let Ok(next) = Growing::open(&self.path) else { return };
        // A file that comes back to its name is read on where it was.
        let returning = self.old.iter().position(|old| old.identity == next.identity);
        let next = returning.and_then(|at| self.old.remove(at)).unwrap_or(next);
        if let Some(old) = self.now.replace(next) {
            self.keep_old(old);
        }
        events.push(TailEvent::Rotated);
    }
}

fn identity(known: &Metadata) -> (u64, u64) {
    (known.dev(), known.ino())
}

impl Growing {
    fn open(path: &Path) -> io::Result<Self> {
        // Opening anything else could block.
        if !std::fs::metadata(path)?.is_file() {
            return Err(io::Error::other("not a file"));
        }
        let file = File::open(path)?;
        let identity = identity(&file.metadata()?);
        Ok(Self { file, identity, position: 0, begun: Vec::new(), skipping: false })
    }

    /// Opens a file that is not compressed.
    fn open_plain(path: &Path) -> io::Result<Self> {
        let mut growing = Self::open(path)?;
        let mut magic = Vec::new();
        (&growing.file).take(4).read_to_end(&mut magic)?;
        if is_compressed(&magic) {
            return Err(io::Error::other("it is compressed, and does not grow. `log search` reads it"));
        }
        growing.begin_again()?;
        Ok(growing)
    }

    /// Goes behind the last newline.
    fn go_to_the_last_line(&mut self) -> io::Result<()> {
        let mut end = self.file.metadata()?.len();
        let mut chunk = Vec::new();
        while end > 0 {
            let from = end.saturating_sub(64 * 1024);
            self.file.seek(SeekFrom::Start(from))?;
            chunk.clear();
            (&self.file).take(end - from).read_to_end(&mut chunk)?;
            if let Some(at) = chunk.iter().rposition(|byte| *byte == b'\n') {
                end = from + at as u64 + 1;
                break;
            }
            end = from;
        }
        self.position = self.file.seek(SeekFrom::Start(end))?;
        Ok(())
    }

    fn begin_again(&mut self) -> io::Result<()> {
        self.position = self.file.seek(SeekFrom::Start(0))?;
        self.begun.clear();
        self.skipping = false;
        Ok(())
    }

    fn read(&mut self, lines: &mut Vec<Vec<u8>>, too_long: &mut u64) -> io::Result<bool> {
        let mut chunk = Vec::new();
        let count = (&self.file).take(READ_MAX).read_to_end(&mut chunk)? as u64;
        self.position += count;
        let mut rest = chunk.as_slice();
        while let Some(at) = rest.iter().position(|byte| *byte == b'\n') {
            let (line, after) = rest.split_at(at);
            rest = after.get(1..).unwrap_or_default();
            let mut whole = std::mem::take(&mut self.begun);
            if std::mem::take(&mut self.skipping) {
                continue;
            }
            whole.extend_from_slice(line);
            if whole.len() < LINE_MAX {
                lines.push(whole);
            } else {
                *too_long += 1;
            }
        }
        if !self.skipping {
            self.begun.extend_from_slice(rest);
        }
        if self.begun.len() >= LINE_MAX {
            self.begun = Vec::new();
            self.skipping = true;
            *too_long += 1;
        }
        Ok(count == READ_MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::io::Write as _;

    fn read(tail: &mut Tail) -> (Vec<String>, Vec<TailEvent>) {
        let (mut lines, mut events) = (Vec::new(), Vec::new());
        while tail.poll(&mut lines, &mut events).unwrap() {}
        // A rotation is noticed after the old file; the new one is read by the next poll.
        while tail.poll(&mut lines, &mut events).unwrap() {}
        (lines.into_iter().map(|line| String::from_utf8(line).unwrap()).collect(), events)
    }

    fn append(path: &Path, text: &str) {
        let mut file = fs::OpenOptions::new().append(true).create(true).open(path).unwrap();
        file.write_all(text.as_bytes()).unwrap();
    }

    #[test]
    fn lines_come_whole_and_once_over_rotation_and_late_writes_to_the_old_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("audit.log");
        append(&path, "before\nbeg");
        let mut tail = Tail::open(&path, None).unwrap();
        assert_eq!(read(&mut tail).0, Vec::<String>::new());
        append(&path, "un\nnext\n");
        assert_eq!(read(&mut tail).0, ["begun", "next"]);
        let mut writer = fs::OpenOptions::new().append(true).open(&path).unwrap();
        fs::rename(&path, dir.path().join("audit.log.1")).unwrap();
        writer.write_all(b"while the name is gone\n").unwrap();
        assert_eq!(read(&mut tail), (vec!["while the name is gone".to_owned()], vec![]));
        append(&path, "in the new file\n");
        writer.write_all(b"late in the old one\n").unwrap();
        let (lines, events) = read(&mut tail);
        assert_eq!(lines, ["late in the old one", "in the new file"]);
        assert_eq!(events, [TailEvent::Rotated]);
        writer.write_all(b"still late\n").unwrap();
        assert_eq!(read(&mut tail).0, ["still late"]);
    }

    #[test]
    fn a_file_that_was_truncated_is_read_from_its_beginning() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("audit.log");
        append(&path, "one\ntwo\n");
        let mut tail = Tail::open(&path, Some(Time::UNIX_EPOCH)).unwrap();
        assert_eq!(read(&mut tail).0, ["one", "two"]);
        fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(0).unwrap();
        append(&path, "new\n");
        let (lines, events) = read(&mut tail);
        assert_eq!((lines, events), (vec!["new".to_owned()], vec![TailEvent::Truncated]));
    }

    #[test]
    fn rotated_files_of_the_asked_time_are_read_first_and_those_that_cannot_be_are_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("audit.log");
        let at = |name: &str, seconds: u64, bytes: &[u8]| {
            let path = dir.path().join(name);
            fs::write(&path, bytes).unwrap();
            let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(seconds);
            fs::File::options().append(true).open(path).unwrap().set_modified(time).unwrap();
        };
        at("audit.log.3", 100, b"too early\n");
        at("audit.log.2", 300, b"second\n");
        at("audit.log.1", 400, b"third\n");
        at("audit.log-20261101.gz", 250, &[0x1f, 0x8b, 8, 0]);
        at("audit.log", 50, b"last\n");
        at("other.log.1", 500, b"of another log\n");
        let mut tail = Tail::open(&path, Some(Time::from_unix(200, 0))).unwrap();
        assert_eq!(read(&mut tail).0, ["second", "third", "last"]);
        assert_eq!(tail.unread.len(), 1, "{:?}", tail.unread);
        assert!(
            tail.unread[0].ends_with(
                "audit.log-20261101.gz: it is compressed, and does not grow. `log search` reads it"
            ),
            "{:?}",
            tail.unread
        );
        let mut tail = Tail::open(&path, None).unwrap();
        assert_eq!(read(&mut tail).0, Vec::<String>::new());
    }

    #[test]
    fn a_replaced_file_is_read_from_its_beginning() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("audit.log");
        append(&path, "one\n");
        let mut tail = Tail::open(&path, None).unwrap();
        let other = dir.path().join("other");
        append(&other, "two\n");
        fs::rename(&other, &path).unwrap();
        assert_eq!(read(&mut tail), (vec!["two".to_owned()], vec![TailEvent::Rotated]));
    }
}
