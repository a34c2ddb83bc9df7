//! What the start of the server that wrote last did not write any more: a process that is killed takes with it
//! entries that were numbered, and nobody was answered for. Their counters are told, so that every hole is explained.
//! Never in it: entries lost in the middle of a file; the counters around them stay as they are.

use std::fs::File;
use std::os::unix::fs::FileExt;

use super::super::Notice;
use crate::decode::decode;
use crate::entry::{Boot, PROBE_PATH, SeqRange};

/// How much of the file's end is looked at: far more than can be under way at one moment.
const WINDOW: u64 = 4 * 1024 * 1024;
/// So many lines at the beginning of what is looked at may follow others in no exact order.
const UNORDERED: usize = 256;
/// More holes than this are no holes but another file's share of the entries.
const HOLES_MAX: usize = 1024;
const MARK: &[u8] = b"\"record\":{\"seq\":";
/// In JSONx it comes before the request, and nothing before it can look like it.
const MARK_JSONX: &str = "<json:object name=\"record\"><json:string name=\"boot\">";

/// What the start that wrote last left behind.
pub(super) struct Found {
    pub(super) boot: Boot,
    /// Its last number that was written or told to be missing.
    pub(super) last: u64,
    holes: Vec<SeqRange>,
}

impl Found {
    /// What is to be told of it.
    pub(super) fn notice(self) -> Option<Notice> {
        let tell = !self.holes.is_empty() && self.holes.len() <= HOLES_MAX;
        tell.then_some(Notice::Unfinished { boot: self.boot, ranges: self.holes })
    }
}

/// Looks at the end of a file of `size` bytes, all of whose lines are whole.
pub(super) fn find(file: &File, size: u64) -> Option<Found> {
    let start = size.saturating_sub(WINDOW);
    let mut window = vec![0; usize::try_from(size - start).ok()?];
    file.read_exact_at(&mut window, start).ok()?;
    let mut lines = window.split_inclusive(|&byte| byte == b'\n');
    if start > 0 {
        // Its beginning is cut off.
        lines.next();
    }
    let lines: Vec<&[u8]> = lines.collect();
    let (_, boot) = lines.iter().rev().find_map(|line| mark(line))?;
    let (last, holes) = holes(&lines, boot);
    Some(Found { boot, last, holes })
}

/// The counter and the start of a line.
fn mark(line: &[u8]) -> Option<(u64, Boot)> {
    mark_of_json(line).or_else(|| mark_of_jsonx(line))
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

/// The last number, and those before it that are missing.
fn holes(lines: &[&[u8]], boot: Boot) -> (u64, Vec<SeqRange>) {
    let ours =
        lines.iter().filter_map(|line| mark(line).filter(|(_, of)| *of == boot).map(|(seq, _)| (*line, seq)));
    let mut known: Vec<SeqRange> = Vec::new();
    let (mut floor, mut last, mut ended) = (None, 0_u64, false);
    // From its probe on a device gets every entry, in whatever order: the smallest of them is its first.
    let mut begun = false;
    for (at, (line, seq)) in ours.enumerate() {
        let of_our_own = of_our_own(line);
        let entry = of_our_own.is_none();
        match of_our_own {
            // A device that was enabled later has nothing to do with what came before.
            Some(OfOurOwn::Probe) => {
                known.push(SeqRange { from: last.saturating_add(1), to: seq });
                if at < UNORDERED && seq > 1 && floor != Some(0) {
                    (begun, floor) = (true, None);
                }
            }
            Some(OfOurOwn::Gap(ranges)) => known.extend(ranges),
            Some(OfOurOwn::End(ranges)) => {
                known.extend(ranges);
                ended = true;
            }
            // The same, where no probe says so.
            None if std::mem::take(&mut ended) => {
                known.push(SeqRange { from: seq.min(last.saturating_add(1)), to: seq });
            }
            None => known.push(SeqRange { from: seq, to: seq }),
        }
        last = last.max(seq);
        if begun {
            let before = seq.saturating_sub(1);
            if entry {
                floor = Some(floor.map_or(before, |floor: u64| floor.min(before)));
            }
            continue;
        }
        // A file that begins with the first entry has nothing before it; any other may have been rotated.
        let floor = floor.get_or_insert(if seq <= 1 { 0 } else { seq });
        if *floor > 0 && at < UNORDERED {
            *floor = last;
        }
    }
    known.sort_by_key(|range| range.from);
    let (mut holes, mut next) = (Vec::new(), floor.unwrap_or(last).saturating_add(1));
    for range in known {
        if range.from > next {
            holes.push(SeqRange { from: next, to: range.from - 1 });
        }
        next = next.max(range.to.saturating_add(1));
    }
    (next - 1, holes)
}

enum OfOurOwn {
    Probe,
    Gap(Vec<SeqRange>),
    /// The device was disabled.
    End(Vec<SeqRange>),
}

/// Lines of the device itself, which repeat a counter.
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
        // The ranges of an earlier start say nothing about this one.
        let ranges = if gap.boot.is_none() { gap.ranges.iter().collect() } else { Vec::new() };
        return Some(if gap.ended { OfOurOwn::End(ranges) } else { OfOurOwn::Gap(ranges) });
    }
    let probe = entry.request.path == PROBE_PATH.into() && entry.request.remote_address.is_empty();
    probe.then_some(OfOurOwn::Probe)
}
