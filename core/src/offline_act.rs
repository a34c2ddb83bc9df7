//! What was done when nothing could be recorded, as a pair of entries: on the machine itself while no server ran (`operator
//! audit-repair`, `operator snapshot restore`), or as a ceremony before a device was there. Never in it: when it is tried, or what was done.

use onrecord_audit::Broker;
use onrecord_entry::request::{Data, Namespace};
use onrecord_entry::text::Path;
use onrecord_entry::{Clear, Entry, Operation, Request, Response};
use onrecord_value::Object;

/// An act for the record.
pub(crate) struct OfflineAct<'a> {
    pub(crate) id: &'a str,
    pub(crate) operation: Operation,
    pub(crate) path: &'a str,
    pub(crate) data: &'a Object,
    /// Address and port of the other end of the connection; empty if it was not asked for through the API.
    pub(crate) peer: (&'a str, u16),
    /// The client behind it that a trusted proxy stated; empty without.
    pub(crate) client: (&'a str, u16),
    /// The status that was answered.
    pub(crate) status: u16,
    /// What was acted on, for the server's log.
    pub(crate) subject: &'static str,
}

impl OfflineAct<'_> {
    /// Puts it on record; false if no device takes its request entry.
    pub(crate) async fn record(&self, broker: &Broker) -> bool {
        if broker.record_request(&self.entry(false)).await.is_err() {
            return false;
        }
        if let Err(refused) = broker.record_response(&self.entry(true)).or_unaudited().await {
            tracing::warn!(%refused, "the response entry of {} is not on record", self.subject);
        }
        true
    }

    /// There is no token: it was not asked for through the API, or key shares stood in its place.
    fn entry(&self, response: bool) -> Entry<'_> {
        Entry {
            request: Request {
                id: Clear::new(self.id),
                operation: Some(self.operation),
                namespace: Some(Namespace::ROOT),
                path: Path::new(self.path),
                data: Data::new(self.data),
                remote_address: Clear::new(self.peer.0),
                remote_port: self.peer.1,
                client_address: Clear::new(self.client.0),
                client_port: self.client.1,
                ..Request::default()
            },
            response: response.then(|| Response { status_code: self.status, ..Response::default() }),
            ..Entry::default()
        }
    }
}
