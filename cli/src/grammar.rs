//! The grammar: what a command and a flag are, and how words become an invocation (Go's flag syntax).
//! What commands do is not known here; the rows are in [`table`].

pub mod nearest;
pub mod parse;
pub mod table;

use crate::failure::{Done, SERVER, USAGE};
use crate::session::Session;
use onrecord_value::{GoDuration, duration};

/// What a flag takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `-x`, `-x=true`.
    Bool,
    /// One text, the last wins.
    Text,
    /// Texts, each time one more.
    Texts,
    /// `KEY=VALUE`, each time one more.
    Pairs,
    /// `90`, `1h30m`, `1d`.
    Duration,
    /// A whole number.
    Integer,
}

impl Kind {
    /// As shown in help, between `<` and `>`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bool => "",
            Self::Text | Self::Texts => "string",
            Self::Pairs => "key=value",
            Self::Duration => "duration",
            Self::Integer => "int",
        }
    }
}

/// A row of the table of flags.
#[derive(Clone, Copy, Debug)]
pub struct Flag {
    /// Name without dashes.
    pub name: &'static str,
    /// Another name for the same.
    pub alias: &'static str,
    /// What it takes.
    pub kind: Kind,
    /// Text of the default; empty for none.
    pub default: &'static str,
    /// The variable that gives it, without `VAULT_`; empty for none.
    pub variable: &'static str,
    /// For help: sentences.
    pub about: &'static str,
}

impl Flag {
    /// A flag without default.
    pub const fn new(name: &'static str, kind: Kind, about: &'static str) -> Self {
        Self { name, alias: "", kind, default: "", variable: "", about }
    }

    /// With a default that help tells.
    #[must_use]
    pub const fn default(mut self, text: &'static str) -> Self {
        self.default = text;
        self
    }

    /// With a variable.
    #[must_use]
    pub const fn variable(mut self, name: &'static str) -> Self {
        self.variable = name;
        self
    }

    /// With a second name.
    #[must_use]
    pub const fn alias(mut self, name: &'static str) -> Self {
        self.alias = name;
        self
    }
}

/// How a command can print what it got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// Its texts only.
    Text,
    /// `-format`.
    Format,
    /// `-format` and `-field`.
    Field,
    /// `-format`, `-field`, and `-format=raw`.
    Raw,
}

/// A row of the table of commands.
pub struct Command {
    /// Its words, such as `audit enable`.
    pub words: &'static str,
    /// One line, for lists of commands.
    pub synopsis: &'static str,
    /// What follows the words, such as `[options] TYPE [K=V...]`.
    pub arguments: &'static str,
    /// Paragraphs for help, parted by blank lines.
    pub about: &'static str,
    /// What it is for, and the words after the program's name.
    pub examples: &'static [(&'static str, &'static str)],
    /// Whether it calls a server and so takes the HTTP flags.
    pub http: bool,
    /// How it prints.
    pub output: Output,
    /// Flags of its own.
    pub flags: &'static [Flag],
    /// Does it.
    pub(crate) run: fn(&mut Session<'_>, &Invocation) -> Done,
}

impl std::fmt::Debug for Command {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Command({})", self.words)
    }
}

impl Command {
    /// All its flags: of HTTP, of output, its own.
    pub fn all_flags(&self) -> impl Iterator<Item = &'static Flag> {
        let http: &'static [Flag] = if self.http { table::HTTP_FLAGS } else { &[] };
        http.iter().chain(self.output_flags()).chain(self.flags)
    }

    /// `-format` and `-field` as far as it takes them.
    pub fn output_flags(&self) -> &'static [Flag] {
        match self.output {
            Output::Text => &[],
            Output::Format => table::FORMAT_FLAGS,
            Output::Field | Output::Raw => table::FIELD_FLAGS,
        }
    }

    /// The exit code if it is called wrongly. For those that judge, 1 is a verdict.
    pub const fn usage_code(&self) -> u8 {
        if matches!(self.words.as_bytes(), b"log check") { SERVER } else { USAGE }
    }

    /// Whether its flags may stand behind its arguments: they are names, which no flag could be meant for.
    pub const fn flags_anywhere(&self) -> bool {
        matches!(self.words.as_bytes(), b"audit drill")
    }

    /// Whether its arguments are options of an audit device, which its help lists.
    pub const fn takes_device_options(&self) -> bool {
        matches!(self.words.as_bytes(), b"audit enable" | b"audit-enable")
    }

    /// The flag of this name.
    pub fn flag(&self, name: &str) -> Option<&'static Flag> {
        self.all_flags().find(|flag| flag.name == name || (!flag.alias.is_empty() && flag.alias == name))
    }
}

/// A group of commands, such as `audit`.
#[derive(Clone, Copy, Debug)]
pub struct Group {
    /// Its words.
    pub words: &'static str,
    /// One line.
    pub synopsis: &'static str,
    /// Paragraphs for help.
    pub about: &'static str,
    /// What it is for, and the words after the program's name.
    pub examples: &'static [(&'static str, &'static str)],
}

/// A command with its flags read and checked.
#[derive(Debug)]
pub struct Invocation {
    /// Which.
    pub command: &'static Command,
    /// What stands behind the flags.
    pub arguments: Vec<String>,
    /// Flags given, in order, with texts that were checked against their kind.
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

    /// A duration, if it was given.
    pub fn duration(&self, name: &str) -> Option<GoDuration> {
        // Checked when it was read.
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
