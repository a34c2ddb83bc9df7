//! Reading an audit log as a user's tools would: lines of JSON.
//! Never in it: the product's own decoder.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value;

/// All whole lines of a log; panics on a line that is not JSON, because a log never has one.
pub fn lines(path: &Path) -> Vec<Value> {
    let text = std::fs::read(path).unwrap_or_default();
    let whole = text.iter().rposition(|b| *b == b'\n').map_or(0, |end| end + 1);
    text[..whole].split(|b| *b == b'\n').filter(|line| !line.is_empty()).map(parse).collect()
}

fn parse(line: &[u8]) -> Value {
    serde_json::from_slice(line)
        .unwrap_or_else(|error| panic!("a log line is not JSON ({error}): {}", String::from_utf8_lossy(line)))
}

/// The entries appended since the last look.
#[derive(Debug)]
pub struct Tail {
    path: PathBuf,
    seen: usize,
}

impl Tail {
    /// A tail at the log's beginning.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), seen: 0 }
    }

    /// What came since the last call.
    pub fn more(&mut self) -> Vec<Value> {
        let text = std::fs::read(&self.path).unwrap_or_default();
        let fresh = text.get(self.seen..).unwrap_or_default();
        let whole = fresh.iter().rposition(|b| *b == b'\n').map_or(0, |end| end + 1);
        self.seen += whole;
        fresh[..whole].split(|b| *b == b'\n').filter(|line| !line.is_empty()).map(parse).collect()
    }
}

/// Per request id, which of its two entries the log holds: (requests, responses).
pub fn pairs(entries: &[Value]) -> BTreeMap<String, (usize, usize)> {
    let mut found: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    for entry in entries {
        let id = entry["request"]["id"].as_str().unwrap_or_default().to_owned();
        let counts = found.entry(id).or_default();
        match entry["type"].as_str() {
            Some("request") => counts.0 += 1,
            Some("response") => counts.1 += 1,
            other => panic!("an entry of unknown type {other:?}"),
        }
    }
    found
}
