//! The row of the table: the kind's name, its options, and how they are read.
//! Never in it: talking to a collector.

use std::sync::Arc;
use std::time::Duration;

use http::Uri;
use onrecord_audit::device::{DeviceKind, DeviceOption, DeviceTarget, GivenOptions, OptionError};
use onrecord_audit::{Clock, Device, DeviceError, Placement};

use crate::client::Client;
use crate::device::HttpDevice;

/// `http`: a collector that takes lines by `POST`.
pub struct HttpKind;

const TIMEOUT: Duration = Duration::from_secs(2);

impl DeviceKind for HttpKind {
    fn name(&self) -> &'static str {
        "http"
    }

    fn about(&self) -> &'static str {
        "posts entries to a collector over HTTP, many in one request"
    }

    fn options(&self) -> &'static [DeviceOption] {
        const OPTIONS: &[DeviceOption] = &[
            DeviceOption::new(
                "url",
                "Where entries are posted, such as http://127.0.0.1:9200/audit. Required.",
            ),
            DeviceOption::new("timeout", "How long a request may take: 2, 500ms, 1m30s; 0 for no time-out.")
                .default("2s"),
        ];
        OPTIONS
    }

    fn parse(&self, given: &GivenOptions<'_>) -> Result<Arc<dyn DeviceTarget>, OptionError> {
        let text = given.text("url").ok_or(OptionError::Missing("url"))?;
        let url = text.parse().ok().filter(is_usable).ok_or_else(|| {
            OptionError::BadValue(format!(
                "bad url {text:?}; it is http://HOST:PORT/PATH, without a password"
            ))
        })?;
        let timeout = given.timeout("timeout", TIMEOUT)?;
        Ok(Arc::new(HttpOptions { url, timeout }))
    }
}

/// The URL is shown in errors, so it must hold no credentials.
fn is_usable(url: &Uri) -> bool {
    url.scheme_str() == Some("http")
        && url.authority().is_some_and(|authority| !authority.as_str().contains('@'))
}

/// The options of one device, understood.
struct HttpOptions {
    url: Uri,
    timeout: Option<Duration>,
}

impl DeviceTarget for HttpOptions {
    /// Connects, so that a collector that is not there is an error at once.
    fn open(&self, placement: &Placement, _clock: Arc<dyn Clock>) -> Result<Box<dyn Device>, OptionError> {
        let mut device = self.device(placement);
        device.check()?;
        Ok(Box::new(device))
    }

    fn open_later(&self, placement: &Placement, _clock: Arc<dyn Clock>) -> Box<dyn Device> {
        Box::new(self.device(placement))
    }

    /// The collector may be started after the server.
    fn may_start_later(&self) -> bool {
        true
    }
}

impl HttpOptions {
    fn device(&self, placement: &Placement) -> HttpDevice {
        let client = Client::start(self.url.clone(), self.timeout, placement.clone());
        HttpDevice::new(client.map_err(DeviceError::other))
    }
}
