//! The two ends of a file found at opening: does it begin with an entry, and is its last line whole?
//! A torn tail is kept beside the file, cut off, and reported (decision 4).
//! Never in it: tails torn by our own writes; `open_file` repairs those at once.

use std::fs::File;
use std::io::Write as _;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;

use onrecord_value::Time;
use rustix::fs::{AtFlags, Mode, OFlags};
use rustix::io::Errno;
use sha2::{Digest, Sha256};

use super::FileOptions;
use super::open_file::OpenFile;
use crate::device::error::DeviceError;
use crate::device::interface::Notice;
use onrecord_entry::decode;
use onrecord_entry::decode::BEGINNINGS;

const CHUNK: usize = 64 * 1024;
/// A first line may be as long as an entry ever is, with its prefix.
const LINE_MAX: usize = 64 * 1024 * 1024 + 4096;
const PREFIX_MAX: usize = 256;

/// Whether the first line is one that an audit device wrote: it decodes, behind the prefix of any device.
/// A file with a single unfinished line counts if that begins as an entry: it was torn by a crash.
pub(super) fn begins_with_an_entry(file: &File) -> bool {
    let Some((line, whole)) = first_line(file) else { return false };
    let printable =
        |prefix: &[u8]| std::str::from_utf8(prefix).is_ok_and(|text| !text.chars().any(char::is_control));
    BEGINNINGS.iter().any(|(_, beginning)| {
        let window = line.get(..line.len().min(PREFIX_MAX + beginning.len())).unwrap_or_default();
        let start = window.windows(beginning.len()).position(|part| part == *beginning);
        start
            .and_then(|start| line.split_at_checked(start))
            .is_some_and(|(prefix, entry)| printable(prefix) && (!whole || decode(entry).is_ok()))
    })
}

fn first_line(file: &File) -> Option<(Vec<u8>, bool)> {
    let mut line = Vec::new();
    let mut chunk = vec![0; CHUNK];
    while line.len() < LINE_MAX {
        let count = read_at(file, &mut chunk, u64::try_from(line.len()).ok()?).ok()?;
        let read = chunk.get(..count)?;
        if let Some(end) = read.iter().position(|&byte| byte == b'\n') {
            line.extend_from_slice(read.get(..end)?);
            return Some((line, true));
        }
        line.extend_from_slice(read);
        if count == 0 {
            return Some((line, false));
        }
    }
    None
}

/// If the file does not end in a newline, keeps its last line in `NAME.torn-TIME` and cuts it off.
pub(super) fn keep_tail(
    open: &mut OpenFile,
    options: &FileOptions,
    now: Time,
) -> Result<Option<Notice>, DeviceError> {
    let path = options.path.as_path();
    let failed = |call, errno: std::io::Error| DeviceError::system(call, path, errno);
    let size = open.end;
    let start = match whole_until(&open.file, size) {
        Ok(start) if start == size => return Ok(None),
        Ok(start) => start,
        // A file that we may only write to: its end is unknown, so it is ended, which harms nothing.
        Err(error) if error.raw_os_error() == Some(Errno::BADF.raw_os_error()) => {
            open.unfinished = size > 0;
            return Ok(None);
        }
        Err(error) => return Err(failed("read", error)),
    };
    let (kept, kept_as) = create_beside(&open.directory, options, now)?;
    let sha256 = match copy(&open.file, start, size, &kept) {
        Ok(sha256) => sha256,
        Err(error) => {
            // The device is tried again and again: half a copy each time would not help.
            let _left_over = rustix::fs::unlinkat(&open.directory, &kept_as, AtFlags::empty());
            return Err(failed("write", error));
        }
    };
    let found =
        rustix::fs::fstat(&open.file).map_err(|errno| DeviceError::system("stat", path, errno))?.st_size;
    if u64::try_from(found) == Ok(size) {
        rustix::io::retry_on_intr(|| rustix::fs::ftruncate(&open.file, start))
            .map_err(|errno| DeviceError::system("truncate", path, errno))?;
        open.end = start;
    } else {
        // Another process appends to it: the tail is not at the end any more.
        open.unfinished = true;
    }
    Ok(Some(Notice::TornTail { bytes: size - start, sha256, kept_as }))
}

fn whole_until(file: &File, size: u64) -> std::io::Result<u64> {
    let mut end = size;
    let mut chunk = vec![0; CHUNK];
    // Nearly always the last byte is the answer.
    let mut length = 1;
    while end > 0 {
        let start = end.saturating_sub(length);
        let wanted = usize::try_from(end - start).unwrap_or(CHUNK);
        let part = chunk.get_mut(..wanted).unwrap_or_default();
        file.read_exact_at(part, start)?;
        if let Some(at) = part.iter().rposition(|&byte| byte == b'\n') {
            return Ok(start + u64::try_from(at).unwrap_or(0) + 1);
        }
        end = start;
        length = CHUNK as u64;
    }
    Ok(0)
}

fn create_beside(
    directory: &OwnedFd,
    options: &FileOptions,
    now: Time,
) -> Result<(File, String), DeviceError> {
    let name = options.path.file_name().unwrap_or_default().to_string_lossy();
    let mut time = Vec::new();
    now.rfc3339_seconds(&mut time);
    let time = String::from_utf8_lossy(&time).replace([':', '-'], "");
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let beside = format!("{name}.torn-{time}");
    let mut last = Errno::EXIST;
    for attempt in 0..100_u8 {
        let kept_as = if attempt == 0 { beside.clone() } else { format!("{beside}-{attempt}") };
        match rustix::fs::openat(directory, &kept_as, flags, Mode::from_raw_mode(0o600)) {
            Ok(file) => return Ok((File::from(file), kept_as)),
            Err(errno) => last = errno,
        }
        if last != Errno::EXIST {
            break;
        }
    }
    Err(DeviceError::system("open", &options.path.with_file_name(beside), last))
}

/// Copies part of a file, makes it durable, and says its SHA-256.
fn copy(from: &File, start: u64, end: u64, mut to: &File) -> std::io::Result<String> {
    let mut hash = Sha256::new();
    let mut chunk = vec![0; CHUNK];
    let mut at = start;
    while at < end {
        let wanted = usize::try_from(end - at).unwrap_or(CHUNK).min(CHUNK);
        let count = read_at(from, chunk.get_mut(..wanted).unwrap_or_default(), at)?;
        if count == 0 {
            break;
        }
        let part = chunk.get(..count).unwrap_or_default();
        hash.update(part);
        to.write_all(part)?;
        at += count as u64;
    }
    to.sync_all()?;
    Ok(const_hex::encode(hash.finalize()))
}

fn read_at(file: &File, into: &mut [u8], at: u64) -> std::io::Result<usize> {
    Ok(rustix::io::retry_on_intr(|| rustix::io::pread(file, &mut *into, at))?)
}
