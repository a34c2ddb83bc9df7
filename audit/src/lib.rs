//! The audit library: entry, register, salt, hash, format, decode, devices, broker.
//!
//! An [`Entry`] says what is asked, or what is answered. A [`Formatter`] makes a line of it with a device's own options
//! and salt: whatever a client or a backend wrote is hashed, unless the [`REGISTER`] names the field as clear. A
//! [`Device`] takes lines. The [`Broker`] puts an entry on every enabled device and says when it is on record; the
//! proof of that, [`Settled`], can be had from it alone. Whoever acts only with a request's proof in hand, and
//! answers only with a response's, does nothing and answers nothing that is not on record.
//!
//! ```
//! use std::sync::Arc;
//! use onrecord_audit::{
//!     Boot, Broker, DeviceOptions, DeviceConfig, Entry, Formatter, Operation, Placement, Request, Response, Rules, Salt,
//!     SystemClock,
//! };
//!
//! # let dir = tempfile::tempdir()?;
//! # let file = dir.path().join("audit.log");
//! # let file = file.to_str().ok_or("a path")?;
//! let clock = Arc::new(SystemClock::new());
//! let broker = Broker::new(Rules::default(), Boot::new(1), clock.clone());
//! let options = DeviceOptions::parse("file", &[("file_path".into(), file.into())].into())?;
//! let device = options.open(&Placement::api(), clock)?;
//! let form = Formatter::new(options.form, Arc::new(Salt::new("5b0c6d5e-0f5e-4d0a-9f0a-3c8f1d2b7a10")));
//! broker.restore(DeviceConfig::new("file/", device, form))?;
//!
//! let request = Request { operation: Some(Operation::Read), path: "secret/app".into(), ..Request::default() };
//! let mut entry = Entry { request, ..Entry::default() };
//! broker.record(&entry).wait()?; // or `.await`, on any runtime: only now is the request carried out,
//! entry.response = Some(Response::default());
//! broker.record(&entry).wait()?; // and only now is it answered
//!
//! assert_eq!(std::fs::read_to_string(file)?.lines().count(), 2);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # When a device *has* an entry
//!
//! | device | it has an entry when |
//! |---|---|
//! | file | `write(2)` has returned; with `durability=fsync`, `fdatasync(2)` too |
//! | stdout | the pipe, terminal or file behind it took all of the line |
//! | discard | always, and never counts beside a device that keeps something |
//! | syslog | the daemon's socket took the message, or all the messages that stand for it |
//!
//! An entry *settles* when enough devices have it ([`Rules::minimum`], and every required one) and every healthy
//! device has answered or [`Rules::settle_grace`] has passed. It is *refused* at once when the devices that could
//! still meet the rule have failed, and after [`Rules::audit_timeout`] when they block. What a device missed it
//! tells itself, in a *gap* entry before newer lines, as soon as it works again.
//!
//! Never in this crate: the server, HTTP, storage, an async runtime.

pub mod broker;
mod clock;
pub mod device;
mod sync;
mod wait;

pub use onrecord_entry as entry;

pub use broker::{
    Broker, DeviceConfig, EnableError, NotOnRecord, Recorded, Recording, Refused, RequestOnRecord,
    ResponseOnRecord, Rules, Unaudited,
};
#[cfg(feature = "test-support")]
pub use clock::ManualClock;
pub use clock::{Clock, SystemClock};
pub use device::{Device, DeviceError, DeviceKinds, DeviceOptions, Placement};
pub use wait::Wait;

/// How devices are: for status pages, logs and metrics.
pub mod status {
    pub use crate::broker::distribution::Distribution;
    pub use crate::broker::health_tracker::Health;
    pub use crate::broker::status::{BLOCKED_AFTER, DeviceStatus, LastError, Observer, Outlook, Told};
}
