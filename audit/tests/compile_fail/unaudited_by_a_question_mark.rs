//! `?` gives a proof or leaves; that no device is enabled is only reached by a call that names it.
use onrecord_audit::entry::Entry;
use onrecord_audit::{Broker, NotOnRecord, RequestOnRecord, Unaudited};

fn carry_out(_: &RequestOnRecord) {}

fn handle(broker: &Broker, request: &Entry<'_>) -> Result<(), NotOnRecord> {
    let _unaudited: Unaudited = broker.record_request(request).wait()?;
    let recorded = broker.record_request(request).or_unaudited().wait()?;
    carry_out(&recorded);
    let _forged = Unaudited(());
    Ok(())
}

fn main() {}
