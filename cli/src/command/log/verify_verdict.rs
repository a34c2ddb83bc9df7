//! What a verification comes to, in a sentence or two: of `log verify`, and, with the kinds of findings and their meaning, of
//! `log report`.
//! Never in it: the findings one by one (`verify_findings`).

use onrecord_trail::query::count;
use onrecord_trail::verify::{FindingKind, Signature, Verdict, Verification};
use onrecord_value::printable::printable;

use super::verify_findings::name;
use crate::session;

/// The kinds of what differs and was not accepted, each with how often.
pub(super) fn kinds(found: &Verification) -> Vec<String> {
    let lines = found.findings.iter().filter(|(kind, one)| counts(found, **kind, one.count));
    let lines =
        lines.map(|(kind, sample)| format!("{} ({})", name(*kind), count(sample.count, "line", "lines")));
    kinds_of_tree(found).into_iter().chain(lines).collect()
}

fn kinds_of_tree(found: &Verification) -> Vec<String> {
    let tree = &found.tree;
    let damage = tree.contradictions.count.max(u64::from(!tree.root_holds));
    let signature = match &tree.signature {
        Signature::Wrong { .. } => Some("WRONG SIGNATURE"),
        Signature::Retired { .. } => Some("RETIRED KEY"),
        _ => None,
    };
    let of_tree = [
        (damage > 0).then(|| format!("TREE DAMAGED ({})", count(damage, "place", "places"))),
        signature.map(str::to_owned),
        tree.other_than.as_ref().map(|_| "OTHER LOG".to_owned()),
    ];
    of_tree.into_iter().flatten().collect()
}

fn counts(found: &Verification, kind: FindingKind, count: u64) -> bool {
    count > 0 && !found.allowed.contains(&kind)
}

/// What the kinds of findings mean for those who read the log.
pub(super) fn meaning(found: &Verification) -> &'static str {
    let of_lines = found.findings.iter().filter(|(kind, one)| counts(found, **kind, one.count));
    let of_lines: Vec<FindingKind> = of_lines.map(|(kind, _)| *kind).collect();
    let only = |kinds: &[FindingKind]| {
        kinds_of_tree(found).is_empty() && of_lines.iter().all(|kind| kinds.contains(kind))
    };
    if found.tree.other_than.is_some() {
        "The tree is that of another log than the one that -origin names: check -origin, or give the files of that log."
    } else if only(&[FindingKind::HeadCut, FindingKind::MissingBetween, FindingKind::TailCut]) {
        "These lines were cut, or their file was not given: give all files of the log."
    } else if only(&[FindingKind::UncoveredHead, FindingKind::UncoveredDeclared]) {
        "Nothing vouches for these lines; all others are as their device wrote them."
    } else {
        "The logs, or their tree, are not as their device wrote them. Do not rely on them."
    }
}

/// How many lines after the last leaf were accepted.
pub(super) fn uncovered_tail(found: &Verification) -> u64 {
    found.findings.get(&FindingKind::UncoveredTail).map_or(0, |tail| tail.count)
}

/// What follows, as a sentence.
pub(super) fn verdict(found: &Verification) -> (session::Verdict, String) {
    let sentence = match found.verdict() {
        Verdict::Intact => intact(found),
        Verdict::Differs => "NOT INTACT: see the findings above.".to_owned(),
        Verdict::NotJudged => "Not judged: see the reason on standard error.".to_owned(),
    };
    let is_intact = found.verdict() == Verdict::Intact;
    (if is_intact { session::Verdict::Good } else { session::Verdict::Bad }, sentence)
}

fn intact(found: &Verification) -> String {
    let Verification { first_leaf, tree, .. } = found;
    let from = if *first_leaf > 0 { format!(" from leaf {first_leaf} on") } else { String::new() };
    let leaves = tree.size.saturating_sub(*first_leaf);
    match uncovered_tail(found) {
        0 => format!(
            "Intact{from}: each of {leaves} leaves has its line and each line its leaf, and the signature holds."
        ),
        tail => format!(
            "Intact{from} up to {}: each of {leaves} leaves has its line, and the signature holds. No checkpoint covers the {} after \
             it yet.",
            covered_up_to(found),
            if tail == 1 { "line".to_owned() } else { format!("{tail} lines") }
        ),
    }
}

/// The last line that the tree covers; where it is not among the examples, the last leaf.
fn covered_up_to(found: &Verification) -> String {
    let last = found.sources.iter().max_by_key(|source| source.last_leaf).map(|source| &source.name);
    let tail = found.findings.get(&FindingKind::UncoveredTail);
    let after = tail.and_then(|tail| tail.first.iter().find(|one| Some(&one.source) == last));
    after.map_or_else(
        || format!("leaf {}", found.tree.size.saturating_sub(1)),
        |after| format!("line {} of {}", after.line.saturating_sub(1), printable(&after.source)),
    )
}
