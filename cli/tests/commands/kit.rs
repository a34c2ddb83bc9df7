//! The kit of these tests: runs one command with a scripted server, given variables and given standard input, and keeps
//! what it printed, sent and returned.

use onrecord_cli::{Process, run};
use onrecord_client::scripted::{Reply, Scripted, Sent};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::{self, Cursor, Write};
use std::rc::Rc;

/// What a command printed, sent and returned.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) code: u8,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) sent: Vec<Sent>,
    pub(crate) url: String,
}

impl Outcome {
    /// Verb, target and body of every request.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.sent.iter().map(|sent| format!("{} {}", sent.line(), sent.body).trim_end().to_owned()).collect()
    }

    /// Exit code, standard output and standard error must be these.
    pub(crate) fn is(&self, code: u8, stdout: &str, stderr: &str) -> &Self {
        assert_eq!((self.code, self.stdout.as_str(), self.stderr.as_str()), (code, stdout, stderr));
        self
    }

    /// The requests must be these.
    pub(crate) fn sent(&self, expected: &[&str]) -> &Self {
        assert_eq!(self.requests(), expected);
        self
    }

    /// A refusal of the server as the command line lays it out.
    pub(crate) fn refusal(&self, method: &str, path: &str, status: u16, text: &str) -> String {
        format!(
            "Error making API request.\n\nURL: {method} {}{path}\nCode: {status}. Errors:\n\n* {text}\n",
            self.url
        )
    }
}

/// A command that has not run yet.
pub(crate) struct CommandTest {
    replies: Vec<Reply>,
    variables: Vec<(String, String)>,
    stdin: String,
    program: String,
    terminal: bool,
    no_server: bool,
}

pub(crate) fn cli() -> CommandTest {
    CommandTest {
        replies: Vec::new(),
        variables: vec![("VAULT_TOKEN".into(), "t0k".into())],
        stdin: String::new(),
        program: "onrecord".into(),
        terminal: false,
        no_server: false,
    }
}

impl CommandTest {
    pub(crate) fn reply(mut self, status: u16, body: &str) -> Self {
        self.replies.push(Reply::new(status, body));
        self
    }

    /// The answer of a preflight: a key/value mount.
    pub(crate) fn kv_mount(self, path: &str, version: u8) -> Self {
        let body =
            format!(r#"{{"data":{{"path":"{path}","type":"kv","options":{{"version":"{version}"}}}}}}"#);
        self.reply(200, &body)
    }

    pub(crate) fn variable(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn stdin(mut self, text: &str) -> Self {
        text.clone_into(&mut self.stdin);
        self
    }

    pub(crate) fn called(mut self, program: &str) -> Self {
        program.clone_into(&mut self.program);
        self
    }

    /// Output goes to a terminal.
    pub(crate) fn on_terminal(mut self) -> Self {
        self.terminal = true;
        self
    }

    /// Sets no address at all.
    pub(crate) fn no_server(mut self) -> Self {
        self.no_server = true;
        self
    }

    pub(crate) fn run(self, words: &[&str]) -> Outcome {
        let server = Scripted::start(self.replies).unwrap();
        let mut variables: BTreeMap<String, String> = BTreeMap::new();
        if !self.no_server {
            variables.insert("VAULT_ADDR".into(), server.url());
        }
        variables.extend(self.variables);
        let stdout = Shared::default();
        let stderr = Shared::default();
        let mut process = Process {
            kinds: onrecord_cli::Kinds::default(),
            program: self.program,
            variables,
            stdin: Box::new(Cursor::new(self.stdin)),
            stdout: Box::new(stdout.clone()),
            stderr: Box::new(stderr.clone()),
            stdin_is_terminal: false,
            stdout_is_terminal: self.terminal,
            stderr_is_terminal: self.terminal,
        };
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        let code = run(&mut process, &words);
        drop(process);
        Outcome { code, stdout: stdout.text(), stderr: stderr.text(), sent: server.sent(), url: server.url() }
    }
}

#[derive(Clone, Default)]
struct Shared(Rc<RefCell<Vec<u8>>>);

impl Shared {
    fn text(&self) -> String {
        String::from_utf8(self.0.borrow().clone()).unwrap()
    }
}

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
