//! The answer to a query: rows as objects, and what they rest on.
//! Never in it: which rows.

use onrecord_trail::query::{Field, FieldKind, Gap, Row, Summary};
use onrecord_value::{Object, Value, object};

use super::Rows;

/// What a row shows: a field, or the value at a path of keys of the entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Shown {
    Field(Field),
    Keys(Vec<String>),
}

const USUAL: [Field; 14] = [
    Field::Time,
    Field::Id,
    Field::Operation,
    Field::Path,
    Field::Status,
    Field::Denied,
    Field::Error,
    Field::Who,
    Field::Token,
    Field::Entity,
    Field::Address,
    Field::Duration,
    Field::Version,
    Field::Device,
];

impl Shown {
    /// The fields of an answer that asks for none.
    pub(crate) fn usual() -> Vec<Self> {
        USUAL.into_iter().map(Self::Field).collect()
    }

    /// A field by its name, or a path of keys such as `request.data.name`.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        if let Some(field) = Field::named(name) {
            return Some(Self::Field(field));
        }
        let is_path = ["auth.", "request.", "response.", "record."].iter().any(|root| name.starts_with(root));
        let keys = name.split('.').map(str::to_owned);
        (is_path && name.split('.').all(|key| !key.is_empty())).then(|| Self::Keys(keys.collect()))
    }

    fn name(&self) -> String {
        match self {
            Self::Field(field) if field.kind() == FieldKind::Duration => format!("{}_ns", field.name()),
            Self::Field(field) => field.name().to_owned(),
            Self::Keys(keys) => keys.join("."),
        }
    }

    fn value(&self, row: &Row) -> Option<Value> {
        match self {
            Self::Keys(keys) => row.value(keys),
            Self::Field(field) => match field.kind() {
                FieldKind::Number | FieldKind::Duration => row.number(*field).map(Value::from),
                FieldKind::Flag => row.flag(*field).map(Value::from),
                FieldKind::List => {
                    let list = row.list(*field);
                    (!list.is_empty()).then(|| list.iter().map(AsRef::as_ref).collect())
                }
                FieldKind::Text | FieldKind::Time => row.text(*field).map(|text| Value::from(text.as_ref())),
            },
        }
    }
}

/// A row; what it lacks is left out.
pub(super) fn row(row: &Row, shown: &[Shown]) -> Value {
    let fields = shown.iter().filter_map(|shown| Some((shown.name(), shown.value(row)?)));
    Value::Object(fields.collect())
}

/// The whole answer.
pub(super) fn object(
    rows: Rows<'_>,
    summary: &Summary,
    devices: Object,
    skipped: &[(String, &'static str)],
) -> Object {
    let reasons: Object = skipped.iter().map(|(path, why)| (path.as_str(), *why)).collect();
    let covered =
        summary.covered.map(|(from, to)| object! { "from" => from.to_string(), "to" => to.to_string() });
    let is_whole = rows.bound.is_none()
        && summary.damaged.is_empty()
        && summary.withheld == 0
        && summary.undecided + summary.too_long + summary.torn + summary.incomplete_parts == 0
        && summary.doubles_missed == 0
        && !summary.join_is_partial;
    object! {
        "bound" => rows.bound.map(super::Bound::name),
        "complete" => is_whole,
        "covered" => covered.map_or(Value::Null, Value::from),
        "damaged_sources" => summary.damaged.iter().map(|source| source.name.as_str()).collect::<Value>(),
        "devices" => devices,
        "entries" => summary.entries,
        "incomplete_parts" => summary.incomplete_parts,
        "join_is_partial" => summary.join_is_partial,
        "lines_passed_over" => summary.passed_over,
        "lines_too_long" => summary.too_long,
        "more_gaps" => summary.more_gaps,
        "refused_requests" => summary.refused_requests,
        "gaps" => summary.gaps.iter().map(gap).collect::<Value>(),
        // Of what was not read nothing is known.
        "missing" => rows.bound.is_none().then_some(summary.missing),
        "not_entries" => summary.not_entries,
        "own_questions_left_out" => summary.own_questions_left_out,
        "rows" => rows.values.into_iter().collect::<Value>(),
        "skipped" => reasons,
        "torn" => summary.torn,
        "unanswered" => rows.unanswered,
        "undecided" => summary.undecided,
        "withheld" => rows.bound.is_none().then_some(summary.withheld),
    }
}

fn gap(gap: &Gap) -> Value {
    Value::from(object! {
        "device" => gap.device.as_str(),
        "missed" => gap.missed,
        "reason" => gap.reason.as_str(),
        "since" => gap.since.map(|since| since.to_string()),
        "until" => gap.until.to_string(),
    })
}
