//! Collectors that follow a log file and send its lines to a receiver, with the configurations of docs/SIEM.md; and the receiver.
//! Never in it: expectations.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use crate::daemon::{Kind, require, spawn};

/// The page, and what in its configurations is another place here.
const PAGE: &str = include_str!("../../docs/SIEM.md");
const LOG: &str = "/var/log/onrecord/audit.log";
const SPOOL: &str = "/var/spool/";
const RECEIVER: &str = "siem.example";
const PORT: &str = "6514";

/// Takes lines over TCP, and counts how often each came.
#[derive(Clone, Default)]
pub struct Receiver(Arc<Mutex<HashMap<String, usize>>>);

impl Receiver {
    /// Listens on a free port of this machine.
    fn listen(&self) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("its address").port();
        let lines = Arc::clone(&self.0);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let lines = Arc::clone(&lines);
                thread::spawn(move || {
                    for line in BufReader::new(stream).lines().map_while(Result::ok) {
                        *lines.lock().unwrap_or_else(PoisonError::into_inner).entry(line).or_default() += 1;
                    }
                });
            }
        });
        port
    }

    /// How often each line came.
    pub fn lines(&self) -> HashMap<String, usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
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
    /// Starts the daemon with the configuration of the page. `None`, after a notice, if the machine does not have it.
    pub fn start(kind: Kind, log: &Path) -> Option<Self> {
        let program = require(kind)?;
        let dir = tempfile::tempdir().expect("a folder");
        let receiver = Receiver::default();
        let port = receiver.listen().to_string();
        let language = if kind == Kind::Rsyslog { "rsyslog" } else { "syslog-ng" };
        let spool = format!("{}/", dir.path().display());
        for folder in ["rsyslog", "syslog-ng"] {
            std::fs::create_dir(dir.path().join(folder)).expect("a folder");
        }
        let configuration = block(language)
            .replace(LOG, &log.display().to_string())
            .replace(SPOOL, &spool)
            .replace(RECEIVER, "127.0.0.1")
            .replace(PORT, &port);
        std::fs::write(dir.path().join("conf"), configuration).expect("its configuration");
        let child = spawn(kind, &program, dir.path());
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

/// The configuration of the page in this language.
fn block(language: &str) -> &'static str {
    let begin = format!("```{language}\n");
    let (_, rest) = PAGE.split_once(&begin).expect("the page has it");
    rest.split("```").next().expect("its end")
}
