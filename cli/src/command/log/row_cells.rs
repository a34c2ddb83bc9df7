//! The fields of a row as cells: for people in their zone and short, for programs whole.
//! Never in it: which rows, and how cells are printed.

use onrecord_entry::HASH_PREFIX;
use onrecord_trail::query::{Field, FieldKind, Row, Zone};
use onrecord_value::Value;
use onrecord_value::printable::printable;

use super::groups::error_line;
use super::unreadable;
use crate::command::Failure;
use crate::printer::sheet::{Cell, Sheet};

/// How many digits of a hash are shown. A filter takes them.
pub(super) const HASH_SHOWN: usize = 12;
/// How many characters of an id are shown. `log show` takes them.
const ID_SHOWN: usize = 8;

/// The fields of a table that does not say which.
pub(super) const OF_TABLES: [Field; 8] = [
    Field::Time,
    Field::Who,
    Field::Operation,
    Field::Path,
    Field::Status,
    Field::Address,
    Field::Token,
    Field::Id,
];

/// The fields for programs that do not say which.
const OF_PROGRAMS: [Field; 20] = [
    Field::Time,
    Field::Id,
    Field::Type,
    Field::Operation,
    Field::Path,
    Field::Mount,
    Field::MountType,
    Field::Status,
    Field::Denied,
    Field::Error,
    Field::Who,
    Field::Token,
    Field::Entity,
    Field::Policy,
    Field::Address,
    Field::Duration,
    Field::Version,
    Field::Issued,
    Field::Device,
    Field::Namespace,
];

/// What a column shows: a field, or the value at a path of keys of the entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Shown {
    Field(Field),
    Keys(Vec<String>),
}

/// The columns that `-fields` names, or those of a table or of programs.
pub(super) fn columns(fields: Option<&str>, for_people: bool) -> Result<Vec<Shown>, Failure> {
    let Some(fields) = fields.filter(|fields| !fields.trim().is_empty()) else {
        let usual: &[Field] = if for_people { &OF_TABLES } else { &OF_PROGRAMS };
        return Ok(usual.iter().copied().map(Shown::Field).collect());
    };
    fields.split(',').map(|name| column(name.trim())).collect()
}

fn column(name: &str) -> Result<Shown, Failure> {
    if let Some(field) = Field::named(name) {
        return Ok(Shown::Field(field));
    }
    if is_path(name) {
        return Ok(Shown::Keys(name.split('.').map(str::to_owned).collect()));
    }
    Err(unknown(name, "; or a path of the entry, such as request.data.name"))
}

fn is_path(name: &str) -> bool {
    let roots = ["auth.", "request.", "response.", "record.", "gap."];
    roots.iter().any(|root| name.starts_with(root)) && name.split('.').all(|key| !key.is_empty())
}

fn unknown(name: &str, or: &str) -> Failure {
    let near = Field::near(name).map(|near| format!(" (did you mean {near:?}?)")).unwrap_or_default();
    let name = printable(&format!("{name:?}"));
    unreadable(format!("Unknown field {name}{near}. Known fields: {}{or}.", names()))
}

/// The field of a name.
pub(super) fn field(name: &str) -> Result<Field, Failure> {
    match Field::named(name) {
        Some(field) => Ok(field),
        None if is_path(name) => Err(unreadable(format!(
            "{} is a path of the entry, and a field is needed. Known fields: {}.",
            printable(name),
            names()
        ))),
        None => Err(unknown(name, "")),
    }
}

/// The names of all fields.
pub(super) fn names() -> String {
    Field::ALL.iter().map(|field| field.name()).collect::<Vec<_>>().join(", ")
}

impl Shown {
    /// Its name for programs.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Field(field) if field.kind() == FieldKind::Duration => format!("{}_ns", field.name()),
            Self::Field(field) => field.name().to_owned(),
            Self::Keys(keys) => keys.join("."),
        }
    }

    /// Its title for people.
    pub(super) fn title(&self) -> String {
        let title = match self {
            Self::Field(Field::Operation) => "operation".to_owned(),
            Self::Field(Field::Address) => "address".to_owned(),
            Self::Field(field) => field.name().replace('_', " "),
            Self::Keys(keys) => return keys.join("."),
        };
        let mut letters = title.chars();
        letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
    }

    /// What it shows of a row.
    pub(super) fn cell(&self, row: &Row, zone: &Zone) -> Cell {
        match self {
            Self::Field(field) => field_cell(*field, row, zone),
            Self::Keys(keys) => match row.value(keys) {
                None => Cell::empty(),
                Some(value) => Cell::new(&crate::printer::plain(&value), value),
            },
        }
    }
}

/// An empty sheet of columns.
pub(super) fn sheet(columns: &[Shown]) -> Sheet {
    let names: Vec<(String, String)> = columns.iter().map(|column| (column.name(), column.title())).collect();
    Sheet::new(names.iter().map(|(name, title)| (name.as_str(), title.as_str())))
}

/// A row of the sheet of columns.
pub(super) fn cells(columns: &[Shown], row: &Row, zone: &Zone) -> Vec<Cell> {
    columns.iter().map(|column| column.cell(row, zone)).collect()
}

fn field_cell(field: Field, row: &Row, zone: &Zone) -> Cell {
    match field {
        Field::Time => Cell::new(&zone.show(row.time(), 3), row.time().to_string()),
        Field::Status => Cell::new(&status(row), row.number(field)),
        Field::Duration => Cell::new(&row.number(field).map(duration).unwrap_or_default(), row.number(field)),
        Field::Denied | Field::Elided => {
            let truth = row.flag(field) == Some(true);
            Cell::new(if truth { "yes" } else { "no" }, truth)
        }
        Field::Id => {
            let id = row.text(field).unwrap_or_default();
            Cell::new(&id.chars().take(ID_SHOWN).collect::<String>(), id.as_ref())
        }
        Field::Error => match row.text(field) {
            Some(text) => Cell::new(&error_line(&text), text.as_ref()),
            None => Cell::empty(),
        },
        Field::Token | Field::Issued | Field::Wrapping => match row.text(field) {
            Some(text) => Cell::new(&short(&text), text.as_ref()),
            None => Cell::empty(),
        },
        _ if field.kind() == FieldKind::List => {
            let list = row.list(field);
            if list.is_empty() {
                return Cell::empty();
            }
            Cell::new(&list.join(", "), list.iter().map(AsRef::as_ref).collect::<Value>())
        }
        _ if field.kind() == FieldKind::Number => match row.number(field) {
            Some(number) => Cell::new(&number.to_string(), number),
            None => Cell::empty(),
        },
        _ => Cell::maybe(row.text(field).as_deref()),
    }
}

/// The status for people, which also says what the number does not.
fn status(row: &Row) -> String {
    let number = row.number(Field::Status).map(|status| status.to_string());
    match (row.is_answered(), number) {
        (false, _) => "no answer".to_owned(),
        (true, Some(number)) => number,
        (true, None) if row.denied() => "refused".to_owned(),
        (true, None) if row.text(Field::Error).is_some() => "error".to_owned(),
        (true, None) => "ok".to_owned(),
    }
}

/// A hash without its name and its end; another text as it is.
pub(super) fn short(text: &str) -> String {
    match text.strip_prefix(HASH_PREFIX) {
        Some(digits) => digits.chars().take(HASH_SHOWN).collect(),
        None => text.to_owned(),
    }
}

/// Nanoseconds for people.
pub(super) fn duration(nanos: i64) -> String {
    let nanos = nanos.unsigned_abs();
    match nanos {
        0..1_000_000 => format!("{} µs", nanos / 1000),
        1_000_000..10_000_000_000 => format!("{}.{} ms", nanos / 1_000_000, nanos / 100_000 % 10),
        _ => format!("{} s", nanos / 1_000_000_000),
    }
}
