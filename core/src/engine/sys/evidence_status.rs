//! The state of the trees of audit devices, as status, metrics and health show it.
//! Never in it: a judgement of its own.

use onrecord_audit::evidence::TreeNotice;
use onrecord_audit::status::DeviceStatus;
use onrecord_value::{Object, Time, Value, object};

use super::metrics::{Family, Reading, family, gauge, labels};
use crate::engine::unsealed::Unsealed;
use crate::witnesses::Witnessed;

/// What `sys/audit-status` shows of a device's tree.
pub(super) fn shown(unsealed: &Unsealed, device: &DeviceStatus) -> Option<Object> {
    let (tree, now) = (device.evidence.as_ref()?, unsealed.machine_clock.now());
    let checkpoint = tree.checkpoint.as_ref();
    let mut shown = object! {
        "age_seconds" => checkpoint.map(|newest| age(newest.at, now)),
        "checkpoint_at" => checkpoint.map(|newest| newest.at),
        "contradiction" => tree.contradiction.as_ref().map(|(notice, at)| contradiction(notice, *at)),
        "error" => tree.error.as_ref().map(|(text, _)| text.as_str()),
        "error_since" => tree.error.as_ref().map(|(_, since)| *since),
        "folder" => tree.folder.as_ref().map(|folder| folder.display().to_string()),
        "lost" => tree.lost,
        "origin" => tree.origin.as_str(),
        "root" => checkpoint.map(|newest| newest.checkpoint.root.to_base64()),
        "size" => checkpoint.map_or(0, |newest| newest.checkpoint.size),
        "uncovered" => tree.uncovered,
    };
    let witnesses = unsealed.witnesses.of(&device.path);
    if !witnesses.is_empty() {
        let witnesses = witnesses.iter().map(|(name, witness)| (name.as_str(), witness_of(witness, now)));
        shown.insert("witnesses", witnesses.collect::<Object>());
    }
    Some(shown)
}

fn contradiction(notice: &TreeNotice, at: Time) -> Object {
    object! {
        "kept_as" => notice.kept_as.as_deref(),
        "lines" => notice.lines,
        "reason" => notice.event.reason(),
        "root" => notice.root.as_deref(),
        "size" => notice.size,
        "time" => at,
    }
}

fn witness_of(witness: &Witnessed, now: Time) -> Object {
    let cosigned = witness.cosigned.as_ref();
    object! {
        "age_seconds" => cosigned.map(|(_, at)| age(*at, now)),
        "contradiction" => witness.contradiction,
        "cosigned_at" => cosigned.map(|(_, at)| *at),
        "error" => witness.error.as_ref().map(|(text, _)| text.as_str()),
        "error_since" => witness.error.as_ref().map(|(_, since)| *since),
        "size" => cosigned.map(|(size, _)| *size),
    }
}

/// In whole seconds.
fn age(then: Time, now: Time) -> i64 {
    now.unix_seconds().saturating_sub(then.unix_seconds()).max(0)
}

/// What is wrong with the trees of devices, for anybody, without errors and names of files: nothing while all is well.
pub(crate) fn troubles(unsealed: &Unsealed, devices: &[DeviceStatus]) -> Object {
    let trouble = |device: &DeviceStatus| {
        let tree = device.evidence.as_ref()?;
        let witnesses = unsealed.witnesses.of(&device.path);
        let trouble = if tree.contradiction.is_some() || witnesses.values().any(|one| one.contradiction) {
            "contradiction"
        } else if tree.error.is_some() {
            "failing"
        } else {
            return None;
        };
        Some((device.path.to_string(), Value::from(trouble)))
    };
    devices.iter().filter_map(trouble).collect()
}

/// The metrics of the trees and of their witnesses.
pub(super) fn families(unsealed: &Unsealed, devices: &[(String, DeviceStatus)]) -> Vec<Family> {
    let now = unsealed.machine_clock.now();
    let mut readings: [Vec<_>; 9] = Default::default();
    for (kind, device) in devices {
        let Some(tree) = &device.evidence else { continue };
        let labels = |witness: Option<&str>| labels(kind, device, witness.map(|name| ("witness", name)));
        let flag = |flag: bool| gauge(u64::from(flag));
        let [entries, ages, uncovered, lost, errors, contradictions, witness_ages, witness_entries, refusals] =
            &mut readings;
        if let Some(newest) = &tree.checkpoint {
            entries.push((labels(None), gauge(newest.checkpoint.size)));
            ages.push((labels(None), gauge(age(newest.at, now))));
        }
        uncovered.push((labels(None), gauge(tree.uncovered)));
        lost.push((labels(None), Reading::Counter(tree.lost)));
        errors.push((labels(None), flag(tree.error.is_some())));
        contradictions.push((labels(None), flag(tree.contradiction.is_some())));
        for (name, witness) in unsealed.witnesses.of(&device.path) {
            if let Some((size, at)) = witness.cosigned {
                witness_ages.push((labels(Some(&name)), gauge(age(at, now))));
                witness_entries.push((labels(Some(&name)), gauge(size)));
            }
            refusals.push((labels(Some(&name)), flag(witness.contradiction)));
        }
    }
    NAMES.iter().zip(readings).map(|((name, help), readings)| family(*name, help, readings)).collect()
}

/// The names of the metrics, and what they mean.
const NAMES: [(&str, &str); 9] = [
    ("onrecord.audit.device.evidence_entries", "Entries of the newest checkpoint of the device's log."),
    ("onrecord.audit.device.evidence_age_seconds", "Seconds since the newest checkpoint was made."),
    ("onrecord.audit.device.evidence_uncovered", "Lines that no checkpoint covers yet."),
    ("onrecord.audit.device.evidence_lost", "Lines that the tree could not take."),
    ("onrecord.audit.device.evidence_error", "1 if the tree cannot be written or signed."),
    ("onrecord.audit.device.evidence_contradiction", "1 if the tree and its log contradicted each other."),
    ("onrecord.audit.device.witness_age_seconds", "Seconds since the witness cosigned a checkpoint."),
    ("onrecord.audit.device.witness_entries", "Entries of the checkpoint that the witness cosigned last."),
    (
        "onrecord.audit.device.witness_contradiction",
        "1 if the witness refuses the log because it has seen another history of it.",
    ),
];
