//! How a command ends when it does not end well: an exit code and what to tell. No printing here.

use onrecord_client::{Error, Prepared};
use std::fmt::Display;

/// Exit code of a usage or parse problem.
pub(crate) const USAGE: u8 = 1;
/// Exit code of a server or transport problem, and of nothing found.
pub(crate) const SERVER: u8 = 2;

/// Why a command stops.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Tell this on standard error and end with this code; an empty text tells nothing.
    Told(u8, String),
    /// The request was to be shown instead of sent.
    NotSent(Box<Prepared>),
    /// Our own output cannot be written any more: whoever read it is gone.
    Output,
}

/// What a command's function gives back: its exit code.
pub(crate) type Done = Result<u8, Failure>;

impl Failure {
    pub(crate) fn usage(text: impl Into<String>) -> Self {
        Self::Told(USAGE, text.into())
    }

    pub(crate) fn server(text: impl Into<String>) -> Self {
        Self::Told(SERVER, text.into())
    }
}

/// Puts a client's error behind what was being done, such as `Error listing audits: `.
pub(crate) fn during(doing: impl Display) -> impl FnOnce(Error) -> Failure {
    move |error| match error {
        Error::NotSent(request) => Failure::NotSent(request),
        other => Failure::server(format!("{doing}{other}")),
    }
}

/// The number of arguments is not what the command takes, in the words users know.
pub(crate) fn not_enough(expected: &str, got: usize) -> Failure {
    Failure::usage(format!("Not enough arguments (expected {expected}, got {got})"))
}

/// See [`not_enough`].
pub(crate) fn too_many(expected: &str, got: usize) -> Failure {
    Failure::usage(format!("Too many arguments (expected {expected}, got {got})"))
}

/// Exactly `count` arguments.
pub(crate) fn exactly<const COUNT: usize>(arguments: &[String]) -> Result<[&str; COUNT], Failure> {
    let got = arguments.len();
    if got < COUNT {
        return Err(not_enough(&COUNT.to_string(), got));
    }
    if got > COUNT {
        return Err(too_many(&COUNT.to_string(), got));
    }
    let mut words = [""; COUNT];
    for (word, argument) in words.iter_mut().zip(arguments) {
        *word = argument;
    }
    Ok(words)
}
