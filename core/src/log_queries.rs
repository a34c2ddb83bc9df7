//! Questions to the server's own audit logs: one at once, in a thread of the lowest priority, bounded in time, rows and bytes.
//! Never in it: how a log is read (`onrecord-trail`), and the endpoint (`engine::sys::audit_query`).

mod answer;

use std::collections::HashMap;
use std::num::NonZero;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use onrecord_entry::SaltId;
use onrecord_trail::query::{LinesOfSalt, Query, Row, Sink, run};
use onrecord_trail::{Input, Progress, files_of_log};
use onrecord_value::{Object, Value};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::audit_errors;
use crate::blocking_task::BlockingTask;
use crate::devices::SaltLines;
use crate::host::Process;
use crate::outcome::Refusal;

pub(crate) use answer::Shown;

/// How many rows an answer has at most, and if nothing else is asked for.
pub(crate) const ROWS_MAX: usize = 1000;
pub(crate) const ROWS: usize = 100;
/// How long a query takes at most, and if nothing else is asked for.
pub(crate) const TIME_MAX: Duration = Duration::from_secs(30);
pub(crate) const TIME: Duration = Duration::from_secs(10);
/// How long its thread is waited for after that. A file system that hangs must not hold up a seal, which waits for requests.
const OVERTIME: Duration = Duration::from_secs(5);
/// How many bytes of files are read at most.
const READ_MAX: u64 = 32 * 1024 * 1024 * 1024;
/// About how many bytes the texts of an answer have at most.
const ANSWER_MAX: usize = 2 * 1024 * 1024;

/// The place for the one query that runs.
pub(crate) struct LogQueries(Arc<Semaphore>);

impl Default for LogQueries {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(1)))
    }
}

/// What is asked, of which logs.
pub(crate) struct LogQuery {
    pub(crate) query: Query,
    pub(crate) shown: Vec<Shown>,
    pub(crate) rows: usize,
    pub(crate) time: Duration,
    pub(crate) sources: Sources,
}

/// The files of the server's devices.
#[derive(Default)]
pub(crate) struct Sources {
    /// The current file of each device, by the device's path.
    pub(crate) files: Vec<(String, PathBuf)>,
    /// Devices that are not asked, and why.
    pub(crate) skipped: Vec<(String, &'static str)>,
    /// All salts of the server, and what their lines are like if that is known: lines of others are not its own.
    pub(crate) salts: HashMap<SaltId, Option<SaltLines>>,
}

impl Sources {
    /// Which lines are read. Raw ones are passed over before the filter is asked: which rows and counts there are must not answer
    /// questions about texts in the clear, and a raw line must not take the place of the same request on a device that hashes.
    fn readable(&self) -> HashMap<SaltId, LinesOfSalt> {
        let readable = |(id, lines): (&SaltId, &Option<SaltLines>)| {
            let read = match lines {
                Some(SaltLines::Hashed) => LinesOfSalt::All,
                Some(SaltLines::Raw) => LinesOfSalt::None,
                None => LinesOfSalt::Hashed,
            };
            (*id, read)
        };
        self.salts.iter().map(readable).collect()
    }
}

impl LogQueries {
    /// Runs a query; refuses it while another one runs.
    pub(crate) async fn run(&self, query: LogQuery, process: Arc<dyn Process>) -> Result<Object, Refusal> {
        let limit = query.time + OVERTIME;
        let permit = Arc::clone(&self.0).try_acquire_owned().map_err(|_| busy())?;
        let work = move || run_query(&query, &*process, permit);
        let task = BlockingTask::begin("onrecord-query", work).map_err(|error| {
            tracing::error!(%error, "a thread for a query could not be started");
            Refusal::internal()
        })?;
        task.wait(limit).await.ok_or_else(Refusal::internal)
    }
}

fn busy() -> Refusal {
    let text = "another query of the audit logs is running: one runs at a time, so that requests are not held up; try again, or search \
                the files with the command \"log search\"";
    Refusal {
        status: 429,
        text: Some(text.to_owned()),
        audit_error: Some(audit_errors::QUERY_RUNNING),
        in_data: false,
    }
}

fn run_query(query: &LogQuery, process: &dyn Process, _permit: OwnedSemaphorePermit) -> Object {
    process.lower_priority();
    let mut skipped = query.sources.skipped.clone();
    let mut inputs = Vec::new();
    let mut devices = Object::new();
    for (path, file) in &query.sources.files {
        let Ok(files) = files_of_log(file) else {
            skipped.push((path.clone(), "the folder of its file cannot be read"));
            continue;
        };
        devices.insert(path.as_str(), files.iter().map(|file| file.display().to_string()).collect::<Value>());
        inputs.extend(files.iter().map(Input::file));
    }
    let one = NonZero::<usize>::MIN;
    let asked = Query { threads: Some(one), salts: Some(query.sources.readable()), ..query.query.clone() };
    let mut rows = Rows::new(query);
    let summary = run(inputs, &asked, &mut rows);
    answer::object(rows, &summary, devices, &skipped)
}

/// Which bound ended a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bound {
    Rows,
    Time,
    Read,
    Answer,
}

impl Bound {
    const fn name(self) -> &'static str {
        match self {
            Self::Rows => "limit",
            Self::Time => "time",
            Self::Read => "bytes_read",
            Self::Answer => "bytes_answered",
        }
    }
}

/// The rows that are answered, and what ended them.
struct Rows<'q> {
    query: &'q LogQuery,
    ends: Instant,
    values: Vec<Value>,
    bytes: usize,
    /// Rows without an answer.
    unanswered: u64,
    bound: Option<Bound>,
    read: Read,
}

/// How much was read of which source.
#[derive(Default)]
struct Read {
    source: String,
    now: u64,
    before: u64,
}

impl<'q> Rows<'q> {
    fn new(query: &'q LogQuery) -> Self {
        let ends = Instant::now() + query.time;
        Self { query, ends, values: Vec::new(), bytes: 0, unanswered: 0, bound: None, read: Read::default() }
    }

    fn end(&mut self, bound: Bound) -> ControlFlow<()> {
        self.bound = Some(bound);
        ControlFlow::Break(())
    }
}

impl Sink for Rows<'_> {
    fn row(&mut self, row: &Row) -> ControlFlow<()> {
        if Instant::now() >= self.ends {
            return self.end(Bound::Time);
        }
        if self.values.len() >= self.query.rows {
            return self.end(Bound::Rows);
        }
        let shown = answer::row(row, &self.query.shown);
        self.bytes += shown.to_json().len();
        if self.bytes > ANSWER_MAX {
            return self.end(Bound::Answer);
        }
        self.values.push(shown);
        self.unanswered += u64::from(!row.is_answered());
        ControlFlow::Continue(())
    }

    fn progress(&mut self, progress: &Progress<'_>) -> ControlFlow<()> {
        if self.read.source != progress.source {
            self.read.before += self.read.now;
            progress.source.clone_into(&mut self.read.source);
        }
        self.read.now = progress.read;
        if Instant::now() >= self.ends {
            return self.end(Bound::Time);
        }
        if self.read.before + self.read.now > READ_MAX {
            return self.end(Bound::Read);
        }
        ControlFlow::Continue(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_query_runs_at_a_time_and_the_next_one_after_it() {
        let queries = LogQueries::default();
        let query = || LogQuery {
            query: Query::default(),
            shown: Shown::usual(),
            rows: 1,
            time: TIME,
            sources: Sources::default(),
        };
        let running = Arc::clone(&queries.0).try_acquire_owned().unwrap();
        let refused = queries.run(query(), Arc::new(())).await.unwrap_err();
        assert_eq!(refused.status, 429);
        drop(running);
        assert!(queries.run(query(), Arc::new(())).await.is_ok());
        assert!(queries.run(query(), Arc::new(())).await.is_ok());
    }
}
