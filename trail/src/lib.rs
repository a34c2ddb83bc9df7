//! The reading side of an audit trail. Its checker finds loss, [`verify`] finds forgery, and [`query`] finds who did what.
//!
//! The checker reads any number of logs of one server, and reports each entry that
//! is missing in them without being declared by a gap entry.
//!
//! Each line of a log ends with a counter of the server (`seq`), the start of the server that it belongs to (`boot`)
//! and the id of the device's salt. So loss is arithmetic: the lines of one salt are one device, in any files and in any
//! order of reading; a number of a start that a device lacks is a *hole*; a *gap* entry of that device declares holes;
//! and a hole that no gap entry declares is an undeclared loss.
//!
//! ```
//! use onrecord_trail::{Input, Judge, Options, check};
//!
//! # let dir = tempfile::tempdir()?;
//! # let log = dir.path().join("audit.log");
//! # std::fs::write(&log, r#"{"time":"2026-01-01T00:00:00Z","type":"request","auth":{},"request":{"id":"1"}}"#)?;
//! let inputs = vec![Input::file(&log)];
//! let report = check(inputs, &Options::default(), &mut |_| {})?;
//! assert!(report.is_complete(Judge::EachDevice));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Never in this crate: the server, a client of it, or a write to any log.

pub mod activity;
mod check;
mod device;
pub mod export;
mod fast_scan;
mod id;
mod input;
mod lines;
mod order;
mod pairs;
mod parts;
pub mod query;
mod report;
mod seen_seqs;
mod siblings;
mod torn;
mod union;
pub mod verify;

pub use check::{CheckError, Options, Progress, check};
pub use input::{Input, is_compressed};
pub use report::{
    BootReport, DeviceReport, EntryNumber, Judge, LinePosition, Misplaced, OutOfOrder, RangeSample, Report,
    Sample, SourceReport, TornLine, Unanswered, UnionReport,
};
pub use siblings::files_of_log;
