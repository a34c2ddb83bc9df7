//! `log prove`: the proof that one line is in the log of a device.
//! Never in it: what a proof is (`onrecord-evidence`).

use onrecord_trail::verify::{ProofFailure, prove};
use onrecord_value::printable::printable;

use super::tree::TLOG;
use super::{LOST, tree, unreadable};
use crate::command::{Command, CommandResult, Failure, Flag, Invocation, Session, exactly};
use crate::flag::{CA_CERT, CA_PATH, CLIENT_CERT, CLIENT_KEY, TLS_SERVER_NAME, TLS_SKIP_VERIFY};

const ABOUT: &str = "Writes the proof that a line is in the log of its device: a text in the format tlog-proof of C2SP, with the \
    place of the line, hashes from it to the root of the tree, and the signed checkpoint. With the line, the \
    proof and the key of the server anyone can check it (`log verify -proof`), without the log: nothing of any other line is \
    in the proof.\n\nLINE is the number of the line, from 1. A rotated or compressed file may be given.\n\nThe exit code is \
    0 if there is a proof, 1 if the line is not in the tree or the tree is damaged, and 2 if a file cannot be read or the \
    command line is invalid.";

pub(crate) const COMMAND: Command =
    Command::new("log prove", "FILE:LINE", "Prove that a line is in an audit log", run)
        .about(ABOUT)
        .examples(&[
            ("Write the proof of line 17 to a file:", "log prove -out=line.proof /var/log/audit.log:17"),
            (
                "Prove a line of a rotated log with a copied tree:",
                "log prove -tlog=copy/audit.log.tlog audit.log.1.gz:3",
            ),
        ])
        .offline()
        .flags(&[
            CA_CERT,
            CA_PATH,
            CLIENT_CERT,
            CLIENT_KEY,
            Flag::text("out", "File to write the proof to, instead of standard output. It must not exist."),
            TLOG,
            TLS_SERVER_NAME,
            TLS_SKIP_VERIFY,
        ]);

fn run(session: &mut Session<'_>, invocation: &Invocation) -> CommandResult {
    let [argument] = exactly(&invocation.arguments).map_err(super::with_code)?;
    let (file, _) = tree::position(argument)?;
    let tree = tree::find(session.process, invocation, &[file.to_owned()])?;
    let line = tree::line(argument)?;
    let proof = prove(&line, &tree).map_err(|error| {
        let code = match &error {
            ProofFailure::Read(_) => super::UNREADABLE,
            _ if tree.failure().is_some() => super::UNREADABLE,
            _ => LOST,
        };
        Failure::Message(code, format!("{}: {}", printable(argument), printable(&error.to_string())))
    })?;
    match invocation.text("out") {
        Some(out) => {
            super::write_new(out, proof.to_string().as_bytes()).map_err(unreadable)?;
            session.done(format!(
                "Success! Wrote the proof of {} to: {}",
                printable(argument),
                printable(out)
            ))
        }
        None => {
            session.print(&proof.to_string())?;
            Ok(0)
        }
    }
}
