//! The binary `onrecord` with one more kind of audit device. Nothing else.

use std::process::ExitCode;

use onrecord_audit::DeviceKinds;
use onrecord_example_device::HttpKind;

fn main() -> ExitCode {
    onrecord_cli::main_with(DeviceKinds::default().with(HttpKind))
}
