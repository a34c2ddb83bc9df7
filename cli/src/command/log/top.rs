//! `log top`: the values of a field with most requests.
//! Never in it: how they are counted.

use std::ops::ControlFlow;

use onrecord_trail::query::{Field, FieldKind, Filter};

use super::answer::{Answer, count};
use super::groups::{by_value, error_line};
use super::question::{FILTER, OWN_QUESTIONS, SINCE, TZ, UNTIL, ask, file_as_first, question};
use super::row_cells::{field, names, short};
use super::tally::Tally;
use super::token_salts::TokenSalts;
use super::{LIMIT, limit, unreadable};
use crate::command::{Command, CommandResult, Failure, Invocation, Output, Session};

const ABOUT: &str = "Counts requests by the values of a field, such as path, who, ip, error, policy or status, and shows those with \
    most. Beyond 32768 different values those with few requests are given up, and the answer says by how much a count may be too \
    small.\n\nFILE is an audit log of this server, of Vault or of OpenBao, plain or compressed. Without a FILE the server is asked \
    for its file devices.";

pub(crate) const COMMAND: Command =
    Command::new("log top", "FIELD [FILE...]", "Count requests in audit logs by a field", run)
        .about(ABOUT)
        .examples(&[
            ("The paths with most requests:", "log top path audit.log"),
            ("Who was refused most, since yesterday:", "log top -filter=denied -since=-1d who audit.log*"),
        ])
        .output(Output::Rows)
        .flags(&[FILTER, LIMIT, OWN_QUESTIONS, SINCE, TZ, UNTIL]);

fn run(session: &mut Session<'_>, invocation: &Invocation) -> CommandResult {
    let Some((name, files)) = invocation.arguments.split_first() else {
        return Err(unreadable(format!("Not enough arguments (expected FIELD, got 0). Fields: {}", names())));
    };
    let field = field(name).map_err(|failure| match (failure, file_as_first(name, "the field")) {
        (Failure::Message(code, message), Some(said)) => {
            Failure::Message(code, format!("{message}\n\n{said}"))
        }
        (failure, _) => failure,
    })?;
    if matches!(field.kind(), FieldKind::Time | FieldKind::Duration) || field == Field::Id {
        return Err(unreadable(format!(
            "Nearly each request has its own {name}: give a field that requests have in common, such as path, who or ip"
        )));
    }
    let question = question(session, invocation, |_| Ok(Filter::all()), files)?;
    let (mut tally, mut salts, mut without, mut not_valid) =
        (Tally::new(), TokenSalts::default(), 0_u64, 0_u64);
    let (summary, ended) = ask(session, &question, &mut |_, row| {
        let values = match (field, row.accessor()) {
            // The same token counts under its accessor while it is valid.
            (Field::Token, None) if row.text(field).is_some() => {
                not_valid += 1;
                return ControlFlow::Continue(());
            }
            _ => row.list(field),
        };
        without += u64::from(values.is_empty());
        salts.note(row, values.iter().map(AsRef::as_ref));
        for value in values {
            tally.add(vec![value.into_owned()], row);
        }
        ControlFlow::Continue(())
    })?;
    let counted = format!(
        "{}, {}",
        count(summary.rows, "request", "requests"),
        count(tally.different() as u64, "value", "values")
    );
    let mut answer = Answer::new(&question, &summary, ended, &counted);
    answer.warnings.extend(salts.warning());
    answer.warnings.extend(tally.warning("values"));
    if without > 0 {
        let (one, more) = ("request is not counted: it has", "requests are not counted: they have");
        answer.hints.push(format!("{} no value in the field {}.", count(without, one, more), field.name()));
    }
    if not_valid > 0 {
        let (one, more) =
            ("request is not counted: its token was", "requests are not counted: their tokens were");
        answer.hints.push(format!("{} not valid. Whose it was: `log denied`.", count(not_valid, one, more)));
    }
    let limit = limit(invocation)?.unwrap_or(20);
    let all = usize::try_from(limit).ok().filter(|limit| *limit > 0).unwrap_or(usize::MAX);
    let shown = |value: &str| if field == Field::Error { error_line(value) } else { short(value) };
    let sheet = by_value(field, tally, all, &question.context.zone, shown);
    answer.sheet("top", "", sheet);
    answer.show(session)
}
