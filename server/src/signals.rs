//! Signals: SIGHUP reopens audit devices, reloads certificates and the configuration; SIGINT and SIGTERM stop the server.
//! Never in it: what reloading or stopping does.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Request {
    /// Reopen the files, and read the configuration again.
    Reload,
    /// Shut down in order.
    Stop,
}

/// SIGXFSZ: a file would grow beyond the limit of the process (signal(7)).
const FILE_TOO_LARGE: i32 = 25;

pub(crate) struct Signals {
    /// Handled so that it does not end the process: the write fails instead, and the device reports it.
    _file_too_large: Signal,
    hangup: Signal,
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    pub(crate) fn listen() -> io::Result<Self> {
        Ok(Self {
            _file_too_large: signal(SignalKind::from_raw(FILE_TOO_LARGE))?,
            hangup: signal(SignalKind::hangup())?,
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    pub(crate) async fn next(&mut self) -> Request {
        tokio::select! {
            _ = self.hangup.recv() => Request::Reload,
            _ = self.interrupt.recv() => Request::Stop,
            _ = self.terminate.recv() => Request::Stop,
        }
    }
}
