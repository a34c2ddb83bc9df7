//! Verification: the lines of logs against the tree that the device kept of them. It finds forgery: a line that was altered,
//! dropped, inserted, doubled or moved, a cut head or end, a tree that was rewritten.
//! Never in it: keys that were found beside the tree; they would be a forger's.
//!
//! The tree is read twice and the logs once, as streams; what is read of the tree the second time is what was checked the first
//! time. The memory is 33 bytes for each 256 leaves that are there, and that of the windows in which a difference is looked at, at
//! most 32 bytes for each of a million lines; for a stream whose beginning is not in the tree, 32 bytes for each of its lines.

mod classify;
mod declared;
mod kept;
mod leaves;
mod line_hashes;
mod locate;
mod lookup;
mod proof;
mod report;
mod signatures;
mod snapshot;
mod source;
mod times;
mod tree_check;
mod tree_events;
mod tree_folder;
mod vouched_later;
mod walk;

use std::io;

use onrecord_evidence::{StoreReader, VerifierKey};

use crate::check::Progress;
use crate::input::Input;
use classify::{Bounds, classify};
use leaves::Leaves;
use locate::Probe;
use signatures::Known;
use snapshot::Snapshot;
use source::Source;
use times::Era;
use tree_check::{TreeCheck, check_tree};
use walk::Walk;

pub use kept::{KeptCheckpoint, KeptNote, RootState};
pub use proof::{ProofFailure, check_proof, prove, read_checkpoint, read_line};
pub use report::{
    Finding, FindingKind, Signature, TreeReport, Verdict, Verification, VerifiedSource, VouchedLater,
    WitnessReport,
};
pub use tree_folder::TreeFolder;

/// Progress is reported after this many bytes.
const PROGRESS_STEP: u64 = 16 * 1024 * 1024;

/// How to verify.
#[derive(Debug)]
pub struct VerifyOptions {
    /// How many examples of each finding are kept. Counts are exact. Default 10.
    pub examples: usize,
    /// The name of the log that is to be verified. Without it the keys must be of one origin.
    pub origin: Option<String>,
    /// Keys of the server, got from the server and not from beside the log. One of the tree's origin must have signed.
    pub keys: Vec<VerifierKey>,
    /// Keys that were retired: they vouch for checkpoints that were kept, and not for that of the tree.
    pub retired: Vec<VerifierKey>,
    /// Keys of witnesses: each must have cosigned.
    pub witnesses: Vec<VerifierKey>,
    /// Checkpoints that were kept: the tree must still have their roots.
    pub kept: Vec<KeptNote>,
    /// Checkpoints beside the tree that witnesses may have cosigned ([`TreeFolder::cosigned`]). They count only as far as a
    /// given witness signed them.
    pub cosigned: Vec<KeptNote>,
    /// Logs of other devices, which have checkpoints of this one as entries.
    pub anchors: Vec<Input>,
    /// The first leaf that must have a line: those before it were deleted with rotated files.
    pub first_leaf: u64,
    /// Findings that are reported and do not count.
    pub allowed: Vec<FindingKind>,
    /// Lines that a start added to the tree later count as a difference.
    pub strict: bool,
}

impl Default for VerifyOptions {
    fn default() -> Self {
        Self {
            examples: 10,
            origin: None,
            keys: Vec::new(),
            retired: Vec::new(),
            witnesses: Vec::new(),
            kept: Vec::new(),
            cosigned: Vec::new(),
            anchors: Vec::new(),
            first_leaf: 0,
            allowed: Vec::new(),
            strict: false,
        }
    }
}

/// Why nothing could be verified.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// A source cannot be read.
    #[error("{name} cannot be read: {error}")]
    Input {
        /// The name of the source.
        name: String,
        /// Why it cannot be read.
        #[source]
        error: io::Error,
    },
    /// There is no tree.
    #[error("there is no tree: it has no checkpoint")]
    NoTree,
    /// The checkpoint of the tree is not one.
    #[error("the checkpoint of the tree cannot be read: {0}")]
    Checkpoint(String),
    /// The tree cannot be read at the moment.
    #[error("the checkpoint of the tree cannot be read: {0}")]
    Unreadable(String),
    /// The keys are of several logs.
    #[error(
        "the keys are of several logs, and it was not said which one is to be verified: {}. The tree says that it is of {tree}",
        .origins.join(", ")
    )]
    Origins {
        /// The origins of the keys.
        origins: Vec<String>,
        /// The origin of the tree.
        tree: String,
    },
    /// A kept checkpoint cannot be used.
    #[error("{name} cannot be compared with the tree: {error}")]
    Kept {
        /// The name of the file.
        name: String,
        /// Why.
        error: String,
    },
}

impl VerifyError {
    /// Whether a log whose device keeps a tree would not be so: somebody removed the tree or its checkpoint.
    pub const fn is_finding(&self) -> bool {
        matches!(self, Self::NoTree | Self::Checkpoint(_))
    }
}

/// Verifies logs of one device, in any order, with the tree of the device.
///
/// # Errors
/// [`VerifyError`] if a source cannot be opened, there is no tree, or a kept checkpoint is not one of this tree.
pub fn verify(
    inputs: Vec<Input>,
    tree: &dyn StoreReader,
    mut options: VerifyOptions,
    progress: &mut dyn FnMut(&Progress<'_>),
) -> Result<Verification, VerifyError> {
    let tree = Snapshot::take(tree)?;
    let mut known = Known::of(&mut options, &tree.checkpoint.origin)?;
    let mut sources: Vec<Source> = inputs.into_iter().map(Source::new).collect();
    let mut probe = Probe::new(sources.len());
    for (at, source) in sources.iter_mut().enumerate() {
        source.probe(at, &mut probe)?;
    }
    let (size, total) = (tree.checkpoint.size, tree.checkpoint.size.saturating_mul(32));
    let checked = check_tree(&tree, &mut known.kept, options.examples, &mut |leaf, hash| {
        probe.see(leaf, hash);
        if (leaf * 32).is_multiple_of(PROGRESS_STEP) {
            progress(&Progress { source: "tree", read: leaf * 32, total: Some(total) });
        }
    });
    let mut walk = Walk::new(Leaves::new(&tree, &checked.groups, checked.end));
    let mut tracks = Vec::new();
    for (at, source) in sources.iter_mut().enumerate() {
        tracks.push(source.walk(at, probe.start(at), &mut walk, progress)?);
    }
    let names: Vec<String> = sources.iter().map(|source| source.name.clone()).collect();
    let reports: Vec<VerifiedSource> =
        sources.iter().zip(&tracks).map(|(source, track)| source.report(track)).collect();
    let foreign = if size > 0 { foreign(&sources, &reports, size) } else { Vec::new() };
    let vouched_later = vouched_later::vouched_later(&walk, &names, options.examples);
    let bounds =
        Bounds { first_leaf: options.first_leaf, size, examples: options.examples, foreign: &foreign };
    let mut findings = classify(&mut walk, &names, &tracks, &bounds);
    for source in &sources {
        times::add(&mut findings, source.input.as_ref());
    }
    let changed = walk.leaves.changed();
    let TreeCheck { mut contradictions, root, .. } = checked;
    if let Some((count, text)) = changed {
        contradictions.count += count - 1;
        contradictions.add(options.examples, || text);
    }
    Ok(Verification {
        sources: reports,
        tree: known.report(&tree, root, contradictions, options.examples),
        findings,
        vouched_later,
        strict: options.strict,
        first_leaf: options.first_leaf,
        allowed: options.allowed,
    })
}

/// The sources of which no line is in the tree, and when each was written: before the one that has the first leaf, as a file from
/// before the tree; after the one that has the last leaf, as a file that was begun since the checkpoint; or neither.
fn foreign(sources: &[Source], reports: &[VerifiedSource], size: u64) -> Vec<(usize, Era)> {
    let input = |is_it: &dyn Fn(&VerifiedSource) -> bool| {
        let found = sources.iter().zip(reports).find(|(_, report)| is_it(report));
        found.and_then(|(source, _)| source.input.as_ref())
    };
    let (mut era, last) = (Vec::new(), size.checked_sub(1));
    for (at, (source, _)) in sources.iter().zip(reports).enumerate().filter(|(_, (_, one))| one.is_foreign())
    {
        let first = input(&|report| report.first_leaf == Some(0));
        let last = input(&|report| report.last_leaf.is_some() && report.last_leaf == last);
        era.push((at, times::era(source.input.as_ref(), first, last)));
    }
    era
}
