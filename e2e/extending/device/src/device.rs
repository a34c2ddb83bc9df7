//! The device: blocking code between the broker's writer and the async client.
//! Never in it: HTTP.

use std::time::Duration;

use onrecord_audit::device::{Appended, Batch};
use onrecord_audit::{Device, DeviceError};

use crate::client::Client;

/// How often an idle device looks for its collector.
const CHECK_EVERY: Duration = Duration::from_secs(1);

/// Posts batches of lines.
pub(crate) struct HttpDevice {
    /// The client, or why the system gave it no thread.
    client: Result<Client, DeviceError>,
}

impl HttpDevice {
    pub(crate) const fn new(client: Result<Client, DeviceError>) -> Self {
        Self { client }
    }

    fn client(&self) -> Result<&Client, DeviceError> {
        self.client.as_ref().map_err(Clone::clone)
    }
}

impl Device for HttpDevice {
    /// The device has the lines when the collector has answered with a 2xx status. A request whose answer was lost may have
    /// been taken: its lines are declared as missing although the collector has them, never the other way round.
    fn append(&mut self, batch: &Batch<'_>) -> Appended {
        let posted = self.client().and_then(|client| client.post(batch.bytes()).map_err(DeviceError::other));
        match posted {
            Ok(()) => Appended::all(batch),
            Err(error) => Appended::none(error),
        }
    }

    fn check(&mut self) -> Result<(), DeviceError> {
        self.client()?.connect().map_err(DeviceError::other)
    }

    fn check_every(&self) -> Option<Duration> {
        Some(CHECK_EVERY)
    }
}
