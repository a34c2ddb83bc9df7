//! The command line: every command, the server's start included.
//!
//! One table ([`grammar::table`]) holds the commands and their flags. The parser, the help and the suggestions read it; a
//! command is one row and one function. Business rules live in the server, requests in `onrecord-client`: a command turns
//! words into a call and an answer into text, and chooses the exit code (0 done, 1 usage, 2 server or nothing found,
//! 127 unknown first word).

mod command;
mod failure;
mod format_hcl;
pub mod grammar;
mod help;
mod pairs;
mod printer;
mod run;
mod session;
mod settings;
mod world;

pub use run::run;
pub use world::World;

use std::process::ExitCode;

use onrecord_audit::DeviceKinds;

/// The process: its arguments, environment and streams.
pub fn main() -> ExitCode {
    main_with(DeviceKinds::default())
}

/// The same for a program whose server knows other kinds of audit devices, too.
pub fn main_with(device_kinds: DeviceKinds) -> ExitCode {
    let mut arguments = std::env::args_os().map(|word| word.to_string_lossy().into_owned());
    let program = arguments.next().unwrap_or_default();
    let words: Vec<String> = arguments.collect();
    let mut world = World { device_kinds, ..World::of_process(&program) };
    ExitCode::from(run(&mut world, &words))
}
