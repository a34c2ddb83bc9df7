//! Client libraries that people use, pinned and unmodified, walk the whole life of a server: what they see, what is on record
//! of it, and what must be nowhere. The programs are in `e2e/clients`; `.ci/clients` installs what they need.
//! Never in it: requests that no client library sends.

mod canaries;
mod judge;
mod program;
mod steps;

use std::collections::BTreeMap;
use std::fs;

use onrecord_e2e::log;
use onrecord_e2e::place::Place;
use onrecord_e2e::recording_proxy::{Exchange, RecordingProxy};

use self::canaries::Secrets;
use self::program::{Client, Outcome, Report};
use self::steps::{Expected, STEPS};

#[test]
fn hvac_walks_the_whole_life() {
    walk(Client::Hvac);
}

#[test]
fn vault_api_walks_the_whole_life() {
    walk(Client::VaultApi);
}

#[test]
fn openbao_api_walks_the_whole_life() {
    walk(Client::OpenbaoApi);
}

#[test]
fn node_vault_walks_the_whole_life() {
    walk(Client::NodeVault);
}

#[test]
fn vaultrs_walks_the_whole_life() {
    walk(Client::Vaultrs);
}

#[test]
fn vault_java_driver_walks_the_whole_life() {
    walk(Client::VaultJavaDriver);
}

#[test]
fn curl_walks_the_whole_life() {
    walk(Client::Curl);
}

/// Starts a server, runs the program of a client against it, and judges what it reports and what is on record.
fn walk(client: Client) {
    let Some(mut command) = client.command() else { return };
    let place = Place::new();
    let mut server = place.embedded("");
    let proxy = RecordingProxy::start(server.addr);
    let (hashed, raw, third) = (place.path("audit.log"), place.path("raw.log"), place.path("third.log"));
    let canary = format!("cnry{}", server.pid().wrapping_mul(2_654_435_761));
    command
        .env("VAULT_ADDR", format!("http://{}", proxy.addr))
        .env("HOME", place.folder("home"))
        .env("WALK_CANARY", &canary)
        .env("WALK_DATA", std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("clients/data"))
        .env("WALK_LOG", &hashed)
        .env("WALK_RAW_LOG", &raw)
        .env("WALK_THIRD_LOG", &third);
    let reports = program::run(command);
    let exchanges = proxy.exchanges();
    let held = judge::ceremonies_held(&exchanges);
    server.eventually("the ceremonies are on record", || judge::ceremonies_recorded(&hashed) == held);
    assert!(server.stop(), "the server ends well: {}", server.stderr());

    let answered = judge::compare(&exchanges, &hashed, "main");
    assert_eq!(
        judge::compare(&exchanges, &raw, "raw").len() + 1,
        answered.len(),
        "the second device is one request younger"
    );
    log::assert_nothing_lost(&[&hashed, &raw], &answered);
    let secrets = Secrets::of(&exchanges, &canary);
    assert!(secrets.len() > 10, "the server made secrets: {secrets:?}");
    for file in canaries::files_below(place.dir()).iter().filter(|file| **file != raw) {
        let found = secrets.found_in(&fs::read(file).expect("a file"));
        assert!(found.is_empty(), "{client:?}: {} holds secrets: {found:#?}", file.display());
    }
    let found = secrets.found_in(server.stderr().as_bytes());
    assert!(found.is_empty(), "{client:?}: the server's own log holds secrets: {found:#?}");
    assert!(!secrets.found_in(&fs::read(&raw).expect("a file")).is_empty(), "the raw device has them");
    judge_reports(client, &reports, &exchanges);
}

/// Every step was reported, in order, and came to what it must come to.
fn judge_reports(client: Client, reports: &[Report], exchanges: &[Exchange]) {
    let reported: Vec<&str> = reports.iter().map(|report| report.step.as_str()).collect();
    let known: Vec<&str> = STEPS.iter().map(|(step, _)| *step).collect();
    assert_eq!(reported, known, "{client:?} reports every step once, in their order");
    let mut wrong = Vec::new();
    let mut pending: BTreeMap<&str, bool> = BTreeMap::new();
    for (report, (step, expected)) in reports.iter().zip(STEPS) {
        let passed = passes(&report.outcome, *expected);
        if let Some(group) = steps::pending(client.name(), step) {
            let absent = matches!(report.outcome, Outcome::Absent(_));
            let all_pass = pending.entry(group).or_insert(true);
            *all_pass = *all_pass && passed && !absent;
        } else if !passed {
            wrong.push(format!("{step} must come to {expected:?}: {:?}", report.outcome));
        }
    }
    assert!(wrong.is_empty(), "{client:?}: {wrong:#?}\n{}", last_refusals(exchanges));
    let landed: Vec<&str> =
        pending.into_iter().filter(|(_, all_pass)| *all_pass).map(|(group, _)| group).collect();
    assert!(
        landed.is_empty(),
        "{client:?}: these groups pass, so they leave the list of pending ones: {landed:?}"
    );
}

fn passes(outcome: &Outcome, expected: Expected) -> bool {
    match (outcome, expected) {
        (Outcome::Absent(_), _) | (Outcome::Done, Expected::Done) => true,
        // A library that does not tell the status says at least that it was refused; the log has the status.
        (Outcome::Refused(status), Expected::Refused(expected)) => {
            status.is_none_or(|status| status == expected)
        }
        _ => false,
    }
}

fn last_refusals(exchanges: &[Exchange]) -> String {
    let refused = exchanges.iter().filter(|exchange| exchange.status >= 400);
    let lines: Vec<String> = refused
        .map(|exchange| {
            let body = String::from_utf8_lossy(&exchange.answer);
            format!("{} {} {} {}", exchange.method, exchange.target, exchange.status, body.trim())
        })
        .collect();
    lines.join("\n")
}
