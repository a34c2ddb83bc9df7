//! Events of the tree that lines of the log report (`sys/audit/gap` with `tree`): which lines it could not take, and which a start
//! added after they had lain in the file while no server ran.
//! Never in it: whether the line of an event is itself in the tree (`walk`).

use memchr::memmem::{Finder, FinderBuilder};
use onrecord_entry::decode;
use onrecord_entry::gap::{GAP_PATH, TreeFacts};

/// The most events of one source that are kept.
const EVENTS_MAX: usize = 1 << 20;

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EventKind {
    /// Lines before the one of leaf `size` are not in the tree.
    Lost,
    /// The leaves from `size` on are of lines that a start found in the file.
    AddedLater,
}

/// An event of the tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TreeEvent {
    pub(crate) kind: EventKind,
    /// The number of the line that reports it, from 1.
    pub(crate) line: u64,
    pub(crate) size: u64,
    pub(crate) lines: u64,
    pub(crate) time: String,
}

/// Collects the events of a source.
#[derive(Debug)]
pub(crate) struct TreeEvents {
    finder: Finder<'static>,
    found: Vec<TreeEvent>,
}

impl Default for TreeEvents {
    fn default() -> Self {
        Self { finder: FinderBuilder::new().build_forward(GAP_PATH), found: Vec::new() }
    }
}

impl TreeEvents {
    /// Looks at a line.
    pub(crate) fn see(&mut self, line: u64, text: &[u8]) {
        if self.finder.find(text).is_some() && self.found.len() < EVENTS_MAX {
            self.found.extend(event(line, text));
        }
    }

    pub(crate) fn take(&mut self) -> Vec<TreeEvent> {
        std::mem::take(&mut self.found)
    }
}

fn event(line: u64, text: &[u8]) -> Option<TreeEvent> {
    let decoded = decode(text).ok()?;
    let entry = decoded.entry();
    let gap = entry.gap.filter(|_| entry.request.path == GAP_PATH.into())?;
    let kind = match gap.reason {
        reason if reason == TreeFacts::LOST => EventKind::Lost,
        reason if reason == TreeFacts::REPAIRED || reason == TreeFacts::ADDED => EventKind::AddedLater,
        _ => return None,
    };
    let TreeFacts { size, lines, .. } = gap.tree?;
    Some(TreeEvent { kind, line, size, lines, time: decoded.time().to_string() })
}
