//! The metrics of each device: by the names that existing dashboards know, and by ours with the device as labels.
//! Never in it: anything that the broker does not tell.

use onrecord_audit::status::{DeviceStatus, Health};

use super::{Family, Labels, Reading, family, gauge, real};

/// A name below `onrecord.audit.device`, what it means, and how it is read.
type Plain = (&'static str, &'static str, fn(&DeviceStatus) -> Reading);

/// Those with one reading a device.
const PLAIN: [Plain; 16] = [
    ("entries", "Entries the device has.", |device| Reading::Counter(device.written.entries)),
    ("bytes", "Bytes the device has.", |device| Reading::Counter(device.written.bytes)),
    ("failures", "Writes that failed.", |device| Reading::Counter(device.faults.failures)),
    ("missed", "Entries the device missed.", |device| Reading::Counter(device.losses.entries)),
    ("panics", "Times the device or its formatter panicked.", |device| {
        Reading::Counter(device.faults.panics)
    }),
    ("reopens", "Times the device was opened again.", |device| Reading::Counter(device.reopens)),
    ("gaps", "Gap entries the device has written.", |device| Reading::Counter(device.losses.reported.gaps)),
    ("gap_entries", "Missed entries told by its gap entries.", |device| {
        Reading::Counter(device.losses.reported.entries)
    }),
    ("untold_entries", "Missed entries that no gap entry has told yet.", |device| {
        gauge(device.losses.unreported_entries)
    }),
    ("queue_entries", "Entries that wait for the device.", |device| gauge(device.queue.entries)),
    ("queue_bytes", "Bytes that wait for the device.", |device| gauge(device.queue.bytes)),
    ("queue_capacity_bytes", "Bytes that may wait for the device.", |device| gauge(device.queue.capacity)),
    ("lag_seconds", "How long the oldest entry has been waiting.", |device| {
        real(device.queue.lag.as_secs_f64())
    }),
    ("required", "1 if entries settle only with this device.", |device| gauge(u64::from(device.required))),
    ("last_error_time_seconds", "When it last failed, in seconds since 1970; 0 for never.", |device| {
        gauge(device.faults.last_error.as_ref().map_or(0, |last| last.at.unix_seconds()))
    }),
    ("batch_entries", "Entries a write.", |device| Reading::Numbers(device.written.batch_entries.clone())),
];

/// All metrics of all devices, each with its type.
pub(super) fn families(devices: &[(String, DeviceStatus)]) -> Vec<Family> {
    let mut families = Vec::new();
    let mut latency = Vec::new();
    for (kind, device) in devices {
        let times =
            [("request", &device.written.request_latency), ("response", &device.written.response_latency)];
        for (entry, times) in times {
            let name = format!("vault.audit.{}.log_{entry}", device.path);
            let readings = [(vec![], Reading::Times(times.clone()))];
            families.push(family(name, "Milliseconds until this device had an entry.", readings));
            latency.push((labels(kind, device, Some(("entry", entry))), Reading::Times(times.clone())));
        }
    }
    for (name, help, read) in PLAIN {
        let readings = devices.iter().map(|(kind, device)| (labels(kind, device, None), read(device)));
        families.push(family(format!("onrecord.audit.device.{name}"), help, readings));
    }
    let help = "From accepting an entry to the device's answer.";
    families.push(family("onrecord.audit.device.latency_seconds", help, latency));
    let states = devices.iter().flat_map(|(kind, device)| {
        [Health::Healthy, Health::Lagging, Health::Failing, Health::Broken].map(|state| {
            let labels = labels(kind, device, Some(("state", &state.to_string())));
            (labels, gauge(u64::from(device.health == state)))
        })
    });
    families.push(family("onrecord.audit.device.state", "1 for the state the device is in.", states));
    families
}

fn labels(kind: &str, device: &DeviceStatus, more: Option<(&'static str, &str)>) -> Labels {
    let usual = [("path", device.path.as_ref()), ("type", kind)];
    usual.into_iter().chain(more).map(|(key, value)| (key, value.to_owned())).collect()
}
