//! The binary `onrecord` with one more kind of audit device. Nothing else.

use std::process::ExitCode;

use onrecord_audit::DeviceKinds;
use onrecord_cli::Kinds;
use onrecord_example_device::HttpKind;

fn main() -> ExitCode {
    let devices = DeviceKinds::default().with(HttpKind);
    onrecord_cli::main_with(Kinds { devices, ..Kinds::default() })
}
