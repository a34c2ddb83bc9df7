//! The columns that tables have: names, kinds, and where each value comes from.
//! Never in it: a format.

use std::borrow::Cow;

use onrecord_value::Time;

use crate::query::{Field, FieldKind, Position, Row};

/// A column of a table.
pub(super) struct Column {
    pub(super) name: &'static str,
    from: From,
}

enum From {
    Field(Field),
    TypedPath,
    Source,
    Line,
}

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ColumnKind {
    Text,
    List,
    Number,
    Flag,
    Time,
}

/// The value of a row in a column.
pub(super) enum Cell<'r> {
    Text(Option<Cow<'r, str>>),
    List(Vec<Cow<'r, str>>),
    Number(Option<i64>),
    Flag(Option<bool>),
    Time(Option<Time>),
}

const fn field(name: &'static str, field: Field) -> Column {
    Column { name, from: From::Field(field) }
}

/// All columns, in the order of tables.
pub(super) const COLUMNS: [Column; 37] = [
    field("time", Field::Time),
    field("id", Field::Id),
    field("type", Field::Type),
    field("operation", Field::Operation),
    field("path", Field::Path),
    Column { name: "typed_path", from: From::TypedPath },
    field("status", Field::Status),
    field("denied", Field::Denied),
    field("error", Field::Error),
    field("who", Field::Who),
    field("token", Field::Token),
    field("issued_token", Field::Issued),
    field("wrapping_token", Field::Wrapping),
    field("entity", Field::Entity),
    field("address", Field::Address),
    field("remote_address", Field::RemoteAddress),
    field("port", Field::Port),
    field("mount", Field::Mount),
    field("mount_type", Field::MountType),
    field("namespace", Field::Namespace),
    field("policies", Field::Policy),
    field("granted_by", Field::GrantedBy),
    field("denied_by", Field::DeniedBy),
    field("token_type", Field::TokenType),
    field("token_issued", Field::TokenIssued),
    field("token_ttl", Field::TokenTtl),
    field("duration_ns", Field::Duration),
    field("version", Field::Version),
    field("lease", Field::Lease),
    field("serial", Field::Serial),
    field("trace", Field::Trace),
    field("client_id", Field::ClientId),
    field("device", Field::Device),
    field("boot", Field::Boot),
    field("seq", Field::Seq),
    Column { name: "source", from: From::Source },
    Column { name: "line", from: From::Line },
];

impl Column {
    pub(super) const fn kind(&self) -> ColumnKind {
        match &self.from {
            From::TypedPath | From::Source => ColumnKind::Text,
            From::Line => ColumnKind::Number,
            From::Field(field) => match field.kind() {
                FieldKind::Text => ColumnKind::Text,
                FieldKind::List => ColumnKind::List,
                FieldKind::Number | FieldKind::Duration => ColumnKind::Number,
                FieldKind::Time => ColumnKind::Time,
                FieldKind::Flag => ColumnKind::Flag,
            },
        }
    }

    pub(super) fn cell<'r>(&self, row: &'r Row) -> Cell<'r> {
        let field = match &self.from {
            From::TypedPath => return Cell::Text(row.typed_path()),
            From::Source => return Cell::Text(position(row).map(|at| Cow::Borrowed(&*at.source))),
            From::Line => return Cell::Number(position(row).and_then(|at| i64::try_from(at.line).ok())),
            From::Field(field) => *field,
        };
        match self.kind() {
            ColumnKind::Text => Cell::Text(row.text(field)),
            ColumnKind::List => Cell::List(row.list(field)),
            ColumnKind::Number => Cell::Number(row.number(field)),
            ColumnKind::Flag => Cell::Flag(row.flag(field)),
            ColumnKind::Time => Cell::Time(row.instant(field)),
        }
    }
}

/// Where the answer is, or the request if there is none.
fn position(row: &Row) -> Option<&Position> {
    row.at().response.as_ref().or(row.at().request.as_ref())
}
