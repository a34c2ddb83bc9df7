//! The server's own log, on standard error. It obeys the same rule as an entry: nothing of a client's text is in it.
//! Never in it: the audit log.

mod outlet;

use std::io::{self, IsTerminal};
use std::sync::Arc;
use std::time::Duration;

use onrecord_value::printable::is_printable;
use tracing::Level;

use crate::config::LogFormat;
use outlet::{Line, Outlet};

/// How long an end waits for standard error to take what was said.
const END_PATIENCE: Duration = Duration::from_secs(1);

/// The log of this process. Dropped, it writes what was said, and goes on.
pub(crate) struct Log(Arc<Outlet>);

impl Drop for Log {
    fn drop(&mut self) {
        self.0.settle(END_PATIENCE);
    }
}

/// Starts logging. Called once, before anything is logged. A panic is logged by its place alone: its message could hold
/// a client's text.
pub(crate) fn start(level: Level, format: LogFormat) -> io::Result<Log> {
    let colours = format == LogFormat::Standard && io::stderr().is_terminal();
    // One event is one line, whatever name of a file is in it. Colours are control characters, and JSON escapes its own.
    let outlet = Outlet::open(
        io::stderr(),
        match format {
            LogFormat::Json => |_| true,
            LogFormat::Standard if colours => |c| is_printable(c) || c == '\x1b',
            LogFormat::Standard => is_printable,
        },
    )?;
    let lines = Arc::clone(&outlet);
    let builder = tracing_subscriber::fmt()
        .with_max_level(level)
        .with_writer(move || Line(Arc::clone(&lines)))
        .with_target(false);
    match format {
        LogFormat::Standard => builder.with_ansi(colours).init(),
        LogFormat::Json => builder.json().flatten_event(true).init(),
    }
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string);
        tracing::error!(place, "something in the server panicked");
    }));
    Ok(Log(outlet))
}
