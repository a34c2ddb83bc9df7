//! An unused proof is an error, and so is an entry that is not awaited.
#![deny(unused_must_use)]
use onrecord_audit::entry::Entry;
use onrecord_audit::{Broker, NotOnRecord};

fn handle(broker: &Broker, request: &Entry<'_>, response: &Entry<'_>) -> Result<(), NotOnRecord> {
    broker.record_request(request);
    broker.record_request(request).wait()?;
    broker.record_response(response).wait()?;
    broker.record_response(response).or_unaudited().wait()?;
    Ok(())
}

async fn handle_async(broker: &Broker, request: &Entry<'_>) -> Result<(), NotOnRecord> {
    broker.record_request(request).await?;
    Ok(())
}

fn main() {}
