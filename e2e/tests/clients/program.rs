//! The programs of `e2e/clients`, one for each client library: where `.ci/clients` puts them, how they run, and what they report.
//! Never in it: what their steps must come to (`steps`).

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use onrecord_e2e::clients::{folder, installed};
use serde_json::Value;

/// A client library.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Client {
    /// Python: `hvac`.
    Hvac,
    /// Go: `github.com/hashicorp/vault/api`.
    VaultApi,
    /// Go: `github.com/openbao/openbao/api/v2`.
    OpenbaoApi,
    /// Node: `node-vault`.
    NodeVault,
    /// Rust: `vaultrs`.
    Vaultrs,
    /// Java: `io.github.jopenlibs:vault-java-driver`.
    VaultJavaDriver,
    /// `curl`.
    Curl,
}

/// What a program says of one step.
#[derive(Debug)]
pub struct Report {
    /// The step.
    pub step: String,
    /// How it ended.
    pub outcome: Outcome,
}

/// How a step ended, in the client's view.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    /// As the user wished.
    Done,
    /// The library reports that the server refused; the status where the library tells it.
    Refused(Option<u16>),
    /// The library has no call for it: why.
    Absent(String),
    /// Anything else: another answer than the user can use, or no answer.
    Failed(String),
}

impl Client {
    /// The name that the program reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Hvac => "hvac",
            Self::VaultApi => "vault-api",
            Self::OpenbaoApi => "openbao-api",
            Self::NodeVault => "node-vault",
            Self::Vaultrs => "vaultrs",
            Self::VaultJavaDriver => "vault-java-driver",
            Self::Curl => "curl",
        }
    }

    /// The command that runs its program; `None`, after a notice, if `.ci/clients` did not put it there. Where
    /// `ONRECORD_REQUIRE_CLIENTS` is set (in CI) that is a failure.
    pub fn command(self) -> Option<Command> {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("clients");
        let needed = match self {
            Self::Hvac => "python/bin/python".to_owned(),
            Self::VaultApi | Self::OpenbaoApi | Self::Vaultrs => format!("bin/{}", self.name()),
            Self::NodeVault => "node/node_modules/node-vault".to_owned(),
            Self::VaultJavaDriver => "java/classes".to_owned(),
            Self::Curl => "curl".to_owned(),
        };
        let needed = installed(&needed)?;
        let (program, arguments) = match self {
            Self::Hvac => (needed, vec![source.join("hvac/walk.py")]),
            Self::VaultApi | Self::OpenbaoApi | Self::Vaultrs => (needed, vec![]),
            Self::NodeVault => ("node".into(), vec![source.join("node-vault/walk.js")]),
            Self::VaultJavaDriver => {
                let jar = folder().join("java/vault-java-driver.jar");
                let path = format!("{}:{}", jar.display(), needed.display());
                let arguments = ["-Xshare:auto", "-XX:TieredStopAtLevel=1", "-cp", &path, "Walk"];
                ("java".into(), arguments.map(PathBuf::from).to_vec())
            }
            Self::Curl => ("bash".into(), vec![source.join("curl/walk.sh")]),
        };
        let mut command = Command::new(program);
        command.args(arguments).env("NODE_PATH", folder().join("node/node_modules"));
        Some(command)
    }
}

/// How long a program may take. One that starts a process for each request takes a minute on a machine that is busy otherwise.
const TIMEOUT: Duration = Duration::from_mins(4);

/// Runs a program to its end and reads its reports; what it says beside them on standard error is part of a failure.
pub fn run(mut command: Command) -> Vec<Report> {
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let output = wait_with_limit(child.expect("the program starts"));
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "the program ended with {}: {stdout}\n{stderr}", output.status);
    let read = |line: &str| read(line).unwrap_or_else(|| panic!("not a report: {line}\n{stderr}"));
    stdout.lines().map(read).collect()
}

fn wait_with_limit(child: std::process::Child) -> std::process::Output {
    let pid = rustix::process::Pid::from_child(&child);
    let (sender, ended) = std::sync::mpsc::channel();
    let waiter = std::thread::spawn(move || {
        let output = child.wait_with_output();
        sender.send(()).ok();
        output
    });
    if ended.recv_timeout(TIMEOUT).is_err() {
        // It may have ended meanwhile.
        rustix::process::kill_process(pid, rustix::process::Signal::KILL).ok();
    }
    waiter.join().expect("no panic").expect("the program ends")
}

fn read(line: &str) -> Option<Report> {
    let report: Value = serde_json::from_str(line).ok()?;
    let why = || report["why"].as_str().unwrap_or_default().to_owned();
    let status = report["status"].as_u64().and_then(|status| u16::try_from(status).ok());
    let outcome = match report["outcome"].as_str()? {
        "done" => Outcome::Done,
        "refused" => Outcome::Refused(status),
        "absent" => Outcome::Absent(why()),
        "failed" => Outcome::Failed(why()),
        _ => return None,
    };
    Some(Report { step: report["step"].as_str()?.to_owned(), outcome })
}
