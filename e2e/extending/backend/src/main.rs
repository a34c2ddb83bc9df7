//! The binary `onrecord` with one more kind of storage. Nothing else.

use std::process::ExitCode;

use onrecord_cli::Kinds;
use onrecord_example_backend::KIND;
use onrecord_storage::BackendKinds;

fn main() -> ExitCode {
    let backends = BackendKinds::default().with(&KIND);
    onrecord_cli::main_with(Kinds { backends, ..Kinds::default() })
}
