//! What a verification found: exact counts, and the first examples of each kind.
//! Never in it: text of a log, except times, names of files and origins; how a report is printed.

use std::collections::BTreeMap;

use onrecord_value::{Object, Value};
use serde::Serialize;

use super::kept::KeptCheckpoint;
use crate::report::Sample;

/// What differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FindingKind {
    /// A line has other bytes than the device wrote.
    Altered,
    /// The end of a line is missing: of its text, or its newline.
    CutLine,
    /// Lines are missing between two lines of a source.
    Dropped,
    /// Lines that the device did not write there.
    Inserted,
    /// Lines that are there a further time.
    Doubled,
    /// Lines that belong at another place.
    Reordered,
    /// The first lines of the tree are missing: they were cut, or their file was not given.
    HeadCut,
    /// Lines are missing between the end of a source and the beginning of the next: they were cut, or a file was not given.
    MissingBetween,
    /// The last lines of the tree are missing: they were cut, or their file was not given.
    TailCut,
    /// Lines before the first leaf: nothing vouches for them.
    UncoveredHead,
    /// Lines that the tree could not take, as an entry in it says: nothing vouches for them.
    UncoveredDeclared,
    /// Lines after the last leaf: nothing vouches for them yet.
    UncoveredTail,
    /// A file of which no line is in the tree: it is of another device, or not an audit log, or older than the tree.
    Foreign,
    /// No leaf has a line: the log was emptied, or it is another one.
    AllMissing,
    /// Lines whose leaves cannot be read.
    Unverifiable,
    /// A source cannot be read any further.
    Unreadable,
    /// There are so many differences that the rest of a source was not compared.
    NotCompared,
}

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Finding {
    /// What differs.
    pub kind: FindingKind,
    /// The name of the source.
    pub source: String,
    /// The number of the first line, from 1. Where lines are missing: of the line before them, or 0.
    pub line: u64,
    /// How many lines.
    pub lines: u64,
    /// The first leaf that is concerned, from 0.
    pub leaf: Option<u64>,
    /// How many leaves.
    pub leaves: u64,
    /// The source that follows, where lines are missing between two.
    pub next: Option<String>,
    /// The time of the line, or of the line before the missing ones, if it is an entry.
    pub time: Option<String>,
    /// Why a source cannot be read.
    pub error: Option<String>,
}

/// Whether the checkpoint was signed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "state")]
#[non_exhaustive]
pub enum Signature {
    /// A given key signed it.
    Holds,
    /// Only a key signed it that was retired.
    Retired {
        /// The name and id of that key.
        key: String,
    },
    /// No key was given.
    NotChecked {
        /// The names and ids of the keys that it names.
        signers: String,
    },
    /// It is not signed by a given key.
    Wrong {
        /// Why.
        why: String,
    },
}

/// What a witness signed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct WitnessReport {
    /// The name of its key.
    pub name: String,
    /// The largest tree that it cosigned, and when, in seconds since 1970.
    pub cosigned: Option<(u64, u64)>,
    /// Why a cosignature under its name does not hold.
    pub wrong: Option<String>,
}

/// The tree.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct TreeReport {
    /// The name of the log, as its checkpoint says.
    pub origin: String,
    /// The name of the log that was to be verified, if it is another one.
    pub other_than: Option<String>,
    /// How many leaves it has.
    pub size: u64,
    /// The root of the checkpoint, in Base64.
    pub root: String,
    /// Whether the leaves have this root.
    pub root_holds: bool,
    /// Whether the checkpoint was signed.
    pub signature: Signature,
    /// What each given witness signed.
    pub witnesses: Vec<WitnessReport>,
    /// Tiles and bundles that are missing or contradict each other.
    pub contradictions: Sample<String>,
    /// How many kept checkpoints were given, those in the logs of other devices included.
    pub kept: u64,
    /// The largest kept checkpoint that the tree agrees with.
    pub kept_up_to: Option<u64>,
    /// Those that it does not agree with.
    pub kept_wrong: Sample<KeptCheckpoint>,
}

/// Lines that a start of the server added to the tree, which a start before it had written and not added, or which were written
/// while no tree was kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct VouchedLater {
    /// The name of their source.
    pub source: String,
    /// The number of the first, from 1.
    pub line: u64,
    /// How many there are.
    pub lines: u64,
    /// The leaf of the first.
    pub leaf: u64,
    /// The time of the entry in which the start says that it added them.
    pub time: String,
}

/// One source.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct VerifiedSource {
    /// Its name.
    pub name: String,
    /// How many lines it has.
    pub lines: u64,
    /// How many of them are leaves of the tree, at their place.
    pub covered: u64,
    /// The smallest leaf that has a line here.
    pub first_leaf: Option<u64>,
    /// The largest.
    pub last_leaf: Option<u64>,
    /// It is a torn end that a device kept aside (`NAME.torn-TIME`): its line is not in the tree.
    pub torn_aside: bool,
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Verification {
    /// The sources as they were given.
    pub sources: Vec<VerifiedSource>,
    /// The tree.
    pub tree: TreeReport,
    /// The findings by their kinds. The counts are of lines, or of leaves without lines.
    pub findings: BTreeMap<FindingKind, Sample<Finding>>,
    /// Lines that a start added later. The count is of lines.
    pub vouched_later: Sample<VouchedLater>,
    /// Whether these count as a difference.
    pub strict: bool,
    /// The first leaf that had to have a line.
    pub first_leaf: u64,
    /// Kinds of findings that were allowed.
    pub allowed: Vec<FindingKind>,
}

/// What follows from the findings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Every leaf has its line, every line its leaf, and the signature holds.
    Intact,
    /// Something differs.
    Differs,
    /// Nothing can be said: [`Verification::not_judged`] has the reasons.
    NotJudged,
}

impl Verification {
    /// What follows from the findings.
    pub fn verdict(&self) -> Verdict {
        if self.differs() {
            Verdict::Differs
        } else if !self.has_no_line() && self.tree.size > 0 && self.tree.signature == Signature::Holds {
            Verdict::Intact
        } else {
            Verdict::NotJudged
        }
    }

    /// Whether anything differs that was not allowed.
    pub fn differs(&self) -> bool {
        let tree = &self.tree;
        let is_wrong = |witness: &WitnessReport| witness.cosigned.is_none() || witness.wrong.is_some();
        self.findings.iter().any(|(kind, found)| found.count > 0 && !self.allowed.contains(kind))
            || tree.contradictions.count > 0
            || !tree.root_holds
            || matches!(tree.signature, Signature::Wrong { .. } | Signature::Retired { .. })
            || tree.other_than.is_some()
            || (self.strict && self.vouched_later.count > 0)
            || tree.kept_wrong.count > 0
            || tree.witnesses.iter().any(is_wrong)
    }

    /// Why nothing can be said, a sentence each; empty if something can.
    pub fn not_judged(&self) -> Vec<String> {
        let mut reasons = Vec::new();
        if self.differs() {
            return reasons;
        }
        if self.has_no_line() {
            let names: Vec<&str> = self.sources.iter().map(|source| source.name.as_str()).collect();
            reasons.push(format!("There is no line in {}.", names.join(", ")));
        }
        if self.tree.size == 0 {
            reasons.push("The tree has no leaf.".to_owned());
        }
        if reasons.is_empty() && matches!(self.tree.signature, Signature::NotChecked { .. }) {
            reasons.push(
                "The signature was not checked: no key was given (-key). Who can write to the log can write a tree for it."
                    .to_owned(),
            );
        }
        reasons
    }

    /// The report as a value; docs/TRAIL.md has its keys.
    pub fn to_value(&self) -> Value {
        // Every field has a form in JSON, so this cannot fail.
        let fields = serde_json::to_value(self).unwrap_or_default().as_object().cloned();
        let mut report = Object::from(fields.unwrap_or_default());
        let verdict = match self.verdict() {
            Verdict::Intact => "intact",
            Verdict::Differs => "differs",
            Verdict::NotJudged => "not_judged",
        };
        report.insert("verdict", verdict);
        report.insert("not_judged", self.not_judged().iter().collect::<Value>());
        report.into()
    }

    fn has_no_line(&self) -> bool {
        self.sources.iter().all(|source| source.covered == 0)
    }
}

impl VerifiedSource {
    /// Whether it has lines, and none of them is in the tree. Of a torn end, which a device kept aside, that is as it must be.
    pub(crate) const fn is_foreign(&self) -> bool {
        self.covered == 0 && self.lines > 0 && !self.torn_aside
    }
}

impl Finding {
    /// A finding of one source, without more.
    pub(crate) fn new(kind: FindingKind, source: &str, line: u64, lines: u64) -> Self {
        Self {
            kind,
            source: source.to_owned(),
            line,
            lines,
            leaf: None,
            leaves: 0,
            next: None,
            time: None,
            error: None,
        }
    }

    pub(crate) fn at(self, leaf: u64, leaves: u64) -> Self {
        Self { leaf: Some(leaf), leaves, ..self }
    }
}
