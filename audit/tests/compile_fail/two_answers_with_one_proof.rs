//! An answer uses its proofs up, and they cannot be cloned.
use onrecord_audit::entry::Entry;
use onrecord_audit::{Broker, NotOnRecord, RequestOnRecord, ResponseOnRecord};

fn answer(_: RequestOnRecord, _: ResponseOnRecord) {}

fn handle(broker: &Broker, request: &Entry<'_>, response: &Entry<'_>) -> Result<(), NotOnRecord> {
    let requested = broker.record_request(request).wait()?;
    let responded = broker.record_response(response).wait()?;
    answer(requested, responded);
    answer(requested, responded);
    Ok(())
}

fn twice(broker: &Broker, request: &Entry<'_>) -> Result<(), NotOnRecord> {
    let requested = broker.record_request(request).wait()?;
    let _other: RequestOnRecord = requested.clone();
    Ok(())
}

fn main() {}
