//! Words to an invocation: the longest command, flags up to the first argument, `--`, and the texts of everything that
//! can be wrong with them. Nothing is run here.

use super::table::{COMMANDS, GROUPS};
use super::{Command, Flag, Group, Invocation, Kind, nearest};
use onrecord_value::quote::Quoted;
use onrecord_value::{boolean, duration, integer};
use std::fmt;

/// What the first words name.
#[derive(Debug)]
pub enum Found {
    /// A command, and how many words it took.
    Command(&'static Command, usize),
    /// A group without a command of it.
    Group(&'static Group),
    /// A group with a word that is no command of it.
    NotInGroup(&'static Group, String),
    /// The first word is nothing.
    Unknown(String),
    /// There is no word.
    Nothing,
}

/// Finds the command that the words begin with.
pub fn find(words: &[String]) -> Found {
    let Some(first) = words.first() else {
        return Found::Nothing;
    };
    let matches = |name: &str| {
        let parts: Vec<&str> = name.split(' ').collect();
        (words.len() >= parts.len() && parts.iter().zip(words).all(|(part, word)| part == word))
            .then_some(parts.len())
    };
    let command = COMMANDS.iter().filter_map(|list| longest(list, matches)).max_by_key(|(_, count)| *count);
    let group =
        GROUPS.iter().filter_map(|group| Some((group, matches(group.words)?))).max_by_key(|found| found.1);
    match (command, group) {
        (Some((command, count)), None) => Found::Command(command, count),
        (Some((command, count)), Some((_, within))) if count > within => Found::Command(command, count),
        (_, Some((group, within))) => match words.get(within) {
            Some(word) if !word.starts_with('-') => Found::NotInGroup(group, word.clone()),
            _ => Found::Group(group),
        },
        (None, None) => Found::Unknown(first.clone()),
    }
}

fn longest(
    list: &'static [Command],
    matches: impl Fn(&str) -> Option<usize>,
) -> Option<(&'static Command, usize)> {
    list.iter().filter_map(|command| Some((command, matches(command.words)?))).max_by_key(|found| found.1)
}

/// Whether help is asked for: `-h`, `-help` or `--help` anywhere before `--`.
pub fn asks_for_help(words: &[String]) -> bool {
    words
        .iter()
        .take_while(|word| *word != "--")
        .any(|word| matches!(word.as_str(), "-h" | "-help" | "--help"))
}

/// Why words are no invocation.
#[derive(Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SyntaxError {
    /// `---x`, `-=x`.
    BadFlag(String),
    /// No such flag; the nearest that there is.
    Unknown(String, Option<&'static str>),
    /// A flag at the end without its value.
    NoArgument(String),
    /// A boolean that is none: value, flag, reason.
    Boolean(String, String, String),
    /// A value that is not of the flag's kind: value, flag, reason.
    Value(String, String, String),
    /// `-h=false`.
    Help,
    /// Flags behind the first argument.
    Late(Vec<String>),
}

impl fmt::Display for SyntaxError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadFlag(word) => write!(f, "bad flag syntax: {word}"),
            Self::Unknown(name, near) => {
                write!(f, "flag provided but not defined: -{name}")?;
                near.iter().try_for_each(|near| write!(f, "\nDid you mean -{near}?"))
            }
            Self::NoArgument(name) => write!(f, "flag needs an argument: -{name}"),
            Self::Boolean(value, name, reason) => {
                write!(f, "invalid boolean value {} for -{name}: {reason}", Quoted(value))
            }
            Self::Value(value, name, reason) => {
                write!(f, "invalid value {} for flag -{name}: {reason}", Quoted(value))
            }
            Self::Help => f.write_str("flag: help requested"),
            Self::Late(words) => f.write_str(&late(words)),
        }
    }
}

/// What is told about flags that stand behind arguments.
pub(crate) fn late(words: &[String]) -> String {
    format!(
        "Command flags must be provided before positional arguments. The following arguments will not be parsed as flags: [{}]",
        words.join(",")
    )
}

/// Reads the words behind a command's own.
pub fn parse(command: &'static Command, words: &[String]) -> Result<Invocation, SyntaxError> {
    let mut given = Vec::new();
    let mut rest = words.iter();
    let mut arguments: Vec<String> = Vec::new();
    let mut after_dashes = Vec::new();
    while let Some(word) = rest.next() {
        if word == "--" {
            break;
        }
        if word == "-" || !word.starts_with('-') {
            arguments.push(word.clone());
            if command.flags_anywhere() {
                continue;
            }
            let (before, after) = split_at_dashes(rest.as_slice());
            arguments.extend_from_slice(before);
            let wrong: Vec<String> = before.iter().filter(|word| looks_like_flag(word)).cloned().collect();
            if !wrong.is_empty() {
                return Err(SyntaxError::Late(wrong));
            }
            rest = after.iter();
            break;
        }
        let (flag, inline) = name_and_value(command, word)?;
        let value = match (flag.kind, inline) {
            (_, Some(value)) => value.to_owned(),
            (Kind::Bool, None) => "true".to_owned(),
            (_, None) => {
                rest.next().cloned().ok_or_else(|| SyntaxError::NoArgument(typed_name(word).to_owned()))?
            }
        };
        given.push((flag.name, check(flag, typed_name(word), value)?));
    }
    for word in rest {
        if looks_like_flag(word) {
            after_dashes.push(word.clone());
        }
        arguments.push(word.clone());
    }
    Ok(Invocation { command, arguments, given, after_dashes })
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

fn typed_name(word: &str) -> &str {
    let name = word.strip_prefix("--").or_else(|| word.strip_prefix('-')).unwrap_or(word);
    name.split('=').next().unwrap_or(name)
}

fn name_and_value<'a>(
    command: &'static Command,
    word: &'a str,
) -> Result<(&'static Flag, Option<&'a str>), SyntaxError> {
    let body = word.strip_prefix("--").or_else(|| word.strip_prefix('-')).unwrap_or(word);
    if body.is_empty() || body.starts_with(['-', '=']) {
        return Err(SyntaxError::BadFlag(word.to_owned()));
    }
    let (name, value) = match body.split_once('=') {
        Some((name, value)) => (name, Some(value)),
        None => (body, None),
    };
    match command.flag(name) {
        Some(flag) => Ok((flag, value)),
        None if matches!(name, "h" | "help") => Err(SyntaxError::Help),
        None => {
            let near = nearest::nearest(name, command.all_flags().map(|flag| flag.name));
            Err(SyntaxError::Unknown(name.to_owned(), near))
        }
    }
}

/// The value as it is kept: checked, booleans as `true` or `false`.
fn check(flag: &Flag, name: &str, value: String) -> Result<String, SyntaxError> {
    let wrong = |reason: String, value: String| SyntaxError::Value(value, name.to_owned(), reason);
    match flag.kind {
        Kind::Text | Kind::Texts => Ok(value),
        Kind::Bool => match boolean::parse(&value) {
            Ok(truth) => Ok(truth.to_string()),
            Err(error) => Err(SyntaxError::Boolean(value, name.to_owned(), error.to_string())),
        },
        Kind::Pairs if value.contains('=') => Ok(value),
        Kind::Pairs => Err(wrong(format!("missing = in KV pair: {}", Quoted(&value)), value)),
        Kind::Duration => match duration::parse(&value) {
            Ok(_) => Ok(value),
            Err(error) => Err(wrong(error.to_string(), value)),
        },
        Kind::Integer => match integer::parse_signed(&value) {
            Ok(number) => Ok(number.to_string()),
            Err(error) => Err(wrong(error.to_string(), value)),
        },
    }
}
