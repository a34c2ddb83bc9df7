//! A running command: its client, its streams, its colours.
//! Never in it: which calls a command makes, and what it prints.

use crate::client_config;
use crate::failure::{CommandResult, Failure, context};
use crate::flag::Output;
use crate::invocation::{Invocation, late_flags};
use crate::printer::{Format, Node};
use crate::process::Process;
use onrecord_client::environment::Variables;
use onrecord_client::{Client, Error, Token};
use onrecord_value::suggest;
use std::fmt::Display;
use std::future::Future;
use std::io::Write;
use tokio::runtime::Runtime;

const RESET: &str = "\x1b[0m";
const RED: &str = "\x1b[91m";
const YELLOW: &str = "\x1b[93m";
const GREEN: &str = "\x1b[92m";

/// What a line says about what it is about: its colour on a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Good,
    Doubtful,
    Bad,
}

pub(crate) struct Session<'w> {
    pub(crate) process: &'w mut Process,
    pub(crate) format: Format,
    pub(crate) field: Option<String>,
    runtime: Option<Runtime>,
}

impl<'w> Session<'w> {
    /// A session that prints tables until the format is known.
    pub(crate) fn new(process: &'w mut Process) -> Self {
        Self { process, format: Format::Table, field: None, runtime: None }
    }

    pub(crate) fn prepare(&mut self, invocation: &Invocation, output: Output) -> Result<(), Failure> {
        if output == Output::Own {
            return Ok(());
        }
        let from_environment = self.process.setting("FORMAT").map(|(_, value)| value);
        let text = invocation.text("format").map(str::to_owned).or(from_environment).unwrap_or_default();
        let of_rows = |format: Format| matches!(format, Format::Jsonl | Format::Csv);
        let taken = |format: &Format| output == Output::Rows || !of_rows(*format);
        self.format = Format::parse(&text).filter(taken).ok_or_else(|| {
            let formats = output.formats();
            let near = suggest::nearest(&text, formats.iter().copied().filter(|format| *format != "raw"));
            let (last, before) = formats.split_last().unwrap_or((&"table", &[]));
            let accepted = format!("{} or {last}", before.join(", "));
            let hint = near.map(|near| format!(" (did you mean {near}?)")).unwrap_or_default();
            Failure::usage(format!("Invalid output format: {text}{hint}\nAccepted: {accepted}."))
        })?;
        if self.format == Format::Raw && output != Output::Raw {
            return Err(Failure::usage("This command does not support the -format=raw option."));
        }
        self.field = invocation.text("field").filter(|field| !field.is_empty()).map(str::to_owned);
        if self.format == Format::Table && !invocation.after_dashes.is_empty() {
            self.warn(&late_flags(&invocation.after_dashes))?;
        }
        Ok(())
    }

    pub(crate) fn client(&mut self, invocation: &Invocation) -> Result<Client, Failure> {
        client_config::build(self.process, invocation, true)
    }

    pub(crate) fn client_without_token(&mut self, invocation: &Invocation) -> Result<Client, Failure> {
        client_config::build(self.process, invocation, false)
    }

    /// Runs a future to its end. The runtime is created by the first one and has no threads of its own.
    pub(crate) fn block_on<T>(&mut self, work: impl Future<Output = T>) -> Result<T, Failure> {
        let runtime = match self.runtime.take() {
            Some(runtime) => runtime,
            None => tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .map_err(|error| Failure::server(format!("Cannot create the async runtime: {error}")))?,
        };
        Ok(self.runtime.insert(runtime).block_on(work))
    }

    /// Runs a call to its end. An error is prefixed with what was being done, such as `Error listing audits: `.
    pub(crate) fn call<T>(
        &mut self,
        work: impl Future<Output = Result<T, Error>>,
        doing: impl Display,
    ) -> Result<T, Failure> {
        self.block_on(work)?.map_err(context(doing))
    }

    /// Prints the result of a command as a text, or as JSON or YAML, and ends the command.
    pub(crate) fn show(&mut self, text: &str, node: impl Into<Node>) -> CommandResult {
        if self.format == Format::Table {
            self.print_line(text)?;
        } else {
            self.print_node(&node.into())?;
        }
        Ok(0)
    }

    pub(crate) fn done(&mut self, text: impl AsRef<str>) -> CommandResult {
        self.print_line(text.as_ref())?;
        Ok(0)
    }

    pub(crate) fn print_line(&mut self, text: &str) -> Result<(), Failure> {
        let line = self.coloured(RESET, text, self.process.stdout_is_terminal);
        self.print(&line)
    }

    pub(crate) fn print(&mut self, text: &str) -> Result<(), Failure> {
        self.print_bytes(text.as_bytes())
    }

    pub(crate) fn print_bytes(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.process.stdout.write_all(bytes).map_err(|_| Failure::OutputClosed)
    }

    /// Prints an answer as JSON or YAML; the format is not a table.
    pub(crate) fn print_node(&mut self, node: &Node) -> Result<(), Failure> {
        let text = match self.format {
            Format::Yaml => crate::printer::yaml::text(node),
            _ => crate::printer::json::text(node),
        };
        self.print(&format!("{}\n", text.trim_end_matches('\n')))
    }

    /// Says on standard error what is being done.
    pub(crate) fn note(&mut self, text: &str) -> Result<(), Failure> {
        self.write_stderr(RESET, text)
    }

    pub(crate) fn warn(&mut self, text: &str) -> Result<(), Failure> {
        self.write_stderr(YELLOW, text)
    }

    pub(crate) fn error(&mut self, text: &str) -> Result<(), Failure> {
        self.write_stderr(RED, text)
    }

    fn write_stderr(&mut self, colour: &str, text: &str) -> Result<(), Failure> {
        let line = self.coloured(colour, text, self.process.stderr_is_terminal);
        self.flush()?;
        self.process.stderr.write_all(line.as_bytes()).map_err(|_| Failure::OutputClosed)
    }

    /// Flushes standard output, so that the two streams keep their order on a terminal.
    pub(crate) fn flush(&mut self) -> Result<(), Failure> {
        self.process.stdout.flush().map_err(|_| Failure::OutputClosed)
    }

    /// A text for standard output, in the colour of its verdict if that is a terminal that shows colours.
    pub(crate) fn paint(&self, verdict: Verdict, text: &str) -> String {
        let colour = match verdict {
            Verdict::Good => GREEN,
            Verdict::Doubtful => YELLOW,
            Verdict::Bad => RED,
        };
        let paint = |line: &str| format!("{colour}{line}{RESET}");
        if self.shows_colours(self.process.stdout_is_terminal) {
            text.split('\n').map(paint).collect::<Vec<_>>().join("\n")
        } else {
            text.to_owned()
        }
    }

    /// A table whose rows below the headers have these verdicts.
    pub(crate) fn paint_rows(&self, table: &str, verdicts: impl IntoIterator<Item = Verdict>) -> String {
        let verdicts = [None, None].into_iter().chain(verdicts.into_iter().map(Some));
        let line = |(line, verdict): (&str, Option<Verdict>)| match verdict {
            Some(verdict) => self.paint(verdict, line),
            None => line.to_owned(),
        };
        table
            .split('\n')
            .zip(verdicts.chain(std::iter::repeat(None)))
            .map(line)
            .collect::<Vec<_>>()
            .join("\n")
    }

    /// A line, in a colour if it goes to a terminal that shows colours.
    fn coloured(&self, colour: &str, text: &str, terminal: bool) -> String {
        if self.shows_colours(terminal) { format!("{colour}{text}{RESET}\n") } else { format!("{text}\n") }
    }

    fn shows_colours(&self, terminal: bool) -> bool {
        let filled = |name: &str| self.process.variable(name).is_some_and(|value| !value.is_empty());
        terminal
            && self.format == Format::Table
            && !filled("NO_COLOR")
            && self.process.setting_filled("CLI_NO_COLOR").is_none()
            && self.process.variable("TERM").as_deref() != Some("dumb")
    }

    /// Asks for a secret on the terminal. The question is printed on standard output or standard error.
    pub(crate) fn prompt_hidden(&mut self, question: &str, on_stdout: bool) -> Result<Token, String> {
        let hidden = self.process.hide_input();
        let Process { stdout, stderr, .. } = self.process;
        let stream = if on_stdout { stdout } else { stderr };
        let asked = stream.write_all(question.as_bytes()).and_then(|()| stream.flush());
        asked.map_err(|error| error.to_string())?;
        let line = hidden.and_then(|hidden| hidden.read_line());
        // Echo is off, so the user's own newline is not shown.
        let Process { stdout, stderr, .. } = self.process;
        let stream = if on_stdout { stdout } else { stderr };
        stream.write_all(b"\n").map_err(|error| error.to_string())?;
        line.map(|line| Token::new(line.as_str())).map_err(|error| error.to_string())
    }
}
