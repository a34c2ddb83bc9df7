//! `log token`: the life of a token: who issued it with which policies, where it was used and from which addresses, its children,
//! when it was revoked.
//! Never in it: what a row says of tokens (`family`), and what is printed of it (`life`).

mod family;
mod life;
mod names;

use std::ops::ControlFlow;

use onrecord_trail::query::Filter;
use onrecord_value::printable::printable;

use super::answer::{Answer, count};
use super::question::{Ended, FILTER, OWN_QUESTIONS, SINCE, TZ, UNTIL, ask, question};
use super::{raw_devices, unreadable};
use crate::command::{Command, CommandResult, Failure, Flag, Invocation, Output, Session};
use family::Family;
use names::Accessors;

/// The logs are read again for each generation of children.
const PASSES_MAX: usize = 16;

pub(crate) const COMMAND: Command =
    Command::new("log token", "TOKEN [FILE...]", "Show the life of a token in audit logs", run)
        .about(
            "Shows who issued a token, with which policies, from which addresses and for what it was used, which tokens it issued, \
             and when it was revoked. TOKEN is the hash of the token or of its accessor as the log has it (hmac-sha256:HEX, or its \
             first 12 digits), or the id of a request: then its token is meant. A token or an accessor in the clear can be turned \
             into its hashes only by the server, and your token must allow it (sys/audit, and sys/audit-salts or sys/audit-hash); \
             \"-\" reads it from standard input, so that it stays out of the shell's history. A server with a raw device (log_raw) is \
             not asked, because that device would record the text in the clear, unless -allow-raw-devices is given. The logs are read several times, \
             once for each generation of children.\n\n-find-accessor asks the server for the accessors behind the hashes: it lists \
             all accessors and has each hashed, which puts as many questions on record. The command that revokes the token then \
             names the accessor.\n\nFILE is an audit log of this server, of Vault or of OpenBao, plain or compressed. Without a \
             FILE the server is asked for its file devices.",
        )
        .examples(&[
            ("What was done with a token that `log who` shows:", "log token e42c0cd7808f audit.log"),
            ("Who made a request, and what else:", "log token 6b2f8a1c-5d0f-4a8e-9a53-52f1a3f0c1d2 audit.log*"),
            ("A token that was found in a chat, read from standard input:", "log token - audit.log < token.txt"),
        ])
        .output(Output::Rows)
        .flags(&[
            raw_devices::ALLOW,
            FILTER,
            Flag::bool("find-accessor", "Ask the server which accessors the hashes are of."),
            OWN_QUESTIONS,
            SINCE,
            TZ,
            UNTIL,
        ]);

fn run(session: &mut Session<'_>, invocation: &Invocation) -> CommandResult {
    let Some((named, files)) = invocation.arguments.split_first() else {
        return Err(unreadable("Not enough arguments (expected TOKEN, got 0)"));
    };
    let question = question(session, invocation, |_| Ok(Filter::all()), files)?;
    if !question.can_be_read_again() {
        return Err(unreadable(
            "The logs are read several times, and standard input or a pipe can be read only once: give files",
        ));
    }
    let seeds = names::seeds(session, invocation, named, &question)?;
    let mut family = Family::new(seeds.hashes);
    // Who issued the token and when it was revoked may be outside of the time and the filter that are asked for.
    let mut wide = question.of_any_time(Filter::all());
    let mut passes = 0;
    let (summary, ended, asked) = loop {
        passes += 1;
        let mut asked = 0;
        family.begin_pass();
        wide.query.filter = Filter::all().containing(family.texts());
        let (summary, ended) = ask(session, &wide, &mut |_, row| {
            let is_asked = question.query.covers(row.time()) && question.query.filter.matches(row);
            asked += u64::from(family.take(row, is_asked) && is_asked);
            ControlFlow::Continue(())
        })?;
        if ended == Ended::Interrupted || !family.has_grown() || passes == PASSES_MAX {
            break (summary, ended, asked);
        }
    };
    let counted =
        count(asked, "request names the token or its children", "requests name the token or its children");
    let mut answer = Answer::new(&question, &summary, ended, &counted);
    answer.warnings.extend(seeds.warning);
    if passes == PASSES_MAX && family.has_grown() {
        answer.warnings.push(format!(
            "There are more than {PASSES_MAX} generations of children: the others are left out."
        ));
    }
    answer.warnings.extend(family.warning());
    if question.is_narrow() {
        answer.warnings.push(
            "-filter, -since and -until narrow what the tokens were used for. Who issued them and when they were revoked is looked \
             for in all of the logs."
                .to_owned(),
        );
    }
    if !seeds.is_clear && summary.devices.len() > 1 {
        answer.warnings.push(format!(
            "The logs have {} salts, and a hash is of one of them: what was recorded under another is not found. Give the \
             accessor itself, and the server hashes it with each.",
            summary.devices.len()
        ));
    }
    if family.is_empty() {
        // A text in the clear is not repeated.
        let what = if seeds.is_clear {
            "the token or accessor that was given"
        } else {
            &super::row_cells::short(named)
        };
        answer.hints.push(printable(&format!("No request names {what}.")));
    }
    let finds = invocation.is_set("find-accessor");
    let mut accessors =
        if finds { names::find_accessors(session, invocation, &family)? } else { Accessors::default() };
    answer.warnings.append(&mut accessors.warnings);
    life::show(&mut answer, session, &family, &question, &accessors.known);
    answer.show(session)
}

/// An error of the server, with what to do without it.
fn needs_server(what: &str, error: &onrecord_client::Error) -> Failure {
    unreadable(format!("{what}: {error}"))
}
