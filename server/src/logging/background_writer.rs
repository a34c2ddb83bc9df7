//! A writer on a thread of its own, for standard error: when nothing reads it, a thread that logs must not wait, or every
//! request would. Lines that do not fit into the buffer are dropped and counted, and the log says how many.
//! Never in it: what is logged.

use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// How many bytes may wait to be written.
const CAPACITY: usize = 1 << 20;

/// How much of the buffer is kept between bursts.
const RETAINED: usize = 1 << 16;

/// Lines that wait for standard error, and the thread that writes them.
pub(super) struct BackgroundWriter {
    state: Mutex<State>,
    /// Notified when a line is added, and when all are written.
    changed: Condvar,
    /// Whether a character is written as it is; the others are escaped.
    is_plain: fn(char) -> bool,
}

#[derive(Default)]
struct State {
    waiting: Vec<u8>,
    /// Lines dropped since the last ones were taken.
    lost: u64,
    writing: bool,
}

impl BackgroundWriter {
    pub(super) fn start(
        sink: impl Write + Send + 'static,
        is_plain: fn(char) -> bool,
    ) -> io::Result<Arc<Self>> {
        let writer = Arc::new(Self { state: Mutex::default(), changed: Condvar::new(), is_plain });
        let running = Arc::clone(&writer);
        thread::Builder::new().name("log".to_owned()).spawn(move || running.run(sink))?;
        Ok(writer)
    }

    /// Waits until all is written, at most until the time-out: nothing may be reading.
    pub(super) fn flush_within(&self, limit: Duration) {
        let busy = |state: &mut State| state.writing || !state.waiting.is_empty();
        drop(self.changed.wait_timeout_while(self.state(), limit, busy));
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a line; `false` if there is no room for it.
    fn write_event(&self, event: &[u8]) -> bool {
        let line = one_line(event, self.is_plain);
        let mut state = self.state();
        if state.waiting.len() + line.len() > CAPACITY {
            state.lost += 1;
            return false;
        }
        state.waiting.extend_from_slice(line.as_bytes());
        drop(state);
        self.changed.notify_all();
        true
    }

    fn run(&self, mut sink: impl Write) {
        let mut taken = Vec::new();
        loop {
            let lost = {
                let mut state = self.state();
                state.writing = false;
                self.changed.notify_all();
                while state.waiting.is_empty() {
                    state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                }
                state.writing = true;
                std::mem::swap(&mut state.waiting, &mut taken);
                std::mem::take(&mut state.lost)
            };
            // The server goes on when standard error is closed.
            let _unwritten = sink.write_all(&taken).and_then(|()| sink.flush());
            taken.clear();
            taken.shrink_to(RETAINED);
            if lost > 0 {
                tracing::warn!(lost, "lines of this log are lost: standard error was not read");
            }
        }
    }
}

/// Takes one event in one piece.
pub(super) struct EventWriter(pub(super) Arc<BackgroundWriter>);

impl Write for EventWriter {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let _counted = self.0.write_event(event);
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// An event on one line: a file's name in it, for example, must not be able to begin another line.
fn one_line(event: &[u8], is_plain: fn(char) -> bool) -> String {
    let text = String::from_utf8_lossy(event);
    let mut line = String::with_capacity(text.len() + 1);
    for c in text.trim_end_matches('\n').chars() {
        if is_plain(c) {
            line.push(c);
        } else {
            line.extend(c.escape_default());
        }
    }
    line.push('\n');
    line
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use onrecord_value::printable::is_printable;

    use super::*;

    /// A standard error that blocks until its reader is there.
    struct Pipe {
        reader: mpsc::Receiver<()>,
        read: mpsc::Sender<Vec<u8>>,
    }

    impl Write for Pipe {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.reader.recv().ok();
            self.read.send(bytes.to_owned()).ok();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn r_hang_a_standard_error_that_is_not_read_blocks_no_thread_that_logs() {
        let (release, reader) = mpsc::channel();
        let (read, written) = mpsc::channel();
        let writer = BackgroundWriter::start(Pipe { reader, read }, |_| true).unwrap();
        let accepted = (0..4 * CAPACITY / 1024).filter(|_| writer.write_event(&[b'x'; 1023])).count();
        let waiting = writer.state().waiting.len();
        // One more batch may have been taken by the thread.
        assert!(
            waiting <= CAPACITY && accepted * 1024 <= 2 * CAPACITY,
            "{waiting} bytes wait of {accepted} lines"
        );
        drop(release);
        writer.flush_within(Duration::from_mins(10));
        let bytes: usize = written.try_iter().map(|bytes| bytes.len()).sum();
        assert_eq!(bytes, accepted * 1024, "every accepted line is written");
    }

    #[test]
    fn an_event_is_one_line_with_any_text_in_it() {
        assert_eq!(
            one_line("open /a\nERROR /b\x1b[2J\r\u{202e}.log\n".as_bytes(), is_printable),
            "open /a\\nERROR /b\\u{1b}[2J\\r\\u{202e}.log\n"
        );
        assert_eq!(one_line("\u{85}ä\n".as_bytes(), |_| true), "\u{85}ä\n");
    }
}
