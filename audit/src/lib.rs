//! The audit library: entry, register, salt, hash, format, decode, devices, broker.

mod broker;
mod clock;
mod decode;
pub mod device;
mod entry;
mod form;
mod format;
mod limits;
mod redact;
mod register;
mod salt;
mod sync;

pub use broker::{
    Broker, Cause, DeviceStatus, EnableError, Enrolment, Health, Observer, Probe, Recorded, Recording,
    Refused, Rules, Settled, Unaudited, Why, wait,
};
pub use clock::{Clock, SystemClock};
pub use decode::{DecodeError, DecodedEntry, decode};
pub use device::{Device, DeviceError, DeviceOptions, OptionError, Placement};
pub use entry::{
    Accessor, Auth, Boot, Clear, Data, Entry, GAP_PATH, Gap, GrantingPolicy, Grants, Header, Headers,
    IssueTime, Kind, Metadata, Mount, Names, NamesByName, Namespace, Operation, PROBE_PATH, Path,
    PolicyResults, Private, Ranges, Record, Request, Response, Secret, SeqRange, Stamp, Template,
    TemplateText, Token, TokenType, Torn, Warnings, WrapInfo,
};
pub use form::{Form, Format, FormatError, Options};
pub use limits::Limits;
pub use register::{REGISTER, Row, Treatment};
pub use salt::{HASH_LEN, HASH_PREFIX, Salt, SaltId};
