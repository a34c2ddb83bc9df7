//! `log follow` beside a server that rotates its log, and Ctrl-C during `log search` and `log follow`, with the real binary.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::{Child, ChildStdout, Command, Stdio};

use onrecord_e2e::place::Place;
use onrecord_e2e::process::{Server, binary};
use onrecord_e2e::wait;
use rustix::process::{Pid, Signal, kill_process};

/// A command of `log` that runs.
struct Running {
    child: Child,
    lines: BufReader<ChildStdout>,
}

impl Running {
    fn new(words: &[&str]) -> Self {
        let mut command = Command::new(binary());
        command.arg("log").args(words).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().expect("it starts");
        let lines = BufReader::new(child.stdout.take().expect("piped"));
        Self { child, lines }
    }

    /// The next line; an empty text at the end.
    fn line(&mut self) -> String {
        let mut line = String::new();
        self.lines.read_line(&mut line).expect("UTF-8");
        line.trim_end().to_owned()
    }

    fn interrupt(&self) {
        kill_process(Pid::from_child(&self.child), Signal::INT).expect("it is there");
    }

    fn exit_code(&mut self) -> Option<i32> {
        self.child.wait().expect("it ends").code()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[test]
fn following_a_log_that_is_rotated_shows_each_request_and_ends_with_130_at_ctrl_c() {
    let place = Place::new();
    let log = place.path("audit.log");
    let server = Server::dev(&["-dev-audit=off"]);
    server.enable_file("file", &log);
    let name = log.display().to_string();
    let filter = "-filter=path~cubbyhole/*";
    let mut follow =
        Running::new(&["follow", "-since=-1h", "-format=csv", "-fields=path,status", filter, &name]);
    assert_eq!(follow.line(), "path,status");
    let (mut shown, mut expected) = (BTreeSet::new(), BTreeSet::new());
    for turn in 0..4 {
        for number in 0..25 {
            let path = format!("cubbyhole/{turn}-{number}");
            assert_eq!(server.call("GET", &path, None).status, 404);
            expected.insert(format!("{path},404"));
        }
        // Those of this turn are seen before the name is given to another file again.
        while shown.len() < expected.len() {
            let line = follow.line();
            assert!(!line.is_empty(), "it ended early: {shown:?}");
            assert!(shown.insert(line), "each once: {shown:?}");
        }
        std::fs::rename(&log, place.path(format!("audit.log.{turn}"))).expect("a rename");
        server.signal(Signal::HUP);
        server.eventually("the file is made again", || log.exists());
    }
    assert_eq!(shown, expected);
    follow.interrupt();
    assert_eq!(follow.exit_code(), Some(130));
}

#[test]
fn a_search_that_is_interrupted_says_so_and_ends_with_130() {
    let line = |number: usize| {
        format!(
            r#"{{"time":"2026-01-01T00:00:00Z","type":"response","auth":{{}},"request":{{"id":"{number}","operation":"read","path":"a"}},"response":{{}}}}"#
        )
    };
    let mut search = Running::new(&["search", "-format=json", "-limit=5", "id=none", "-"]);
    let mut input = search.child.stdin.take().expect("piped");
    let text: String = (0..10_000).map(|number| line(number) + "\n").collect();
    // It reads: the pipe holds far less.
    input.write_all(text.as_bytes()).expect("it is read");
    search.interrupt();
    // The input has no end, so the interruption alone ends it.
    assert!(wait::holds(|| input.write_all(text.as_bytes()).is_err()), "the signal ends the reading");
    assert_eq!(search.exit_code(), Some(130));
    let answer: Vec<String> = search.lines.by_ref().lines().map(|line| line.expect("UTF-8")).collect();
    let answer = answer.join("\n");
    assert!(answer.contains("Interrupted: only a part of the logs was read."), "{answer}");
    assert!(answer.contains("\"interrupted\": true"), "{answer}");
}
