//! The recordings of a compatible server, replayed against ours: every status, and the bodies and entries but for what the table explains.

use std::collections::HashMap;
use std::path::Path;

use onrecord_e2e::place::Place;
use onrecord_e2e::replay::{self, Left};
use serde_json::Value;

/// Differences that are decided, each with its reason: (step, "body" or "entries", why).
const EXPLAINED: [(&str, &str, &str); 0] = [];

#[test]
fn the_recordings_replay() {
    let recordings = Path::new(env!("CARGO_MANIFEST_DIR")).join("recordings");
    let place = Place::new();
    let server = place.in_memory("");
    let ours = replay::replay(server.addr, &server.token, place.dir(), &recordings.join("steps"));
    let expected = std::fs::read(recordings.join("expected.json")).expect("the recording");
    let expected: Vec<Value> = serde_json::from_slice(&expected).expect("JSON");
    let ours: HashMap<(String, String), Left> =
        ours.into_iter().map(|left| ((left.group.clone(), left.step.clone()), left)).collect();
    let mut complaints = Vec::new();
    let mut compared = 0;
    for recorded in &expected {
        let step = recorded["do"].as_str().expect("a name");
        compared += 1;
        let group = recorded["group"].as_str().expect("a group");
        let left = &ours[&(group.to_owned(), step.to_owned())];
        compare(recorded, left, &mut complaints);
    }
    assert_eq!(compared, 150);
    assert!(complaints.is_empty(), "{} differences:\n{}", complaints.len(), complaints.join("\n"));
}

/// Notes what is different and not explained.
fn compare(recorded: &Value, left: &Left, complaints: &mut Vec<String>) {
    let name = format!("{} / {}", left.group, left.step);
    if recorded["status"] != left.status {
        complaints
            .push(format!("{name}: status {} became {}: {}", recorded["status"], left.status, left.body));
    }
    let explained = |part: &str| EXPLAINED.iter().any(|(step, p, _)| *step == left.step && *p == part);
    if !explained("body") {
        for (place, theirs, ours) in replay::differences(&recorded["body"], &left.body) {
            complaints.push(format!("{name}: answer{place}: {theirs} became {ours}"));
        }
    }
    let Some(entries) = recorded["entries"].as_array() else { return };
    if explained("entries") {
        return;
    }
    if entries.len() != left.entries.len() {
        complaints.push(format!("{name}: {} entries became {}", entries.len(), left.entries.len()));
    }
    for (index, (theirs, ours)) in entries.iter().zip(&left.entries).enumerate() {
        for (place, theirs, ours) in replay::differences(theirs, ours) {
            complaints.push(format!("{name}: entry {index}{place}: {theirs} became {ours}"));
        }
    }
}
