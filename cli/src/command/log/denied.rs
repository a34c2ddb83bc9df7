//! `log denied`: what was refused, to whom, how often and why.
//! Never in it: how rows are counted.

use std::ops::ControlFlow;

use onrecord_trail::query::{Field, Filter};

use super::answer::{Answer, count};
use super::groups::{reason, times_cells, who, who_cells};
use super::question::{FILTER, OWN_QUESTIONS, SINCE, TZ, UNTIL, ask, question};
use super::tally::Tally;
use super::token_names::TokenNames;
use super::token_salts::TokenSalts;
use super::{LIMIT, limit};
use crate::command::{Command, CommandResult, Invocation, Output, Session};
use crate::printer::sheet::{Cell, Sheet};

pub(crate) const COMMAND: Command =
    Command::new("log denied", "[FILE...]", "Show what was refused in audit logs, and to whom", run)
        .about(
            "Shows the requests that policies refused and those with a token that is not valid: by whom, from where, to what, how \
             often, when and why. \"NAME (token not valid)\" is a token that was not valid any more: the name is what other requests with \
             it have, or the one that issued it, at any time and whatever the filter takes. The files are read once more for that.\n\nFILE is an audit log of this \
             server, of Vault or of OpenBao, plain or compressed. Without a FILE the server is asked for its file devices.",
        )
        .examples(&[
            ("What was refused in the last hour:", "log denied -since=-1h audit.log"),
            ("What was refused to one address:", "log denied -filter=ip=203.0.113.9 audit.log*"),
        ])
        .output(Output::Rows)
        .flags(&[FILTER, LIMIT, OWN_QUESTIONS, SINCE, TZ, UNTIL]);

fn run(session: &mut Session<'_>, invocation: &Invocation) -> CommandResult {
    let files = &invocation.arguments;
    let mut question = question(session, invocation, |_| Ok(Filter::all()), files)?;
    let denied = super::question::filter("denied", &question.context)?;
    question.query.filter = question.query.filter.and(denied);
    let (mut tally, mut names, mut salts) = (Tally::new(), TokenNames::default(), TokenSalts::default());
    let (summary, ended) = ask(session, &question, &mut |_, row| {
        names.learn(row);
        let [name, accessor, token] = who(row);
        salts.note(row, [accessor.as_str(), token.as_str()]);
        let text = |field| row.text(field).unwrap_or_default().into_owned();
        let (address, operation, path) = (text(Field::Address), text(Field::Operation), text(Field::Path));
        tally.add(vec![name, accessor, token, address, operation, path, reason(row)], row);
        ControlFlow::Continue(())
    })?;
    let (unknown, ended) = names.find(session, &question, &tally, ended)?;
    let mut sheet = Sheet::new([
        ("who", "Who"),
        ("token", "Token"),
        ("ip", "Address"),
        ("op", "Operation"),
        ("path", "Path"),
        ("times", "Times"),
        ("first", "First"),
        ("last", "Last"),
        ("why", "Why"),
    ]);
    let counted = format!("{} refused", count(summary.rows, "request was", "requests were"));
    let mut answer = Answer::new(&question, &summary, ended, &counted);
    answer.warnings.extend(salts.warning());
    answer.warnings.extend(unknown);
    answer.warnings.extend(tally.warning("refusals"));
    let limit = limit(invocation)?.unwrap_or(100);
    let most = usize::try_from(limit).ok().filter(|limit| *limit > 0).unwrap_or(usize::MAX);
    let groups = tally.most_first();
    if groups.len() > most {
        answer.hints.push(format!(
            "{} more: -limit=0 shows all.",
            count((groups.len() - most) as u64, "row", "rows")
        ));
    }
    for (key, group) in groups.into_iter().take(most) {
        let [who, token] = who_cells(&key, &names);
        let mut cells = vec![who, token];
        cells.extend(key.iter().skip(3).take(3).map(|text| Cell::text(text)));
        cells.extend(times_cells(&group, &question.context.zone));
        cells.push(Cell::maybe(key.get(6).map(String::as_str)));
        sheet.rows.push(cells);
    }
    answer.sheet("denied", "", sheet);
    answer.show(session)
}
