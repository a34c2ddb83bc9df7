//! How a command fails: an exit code and a message.
//! Never in it: printing.

use crate::hint;
use onrecord_client::{Error, PreparedRequest};
use std::fmt::Display;

/// Exit code of a command line that cannot be parsed or run as given.
pub(crate) const USAGE: u8 = 1;
/// Exit code of an error of the server or of the connection, and of a path that has no value.
pub(crate) const SERVER: u8 = 2;

#[derive(Debug)]
pub(crate) enum Failure {
    /// Exit with this code after printing this message on standard error. An empty message is not printed.
    Message(u8, String),
    /// `-output-curl-string` or `-output-policy`: the request is shown instead of sent.
    DryRun(Box<PreparedRequest>),
    OutputClosed,
}

pub(crate) type CommandResult = Result<u8, Failure>;

impl Failure {
    pub(crate) fn usage(text: impl Into<String>) -> Self {
        Self::Message(USAGE, text.into())
    }

    pub(crate) fn server(text: impl Into<String>) -> Self {
        Self::Message(SERVER, text.into())
    }
}

/// Prefixes a client's error with what was being done, such as `Error listing audits: `, and adds what its text leaves out.
pub(crate) fn context(prefix: impl Display) -> impl FnOnce(Error) -> Failure {
    move |error| explained(prefix, error, Vec::new())
}

/// As [`context`], with these lines instead if there are any.
pub(crate) fn explained(prefix: impl Display, error: Error, mut lines: Vec<String>) -> Failure {
    if lines.is_empty() {
        lines.extend(hint::of(&error));
    }
    match error {
        Error::NotSent(request) => Failure::DryRun(request),
        other => Failure::server(with_lines(format!("{prefix}{other}"), lines)),
    }
}

/// A text whose meaning clients know, a blank line, and lines of our own.
pub(crate) fn with_lines(text: String, lines: impl IntoIterator<Item = String>) -> String {
    let lines: Vec<String> = lines.into_iter().collect();
    if lines.is_empty() { text } else { format!("{}\n\n{}", text.trim_end_matches('\n'), lines.join("\n")) }
}

pub(crate) fn not_enough(expected: &str, got: usize) -> Failure {
    Failure::usage(format!("Not enough arguments (expected {expected}, got {got})"))
}

pub(crate) fn too_many(expected: &str, got: usize) -> Failure {
    Failure::usage(format!("Too many arguments (expected {expected}, got {got})"))
}

pub(crate) fn exactly<const COUNT: usize>(arguments: &[String]) -> Result<[&str; COUNT], Failure> {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    words.try_into().map_err(|words: Vec<&str>| {
        let wrong = if words.len() < COUNT { not_enough } else { too_many };
        wrong(&COUNT.to_string(), words.len())
    })
}

pub(crate) fn at_most_one(arguments: &[String]) -> Result<Option<&str>, Failure> {
    if arguments.len() > 1 {
        return Err(too_many("0-1", arguments.len()));
    }
    Ok(arguments.first().map(String::as_str))
}
