//! A tree that a web server has: its checkpoint, tiles and bundles below a URL.
//! Never in it: the meaning of what is read.

use std::cell::RefCell;
use std::io;

use onrecord_client::Client;
use onrecord_evidence::StoreReader;
use onrecord_value::printable::printable;
use tokio::runtime::Runtime;

use super::unreadable;
use crate::client_config;
use crate::command::{Failure, Invocation};
use crate::process::Process;

/// The largest resource is a checkpoint with its signatures; tiles and bundles have less than 9 KiB.
const RESOURCE_MAX: usize = 1024 * 1024;

/// Nothing is read before the first call. After one that failed nothing more is asked for.
pub(super) struct WebTree {
    url: String,
    client: Client,
    runtime: Runtime,
    failure: RefCell<Option<String>>,
}

impl WebTree {
    pub(super) fn new(process: &Process, invocation: &Invocation, url: &str) -> Result<Self, Failure> {
        let wrong = |error: String| unreadable(format!("-tlog={}: {}", printable(url), printable(&error)));
        if url.contains(['?', '#']) {
            return Err(wrong(
                "give the URL of the folder that has the file \"checkpoint\", without ? and #".into(),
            ));
        }
        let client = client_config::outside_api(process, invocation, url, RESOURCE_MAX).map_err(wrong)?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| Failure::server(format!("Cannot create the async runtime: {error}")))?;
        Ok(Self { url: url.to_owned(), client, runtime, failure: RefCell::new(None) })
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// Why the web server did not answer, if it did not.
    pub(super) fn failure(&self) -> Option<String> {
        self.failure.borrow().clone()
    }
}

impl StoreReader for WebTree {
    fn read(&self, path: &str) -> io::Result<Option<Vec<u8>>> {
        if let Some(failure) = self.failure() {
            return Err(io::Error::other(failure));
        }
        let failure = match self.runtime.block_on(self.client.get_outside_api(path)) {
            Ok(answer) if answer.status == 200 => return Ok(Some(answer.body)),
            Ok(answer) if matches!(answer.status, 404 | 410) => return Ok(None),
            Ok(answer) => format!("{path}: the web server answers with status {}", answer.status),
            Err(error) => format!("{path}: {error}"),
        };
        *self.failure.borrow_mut() = Some(failure.clone());
        Err(io::Error::other(failure))
    }
}
