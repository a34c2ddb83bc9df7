//! The environment variables, streams and terminals of the process. The only file that reads them, so that tests can
//! replace them.
//! Never in it: what a command reads and prints.

use onrecord_client::environment::Variables;
use onrecord_server::Kinds;
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr};
use std::collections::BTreeMap;
use std::io::{self, IsTerminal, Read, Write};
use std::path::Path;
use zeroize::Zeroizing;

/// What a command reads and writes of its process.
pub struct Process {
    /// Name under which the program was called, without folders.
    pub program: String,
    /// The kinds of audit devices and storage of this program's server.
    pub kinds: Kinds,
    /// Environment variables.
    pub variables: BTreeMap<String, String>,
    /// Standard input.
    pub stdin: Box<dyn Read>,
    /// Standard output.
    pub stdout: Box<dyn Write>,
    /// Standard error.
    pub stderr: Box<dyn Write>,
    /// Whether standard input is a terminal.
    pub stdin_is_terminal: bool,
    /// Whether standard output is a terminal.
    pub stdout_is_terminal: bool,
    /// Whether standard error is a terminal.
    pub stderr_is_terminal: bool,
}

impl std::fmt::Debug for Process {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Process").field("program", &self.program).finish_non_exhaustive()
    }
}

impl Process {
    /// The process that runs, called as `program`.
    pub fn current(program: &str) -> Self {
        let (stdin, stdout, stderr) = (io::stdin(), io::stdout(), io::stderr());
        Self {
            program: name_of(program),
            kinds: Kinds::default(),
            variables: std::env::vars_os()
                .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
                .collect(),
            stdin_is_terminal: stdin.is_terminal(),
            stdout_is_terminal: stdout.is_terminal(),
            stderr_is_terminal: stderr.is_terminal(),
            stdin: Box::new(stdin),
            stdout: Box::new(io::BufWriter::new(stdout)),
            stderr: Box::new(stderr),
        }
    }

    /// How many characters a line of standard output may have: those of the terminal, or of `COLUMNS` if that is set; any number
    /// if it is not a terminal.
    pub(crate) fn columns(&self) -> Option<usize> {
        if !self.stdout_is_terminal {
            return None;
        }
        let set = self.variables.get("COLUMNS").and_then(|text| text.parse().ok());
        let size = || tcgetwinsize(io::stdout()).ok().map(|size| usize::from(size.ws_col));
        set.or_else(size).filter(|columns| *columns > 0).or(Some(80))
    }

    /// All of standard input as text.
    pub fn read_stdin(&mut self) -> io::Result<Zeroizing<String>> {
        // It may be a secret: with this capacity a short one is not copied while it is read.
        let mut text = Zeroizing::new(String::with_capacity(8 * 1024));
        self.stdin.read_to_string(&mut text)?;
        Ok(text)
    }

    /// Stops the terminal from showing what is typed. To be called before the question is asked, so that not even the first
    /// character is shown or lost.
    pub(crate) fn hide_input(&self) -> io::Result<HiddenInput> {
        if !self.stdin_is_terminal {
            return Err(io::Error::other("file descriptor 0 is not a terminal"));
        }
        let terminal = io::stdin();
        let before = tcgetattr(&terminal)?;
        let mut hidden = before.clone();
        hidden.local_modes.remove(LocalModes::ECHO);
        tcsetattr(&terminal, OptionalActions::Flush, &hidden)?;
        Ok(HiddenInput { terminal, before })
    }
}

/// A terminal that does not show what is typed, until this is dropped.
pub(crate) struct HiddenInput {
    terminal: io::Stdin,
    before: Termios,
}

impl HiddenInput {
    /// One line from the terminal.
    pub(crate) fn read_line(&self) -> io::Result<Zeroizing<String>> {
        let mut line = Zeroizing::new(String::new());
        self.terminal.read_line(&mut line)?;
        Ok(Zeroizing::new(line.trim_end_matches(['\n', '\r']).to_owned()))
    }
}

impl Drop for HiddenInput {
    fn drop(&mut self) {
        // A terminal that is gone cannot be set back.
        tcsetattr(&self.terminal, OptionalActions::Flush, &self.before).unwrap_or_default();
    }
}

impl Variables for Process {
    fn variable(&self, name: &str) -> Option<String> {
        self.variables.get(name).cloned()
    }
}

/// `vault` if the program was called so, so that messages name what the user typed; else `onrecord`.
fn name_of(program: &str) -> String {
    match Path::new(program).file_name().and_then(|name| name.to_str()) {
        Some("vault") => "vault".to_owned(),
        _ => "onrecord".to_owned(),
    }
}
