//! Filters of queries: what is accepted divides the rows of a log in two, and what is not is refused with its place.
//! Never in it: the reading of hostile lines (`lines`).

use std::io::Cursor;
use std::num::NonZero;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use onrecord_trail::Input;
use onrecord_trail::query::{Field, Filter, Query, Row, TimeContext, Zone, run};
use onrecord_value::Time;

/// Requests of this server, and of others.
const LOG: &str = include_str!("../../cli/tests/data/answers/audit.jsonl");
const FOREIGN: &str = include_str!("../../entry/tests/entry/golden/raw-lines.jsonl");
/// Entries that lack something: shortened, and with data that is a digest.
const CUT: &str = concat!(
    r#"{"time":"2026-11-20T10:00:00Z","type":"response","request":{"id":"shortened","path":"secret/a"},"elided":{"bytes":9,"sha256":"x"}}"#,
    "\n",
    r#"{"time":"2026-11-20T10:00:00Z","type":"response","request":{"id":"digest","data":{"bytes":9},"data_over_limit":"nodes"}}"#,
);
/// Lines of each that are read.
const LINES: usize = 12;
/// The longest error, beside what it quotes.
const ERROR_MAX: usize = 1024;
/// A filter of 64 KiB over these lines takes a part of it, in a build for tests, too.
const TIME_MAX: Duration = Duration::from_secs(20);

/// Parses the bytes as a filter, and evaluates it and its opposite over a few entries.
pub fn filter(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let begun = Instant::now();
    let context = TimeContext { now: Time::from_unix(1_795_000_000, 0), zone: Zone::UTC };
    match Filter::parse(text, &context) {
        Err(error) => {
            assert!((1..=text.chars().count() + 1).contains(&error.position), "the place is in the text");
            let said = error.to_string();
            assert!(said.len() <= ERROR_MAX + 8 * text.len(), "the error is short: {}", said.len());
        }
        Ok(filter) => {
            let taken = ids(&filter);
            // The opposite is longer and deeper than what may be parsed, if the text is nearly so itself.
            if let Ok(opposite) = Filter::parse(&format!("not ({text})"), &context) {
                let mut both = ids(&opposite);
                both.extend(taken);
                both.sort_unstable();
                let mut all = ids(&Filter::all());
                all.sort_unstable();
                if !text.trim().is_empty() {
                    assert_eq!(both, all, "each row is taken by a filter or by its opposite");
                }
            }
        }
    }
    assert!(begun.elapsed() < TIME_MAX, "the time is bounded: {:?}", begun.elapsed());
}

/// The ids of the rows that a filter takes.
fn ids(filter: &Filter) -> Vec<String> {
    let log: Vec<&str> =
        LOG.lines().take(LINES).chain(FOREIGN.lines().take(LINES)).chain(CUT.lines()).collect();
    let query =
        Query { own_questions: true, threads: Some(NonZero::<usize>::MIN), ..Query::new(filter.clone()) };
    let mut ids = Vec::new();
    run(vec![Input::stream("fuzzed", Cursor::new(log.join("\n")))], &query, &mut |row: &Row| {
        assert!(filter.matches(row), "a row that is delivered is one that is asked for");
        ids.push(row.text(Field::Id).unwrap_or_default().into_owned());
        ControlFlow::Continue(())
    });
    ids
}
