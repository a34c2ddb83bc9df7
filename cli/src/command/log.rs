//! `log check`: is anything missing in these logs? It asks no server.

mod findings;

use std::io::Write as _;
use std::time::{Duration, Instant};

use onrecord_trail::{Input, Judge, Options, Progress, check};

use onrecord_value::printable::printable;

use crate::failure::{Done, Failure, SERVER};
use crate::grammar::{Command, Flag, Invocation, Kind, Output};
use crate::printer::{Format, Node};
use crate::session::Session;

/// Exit code if anything is lost.
const LOST: u8 = 1;
/// Exit code if a log cannot be read, or the command makes no sense.
const UNREADABLE: u8 = SERVER;

const ABOUT: &str = "Reads audit logs of one server, in any order and in both formats: current and rotated files, \
    compressed by gzip or not, what a syslog daemon wrote, and the ends kept in NAME.torn-TIME. Says what is missing \
    in them: by the number that each entry has (record.seq, of one start of the server), by the device (record.salt) \
    and by the id that the two entries of a request have in common.\n\nA number that a device lacks is a hole. A gap \
    entry of that device declares holes. The exit code is 0 if every hole is declared, 1 if anything is lost \
    undeclared, and 2 if a log cannot be read or the command is wrong.\n\nFILE as \"-\" is standard input. Give all \
    logs of all devices: the numbers of a start are known from the smallest to the largest in any of them.";

pub(crate) const COMMANDS: &[Command] = &[Command {
    words: "log check",
    synopsis: "Say whether anything is missing in audit logs",
    arguments: "[options] FILE...",
    about: ABOUT,
    examples: &[
        ("Check a log and its rotated files:", "log check /var/log/audit.log*"),
        ("Check what two devices wrote; an entry may be in either:", "log check -union audit.log /var/log/syslog"),
        ("A report for programs, of a log that comes from elsewhere:", "log check -format=json - < audit.log"),
        (
            "Hold the logs against a client's list of answered requests, one id a line:",
            "log check -answered=ids.txt audit.log",
        ),
    ],
    http: false,
    output: Output::Format,
    flags: &[
        Flag::new("answered", Kind::Text, "File with ids of requests that were answered, one a line: both entries of each must be there."),
        Flag::new("examples", Kind::Integer, "How many examples of each finding are shown; counts are exact.").default("10"),
        Flag::new("thorough", Kind::Bool, "Decode every line as a whole: finds damage inside of lines too, and takes some ten times longer.").default("false"),
        Flag::new("union", Kind::Bool, "Judge all devices as one: an entry that any of them has is not lost.").default("false"),
    ],
    run: run_check,
}];

fn run_check(session: &mut Session<'_>, invocation: &Invocation) -> Done {
    let told = |text: String| Failure::Told(UNREADABLE, text);
    if invocation.arguments.is_empty() {
        return Err(told("Not enough arguments (expected at least 1, got 0)".to_owned()));
    }
    let examples = invocation.integer("examples").unwrap_or(10);
    let options = Options {
        examples: usize::try_from(examples).map_err(|_| told("-examples must not be negative".to_owned()))?,
        thorough: invocation.is_set("thorough"),
        answered: invocation.text("answered").map(answered).transpose()?.unwrap_or_default(),
    };
    let judge = if invocation.is_set("union") { Judge::Union } else { Judge::EachDevice };
    let mut stdin = Some(std::mem::replace(&mut session.world.stdin, Box::new(std::io::empty())));
    let inputs = invocation
        .arguments
        .iter()
        .map(|name| match name.as_str() {
            "-" => stdin
                .take()
                .map(|stdin| Input::stream("-", stdin))
                .ok_or_else(|| told("standard input can be read once".to_owned())),
            name => Ok(Input::file(name)),
        })
        .collect::<Result<_, _>>()?;
    let mut bar = session.world.stderr_is_terminal.then(|| Bar::new(Instant::now()));
    let stderr = &mut session.world.stderr;
    let report = check(inputs, &options, &mut |progress| {
        if let Some(text) = bar.as_mut().and_then(|bar| bar.text(progress, Instant::now())) {
            // A terminal that is gone ends no check.
            drop(write!(stderr, "\r\x1b[K{text}").and_then(|()| stderr.flush()));
        }
    });
    if bar.is_some_and(|bar| bar.shown) {
        drop(write!(session.world.stderr, "\r\x1b[K"));
    }
    let report = report.map_err(|error| told(printable(&error.to_string())))?;
    if session.format == Format::Table {
        session.say(&findings::text(&report, judge))?;
    } else {
        session.say_node(&Node::Value(report.to_value(judge)))?;
    }
    Ok(if report.is_complete(judge) { 0 } else { LOST })
}

fn answered(path: &str) -> Result<Vec<String>, Failure> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| Failure::Told(UNREADABLE, format!("{} cannot be read: {error}", printable(path))))?;
    Ok(text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect())
}

/// How far a long check is, on a terminal.
struct Bar {
    source: String,
    began: Instant,
    shown: bool,
}

impl Bar {
    const fn new(now: Instant) -> Self {
        Self { source: String::new(), began: now, shown: false }
    }

    /// What to show, if it is worth it: short files are done before anybody could read it.
    fn text(&mut self, progress: &Progress<'_>, now: Instant) -> Option<String> {
        if self.source != progress.source {
            progress.source.clone_into(&mut self.source);
            self.began = now;
        }
        let time = now.saturating_duration_since(self.began);
        if time < Duration::from_millis(500) {
            return None;
        }
        self.shown = true;
        let a_second = u64::try_from(u128::from(progress.read) * 1000 / time.as_millis().max(1)).unwrap_or(0);
        let done = format!("{}: {}", printable(progress.source), bytes(progress.read));
        let speed = format!("{}/s", bytes(a_second));
        Some(match progress.total {
            None => format!("{done}, {speed}"),
            Some(total) => {
                let left = total.saturating_sub(progress.read) / a_second.max(1);
                format!("{done} of {}, {speed}, {left} s left", bytes(total))
            }
        })
    }
}

/// A number of bytes as people say it.
fn bytes(count: u64) -> String {
    match count {
        0..1_000_000 => format!("{} kB", count / 1000),
        1_000_000..1_000_000_000 => format!("{} MB", count / 1_000_000),
        _ => format!("{}.{} GB", count / 1_000_000_000, count / 100_000_000 % 10),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_tells_how_much_how_fast_and_how_long() {
        let began = Instant::now();
        let mut bar = Bar::new(began);
        let progress = Progress { source: "a.log", read: 3_000_000_000, total: Some(9_500_000_000) };
        assert_eq!(bar.text(&progress, began + Duration::from_millis(100)), None);
        let text = bar.text(&progress, began + Duration::from_secs(3));
        assert_eq!(text.as_deref(), Some("a.log: 3.0 GB of 9.5 GB, 1.0 GB/s, 6 s left"));
        let stream = Progress { source: "-", read: 12_345_678, total: None };
        assert_eq!(bar.text(&stream, began), None, "the progress of another source begins at its start");
        let text = bar.text(&stream, began + Duration::from_secs(1));
        assert_eq!(text.as_deref(), Some("-: 12 MB, 12 MB/s"));
    }
}
