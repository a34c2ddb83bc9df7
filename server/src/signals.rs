//! Signals: SIGHUP opens audit devices and certificates again and reads the configuration, SIGINT and SIGTERM stop the server.
//! Never in it: what reloading or stopping does.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// What the operator asks for by signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asked {
    /// Open the files again, and read the configuration again.
    Reload,
    /// End well.
    Stop,
}

/// SIGXFSZ: a file would grow beyond the limit of the process (signal(7)).
const FILE_TOO_LARGE: i32 = 25;

/// The signals being listened to.
pub(crate) struct Signals {
    /// Listened to so that it does not end the process: the write fails instead, and its device says so.
    _file_too_large: Signal,
    hangup: Signal,
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    /// Begins to listen.
    pub(crate) fn listen() -> io::Result<Self> {
        Ok(Self {
            _file_too_large: signal(SignalKind::from_raw(FILE_TOO_LARGE))?,
            hangup: signal(SignalKind::hangup())?,
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    /// Waits for the next one.
    pub(crate) async fn next(&mut self) -> Asked {
        tokio::select! {
            _ = self.hangup.recv() => Asked::Reload,
            _ = self.interrupt.recv() => Asked::Stop,
            _ = self.terminate.recv() => Asked::Stop,
        }
    }
}
