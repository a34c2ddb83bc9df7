//! One command at work: its client, its streams, its colours. Which calls are made and what is told is the commands' business.

use crate::failure::Failure;
use crate::grammar::Invocation;
use crate::grammar::nearest;
use crate::printer::{Format, Node};
use crate::settings;
use crate::world::World;
use onrecord_client::environment::Variables;
use onrecord_client::{Client, Token};
use std::future::Future;
use std::io::Write;
use tokio::runtime::Runtime;

const RESET: &str = "\x1b[0m";
const RED: &str = "\x1b[91m";
const YELLOW: &str = "\x1b[93m";

/// A running command.
pub(crate) struct Session<'w> {
    pub(crate) world: &'w mut World,
    pub(crate) format: Format,
    pub(crate) field: Option<String>,
    runtime: Option<Runtime>,
}

impl<'w> Session<'w> {
    /// A session that prints tables until the format is known.
    pub(crate) fn new(world: &'w mut World) -> Self {
        Self { world, format: Format::Table, field: None, runtime: None }
    }

    /// Reads what the invocation and the environment say about printing.
    pub(crate) fn prepare(&mut self, invocation: &Invocation) -> Result<(), Failure> {
        let from_environment = self.world.setting("FORMAT").map(|(_, value)| value);
        let text = invocation.text("format").map(str::to_owned).or(from_environment).unwrap_or_default();
        self.format = Format::parse(&text).ok_or_else(|| {
            let near = nearest::nearest(&text, ["table", "json", "yaml"]);
            let hint = near.map(|near| format!(" (did you mean {near}?)")).unwrap_or_default();
            Failure::usage(format!("Invalid output format: {text}{hint}"))
        })?;
        let command = invocation.command;
        if self.format == Format::Raw && command.output != crate::grammar::Output::Raw {
            return Err(Failure::usage("This command does not support the -format=raw option."));
        }
        self.field = invocation.text("field").filter(|field| !field.is_empty()).map(str::to_owned);
        if self.format == Format::Table && !invocation.after_dashes.is_empty() {
            self.warn(&crate::grammar::parse::late(&invocation.after_dashes))?;
        }
        Ok(())
    }

    /// The client that flags and environment describe, with its token.
    pub(crate) fn client(&mut self, invocation: &Invocation) -> Result<Client, Failure> {
        settings::client(self.world, invocation, true)
    }

    /// The same without looking for a token.
    pub(crate) fn client_without_token(&mut self, invocation: &Invocation) -> Result<Client, Failure> {
        settings::client(self.world, invocation, false)
    }

    /// Waits for a call. The runtime is made at the first one and has no threads of its own.
    pub(crate) fn wait<T>(&mut self, work: impl Future<Output = T>) -> Result<T, Failure> {
        if self.runtime.is_none() {
            let made = tokio::runtime::Builder::new_current_thread().enable_all().build();
            self.runtime = Some(made.map_err(|error| Failure::server(format!("no runtime: {error}")))?);
        }
        match &self.runtime {
            Some(runtime) => Ok(runtime.block_on(work)),
            None => Err(Failure::server("no runtime")),
        }
    }

    /// Prints a text and a newline on standard output.
    pub(crate) fn say(&mut self, text: &str) -> Result<(), Failure> {
        let line = if self.colours(self.world.stdout_is_terminal) {
            format!("{RESET}{text}{RESET}\n")
        } else {
            format!("{text}\n")
        };
        self.print(&line)
    }

    /// Prints a text as it is on standard output.
    pub(crate) fn print(&mut self, text: &str) -> Result<(), Failure> {
        self.print_bytes(text.as_bytes())
    }

    /// Prints bytes as they are on standard output.
    pub(crate) fn print_bytes(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.world.stdout.write_all(bytes).map_err(|_| Failure::Output)
    }

    /// Prints an answer as JSON or YAML; the format is not a table.
    pub(crate) fn say_node(&mut self, node: &Node) -> Result<(), Failure> {
        let text = match self.format {
            Format::Yaml => crate::printer::yaml::text(node),
            _ => crate::printer::json::text(node),
        };
        self.print(&format!("{}\n", text.trim_end_matches('\n')))
    }

    /// Tells a warning on standard error.
    pub(crate) fn warn(&mut self, text: &str) -> Result<(), Failure> {
        self.complain(YELLOW, text)
    }

    /// Tells an error on standard error.
    pub(crate) fn error(&mut self, text: &str) -> Result<(), Failure> {
        self.complain(RED, text)
    }

    fn complain(&mut self, colour: &str, text: &str) -> Result<(), Failure> {
        let line = if self.colours(self.world.stderr_is_terminal) {
            format!("{colour}{text}{RESET}\n")
        } else {
            format!("{text}\n")
        };
        self.flush()?;
        self.world.stderr.write_all(line.as_bytes()).map_err(|_| Failure::Output)
    }

    /// Hands everything printed to the system, so that both streams keep their order.
    pub(crate) fn flush(&mut self) -> Result<(), Failure> {
        self.world.stdout.flush().map_err(|_| Failure::Output)
    }

    fn colours(&self, terminal: bool) -> bool {
        let filled = |name: &str| self.world.variable(name).is_some_and(|value| !value.is_empty());
        terminal
            && self.format == Format::Table
            && !filled("NO_COLOR")
            && self.world.setting_filled("CLI_NO_COLOR").is_none()
            && self.world.variable("TERM").as_deref() != Some("dumb")
    }

    /// Asks for a secret; the question goes to standard output or standard error.
    pub(crate) fn ask_hidden(&mut self, question: &str, on_stdout: bool) -> Result<Token, String> {
        let told = if on_stdout {
            self.world.stdout.write_all(question.as_bytes()).and_then(|()| self.world.stdout.flush())
        } else {
            self.world.stderr.write_all(question.as_bytes())
        };
        told.map_err(|error| error.to_string())?;
        let line = self.world.read_hidden();
        // The user's own newline was not shown.
        let newline =
            if on_stdout { self.world.stdout.write_all(b"\n") } else { self.world.stderr.write_all(b"\n") };
        newline.map_err(|error| error.to_string())?;
        line.map(|line| Token::new(line.as_str())).map_err(|error| error.to_string())
    }
}
