//! The server's own log, on standard error. As in an entry, no text of a client is in it.
//! Never in it: the audit log.

mod background_writer;

use std::io::{self, IsTerminal};
use std::sync::Arc;
use std::time::Duration;

use onrecord_value::printable::is_printable;
use tracing::Level;

use crate::config::LogFormat;
use background_writer::{BackgroundWriter, EventWriter};

/// How long the end of the process waits for the log to be written.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(1);

/// The log of this process. When dropped, it waits for its lines to be written.
pub(crate) struct Log(Arc<BackgroundWriter>);

impl Drop for Log {
    fn drop(&mut self) {
        self.0.flush_within(FLUSH_TIMEOUT);
    }
}

/// Starts logging. Called once, before anything is logged. Of a panic only the place is logged: its message could hold
/// a client's text.
pub(crate) fn start(level: Level, format: LogFormat) -> io::Result<Log> {
    let colours = format == LogFormat::Standard && io::stderr().is_terminal();
    // One event is one line, with any file's name in it. Colours are control characters, and JSON escapes its own.
    let writer = BackgroundWriter::start(
        io::stderr(),
        match format {
            LogFormat::Json => |_| true,
            LogFormat::Standard if colours => |c| is_printable(c) || c == '\x1b',
            LogFormat::Standard => is_printable,
        },
    )?;
    let events = Arc::clone(&writer);
    let builder = tracing_subscriber::fmt()
        .with_max_level(level)
        .with_writer(move || EventWriter(Arc::clone(&events)))
        .with_target(false);
    match format {
        LogFormat::Standard => builder.with_ansi(colours).init(),
        LogFormat::Json => builder.json().flatten_event(true).init(),
    }
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string);
        tracing::error!(place, "something in the server panicked");
    }));
    Ok(Log(writer))
}
