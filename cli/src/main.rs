//! The binary `onrecord`: hands the process to the library. Nothing else.

use std::process::ExitCode;

fn main() -> ExitCode {
    onrecord_cli::main()
}
