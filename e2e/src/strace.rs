//! `strace` on a running server: calls are counted, or made to fail, to be slow or to hang, until it is dropped.
//! Never in it: expectations.

use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

/// Attached; what it does to calls ends with it.
pub struct Strace {
    child: Child,
    trace: PathBuf,
}

impl Strace {
    /// Attaches it to a process or thread with these arguments. It writes a line for each call to the file `trace`.
    pub fn attach<S: AsRef<OsStr>>(id: u32, trace: &Path, args: impl IntoIterator<Item = S>) -> Self {
        let mut child = Command::new("strace")
            .args(["-p", &id.to_string()])
            .args(args)
            .arg("-o")
            .arg(trace)
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("strace runs");
        let mut said = BufReader::new(child.stderr.take().expect("piped"));
        let mut line = String::new();
        while !line.contains("attached") {
            line.clear();
            assert_ne!(said.read_line(&mut line).expect("text"), 0, "strace is attached");
        }
        // It must not end for want of a reader.
        std::thread::spawn(move || std::io::copy(&mut said, &mut std::io::sink()));
        Self { child, trace: trace.to_owned() }
    }

    /// Its lines so far.
    pub fn trace(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(&self.trace).unwrap_or_default()).into_owned()
    }

    /// Whether it can be used here at all; says so on standard error if not.
    pub fn is_possible() -> bool {
        let tried = Command::new("strace")
            .args(["-f", "-qq", "-o", "/dev/null", "-e", "inject=fdatasync:error=EIO", "true"])
            .output();
        let works = tried.as_ref().is_ok_and(|output| output.status.success());
        if !works {
            eprintln!("SKIPPED, NOTHING IS PROVEN: strace is missing or may not attach: {tried:?}");
        }
        works
    }
}

impl Drop for Strace {
    fn drop(&mut self) {
        let pid = Pid::from_child(&self.child);
        let _it_may_be_gone = kill_process(pid, Signal::INT);
        drop(self.child.wait());
    }
}
