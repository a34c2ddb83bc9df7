//! What operators see: status, health, metrics and the server's log, in good times and bad.

use std::cell::RefCell;
use std::io::Write;
use std::sync::{Arc, Once};
use std::time::Duration;

use onrecord_audit::device::faulty::{Fault, FaultControl};
use onrecord_audit::{DeviceConfig, ManualClock, Rules};
use onrecord_core::{AuditSettings, Media, Settings};
use onrecord_entry::Formatter;
use onrecord_entry::{FormatOptions, Salt};
use serde_json::{Value, json};

use crate::kit::{Reply, TestServer, ask, entries, said};

async fn timed(settings: Settings) -> (TestServer, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::default());
    (TestServer::by(Arc::clone(&clock) as _, settings).await, clock)
}

async fn health(world: &TestServer, query: &str) -> Reply {
    world.send(ask("GET", "sys/health").query(query)).await
}

#[tokio::test]
async fn the_status_tells_the_rule_and_each_device() {
    let (world, _) = timed(Settings::default()).await;
    let sick = world.device("sick/", false).await;
    let _well = world.device("well/", false).await;
    sick.set(Fault::Refuse);
    assert_eq!(world.root("GET", "auth/token/lookup-self", None).await.status, 200);
    let status = world.root("GET", "sys/audit-status", None).await;
    assert_eq!(status.status, 200);
    let data = &status.body["data"];
    assert_eq!(
        data["rule"],
        json!({"able": 1, "lost": [], "met": true, "minimum": 1, "ready": true, "required": []})
    );
    let device = &data["devices"]["sick/"];
    assert_eq!((device["state"].as_str(), device["able"].as_bool()), (Some("failing"), Some(false)));
    assert_eq!(
        device["last_error"],
        json!({"text": "the device was told to refuse", "time": "2027-01-15T08:00:00Z"})
    );
    assert!(
        device["failures"].as_u64().unwrap() > 0 && device["gaps"]["untold_entries"].as_u64().unwrap() > 0
    );
    let device = &data["devices"]["well/"];
    assert_eq!((device["state"].as_str(), device["failures"].as_u64()), (Some("healthy"), Some(0)));
    assert!(device["entries"].as_u64().unwrap() >= 2 && device["bytes"].as_u64().unwrap() > 100);
    assert!(device["latency"]["request"]["count"].as_u64().unwrap() >= 1);
    assert_eq!(data["boot"].as_str().unwrap().len(), 16);
}

#[tokio::test]
async fn r_health_is_503_while_the_rule_cannot_be_met_and_names_the_devices() {
    let (world, clock) = timed(Settings::default()).await;
    let device = world.device("file/", false).await;
    let good = health(&world, "").await;
    assert_eq!((good.status, &good.body["audit_device_states"]), (200, &json!({"file/": "healthy"})));
    let keys: Vec<&str> = good.text.split(",\"").map(|part| part.split('"').next().unwrap()).collect();
    assert_eq!(
        &keys[keys.len() - 6..],
        ["cluster_id", "audit_devices", "audited", "audit_rule_met", "audit_ready", "audit_device_states"],
        "ours come last"
    );

    device.set(Fault::Refuse);
    assert_eq!(world.root("GET", "sys/audit", None).await.status, 500);
    let bad = health(&world, "").await;
    assert_eq!((bad.status, &bad.body["audit_device_states"]), (503, &json!({"file/": "failing"})));
    assert_eq!((&bad.body["audit_rule_met"], &bad.body["sealed"]), (&json!(false), &json!(false)));
    assert!(!bad.text.contains("refuses"), "no error text for anybody");
    assert_eq!(health(&world, "auditcode=471").await.status, 471);
    assert_eq!(health(&world, "auditcode=abc").await.status, 400);
    assert_eq!(world.send(ask("HEAD", "sys/health")).await.status, 503);

    // It works again, but is not trusted at once: what fails and recovers by turns would come and go.
    device.set(Fault::None);
    clock.advance(Duration::from_secs(2));
    assert_eq!(world.root("GET", "sys/audit", None).await.status, 200);
    let damped = health(&world, "").await;
    assert_eq!((damped.status, &damped.body["audit_rule_met"]), (503, &json!(true)));
    clock.advance(Duration::from_secs(5));
    assert_eq!(health(&world, "").await.status, 200);
}

#[tokio::test]
async fn r_health_damps_a_device_that_comes_and_goes() {
    let (world, clock) = timed(Settings::default()).await;
    let device = world.device("file/", false).await;
    let mut changes = 0;
    let mut last = 200;
    for turn in 0..30 {
        clock.advance(Duration::from_secs(1));
        // It fails once in four seconds, and nobody asks in that moment.
        device.set(if turn % 2 == 0 { Fault::Refuse } else { Fault::None });
        world.root("GET", "sys/audit", None).await;
        device.set(Fault::None);
        clock.advance(Duration::from_secs(1));
        world.root("GET", "sys/audit", None).await;
        let status = health(&world, "").await.status;
        changes += usize::from(status != last);
        last = status;
    }
    assert_eq!(changes, 1, "unready at the first failure, and then for good");
    clock.advance(Duration::from_secs(5));
    assert_eq!(health(&world, "").await.status, 200);
}

#[tokio::test]
async fn r_health_sees_a_hung_device_and_a_missing_one() {
    let (world, clock) = timed(Settings::default()).await;
    let device = world.device("only/", false).await;
    device.set(Fault::Hang);
    let mut waiting = std::pin::pin!(world.start(ask("GET", "sys/audit").token(&world.root)));
    // The first poll yields, so that others can add to the batch; the second wakes the writer.
    for _ in 0..2 {
        let polled =
            std::future::poll_fn(|context| std::task::Poll::Ready(waiting.as_mut().poll(context))).await;
        assert!(polled.is_pending());
    }
    device.wait_until_hanging();
    assert_eq!(health(&world, "").await.status, 200, "it may only be slow");
    clock.advance(Duration::from_secs(6));
    assert_eq!(health(&world, "").await.status, 503);
    device.set(Fault::None);
    assert_eq!(said(waiting.await).status, 200);

    let (closed, _) = timed(Settings {
        audit: AuditSettings { fail_closed: true, ..AuditSettings::default() },
        ..Settings::default()
    })
    .await;
    let none = health(&closed, "").await;
    assert_eq!(none.body["audited"], false);
    assert_eq!((none.status, &none.body["audit_rule_met"]), (503, &json!(false)));
    let (open, _) = timed(Settings::default()).await;
    assert_eq!(health(&open, "").await.status, 200);
}

async fn metrics(world: &TestServer, query: &str) -> (Media, String) {
    let ask = ask("GET", "sys/metrics").token(&world.root).query(query);
    let answer = world.start(ask).await;
    assert_eq!(answer.status(), 200);
    (answer.media(), String::from_utf8(answer.into_body().to_vec()).unwrap())
}

/// The value of a line of the text form.
fn reading(text: &str, name: &str) -> u64 {
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("{name} in {text}")).parse().unwrap()
}

#[tokio::test]
async fn r_metrics_exist_before_the_first_entry_and_count_each() {
    let (world, _) = timed(Settings::default()).await;
    let device = world.device("file/", false).await;
    let open = world.core.clone().with_open_metrics();
    let scrape = || {
        let world = TestServer { core: open.clone(), root: String::new(), key: String::new() };
        async move {
            let answer = world.start(ask("GET", "sys/metrics").query("format=prometheus")).await;
            assert_eq!((answer.status(), answer.media()), (200, Media::Prometheus));
            String::from_utf8(answer.into_body().to_vec()).unwrap()
        }
    };
    let fresh = scrape().await;
    for name in [
        "vault_audit_log_request_count",
        "vault_audit_log_request_failure",
        "vault_audit_log_response_failure",
        "vault_audit_file__log_request_count",
        "vault_audit_file__log_response_count",
        "onrecord_audit_device_entries_total{path=\"file/\",type=\"\"}",
        "onrecord_audit_device_failures_total{path=\"file/\",type=\"\"}",
        "onrecord_audit_device_missed_total{path=\"file/\",type=\"\"}",
        "onrecord_audit_device_gaps_total{path=\"file/\",type=\"\"}",
        "onrecord_audit_device_bytes_total{path=\"file/\",type=\"\"}",
        "onrecord_audit_device_queue_bytes{path=\"file/\",type=\"\"}",
        "onrecord_audit_device_batch_entries_count{path=\"file/\",type=\"\"}",
        "onrecord_audit_device_latency_seconds_bucket{path=\"file/\",type=\"\",entry=\"request\",le=\"+Inf\"}",
        "onrecord_audit_device_latency_seconds_count{path=\"file/\",type=\"\",entry=\"response\"}",
    ] {
        assert_eq!(reading(&fresh, name), 0, "{name}");
    }
    assert_eq!(reading(&fresh, "onrecord_audit_device_state{path=\"file/\",type=\"\",state=\"healthy\"}"), 1);
    assert_eq!(device.lines().len(), 0, "exempt on that listener");

    assert_eq!(world.root("GET", "sys/audit", None).await.status, 200);
    device.set(Fault::Refuse);
    assert_eq!(world.root("GET", "sys/audit", None).await.status, 500);
    let after = scrape().await;
    assert_eq!(reading(&after, "vault_audit_log_request_count"), 2);
    assert_eq!(reading(&after, "vault_audit_log_request_failure"), 1);
    assert_eq!(reading(&after, "vault_audit_log_response_failure"), 0);
    assert_eq!(reading(&after, "onrecord_audit_device_entries_total{path=\"file/\",type=\"\"}"), 2);
    assert!(reading(&after, "onrecord_audit_device_failures_total{path=\"file/\",type=\"\"}") >= 1);
    assert_eq!(reading(&after, "onrecord_audit_device_state{path=\"file/\",type=\"\",state=\"failing\"}"), 1);
    assert_eq!(reading(&after, "onrecord_audit_rule_met"), 0);
    assert_eq!(reading(&after, "onrecord_answers_total{class=\"5xx\"}"), 1);
    assert!(reading(&after, "onrecord_answers_total{class=\"2xx\"}") >= 1);
}

#[tokio::test]
async fn r_metrics_need_read_are_recorded_and_have_two_forms() {
    let (world, _) = timed(Settings::default()).await;
    let device = world.device("file/", true).await;
    let (media, text) = metrics(&world, "").await;
    assert_eq!(media, Media::Json);
    let body: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(body["Timestamp"], "2027-01-15 08:00:00 +0000 UTC");
    let sample = |name: &str| body["Samples"].as_array().unwrap().iter().find(|s| s["Name"] == name).cloned();
    assert_eq!(sample("vault.audit.log_request").unwrap()["Count"], 1);
    assert_eq!(sample("vault.audit.file/.log_request").unwrap()["Count"], 1);
    assert!(body["Counters"].to_string().contains("vault.audit.log_request_failure"));
    assert!(body["Gauges"].to_string().contains("onrecord.audit.device.queue_bytes"));
    let taken = entries(&device);
    assert_eq!(taken.len(), 2);
    assert_eq!(taken[1]["response"]["data"]["http_raw_body"], text);

    let (media, text) = metrics(&world, "format=prometheus").await;
    assert_eq!(media, Media::Prometheus);
    assert!(text.starts_with("# HELP "));
    assert_eq!(world.send(ask("GET", "sys/metrics").token(&world.root).query("format=x")).await.status, 400);
    assert_eq!(world.send(ask("GET", "sys/metrics")).await.status, 403);
    let policy = json!({"policy": "path \"sys/metrics\" { capabilities = [\"read\"] }"});
    world.root("PUT", "sys/policies/acl/scrape", Some(policy)).await;
    let made = world.root("POST", "auth/token/create", Some(json!({"policies": ["scrape"]}))).await;
    let token = made.body["auth"]["client_token"].as_str().unwrap();
    assert_eq!(world.start(ask("GET", "sys/metrics").token(token)).await.status(), 200);
}

#[tokio::test]
async fn r_metrics_on_an_open_listener_answer_while_sealed() {
    let (world, _) = timed(Settings::default()).await;
    world.core.seal(Duration::from_secs(1)).await;
    assert_eq!(world.send(ask("GET", "sys/metrics")).await.status, 503, "elsewhere it is a path like others");
    let open =
        TestServer { core: world.core.clone().with_open_metrics(), root: String::new(), key: String::new() };
    let answer = open.start(ask("GET", "sys/metrics").query("format=prometheus")).await;
    assert_eq!(answer.status(), 200);
    let text = String::from_utf8(answer.into_body().to_vec()).unwrap();
    assert_eq!(reading(&text, "vault_core_unsealed"), 0);
}

thread_local! {
    static LOGGED: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// What is logged on this thread. One subscriber has the logs of all: with one for each thread, a place in the code that
/// another thread comes to first may be taken for one that nobody listens to.
struct Collected;

impl Write for Collected {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        LOGGED.with_borrow_mut(|logged| logged.extend_from_slice(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Collected {
    fn start() -> Self {
        static ALL: Once = Once::new();
        ALL.call_once(|| tracing_subscriber::fmt().with_ansi(false).with_writer(|| Self).init());
        Self
    }

    /// The lines since the last call that have a text.
    fn take(&self, part: &str) -> Vec<String> {
        let Self = self;
        let text = String::from_utf8(LOGGED.take()).unwrap();
        text.lines().filter(|line| line.contains(part)).map(str::to_owned).collect()
    }
}

#[tokio::test]
async fn r_spam_an_incident_is_one_line_then_one_each_ten_seconds_and_one_at_its_end() {
    let (world, clock) = timed(Settings::default()).await;
    let device = world.device("file/", false).await;
    let log = Collected::start();
    device.set(Fault::Refuse);
    let mut lines = Vec::new();
    for _ in 0..299 {
        assert_eq!(world.root("GET", "secret/a-clients-text", None).await.status, 500);
        clock.advance(Duration::from_millis(100));
        world.core.report_incidents();
        lines.extend(log.take("the audit rule is"));
    }
    assert_eq!(lines.len(), 3, "one at once, then two in thirty seconds: {lines:#?}");
    assert!(
        lines[0].contains("file/: the device was told to refuse") && lines[0].contains("entry=\"request\""),
        "{}",
        lines[0]
    );
    assert!(lines[1].contains("since_last=99 refused=100"), "{}", lines[1]);
    assert!(lines.iter().all(|line| !line.contains("a-clients-text")));

    device.set(Fault::None);
    assert_eq!(world.root("GET", "sys/audit", None).await.status, 200);
    world.core.report_incidents();
    assert_eq!(log.take("the audit rule is").len(), 0, "not yet: it may fail again");
    clock.advance(Duration::from_secs(10));
    world.core.report_incidents();
    assert_eq!(log.take("more requests were refused").len(), 1, "those not told yet");
    clock.advance(Duration::from_secs(10));
    world.core.report_incidents();
    let end = log.take("the audit rule is met again");
    assert!(end.len() == 1 && end[0].contains("refused=299"), "{end:?}");
    clock.advance(Duration::from_mins(1));
    world.core.report_incidents();
    assert_eq!(log.take("the audit rule is").len(), 0);
}

#[tokio::test]
async fn r_spam_a_full_queue_is_one_line_and_one_when_it_is_over() {
    let rules = Rules { queue_bytes: 4000, ..Rules::default() };
    let clock = Arc::new(ManualClock::running());
    let world = TestServer::by(
        Arc::clone(&clock) as _,
        Settings { audit: AuditSettings { rules, ..AuditSettings::default() }, ..Settings::default() },
    )
    .await;
    let _well = world.device("well/", false).await;
    let hung = world.device("hung/", false).await;
    let log = Collected::start();
    hung.set(Fault::Hang);
    for _ in 0..50 {
        assert_eq!(world.root("GET", "sys/audit", None).await.status, 200);
        clock.advance(Duration::from_millis(100));
        world.core.report_incidents();
    }
    let lines = log.take("misses entries");
    assert!(
        lines.len() == 1 && lines[0].contains("hung/") && lines[0].contains("its queue was full"),
        "{lines:?}"
    );
    clock.advance(Duration::from_secs(10));
    world.core.report_incidents();
    let lines = log.take("misses entries");
    assert!(lines.len() == 1 && lines[0].contains("still") && lines[0].contains("untold="), "{lines:?}");
    hung.set(Fault::None);
    hung.wait_for(|lines| lines.iter().any(|line| String::from_utf8_lossy(line).contains("sys/audit/gap")));
    let mut over = Vec::new();
    while over.is_empty() {
        clock.advance(Duration::from_secs(10));
        world.core.report_incidents();
        over = log.take("has told what it missed");
    }
    assert!(over[0].contains("gaps=1"), "{over:?}");
}

#[tokio::test]
async fn r_errtext_the_client_is_told_no_more_than_before() {
    let (world, _) = timed(Settings::default()).await;
    let device = world.device("file/", false).await;
    device.set(Fault::Refuse);
    let refused = world.root("GET", "sys/audit", None).await;
    assert_eq!((refused.status, &*refused.text), (500, "{\"errors\":[\"internal error\"]}\n"));
}

#[tokio::test]
async fn r_cancel_a_client_that_leaves_fails_no_entry_and_counts_no_failure() {
    // Both entries are waited for when the client goes, the one before the effect and the one before the answer.
    for entries_before in [0, 1] {
        let (world, _) = timed(Settings::default()).await;
        let device = world.device("file/", false).await;
        let mut journey = Box::pin(world.start(ask("GET", "sys/audit").token(&world.root)));
        if entries_before == 0 {
            device.set(Fault::Hang);
        }
        let polled =
            std::future::poll_fn(|context| std::task::Poll::Ready(journey.as_mut().poll(context))).await;
        assert!(polled.is_pending());
        if entries_before == 1 {
            // The request entry was offered; the next poll is left to the runtime.
            device.set(Fault::Slow(Duration::from_millis(20)));
        }
        drop(journey);
        device.set(Fault::None);
        let wait = {
            let device = device.clone();
            move || device.wait_for_lines(2)
        };
        let lines = tokio::task::spawn_blocking(wait).await.unwrap();
        assert_eq!(lines.len(), 2);
        let unsealed = world.core.unsealed().unwrap();
        let status = unsealed.broker.status().remove(0);
        assert_eq!(
            (status.faults.failures, status.losses.entries, status.losses.unreported_entries),
            (0, 0, 0)
        );
        let text = metrics(&world, "format=prometheus").await.1;
        assert_eq!(reading(&text, "vault_audit_log_request_failure"), 0);
        assert_eq!(reading(&text, "vault_audit_log_response_failure"), 0);
    }
}

#[tokio::test]
async fn a_required_device_that_fails_is_named() {
    let (world, _) = timed(Settings::default()).await;
    let _well = world.device("well/", false).await;
    let control = FaultControl::with(Fault::Refuse);
    let form = Formatter::new(FormatOptions::default(), Arc::new(Salt::new("a salt")));
    let unsealed = world.core.unsealed().unwrap();
    unsealed.broker.restore(DeviceConfig::new("must/", control.device(), form).required()).unwrap();
    assert_eq!(world.root("GET", "sys/audit", None).await.status, 500);
    assert_eq!(unsealed.broker.outlook().lost.len(), 1);
    assert_eq!(health(&world, "").await.status, 503);
}

#[tokio::test]
async fn r_metrics_the_text_form_is_well_formed() {
    let (world, _) = timed(Settings::default()).await;
    // In Prometheus these two have one name, by which only one of them can be told.
    let _devices = [world.device("a-b/", false).await, world.device("a_b/", false).await];
    world.root("GET", "sys/audit", None).await;
    let (_, text) = metrics(&world, "format=prometheus").await;
    let mut families: Vec<&str> = Vec::new();
    let mut series = std::collections::BTreeSet::new();
    for line in text.lines() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            families.push(help.split(' ').next().unwrap());
            continue;
        }
        let family = *families.last().unwrap();
        if let Some(kind) = line.strip_prefix("# TYPE ") {
            let (name, kind) = kind.split_once(' ').unwrap();
            assert!(name == family && ["counter", "gauge", "histogram", "summary"].contains(&kind), "{line}");
            continue;
        }
        let (name, value) = line.rsplit_once(' ').unwrap();
        assert!(series.insert(name.to_owned()), "{name} is there twice");
        let bare = name.split('{').next().unwrap();
        assert!(bare.starts_with(family), "{line} below {family}");
        assert!(bare.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'), "{line}");
        assert!(value.parse::<f64>().is_ok(), "{line}");
    }
    let distinct: std::collections::BTreeSet<_> = families.iter().collect();
    assert_eq!(distinct.len(), families.len(), "each family once");
    assert!(text.contains("{path=\"a-b/\"") && text.contains("{path=\"a_b/\""));
}
