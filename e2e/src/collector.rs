//! Collectors that follow a log file and send its lines to a receiver, with the configurations of docs/SIEM.md.
//! Never in it: expectations.

mod otlp;
mod receiver;

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::{clients, daemon};

pub use receiver::{Protocol, Receiver};

/// The page, and what in its configurations is another place here.
const PAGE: &str = include_str!("../../docs/SIEM.md");
const LOGS: &str = "/var/log/onrecord/";

/// A program of the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Program {
    /// rsyslogd with imfile.
    Rsyslog,
    /// syslog-ng with `file()`.
    SyslogNg,
    /// The OpenTelemetry collector.
    OpenTelemetry,
}

impl Program {
    /// How the heading of its section begins.
    const fn heading(self) -> &'static str {
        match self {
            Self::Rsyslog => "### rsyslog",
            Self::SyslogNg => "### syslog-ng",
            Self::OpenTelemetry => "### OpenTelemetry collector",
        }
    }

    const fn protocol(self) -> Protocol {
        match self {
            Self::Rsyslog | Self::SyslogNg => Protocol::Lines,
            Self::OpenTelemetry => Protocol::Otlp,
        }
    }

    /// Starts it with the file `conf` of a folder. `None`, after a notice, if the machine does not have it.
    fn spawn(self, dir: &Path) -> Option<Child> {
        let syslog = |kind| Some(daemon::spawn(kind, &daemon::require(kind)?, dir));
        match self {
            Self::Rsyslog => syslog(daemon::Kind::Rsyslog),
            Self::SyslogNg => syslog(daemon::Kind::SyslogNg),
            Self::OpenTelemetry => {
                let said = std::fs::File::create(dir.join("said")).expect("a file");
                let mut command = Command::new(clients::installed("bin/otelcol")?);
                command.arg(dir.join("conf")).stdin(Stdio::null()).stdout(Stdio::null()).stderr(said);
                Some(command.spawn().expect("it starts"))
            }
        }
    }
}

/// A collector that follows one log.
pub struct Collector {
    child: Child,
    /// What it sent.
    pub receiver: Receiver,
    dir: tempfile::TempDir,
}

impl Collector {
    /// Starts the program with the configuration of the page for a log that is called `audit.log`. `None`, after a notice, if the machine does not have it.
    pub fn start(program: Program, log: &Path) -> Option<Self> {
        let dir = tempfile::tempdir().expect("a folder");
        let receiver = Receiver::default();
        let port = receiver.listen(program.protocol());
        for folder in ["rsyslog", "syslog-ng", "otelcol"] {
            std::fs::create_dir(dir.path().join(folder)).expect("a folder");
        }
        let here = dir.path().display();
        let configuration = block(program.heading())
            .replace(LOGS, &format!("{}/", log.parent().expect("its folder").display()))
            .replace("/var/spool/", &format!("{here}/"))
            .replace("/var/lib/", &format!("{here}/"))
            .replace("https://siem.example:4318", &format!("http://127.0.0.1:{port}"))
            .replace("siem.example", "127.0.0.1")
            .replace("6514", &port.to_string());
        std::fs::write(dir.path().join("conf"), configuration).expect("its configuration");
        let child = program.spawn(dir.path())?;
        Some(Self { child, receiver, dir })
    }

    /// Whether it still runs.
    pub fn runs(&mut self) -> bool {
        self.child.try_wait().is_ok_and(|ended| ended.is_none())
    }

    /// What it said, for failures.
    pub fn said(&self) -> String {
        let file: PathBuf = self.dir.path().join("said");
        std::fs::read_to_string(file).unwrap_or_default()
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// The first configuration below a heading of the page.
fn block(heading: &str) -> &'static str {
    let (_, section) = PAGE.split_once(heading).expect("the page has this section");
    let (_, fenced) = section.split_once("```").expect("it has a configuration");
    let (_, configuration) = fenced.split_once('\n').expect("the name of its language");
    configuration.split("```").next().expect("its end")
}
