//! What a command is: a row with its name, help, flags and function. One file below this one for each group of commands;
//! `table` gathers their rows, and the parser, the help and the suggestions read it.
//! Never in it: decisions of the server.

pub(crate) mod audit;
pub(crate) mod auth;
pub(crate) mod completion;
pub(crate) mod generic;
pub(crate) mod kv;
pub(crate) mod lease;
pub(crate) mod log;
pub(crate) mod login;
mod mount;
pub(crate) mod operator;
pub(crate) mod path_help;
pub(crate) mod plugin;
pub(crate) mod policy;
pub(crate) mod secrets;
pub(crate) mod server;
pub(crate) mod status;
pub(crate) mod table;
pub(crate) mod token;
pub(crate) mod unsupported;
pub(crate) mod unwrap;

// The files below take from here what nearly every command needs.
use crate::data_arguments;
use crate::failure::{
    CommandResult, Failure, SERVER, USAGE, at_most_one, context, exactly, explained, not_enough, too_many,
};
use crate::flag::{Flag, HTTP_FLAGS, Output, setters};
use crate::invocation::{self, Invocation, SyntaxError};
use crate::session::Session;
use onrecord_client::{Token, os_text};
use onrecord_value::Object;

/// A row of the table of commands.
#[derive(Debug)]
pub struct Command {
    /// Its words, such as `audit enable`.
    pub words: &'static str,
    /// One line, for lists of commands.
    pub synopsis: &'static str,
    /// What follows the words and the flags, such as `TYPE [K=V...]`.
    pub arguments: &'static str,
    /// Paragraphs for help, separated by blank lines.
    pub about: &'static str,
    /// Pairs of a purpose and the words after the program's name.
    pub examples: &'static [(&'static str, &'static str)],
    /// Whether it calls a server, and so has the HTTP flags.
    pub http: bool,
    /// Its output flags.
    pub output: Output,
    /// Flags of its own.
    pub flags: &'static [Flag],
    pub(crate) run: fn(&mut Session<'_>, &Invocation) -> CommandResult,
}

/// The commands that the server answers with data, which it can wrap. The others have `-wrap-ttl` too: what other servers'
/// clients take is taken.
const WRAPPABLE: [&str; 22] = [
    "audit list",
    "audit-list",
    "auth list",
    "kv get",
    "kv list",
    "kv metadata get",
    "kv patch",
    "kv put",
    "kv rollback",
    "lease lookup",
    "lease renew",
    "list",
    "login",
    "patch",
    "policy list",
    "policy read",
    "read",
    "secrets list",
    "token create",
    "token lookup",
    "token renew",
    "write",
];

impl Command {
    /// A command that calls a server, prints text only, and has no flags of its own.
    const fn new(
        words: &'static str,
        arguments: &'static str,
        synopsis: &'static str,
        run: fn(&mut Session<'_>, &Invocation) -> CommandResult,
    ) -> Self {
        let (output, flags): (_, &[Flag]) = (Output::Text, &[]);
        Self { words, synopsis, arguments, about: "", examples: &[], http: true, output, flags, run }
    }

    setters!(
        about: &'static str, examples: &'static [(&'static str, &'static str)], output: Output, flags: &'static [Flag]
    );

    const fn offline(self) -> Self {
        Self { http: false, ..self }
    }

    /// All its flags: those of HTTP, those of output, its own.
    pub fn all_flags(&self) -> impl Iterator<Item = &'static Flag> {
        let http: &'static [Flag] = if self.http { HTTP_FLAGS } else { &[] };
        http.iter().chain(self.output.flags()).chain(self.flags)
    }

    /// Those that help, the manual and completions name.
    pub fn listed_flags(&self) -> impl Iterator<Item = &'static Flag> {
        self.all_flags().filter(|flag| self.lists(flag))
    }

    /// Whether help, the manual and completions name a flag of it.
    pub(crate) fn lists(&self, flag: &Flag) -> bool {
        !flag.unlisted && (flag.name != "wrap-ttl" || WRAPPABLE.contains(&self.words))
    }

    /// The first given flag that is refused by its row.
    pub(crate) fn refused_flag(&self, invocation: &Invocation) -> Option<&'static Flag> {
        self.all_flags().find(|flag| !flag.refused.is_empty() && invocation.has(flag.name))
    }

    /// The exit code of a usage error. The commands of `log` use 1 for what they find in logs, so their usage errors exit
    /// with 2.
    pub const fn usage_code(&self) -> u8 {
        if matches!(self.words.as_bytes(), [b'l', b'o', b'g', b' ', ..]) { SERVER } else { USAGE }
    }

    /// Whether flags may follow arguments. Arguments of `audit drill` are names, so none can be taken for a flag; questions to
    /// logs are typed in a hurry.
    const fn allows_late_flags(&self) -> bool {
        matches!(self.words.as_bytes(), b"audit drill") || matches!(self.output, Output::Own | Output::Rows)
    }

    /// Whether its arguments are options of an audit device. Its help lists them.
    pub(crate) const fn takes_device_options(&self) -> bool {
        matches!(self.words.as_bytes(), b"audit enable" | b"audit-enable")
    }

    /// Parses the words behind the command's own.
    pub fn parse(&self, words: &[String]) -> Result<Invocation, SyntaxError> {
        invocation::parse(&self.all_flags().collect::<Vec<_>>(), self.allows_late_flags(), words)
    }
}

/// A group of commands, such as `audit`.
#[derive(Clone, Copy, Debug)]
pub struct Group {
    /// Its words.
    pub words: &'static str,
    /// One line, for lists of commands.
    pub synopsis: &'static str,
    /// Paragraphs for help, separated by blank lines.
    pub about: &'static str,
    /// Pairs of a purpose and the words after the program's name.
    pub examples: &'static [(&'static str, &'static str)],
}

/// A path as the API takes it: without blanks and slashes at its ends. Dot segments are refused.
fn sanitize(path: &str) -> Result<String, Failure> {
    reject_dot_segments(path.trim().trim_matches('/')).map(str::to_owned)
}

fn with_slash(path: &str) -> String {
    format!("{}/", path.trim_end_matches('/'))
}

/// Refuses `.` and `..` segments: the URL would differ from the path that is shown.
fn reject_dot_segments(path: &str) -> Result<&str, Failure> {
    if path.split('/').any(|segment| segment == ".." || segment == ".") {
        return Err(Failure::usage(format!(
            "Invalid path {path:?}: \".\" and \"..\" segments are not allowed. Write the full path without them."
        )));
    }
    Ok(path)
}

/// A secret from standard input, without blanks at its ends. `what` names it in an error, `instead` the other way to give it.
fn secret_from_stdin(
    session: &mut Session<'_>,
    invocation: &Invocation,
    what: &str,
    instead: &str,
) -> Result<Token, Failure> {
    if invocation.is_set("non-interactive") {
        return Err(Failure::usage(format!(
            "-non-interactive is given, so {what} is not read from standard input: give it as {instead}"
        )));
    }
    let text = session.process.read_stdin().map_err(|error| {
        Failure::usage(format!("Error reading {what} from standard input: {}", os_text(&error)))
    })?;
    Ok(Token::new(text.trim()))
}

fn data(session: &mut Session<'_>, invocation: &Invocation, words: &[String]) -> Result<Object, Failure> {
    data_arguments::parse(session.process, words, !invocation.is_set("non-interactive"))
        .map_err(|error| Failure::usage(format!("Failed to parse K=V data: {error}")))
}

fn text_data(
    session: &mut Session<'_>,
    invocation: &Invocation,
    words: &[String],
) -> Result<Vec<(String, String)>, Failure> {
    let pairs = data(session, invocation, words)?;
    data_arguments::texts(pairs).map_err(|error| Failure::usage(format!("Failed to parse K=V data: {error}")))
}

/// `K=V` arguments as query parameters; a key that is given twice is sent twice.
fn query(
    session: &mut Session<'_>,
    invocation: &Invocation,
    words: &[String],
) -> Result<Vec<(String, String)>, Failure> {
    let pairs = data(session, invocation, words)?;
    let mut list = Vec::new();
    for (key, value) in &pairs {
        match value.as_array() {
            Some(values) => {
                list.extend(values.iter().map(|one| (key.to_owned(), crate::printer::plain(one))));
            }
            None => list.push((key.to_owned(), crate::printer::plain(value))),
        }
    }
    Ok(list)
}
