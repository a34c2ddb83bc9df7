//! Questions to logs: which requests were made, by whom, and with which answers. Rows that a filter asks for are delivered to a
//! sink, one for each request, with its answer. The logs may be any number of files of any devices, of this server and of
//! Vault and OpenBao.
//!
//! ```
//! use std::ops::ControlFlow;
//! use onrecord_trail::Input;
//! use onrecord_trail::query::{Field, Filter, Query, TimeContext, Zone, run};
//!
//! # let dir = tempfile::tempdir()?;
//! # let log = dir.path().join("audit.log");
//! # std::fs::write(&log, r#"{"time":"2026-01-01T00:00:00Z","type":"request","auth":{},"request":{"id":"1","path":"secret/a"}}"#)?;
//! let context = TimeContext { now: std::time::SystemTime::now().into(), zone: Zone::UTC };
//! let query = Query::new(Filter::parse("path ~ secret/* and not op=list", &context)?);
//! let mut paths = Vec::new();
//! let summary = run(vec![Input::file(&log)], &query, &mut |row: &onrecord_trail::query::Row| {
//!     paths.extend(row.text(Field::Path).map(|path| path.into_owned()));
//!     ControlFlow::Continue(())
//! });
//! assert_eq!((paths, summary.unanswered), (vec!["secret/a".to_owned()], 1));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Never in it: a write to a log, a call of a server, how rows are printed.

mod engine;
mod entry;
mod field;
mod filter;
mod hashed;
mod join;
mod json;
mod kv;
mod leaf;
mod needles;
mod places;
mod read;
mod row;
mod scan;
mod seen;
mod summary;
mod times;
mod waiting;
mod warnings;

use std::collections::HashMap;
use std::num::NonZero;
use std::ops::ControlFlow;

use onrecord_entry::SaltId;
use onrecord_value::Time;

use crate::check::Progress;
use crate::input::Input;

pub use entry::entry_object;
pub use field::{Field, FieldInfo, FieldKind};
pub use filter::{Filter, FilterError};
pub use kv::{PREFLIGHT, typed_path};
pub use places::{Place, places};
pub use read::LINE_MAX;
pub use row::{At, Position, Row};
pub use summary::{DamagedSource, Gap, Summary};
pub use times::{TimeContext, TimeTextError, Zone};
pub use warnings::{Warning, count};

/// What is asked.
#[derive(Clone, Debug, Default)]
pub struct Query {
    /// Which rows.
    pub filter: Filter,
    /// Requests from this time on.
    pub since: Option<Time>,
    /// Requests before this time.
    pub until: Option<Time>,
    /// Whether questions to the log itself (`sys/audit-hash`, `sys/audit-query`, salts) are delivered, too.
    pub own_questions: bool,
    /// Whether an entry that several devices have is a row of each; otherwise it is taken once.
    pub each_device: bool,
    /// Whether rows have their lines.
    pub keep_lines: bool,
    /// Only lines of these salts, as far as each says: others are passed over as if they were not there, and counted.
    pub salts: Option<HashMap<SaltId, LinesOfSalt>>,
    /// How many threads read lines; without it one for each core.
    pub threads: Option<NonZero<usize>>,
}

impl Query {
    /// All rows of any time that a filter asks for, without own questions and lines.
    pub fn new(filter: Filter) -> Self {
        Self { filter, ..Self::default() }
    }

    /// Whether a time is asked for.
    pub fn covers(&self, time: Time) -> bool {
        self.since.is_none_or(|since| time >= since) && self.until.is_none_or(|until| time < until)
    }
}

/// Which lines of a salt are read. Others are passed over before the filter is asked, so that no row answers a guess of their texts;
/// [`Summary::withheld`] counts them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinesOfSalt {
    /// All.
    All,
    /// Those that are known to be hashed.
    Hashed,
    /// None.
    None,
}

/// Takes the rows.
pub trait Sink {
    /// Whether a row that the filter asks for is taken. One that is not counts nowhere, and another device's copy of the same request
    /// may come in its place; where the filter has texts ([`Filter::containing`]), a request entry whose device lacks the answer, too. It
    /// is asked right before [`Sink::row`], and again if the same copy is read again.
    fn takes(&mut self, row: &Row) -> bool {
        let _: &Row = row;
        true
    }

    /// Is given a row. Rows come in the order of their answers in a log; rows without answer come late.
    fn row(&mut self, row: &Row) -> ControlFlow<()>;

    /// Is told how far the reading has come, several times a second. `Break` ends it; the rows until then are a partial answer.
    fn progress(&mut self, progress: &Progress<'_>) -> ControlFlow<()> {
        let _: &Progress<'_> = progress;
        ControlFlow::Continue(())
    }
}

impl<F: FnMut(&Row) -> ControlFlow<()>> Sink for F {
    fn row(&mut self, row: &Row) -> ControlFlow<()> {
        self(row)
    }
}

/// Reads logs, in any order, and delivers the rows that are asked for. A source that cannot be opened, or whose reading fails
/// later, is read as far as possible, and said in [`Summary::damaged`].
pub fn run(inputs: Vec<Input>, query: &Query, sink: &mut dyn Sink) -> Summary {
    engine::run(inputs, query, sink)
}
