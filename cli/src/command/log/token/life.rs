//! What `log token` prints of a family of tokens.
//! Never in it: reading rows.

use std::collections::BTreeMap;

use onrecord_trail::query::Zone;
use onrecord_value::Value;
use onrecord_value::printable::printable;

use super::family::{Event, Family, Token};
use crate::command::Session;
use crate::command::log::answer::{Answer, count};
use crate::command::log::groups::times_cells;
use crate::command::log::question::Question;
use crate::command::log::revoke::{self, COMMANDS_MAX, ToRevoke, to_revoke};
use crate::command::log::row_cells::short;
use crate::command::log::shell::{on_files, word};
use crate::command::log::tally::{Group, Tally};
use crate::printer::sheet::{Cell, Sheet};
use crate::printer::{Format, human_duration};

pub(super) fn show(
    answer: &mut Answer,
    session: &Session<'_>,
    family: &Family,
    question: &Question,
    accessors: &BTreeMap<String, String>,
) {
    let Some(token) = family.tokens.first().filter(|_| !family.is_empty()) else { return };
    let zone = &question.context.zone;
    let to_revoke = |token: &Token| {
        let accessor = token.accessor.as_deref().unwrap_or_default();
        to_revoke(accessor, accessors.get(accessor).map(String::as_str), &question.files)
    };
    answer.warnings.extend(family.by_address.warning("addresses"));
    answer.warnings.extend(family.by_path.warning("paths"));
    if session.format == Format::Table {
        answer.sheet("token", "", facts(family, token, zone));
        answer.sheet("addresses", "From where", grouped(&family.by_address, &["Address", "By"], zone));
        answer.sheet("paths", "For what", grouped(&family.by_path, &["Operation", "Path", "By"], zone));
        if family.tokens.len() > 1 {
            answer.sheet(
                "children",
                "Tokens that it issued, and those issued",
                tokens(family, zone, &to_revoke, 1),
            );
        }
    } else {
        answer.sheet("tokens", "", tokens(family, zone, &to_revoke, 0));
        answer.sheet("addresses", "", grouped(&family.by_address, &["ip", "by"], zone));
        answer.sheet("paths", "", grouped(&family.by_path, &["op", "path", "by"], zone));
    }
    hints(answer, family, question, &to_revoke);
}

fn facts(family: &Family, token: &Token, zone: &Zone) -> Sheet {
    let mut sheet = Sheet::new([("what", "What"), ("value", "Value")]);
    let mut line = |what: &str, text: &str| {
        if !text.is_empty() {
            sheet.rows.push(vec![Cell::text(what), Cell::text(text)]);
        }
    };
    line("name", &token.name);
    line("accessor", token.accessor.as_deref().unwrap_or_default());
    line("entity", &token.entity);
    line("policies", &token.policies.join(", "));
    match &token.issued {
        Some(event) => {
            line("issued", &said(event, zone));
            line("issued at", &event.path);
        }
        None => line("issued", "not in these logs"),
    }
    if let Some(ttl) = token.ttl.filter(|ttl| *ttl > 0) {
        let end = token.issued.as_ref().map(|event| {
            let end = event.time + std::time::Duration::from_secs(ttl.unsigned_abs());
            format!(", until {} unless renewed", zone.show(end, 0))
        });
        line("lifetime", &format!("{}{}", human_duration(ttl), end.unwrap_or_default()));
    }
    let mut used = count(token.used, "time", "times");
    if token.refused > 0 {
        let more = format!(", {} of them refused", token.refused);
        used.push_str(&more);
    }
    if token.tried > 0 {
        let more = format!(", and tried {} when it was not valid", count(token.tried, "time", "times"));
        used.push_str(&more);
    }
    line("used", &used);
    if token.named > 0 {
        line("looked up", &count(token.named, "time", "times"));
    }
    let not_revoked = match issuer(token) {
        Some(_) => "not in these logs; it ends with the token that issued it, too",
        None => "not in these logs",
    };
    line(
        "revoked",
        &family.revocation(0).map_or_else(
            || not_revoked.to_owned(),
            |(event, how)| format!("{}{how}, {}", said(event, zone), event.path),
        ),
    );
    sheet
}

/// The token that issued one that ends with it.
fn issuer(token: &Token) -> Option<&str> {
    let issued = token.issued.as_ref().filter(|_| !token.orphan)?;
    Some(issued.by.as_str()).filter(|by| !by.is_empty() && !issued.path.contains("/login"))
}

/// When, by whom and from where.
fn said(event: &Event, zone: &Zone) -> String {
    let mut text = zone.show(event.time, 0);
    if !event.who.is_empty() {
        let more = format!(" by {}", event.who);
        text.push_str(&more);
    }
    if !event.by.is_empty() {
        let more = format!(" (token {})", short(&event.by));
        text.push_str(&more);
    }
    if !event.address.is_empty() {
        let more = format!(" from {}", event.address);
        text.push_str(&more);
    }
    text
}

fn grouped(tally: &Tally, names: &[&str], zone: &Zone) -> Sheet {
    let columns = names.iter().map(|name| (*name, *name)).chain([
        ("times", "Times"),
        ("refused", "Refused"),
        ("first", "First"),
        ("last", "Last"),
    ]);
    let mut sheet = Sheet::new(columns);
    let mut groups: Vec<(&Vec<String>, &Group)> = tally.groups().collect();
    groups.sort_by_key(|(key, group)| (group.first, (*key).clone()));
    for (key, group) in groups {
        let [times, first, last] = times_cells(group, zone);
        let mut cells: Vec<Cell> = key.iter().map(|text| Cell::text(text)).collect();
        cells.extend([times, Cell::count(group.refused), first, last]);
        sheet.rows.push(cells);
    }
    sheet
}

/// The tokens from the one at `from` on, each below the one that issued it.
fn tokens(
    family: &Family,
    zone: &Zone,
    to_revoke: &dyn Fn(&Token) -> Option<ToRevoke>,
    from: usize,
) -> Sheet {
    let mut sheet = Sheet::new([
        ("accessor", "Accessor"),
        ("name", "Name"),
        ("generation", ""),
        ("issued", "Issued"),
        ("issued_at", ""),
        ("issued_by", "By"),
        ("issued_from", ""),
        ("policies", "Policies"),
        ("ttl", ""),
        ("used", "Used"),
        ("refused", "Refused"),
        ("tried_when_not_valid", ""),
        ("first", ""),
        ("last", ""),
        ("ip", "Addresses"),
        ("revoked", "Revoked"),
        ("revoked_by", ""),
        revoke::COLUMNS[0],
        revoke::COLUMNS[1],
    ]);
    for (at, token) in family.tokens.iter().enumerate().skip(from) {
        let mut cells = token_cells(family, at, token, zone);
        cells.extend(revoke::cells(to_revoke(token).as_ref()));
        sheet.rows.push(cells);
    }
    sheet
}

fn token_cells(family: &Family, at: usize, token: &Token, zone: &Zone) -> Vec<Cell> {
    let depth = family.depth(at);
    let accessor = token.accessor.as_deref().unwrap_or_default();
    let time = |time: Option<onrecord_value::Time>| {
        time.map_or_else(Cell::empty, |time| Cell::new(&zone.show(time, 0), time.to_string()))
    };
    let text = |text: &str| if text.is_empty() { Cell::empty() } else { Cell::text(text) };
    let issued = token.issued.as_ref();
    let by = issued.map(|event| if event.by.is_empty() { event.who.as_str() } else { event.by.as_str() });
    let revocation = family.revocation(at);
    let list = |list: Vec<&str>| Cell::new(&list.join(", "), list.into_iter().collect::<Value>());
    let indent = "  ".repeat(depth.saturating_sub(1).min(16));
    vec![
        Cell::new(&format!("{indent}{}", short(accessor)), accessor),
        text(&token.name),
        Cell::count(depth as u64),
        time(issued.map(|event| event.time)),
        text(issued.map_or("", |event| &event.path)),
        by.filter(|by| !by.is_empty()).map_or_else(Cell::empty, |by| Cell::new(&short(by), by)),
        text(issued.map_or("", |event| &event.address)),
        list(token.policies.iter().map(String::as_str).collect()),
        token.ttl.map_or_else(Cell::empty, |ttl| Cell::new(&human_duration(ttl), ttl)),
        Cell::count(token.used),
        Cell::count(token.refused),
        Cell::count(token.tried),
        time(token.first),
        time(token.last),
        list(token.addresses.iter().map(String::as_str).collect()),
        time(revocation.map(|(event, _)| event.time)),
        text(revocation.map_or("", |(event, _)| &event.who)),
    ]
}

fn hints(
    answer: &mut Answer,
    family: &Family,
    question: &Question,
    to_revoke: &dyn Fn(&Token) -> Option<ToRevoke>,
) {
    let mut commands = 0;
    for token in family.to_revoke() {
        let Some(command) = to_revoke(token) else { continue };
        commands += 1;
        if commands <= COMMANDS_MAX {
            answer.hints.push(revoke::hint(&command, &in_words(family, token)));
        }
    }
    answer.hints.extend(revoke::more(commands));
    let is_revoked = family.revocation(0).is_some();
    let token = family.tokens.first().filter(|_| !is_revoked);
    if let Some(by) = token.and_then(issuer) {
        let command = on_files(&format!("onrecord log token {}", word(&short(by))), &question.files);
        answer.hints.push(printable(&format!("To see the token that issued it: {command}")));
    }
    let issued = token.and_then(|token| token.issued.as_ref());
    if let Some(path) = issued.map(|event| event.path.as_str()).filter(|path| path.contains("/login")) {
        answer.hints.push(printable(&format!(
            "To revoke every token of this login: onrecord lease revoke -prefix {}",
            word(path)
        )));
    }
}

/// A token that is to be revoked by itself.
fn in_words(family: &Family, token: &Token) -> String {
    if token.parent.is_some() {
        let accessor = short(token.accessor.as_deref().unwrap_or_default());
        return format!("{} ({accessor}), which lives on without the token that issued it", token.name);
    }
    let ends_with_it = family.tokens.iter().any(|child| child.parent == Some(0) && !child.orphan);
    if ends_with_it { "it, with its children".to_owned() } else { "it".to_owned() }
}
