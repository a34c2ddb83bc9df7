//! What a line of a log says of numbers: its own, and those that a line of the device itself reports as missing.
//! Never in it: what follows from several lines together.

use onrecord_entry::gap::PROBE_PATH;
use onrecord_entry::{Boot, SeqSet, decode};

const MARK: &[u8] = b"\"record\":{\"seq\":";
/// In JSONx it comes before the request, and nothing before it can look like it.
const MARK_JSONX: &str = "<json:object name=\"record\"><json:string name=\"boot\">";

#[derive(Clone, Copy)]
pub(super) struct Line<'a> {
    text: &'a [u8],
    pub(super) seq: u64,
    pub(super) boot: Boot,
}

impl<'a> Line<'a> {
    pub(super) fn parse(text: &'a [u8]) -> Option<Self> {
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

/// A line of the device itself, which repeats a number.
pub(super) enum OwnLine {
    Probe,
    /// It keeps the checkpoint of another device's tree.
    Checkpoint,
    Gap {
        /// Which entries are missing, and of which boot, if it is an earlier one.
        seqs: SeqSet,
        of: Option<Boot>,
        /// The device was disabled.
        ended: bool,
    },
}

impl OwnLine {
    /// `None`: it is an entry.
    pub(super) fn parse(line: &Line<'_>) -> Option<Self> {
        // The path stands near the beginning, after nothing but ids; in JSONx a gap does, which may be long.
        let beginning = line.text.get(..line.text.len().min(1024)).unwrap_or_default();
        let text = beginning.utf8_chunks().next().map_or("", |chunk| chunk.valid());
        let signs = [
            "\"path\":\"sys/audit/",
            "<json:string name=\"path\">sys/audit/",
            "<json:object name=\"gap\">",
            "<json:object name=\"checkpoint\">",
        ];
        if !signs.iter().any(|sign| text.contains(sign)) {
            return None;
        }
        let decoded = decode(line.text).ok()?;
        let entry = decoded.entry();
        if let Some(gap) = entry.gap {
            return Some(Self::Gap { seqs: gap.ranges.iter().collect(), of: gap.boot, ended: gap.ended });
        }
        if entry.checkpoint.is_some() {
            return Some(Self::Checkpoint);
        }
        let probe = entry.request.path == PROBE_PATH.into() && entry.request.remote_address.is_empty();
        probe.then_some(Self::Probe)
    }
}
