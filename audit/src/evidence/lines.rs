//! Reads lines of a log as entries of a tree: forwards those that the tree lacks, and the last ones that it has.
//! Never in it: what a line says.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;

use onrecord_evidence::{Digest, line_digest};
use sha2::{Digest as _, Sha256};

const CHUNK: usize = 256 * 1024;
/// How much is read for the last lines, unless the last one alone is longer.
const WINDOW: u64 = 1024 * 1024;
/// No line is longer, with its prefix.
const LINE_MAX: u64 = 80 * 1024 * 1024;

/// Calls back for each whole line between two offsets, with its entry and where it ends, until it is false.
pub(super) fn for_each(
    file: &File,
    from: u64,
    to: u64,
    mut visit: impl FnMut(Digest, u64) -> bool,
) -> io::Result<()> {
    let mut chunk = vec![0; CHUNK];
    let (mut at, mut hash) = (from, Sha256::new());
    while at < to {
        let wanted = usize::try_from(to - at).unwrap_or(CHUNK).min(CHUNK);
        let part = chunk.get_mut(..wanted).unwrap_or_default();
        let count = match file.read_at(part, at) {
            Ok(0) => return Ok(()),
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        let mut rest = part.get(..count).unwrap_or_default();
        let mut end = at;
        while let Some(length) = memchr::memchr(b'\n', rest) {
            let (line, after) = rest.split_at(length);
            hash.update(line);
            end += length as u64 + 1;
            if !visit(std::mem::take(&mut hash).finalize().into(), end) {
                return Ok(());
            }
            rest = after.get(1..).unwrap_or_default();
        }
        hash.update(rest);
        at += count as u64;
    }
    Ok(())
}

/// How many lines lie between two offsets.
pub(super) fn count(file: &File, from: u64, to: u64) -> io::Result<u64> {
    let mut lines = 0;
    for_each(file, from, to, |_, _| {
        lines += 1;
        true
    })?;
    Ok(lines)
}

/// Whether the last lines before `end`, and not before `start`, are those of the last entries. At least the last one is
/// compared, and as many as lie in a mebibyte.
pub(super) fn end_with(file: &File, start: u64, end: u64, entries: &[Digest]) -> io::Result<bool> {
    let mut window = WINDOW;
    loop {
        let from = end.saturating_sub(window).max(start);
        let mut text = vec![0; usize::try_from(end - from).unwrap_or(0)];
        file.read_exact_at(&mut text, from)?;
        let Some((b'\n', text)) = text.split_last() else { return Ok(false) };
        let mut lines: Vec<&[u8]> = text.split(|byte| *byte == b'\n').collect();
        if from > start {
            // Its beginning may be cut off.
            lines.remove(0);
        }
        if !lines.is_empty() || entries.is_empty() {
            return Ok(lines
                .iter()
                .rev()
                .zip(entries.iter().rev())
                .all(|(line, entry)| line_digest(line) == *entry));
        }
        if window >= LINE_MAX {
            return Ok(false);
        }
        window = (window * 8).min(LINE_MAX);
    }
}

/// Where the last line ends whose entry is this one, between two offsets.
pub(super) fn find_last(file: &File, from: u64, to: u64, entry: &Digest) -> io::Result<Option<u64>> {
    let mut found = None;
    for_each(file, from, to, |digest, end| {
        if digest == *entry {
            found = Some(end);
        }
        true
    })?;
    Ok(found)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn file(text: &str) -> File {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        file
    }

    #[test]
    fn whole_lines_are_read_with_their_ends() {
        let long = "x".repeat(CHUNK + 7);
        let text = format!("one\n\n{long}\ntorn");
        let mut found = Vec::new();
        for_each(&file(&text), 0, text.len() as u64, |digest, end| {
            found.push((digest, end));
            true
        })
        .unwrap();
        let expected = ["one", "", &long].map(|line| line_digest(line.as_bytes()));
        assert_eq!(found.iter().map(|(digest, _)| *digest).collect::<Vec<_>>(), expected);
        assert_eq!(found.last().unwrap().1, text.len() as u64 - 4);
    }

    #[test]
    fn the_last_lines_are_compared_however_long_they_are() {
        let long = "y".repeat(3 * 1024 * 1024);
        for lines in [vec!["a", "b", "c"], vec!["a", &long], vec![""], vec![&long, "b"]] {
            let text = lines.join("\n") + "\n";
            let entries: Vec<_> = lines.iter().map(|line| line_digest(line.as_bytes())).collect();
            let (log, end) = (file(&text), text.len() as u64);
            assert!(end_with(&log, 0, end, &entries).unwrap());
            assert!(end_with(&log, 0, end, &entries[entries.len() - 1..]).unwrap());
            let mut other = entries.clone();
            other.last_mut().unwrap()[0] ^= 1;
            assert!(!end_with(&log, 0, end, &other).unwrap());
            assert!(!end_with(&log, 0, end - 1, &entries).unwrap(), "it does not end a line");
        }
    }
}
