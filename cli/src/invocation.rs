//! Parses the words behind a command's name into flags and arguments, in Go's flag syntax.
//! Never in it: which commands exist, and running them.

use crate::flag::{Flag, FlagKind};
use onrecord_value::quote::Quoted;
use onrecord_value::{GoDuration, boolean, duration, integer, suggest};
use std::fmt::Display;
use thiserror::Error;

/// The flags and arguments of one command, parsed and checked.
#[derive(Debug)]
pub struct Invocation {
    /// The words behind the flags.
    pub arguments: Vec<String>,
    /// The flags in the order given, each value checked against its kind.
    pub(crate) given: Vec<(&'static str, String)>,
    /// Arguments behind `--` that look like flags.
    pub(crate) after_dashes: Vec<String>,
}

impl Invocation {
    /// The last text of a flag, if it was given.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.given.iter().rev().find(|(given, _)| *given == name).map(|(_, text)| text.as_str())
    }

    /// All texts of a flag.
    pub fn texts(&self, name: &str) -> Vec<String> {
        self.given.iter().filter(|(given, _)| *given == name).map(|(_, text)| text.clone()).collect()
    }

    /// A boolean flag, if it was given.
    pub fn truth(&self, name: &str) -> Option<bool> {
        self.text(name).map(|text| text == "true")
    }

    /// Whether a boolean flag was given and is true.
    pub fn is_set(&self, name: &str) -> bool {
        self.truth(name) == Some(true)
    }

    /// Whether a flag was given, with another value than that which stands for its absence.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.text(name).is_some_and(|text| !matches!(text, "" | "false" | "0"))
    }

    /// A duration, if it was given.
    pub fn duration(&self, name: &str) -> Option<GoDuration> {
        // `check` has refused any other text.
        self.text(name).and_then(|text| duration::parse(text).ok())
    }

    /// A whole number, if it was given.
    pub fn integer(&self, name: &str) -> Option<i64> {
        self.text(name).and_then(|text| text.parse().ok())
    }

    /// All pairs of a flag.
    pub fn pairs(&self, name: &str) -> Vec<(String, String)> {
        self.texts(name)
            .iter()
            .filter_map(|text| text.split_once('='))
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .collect()
    }
}

/// Whether help is requested: `-h`, `-help` or `--help` anywhere before `--`.
pub(crate) fn requests_help(words: &[String]) -> bool {
    words
        .iter()
        .take_while(|word| *word != "--")
        .any(|word| matches!(word.as_str(), "-h" | "-help" | "--help"))
}

/// Why the command line could not be parsed. The first line of each message is the text that users of this family of
/// command lines know; what is accepted follows on a second line.
#[derive(Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SyntaxError {
    /// `---x`, `-=x`.
    #[error("bad flag syntax: {0}")]
    BadFlag(String),
    /// No such flag; the flag with the nearest name, if one is near.
    #[error("flag provided but not defined: -{0}{suggestion}", suggestion = suggestion(*.1))]
    UnknownFlag(String, Option<&'static str>),
    /// A flag at the end without its value.
    #[error("flag needs an argument: -{0}")]
    MissingValue(String),
    /// A value that is not of the flag's kind: the value and the flag as they were given, why it was refused, and what the
    /// flag takes.
    #[error("invalid {0}: {1}\nAccepted: {2}.")]
    InvalidValue(String, String, String),
    /// `-h=false`.
    #[error("flag: help requested")]
    Help,
    /// Flags behind the first argument.
    #[error("{}", late_flags(.0))]
    LateFlags(Vec<String>),
}

fn suggestion(flag: Option<&str>) -> String {
    flag.map(|flag| format!("\nDid you mean -{flag}?")).unwrap_or_default()
}

pub(crate) fn late_flags(words: &[String]) -> String {
    format!(
        "Command flags must be provided before positional arguments. The following arguments will not be parsed as flags: [{}]",
        words.join(",")
    )
}

/// Parses the words behind a command's own. With `late_flags_allowed` flags may follow arguments.
pub(crate) fn parse(
    flags: &[&'static Flag],
    late_flags_allowed: bool,
    words: &[String],
) -> Result<Invocation, SyntaxError> {
    let mut given = Vec::new();
    let mut rest = words.iter();
    let mut arguments: Vec<String> = Vec::new();
    while let Some(word) = rest.next() {
        if word == "--" {
            break;
        }
        if word == "-" || !word.starts_with('-') {
            arguments.push(word.clone());
            if late_flags_allowed {
                continue;
            }
            let (before, after) = split_at_dashes(rest.as_slice());
            arguments.extend_from_slice(before);
            let wrong: Vec<String> = before.iter().filter(|word| looks_like_flag(word)).cloned().collect();
            if !wrong.is_empty() {
                return Err(SyntaxError::LateFlags(wrong));
            }
            rest = after.iter();
            break;
        }
        let (flag, name, inline) = name_and_value(flags, word)?;
        let value = match (flag.kind, inline) {
            (_, Some(value)) => value.to_owned(),
            (FlagKind::Bool, None) => "true".to_owned(),
            (_, None) => rest.next().cloned().ok_or_else(|| SyntaxError::MissingValue(name.to_owned()))?,
        };
        given.push((flag.name, check(flag, name, value)?));
    }
    let after_dashes = rest.as_slice().iter().filter(|word| looks_like_flag(word)).cloned().collect();
    arguments.extend_from_slice(rest.as_slice());
    Ok(Invocation { arguments, given, after_dashes })
}

fn split_at_dashes(words: &[String]) -> (&[String], &[String]) {
    match words.iter().position(|word| word == "--") {
        Some(at) => (words.get(..at).unwrap_or_default(), words.get(at + 1..).unwrap_or_default()),
        None => (words, &[]),
    }
}

fn looks_like_flag(word: &str) -> bool {
    word.len() > 1 && word.starts_with('-')
}

/// The flag of a word, its name as typed, and the value behind `=`.
fn name_and_value<'a>(
    flags: &[&'static Flag],
    word: &'a str,
) -> Result<(&'static Flag, &'a str, Option<&'a str>), SyntaxError> {
    let body = word.strip_prefix("--").or_else(|| word.strip_prefix('-')).unwrap_or(word);
    if body.is_empty() || body.starts_with(['-', '=']) {
        return Err(SyntaxError::BadFlag(word.to_owned()));
    }
    let (name, value) = match body.split_once('=') {
        Some((name, value)) => (name, Some(value)),
        None => (body, None),
    };
    match flags.iter().find(|flag| [flag.name, flag.alias].contains(&name)) {
        Some(flag) => Ok((flag, name, value)),
        None if matches!(name, "h" | "help") => Err(SyntaxError::Help),
        None => {
            let near = suggest::nearest(name, flags.iter().map(|flag| flag.name));
            Err(SyntaxError::UnknownFlag(name.to_owned(), near))
        }
    }
}

/// The value as it is kept: checked, booleans as `true` or `false`.
fn check(flag: &Flag, name: &str, value: String) -> Result<String, SyntaxError> {
    let refused = |reason: &dyn Display, accepted: &str| {
        let what = format!("value {} for flag -{name}", Quoted(&value));
        Err(SyntaxError::InvalidValue(what, reason.to_string(), accepted.to_owned()))
    };
    match flag.kind {
        FlagKind::Bool => boolean::parse(&value).map(|truth| truth.to_string()).map_err(|error| {
            let what = format!("boolean value {} for -{name}", Quoted(&value));
            let accepted = format!("true or false, as in -{name}=true");
            SyntaxError::InvalidValue(what, error.to_string(), accepted)
        }),
        FlagKind::Pairs if !value.contains('=') => {
            refused(&format!("missing = in KV pair: {}", Quoted(&value)), "KEY=VALUE")
        }
        FlagKind::Duration => match duration::parse(&value) {
            Ok(_) => Ok(value),
            Err(error) => refused(&error, "seconds, or a number with a unit, such as 90s, 1h30m or 7d"),
        },
        FlagKind::Integer => match integer::parse_signed(&value) {
            Ok(number) => Ok(number.to_string()),
            Err(error) => refused(&error, "a whole number"),
        },
        FlagKind::Text | FlagKind::Texts | FlagKind::Pairs => Ok(value),
    }
}
