//! A verification as text for people.
//! Never in it: a conclusion that is not in the report.

use onrecord_trail::query::count;
use onrecord_trail::verify::{
    Finding, FindingKind, KeptCheckpoint, RootState, Signature, Verification, VerifiedSource, VouchedLater,
    WitnessReport,
};
use onrecord_value::Time;
use onrecord_value::printable::printable;

use crate::printer::table::table;

/// Without the verdict.
pub(super) fn text(found: &Verification) -> String {
    let mut parts = vec![sources(found), tree(found)];
    let findings = findings(found);
    if !findings.is_empty() {
        parts.push(lines(&findings));
    }
    parts.join("\n\n")
}

/// Names and origins may be any text.
fn lines(texts: &[String]) -> String {
    texts.iter().map(|line| printable(line)).collect::<Vec<_>>().join("\n")
}

fn sources(found: &Verification) -> String {
    let row = |source: &VerifiedSource| {
        let leaves = match (source.first_leaf, source.last_leaf) {
            (Some(first), Some(last)) => format!("{first}-{last}"),
            _ if source.torn_aside => "none: a torn end, kept aside".to_owned(),
            _ => "none".to_owned(),
        };
        vec![printable(&source.name), source.lines.to_string(), source.covered.to_string(), leaves]
    };
    table("Log | Lines | In the tree | Leaves", &found.sources.iter().map(row).collect::<Vec<_>>())
}

fn tree(found: &Verification) -> String {
    let tree = &found.tree;
    let mut texts = vec![format!("Tree of {}: {} leaves, root {}", tree.origin, tree.size, tree.root)];
    texts.push(match &tree.signature {
        Signature::Holds => "Its checkpoint is signed by a given key.".to_owned(),
        Signature::NotChecked { signers } => {
            format!(
                "SIGNATURE NOT CHECKED: no key was given. The checkpoint says that it is signed by {signers}."
            )
        }
        Signature::Wrong { why } => format!("WRONG SIGNATURE: {why}"),
        Signature::Retired { key } => format!(
            "RETIRED KEY: only {key}, which was retired, signed the checkpoint. A log that ended before that is verified with \
             this key itself as -key."
        ),
        _ => "The signature is in a state that this program does not know.".to_owned(),
    });
    if let Some(wanted) = &tree.other_than {
        texts.push(format!("OTHER LOG: the tree is of origin {}, not {wanted}", tree.origin));
    }
    texts.extend(tree.witnesses.iter().map(|report| witness(report, tree.size)));
    if let Some(size) = tree.kept_up_to {
        texts.push(format!(
            "Of {} kept checkpoints the tree agrees with {}; the largest is of {size} leaves.",
            tree.kept,
            tree.kept - tree.kept_wrong.count
        ));
    }
    texts.extend(vouched_later(found));
    lines(&texts)
}

/// Lines that a start added to the tree.
fn vouched_later(found: &Verification) -> Vec<String> {
    let of = |one: &VouchedLater| {
        let VouchedLater { source, line, lines, time, .. } = one;
        let numbers =
            if *lines == 1 { format!("line {line}") } else { format!("lines {line}-{}", line + lines - 1) };
        let lines = count(*lines, "line", "lines");
        format!("VOUCHED FOR LATER: {lines} ({source}, {numbers}), by the start at {time}")
    };
    let mut texts: Vec<String> = found.vouched_later.first.iter().map(of).collect();
    let shown: u64 = found.vouched_later.first.iter().map(|one| one.lines).sum();
    if found.vouched_later.count > shown {
        let left = count(found.vouched_later.count - shown, "more line", "more lines");
        texts.push(format!("{left}: VOUCHED FOR LATER"));
    }
    texts
}

fn witness(report: &WitnessReport, size: u64) -> String {
    let WitnessReport { name, cosigned, wrong, .. } = report;
    if let Some(why) = wrong {
        return format!("WRONG COSIGNATURE of {name}: {why}");
    }
    match cosigned {
        None => format!("NOT COSIGNED by {name}."),
        Some((of, time)) => {
            let time = Time::from_unix_nanos(i128::from(*time) * 1_000_000_000);
            let rest =
                if *of < size { format!("; later ones are not witnessed, of {size}") } else { String::new() };
            format!("Cosigned by {name} at {time}: {of} leaves{rest}.")
        }
    }
}

fn findings(found: &Verification) -> Vec<String> {
    let mut texts = Vec::new();
    let tree = &found.tree;
    let more = |count: u64, shown: usize, what: &str, texts: &mut Vec<String>| {
        let left = count.saturating_sub(shown as u64);
        if left > 0 {
            texts.push(format!("{left} more {what}"));
        }
    };
    if !tree.root_holds {
        texts.push(
            "TREE DAMAGED: its leaves do not have the root that the checkpoint says, or not all can be read"
                .to_owned(),
        );
    }
    texts.extend(tree.contradictions.first.iter().map(|text| format!("TREE DAMAGED: {text}")));
    more(
        tree.contradictions.count,
        tree.contradictions.first.len(),
        "contradictions in the tree",
        &mut texts,
    );
    texts.extend(tree.kept_wrong.first.iter().map(kept));
    more(
        tree.kept_wrong.count,
        tree.kept_wrong.first.len(),
        "kept checkpoints that do not agree",
        &mut texts,
    );
    for (kind, sample) in &found.findings {
        let allowed = if found.allowed.contains(kind) { " (accepted)" } else { "" };
        texts.extend(sample.first.iter().map(|one| format!("{}{allowed}", finding(one))));
        let shown: u64 = sample.first.iter().map(|one| one.lines.max(one.leaves).max(1)).sum();
        let left = sample.count.saturating_sub(shown);
        if left > 0 {
            texts.push(format!("{}: {}", count(left, "more line", "more lines"), name(*kind)));
        }
    }
    texts
}

fn kept(kept: &KeptCheckpoint) -> String {
    let KeptCheckpoint { source, line, size, state, signed, .. } = kept;
    let at = line.map(|line| format!(", line {line}")).unwrap_or_default();
    let what = match state {
        RootState::Differs => format!("TREE REWRITTEN: the first {size} leaves had another root"),
        RootState::Newer => format!("TREE CUT OR REPLACED BY AN OLDER ONE: it had {size} leaves"),
        RootState::NotCompared => format!("NOT COMPARED: not all of the first {size} leaves can be read"),
        _ => format!("of {size} leaves, like the tree"),
    };
    let signed = match signed {
        None => "",
        Some(true) => "; this checkpoint is signed by a given key",
        Some(false) => "; but no given key signed this checkpoint: it may be forged",
    };
    format!("{source}{at}: {what}{signed}")
}

pub(super) fn name(kind: FindingKind) -> &'static str {
    match kind {
        FindingKind::Altered => "ALTERED",
        FindingKind::CutLine => "CUT",
        FindingKind::Dropped => "DROPPED",
        FindingKind::Inserted => "INSERTED",
        FindingKind::Doubled => "DOUBLED",
        FindingKind::Reordered => "REORDERED",
        FindingKind::HeadCut => "HEAD MISSING",
        FindingKind::MissingBetween => "MISSING",
        FindingKind::TailCut => "TAIL MISSING",
        FindingKind::UncoveredHead => "NOT COVERED",
        FindingKind::UncoveredDeclared => "NOT COVERED, DECLARED",
        FindingKind::UncoveredTail => "NOT COVERED YET",
        FindingKind::Foreign => "FOREIGN",
        FindingKind::AllMissing => "ALL MISSING",
        FindingKind::Unverifiable => "NOT VERIFIABLE",
        FindingKind::Unreadable => "UNREADABLE",
        FindingKind::NotCompared => "NOT COMPARED",
        _ => "DIFFERENT",
    }
}

fn finding(one: &Finding) -> String {
    let Finding { kind, source, line, lines, leaf, leaves, .. } = one;
    let time = one.time.as_deref().map(|time| format!(" ({time})")).unwrap_or_default();
    let number = match lines {
        0 | 1 => format!("{source}, line {line}{time}"),
        more => format!("{source}, lines {line}-{}{time}", line + more - 1),
    };
    let leaf = match (leaf, leaves) {
        (None, _) => String::new(),
        (Some(leaf), 0 | 1) => format!("leaf {leaf}"),
        (Some(leaf), more) => format!("leaves {leaf}-{}", leaf + more - 1),
    };
    let missing = count(*leaves, "line is missing", "lines are missing");
    let what = match kind {
        FindingKind::Altered => format!("it is not the line that was written, {leaf}"),
        FindingKind::CutLine if leaf.is_empty() => "its end is missing".to_owned(),
        FindingKind::CutLine => format!("its end is missing, {leaf}"),
        FindingKind::Dropped if *line == 0 => {
            return format!("{source}: {}: its first lines, {leaf}", name(*kind));
        }
        FindingKind::Dropped => format!("after it {missing}, {leaf}"),
        FindingKind::Inserted => "the device did not write it there".to_owned(),
        FindingKind::Doubled => format!("it is there a further time, {leaf}"),
        FindingKind::Reordered => format!("it belongs at another place, {leaf}"),
        FindingKind::HeadCut => {
            return format!(
                "{source}: {}: {} before its first, {leaf}, or a file that was not given",
                name(*kind),
                count(*leaves, "line", "lines")
            );
        }
        FindingKind::MissingBetween => format!(
            "after it, before {}, {missing}, {leaf}, or a file that was not given",
            one.next.as_deref().unwrap_or_default()
        ),
        FindingKind::TailCut => {
            format!("after it {missing}, {leaf}, or a file that was not given")
        }
        FindingKind::AllMissing => {
            return format!(
                "{source}: {}: the log has no line of the tree, which has {leaves} leaves, {leaf}",
                name(*kind)
            );
        }
        FindingKind::Foreign => {
            "none of them is in the tree: the file is of another device, or not an audit log".to_owned()
        }
        FindingKind::UncoveredHead => {
            "before the first leaf: it is older than the tree, or was inserted".to_owned()
        }
        FindingKind::UncoveredDeclared => "the tree could not take it, as a later entry says".to_owned(),
        FindingKind::UncoveredTail => {
            "after the last leaf: no checkpoint covers it yet (a server that runs makes one within a second or two; \
             -allow-uncovered-tail accepts it), or it was inserted, or the tree was cut"
                .to_owned()
        }
        FindingKind::Unverifiable => format!("the tree lacks its {leaf}"),
        FindingKind::Unreadable => one.error.clone().unwrap_or_default(),
        _ => "there are so many differences that the rest of the file was not compared".to_owned(),
    };
    format!("{number}: {}: {what}", name(*kind))
}
