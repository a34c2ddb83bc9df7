//! `log find-secret`: where a text occurs in audit logs whose texts are hashed.
//! Never in it: the text on a command line, on a terminal, in a file, or in a core dump.

mod cut_requests;
mod explain;
mod forms;
mod hashes;
mod hits;

use std::fs;

use onrecord_trail::query::Filter;
use onrecord_trail::verify::TreeFolder;
use onrecord_value::{Object, Value};

use super::question::{FILTER, OWN_QUESTIONS, SINCE, TZ, UNTIL, ask_for, question};
use super::{LIMIT, UNREADABLE, answer, limit, raw_devices, unreadable};
use crate::command::audit::passphrase;
use crate::command::{Command, CommandResult, Failure, Flag, Invocation, Output, Session};
use forms::forms;
use hashes::Salts;
use hits::Hits;

/// Exit code if the text occurs.
const FOUND: u8 = 1;
/// How many rows are shown by default, and held at most.
const SHOWN: u64 = 1000;
const HELD_MAX: u64 = 50_000;

const ABOUT: &str = "Asks for a text without echo, and shows where it occurs in audit logs: when, in which field, who, from where, on \
    which device, in which line. With \"-\" the text is read from standard input, without a newline at its end. It is never an \
    argument: arguments are in the shell's history and in the process list.\n\nThe logs hold the HMAC of a text under the salt of \
    their device. The text is hashed with all salts, in use and retired: by the server, or offline with -salts=FILE, which \
    \"audit salts -export\" made. A server with a raw device (log_raw) is not asked, because that device would record the text in \
    the clear: use -salts=FILE, or -allow-raw-devices. Usual forms of the text are searched for, too: with a newline at its end, in base64 and decoded; \
    -exact leaves them out. The text itself is searched for as well, as it stands in lines of raw devices.\n\nFILE is an audit log, \
    plain, gzip or zstd, in JSON or JSONx, current or rotated, of one device or several, also of Vault and OpenBao. Without a FILE \
    the server is asked for its file devices.\n\nNumbers, truth values, null and names of fields are never hashed: search for these with \
    `log search`. A text that was sent with a token that is not valid is hashed together with the id of its request, and cannot be \
    found, except tokens. Below the result is said what it means.\n\nThe exit code is 0 if the text does not occur, 1 if it occurs, \
    2 if that cannot be said, and 130 if Ctrl-C ended the search.";

pub(crate) const COMMAND: Command =
    Command::new("log find-secret", "[-] [FILE...]", "Find where a secret occurs in audit logs", run)
        .about(ABOUT)
        .examples(&[
            (
                "Find a secret in a log and its rotated files, hashed by the server:",
                "log find-secret /var/log/audit.log*",
            ),
            (
                "Without a server, with exported salts:",
                "log find-secret -salts=/media/usb/salts.age /srv/old/audit.log*",
            ),
            ("Read the text from a file:", "log find-secret - /var/log/audit.log < secret.txt"),
        ])
        .output(Output::Rows)
        .flags(&[
            raw_devices::ALLOW,
            Flag::bool("exact", "Search for the text as it is, and for no other form of it."),
            FILTER,
            LIMIT,
            OWN_QUESTIONS,
            passphrase::FLAG,
            Flag::text("salts", "Salt file of \"audit salts -export\". No server is called then."),
            SINCE,
            TZ,
            UNTIL,
        ]);

fn run(session: &mut Session<'_>, invocation: &Invocation) -> CommandResult {
    let (from_stdin, files) = arguments(&invocation.arguments)?;
    if from_stdin && invocation.is_set("non-interactive") {
        return Err(unreadable("-non-interactive is given, so standard input is not read"));
    }
    let most = limit(invocation)?.unwrap_or(SHOWN);
    let most = if most == 0 { HELD_MAX } else { most.min(HELD_MAX) };
    // What it knows must not be in a core dump.
    onrecord_server::forbid_core_dumps()
        .map_err(|error| unreadable(format!("Core dumps cannot be switched off: {error}")))?;
    let salts = Salts::open(session, invocation)?;
    let mut question = question(session, invocation, |_| Ok(Filter::all()), &files)?;
    salts.check(session)?;
    let text = hashes::text(session, from_stdin)?;
    let forms = forms(&text, invocation.is_set("exact"));
    let hashes = salts.hash(session, &forms)?;
    drop(salts);
    let mut hits = Hits::new(&forms, &hashes, question.context.zone.clone(), most);
    question.query.filter = question.query.filter.containing(hits.needles());
    question.query.keep_lines = true;
    let (summary, ended) = ask_for(session, &question, &mut hits)?;
    let counted = match hits.found() {
        0 => "The text was not found".to_owned(),
        found => format!("The text was found in {}", answer::count(found, "request", "requests")),
    };
    let mut answer = answer::Answer::new(&question, &summary, ended, &counted);
    let searched = explain::Searched { text: &text, hashes: &hashes, summary: &summary, hits: &hits };
    answer.warnings.extend(searched.warnings());
    answer.hints.extend(searched.meaning());
    answer.values.push(("found", Value::from(hits.found())));
    answer.values.push(("salts", hashes.salts.iter().map(String::as_str).collect()));
    answer.values.push(("forms", forms.iter().map(|form| form.name).collect()));
    answer.values.push(("not_searched", Value::from(searched.not_searched())));
    let (found, whole) = (hits.found() > 0, searched.is_whole());
    answer.sheet("hits", "", hits.sheet());
    match answer.show(session)? {
        0 | UNREADABLE if found => Ok(FOUND),
        0 if !whole => Err(unreadable(
            "The text was not found where it could be searched for, and not all lines could be: the reasons are above",
        )),
        code => Ok(code),
    }
}

/// Whether the text is on standard input, and the logs. Another argument may be the text itself: it is not repeated.
fn arguments(words: &[String]) -> Result<(bool, Vec<String>), Failure> {
    let mut files = Vec::new();
    let mut from_stdin = false;
    for (at, word) in words.iter().enumerate() {
        if word == "-" {
            if from_stdin {
                return Err(unreadable(
                    "Standard input can be read only once: give \"-\" once. It is the text, not a log",
                ));
            }
            from_stdin = true;
            continue;
        }
        if let Err(error) = fs::metadata(word) {
            return Err(unreadable(format!(
                "Argument {} is not a file that can be read ({error}). Arguments are files: the text is asked for, or read from standard \
                 input with \"-\". A text on a command line is in the shell's history, and everybody on the machine sees it in the \
                 process list: if this was a secret, treat it as known.",
                at + 1
            )));
        }
        files.push(word.clone());
    }
    let trees = |name: &String| TreeFolder::is_one(std::path::Path::new(name));
    if !files.is_empty() && files.iter().all(trees) {
        return Err(unreadable("No log is given, only trees of logs: give the log files, too"));
    }
    Ok((from_stdin, files))
}

/// An object of counts.
fn counts<const N: usize>(counts: [(&str, u64); N]) -> Object {
    counts.into_iter().filter(|(_, count)| *count > 0).collect()
}
