//! The server's own log, on standard error. It obeys the same rule as an entry: nothing of a client's text is in it.
//! Never in it: the audit log.

use std::io::{self, IsTerminal};

use tracing::Level;

use crate::config::LogFormat;

/// Starts logging. Called once, before anything is logged.
pub(crate) fn start(level: Level, format: LogFormat) {
    let builder = tracing_subscriber::fmt().with_max_level(level).with_writer(io::stderr).with_target(false);
    match format {
        LogFormat::Standard => builder.with_ansi(io::stderr().is_terminal()).init(),
        LogFormat::Json => builder.json().flatten_event(true).init(),
    }
}
