//! `log show`: both entries of a request, key by key, of each device that has them.
//! Never in it: how lines are found and joined.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use onrecord_trail::query::{Field, Filter, Position, Row, Summary, entry_object};
use onrecord_value::printable::printable;
use onrecord_value::{Object, Value};

use super::answer::{Answer, count};
use super::question::{Ended, TZ, ask, question};
use super::unreadable;
use crate::command::{Command, CommandResult, Failure, Invocation, Output, Session};
use crate::printer::plain;
use crate::printer::sheet::{Cell, Sheet};

/// An id may be given by its first characters, at least this many.
const ID_LEAST: usize = 8;
/// At most this many pairs of entries are shown, if ids begin alike.
const SHOWN_MAX: usize = 100;

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

/// Which device has which request. A device without numbers is known by its file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    id: String,
    device: String,
    file: String,
}

fn run(session: &mut Session<'_>, invocation: &Invocation) -> CommandResult {
    let Some((id, files)) = invocation.arguments.split_first() else {
        return Err(unreadable("Not enough arguments (expected ID, got 0)"));
    };
    let id = wanted(id)?;
    let mut question = question(session, invocation, |_| Ok(Filter::all()), files)?;
    question.query.filter = super::question::filter(&format!("id~{id}*"), &question.context)?;
    question.query.own_questions = true;
    question.query.keep_lines = true;
    question.query.each_device = true;
    let mut found: BTreeMap<Place, Halves> = BTreeMap::new();
    let mut left_out = 0_u64;
    let (mut summary, ended) = ask(session, &question, &mut |_, row| {
        left_out += u64::from(!note(&mut found, row));
        ControlFlow::Continue(())
    })?;
    // Of what was not read, or is not shown, nothing is said.
    let is_whole = left_out == 0 && ended == Ended::Whole && summary.damaged.is_empty();
    let without = if is_whole { without(&found, &summary) } else { Vec::new() };
    let is_everywhere = is_whole && !found.is_empty() && without.is_empty();
    if is_everywhere && found.values().all(|halves| halves.request.is_some() && halves.response.is_some()) {
        // What else is missing in the logs is not missing here.
        summary.gaps.clear();
        (summary.more_gaps, summary.missing, summary.refused_requests) = (0, 0, 0);
    }
    let requests = found.keys().map(|place| &place.id).collect::<BTreeSet<_>>().len();
    let mut answer = Answer::new(&question, &summary, ended, &count(requests as u64, "request", "requests"));
    answer.warnings.splice(0..0, without);
    if left_out > 0 {
        let further = count(left_out, "further one is", "further ones are");
        answer.warnings.insert(
            0,
            format!("More than {SHOWN_MAX} requests have ids that begin so: {further} left out. Give more of the id."),
        );
    }
    for (place, halves) in &found {
        answer.sheet("entries", title(place, halves), compare(place, halves));
    }
    join_for_programs(&mut answer, session);
    answer.show(session)
}

/// Which devices have no entry of a request that others have.
fn without(found: &BTreeMap<Place, Halves>, summary: &Summary) -> Vec<String> {
    let of_devices: BTreeSet<(&str, &str)> =
        found.keys().map(|place| (place.id.as_str(), place.device.as_str())).collect();
    let ids: BTreeSet<&str> = of_devices.iter().map(|(id, _)| *id).collect();
    let all = ids.iter().flat_map(|id| summary.devices.iter().map(move |device| (*id, device.as_str())));
    all.filter(|pair| !of_devices.contains(pair))
        .take(SHOWN_MAX)
        .map(|(id, device)| printable(&format!("Device {device} has no entry of request {id}.")))
        .collect()
}

/// The id as logs have it.
fn wanted(id: &str) -> Result<String, Failure> {
    let is_id = |letter: char| letter.is_ascii_alphanumeric() || "-_.:".contains(letter);
    if id.chars().count() < ID_LEAST || !id.chars().all(is_id) {
        return Err(unreadable(format!(
            "{} is not the id of a request, nor its first {ID_LEAST} characters",
            printable(&format!("{id:?}"))
        )));
    }
    // Some programs write hex digits in upper case.
    let is_hex = id.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
    Ok(if is_hex { id.to_ascii_lowercase() } else { id.to_owned() })
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

/// Takes a row, and returns whether there was room for it.
fn note(found: &mut BTreeMap<Place, Halves>, row: &Row) -> bool {
    let text = |field| row.text(field).unwrap_or_default().into_owned();
    let device = text(Field::Device);
    let at = row.at().response.as_ref().or(row.at().request.as_ref());
    let file = at.map(|at| at.source.to_string()).filter(|_| device.is_empty()).unwrap_or_default();
    let place = Place { id: text(Field::Id), device, file };
    if found.len() >= SHOWN_MAX && !found.contains_key(&place) {
        return false;
    }
    let halves = found.entry(place).or_default();
    if let (Some(at), Some(object)) = (&row.at().request, row.request_line().and_then(entry_object)) {
        halves.request.get_or_insert((at.clone(), object));
    }
    if let (Some(at), Some(object)) = (&row.at().response, row.response_line().and_then(entry_object)) {
        halves.response.get_or_insert((at.clone(), object));
    }
    true
}

fn title(place: &Place, halves: &Halves) -> String {
    let at = |half: &Option<(Position, Object)>| match half {
        Some((position, _)) => format!("{}, line {}", position.source, position.line),
        None => "missing".to_owned(),
    };
    let device = if place.device.is_empty() { "a device without numbers" } else { &place.device };
    printable(&format!(
        "Request {}, device {device}: request entry {}; response entry {}",
        place.id,
        at(&halves.request),
        at(&halves.response)
    ))
}

fn sheet() -> Sheet {
    Sheet::new([
        ("id", ""),
        ("device", ""),
        ("file", ""),
        ("key", "Key"),
        ("request", "Request entry"),
        ("response", "Response entry"),
    ])
}

/// The keys of both, in the order of the entries; what the response entry repeats is said so.
fn compare(place: &Place, halves: &Halves) -> Sheet {
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
    let known = |text: &str| if text.is_empty() { Cell::empty() } else { Cell::text(text) };
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
            Cell::text(&place.id),
            known(&place.device),
            known(&place.file),
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
