//! Entries of which a device left something out or wrote a digest in its place: a filter that names it cannot be applied, and that
//! is counted.
//! Never in it: whole entries, except beside those.

use onrecord_entry::FormatOptions;
use onrecord_entry::format::Limits;
use onrecord_entry::oversize::{Oversize, OversizeError, send_within};
use onrecord_trail::query::{Query, Summary};

use super::kit::{Asked, Device, ids, query, rows_of, time, uuid};

fn asked(id: u32) -> Asked {
    Asked { id, second: i64::from(id), ..Asked::default() }
}

/// A request whose data is within the limits, and one whose data is not.
fn with_digest() -> Vec<u8> {
    let limits = Limits { nodes: 1, ..Limits::default() };
    let small = Device::with("a", FormatOptions { limits, ..FormatOptions::default() });
    [Device::new("a").pair(&asked(1)), small.pair(&asked(2))].concat()
}

fn found(log: &[u8], query: &Query) -> (Vec<String>, Summary) {
    let (rows, summary) = rows_of(log, query);
    (ids(&rows), summary)
}

#[test]
fn data_that_is_a_digest_leaves_a_filter_on_it_undecided() {
    let log = with_digest();
    assert!(String::from_utf8_lossy(&log).contains("\"data_over_limit\":\"nodes\""));
    for (filter, wanted, undecided) in [
        ("request.data.n=5", &[1][..], 1),
        ("request.data.n=6", &[], 1),
        ("request.data.n=5 and who=ann", &[1], 1),
        ("request.data.n=5 and who=bob", &[], 0),
        ("request.data.n=5 or who=ann", &[1, 2], 0),
        ("request.data.n=5 or who=bob", &[1], 1),
        // It is shown, and may be wrong.
        ("not request.data.n=5", &[2], 1),
        ("request.data.n=5 and time<2026-01-01T00:00:00Z", &[], 0),
        ("response.data.n=5", &[], 0),
        ("who=ann", &[1, 2], 0),
        ("", &[1, 2], 0),
    ] {
        let (ids, summary) = found(&log, &query(filter));
        assert_eq!(ids, wanted.iter().map(|id| uuid(*id)).collect::<Vec<_>>(), "{filter}");
        assert_eq!(summary.undecided, undecided, "{filter}");
    }
    let early = Query { until: Some(time(2)), ..query("request.data.n=6") };
    assert_eq!(found(&log, &early).1.undecided, 0, "it is not of the asked time");
    let (_, summary) = found(&log, &query("request.data.n=6"));
    let warnings = summary.warnings(None, None, &onrecord_trail::query::Zone::UTC);
    let text = "1 request may be meant or not: of what the filter names, the device left out a part or wrote a digest.";
    assert!(
        warnings.iter().any(|warning| warning.kind == "undecided" && warning.text == text),
        "{warnings:?}"
    );
}

#[test]
fn a_shortened_entry_leaves_a_filter_on_what_it_lacks_undecided() {
    let device = Device::new("a");
    let long = Asked {
        policies: (0..400).map(|number| format!("a-policy-with-a-name-{number}")).collect(),
        ..asked(2)
    };
    let shortened = |line: &[u8]| {
        let mut sent = Vec::new();
        let kept = |message: &[u8]| -> Result<(), OversizeError> {
            sent.extend_from_slice(message);
            Ok(())
        };
        send_within(line, 4096, Oversize::Elide, kept).unwrap();
        sent
    };
    let [request, answer] =
        [false, true].map(|half| shortened(&device.half(&long, half, 4 + u64::from(half))));
    let log = [device.pair(&asked(1)), request.clone(), answer].concat();
    for (filter, wanted, undecided) in [
        ("request.data.n=5", &[1][..], 1),
        ("policy=a-policy-with-a-name-7", &[], 1),
        ("policy=a-policy-with-a-name-7 and op=delete", &[], 0),
        ("op=read", &[1, 2], 0),
        ("error=x", &[], 0),
    ] {
        let (ids, summary) = found(&log, &query(filter));
        assert_eq!(ids, wanted.iter().map(|id| uuid(*id)).collect::<Vec<_>>(), "{filter}");
        assert_eq!(summary.undecided, undecided, "{filter}");
    }
    // Without an answer, too.
    let (_, summary) = found(&request, &query("request.data.n=5"));
    assert_eq!((summary.rows, summary.undecided), (0, 1));
}
