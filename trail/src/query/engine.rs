//! Runs a query: this thread reads chunks and joins what they have; one thread for each core reads their lines.
//! Never in it: what a line or a row is.

use std::collections::BTreeMap;
use std::num::NonZero;
use std::ops::ControlFlow;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Mutex, PoisonError};
use std::thread;

use super::join::Joiner;
use super::read::{CHUNK, Damage, Reader, Step};
use super::scan::{Chunk, LineReader, Scanned};
use super::{DamagedSource, Query, Sink, Summary};
use crate::check::Progress;
use crate::input::Input;

/// More threads would wait for this one.
const THREADS_MAX: usize = 8;
/// Chunks of all threads together have no more bytes, except for one.
const IN_FLIGHT_MAX: usize = 20 * CHUNK;
/// A shorter chunk shows that its source is slow: then what is known is delivered before more is read.
const SLOW: usize = 32 * 1024;

pub(super) fn run(inputs: Vec<Input>, query: &Query, sink: &mut dyn Sink) -> Summary {
    let mut reader = Reader::new(inputs);
    let lines = LineReader::new(query);
    let cores = || thread::available_parallelism().map_or(1, NonZero::get).min(THREADS_MAX);
    let threads = query.threads.map_or_else(cores, NonZero::get);
    let (to_threads, work) = channel::<Chunk>();
    let (done, from_threads) = channel::<Scanned>();
    let work = Mutex::new(work);
    thread::scope(|scope| {
        for _ in 0..threads {
            let (work, lines, done) = (&work, &lines, done.clone());
            scope.spawn(move || scan(work, lines, &done));
        }
        drop(done);
        let flow = Flow {
            joiner: Joiner::new(query, &lines),
            most: 2 * threads + 1,
            in_flight: BTreeMap::new(),
            ready: BTreeMap::new(),
            next: 1,
            from_threads,
        };
        // When it returns, the threads have nothing to wait for.
        flow.run(&mut reader, to_threads, sink)
    })
}

/// A thread: reads the lines of one chunk after the other.
fn scan(work: &Mutex<Receiver<Chunk>>, lines: &LineReader<'_>, done: &Sender<Scanned>) {
    loop {
        let next = work.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(chunk) = next else { return };
        if done.send(lines.chunk(chunk)).is_err() {
            return;
        }
    }
}

struct Flow<'q> {
    joiner: Joiner<'q>,
    /// Chunks in flight, at most,
    most: usize,
    /// and the bytes of each, by its number.
    in_flight: BTreeMap<u64, usize>,
    /// Those that came back before an earlier one.
    ready: BTreeMap<u64, Scanned>,
    /// The number of the chunk that is joined next.
    next: u64,
    from_threads: Receiver<Scanned>,
}

impl Flow<'_> {
    fn run(mut self, reader: &mut Reader, to_threads: Sender<Chunk>, sink: &mut dyn Sink) -> Summary {
        let mut flow = ControlFlow::Continue(());
        while flow.is_continue() {
            match reader.step() {
                Step::End => break,
                Step::Nothing => {}
                Step::Chunk(chunk) => {
                    let bytes = chunk.bytes.len();
                    self.in_flight.insert(chunk.number, bytes);
                    if to_threads.send(chunk).is_err() {
                        break;
                    }
                    flow = self.join(reader, bytes < SLOW, sink);
                }
            }
            if flow.is_continue() {
                let (source, read, total) = reader.progress();
                flow = sink.progress(&Progress { source, read, total });
            }
        }
        drop(to_threads);
        while flow.is_continue() && !self.in_flight.is_empty() {
            flow = self.join(reader, true, sink);
        }
        let sources = self.sources(reader);
        let summary = self.joiner.end(flow.is_break(), sink);
        Summary { damaged: sources, bytes: reader.bytes(), too_long: reader.too_long, ..summary }
    }

    /// Joins what is ready; waits if there are too many in flight, or for all of them.
    fn join(&mut self, reader: &mut Reader, all: bool, sink: &mut dyn Sink) -> ControlFlow<()> {
        loop {
            while let Some(scanned) = self.ready.remove(&self.next) {
                self.in_flight.remove(&self.next);
                self.next += 1;
                let Some(name) = reader.names.get(scanned.source).cloned() else { continue };
                let bytes = std::sync::Arc::clone(&scanned.bytes);
                self.joiner.chunk(scanned, &name, sink)?;
                reader.recycle(bytes);
            }
            let waiting: usize = self.in_flight.values().sum();
            let must_wait = all && !self.in_flight.is_empty()
                || self.in_flight.len() >= self.most
                || waiting > IN_FLIGHT_MAX;
            let received = if must_wait {
                // All threads have ended before their work was done: the scope passes their panic on.
                let Ok(scanned) = self.from_threads.recv() else { return ControlFlow::Break(()) };
                Some(scanned)
            } else {
                self.from_threads.try_recv().ok()
            };
            let Some(scanned) = received else { return ControlFlow::Continue(()) };
            self.ready.insert(scanned.number, scanned);
        }
    }

    fn sources(&self, reader: &Reader) -> Vec<DamagedSource> {
        let damaged = |damage: &Damage| DamagedSource {
            name: reader.names.get(damage.source).map_or_else(String::new, ToString::to_string),
            reason: damage.reason.clone(),
            lines: self.joiner.lines_of(damage.source),
            opened: damage.opened,
        };
        reader.damaged.iter().map(damaged).collect()
    }
}
