//! `log anchor`: the checkpoint of a log's tree, to be kept elsewhere, and a request that has its time stamped.
//! Never in it: the sending of anything.

use onrecord_trail::verify::read_checkpoint;
use onrecord_value::printable::printable;

use super::time_stamp_request::time_stamp_request;
use super::tree::TLOG;
use super::{tree, unreadable};
use crate::command::{Command, CommandResult, Failure, Flag, Invocation, Session};
use crate::flag::{CA_CERT, CA_PATH, CLIENT_CERT, CLIENT_KEY, TLS_SERVER_NAME, TLS_SKIP_VERIFY};

const ABOUT: &str = "Prints the checkpoint of a log's tree: origin, number of lines, root, signature. Kept \
    elsewhere (on paper, in a ticket, on another machine) it shows later that no line written until now was \
    changed: `log verify -since=FILE`.\n\nWith -rfc3161=FILE the request for a time stamp is written too (RFC 3161): a \
    time-stamp authority signs that the checkpoint existed at that time. It is over the exact bytes of the checkpoint, so keep \
    them with -out. Send the request with `curl -H 'Content-Type: application/timestamp-query' --data-binary @FILE`, and \
    check the answer with `openssl ts -verify`.\n\nThe exit code is 0, or 2 if there is no tree, a file cannot \
    be written or the command line is invalid. The signature is not checked.";

pub(crate) const COMMAND: Command =
    Command::new("log anchor", "[FILE]", "Print the checkpoint of an audit log, to be kept elsewhere", run)
        .about(ABOUT)
        .examples(&[
            ("Print the checkpoint of a log:", "log anchor /var/log/audit.log"),
            (
                "Keep it with a request for a time stamp:",
                "log anchor -out=audit.checkpoint -rfc3161=audit.tsq /var/log/audit.log",
            ),
        ])
        .offline()
        .flags(&[
            CA_CERT,
            CA_PATH,
            CLIENT_CERT,
            CLIENT_KEY,
            Flag::text(
                "out",
                "File to write the checkpoint to, instead of standard output. It must not exist.",
            ),
            Flag::text("rfc3161", "File to write a time-stamp request (DER) to. It must not exist."),
            TLOG,
            TLS_SERVER_NAME,
            TLS_SKIP_VERIFY,
        ]);

fn run(session: &mut Session<'_>, invocation: &Invocation) -> CommandResult {
    let tree = match invocation.arguments.as_slice() {
        [] if invocation.text("tlog").is_none() => {
            return Err(unreadable("Give the log as FILE, or its tree with -tlog=DIR"));
        }
        [] | [_] => tree::find(session.process, invocation, &invocation.arguments)?,
        more => return Err(unreadable(format!("Too many arguments (expected 0-1, got {})", more.len()))),
    };
    let (_, text) = read_checkpoint(&tree)
        .map_err(|error| unreadable(printable(&format!("{error} ({})", tree.place()))))?;
    if let Some(out) = invocation.text("rfc3161") {
        let mut nonce = [0; 8];
        getrandom::fill(&mut nonce)
            .map_err(|error| Failure::server(format!("The system has no random numbers: {error}")))?;
        super::write_new(out, &time_stamp_request(text.as_bytes(), nonce)).map_err(unreadable)?;
    }
    match invocation.text("out") {
        Some(out) => {
            super::write_new(out, text.as_bytes()).map_err(unreadable)?;
            session.done(format!("Success! Wrote the checkpoint to: {}", printable(out)))
        }
        None if session.process.stdout_is_terminal => {
            let lines: Vec<String> = text.lines().map(printable).collect();
            session.done(lines.join("\n"))
        }
        None => {
            session.print(&text)?;
            Ok(0)
        }
    }
}
