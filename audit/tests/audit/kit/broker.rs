//! What the broker's tests share: a broker, forms, entries, and reading lines back.

use std::sync::Arc;
use std::time::Duration;

use onrecord_audit::broker::{Builder, Probe};
use onrecord_audit::device::faulty::FaultControl;
use onrecord_audit::device::inspect_lines;
use onrecord_audit::{Broker, DeviceConfig, NotOnRecord, Refused, Rules};
use onrecord_entry::gap::GAP_PATH;
use onrecord_entry::{Boot, Entry, FormatOptions, Formatter, Operation, Request, Salt, decode};

pub const BOOT: Boot = Boot::new(7);

/// Rules under which nothing times out during a test.
pub fn patient() -> Rules {
    Rules { audit_timeout: Duration::from_mins(10), ..Rules::default() }
}

/// Rules under which a healthy device is always waited for.
pub fn strict() -> Rules {
    Rules { settle_grace: Duration::from_mins(10), ..patient() }
}

/// Of every broker of these tests: each line that it gives to any device is held to the published schema.
pub fn builder() -> Builder {
    inspect_lines(onrecord_schema::abort_unless_valid);
    Broker::builder()
}

pub fn broker(rules: Rules) -> Broker {
    builder().rules(rules).build_with_boot(BOOT)
}

pub fn form() -> Formatter {
    Formatter::new(FormatOptions::default(), Arc::new(Salt::new("a salt")))
}

pub fn probe() -> Probe {
    let id = "00000000-0000-4000-8000-000000000001".to_owned();
    Probe { id, salt: Arc::new(Salt::new("thrown away")) }
}

/// Enables a test device without a probe.
pub fn enable(broker: &Broker, path: &str, control: &FaultControl) {
    broker.restore(DeviceConfig::new(path, control.device(), form())).unwrap();
}

pub fn entry(path: &str) -> Entry<'_> {
    let request = Request { operation: Some(Operation::Read), path: path.into(), ..Request::default() };
    Entry { request, ..Entry::default() }
}

/// Records an entry; its counter, if it settled.
pub fn record(broker: &Broker, path: &str) -> Result<u64, Refused> {
    match broker.record_request(&entry(path)).wait() {
        Ok(proof) => Ok(proof.seq()),
        Err(NotOnRecord::Refused(refused)) => Err(refused),
        Err(other) => panic!("{other}"),
    }
}

/// One line of a log, as far as the tests look at it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    Entry(u64),
    Gap { missed: u64, ranges: Vec<(u64, u64)>, reason: String, torn: bool },
}

pub fn read(lines: &[Vec<u8>]) -> Vec<Line> {
    lines
        .iter()
        .map(|line| {
            assert_eq!(line.iter().position(|&byte| byte == b'\n'), Some(line.len() - 1), "one line each");
            let line = decode(line).expect("a line is an entry");
            let entry = line.entry();
            match entry.gap {
                None => Line::Entry(line.record().expect("it has a record").seq),
                Some(gap) => {
                    assert_eq!(entry.request.path, GAP_PATH.into());
                    Line::Gap {
                        missed: gap.missed,
                        ranges: gap.ranges.iter().map(|range| (range.from, range.to)).collect(),
                        reason: gap.reason.as_str().to_owned(),
                        torn: gap.torn.is_some(),
                    }
                }
            }
        })
        .collect()
}

/// The counters of the entries in a log.
pub fn seqs(lines: &[Line]) -> Vec<u64> {
    lines.iter().filter_map(|line| if let Line::Entry(seq) = line { Some(*seq) } else { None }).collect()
}

/// Every counter up to `last` is in the log exactly once: as an entry, or in the range of a gap.
pub fn assert_complete(lines: &[Line], last: u64) {
    let mut found = vec![0_u32; usize::try_from(last).unwrap() + 1];
    for line in lines {
        match line {
            Line::Entry(seq) => found[usize::try_from(*seq).unwrap()] += 1,
            Line::Gap { missed, ranges, .. } => {
                assert_eq!(*missed, ranges.iter().map(|(from, to)| to - from + 1).sum::<u64>(), "{line:?}");
                for (from, to) in ranges {
                    (*from..=*to).for_each(|seq| found[usize::try_from(seq).unwrap()] += 1);
                }
            }
        }
    }
    let wrong: Vec<_> = found.iter().enumerate().skip(1).filter(|(_, count)| **count != 1).collect();
    assert!(wrong.is_empty(), "counters and how often each was found: {wrong:?}");
}
