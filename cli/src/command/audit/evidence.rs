//! The table of the trees of audit devices, for `audit status`.
//! Never in it: the rest of the status.

use crate::printer::{plain, table};
use onrecord_value::{Object, Value};

/// A row for each device that keeps a tree; `None` without any.
pub(super) fn text(devices: &Object) -> Option<String> {
    let row = |(path, device): (&str, &Value)| Some(row(path, device.as_object()?.object("evidence")?));
    let rows: Vec<Vec<String>> = devices.iter().filter_map(row).collect();
    let headers = "Path | Lines In Tree | Last Checkpoint | Not Covered | Lost | Evidence";
    (!rows.is_empty()).then(|| table::table(headers, &rows))
}

fn row(path: &str, evidence: &Object) -> Vec<String> {
    let shown = |key: &str| evidence.get(key).map(plain).unwrap_or_default();
    let at = evidence.str("checkpoint_at").unwrap_or("none");
    vec![
        path.to_owned(),
        shown("size"),
        at.to_owned(),
        shown("uncovered"),
        shown("lost"),
        findings(evidence).join("; "),
    ]
}

/// What is wrong; `ok` if nothing is.
fn findings(evidence: &Object) -> Vec<String> {
    let mut found = Vec::new();
    if let Some(contradiction) = evidence.object("contradiction") {
        let reason = contradiction.str("reason").unwrap_or_default();
        found.push(format!("CONTRADICTION: {reason} ({})", contradiction.str("time").unwrap_or_default()));
    }
    if let Some(error) = evidence.str("error") {
        found.push(format!("error: {error} (since {})", evidence.str("error_since").unwrap_or_default()));
    }
    let witnesses = evidence.object("witnesses");
    for (name, witness) in witnesses.into_iter().flat_map(Object::iter) {
        let Some(witness) = witness.as_object() else { continue };
        let error = witness.str("error").unwrap_or_default();
        if witness.get("contradiction").and_then(Value::as_bool) == Some(true) {
            found.push(format!("WITNESS {name} REFUSES: {error}"));
        } else if !error.is_empty() {
            found.push(format!("witness {name}: {error}"));
        }
    }
    if found.is_empty() {
        found.push("ok".to_owned());
    }
    found
}
