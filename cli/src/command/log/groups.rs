//! Groups of a tally as the rows of a sheet, and what rows have in common for the commands that group them: who it was, what was
//! done, why it was refused.
//! Never in it: which rows are grouped by what.

use onrecord_trail::query::{Field, Row, Zone};

use super::row_cells::{Shown, short};
use super::tally::{Group, Tally, ranges};
use super::token_names::{Owner, TokenNames};
use crate::printer::sheet::{Cell, Sheet};

/// A text at a path of keys of the entry.
pub(super) fn text_at(row: &Row, keys: &[&str]) -> Option<String> {
    row.value(keys)?.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
}

/// Who made a request: the name, the accessor of the token and, of a token without a name, its hash.
pub(super) fn who(row: &Row) -> [String; 3] {
    let text = |field| row.text(field).map(std::borrow::Cow::into_owned).unwrap_or_default();
    let (name, accessor) = (text(Field::Who), row.accessor().unwrap_or_default().into_owned());
    let token = if name.is_empty() {
        text_at(row, &["request", "client_token"]).unwrap_or_default()
    } else {
        String::new()
    };
    [name, accessor, token]
}

/// The token of a group that has no name.
pub(super) fn nameless(key: &[String]) -> Option<&str> {
    match key {
        [name, _, token, ..] if name.is_empty() && !token.is_empty() => Some(token),
        _ => None,
    }
}

/// The cells of who it was: the name, and the accessor.
pub(super) fn who_cells(key: &[String], names: &TokenNames) -> [Cell; 2] {
    let at = |at: usize| key.get(at).map(String::as_str).unwrap_or_default();
    let (name, accessor) = (at(0), at(1));
    let known = |text: &str| if text.is_empty() { Cell::empty() } else { Cell::new(&short(text), text) };
    let Some(token) = nameless(key) else {
        let cell = if name.is_empty() {
            Cell::new("(no token)", onrecord_value::Value::Null)
        } else {
            Cell::text(name)
        };
        return [cell, known(accessor)];
    };
    match names.of(token) {
        Some(Owner { name, accessor }) => {
            [Cell::new(&format!("{name} (token not valid)"), name.as_str()), known(accessor)]
        }
        None => [Cell::new("(token not valid)", onrecord_value::Value::Null), known(token)],
    }
}

/// The cells of times: how many requests, and when.
pub(super) fn times_cells(group: &Group, zone: &Zone) -> [Cell; 3] {
    let (first, last) = (zone.show(group.first, 0), zone.show(group.last, 0));
    // On the same day the clock time is enough.
    let day = |text: &str| text.split_once(' ').map(|(day, _)| day.to_owned());
    let later = match last.split_once(' ') {
        Some((_, clock)) if day(&first) == day(&last) => clock,
        _ => &last,
    };
    [
        Cell::count(group.times),
        Cell::new(&first, group.first.to_string()),
        Cell::new(later, group.last.to_string()),
    ]
}

/// The cell of the versions that were read or made.
pub(super) fn versions_cell(group: &Group) -> Cell {
    if group.versions.is_empty() {
        return Cell::empty();
    }
    Cell::new(&ranges(&group.versions), group.versions.iter().copied().collect::<onrecord_value::Value>())
}

/// The most frequent values of a field, at most this many. `shown` is what a table has of a value.
pub(super) fn by_value(
    field: Field,
    tally: Tally,
    most: usize,
    zone: &Zone,
    shown: impl Fn(&str) -> String,
) -> Sheet {
    let mut sheet = Sheet::new([
        (field.name(), Shown::Field(field).title().as_str()),
        ("requests", "Requests"),
        ("refused", "Refused"),
        ("first", "First"),
        ("last", "Last"),
    ]);
    for (key, group) in tally.most_first().into_iter().take(most) {
        let value = key.first().map(String::as_str).unwrap_or_default();
        let [times, first, last] = times_cells(&group, zone);
        let value = Cell::new(&shown(value), value);
        sheet.rows.push(vec![value, times, Cell::count(group.refused), first, last]);
    }
    sheet
}

/// What a request did.
pub(super) fn action(row: &Row) -> &'static str {
    let status = row.number(Field::Status);
    match row.text(Field::Operation).as_deref() {
        _ if !row.is_answered() => "no answer",
        _ if row.denied() => "refused",
        Some("read" | "list") if status == Some(404) => "found nothing",
        _ if status.is_some_and(|status| status >= 400) => "failed",
        _ if status.is_none() && row.text(Field::Error).is_some() => "failed",
        Some("read") if part(row) == "metadata" => "read metadata",
        // Who unwraps the answer reads it.
        Some("read") if row.text(Field::Wrapping).is_some() => "wrapped",
        Some("read") => "read",
        Some("list") => "listed",
        Some("delete") if part(row) == "metadata" => "deleted all",
        Some("delete") => "deleted",
        Some("create" | "update" | "patch") => match part(row).as_str() {
            "delete" => "deleted",
            "undelete" => "undeleted",
            "destroy" => "destroyed",
            "metadata" => "wrote metadata",
            _ => "wrote",
        },
        _ => "other",
    }
}

/// The word of a version 2 KV mount behind the mount, or an empty text.
fn part(row: &Row) -> String {
    let (Some(typed), Some(path)) = (row.typed_path(), row.text(Field::Path)) else { return String::new() };
    if typed == path {
        return String::new();
    }
    let mount = row.text(Field::Mount).unwrap_or_default();
    let below = path.strip_prefix(mount.as_ref()).unwrap_or_default();
    below.split('/').next().unwrap_or_default().to_owned()
}

/// Why a request was refused, as far as the entry says.
pub(super) fn reason(row: &Row) -> String {
    let policies = row.list(Field::DeniedBy);
    if !policies.is_empty() {
        return format!("rule of policy {}", policies.join(", "));
    }
    let has_token = row.text(Field::Who).is_some() || row.accessor().is_some();
    let sent_token = text_at(row, &["request", "client_token"]).is_some();
    match (has_token, sent_token) {
        (true, _) if row.number(Field::Status).is_none_or(|status| status == 403) => {
            "no policy allows it".to_owned()
        }
        (false, true) => "token not valid".to_owned(),
        (false, false) => "no token".to_owned(),
        (true, _) => row.text(Field::Error).map(|text| error_line(&text)).unwrap_or_default(),
    }
}

/// The first class of an error, without the count before it.
pub(super) fn error_line(text: &str) -> String {
    let lines = text.lines().map(|line| line.trim().trim_start_matches("* "));
    lines.filter(|line| !line.is_empty() && !line.ends_with("occurred:")).take(1).collect()
}
