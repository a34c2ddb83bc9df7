//! `log who`: who read, wrote and deleted what is at a path, and to whom it was refused.
//! Never in it: how rows are counted.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use onrecord_trail::query::{Field, Filter, PREFLIGHT, Row, TimeContext};
use onrecord_value::printable::printable;

use super::answer::{Answer, count};
use super::groups::{action, text_at, times_cells, versions_cell, who, who_cells};
use super::question::{FILTER, OWN_QUESTIONS, Question, SINCE, TZ, UNTIL, ask, file_as_first, question};
use super::revoke::{self, COMMANDS_MAX, ToRevoke, to_revoke};
use super::row_cells::short;
use super::shell::{on_files, word};
use super::tally::{Group, Tally, ranges};
use super::token_names::TokenNames;
use super::token_salts::TokenSalts;
use super::unreadable;
use crate::command::{Command, CommandResult, Failure, Invocation, Output, Session};
use crate::printer::sheet::{Cell, Sheet};

/// The order of the rows: what was done with a secret before what was not.
const ACTIONS: [&str; 16] = [
    "read",
    "wrapped",
    "wrote",
    "deleted",
    "undeleted",
    "destroyed",
    "deleted all",
    "listed",
    "read metadata",
    "wrote metadata",
    "other",
    "found nothing",
    "failed",
    "refused",
    REFUSED_AT_PREFLIGHT,
    "no answer",
];
/// Of a preflight that was allowed nothing is said: the request that it was for is a row itself.
const REFUSED_AT_PREFLIGHT: &str = "refused at preflight";
const ABOUT_PREFLIGHTS: &str = "Refused at preflight: kv commands look up the mount of a path (sys/internal/ui/mounts/PATH) before they act \
    on it. That was refused already, and most clients then do not send the request itself.";

pub(crate) const COMMAND: Command =
    Command::new("log who", "PATH [FILE...]", "Show who read, wrote or was refused a path", run)
        .about(
            "Shows who read, wrote and deleted what is at a path, and to whom it was refused: name, accessor of the token as the \
             log has it, address, how often, first and last time, and the versions of a version 2 KV secret. secret/app also means \
             secret/data/app and its neighbours; a PATH that ends in * means all below it. The commands that show a version and \
             revoke a token come below.\n\nBefore they act, kv commands look up the mount of the path (sys/internal/ui/mounts/PATH), \
             and go no further if that is refused. Such a refusal is shown as \"refused at preflight\". With -mount they look up the \
             mount alone: `log who secret` and `log who 'secret/*'` show it.\n\nFILE is an audit log of this server, of Vault or of \
             OpenBao, plain or compressed. \
             Without a FILE the server is asked for its file devices.",
        )
        .examples(&[
            ("Who read a secret between 14 and 15 h:", "log who -since=14:00 -until=15:00 secret/app audit.log"),
            ("Who touched anything below a path:", "log who 'secret/app/*' audit.log*"),
        ])
        .output(Output::Rows)
        .flags(&[FILTER, OWN_QUESTIONS, SINCE, TZ, UNTIL]);

fn run(session: &mut Session<'_>, invocation: &Invocation) -> CommandResult {
    let Some((path, files)) = invocation.arguments.split_first() else {
        return Err(unreadable("Not enough arguments (expected PATH, got 0)"));
    };
    if let Some(said) = file_as_first(path, "the path of a secret") {
        return Err(unreadable(printable(&format!(
            "{path}: {said} If the path is meant: {}",
            word(&format!("v1/{path}"))
        ))));
    }
    let path = path.trim_start_matches('/').trim_start_matches("v1/");
    let asked = Asked::new(path)?;
    let question = question(session, invocation, |context| asked.filter(context), files)?;
    let (mut tally, mut names, mut salts) = (Tally::new(), TokenNames::default(), TokenSalts::default());
    let mut read: BTreeMap<(String, String), BTreeSet<i64>> = BTreeMap::new();
    let (mut rows, mut unwrap, mut has_preflights) = (0, Vec::new(), false);
    let (summary, ended) = ask(session, &question, &mut |_, row| {
        let Some(Taken { path, is_preflight }) = asked.take(row) else { return ControlFlow::Continue(()) };
        rows += 1;
        has_preflights |= is_preflight;
        names.learn(row);
        let action = if is_preflight { REFUSED_AT_PREFLIGHT } else { action(row) };
        note_version(&mut read, row, action);
        if unwrap.len() <= COMMANDS_MAX {
            unwrap.extend(unwrap_command(row, &question.files));
        }
        let [name, accessor, token] = who(row);
        salts.note(row, [accessor.as_str(), token.as_str()]);
        let address = row.text(Field::Address).unwrap_or_default().into_owned();
        let path = if asked.below { path } else { String::new() };
        tally.add(vec![name, accessor, token, address, action.to_owned(), path], row);
        ControlFlow::Continue(())
    })?;
    let (unknown, ended) = names.find(session, &question, &tally, ended)?;
    let counted = format!("{} of {}", count(rows, "request", "requests"), printable(path));
    let mut answer = Answer::new(&question, &summary, ended, &counted);
    answer.warnings.extend(salts.warning());
    answer.warnings.extend(unknown);
    answer.warnings.extend(tally.warning("groups"));
    let mut groups = tally.most_first();
    let order = |key: &[String]| ACTIONS.iter().position(|one| key.get(4).is_some_and(|key| key == one));
    groups.sort_by_key(|(key, group)| (order(key), group.first));
    let mut sheet = Sheet::new([
        ("action", "Action"),
        ("who", "Who"),
        ("ip", "Address"),
        ("token", "Token"),
        ("times", "Times"),
        ("first", "First"),
        ("last", "Last"),
        ("versions", "Versions"),
        ("path", if asked.below { "Path" } else { "" }),
        revoke::COLUMNS[0],
        revoke::COLUMNS[1],
    ]);
    let mut tokens = Vec::new();
    for (key, group) in &groups {
        sheet.rows.push(cells(key, group, &names, &question, &mut tokens));
    }
    answer.sheet("who", "", sheet);
    answer.hints.extend(has_preflights.then(|| ABOUT_PREFLIGHTS.to_owned()));
    hints(&mut answer, &read, &unwrap, &tokens, &question.files);
    answer.show(session)
}

/// The path that is asked for.
struct Asked<'p> {
    path: &'p str,
    /// Whether all below it is meant.
    below: bool,
}

impl<'p> Asked<'p> {
    fn new(path: &'p str) -> Result<Self, Failure> {
        let (path, below) = match path.strip_suffix('*') {
            Some(above) => (above, true),
            None => (path, path.ends_with('/')),
        };
        if path.is_empty() && !below {
            return Err(unreadable("PATH is empty: give a path, or '*' for all"));
        }
        if path.contains(['*', '?']) {
            return Err(unreadable(
                "A * is possible at the end of PATH only; `log search 'path~…'` takes any pattern",
            ));
        }
        Ok(Self { path, below })
    }

    fn filter(&self, context: &TimeContext) -> Result<Filter, Failure> {
        if self.below {
            // Where the word of a version 2 mount stands is known of each row alone.
            let first = self.path.split_inclusive('/').next().unwrap_or_default();
            // Others may be escaped in a line.
            let is_plain = first.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_./".contains(&byte));
            // The mount itself may be what a preflight looked up.
            let mount = first.strip_suffix('/').filter(|_| first == self.path);
            let texts = [Some(first.to_owned()), mount.map(|mount| format!("{PREFLIGHT}{mount}"))];
            let texts = texts.into_iter().flatten().filter(|_| is_plain);
            return Ok(Filter::all().containing(texts.map(String::into_bytes)));
        }
        let refused = super::question::filter("denied", context)?;
        let preflight = Self::equal(&format!("{PREFLIGHT}{}", self.path), context)?;
        Ok(Self::equal(self.path, context)?.or(preflight.and(refused)))
    }

    fn equal(path: &str, context: &TimeContext) -> Result<Filter, Failure> {
        Filter::equal(Field::Path, path, context).map_err(|error| unreadable(error.to_string()))
    }

    /// What a row that the filter takes has to do with the path, if anything.
    fn take(&self, row: &Row) -> Option<Taken> {
        let (logged, typed) = (row.text(Field::Path)?, row.typed_path()?);
        let looked_up = logged.strip_prefix(PREFLIGHT).filter(|_| row.denied());
        let is_named = if self.below {
            typed.starts_with(self.path) || logged.starts_with(self.path)
        } else {
            looked_up != Some(self.path)
        };
        if is_named {
            return Some(Taken { path: typed.into_owned(), is_preflight: false });
        }
        let path = looked_up.filter(|path| self.means(path))?;
        Some(Taken { path: path.to_owned(), is_preflight: true })
    }

    /// Whether the path of a preflight is asked for. That of a mount comes without its slash.
    fn means(&self, path: &str) -> bool {
        let mount = self.path.strip_suffix('/').filter(|_| self.below);
        path == self.path || mount == Some(path) || self.below && path.starts_with(self.path)
    }
}

/// A row that is asked for.
struct Taken {
    /// Its path as people type it; of a preflight the one that was looked up.
    path: String,
    is_preflight: bool,
}

/// Remembers which versions were read of what.
fn note_version(read: &mut BTreeMap<(String, String), BTreeSet<i64>>, row: &Row, action: &str) {
    let Some(version) = row.number(Field::Version).filter(|_| action == "read") else { return };
    let (Some(path), Some(mount)) = (row.typed_path(), row.text(Field::Mount)) else { return };
    let key = (mount.into_owned(), path.into_owned());
    if read.len() < 1000 || read.contains_key(&key) {
        read.entry(key).or_default().insert(version);
    }
}

/// A token that is named, and what ends it.
struct Named {
    name: String,
    accessor: String,
    to_revoke: ToRevoke,
}

fn cells(
    key: &[String],
    group: &Group,
    names: &TokenNames,
    question: &Question,
    tokens: &mut Vec<Named>,
) -> Vec<Cell> {
    let at = |at: usize| key.get(at).map(String::as_str).unwrap_or_default();
    let [who, token] = who_cells(key, names);
    let accessor = token.value.as_str().unwrap_or_default().to_owned();
    let is_accessor = !at(1).is_empty() || names.of(at(2)).is_some();
    let to_revoke = is_accessor.then(|| to_revoke(&accessor, None, &question.files)).flatten();
    let to_revoke_cells = revoke::cells(to_revoke.as_ref());
    let name = who.value.as_str().unwrap_or_default().to_owned();
    if let Some(to_revoke) = to_revoke
        && !tokens.iter().any(|token| token.accessor == accessor)
    {
        tokens.push(Named { name, accessor, to_revoke });
    }
    let mut cells = vec![Cell::text(at(4)), who, Cell::text(at(3)), token];
    cells.extend(times_cells(group, &question.context.zone));
    cells.push(versions_cell(group));
    cells.push(if at(5).is_empty() { Cell::empty() } else { Cell::text(at(5)) });
    cells.extend(to_revoke_cells);
    cells
}

/// The command that finds who unwrapped an answer: with the wrapping token itself, or with it in the data.
fn unwrap_command(row: &Row, files: &[String]) -> Option<String> {
    let accessor = row.text(Field::Wrapping)?;
    let token = text_at(row, &["response", "wrap_info", "token"])?;
    let filter = format!("path=sys/wrapping/unwrap and (token={accessor} or request.data.token={token})");
    let command = format!("onrecord log search {}", word(&filter));
    let who = row.text(Field::Who).unwrap_or_default();
    Some(printable(&format!(
        "An answer to {who} was wrapped, and the one who unwrapped it read it: {}",
        on_files(&command, files)
    )))
}

fn hints(
    answer: &mut Answer,
    read: &BTreeMap<(String, String), BTreeSet<i64>>,
    unwrap: &[String],
    tokens: &[Named],
    files: &[String],
) {
    for ((mount, path), versions) in read.iter().take(COMMANDS_MAX) {
        let newest = versions.last().copied().unwrap_or_default();
        let below = path.strip_prefix(mount.as_str()).unwrap_or(path);
        let one = versions.len() == 1;
        let (of, were) = if one { ("Version", "was") } else { ("Versions", "were") };
        answer.hints.push(printable(&format!(
            "{of} {} of {path} {were} read. To see one: onrecord kv get -mount={} -version={newest} {}",
            ranges(versions),
            word(mount.trim_end_matches('/')),
            word(below)
        )));
    }
    answer.hints.extend(unwrap.iter().take(COMMANDS_MAX).cloned());
    if unwrap.len() > COMMANDS_MAX {
        let command = on_files("onrecord log search -fields=time,who,wrapping 'wrapping~*'", files);
        answer.hints.push(printable(&format!("More answers were wrapped. To list them: {command}")));
    }
    for Named { name, accessor, to_revoke } in tokens.iter().take(COMMANDS_MAX) {
        answer
            .hints
            .push(revoke::hint(to_revoke, &format!("the token {} (display name {name})", short(accessor))));
    }
    answer.hints.extend(revoke::more(tokens.len()));
}
