//! The audit library: nothing is done and nothing is answered until it is on record.
//!
//! An [`Entry`](entry::Entry) says what is asked, or what is answered. A [`Formatter`](entry::Formatter) makes a line of
//! it with a device's own options and [`Salt`](entry::Salt): all that a client or a backend wrote is hashed, unless the
//! [register](entry::register::REGISTER) names the field as clear. A [`Device`] takes lines. The [`Broker`] puts an entry on every
//! enabled device and gives a proof that it is on record: a [`RequestOnRecord`] or a [`ResponseOnRecord`]. A service whose
//! handlers take the first by reference, and whose answers take both by value, cannot do or answer anything that is not
//! on record: the compiler refuses it.
//!
//! ```
//! use std::sync::Arc;
//!
//! use onrecord_audit::entry::{Clear, Entry, Formatter, Operation, Request, Response};
//! use onrecord_audit::{
//!     Broker, DeviceConfig, DeviceOptions, Placement, RequestOnRecord, ResponseOnRecord, SystemClock, salt_file,
//! };
//!
//! /// Carries out the request; only with the proof that it is on record.
//! fn carry_out(_: &RequestOnRecord, name: &str) -> String {
//!     format!("the secret of {name}")
//! }
//!
//! /// Answers it, once: the proofs are used up.
//! fn answer(_: RequestOnRecord, _: ResponseOnRecord, body: String) -> String {
//!     body
//! }
//!
//! # let folder = tempfile::tempdir()?;
//! # let folder = folder.path();
//! # let log = folder.join("audit.log").to_str().ok_or("not UTF-8")?.to_owned();
//! // Once, at the start of the service.
//! let broker = Broker::builder().build()?;
//! let options = DeviceOptions::parse("file", &[("file_path".to_owned(), log.clone())].into())?;
//! let device = options.open(&Placement::api(), Arc::new(SystemClock::new()))?;
//! let salt = salt_file::read_or_create(folder.join("audit.salt"))?;
//! let formatter = Formatter::new(options.form, Arc::new(salt));
//! broker.restore(DeviceConfig::new("file/", device, formatter))?;
//!
//! // For each request. In async code it is `.await` in place of `.wait()`, on any runtime.
//! let request = Request {
//!     id: Clear::new("7d2b4c5e-…"),
//!     operation: Some(Operation::Read),
//!     path: "secret/app".into(),
//!     ..Request::default()
//! };
//! let mut entry = Entry { request, ..Entry::default() };
//! let requested = broker.record_request(&entry).wait()?;
//! let body = carry_out(&requested, "app");
//! entry.response = Some(Response { status_code: 200, ..Response::default() });
//! let responded = broker.record_response(&entry).wait()?;
//! assert_eq!(answer(requested, responded, body), "the secret of app");
//!
//! assert_eq!(std::fs::read_to_string(log)?.lines().count(), 2);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Without any device, `?` returns [`NotOnRecord::NoDevice`]. A service that may run without audit says so by
//! [`or_unaudited`](Recording::or_unaudited), and gets an [`Unaudited`] in place of a proof. What else it has to know is in
//! the [guide]: salts, boot numbers, clients that disconnect, devices after a restart.
//!
//! # When a device *has* an entry
//!
//! | device | it has an entry when |
//! |---|---|
//! | file | `write(2)` has returned; with `durability=fsync`, `fdatasync(2)` too |
//! | stdout | the pipe, terminal or file behind it took all of the line |
//! | discard | always, and never counts beside a device that keeps something |
//! | syslog | the daemon's socket took the message, or all the messages that stand for it |
//! | socket | TCP, Unix stream: the kernel took all of the line; datagrams: `send(2)` returned |
//!
//! An entry is *on record* when enough devices have it ([`Rules::minimum`], and every required one) and every healthy
//! device has reported or [`Rules::settle_grace`] has passed. It is *refused* at once when the devices that could still
//! meet the rule have failed, and after [`Rules::audit_timeout`] when they block. When a device that missed entries works
//! again, it writes a *gap* entry that lists them, before newer lines.
//!
//! # Evidence
//!
//! With [`DeviceConfig::evidence`] a file device keeps a signed Merkle tree over all its lines, in the formats of the transparency
//! world: a line that is changed, dropped, inserted or moved later is found, by tools of others too ([`evidence`]).
//!
//! # Waiting
//!
//! What takes time returns a future, which runs on any runtime. [`Wait`] adds `wait` to every future, for threads without
//! one. [`Broker::drain`] and [`Broker::reopen`] block, for at most the time that the caller gives.
//!
//! # Features
//!
//! * `serde_json`: `entry::value::Object` and `entry::value::Value` are made from values of `serde_json` by `From`.
//! * `ed25519`: keys in memory for [`evidence`], and the check of signatures.
//! * `test-support`: a device that fails on command ([`device`]`::faulty`), a look at every line that goes to any device, and a
//!   clock that is set by hand.
//!
//! Never in this crate: the server, HTTP, storage, an async runtime.

pub mod broker;
mod cause;
mod clock;
pub mod device;
pub mod evidence;
pub mod guide;
mod health_tracker;
mod loss;
mod rules;
pub mod salt_file;
mod statistics;
pub mod status;
mod sync;
mod wait;

pub use onrecord_entry as entry;

pub use broker::{
    Broker, DeviceConfig, NotOnRecord, Recorded, Recording, Refused, RequestOnRecord, ResponseOnRecord,
    Rules, Unaudited,
};
#[cfg(feature = "test-support")]
pub use clock::ManualClock;
pub use clock::{Clock, SystemClock};
pub use device::{Device, DeviceError, DeviceKinds, DeviceOptions, Placement};
pub use evidence::EvidenceConfig;
pub use wait::Wait;
