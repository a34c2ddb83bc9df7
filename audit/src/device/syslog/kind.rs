//! The row of the syslog device in the table of kinds. Never in it: talking to the daemon.

use std::sync::Arc;

use super::Syslog;
use super::options::{self, SyslogOptions};
use crate::clock::Clock;
use crate::device::interface::Device;
use crate::device::kind::{DeviceKind, DeviceTarget};
use crate::device::options::{DeviceOption, GivenOptions, OptionError};
use crate::device::placement::Placement;

/// `syslog`: the machine's syslog daemon.
pub(crate) struct SyslogKind;

impl DeviceKind for SyslogKind {
    fn name(&self) -> &'static str {
        "syslog"
    }

    fn about(&self) -> &'static str {
        "sends every entry to the syslog daemon of this machine"
    }

    fn options(&self) -> &'static [DeviceOption] {
        options::OPTIONS
    }

    fn parse(&self, given: &GivenOptions<'_>) -> Result<Arc<dyn DeviceTarget>, OptionError> {
        Ok(Arc::new(options::parse(given)?))
    }
}

impl DeviceTarget for SyslogOptions {
    fn open(&self, placement: &Placement, clock: Arc<dyn Clock>) -> Result<Box<dyn Device>, OptionError> {
        Ok(Box::new(Syslog::open(self.clone(), placement, clock)?))
    }

    fn open_later(&self, placement: &Placement, clock: Arc<dyn Clock>) -> Box<dyn Device> {
        Box::new(Syslog::closed(self.clone(), placement, clock))
    }

    /// A syslog daemon may come up after the server.
    fn may_start_later(&self) -> bool {
        true
    }
}
