//! The binary `onrecord`.
//! Never in it: anything but the call of the library, and where its memory comes from.

use std::alloc::System;
use std::process::ExitCode;

use zeroizing_alloc::ZeroAlloc;

/// All memory is wiped when it is freed: requests and answers go through buffers of libraries that do not wipe them
/// (docs/adr/0021-memory-is-wiped-when-freed.md).
#[global_allocator]
static ALLOCATOR: ZeroAlloc<System> = ZeroAlloc(System);

fn main() -> ExitCode {
    onrecord_cli::main()
}
