//! Entries that count refused requests which have none of their own.
//! Never in it: what is counted.

use onrecord_audit::Recorded;
use onrecord_entry::Entry;
use onrecord_entry::gap::RefusedRequests;

use crate::engine::unsealed::Unsealed;
use crate::network::Network;
use crate::refusals::{Count, Taken};

/// Puts counts on record, an entry each. What cannot be recorded is counted again, also if this future is dropped: a count may
/// be too high then, if some devices have it already, and never too low.
pub(crate) async fn refused(unsealed: &Unsealed, mut taken: Taken<'_>) {
    let mut offered = Vec::new();
    for count in taken.list() {
        let Ok(id) = unsealed.host.entropy.uuid() else { continue };
        let address = count.network.and_then(Network::address_text).unwrap_or_default();
        let mut entry = Entry::refused(&id, &address, facts(count));
        if count.network.is_some_and(Network::is_forwarded) {
            entry.request.client_address = std::mem::take(&mut entry.request.remote_address);
        }
        // Offered before any of them is waited for: a device that hangs delays all of them by one time-out.
        offered.push((*count, unsealed.broker.record_request(&entry).or_unaudited()));
    }
    let fail_closed = unsealed.devices.settings().fail_closed;
    for (count, recording) in offered {
        match recording.await {
            Ok(Recorded::OnRecord(_)) => taken.recorded(&count),
            // As with any request of a server that runs without a device.
            Ok(Recorded::Unaudited(_)) if !fail_closed => taken.recorded(&count),
            Ok(Recorded::Unaudited(_)) | Err(_) => {}
        }
    }
}

fn facts(count: &Count) -> RefusedRequests<'static> {
    RefusedRequests {
        count: count.requests,
        since: Some(count.since),
        until: Some(count.until),
        reason: count.reason.template(),
    }
}
