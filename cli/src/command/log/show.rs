//! `log show`: both entries of a request, key by key, of each device that has them.
//! Never in it: how lines are found.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use onrecord_trail::query::{Field, Filter, Position, Row, entry_object};
use onrecord_value::printable::printable;
use onrecord_value::{Object, Value};

use super::answer::{Answer, count};
use super::question::{TZ, ask, question};
use super::unreadable;
use crate::command::{Command, CommandResult, Invocation, Output, Session};
use crate::printer::plain;
use crate::printer::sheet::{Cell, Sheet};

/// An id may be given by its first characters, at least this many.
const ID_LEAST: usize = 8;
/// At most this many requests are shown, if their ids begin alike.
const REQUESTS_MAX: usize = 20;

pub(crate) const COMMAND: Command =
    Command::new("log show", "ID [FILE...]", "Show both entries of a request, key by key", run)
        .about(
            "Shows the request entry and the response entry of a request beside each other, key by key, for each device whose log \
             is given, with file and line. An ID may be given by its first 8 characters, as tables have it.\n\nFILE is an audit \
             log of this server, of Vault or of OpenBao, plain or compressed. Without a FILE the server is asked for its file \
             devices.",
        )
        .examples(&[
            ("Show a request of a table:", "log show 6b2f8a1c audit.log"),
            ("Compare what two devices have of it:", "log show 6b2f8a1c audit.log second.log"),
        ])
        .output(Output::Rows)
        .flags(&[TZ]);

/// What one device has of a request.
#[derive(Default)]
struct Halves {
    request: Option<(Position, Object)>,
    response: Option<(Position, Object)>,
}

fn run(session: &mut Session<'_>, invocation: &Invocation) -> CommandResult {
    let Some((id, files)) = invocation.arguments.split_first() else {
        return Err(unreadable("Not enough arguments (expected ID, got 0)"));
    };
    let is_id = |letter: char| letter.is_ascii_alphanumeric() || "-_.:".contains(letter);
    if id.chars().count() < ID_LEAST || !id.chars().all(is_id) {
        return Err(unreadable(format!(
            "{} is not the id of a request, nor its first {ID_LEAST} characters",
            printable(&format!("{id:?}"))
        )));
    }
    let mut question = question(session, invocation, |_| Ok(Filter::all()), files)?;
    question.query.filter = super::question::filter(&format!("id~{id}*"), &question.context)?;
    question.query.own_questions = true;
    question.query.keep_lines = true;
    let mut found: BTreeMap<(String, String), Halves> = BTreeMap::new();
    // Each file for itself: of several devices a query has each entry once.
    let all = question.files.clone();
    let (mut whole, mut ended) = (None, super::question::Ended::Whole);
    for file in &all {
        question.files = vec![file.clone()];
        let (summary, how) = ask(session, &question, &mut |_, row| {
            if found.len() <= REQUESTS_MAX * 4 {
                note(&mut found, row);
            }
            ControlFlow::Continue(())
        })?;
        whole = Some(add(whole, summary));
        ended = how;
        if how == super::question::Ended::Interrupted {
            break;
        }
    }
    question.files = all;
    let mut summary = whole.unwrap_or_default();
    // Entries of one request may be in two files: what is missing is seen in the result.
    (summary.unanswered, summary.answers_alone, summary.missing) = (0, 0, 0);
    let requests = found.keys().map(|(id, _)| id).collect::<std::collections::BTreeSet<_>>().len();
    let mut answer = Answer::new(&question, &summary, ended, &count(requests as u64, "request", "requests"));
    answer.warnings.retain(|line| !line.starts_with("Gap:"));
    for ((id, device), halves) in &found {
        let title = title(id, device, halves);
        answer.sheet("entries", title, compare(id, device, halves));
    }
    join_for_programs(&mut answer, session);
    answer.show(session)
}

/// The sheets of devices are one for programs.
fn join_for_programs(answer: &mut Answer, session: &Session<'_>) {
    if session.format == crate::printer::Format::Table {
        return;
    }
    let mut all = sheet();
    for (_, _, sheet) in std::mem::take(&mut answer.sheets) {
        all.rows.extend(sheet.rows);
    }
    answer.sheet("entries", "", all);
}

fn add(
    before: Option<onrecord_trail::query::Summary>,
    mut more: onrecord_trail::query::Summary,
) -> onrecord_trail::query::Summary {
    let Some(before) = before else { return more };
    more.covered = match (before.covered, more.covered) {
        (Some((from, to)), Some((other, end))) => Some((from.min(other), to.max(end))),
        (one, other) => one.or(other),
    };
    more.entries += before.entries;
    more.damaged.extend(before.damaged);
    more
}

fn note(found: &mut BTreeMap<(String, String), Halves>, row: &Row) {
    let text = |field| row.text(field).unwrap_or_default().into_owned();
    let halves = found.entry((text(Field::Id), text(Field::Device))).or_default();
    if let (Some(at), Some(object)) = (&row.at().request, row.request_line().and_then(entry_object)) {
        halves.request.get_or_insert((at.clone(), object));
    }
    if let (Some(at), Some(object)) = (&row.at().response, row.response_line().and_then(entry_object)) {
        halves.response.get_or_insert((at.clone(), object));
    }
}

fn title(id: &str, device: &str, halves: &Halves) -> String {
    let at = |half: &Option<(Position, Object)>| match half {
        Some((position, _)) => format!("{}, line {}", position.source, position.line),
        None => "missing".to_owned(),
    };
    let device = if device.is_empty() { "a device without numbers" } else { device };
    printable(&format!(
        "Request {id}, device {device}: request entry {}; response entry {}",
        at(&halves.request),
        at(&halves.response)
    ))
}

fn sheet() -> Sheet {
    Sheet::new([
        ("id", ""),
        ("device", ""),
        ("key", "Key"),
        ("request", "Request entry"),
        ("response", "Response entry"),
    ])
}

/// The keys of both, in the order of the entries; what the response entry repeats is said so.
fn compare(id: &str, device: &str, halves: &Halves) -> Sheet {
    let mut sheet = sheet();
    let flat = |half: &Option<(Position, Object)>| {
        let mut list = Vec::new();
        if let Some((_, object)) = half {
            flatten("", object, &mut list);
        }
        list
    };
    let (request, response) = (flat(&halves.request), flat(&halves.response));
    let in_request: BTreeMap<&str, &Value> =
        request.iter().map(|(key, value)| (key.as_str(), value)).collect();
    let in_response: BTreeMap<&str, &Value> =
        response.iter().map(|(key, value)| (key.as_str(), value)).collect();
    let mut keys: Vec<&str> = response.iter().map(|(key, _)| key.as_str()).collect();
    keys.extend(request.iter().map(|(key, _)| key.as_str()).filter(|key| !in_response.contains_key(key)));
    for key in keys {
        let (one, other) = (in_request.get(key).copied(), in_response.get(key).copied());
        let cell = |value: Option<&Value>| {
            value.map_or_else(Cell::empty, |value| Cell::new(&plain(value), value.clone()))
        };
        let second = match (one, other) {
            (Some(one), Some(other)) if one == other => Cell::new("(the same)", other.clone()),
            _ => cell(other),
        };
        sheet.rows.push(vec![
            Cell::text(id),
            if device.is_empty() { Cell::empty() } else { Cell::text(device) },
            Cell::text(key),
            cell(one),
            second,
        ]);
    }
    sheet
}

/// The values of an object with their paths of keys.
fn flatten(above: &str, object: &Object, list: &mut Vec<(String, Value)>) {
    for (key, value) in object {
        let path = if above.is_empty() { key.to_owned() } else { format!("{above}.{key}") };
        match value {
            Value::Object(inner) if !inner.is_empty() => flatten(&path, inner, list),
            other => list.push((path, other.clone())),
        }
    }
}
