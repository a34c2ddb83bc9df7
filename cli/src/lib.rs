//! The command line: every command, the start of a server included.
//!
//! One table ([`commands`]) holds the commands and their flags. The parser, the help and the suggestions read it; a
//! command is one row and one function. Exit codes: 0 success, 1 usage error, 2 error of the server or nothing found,
//! 127 unknown first word.
//!
//! Never in it: decisions of the server, and HTTP (requests are made by `onrecord-client`).

mod client_config;
mod command;
mod completion;
mod data_arguments;
mod failure;
mod flag;
mod help;
mod hint;
mod interrupt;
mod invocation;
mod man;
mod print_response;
mod printer;
mod process;
mod progress_bar;
mod run;
mod session;
mod suggestion;
mod variables;

pub use command::table::{GROUPS, Lookup, commands, find};
pub use command::unsupported::{NAMES as UNSUPPORTED, Unsupported};
pub use command::{Command, Group};
pub use flag::{Flag, FlagKind, Output};
pub use invocation::{Invocation, SyntaxError};
pub use man::man_pages;
pub use process::Process;
pub use run::run;

pub use onrecord_server::Kinds;
use std::process::ExitCode;

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    main_with(Kinds::default())
}

/// Runs the command line of a program whose server has further kinds of audit devices or storage.
pub fn main_with(kinds: Kinds) -> ExitCode {
    let mut arguments = std::env::args_os().map(|word| word.to_string_lossy().into_owned());
    let program = arguments.next().unwrap_or_default();
    let words: Vec<String> = arguments.collect();
    let mut process = Process { kinds, ..Process::current(&program) };
    ExitCode::from(run(&mut process, &words))
}
