//! Reports and exports over small logs whose numbers are known.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that fails should panic"
)]

use std::collections::BTreeMap;
use std::io::Write;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex};

use onrecord_trail::Input;
use onrecord_trail::activity::{ActivityBuilder, ActivityReport, ReportContext, Verification, page};
use onrecord_trail::export::{ExportFormat, ParquetFolder};
use onrecord_trail::query::{Filter, Query, Row, Zone, run};
use onrecord_value::Time;
use parquet::file::reader::{FileReader as _, SerializedFileReader};
use parquet::record::RowAccessor as _;
use serde_json::{Value, json};

fn at(text: &str) -> Time {
    Time::parse(text).unwrap()
}

/// The two lines of a request at a second of the day.
fn request(second: u32, who: &str, path: &str, more: &Value) -> Vec<Value> {
    let time = |nanos: u32| {
        let whole = Time::from_unix(1_796_000_000 + i64::from(second), nanos);
        whole.to_string()
    };
    let mut asked = json!({
        "time": time(0), "type": "request", "auth": {"display_name": who},
        "request": {"id": format!("id-{second}"), "operation": "read", "path": path, "mount_point": "secret/", "mount_type": "kv",
                    "remote_address": "10.0.0.1"},
    });
    for (key, value) in more["request"].as_object().into_iter().flatten() {
        asked["request"][key] = value.clone();
    }
    let mut answer = asked.clone();
    answer["type"] = "response".into();
    answer["time"] = time(1_000_000).into();
    answer["response"] = json!({"status_code": 200});
    for (key, value) in more["response"].as_object().into_iter().flatten() {
        answer["response"][key] = value.clone();
    }
    if let Some(error) = more.get("error") {
        answer["error"] = error.clone();
    }
    answer["duration_ns"] = (u64::from(second) * 1000).into();
    vec![asked, answer]
}

fn text(lines: &[Value]) -> String {
    lines.iter().map(|line| line.to_string() + "\n").collect()
}

fn rows(log: &str, query: &Query, each: &mut dyn FnMut(&Row)) -> onrecord_trail::query::Summary {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("audit.log");
    std::fs::write(&path, log).unwrap();
    run(vec![Input::file(&path)], query, &mut |row: &Row| {
        each(row);
        ControlFlow::Continue(())
    })
}

fn report_of(log: &str, query: &Query) -> ActivityReport {
    let mut builder = ActivityBuilder::new(&Zone::UTC, at("2026-11-30T00:00:00Z"));
    let summary = rows(log, query, &mut |row| builder.add(row));
    builder.finish(
        &summary,
        ReportContext {
            made: at("2026-12-01T00:00:00Z"),
            program: "test".to_owned(),
            zone: Zone::UTC,
            since: query.since,
            until: query.until,
            sources: vec!["audit.log".to_owned()],
            verification: Verification {
                state: "not_verified".to_owned(),
                text: "Not verified.".to_owned(),
                command: None,
            },
        },
    )
}

fn report(lines: &[Value]) -> ActivityReport {
    report_of(&text(lines), &Query::new(Filter::default()))
}

#[test]
fn a_report_counts_requests_by_path_identity_and_outcome() {
    let denied = json!({"error": "permission denied", "response": {"status_code": 403}});
    let login = json!({"request": {"operation": "update", "mount_point": "auth/userpass/", "mount_type": "userpass"},
                       "response": {"auth": {"display_name": "userpass-anna", "accessor": "a"}}});
    let failed = json!({"request": {"operation": "update", "mount_point": "auth/userpass/", "mount_type": "userpass"},
                        "error": "invalid username or password", "response": {"status_code": 400}});
    let change = json!({"request": {"operation": "update", "mount_point": "sys/", "mount_type": "system"}});
    let lines: Vec<Value> = [
        request(1, "anna", "secret/data/app", &json!({})),
        request(2, "anna", "secret/data/app", &json!({})),
        request(3, "ben", "secret/data/app", &denied),
        request(4, "", "auth/userpass/login/anna", &login),
        request(5, "", "auth/userpass/login/anna", &failed),
        request(6, "anna", "sys/policies/acl/dev", &change),
    ]
    .concat();
    let report = report(&lines);
    let totals = &report.totals;
    assert_eq!((totals.requests, totals.denied, totals.errors, totals.unanswered), (6, 1, 2, 0));
    assert_eq!((totals.logins, totals.failed_logins, totals.changes), (1, 1, 1));
    let first = &report.paths.rows[0];
    assert_eq!((first.value.as_str(), first.count, first.denied), ("secret/app", 3, 1), "as people type it");
    assert_eq!(report.denied_paths.rows[0].value, "secret/app");
    assert_eq!(report.identities.rows[0].value, "anna");
    assert_eq!(report.series.points.iter().map(|point| point.requests).sum::<u64>(), 6);
    assert_eq!(report.latency.longest, 6000);
    assert_eq!(report.slowest[0].id, "id-6");
    let logins: Vec<_> =
        report.logins.iter().map(|one| (one.name.as_str(), one.succeeded, one.failed)).collect();
    assert_eq!(logins, [("anna", 0, 1), ("userpass-anna", 1, 0)]);
    assert_eq!(
        (report.changes[0].path.as_str(), report.changes[0].outcome.as_str()),
        ("sys/policies/acl/dev", "done")
    );
}

#[test]
fn what_the_log_lacks_stands_before_everything_else() {
    let mut lines = request(1, "anna", "secret/a", &json!({}));
    lines.extend(request(9, "anna", "secret/a", &json!({})).into_iter().take(1));
    let query = Query {
        since: Some(at("2020-01-01T00:00:00Z")),
        until: Some(at("2030-01-01T00:00:00Z")),
        ..Query::new(Filter::default())
    };
    let report = report_of(&(text(&lines) + "no entry\n"), &query);
    let kinds: Vec<&str> = report.warnings.iter().map(|warning| warning.kind.as_str()).collect();
    assert_eq!(kinds, ["not_covered", "not_covered", "unanswered", "not_entries"]);
    let page = page(&report, &Zone::UTC);
    let place = |text: &str| page.find(text).unwrap_or_else(|| panic!("{text} is not on the page"));
    assert!(place("Not covered: the logs begin at") < place("class=\"figures\""));
    assert!(place("1 request has no answer") < place("class=\"figures\""));
}

#[test]
fn plots_count_one_request_in_the_singular() {
    let page = page(&report(&request(1, "anna", "secret/a", &json!({}))), &Zone::UTC);
    for text in [": 1 request</title>", "\">1 request in steps of "] {
        assert!(page.contains(text), "{text}: {page}");
    }
}

#[test]
fn no_text_of_a_log_becomes_markup_or_a_control_character() {
    let hostile = "</code></script><script>alert(1)</script><img src=x onerror=\"a'b\">&lt;\u{202e}\u{2066}\u{1b}[31m\u{9b}\u{7f}\t\n\u{200b}\u{feff}\u{ffff}";
    let more = json!({"error": hostile, "request": {"operation": "update", "remote_address": hostile, "mount_point": hostile, "id": hostile}});
    let change = json!({"error": hostile, "request": {"operation": "update", "mount_point": "sys/", "remote_address": hostile}});
    let login = json!({"error": hostile, "request": {"operation": "update", "mount_point": "auth/x/"}});
    let mut lines = request(1, hostile, hostile, &more);
    lines.extend(request(2, hostile, &format!("sys/policies/acl/{hostile}"), &change));
    lines.extend(request(3, hostile, &format!("auth/x/login/{hostile}"), &login));
    let mut report = report(&lines);
    report.read.sources = vec![hostile.to_owned()];
    report.verification.text = hostile.to_owned();
    let mut other = report_of("", &Query::new(Filter::default()));
    other.paths.rows.clear();
    report.compare(&other);
    let page = page(&report, &Zone::UTC);
    for part in ["<script", "<img", "onerror=\"", "</script", "'b\">"] {
        assert!(!page.contains(part), "{part} came through");
    }
    assert!(page.contains("&lt;script&gt;"));
    for character in page.chars().filter(|character| *character != '\n' && *character != '\u{202f}') {
        assert!(onrecord_value::printable::is_printable(character), "{character:?} came through");
    }
    let json = report.to_json();
    assert!(
        json.chars().all(|character| character == '\n' || onrecord_value::printable::is_printable(character))
    );
    let again = ActivityReport::parse(&json).unwrap();
    assert_eq!(again.paths.rows[0].value, report.paths.rows[0].value);
    assert_eq!(again.to_json(), json);
}

#[test]
fn two_reports_compared_name_what_is_new_rose_and_is_gone() {
    let many = |paths: &[(&str, u32)]| {
        let mut second = 0;
        let mut lines = Vec::new();
        for (path, count) in paths {
            for _ in 0..*count {
                second += 1;
                lines.extend(request(second, "anna", path, &json!({})));
            }
        }
        // Both logs cover the same time.
        lines.extend(request(1000, "anna", "secret/end", &json!({})));
        report(&lines)
    };
    let before = many(&[("secret/a", 10), ("secret/b", 10), ("secret/gone", 1)]);
    let mut now = many(&[("secret/a", 20), ("secret/b", 19), ("secret/new", 3)]);
    now.compare(&before);
    let comparison = now.comparison.as_ref().unwrap();
    let paths = comparison.groups.iter().find(|group| group.name == "paths").unwrap();
    let names = |values: &[onrecord_trail::activity::ComparedValue]| {
        values.iter().map(|value| (value.value.clone(), value.before, value.count)).collect::<Vec<_>>()
    };
    assert_eq!(names(&paths.new), [("secret/new".to_owned(), 0, 3)]);
    assert_eq!(names(&paths.rose), [("secret/a".to_owned(), 10, 20)]);
    assert_eq!(names(&paths.gone), [("secret/gone".to_owned(), 1, 0)]);
    assert!(paths.complete);
}

/// Files in memory.
#[derive(Clone, Default)]
struct Files(Arc<Mutex<BTreeMap<String, Vec<u8>>>>);

struct Part(Files, String);

impl Write for Part {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.0.lock().unwrap().entry(self.1.clone()).or_default().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn parquet_has_every_row_in_the_file_of_its_day_even_if_days_alternate() {
    let day = 86_400;
    let seconds: Vec<u32> = (0..40).map(|number| (number % 5) * day + number).collect();
    let lines: Vec<Value> =
        seconds.iter().flat_map(|second| request(*second, "anna", "secret/a", &json!({}))).collect();
    let files = Files::default();
    let mut folder = ParquetFolder::new(|day, part| {
        Ok(Box::new(Part(files.clone(), format!("{day}/part-{part}.parquet"))))
    })
    .unwrap();
    let mut number = 0;
    rows(&text(&lines), &Query::new(Filter::default()), &mut |row| {
        number += 1;
        folder.add(row, number).unwrap();
    });
    let count = folder.finish().unwrap();
    let files = files.0.lock().unwrap();
    assert_eq!(files.len() as u64, count);
    assert!(files.contains_key("day=2026-11-30/part-0.parquet") || files.len() > 5, "{:?}", files.keys());
    let mut found = Vec::new();
    for (name, bytes) in files.iter() {
        let reader = SerializedFileReader::new(bytes::Bytes::from(bytes.clone())).unwrap();
        for row in reader.get_row_iter(None).unwrap() {
            let micros = row.as_ref().unwrap().get_timestamp_micros(0).unwrap();
            let time = Time::from_unix(micros.div_euclid(1_000_000), 0);
            assert!(name.starts_with(&format!("day={}", &time.to_string()[..10])), "{name}: {time}");
            found.push(time.unix_seconds() - 1_796_000_000);
        }
    }
    found.sort_unstable();
    let mut expected: Vec<i64> = seconds.iter().map(|second| i64::from(*second)).collect();
    expected.sort_unstable();
    assert_eq!(found, expected);
}

#[test]
fn a_row_is_one_line_in_every_format_of_lines() {
    let hostile = "a\r\n\u{2028}b\",|=\\\u{1b}[2J";
    let more = json!({"error": hostile, "request": {"remote_address": hostile, "mount_point": hostile, "operation": hostile}});
    let lines = request(1, hostile, hostile, &more);
    for (name, format) in ExportFormat::ALL {
        let mut out = Vec::new();
        rows(&text(&lines), &Query::new(Filter::default()), &mut |row| format.append(row, &mut out));
        let text = String::from_utf8(out).unwrap();
        if format == ExportFormat::Parquet {
            assert_eq!(text, "");
            continue;
        }
        let line = text.strip_suffix('\n').unwrap();
        let line = line.strip_suffix('\r').unwrap_or(line);
        assert!(line.chars().all(onrecord_value::printable::is_printable), "{name}: {line:?}");
        if line.starts_with('{') {
            assert!(serde_json::from_str::<Value>(line).unwrap().is_object(), "{name}");
        }
    }
}
