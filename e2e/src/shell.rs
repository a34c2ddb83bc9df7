//! An operator's shell beside a server: lines as the documents print them, run by `sh` with the binary on the path under
//! both of its names, in a home of its own.
//! Never in it: expectations, but for the two exits a line can have.

use std::io::{Read, Write};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use tempfile::TempDir;

use crate::process::{Server, binary};

/// `option=value` as one word of a shell; the command line does not read a file for a value that begins with `@`.
pub fn option_word(option: &str, value: &str) -> String {
    let value = value.strip_prefix('@').map_or_else(|| value.to_owned(), |rest| format!("\\@{rest}"));
    format!("'{option}={}'", value.replace('\'', "'\\''"))
}

/// How long a question may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// A home, and what is set in it.
pub struct Shell {
    home: TempDir,
    set: Vec<(String, String)>,
}

/// What a line left.
#[derive(Debug)]
pub struct Ran {
    line: String,
    /// Its exit code.
    pub code: Option<i32>,
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
}

impl Shell {
    /// A shell in which nothing is set.
    pub fn new() -> Self {
        let home = tempfile::tempdir().expect("a home");
        for name in ["onrecord", "vault"] {
            symlink(binary(), home.path().join(name)).expect("a link");
        }
        Self { home, set: Vec::new() }
    }

    /// A shell in which the server and its token are set, as the documents tell to.
    pub fn of(server: &Server) -> Self {
        let shell = Self::new().with("VAULT_ADDR", &format!("http://{}", server.addr));
        if server.token.is_empty() { shell } else { shell.with("VAULT_TOKEN", &server.token) }
    }

    /// Sets a variable.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.set.retain(|(set, _)| set != name);
        self.set.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Takes a variable back.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.set.retain(|(set, _)| set != name);
        self
    }

    /// The home, where lines run.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// Runs a line.
    pub fn run(&self, line: &str) -> Ran {
        self.feed(line, "")
    }

    /// Runs a line with this standard input.
    pub fn feed(&self, line: &str, stdin: &str) -> Ran {
        let mut child = self.command("/bin/sh").args(["-c", line]).spawn().expect("the shell runs");
        // A command that does not read its input may be gone before it is written.
        drop(child.stdin.take().expect("piped").write_all(stdin.as_bytes()));
        let output = child.wait_with_output().expect("the line ends");
        Ran {
            line: line.to_owned(),
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).expect("UTF-8"),
            stderr: String::from_utf8(output.stderr).expect("UTF-8"),
        }
    }

    /// Runs a line on a terminal, and types each answer once its question is shown. Its standard output is all that the
    /// terminal shows.
    pub fn types(&self, line: &str, answers: &[(&str, &str)]) -> Ran {
        let mut child = self
            .command("script")
            .args(["-qec", line, "/dev/null"])
            .spawn()
            .expect("script is part of every Debian");
        let mut typed = child.stdin.take().expect("piped");
        let mut shown = child.stdout.take().expect("piped");
        let (sender, chunks) = channel();
        thread::spawn(move || {
            let mut chunk = [0; 1024];
            while let Ok(count @ 1..) = shown.read(&mut chunk) {
                if sender.send(chunk[..count].to_vec()).is_err() {
                    break;
                }
            }
        });
        let mut screen = Vec::new();
        for (question, answer) in answers {
            while !String::from_utf8_lossy(&screen).contains(question) {
                let Ok(chunk) = chunks.recv_timeout(PATIENCE) else {
                    drop(child.kill());
                    panic!("{line}: no {question:?} in {}", String::from_utf8_lossy(&screen));
                };
                screen.extend(chunk);
            }
            writeln!(typed, "{answer}").expect("the terminal takes it");
        }
        let code = child.wait().expect("the line ends").code();
        screen.extend(chunks.iter().flatten());
        let stdout = String::from_utf8(screen).expect("UTF-8").replace("\r\n", "\n");
        Ran { line: line.to_owned(), code, stdout, stderr: String::new() }
    }

    /// A program in this shell's home with what is set.
    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command
            .current_dir(self.home())
            .env_clear()
            .env("HOME", self.home())
            .env("PATH", format!("{}:/usr/bin:/bin", self.home().display()))
            .envs(self.set.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Runs a line that works, and gives its standard output.
    pub fn does(&self, line: &str) -> String {
        self.run(line).exits(0).stdout
    }

    /// Runs a line that ends with this code, and gives its standard error.
    pub fn refuses(&self, code: i32, line: &str) -> String {
        self.run(line).exits(code).stderr
    }
}

impl Default for Shell {
    fn default() -> Self {
        Self::new()
    }
}

impl Ran {
    /// Checks the exit code.
    #[must_use]
    pub fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{}\n{}{}", self.line, self.stdout, self.stderr);
        self
    }
}
