//! Standard error behind a thread of its own: where nobody reads it, who has something to say must not wait, or every
//! request would. Lines that find no room are counted, and the log says how many. Never in it: what is said.

use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// How many bytes may wait to be taken.
const ROOM: usize = 1 << 20;

/// How much room is kept between bursts.
const KEPT: usize = 1 << 16;

/// Where lines wait for standard error.
pub(super) struct Outlet {
    state: Mutex<State>,
    /// Told when something waits, and when nothing does.
    news: Condvar,
    /// What of an event is written as it is; the rest is escaped.
    plain: fn(char) -> bool,
}

#[derive(Default)]
struct State {
    waiting: Vec<u8>,
    /// Lines that found no room since the last ones were taken.
    lost: u64,
    writing: bool,
}

impl Outlet {
    /// Begins to write what is said.
    pub(super) fn open(sink: impl Write + Send + 'static, plain: fn(char) -> bool) -> io::Result<Arc<Self>> {
        let outlet = Arc::new(Self { state: Mutex::default(), news: Condvar::new(), plain });
        let writer = Arc::clone(&outlet);
        thread::Builder::new().name("log".to_owned()).spawn(move || writer.run(sink))?;
        Ok(outlet)
    }

    /// Waits until all is written, but not for long: nobody may be reading.
    pub(super) fn settle(&self, patience: Duration) {
        let busy = |state: &mut State| state.writing || !state.waiting.is_empty();
        drop(self.news.wait_timeout_while(self.state(), patience, busy));
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether there was room for it.
    fn say(&self, event: &[u8]) -> bool {
        let line = one_line(event, self.plain);
        let mut state = self.state();
        if state.waiting.len() + line.len() > ROOM {
            state.lost += 1;
            return false;
        }
        state.waiting.extend_from_slice(line.as_bytes());
        drop(state);
        self.news.notify_all();
        true
    }

    fn run(&self, mut sink: impl Write) {
        let mut taken = Vec::new();
        loop {
            let lost = {
                let mut state = self.state();
                state.writing = false;
                self.news.notify_all();
                while state.waiting.is_empty() {
                    state = self.news.wait(state).unwrap_or_else(PoisonError::into_inner);
                }
                state.writing = true;
                std::mem::swap(&mut state.waiting, &mut taken);
                std::mem::take(&mut state.lost)
            };
            // A standard error that is closed is no reason not to serve.
            let _unsaid = sink.write_all(&taken).and_then(|()| sink.flush());
            taken.clear();
            taken.shrink_to(KEPT);
            if lost > 0 {
                tracing::warn!(lost, "standard error took nothing, and so many lines of this log are lost");
            }
        }
    }
}

/// What one event is written to, in one piece.
pub(super) struct Line(pub(super) Arc<Outlet>);

impl Write for Line {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let _counted = self.0.say(event);
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// An event on a line of its own: the name of a file, say, must not be able to begin another.
fn one_line(event: &[u8], plain: fn(char) -> bool) -> String {
    let text = String::from_utf8_lossy(event);
    let mut line = String::with_capacity(text.len() + 1);
    for c in text.trim_end_matches('\n').chars() {
        if plain(c) {
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

    /// A standard error that takes nothing until its reader is there.
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
    fn r_hang_a_standard_error_that_nobody_reads_holds_nobody_up() {
        let (come, reader) = mpsc::channel();
        let (read, written) = mpsc::channel();
        let outlet = Outlet::open(Pipe { reader, read }, |_| true).unwrap();
        let said = (0..4 * ROOM / 1024).filter(|_| outlet.say(&[b'x'; 1023])).count();
        let waiting = outlet.state().waiting.len();
        // One batch may be on its way besides.
        assert!(waiting <= ROOM && said * 1024 <= 2 * ROOM, "{waiting} bytes wait of {said} lines");
        drop(come);
        outlet.settle(Duration::from_mins(10));
        let bytes: usize = written.try_iter().map(|bytes| bytes.len()).sum();
        assert_eq!(bytes, said * 1024, "what found room is written");
    }

    #[test]
    fn an_event_is_one_line_whatever_is_in_it() {
        assert_eq!(
            one_line("open /a\nERROR /b\x1b[2J\r\u{202e}.log\n".as_bytes(), is_printable),
            "open /a\\nERROR /b\\u{1b}[2J\\r\\u{202e}.log\n"
        );
        assert_eq!(one_line("\u{85}ä\n".as_bytes(), |_| true), "\u{85}ä\n");
    }
}
