//! An answer takes the proof of its response; a request's does not do.
use onrecord_audit::entry::Entry;
use onrecord_audit::{Broker, NotOnRecord, RequestOnRecord, ResponseOnRecord};

fn answer(_: RequestOnRecord, _: ResponseOnRecord) {}

fn handle(broker: &Broker, request: &Entry<'_>) -> Result<(), NotOnRecord> {
    let requested = broker.record_request(request).wait()?;
    let again = broker.record_request(request).wait()?;
    answer(requested);
    answer(requested, again);
    Ok(())
}

fn main() {}
