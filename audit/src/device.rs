//! Audit devices: what takes lines, of which kinds there are, and what may go wrong.
//! Never in it: threads, queues or entries; a device is blocking code that knows nothing of them.

mod batch;
mod claim;
mod drill;
mod error;
#[cfg(feature = "test-support")]
pub mod faulty;
mod file;
#[cfg(feature = "test-support")]
mod inspector;
mod interface;
mod kind;
pub mod net;
mod options;
mod placement;
mod registry;
mod socket;
mod stdout;
mod syslog;

pub use batch::{Appended, Batch, Rejected};
pub use claim::Claim;
pub(crate) use claim::FileId;
pub(crate) use drill::DrillControl;
pub use drill::{DRILL_MAX, Drill, DrillError, DrillNews, DrillStatus};
pub use error::errno::Errno;
pub use error::net::{NetCause, NetError};
pub use error::{DeviceError, OtherError, Violation, WithoutOptions};
pub use file::FileOptions;
#[cfg(feature = "test-support")]
pub(crate) use inspector::inspect;
#[cfg(feature = "test-support")]
pub use inspector::inspect_lines;
pub use interface::{Device, Notice};
pub use kind::{DeviceKind, DeviceTarget};
pub use net::Network;
pub use options::{
    COMMON_OPTIONS, CommonOptions, DeviceOption, FileMode, GivenOptions, OptionError, RejectedValue,
    check_prefix,
};
pub use placement::{AddressBlock, AddressBlockError, Placement};
pub use registry::{DeviceKinds, DeviceOptions, HINTS_MAX, OptionProblem};
pub use socket::SocketOptions;
pub use syslog::{Facility, SyslogOptions};
