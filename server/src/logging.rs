//! The server's own log, on standard error. It obeys the same rule as an entry: nothing of a client's text is in it.
//! Never in it: the audit log.

use std::io::{self, IsTerminal};

use tracing::Level;

use crate::config::LogFormat;

/// Starts logging. Called once, before anything is logged. A panic is logged by its place alone: its message could hold
/// a client's text.
pub(crate) fn start(level: Level, format: LogFormat) {
    let builder = tracing_subscriber::fmt().with_max_level(level).with_writer(io::stderr).with_target(false);
    match format {
        LogFormat::Standard => builder.with_ansi(io::stderr().is_terminal()).init(),
        LogFormat::Json => builder.json().flatten_event(true).init(),
    }
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string);
        tracing::error!(place, "something in the server panicked");
    }));
}
