//! The binary `onrecord`.
//! Never in it: anything but the call of the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    onrecord_cli::main()
}
