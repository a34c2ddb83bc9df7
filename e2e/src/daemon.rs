//! Real syslog daemons, rsyslog and syslog-ng, each on a socket and with a log of its own in a temporary directory.
//! Never in it: expectations.

use std::io::Write as _;
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use crate::wait;

/// Which daemon, and how it listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// rsyslogd with imuxsock; it takes messages of up to 1 MiB.
    Rsyslog,
    /// rsyslogd as it is without configuration: it cuts a message after 8 KiB.
    RsyslogOfTheBox,
    /// syslog-ng with `unix-dgram()`.
    SyslogNg,
    /// syslog-ng with `unix-stream()`.
    SyslogNgStream,
}

/// A daemon.
#[derive(Debug)]
pub struct Daemon {
    kind: Kind,
    dir: tempfile::TempDir,
    child: Child,
}

impl Daemon {
    /// Starts a daemon. `None`, after a notice on standard error, if the machine does not have it; where
    /// `ONRECORD_REQUIRE_DAEMONS` is set (in CI) that is a failure.
    pub fn start(kind: Kind) -> Option<Self> {
        let program = require(kind)?;
        let dir = tempfile::tempdir().expect("a folder");
        std::fs::write(dir.path().join("conf"), kind.configuration(dir.path())).expect("its configuration");
        let child = kind.spawn(&program, dir.path());
        let daemon = Self { kind, dir, child };
        daemon.wait_until_it_listens();
        Some(daemon)
    }

    /// The socket at which it listens.
    pub fn socket(&self) -> PathBuf {
        self.dir.path().join("socket")
    }

    /// The file into which it writes what it was sent, each message without its header on a line.
    pub fn log(&self) -> PathBuf {
        self.dir.path().join("log")
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("the daemon is there");
    }

    /// Kills it (SIGKILL) and waits for its end. Its socket stays.
    pub fn kill(&mut self) {
        drop(self.child.kill());
        self.child.wait().expect("it ends");
    }

    /// Asks it to end (SIGTERM), so that it writes what it has, and waits.
    pub fn stop(&mut self) {
        self.signal(Signal::TERM);
        self.child.wait().expect("it ends");
    }

    /// Starts it again, on the same socket and log.
    pub fn start_again(&mut self) {
        let program = self.kind.program().expect("it was there");
        drop(std::fs::remove_file(self.dir.path().join("pid")));
        self.child = self.kind.spawn(&program, self.dir.path());
        self.wait_until_it_listens();
    }

    fn wait_until_it_listens(&self) {
        let output = || std::fs::read_to_string(self.dir.path().join("said")).unwrap_or_default();
        assert!(
            wait::holds(|| self.listens()),
            "{} does not listen; it said: {}",
            self.kind.name(),
            output()
        );
    }

    fn listens(&self) -> bool {
        match self.kind {
            Kind::SyslogNgStream => UnixStream::connect(self.socket()).is_ok(),
            _ => UnixDatagram::unbound().is_ok_and(|probe| probe.connect(self.socket()).is_ok()),
        }
    }
}

/// The program of a daemon. `None`, after a notice on standard error, if the machine does not have it; where
/// `ONRECORD_REQUIRE_DAEMONS` is set (in CI) that is a failure.
pub(crate) fn require(kind: Kind) -> Option<PathBuf> {
    let program = kind.program();
    if program.is_none() {
        let name = kind.name();
        let notice =
            format!("NOT TESTED: {name} is not on this machine; .ci/daemons installs what is missing");
        assert!(std::env::var_os("ONRECORD_REQUIRE_DAEMONS").is_none(), "{notice}");
        // The macros' text is shown for failed tests only.
        writeln!(std::io::stderr(), "\n{notice}\n").ok();
    }
    program
}

/// Starts a daemon with the file `conf` of a folder, in which it keeps all that it writes.
pub(crate) fn spawn(kind: Kind, program: &Path, dir: &Path) -> Child {
    kind.spawn(program, dir)
}

impl Drop for Daemon {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Kind {
    const fn name(self) -> &'static str {
        match self {
            Self::Rsyslog | Self::RsyslogOfTheBox => "rsyslogd",
            Self::SyslogNg | Self::SyslogNgStream => "syslog-ng",
        }
    }

    /// The daemon in PATH, or where `.ci/daemons` puts it.
    fn program(self) -> Option<PathBuf> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let usual = ["/usr/sbin", "/sbin"].map(PathBuf::from);
        let mut folders = std::env::split_paths(&path).chain(usual).chain([unpacked().join("usr/sbin")]);
        folders.find_map(|folder| Some(folder.join(self.name())).filter(|program| program.is_file()))
    }

    fn spawn(self, program: &Path, dir: &Path) -> Child {
        let said = std::fs::File::create(dir.join("said")).expect("a file");
        let mut command = Command::new(program);
        match self {
            Self::Rsyslog | Self::RsyslogOfTheBox => {
                command.arg("-n").arg("-f").arg(dir.join("conf")).arg("-i").arg(dir.join("pid"));
            }
            Self::SyslogNg | Self::SyslogNgStream => {
                command.args(["--foreground", "--no-caps"]);
                for (flag, file) in [("-f", "conf"), ("-p", "pid"), ("-c", "control"), ("-R", "persist")] {
                    command.arg(flag).arg(dir.join(file));
                }
                if program.starts_with(unpacked()) {
                    let libraries = libraries(["usr/lib", "lib"].map(|folder| unpacked().join(folder)));
                    let modules = libraries.iter().find(|folder| folder.join("libafsocket.so").is_file());
                    command.arg("--module-path").arg(modules.expect("its modules"));
                    command.env("LD_LIBRARY_PATH", std::env::join_paths(&libraries).expect("no colons"));
                }
            }
        }
        let heard = said.try_clone().expect("a file");
        command.stdin(Stdio::null()).stdout(heard).stderr(said).spawn().expect("the daemon starts")
    }

    fn configuration(self, dir: &Path) -> String {
        let dir = dir.display();
        match self {
            Self::Rsyslog | Self::RsyslogOfTheBox => {
                let size = if self == Self::Rsyslog { "maxMessageSize=\"1m\"" } else { "" };
                format!(
                    "global(workDirectory=\"{dir}\" {size})\n\
                     module(load=\"imuxsock\" SysSock.Use=\"off\")\n\
                     input(type=\"imuxsock\" Socket=\"{dir}/socket\" RateLimit.Interval=\"0\")\n\
                     template(name=\"message\" type=\"string\" string=\"%msg:2:$%\\n\")\n\
                     action(type=\"omfile\" file=\"{dir}/log\" template=\"message\")\n"
                )
            }
            Self::SyslogNg | Self::SyslogNgStream => {
                let source = if self == Self::SyslogNg { "unix-dgram" } else { "unix-stream" };
                format!(
                    "@version: 3.35\n\
                     options {{ log-msg-size(4194304); stats-freq(0); }};\n\
                     source sent {{ {source}(\"{dir}/socket\"); }};\n\
                     destination written {{ file(\"{dir}/log\" template(\"${{MSG}}\\n\")); }};\n\
                     log {{ source(sent); destination(written); flags(flow-control); }};\n"
                )
            }
        }
    }
}

/// Where `.ci/daemons` unpacks what cannot be installed.
fn unpacked() -> PathBuf {
    std::env::var_os("ONRECORD_DAEMONS").map_or_else(
        || PathBuf::from(std::env::var_os("HOME").unwrap_or_default()).join(".cache/onrecord/daemons"),
        PathBuf::from,
    )
}

/// The folders in these, at any depth, that may hold libraries.
fn libraries(roots: [PathBuf; 2]) -> Vec<PathBuf> {
    let mut found = Vec::from(roots);
    let mut at = 0;
    while let Some(folder) = found.get(at).cloned() {
        at += 1;
        let entries = std::fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
        found.extend(entries.map(|entry| entry.path()).filter(|path| path.is_dir() && !path.is_symlink()));
    }
    found
}
